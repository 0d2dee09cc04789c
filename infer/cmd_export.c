/*
 * cmd_export -- discern export: a model in a form that other programs read
 *
 * What the forms and their options are stands in infer/export/.  Here: that no form gets an option
 * that it does not take, and where the file goes.
 */
#include "infer/cmd.h"
#include "infer/export/export.h"
#include "nn/base/json.h"

#include <assert.h>
#include <string.h>

enum { OPTIONS_MAX = 64 };

static const struct infer_exporter *const exporters[] = {
#define EXPORT(name, doc) &infer_export_##name,
#include "infer/export/exports.def"
#undef EXPORT
};

static bool takes(const struct infer_exporter *x, const struct field *f)
{
    for (int i = 0; i < INFER_EXPORT_TAKES && x->takes[i]; i++)
        if (!strcmp(x->takes[i], f->name))
            return true;
    return false;
}

/* The forms that name it: "onnx or c".  None: it is every form's. */
static void takers(const struct field *f, struct str *out)
{
    for (size_t i = 0; i < sizeof exporters / sizeof *exporters; i++)
        if (takes(exporters[i], f))
            str_printf(out, "%s%s", out->len ? " or " : "", exporters[i]->name);
}

/* Refuses an option that was typed and that the form does not have. */
static bool check_options(const struct infer_exporter *x, const bool *given, struct err *err)
{
    for (const struct field *f = infer_export_fields; f->name; f++) {
        struct str who = { 0 };
        char name[CLI_NAME_BYTES];

        if (!given[f - infer_export_fields] || takes(x, f))
            continue;
        takers(f, &who);
        if (!who.len)
            continue;
        err_set(err, ERR_USAGE, "%s is for --to %s; --to %s has no such choice",
                cli_option_name(f, false, name), str_text(&who), x->name);
        str_release(&who);
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

/* Before anything is done: what is to be written, and what is written beside it. */
static bool may_write(const struct infer_exporter *x, const struct infer_export_options *o,
                      const char *out, const char *model, struct err *err)
{
    struct str second = { 0 };
    bool ok = cli_may_write(out, model, o->force, err);

    if (ok && x->beside)
        x->beside(o, out, &second);
    if (ok && second.failed)
        ok = err_set(err, ERR_MEMORY, "no memory for a file name");
    if (ok && second.len)
        ok = cli_may_write(str_text(&second), model, o->force, err);
    str_release(&second);
    return ok;
}

static bool tell(const struct infer_export_options *o, const char *model,
                 const struct infer_exporter *x, const char *out, const struct str *report,
                 struct err *err)
{
    struct str json = { 0 };
    bool ok;

    cli_say("wrote %s: %s", out, str_text(report));
    if (!o->json)
        return true;
    json_begin(&json, NULL, '{');
    json_text(&json, "schema", "discern.export/1");
    json_text(&json, "model", model);
    json_text(&json, "to", x->name);
    json_text(&json, "file", out);
    json_text(&json, "report", str_text(report));
    json_end(&json, '}');
    ok = cli_print(&json, err);
    str_release(&json);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct infer_export_options o = { 0 };
    const struct infer_exporter *x;
    struct cli_args args;
    struct err err = { 0 };
    struct infer_model *m = NULL;
    struct str report = { 0 };
    bool given[OPTIONS_MAX] = { false };
    const char *out;
    enum cli_result parsed;

    assert(field_count(infer_export_fields) <= OPTIONS_MAX);
    field_defaults(infer_export_fields, &o);
    parsed = cli_parse_over(self, argc, argv, &o, given, &args, &err);
    if (parsed == CLI_DONE)
        return 0;
    x = exporters[o.to];
    if (parsed == CLI_FAILED || !check_options(x, given, &err))
        return cli_fail(&err, o.json);
    m = infer_cmd_model(args.arg, args.n, &err);
    if (!m)
        return cli_fail(&err, o.json);
    out = o.out ? o.out : default_name(args.arg[0], x->suffix, m->mem);
    if (!out)
        err_set(&err, ERR_MEMORY, "no memory for a file name");
    else if (may_write(x, &o, out, args.arg[0], &err) && x->write(m, &o, out, &report, &err))
        tell(&o, args.arg[0], x, out, &report, &err);
    str_release(&report);
    infer_model_free(m);
    return err.kind ? cli_fail(&err, o.json) : 0;
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
             "discern.prep say, or with --uint8 pixels. Output \"probability\": a number a label."
             "\nBefore it is put in its place, a file that computes is asked about drawn pictures, "
             "by a slow reader of its own, and held against the model's answers.",
    .examples = "discern export cats.safetensors\n"
                "discern export cats.safetensors -o web/cats.onnx --dynamic-batch\n"
                "discern export cats.safetensors -o robot/cats.onnx --uint8 --layout nhwc\n"
                "discern export cats.safetensors --to labels -o web/labels.txt\n",
    .options = infer_export_fields,
    .size = sizeof(struct infer_export_options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
