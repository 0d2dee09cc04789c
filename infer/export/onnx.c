/*
 * onnx -- a model as ONNX
 *
 * The inference form, batch-norms folded, with softmax or sigmoid unless --logits.  The input is a
 * picture normalised by the caller, or with --uint8 the pixels themselves: what to do stands in the
 * metadata, under the keys that Ultralytics' exporter writes (names, task, imgsz, stride, batch,
 * channels), which many servers read, and in full under discern.*.  A calibration's temperature is
 * in the graph, its thresholds and bands are in the metadata; --raw leaves both out.
 */
#include "infer/export/onnx.h"

#include "infer/export/proof.h"
#include "nn/base/file.h"
#include "nn/base/json.h"
#include "nn/base/record.h"
#include "nn/io/onnx.h"
#include "nn/io/onnx_check.h"

#include <stdlib.h>
#include <string.h>

/* ---- metadata -------------------------------------------------------------------------------- */

/* A Python literal, as Ultralytics writes it and its readers parse it: {0: 'cat', 1: 'dog'}. */
static void python_names(const struct infer_model *m, struct str *out)
{
    str_addc(out, '{');
    for (int l = 0; l < m->n_labels; l++) {
        str_printf(out, "%s%d: '", l ? ", " : "", l);
        for (const char *p = m->label[l]; *p; p++) {
            if (*p == '\'' || *p == '\\')
                str_printf(out, "\\%c", *p);
            else if ((unsigned char)*p < 0x20 || *p == 0x7F)
                str_printf(out, "\\x%02x", (unsigned)*p);
            else
                str_addc(out, *p);
        }
        str_addc(out, '\'');
    }
    str_addc(out, '}');
}

enum { META_MAX = 16 };

struct meta {
    const char *pair[META_MAX][2];
    int n;
    struct str names, labels, size, batch, input;
    char *prep, *calibration;
};

static void meta_add(struct meta *t, const char *key, const char *value)
{
    t->pair[t->n][0] = key;
    t->pair[t->n++][1] = value;
}

static const char *output_name(const struct infer_export_options *o)
{
    return o->output_name ? o->output_name : o->logits ? "logits" : "probability";
}

static bool meta_init(struct meta *t, const struct infer_model *m,
                      const struct infer_export_options *o, struct err *err)
{
    json_t *prep = record_to_json(data_prep_fields, &m->prep);

    *t = (struct meta){ .prep = prep ? record_dump(prep) : NULL };
    json_decref(prep);
    if (m->calibration && !o->raw)
        t->calibration = infer_calibration_text(m->calibration, m->n_labels);
    python_names(m, &t->names);
    json_begin(&t->labels, NULL, '[');
    for (int l = 0; l < m->n_labels; l++)
        json_text(&t->labels, NULL, m->label[l]);
    json_end(&t->labels, ']');
    str_printf(&t->size, "[%d, %d]", m->prep.size[0], m->prep.size[1]);
    str_printf(&t->batch, "%d", o->dynamic_batch ? 1 : o->batch);
    json_begin(&t->input, NULL, '{');
    json_text(&t->input, "layout", infer_export_layouts[o->layout]);
    json_text(&t->input, "type", o->uint8 ? "uint8" : "float32");
    json_text(&t->input, "values", o->uint8 ? "pixel" : "(pixel/255 - mean) / std");
    json_end(&t->input, '}');
    if (!t->prep || t->names.failed || t->labels.failed || t->size.failed || t->batch.failed ||
        t->input.failed || (m->calibration && !o->raw && !t->calibration))
        return err_set(err, ERR_MEMORY, "no memory for the metadata");
    meta_add(t, "names", str_text(&t->names));
    meta_add(t, "task", "classify");
    meta_add(t, "imgsz", str_text(&t->size));
    meta_add(t, "stride", "1");
    meta_add(t, "batch", str_text(&t->batch));
    meta_add(t, "channels", data_prep_channels(&m->prep) == 3 ? "3" : "1");
    meta_add(t, "discern.task", data_task_names[m->task]);
    meta_add(t, "discern.labels", str_text(&t->labels));
    meta_add(t, "discern.input", str_text(&t->input));
    meta_add(t, "discern.prep", t->prep);
    meta_add(t, "discern.arch", m->arch);
    meta_add(t, "discern.output", o->logits ? "logits" : "probability");
    if (t->calibration)
        meta_add(t, "discern.calibration", t->calibration);
    return true;
}

