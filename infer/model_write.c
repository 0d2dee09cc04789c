/*
 * model_write -- model files written (model.h); what is in them: docs/format.md
 */
#include "infer/model.h"
#include "infer/model_file.h"
#include "nn/base/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
static char *labels_json(const struct infer_model *m)
{
    json_t *json = json_array();
    char *text = NULL;
    bool ok = json;

    for (int i = 0; ok && i < m->n_labels; i++)
        ok = !json_array_append_new(json, json_string(m->label[i]));
    if (ok)
        text = record_dump(json);
    json_decref(json);
    return text;
}

static char *prep_json(const struct infer_model *m)
{
    json_t *json = record_to_json(data_prep_fields, &m->prep);
    char *text = json ? record_dump(json) : NULL;

    json_decref(json);
    return text;
}

static bool check_provenance(const char *text, struct err *err)
{
    json_t *json = record_parse(text, strlen(text), err);
    bool ok = json_is_object(json);

    if (!json)
        err_in(err, "provenance");
    else if (!ok)
        err_set(err, ERR_INPUT, "provenance: no JSON object");
    json_decref(json);
    return ok;
}

/* The model's tensors in the order that everyone stores, into value, and the extras as they are. */
static void fill_entries(const struct infer_model *m, const struct infer_extra *x, float *value,
                         struct st_entry *entry)
{
    const struct nn_params *p = m->params;

    for (int i = 0; i < p->n; i++) {
        float *at = value + p->offset[i];

        nn_params_to_file(m->graph, p->node[i], p->value + p->offset[i], at);
        entry[i].name = m->graph->node[p->node[i]].name;
        entry[i].tensor =
            (struct tensor){ DTYPE_F32, nn_params_file_shape(m->graph, p->node[i]), at };
    }
    for (int i = 0; i < x->n; i++) {
        const struct infer_array *a = &x->array[i];

        assert(!strncmp(a->name, MODEL_TRAINING, sizeof MODEL_TRAINING - 1));
        entry[p->n + i].name = a->name;
        entry[p->n + i].tensor = (struct tensor){ DTYPE_F32, { 1, { a->count } },
                                                  (void *)(uintptr_t)a->value };
    }
}

bool infer_model_write(const struct infer_model *m, const char *path,
                       const struct infer_extra *extra, struct err *err)
{
    static const struct infer_extra none = { 0 };
    const struct nn_params *p = m->params;
    int n = p->n + (extra ? extra->n : 0), n_meta;
    const struct infer_calibration *c = m->calibration;
    char *prep = prep_json(m), *labels = labels_json(m),
         *calibration = c ? infer_calibration_text(c, m->n_labels) : NULL;
    struct st_entry *entry = calloc((size_t)n + 1, sizeof *entry);
    float *value = malloc(((size_t)p->total + 1) * sizeof *value);
    struct str graph = { 0 }, sums = { 0 };
    bool ok = false;

    if (!prep || !labels || (c && !calibration) || !entry || !value ||
        !nn_graph_write(m->graph, &graph)) {
        err_set(err, ERR_MEMORY, "%s: no memory to write a model", path);
        goto out;
    }
    if (!check_provenance(m->provenance, err)) {
        err_in(err, "%s", path);
        goto out;
    }
    fill_entries(m, extra ? extra : &none, value, entry);

    struct st_meta meta[] = {
        { "format", "pt" },
        { "discern.format", MODEL_FORMAT },
        { "discern.arch", m->arch },
        { "discern.task", data_task_names[m->task] },
        { "discern.labels", labels },
        { "discern.prep", prep },
        { "discern.provenance", m->provenance },
        { "discern.graph", str_text(&graph) },
        { NULL, NULL },         /* calibration, where there is one */
        { NULL, NULL },         /* training, of a checkpoint */
        { NULL, NULL },         /* sums of all that */
    };

    n_meta = sizeof meta / sizeof *meta - 3;
    if (c)
        meta[n_meta++] = (struct st_meta){ "discern.calibration", calibration };
    if (extra)
        meta[n_meta++] = (struct st_meta){ "discern.training", extra->text };
    infer_sums_add(&sums, n, entry, n_meta, meta);
    if (sums.failed) {
        err_set(err, ERR_MEMORY, "%s: no memory to write a model", path);
        goto out;
    }
    meta[n_meta++] = (struct st_meta){ "discern.sums", str_text(&sums) };
    ok = st_write(path, n, entry, n_meta, meta, err);
out:
    free(prep);
    free(labels);
    free(calibration);
    free(entry);
    free(value);
    str_release(&graph);
    str_release(&sums);
    return ok;
}
