/*
 * cmd_import -- discern import: a model of ours from a network of others
 */
#include "infer/cmd.h"
#include "infer/onnx_model.h"
#include "nn/base/file.h"
#include "nn/base/json.h"

#include <string.h>

struct options {
    const char *out;
    struct infer_onnx_options how;
    bool json, force;
};

#define HOW(m) offsetof(struct options, how.m)

static const struct field options[] = {
    { .name = "out", .kind = FIELD_KIND_STRING, .count = 1, .offset = offsetof(struct options, out),
      .hint = "FILE", .letter = 'o', .doc = "the model file to write" },
    { .name = "labels", .kind = FIELD_KIND_STRING, .count = 1, .offset = HOW(labels),
      .hint = "FILE",
      .doc = "names of the labels, one a line; without it, as the file's metadata say" },
    { .name = "size", .kind = FIELD_KIND_INT, .count = 1, .offset = HOW(size), .max = 4096,
      .doc = "side of the pictures the network sees; 0: as the file says" },
    { .name = "normalize", .kind = FIELD_KIND_ENUM, .count = 1, .offset = HOW(pixels),
      .names = infer_pixels_names,
      .doc = "pixels as 0 to 255, 0 to 1, -0.5 to 0.5, -1 to 1, by ImageNet's mean and deviation; "
             "auto: as the metadata say" },
    { .name = "crop", .kind = FIELD_KIND_FLOAT, .count = 1, .offset = HOW(crop), .max = 1,
      .doc = "share of the picture's centre that is seen, 0.875 of one resized to 256 for 224; "
             "0: as the metadata say" },
    { .name = "layout", .kind = FIELD_KIND_ENUM, .count = 1, .offset = HOW(layout),
      .names = infer_layout_names,
      .doc = "order of the input's dimensions; auto: where 3 or 1 are the channels" },
    { .name = "output", .kind = FIELD_KIND_STRING, .count = 1, .offset = HOW(output),
      .hint = "NAME", .doc = "the output that answers; without it, the first" },
    { .name = "allow_external_data", .kind = FIELD_KIND_BOOL, .count = 1, .offset = HOW(external),
      .doc = "weights may lie in other files, below the folder of the network" },
    FIELD_BOOL(struct options, force, "overwrite FILE"),
    FIELD_BOOL(struct options, json, "one JSON object instead of text"),
    FIELDS_END
};

/* The lines of told, each a note; as JSON a list. */
static void each_line(const struct str *told, struct str *json)
{
    const char *line = str_text(told);

    while (*line) {
        struct str one = { 0 };
        size_t n = strcspn(line, "\n");

        str_addn(&one, line, n);
        if (json)
            json_text(json, NULL, str_text(&one));
        else
            cli_say("%s", str_text(&one));
        str_release(&one);
        line += n + (line[n] == '\n');
    }
}

static bool print(const struct options *o, const struct infer_model *m, const struct str *told,
                  struct err *err)
{
    struct str out = { 0 };
    bool ok;

    if (!o->json)
        return true;
    json_begin(&out, NULL, '{');
    json_text(&out, "schema", "discern.import/1");
    json_text(&out, "wrote", o->out);
    json_text(&out, "arch", m->arch);
    json_number(&out, "labels", m->n_labels);
    json_number(&out, "parameters", (double)nn_params_trained(m->params));
    json_begin(&out, "notes", '[');
    each_line(told, &out);
    json_end(&out, ']');
    json_end(&out, '}');
    str_addc(&out, '\n');
    ok = cli_print(&out, err);
    str_release(&out);
    return ok;
}

static bool import(const struct options *o, const char *path, struct str *told, struct err *err)
{
    struct infer_model *m;
    bool ok;

    if (file_kind(path) != FILE_NONE && !o->out)
        return err_set(err, ERR_USAGE, "%s: where to? -o FILE says it", path);
    if (o->out && !cli_may_write(o->out, path, o->force, err))
        return false;
    m = infer_onnx_model(path, &o->how, told, err);
    ok = m && infer_model_write(m, o->out, NULL, err) && print(o, m, told, err);
    infer_model_free(m);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct str told = { 0 };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);
    bool ok;

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED)
        return cli_fail(&err, o.json);
    ok = import(&o, args.arg[0], &told, &err);
    if (!o.json || !ok)
        each_line(&told, NULL);
    str_release(&told);
    if (ok)
        cli_say("wrote %s", o.out);
    return ok ? 0 : cli_fail(&err, o.json);
}

const struct cli_command infer_cmd_import = {
    .name = "import",
    .summary = "make a model of a network that others trained",
    .synopsis = "NET.onnx",
    .about = "NET.onnx is a classifier of pictures as ONNX, opsets 7 to 18, with one input and an "
             "output [N,labels]. Names of labels and how pictures are prepared become part of the "
             "model: as options say, or else the metadata that discern, Ultralytics and others "
             "write. A softmax or sigmoid at the end is known."
             "\nThe model answers, is evaluated, exported and trained further as any other. "
             "Operators that are not known are named all at once; what is read stands in "
             "docs/import.md.",
    .examples = "discern import net.onnx -o net\n"
                "discern import net.onnx --labels names.txt --normalize imagenet -o net\n"
                "discern import keras.onnx --layout nhwc --normalize full -o keras\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
