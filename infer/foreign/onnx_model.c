/*
 * onnx_model -- see onnx_model.h
 */
#include "infer/foreign/onnx_model.h"

#include "infer/calibration.h"
#include "infer/foreign/foreign_config.h"
#include "nn/base/record.h"
#include "nn/io/onnx_in.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 4096 };

const char *const infer_layout_names[] = { "auto", "nchw", "nhwc", NULL };

size_t infer_onnx_above(const char *path)
{
    static const char inner[] = "onnx/";
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash + 1 - path) : 0, inside = sizeof inner - 1;
    bool within = n >= inside && !strncmp(path + n - inside, inner, inside) &&
                  (n == inside || path[n - inside - 1] == '/');

    return within ? n - inside : n;
}

struct import {
    const struct infer_onnx_options *o;
    const struct nn_onnx_file *file;
    struct data_prep prep;
    struct infer_config config; /* of files beside */
    struct infer_names names;
    enum data_task task;
    struct arena *mem;
    struct str *told;
    struct err *err;
};

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory for a model");
}

/* ---- preparation ----------------------------------------------------------------------------- */

/* Three numbers "[0.485, 0.456, 0.406]" of the metadata. */
static bool meta_numbers(const struct import *m, const char *key, double out[3])
{
    const char *text = nn_onnx_meta(m->file, key);
    struct err ignored;
    json_t *json = text ? record_parse(text, strlen(text), &ignored) : NULL;
    bool ok = json_array_size(json) == 3;

    for (size_t c = 0; ok && c < 3; c++) {
        ok = json_is_number(json_array_get(json, c));
        out[c] = json_number_value(json_array_get(json, c));
    }
    json_decref(json);
    return ok;
}

/* Mean and deviation of the metadata: of pixels to 255 where one of them is beyond 3, as Caffe's
 * mean of 104 beside a deviation of 1. */
static bool meta_mean(struct import *m)
{
    double mean[3], std[3], most = 0;

    if (!meta_numbers(m, "mean", mean) || !meta_numbers(m, "std", std))
        return false;
    for (int c = 0; c < 3; c++)
        most = fmax(most, fmax(fabs(mean[c]), fabs(std[c])));
    for (int c = 0; c < 3; c++) {
        m->prep.mean[c] = mean[c] / (most > 3 ? 255 : 1);
        m->prep.std[c] = std[c] / (most > 3 ? 255 : 1);
    }
    return true;
}

/* What our own exporter wrote. */
static bool read_own(struct import *m, bool *own)
{
    const char *prep = nn_onnx_meta(m->file, "discern.prep");
    const char *task = nn_onnx_meta(m->file, "discern.task");
    json_t *json;
    bool ok;

    *own = prep;
    if (task && !strcmp(task, data_task_names[DATA_MULTI]))
        m->task = DATA_MULTI;
    if (!prep)
        return true;
    json = record_parse(prep, strlen(prep), m->err);
    ok = json && record_from_json(data_prep_fields, &m->prep, json, m->mem, m->err);
    json_decref(json);
    return ok || err_in(m->err, "metadata \"discern.prep\"");
}

static bool wrong_side(const struct import *m, const char *name, const int64_t *side)
{
    struct str text = { 0 };

    for (int d = 0; d < 2; d++) {
        str_add(&text, d ? "x" : "");
        if (side[d] < 0)
            str_add(&text, "any");
        else
            str_printf(&text, "%lld", (long long)side[d]);
    }
    if (m->o->size)
        err_set(m->err, ERR_INPUT, "input \"%.100s\" is for pictures of %s, not of --size %d",
                name, str_text(&text), m->o->size);
    else
        err_set(m->err, ERR_UNSUPPORTED, "input \"%.100s\" is for pictures of %s; sides of 1 to %d "
                "are read", name, str_text(&text), SIDE);
    str_release(&text);
    return false;
}

