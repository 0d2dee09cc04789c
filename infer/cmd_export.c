/*
 * cmd_export -- discern export: a model in a form that other programs read
 *
 * What the forms are stands in infer/export/.  Here: the options, which form takes which, and where
 * the file goes.
 */
#include "infer/cmd.h"
#include "infer/export/export.h"

#include <string.h>

static const char *const forms[] = {
#define EXPORT(name, doc) #name,
#include "infer/export/exports.def"
#undef EXPORT
    NULL
};

static const struct infer_exporter *const exporters[] = {
#define EXPORT(name, doc) &infer_export_##name,
#include "infer/export/exports.def"
#undef EXPORT
};

static const struct field options[] = {
    FIELD_ENUM(struct infer_export_options, to, forms, 0, "what to write"),
    { .name = "out", .kind = FIELD_KIND_STRING, .count = 1, .hint = "FILE", .letter = 'o',
      .offset = offsetof(struct infer_export_options, out),
      .doc = "where to; without it, MODEL.onnx, or what ending the form has" },
    FIELD_BOOL(struct infer_export_options, force, "overwrite a file that is there"),
    FIELD_BOOL(struct infer_export_options, dynamic_batch,
               "onnx: any number of pictures at a time, not one"),
    FIELD_BOOL(struct infer_export_options, logits,
               "onnx: leave softmax (sigmoid) to the caller: output \"logits\""),
    FIELDS_END
};
enum { N_OPTIONS = sizeof options / sizeof *options };

/* The options that are every form's: to, out, force. */
static bool is_common(const struct field *f)
{
    return f->offset < offsetof(struct infer_export_options, logits);
}

static bool takes(const struct infer_exporter *x, const struct field *f)
{
    for (int i = 0; i < INFER_EXPORT_TAKES && x->takes[i]; i++)
        if (!strcmp(x->takes[i], f->name))
            return true;
    return is_common(f);
}

/* The forms that take it: "onnx or c". */
static void takers(const struct field *f, struct str *out)
{
    for (size_t i = 0; i < sizeof exporters / sizeof *exporters; i++)
        if (takes(exporters[i], f))
            str_printf(out, "%s%s", out->len ? " or " : "", exporters[i]->name);
}

/* Refuses an option that was typed and that the form does not have. */
static bool check_options(const struct infer_exporter *x, const bool *given, struct err *err)
{
    for (const struct field *f = options; f->name; f++) {
        struct str who = { 0 }, name = { 0 };

        if (!given[f - options] || takes(x, f))
            continue;
        takers(f, &who);
        for (const char *p = f->name; *p; p++)
            str_addc(&name, *p == '_' ? '-' : *p);
        err_set(err, ERR_USAGE, "--%s is for --to %s; --to %s has no such choice", str_text(&name),
                str_text(&who), x->name);
        str_release(&who);
        str_release(&name);
        return false;
    }
    return true;
}

/* MODEL's name with another ending. */
static char *default_name(const char *model, const char *suffix, struct arena *mem)
{
    const char *slash = strrchr(model, '/'), *dot = strrchr(slash ? slash : model, '.');
    size_t stem = dot && dot != (slash ? slash + 1 : model) ? (size_t)(dot - model) : strlen(model);

    return arena_printf(mem, "%.*s%s", (int)stem, model, suffix);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct infer_export_options o = { 0 };
    const struct infer_exporter *x;
    struct cli_args args;
    struct err err = { 0 };
    struct infer_model *m = NULL;
    struct str report = { 0 };
    bool given[N_OPTIONS] = { false };
    const char *out;
    enum cli_result parsed;

    field_defaults(options, &o);
    parsed = cli_parse_over(self, argc, argv, &o, given, &args, &err);
    if (parsed == CLI_DONE)
        return 0;
    x = exporters[o.to];
    if (parsed == CLI_FAILED || !check_options(x, given, &err))
        return cli_fail(&err, false);
    m = infer_cmd_model(args.arg, args.n, &err);
    if (!m)
        return cli_fail(&err, false);
    out = o.out ? o.out : default_name(args.arg[0], x->suffix, m->mem);
    if (!out)
        err_set(&err, ERR_MEMORY, "no memory for a file name");
    else if (cli_may_write(out, args.arg[0], o.force, &err) && x->write(m, &o, out, &report, &err))
        cli_say("wrote %s: %s", out, str_text(&report));
    str_release(&report);
    infer_model_free(m);
    return err.kind ? cli_fail(&err, false) : 0;
}

const struct cli_command infer_cmd_export = {
    .name = "export",
    .summary = "write a model in a form that other programs read",
    .synopsis = "MODEL",
    .about = "Writes one of:"
#define EXPORT(name, doc) "\n--to " #name ": " doc "."
#include "infer/export/exports.def"
#undef EXPORT
             "\nONNX has the input \"image\": RGB pictures [N,3,height,width], or grey ones "
             "[N,1,height,width]; numbers are (pixel/255 - mean) / std, as the metadata "
             "discern.prep say. Output \"probability\": a number a label.",
    .examples = "discern export cats.safetensors\n"
                "discern export cats.safetensors -o web/cats.onnx --dynamic-batch\n"
                "discern export cats.safetensors --to labels -o web/labels.txt\n",
    .options = options,
    .size = sizeof(struct infer_export_options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