static void meta_release(struct meta *t)
{
    str_release(&t->names);
    str_release(&t->labels);
    str_release(&t->size);
    str_release(&t->batch);
    str_release(&t->input);
    free(t->prep);
    free(t->calibration);
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool check_options(const struct infer_export_options *o, struct err *err)
{
    if (o->dynamic_batch && o->batch != 1)
        return err_set(err, ERR_USAGE,
                       "--batch %d is one number of pictures, --dynamic-batch any: which?",
                       o->batch);
    if (!*o->input_name || !*output_name(o) || !strcmp(o->input_name, output_name(o)))
        return err_set(err, ERR_USAGE,
                       "the input is called \"%.60s\" and the output \"%.60s\": they want a name "
                       "each", o->input_name, output_name(o));
    return true;
}

uint8_t *infer_onnx_bytes(const struct infer_model *m, const struct infer_export_options *o,
                          size_t *size, struct err *err)
{
    struct nn_graph *g = NULL;
    struct nn_params *p = NULL;
    struct meta meta = { 0 };
    float scale[3], shift[3];
    uint8_t *bytes = NULL;

    if (check_options(o, err) && infer_export_graph(m, o, &g, &p, err) &&
        meta_init(&meta, m, o, err)) {
        struct nn_onnx_options opt = {
            .input = o->input_name,
            .output = output_name(o),
            .node = nn_graph_find_output(g, o->logits ? "logits" : "probability"),
            .opset = o->opset,
            .batch = o->dynamic_batch ? 0 : o->batch,
            .nhwc = o->layout == INFER_EXPORT_NHWC,
            .scale = o->uint8 ? scale : NULL,
            .shift = o->uint8 ? shift : NULL,
            .n_meta = meta.n,
            .meta = (const char *const(*)[2])meta.pair,
        };

        data_prep_affine(&m->prep, scale, shift);
        bytes = nn_onnx_pack(g, p, &opt, size, err);
    }
    meta_release(&meta);
    nn_params_free(p);
    nn_graph_free(g);
    return bytes;
}

/* ---- whether it answers as the model does ---------------------------------------------------- */

/* The proof's pictures as the file wants them; free() data. */
static struct tensor make_input(const struct infer_model *m, const struct infer_export_options *o,
                                const struct infer_proof *proof)
{
    int64_t c = data_prep_channels(&m->prep), pixels = (int64_t)proof->count / c;
    int64_t h = m->prep.size[0], w = m->prep.size[1];
    bool nhwc = o->layout == INFER_EXPORT_NHWC;
    size_t one = o->uint8 ? sizeof *proof->pixel : sizeof *proof->image;
    const char *from = o->uint8 ? (const char *)proof->pixel : (const char *)proof->image;
    struct tensor x = { .dtype = o->uint8 ? DTYPE_U8 : DTYPE_F32,
                        .data = calloc(proof->count * (size_t)proof->n, one) };

    x.shape = nhwc ? (struct shape){ 4, { proof->n, h, w, c } }
                   : (struct shape){ 4, { proof->n, c, h, w } };
    for (int64_t i = 0; x.data && i < proof->n * pixels * c; i++) {
        int64_t at = nhwc ? i : (i / (pixels * c) * c + i % c) * pixels + i / c % pixels;

        memcpy((char *)x.data + (size_t)at * one, from + (size_t)i * one, one);
    }
    return x;
}

/* Of the file two values are asked: its output and, where they have kept their name, the logits
 * before it, in which a difference is not flattened. */
static bool hold(const struct infer_export_options *o, const struct infer_proof *proof,
                 const char *logits, const struct tensor *x, const uint8_t *bytes, size_t size,
                 struct str *report, struct err *err)
{
    size_t n = (size_t)proof->n * (size_t)proof->n_labels;
    float *said = calloc(2 * n, sizeof *said), *before = said ? said + n : NULL;
    struct nn_onnx_asked asked[2] = { { output_name(o), said, (int64_t)n },
                                      { logits, before, (int64_t)n } };
    bool both = !o->logits && strcmp(logits, o->input_name) && strcmp(logits, output_name(o));
    bool ok = said && x->data;

    if (!ok)
        err_set(err, ERR_MEMORY, "no memory to check the file");
    ok = ok && nn_onnx_compute(bytes, size, x->dtype, &x->shape, x->data, both ? 2 : 1, asked, err);
    if (o->logits)
        ok = ok && infer_proof_hold(proof, said, NULL, report, err);
    else
        ok = ok && infer_proof_hold(proof, both ? before : NULL, said, report, err);
    free(said);
    return ok;
}

bool infer_onnx_verify(const struct infer_model *m, const struct infer_export_options *o,
                       const uint8_t *bytes, size_t size, struct str *report, struct err *err)
{
    struct infer_proof proof = { 0 };
    struct nn_graph *g = NULL;
    struct nn_params *p = NULL;
    struct tensor x = { 0 };
    bool ok = infer_export_graph(m, o, &g, &p, err) &&
              infer_proof_init(&proof, m, g, p, err);

    if (ok) {
        x = make_input(m, o, &proof);
        ok = hold(o, &proof, g->node[nn_graph_find_output(g, "logits")].name, &x, bytes, size,
                  report, err);
    }
    free(x.data);
    infer_proof_release(&proof);
    nn_params_free(p);
    nn_graph_free(g);
    return ok;
}

/* ---- the writer ------------------------------------------------------------------------------ */

static void describe(const struct infer_model *m, const struct infer_export_options *o,
                     struct str *out)
{
    int h = m->prep.size[0], w = m->prep.size[1], c = data_prep_channels(&m->prep);
    struct str n = { 0 };

    if (o->dynamic_batch)
        str_addc(&n, 'N');
    else
        str_printf(&n, "%d", o->batch);
    str_printf(out, "%s%s [%s,", o->input_name, o->uint8 ? " uint8" : "", str_text(&n));
    if (o->layout == INFER_EXPORT_NHWC)
        str_printf(out, "%d,%d,%d]", h, w, c);
    else
        str_printf(out, "%d,%d,%d]", c, h, w);
    str_printf(out, " -> %s [%s,%d]", output_name(o), str_text(&n), m->n_labels);
    str_release(&n);
}

static bool write_onnx(const struct infer_model *m, const struct infer_export_options *o,
                       const char *path, struct str *report, struct err *err)
{
    size_t size = 0;
    uint8_t *bytes = infer_onnx_bytes(m, o, &size, err);
    bool ok = bytes;

    describe(m, o, report);
    if (ok && o->verify)
        ok = infer_onnx_verify(m, o, bytes, size, report, err) || err_in(err, "%s", path);
    ok = ok && file_replace(path, bytes, size, err);
    free(bytes);
    return ok;
}

const struct infer_exporter infer_export_onnx = {
    .name = "onnx",
    .suffix = ".onnx",
    .takes = { "logits", "raw", "verify", "batch", "dynamic_batch", "layout", "uint8", "opset",
               "input_name", "output_name" },
    .write = write_onnx,
};