/* The input's size, from the file or the caller; its order of dimensions; whether of pixels. */
static bool read_input(struct import *m, bool *nhwc, bool *whole)
{
    enum nn_onnx_numbers numbers;
    int64_t dim[SHAPE_MAX_RANK], channels;
    const char *name;
    int rank, h, side[2];

    if (!nn_onnx_first_input(m->file, &name, &rank, dim, &numbers))
        return err_set(m->err, ERR_INPUT, "the network has no input");
    *whole = numbers == NN_ONNX_WHOLE;
    if (numbers == NN_ONNX_NO_PIXELS)
        return err_set(m->err, ERR_UNSUPPORTED, "input \"%.100s\" takes int8, truth or text: "
                       "pixels of 0 to 255 are none of them", name);
    if (*whole && m->o->normalize != INFER_NORMALIZE_AUTO &&
        m->o->normalize != INFER_NORMALIZE_NONE)
        return err_set(m->err, ERR_USAGE, "input \"%.100s\" takes whole numbers, and --normalize "
                       "%s makes fractions: none is the one", name,
                       infer_normalize_names[m->o->normalize]);
    if (rank != 4)
        return err_set(m->err, ERR_UNSUPPORTED, "input \"%.100s\" is no picture: it has not 4 "
                       "dimensions", name);
    *nhwc = m->o->layout == INFER_LAYOUT_NHWC ||
            (m->o->layout == INFER_LAYOUT_AUTO && dim[1] != 3 && dim[1] != 1 &&
             (dim[3] == 3 || dim[3] == 1));
    h = *nhwc ? 1 : 2;
    channels = dim[*nhwc ? 3 : 1];
    if (channels != 1 && channels != 3)
        return err_set(m->err, ERR_UNSUPPORTED, "input \"%.100s\" has %lld channels: --layout says "
                       "which dimension they are", name, (long long)channels);
    m->prep.color = channels == 1 ? DATA_GREY : DATA_RGB;
    for (int d = 0; d < 2; d++) {
        side[d] = dim[h + d] > 0 && dim[h + d] <= SIDE ? (int)dim[h + d] : 0;
        if (m->o->size ? dim[h + d] >= 0 && side[d] != m->o->size : dim[h + d] >= 0 && !side[d])
            return wrong_side(m, name, dim + h);
        if (m->o->size)
            m->prep.size[d] = m->o->size;
        else if (side[d])
            m->prep.size[d] = side[d];
    }
    return m->prep.size[0] || err_set(m->err, ERR_USAGE, "input \"%.100s\" takes pictures of any "
                                      "size: --size says which", name);
}

/* "[224, 224]" */
static void read_imgsz(struct import *m)
{
    const char *text = nn_onnx_meta(m->file, "imgsz");
    struct err ignored;
    json_t *json = text ? record_parse(text, strlen(text), &ignored) : NULL;

    for (size_t d = 0; d < 2 && json_array_size(json) == 2; d++) {
        json_int_t n = json_integer_value(json_array_get(json, d));

        if (n > 0 && n <= SIDE)
            m->prep.size[d] = (int)n;
    }
    json_decref(json);
}

/* Above, then beside. */
static bool read_beside(struct import *m, const char *path)
{
    size_t above = infer_onnx_above(path);
    const char *slash = strrchr(path, '/');
    size_t beside = slash ? (size_t)(slash + 1 - path) : 0;

    m->config.mem = m->mem;
    for (size_t n = above;; n = beside) {
        const char *folder = n ? arena_printf(m->mem, "%.*s", (int)n, path) : ".";

        if (!folder)
            return no_memory(m->err);
        if (!infer_config_read(&m->config, folder, m->err))
            return false;
        if (n == beside)
            return true;
    }
}

/* Of size and layout the input tells, else the caller must. */
static bool read_prep(struct import *m, const char *path, bool *nhwc)
{
    bool own, whole = false, ultralytics = nn_onnx_meta(m->file, "names") &&
                                           nn_onnx_meta(m->file, "imgsz");
    struct infer_prep_said said = { .size = true, .crop = m->o->crop > 0, .mean = true };

    field_defaults(data_prep_fields, &m->prep);
    m->prep.size[0] = m->prep.size[1] = 0;
    if (!read_own(m, &own) || (!own && !read_beside(m, path)))
        return false;
    if (!own) {
        memcpy(m->prep.size, m->config.prep.size, sizeof m->prep.size);
        infer_config_take(&m->config, &m->prep);
        infer_config_tell(&m->config, m->told);
        if (m->config.several)
            m->task = DATA_MULTI;
    }
    read_imgsz(m);
    if (!read_input(m, nhwc, &whole))
        return false;
    if (whole) {
        infer_normalize(&m->prep, INFER_NORMALIZE_NONE);        /* the file does the rest */
    } else if (m->o->normalize != INFER_NORMALIZE_AUTO) {
        infer_normalize(&m->prep, (enum infer_normalize)m->o->normalize);
    } else if (!own && !meta_mean(m) && !m->config.has_prep) {
        said.mean = ultralytics;
        infer_normalize(&m->prep, ultralytics ? INFER_NORMALIZE_UNIT : INFER_NORMALIZE_IMAGENET);
    }
    if (m->o->crop > 0)
        m->prep.crop = m->o->crop;
    said.crop |= own || ultralytics || m->config.prep.crop > 0;
    said.filter = own || ultralytics || m->config.has_filter;
    infer_prep_tell(&m->prep, &said, "", m->told);
    return true;
}

/* ---- labels ---------------------------------------------------------------------------------- */

static bool read_names(struct import *m)
{
    static const char *const keys[] = { "discern.labels", "labels", "names", "classes", "synsets" };

    if (m->o->labels)
        return infer_names_file(m->o->labels, m->mem, &m->names, m->err);
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !m->names.n; i++) {
        const char *said = nn_onnx_meta(m->file, keys[i]);

        if (said && !infer_names_any(said, m->mem, &m->names, m->err))
            return err_in(m->err, "metadata \"%s\"", keys[i]);
    }
    if (!m->names.n)
        m->names = m->config.names;
    return true;
}

