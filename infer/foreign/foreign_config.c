/*
 * foreign_config -- see foreign_config.h
 *
 * timm's config.json: architecture, num_classes, label_names (a list, or an object by index),
 * pretrained_cfg {input_size, interpolation, crop_pct, crop_mode, mean, std}; in older files the
 * members of pretrained_cfg stand outside.  Hugging Face: model_type, id2label, problem_type in
 * config.json; size, crop_size, crop_pct, resample (Pillow's number of a filter), rescale_factor,
 * image_mean, image_std and do_... in preprocessor_config.json, of EfficientNets also
 * rescale_offset (1 is taken off) and include_top (the deviation divides a second time).
 */
#include "infer/foreign/foreign_config.h"
#include "infer/foreign/foreign_names.h"

#include "nn/base/file.h"
#include "nn/base/record.h"
#include "nn/model/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_BYTES = 16 << 20, SIDE = 4096 };

/* ---- the network ----------------------------------------------------------------------------- */

/* Names of timm's for networks that have another with us; `*` stands for any tail. */
static const char *const alike[][2] = {
    { "mobilenetv2_100", "mobilenet_v2" },
    { "resnetv2_50x1_bitm*", "resnetv2_50x1_bit" },
    { "resnetv2_101x1_bitm*", "resnetv2_101x1_bit" },
};

static const char *network(const char *arch)
{
    struct err ignored;
    const struct nn_model *m;

    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++)
        if (infer_name_fits(alike[i][0], arch))
            return alike[i][1];
    m = nn_model_find(arch, &ignored);
    return m ? m->name : NULL;
}

/* A point may be in a name of ours; in timm's it begins the tag of the weights. */
const char *infer_config_network(const char *arch)
{
    const char *found = network(arch);
    char bare[64];

    if (found || !strchr(arch, '.'))
        return found;
    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(arch, "."), arch);
    return network(bare);
}

/* Settings of Hugging Face's networks that change what is computed, while no tensor tells; and what
 * they are in ours. */
static const struct {
    const char *kind, *key, *ours;
} settings[] = {
    { "resnet", "hidden_act", "\"relu\"" },
    { "resnet", "downsample_in_first_stage", "false" },
    { "resnet", "downsample_in_bottleneck", "false" },
    { "vit", "hidden_act", "\"gelu\"" },
    { "deit", "hidden_act", "\"gelu\"" },
    { "swin", "hidden_act", "\"gelu\"" },
    { "convnext", "hidden_act", "\"gelu\"" },
    { "mobilenet_v1", "hidden_act", "\"relu6\"" },
    { "mobilenet_v1", "tf_padding", "true" },
    { "mobilenet_v1", "layer_norm_eps", "0.001" },
    { "mobilenet_v2", "hidden_act", "\"relu6\"" },
    { "mobilenet_v2", "tf_padding", "true" },
    { "mobilenet_v2", "layer_norm_eps", "0.001" },
    { "mobilenet_v2", "output_stride", "32" },
    { "efficientnet", "hidden_act", "\"swish\"" },
    { "efficientnet", "batch_norm_eps", "0.001" },
    { "efficientnet", "pooling_type", "\"mean\"" },
    { "efficientnet", "strides", "[1,2,2,2,1,2,1]" },
};

enum { HEAD = 64 };     /* numbers, of all our transformers that no table of distances tells */

static bool read_heads(struct infer_config *c, const json_t *o)
{
    json_int_t heads = json_integer_value(json_object_get(o, "num_attention_heads"));
    json_int_t wide = json_integer_value(json_object_get(o, "hidden_size"));

    if ((strcmp(c->kind, "vit") != 0 && strcmp(c->kind, "deit") != 0) || heads < 1 || wide < 1 ||
        wide % heads || wide / heads == HEAD)
        return true;
    return (c->other = arena_printf(c->mem, "\"num_attention_heads\" is %lld, and %lld in ours",
                                    (long long)heads, (long long)wide / HEAD));
}

