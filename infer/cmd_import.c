/*
 * cmd_import -- discern import: a model of ours from a network of others
 */
#include "infer/cmd.h"
#include "infer/foreign/address.h"
#include "infer/foreign/foreign.h"
#include "infer/foreign/kind.h"
#include "infer/foreign/onnx_model.h"
#include "nn/base/file.h"
#include "nn/base/json.h"

#include <string.h>

/* `how` of an ONNX file has what both kinds take. */
struct options {
    const char *out, *arch;
    struct infer_onnx_options how;
    double threshold;
    bool json, force;
};

#define HOW(m) offsetof(struct options, how.m)

static const struct field options[] = {
    { .name = "out", .kind = FIELD_KIND_STRING, .count = 1, .offset = offsetof(struct options, out),
      .hint = "FILE", .letter = 'o', .doc = "the model file to write" },
    { .name = "labels", .kind = FIELD_KIND_STRING, .count = 1, .offset = HOW(labels),
      .hint = "FILE",
      .doc = "names of the labels, one a line; without it, as metadata or config.json say" },
    FIELD_STRING(struct options, arch, "NAME", NULL,
                 "of weights, their network; without it, as their names and shapes say"),
    { .name = "size", .kind = FIELD_KIND_INT, .count = 1, .offset = HOW(size), .max = 4096,
      .doc = "side of the pictures the network sees; 0: as files say" },
    { .name = "normalize", .kind = FIELD_KIND_ENUM, .count = 1, .offset = HOW(normalize),
      .names = infer_normalize_names,
      .doc = "pixels as 0 to 255, 0 to 1, -0.5 to 0.5, -1 to 1, by ImageNet's mean and deviation; "
             "auto: as files say" },
    { .name = "crop", .kind = FIELD_KIND_FLOAT, .count = 1, .offset = HOW(crop), .max = 1,
      .doc = "share of the picture's centre that is seen, 0.875 of one resized to 256 for 224; "
             "0: as files say" },
    FIELD_FLOAT(struct options, threshold, NULL, -1, -1, 1,
                "probability from which a label is told; -1: as files say, else 0.5 if a picture "
                "may have several, else 0"),
    { .name = "layout", .kind = FIELD_KIND_ENUM, .count = 1, .offset = HOW(layout),
      .names = infer_layout_names,
      .doc = "of ONNX, order of the input's dimensions; auto: where 3 or 1 are the channels" },
    { .name = "output", .kind = FIELD_KIND_STRING, .count = 1, .offset = HOW(output),
      .hint = "NAME", .doc = "of ONNX, the output that answers; without it, the first" },
    { .name = "allow_external_data", .kind = FIELD_KIND_BOOL, .count = 1, .offset = HOW(external),
      .doc = "of ONNX, weights may lie in other files, below the folder of the network" },
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

static struct infer_model *open_foreign(const struct options *o, const char *path,
                                        struct str *told, struct err *err)
{
    const struct infer_foreign_options how = {
        .arch = o->arch, .labels = o->how.labels, .size = o->how.size, .crop = o->how.crop,
        .normalize = (enum infer_normalize)o->how.normalize };

    if (o->how.layout || o->how.output || o->how.external) {
        err_set(err, ERR_USAGE,
                "%s: --layout, --output and --allow-external-data are of ONNX files", path);
        return NULL;
    }
    return infer_foreign_open(path, &how, told, err);
}

static struct infer_model *open_onnx(const struct options *o, const char *path, struct str *told,
                                     struct err *err)
{
    if (!o->arch)
        return infer_onnx_model(path, &o->how, told, err);
    err_set(err, ERR_USAGE, "%s: an ONNX file is its own network: --arch is of weights", path);
    return NULL;
}

/* What is overwritten is no file of those that are read: an index names others, and so does an ONNX
 * file, all of them below its folder.  A model of ours is none. */
static bool keeps_parts(const char *out, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    struct err none = { 0 };
    struct infer_file *model;
    char *folder, *own, *root = NULL;
    bool below = true;
    size_t n;

    if (file_kind(out) != FILE_REGULAR)
        return true;
    model = infer_file_open(out, &none);
    infer_file_close(model);
    if (model)
        return true;
    folder = file_kind(path) == FILE_FOLDER ? strdup(path)
             : slash                        ? strndup(path, (size_t)(slash - path) + 1)
                                            : strdup(".");
    own = realpath(out, NULL);
    root = folder ? realpath(folder, NULL) : NULL;
    n = root ? strlen(root) : 0;
    below = own && root && !strncmp(own, root, n) && (own[n] == '/' || root[n - 1] == '/');
    free(folder);
    free(own);
    free(root);
    return !below || err_set(err, ERR_INPUT, "%s: is no model of discern, and may be a part of %s: "
                             "write another file", out, path);
}

static bool import(const struct options *o, const char *path, struct str *told, struct err *err)
{
    struct infer_model *m;
    bool ok;

    if (!infer_address_refuse(path, err))
        return false;
    if (!o->out)
        return err_set(err, ERR_USAGE, "%s: where to? -o FILE says it", path);
    if (!cli_may_write(o->out, path, o->force, err) || !keeps_parts(o->out, path, err))
        return false;
    m = (infer_onnx_meant(path) ? open_onnx : open_foreign)(o, path, told, err);
    ok = m && (o->threshold < 0 || infer_model_threshold(m, o->threshold, err)) &&
         infer_model_write(m, o->out, NULL, err) && print(o, m, told, err);
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
        cli_say("wrote %s; now try: discern predict %s PICTURE", o.out, o.out);
    return ok ? 0 : cli_fail(&err, o.json);
}

const struct cli_command infer_cmd_import = {
    .name = "import",
    .summary = "make a model of a network that others trained",
    .synopsis = "NET",
    .about = "NET is a classifier of pictures as ONNX, opsets 6 to 18, with one input and an "
             "output [N,labels]; or weights: a safetensors file, an index of several "
             "(model.safetensors.index.json) or the folder that they lie in, of numbers in "
             "F32, F16 or BF16, with the names of timm, torchvision or Hugging Face."
             "\nOf weights the network is recognised by names and shapes: no tensor is left out "
             "and none made up. Of ONNX, operators that are not known are named all at once; a "
             "softmax or sigmoid at the end is known. Names of labels and how pictures are "
             "prepared are what options say, or else the metadata, or config.json and "
             "preprocessor_config.json beside the weights. What is read stands in "
             "docs/import.md."
             "\nThe model answers, is evaluated and exported as any other.",
    .examples = "discern import net.onnx -o net\n"
                "discern import net.onnx --labels names.txt --normalize imagenet -o net\n"
                "discern import tags.onnx --labels tags.txt --threshold 0.35 -o tags\n"
                "discern import keras.onnx --layout nhwc --normalize full -o keras\n"
                "discern import resnet50.safetensors -o resnet50\n"
                "discern import downloads/vit-small/ -o vit\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