/* Names for n labels: as said, else numbers. */
static bool name_labels(struct import *m, int n)
{
    if (m->names.n && m->names.n != n)
        return err_set(m->err, ERR_INPUT, "%s has %d names, the network answers with %d",
                       m->o->labels ? m->o->labels
                       : m->names.name == m->config.names.name ? INFER_CONFIG_MODEL
                                                               : "the metadata", m->names.n, n);
    return m->names.n || infer_names_number(n, m->mem, &m->names, m->told, m->err);
}

/* ---- the model ------------------------------------------------------------------------------- */

/* The file's name without folder and ending: what stands for an architecture. */
static const char *stem(const char *path, struct arena *mem)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    struct str clean = { 0 };
    const char *result;

    str_utf8(&clean, name);
    if (dot && dot > name)
        str_cut(&clean, (size_t)(dot - name));
    result = clean.failed ? NULL : arena_str(mem, str_text(&clean));
    str_release(&clean);
    return result;
}

static void tell(struct import *m, const struct nn_onnx_net *net)
{
    static const char *const ends[] = {
        "the network's answer is taken as it is, and softmax put on it",
        "the softmax at the end is known: it is not put on twice",
        "the sigmoid at the end is known: each label is answered by itself",
    };

    str_printf(m->told, "%d labels; pictures of %dx%d; %s\n", m->names.n, m->prep.size[0],
               m->prep.size[1], ends[net->end]);
}

/* Weights that are no numbers would answer with none. */
static bool all_finite(const struct nn_onnx_net *net, struct err *err)
{
    const struct nn_params *p = net->params;

    for (int e = 0; e < p->n; e++)
        for (int64_t i = 0; i < p->count[e]; i++)
            if (!isfinite((double)p->value[p->offset[e] + i]))
                return err_set(err, ERR_INPUT, "weight \"%.100s\": number %lld is not finite",
                               net->graph->node[p->node[e]].name, (long long)i);
    return true;
}

/*
 * What our own exporter wrote of the calibration.  Its temperature, or its scale and shift, are in
 * the graph already, and so in the logits that an energy is of: that bound does not hold for these.
 */
static bool take_calibration(struct import *m, struct infer_model *model)
{
    const char *text = nn_onnx_meta(m->file, "discern.calibration");
    struct infer_calibration *c;

    if (!text)
        return true;
    c = infer_calibration_parse(text, model->n_labels, m->mem, m->err);
    if (!c)
        return err_in(m->err, "metadata \"discern.calibration\"");
    if (c->unknown == INFER_UNKNOWN_ENERGY && (c->scale || c->temperature != 1)) {
        c->unknown = INFER_UNKNOWN_NONE;
        str_add(m->told, "calibration: what it calls unknown was left out: its bound is of answers "
                "before they were calibrated, which the file does not give\n");
    }
    c->temperature = 1;
    c->scale = c->shift = NULL;
    return infer_model_calibrate(model, c, m->err);
}

static struct infer_model *make(struct import *m, const char *path)
{
    struct nn_onnx_in_options in = { .classifier = true, .output = m->o->output };
    struct nn_onnx_net *net = NULL;
    struct infer_model *model = NULL;
    const char *arch = stem(path, m->mem);
    const struct nn_type *logits;

    if (!arch) {
        no_memory(m->err);
        return NULL;
    }
    if (!read_prep(m, path, &in.nhwc) || !read_names(m)) {
        err_in(m->err, "%s", path);
        return NULL;
    }
    in.height = m->prep.size[0];
    in.width = m->prep.size[1];
    net = nn_onnx_in(m->file, &in, m->err);
    if (!net)
        return NULL;
    logits = &net->graph->node[nn_graph_find_output(net->graph, "logits")].type;
    if (net->end == NN_ONNX_END_SIGMOID)
        m->task = DATA_MULTI;
    if (all_finite(net, m->err) && name_labels(m, logits->dim[1].n))
        model = infer_model_new(net->graph, net->params, &m->prep, m->task, m->names.n,
                                m->names.name, arch, m->err);
    if (model) {
        net->graph = NULL;
        net->params = NULL;
        tell(m, net);
        if (!take_calibration(m, model)) {
            infer_model_free(model);
            model = NULL;
        }
    }
    if (!model)
        err_in(m->err, "%s", path);
    nn_onnx_net_free(net);
    return model;
}

struct infer_model *infer_onnx_model(const char *path, const struct infer_onnx_options *o,
                                     struct str *told, struct err *err)
{
    struct nn_onnx_file *file = nn_onnx_open(path, o->external, err);
    struct import m = { .o = o, .file = file, .told = told, .err = err,
                        .mem = file ? arena_new() : NULL };
    struct infer_model *model = NULL;

    if (file && !m.mem)
        no_memory(err);
    if (m.mem)
        model = make(&m, path);
    if (!model)
        str_clear(told);
    arena_free(m.mem);
    nn_onnx_close(file);
    return model;
}
