/*
 * onnx -- a model as ONNX
 *
 * The inference form, batch-norms folded, with softmax or sigmoid unless --logits.  Input "image"
 * [N,3,height,width], normalised by the caller: what to do stands in the metadata, under the keys
 * that Ultralytics' exporter writes (names, task, imgsz, stride, batch, channels), which many
 * servers read, and in full under discern.*.
 */
#include "infer/export/export.h"
#include "infer/predict.h"
#include "nn/base/json.h"
#include "nn/base/record.h"
#include "nn/io/onnx.h"

#include <stdlib.h>

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
    struct str names, labels, size;
    char *prep;
};

static void meta_add(struct meta *t, const char *key, const char *value)
{
    t->pair[t->n][0] = key;
    t->pair[t->n++][1] = value;
}

static bool meta_init(struct meta *t, const struct infer_model *m,
                      const struct infer_export_options *o, struct err *err)
{
    json_t *prep = record_to_json(data_prep_fields, &m->prep);

    *t = (struct meta){ .prep = prep ? record_dump(prep) : NULL };
    json_decref(prep);
    python_names(m, &t->names);
    json_begin(&t->labels, NULL, '[');
    for (int l = 0; l < m->n_labels; l++)
        json_text(&t->labels, NULL, m->label[l]);
    json_end(&t->labels, ']');
    str_printf(&t->size, "[%d, %d]", m->prep.size[0], m->prep.size[1]);
    if (!t->prep || t->names.failed || t->labels.failed || t->size.failed)
        return err_set(err, ERR_MEMORY, "no memory for the metadata");
    meta_add(t, "names", str_text(&t->names));
    meta_add(t, "task", "classify");
    meta_add(t, "imgsz", str_text(&t->size));
    meta_add(t, "stride", "1");
    meta_add(t, "batch", "1");
    meta_add(t, "channels", data_prep_channels(&m->prep) == 3 ? "3" : "1");
    meta_add(t, "discern.task", data_task_names[m->task]);
    meta_add(t, "discern.labels", str_text(&t->labels));
    meta_add(t, "discern.prep", t->prep);
    meta_add(t, "discern.arch", m->arch);
    meta_add(t, "discern.output", o->logits ? "logits" : "probability");
    return true;
}

static void meta_release(struct meta *t)
{
    str_release(&t->names);
    str_release(&t->labels);
    str_release(&t->size);
    free(t->prep);
}

static bool write_onnx(const struct infer_model *m, const struct infer_export_options *o,
                       const char *path, struct str *report, struct err *err)
{
    const char *output = o->logits ? "logits" : "probability";
    const char *batch = o->dynamic_batch ? "N" : "1";
    struct nn_graph *g = NULL;
    struct nn_params *p = NULL;
    struct meta meta = { 0 };
    bool ok = infer_answer_graph(m->graph, m->params, m->task, m->calibration, &g, &p, err) &&
              meta_init(&meta, m, o, err);

    if (ok) {
        struct nn_onnx_options opt = {
            .input = "image",
            .output = output,
            .node = nn_graph_find_output(g, output),
            .dynamic_batch = o->dynamic_batch,
            .n_meta = meta.n,
            .meta = (const char *const(*)[2])meta.pair,
        };

        ok = nn_onnx_write(g, p, &opt, path, err);
    }
    str_printf(report, "image [%s,%d,%d,%d] -> %s [%s,%d]", batch, data_prep_channels(&m->prep),
               m->prep.size[0], m->prep.size[1], output, batch, m->n_labels);
    meta_release(&meta);
    nn_params_free(p);
    nn_graph_free(g);
    return ok;
}

const struct infer_exporter infer_export_onnx = {
    .name = "onnx",
    .suffix = ".onnx",
    .takes = { "logits", "dynamic_batch" },
    .write = write_onnx,
};