static bool read_kind(struct infer_config *c, const json_t *o, struct err *err)
{
    const char *kind = json_string_value(json_object_get(o, "model_type"));
    bool ok = true;

    if (kind)
        ok = (c->kind = arena_printf(c->mem, "%.100s", kind));
    for (size_t i = 0; ok && kind && i < sizeof settings / sizeof *settings; i++) {
        const json_t *is = json_object_get(o, settings[i].key);
        char *text = is && !strcmp(settings[i].kind, kind)
                         ? json_dumps(is, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

        if (text && strcmp(text, settings[i].ours) != 0)
            ok = (c->other = arena_printf(c->mem, "\"%s\" is %.100s, and %s in ours",
                                          settings[i].key, text, settings[i].ours));
        free(text);
    }
    ok = ok && (!kind || read_heads(c, o));
    return ok || err_set(err, ERR_MEMORY, "no memory for settings");
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* A filter by Pillow's name. */
static bool take_filter(struct infer_config *c, const char *name, struct err *err)
{
    bool sharp = !strcmp(name, "bicubic") || !strcmp(name, "lanczos");

    c->has_filter = true;
    c->prep.filter = sharp ? DATA_BICUBIC : DATA_BILINEAR;
    if (!strcmp(name, "bicubic") || !strcmp(name, "bilinear"))
        return true;
    c->filter = arena_printf(c->mem, "%.40s", name);
    return c->filter || err_set(err, ERR_MEMORY, "no memory for settings");
}

static bool three(const json_t *json, const char *what, double out[3], struct err *err)
{
    for (size_t i = 0; i < 3; i++) {
        const json_t *x = json_array_size(json) == 1 ? json_array_get(json, 0)
                                                     : json_array_get(json, i);

        if (!json_is_number(x) || !isfinite(json_number_value(x)))
            return err_set(err, ERR_INPUT, "\"%s\" is no list of three numbers", what);
        out[i] = json_number_value(x);
    }
    return true;
}

static bool side(const json_t *json, const char *what, int *out, struct err *err)
{
    if (!json_is_integer(json) || json_integer_value(json) < 1 || json_integer_value(json) > SIDE)
        return err_set(err, ERR_INPUT, "\"%s\" is no number of pixels from 1 to %d", what, SIDE);
    *out = (int)json_integer_value(json);
    return true;
}

static bool share(const json_t *json, double *out, struct err *err)
{
    if (!json_is_number(json) || !(json_number_value(json) > 0))
        return err_set(err, ERR_INPUT, "\"crop_pct\" is no share of a picture");
    *out = fmin(json_number_value(json), 1);
    return true;
}

static bool timm_pictures(struct infer_config *c, const json_t *o, struct err *err)
{
    const json_t *size = json_object_get(o, "input_size"), *crop = json_object_get(o, "crop_pct");
    const char *filter = json_string_value(json_object_get(o, "interpolation"));
    const char *mode = json_string_value(json_object_get(o, "crop_mode"));
    const json_t *mean = json_object_get(o, "mean"), *std = json_object_get(o, "std");

    if (json_is_array(size)) {
        for (size_t i = 0; i < 2; i++)
            if (!side(json_array_get(size, 1 + i), "input_size", &c->prep.size[i], err))
                return false;
        if (json_integer_value(json_array_get(size, 0)) == 1)
            c->prep.color = DATA_GREY;
    }
    if (crop && !share(crop, &c->prep.crop, err))
        return false;
    if (filter && !take_filter(c, filter, err))
        return false;
    c->squash = mode && !strcmp(mode, "squash") && c->prep.crop >= 1;
    c->letterbox = mode && !strcmp(mode, "border") && c->prep.crop >= 1;
    if (!mean || !std)
        return true;
    c->has_prep = true;
    return three(mean, "mean", c->prep.mean, err) && three(std, "std", c->prep.std, err);
}

bool infer_config_model(struct infer_config *c, const char *text, size_t bytes, struct err *err)
{
    json_t *json = record_parse(text, bytes, err), *inner, *names;
    const char *arch, *problem;
    bool ok = json;

    if (ok && !json_is_object(json))
        ok = err_set(err, ERR_INPUT, "no JSON object");
    if (ok) {
        arch = json_string_value(json_object_get(json, "architecture"));
        problem = json_string_value(json_object_get(json, "problem_type"));
        inner = json_object_get(json, "pretrained_cfg");
        names = json_object_get(json, "label_names");
        if (arch)
            c->arch = arena_str(c->mem, arch);
        ok = read_kind(c, json, err);
        c->several = problem && !strcmp(problem, "multi_label_classification");
        ok = ok && timm_pictures(c, json_is_object(inner) ? inner : json, err) &&
             infer_names_json(json_is_array(names) || json_is_object(names)
                                  ? names : json_object_get(json, "id2label"), c->mem,
                              &c->names, err);
    }
    json_decref(json);
    return ok;
}

/* size and crop_size: a number, {"height","width"} or {"shortest_edge"}.  *shortest: the shorter
 * side is that long; 0: both are said. */
static bool sides(const json_t *json, const char *what, int out[2], int *shortest, struct err *err)
{
    const json_t *height = json_object_get(json, "height"), *width = json_object_get(json, "width");
    const json_t *edge = json_is_integer(json) ? json : json_object_get(json, "shortest_edge");

    *shortest = 0;
    if (edge)
        return side(edge, what, shortest, err);
    return side(height, what, &out[0], err) && side(width, what, &out[1], err);
}

static bool is_on(const json_t *o, const char *key, bool otherwise)
{
    const json_t *json = json_object_get(o, key);

    return json_is_boolean(json) ? json_is_true(json) : otherwise;
}

/* The network's size and what of the picture it sees: the crop, or all where there is none. */
static bool hugging_size(struct infer_config *c, const json_t *o, struct err *err)
{
    const json_t *size = json_object_get(o, "size"), *crop = json_object_get(o, "crop_size");
    const json_t *pct = json_object_get(o, "crop_pct");
    bool cropped = crop && is_on(o, "do_center_crop", true);
    int whole[2] = { 0, 0 }, shortest = 0, none;
    bool square;

    if (size && !sides(size, "size", whole, &shortest, err))
        return false;
    if (cropped) {
        if (!sides(crop, "crop_size", c->prep.size, &none, err))
            return false;
        for (int d = 0; d < 2 && none; d++)
            c->prep.size[d] = none;
        if (size)
            c->prep.crop = fmin(1, c->prep.size[0] / (double)(shortest ? shortest : whole[0]));
        square = size && (!shortest || json_is_integer(size));
        c->squash = square && c->prep.crop >= 1;
        c->pressed = square && c->prep.crop < 1;
        return true;
    }
    for (int d = 0; d < 2 && size; d++)
        c->prep.size[d] = shortest ? shortest : whole[d];
    c->squash = size && (!shortest || json_is_integer(size)) && !json_is_number(pct);
    if (size)
        c->prep.crop = 1;
    return !json_is_number(pct) || shortest >= 384 || share(pct, &c->prep.crop, err);
}

/* (x factor - offset - mean) / std / again, and ours has 1/255 for the factor.  What another file
 * said of the mean stays where this one says nothing. */
static bool hugging_numbers(struct infer_config *c, const json_t *o, struct err *err)
{
    const json_t *mean = json_object_get(o, "image_mean"), *std = json_object_get(o, "image_std");
    const json_t *by = json_object_get(o, "rescale_factor");
    double factor = !is_on(o, "do_rescale", true) ? 1
                    : json_is_number(by) ? json_number_value(by) : 1 / 255.0;
    double offset = is_on(o, "rescale_offset", false), again[3] = { 1, 1, 1 };
    bool plain = !is_on(o, "do_normalize", true);

    if (!plain && !(mean && std))
        return true;
    if (!(factor > 0))
        return err_set(err, ERR_INPUT, "\"rescale_factor\" is no positive number");
    c->has_prep = true;
    for (int i = 0; i < 3; i++) {
        c->prep.mean[i] = 0;
        c->prep.std[i] = 1;
    }
    if (!plain && !(three(mean, "image_mean", c->prep.mean, err) &&
                    three(std, "image_std", c->prep.std, err)))
        return false;
    if (std && is_on(o, "include_top", false) && !three(std, "image_std", again, err))
        return false;
    for (int i = 0; i < 3; i++) {
        c->prep.mean[i] = (c->prep.mean[i] + offset) / (255 * factor);
        c->prep.std[i] *= again[i] / (255 * factor);
    }
    return true;
}

bool infer_config_pictures(struct infer_config *c, const char *text, size_t bytes, struct err *err)
{
    static const char *const filters[] = { "nearest", "lanczos", "bilinear", "bicubic", "box",
                                           "hamming" };
    json_t *json = record_parse(text, bytes, err), *filter;
    json_int_t n;
    bool ok = json;

    if (ok && !json_is_object(json))
        ok = err_set(err, ERR_INPUT, "no JSON object");
    filter = json_object_get(json, "resample");
    n = json_is_integer(filter) ? json_integer_value(filter) : -1;
    ok = ok && hugging_size(c, json, err) && hugging_numbers(c, json, err);
    if (ok && n >= 0 && n < (json_int_t)(sizeof filters / sizeof *filters))
        ok = take_filter(c, filters[n], err);
    json_decref(json);
    return ok;
}

static bool read_one(struct infer_config *c, const char *folder, const char *name,
                     bool (*take)(struct infer_config *, const char *, size_t, struct err *),
                     struct err *err)
{
    char *path = file_in(folder, name, err), *text = NULL;
    size_t bytes;
    bool ok = path;

    if (ok && file_kind(path) != FILE_NONE) {
        text = (char *)file_read(path, CONFIG_BYTES, &bytes, err);
        ok = text && (take(c, text, bytes, err) || err_in(err, "%s", path));
    }
    free(text);
    free(path);
    return ok;
}

bool infer_config_read(struct infer_config *c, const char *folder, struct err *err)
{
    return read_one(c, folder, INFER_CONFIG_MODEL, infer_config_model, err) &&
           read_one(c, folder, INFER_CONFIG_PICTURES, infer_config_pictures, err);
}

void infer_config_tell(const struct infer_config *c, struct str *told)
{
    if (c->filter)
        str_printf(told, "pictures: made smaller by the filter \"%s\", which is not here; taken is "
                   "%s\n", c->filter, data_filter_names[c->prep.filter]);
    if (c->pressed)
        str_add(told, "pictures: pressed into a square before their middle is taken, which is not "
                "here; of those that are not square the middle is taken as it is\n");
}

static int resize_of(const struct infer_config *c)
{
    return c->squash ? DATA_SQUASH : c->letterbox ? DATA_LETTERBOX : DATA_CROP;
}

void infer_config_take(const struct infer_config *c, struct data_prep *prep)
{
    for (int i = 0; i < 3 && c->has_prep; i++) {
        prep->mean[i] = c->prep.mean[i];
        prep->std[i] = c->prep.std[i];
    }
    if (c->has_filter)
        prep->filter = c->prep.filter;
    if (c->prep.crop > 0)
        prep->crop = c->prep.crop;
    prep->resize = resize_of(c);
}

/* ---- what nobody said ------------------------------------------------------------------------ */

void infer_config_normalize(struct infer_config *c, enum infer_normalize how)
{
    c->has_prep |= how != INFER_NORMALIZE_AUTO;
    infer_normalize(&c->prep, how);
}

/* What networks mostly were trained with; the first that fits is taken. */
static const struct habit {
    const char *archs;
    enum infer_normalize normalize;
    double crop;
    enum data_filter filter;
} habits[] = {
    { "mobilenet_v1*", INFER_NORMALIZE_FULL, 0.875, DATA_BILINEAR },
    { "resnet20", INFER_NORMALIZE_IMAGENET, 1, DATA_BILINEAR },
    { "resnet32", INFER_NORMALIZE_IMAGENET, 1, DATA_BILINEAR },
    { "resnet44", INFER_NORMALIZE_IMAGENET, 1, DATA_BILINEAR },
    { "resnet56", INFER_NORMALIZE_IMAGENET, 1, DATA_BILINEAR },
    { "vit_*", INFER_NORMALIZE_FULL, 0.9, DATA_BICUBIC },
    { "deit_*", INFER_NORMALIZE_IMAGENET, 0.9, DATA_BICUBIC },
    { "swin_*", INFER_NORMALIZE_IMAGENET, 0.9, DATA_BICUBIC },
    { "convnext_*", INFER_NORMALIZE_IMAGENET, 0.875, DATA_BICUBIC },
    { "tf_efficientnetv2_*", INFER_NORMALIZE_FULL, 1, DATA_BICUBIC },
    { "tf_efficientnet_*", INFER_NORMALIZE_IMAGENET, 0.875, DATA_BICUBIC },
    { "tf_mobilenet*", INFER_NORMALIZE_FULL, 0.875, DATA_BILINEAR },
    { "efficientnet*", INFER_NORMALIZE_IMAGENET, 0.875, DATA_BICUBIC },
    { "mobilenetv3_*", INFER_NORMALIZE_IMAGENET, 0.875, DATA_BICUBIC },
    { "resnetv2_*", INFER_NORMALIZE_FULL, 1, DATA_BILINEAR },
    { "yolov8*", INFER_NORMALIZE_UNIT, 1, DATA_BILINEAR },
    { "*", INFER_NORMALIZE_IMAGENET, 0.875, DATA_BILINEAR },
};

struct infer_prep_said infer_config_fill(struct infer_config *c, const char *arch, int size)
{
    const struct habit *h = habits;
    struct infer_prep_said said = { .size = c->prep.size[0] && c->prep.size[1],
                                    .crop = c->prep.crop > 0, .filter = c->has_filter,
                                    .mean = c->has_prep };

    while (!infer_name_fits(h->archs, arch))
        h++;
    if (!said.mean)
        infer_config_normalize(c, h->normalize);
    if (!c->has_filter)
        c->prep.filter = h->filter;
    for (int d = 0; d < 2 && !c->prep.size[d]; d++)
        c->prep.size[d] = size;
    if (c->prep.crop <= 0)
        c->prep.crop = h->crop;
    c->prep.resize = resize_of(c);
    for (int i = 0; i < 3; i++)
        c->prep.background[i] = 255;
    return said;
}
