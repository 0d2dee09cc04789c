/*
 * model -- see model.h: what makes a model, wherever it comes from
 */
#include "infer/model.h"
#include "infer/model_file.h"
#include "nn/base/str.h"

#include <stdlib.h>
#include <string.h>

static int by_text(const void *pa, const void *pb)
{
    const char *const *a = pa, *const *b = pb;

    return strcmp(*a, *b);
}

static bool is_utf8(const char *text, struct err *err)
{
    struct str clean = { 0 };

    if (str_is_utf8(text))
        return true;
    str_utf8(&clean, text);
    err_set(err, ERR_INPUT, "\"%.100s\" is not UTF-8", str_text(&clean));
    str_release(&clean);
    return false;
}

static bool check_labels(int n, const char *const *label, enum data_task task, struct err *err)
{
    const char **sorted;
    bool ok = true;

    if (n < (task == DATA_MULTI ? 1 : 2))
        return err_set(err, ERR_INPUT, "%d labels: a model needs %s", n,
                       task == DATA_MULTI ? "one" : "two");
    for (int i = 0; i < n; i++) {
        if (!label[i][0])
            return err_set(err, ERR_INPUT, "label %d is empty", i);
        if (!is_utf8(label[i], err))
            return err_in(err, "label %d", i);
    }
    sorted = malloc((size_t)n * sizeof *sorted);
    if (!sorted)
        return err_set(err, ERR_MEMORY, "no memory for %d labels", n);
    memcpy(sorted, label, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    for (int i = 1; ok && i < n; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            ok = err_set(err, ERR_INPUT, "two labels are called \"%.100s\"", sorted[i]);
    free(sorted);
    return ok;
}

static bool check_type(const struct nn_graph *g, int node, const struct nn_type *want,
                       const char *what, struct err *err)
{
    struct str is = { 0 }, should = { 0 };

    if (nn_type_equal(&g->node[node].type, want))
        return true;
    nn_type_text(&g->node[node].type, &is);
    nn_type_text(want, &should);
    err_set(err, ERR_INPUT, "graph: %s is %s, should be %s", what, str_text(&is),
            str_text(&should));
    str_release(&is);
    str_release(&should);
    return false;
}

/* The graph takes the pictures that the preparation makes, and answers for every label. */
static bool check_graph(const struct nn_graph *g, const struct data_prep *prep, int n_labels,
                        struct err *err)
{
    struct nn_type image = { DTYPE_F32,
                             4,
                             { { 1, 1 },
                               { prep->size[0], 0 },
                               { prep->size[1], 0 },
                               { data_prep_channels(prep), 0 } } };
    struct nn_type logits = { DTYPE_F32, 2, { { 1, 1 }, { n_labels, 0 } } };
    int in = nn_graph_find_input(g, "image"), out = nn_graph_find_output(g, "logits");

    if (in < 0)
        return err_set(err, ERR_INPUT, "graph: has no input \"image\"");
    if (out < 0)
        return err_set(err, ERR_INPUT, "graph: has no output \"logits\"");
    for (int i = 0; i < g->n; i++) {
        if (g->node[i].op == &nn_op_input && i != in)
            return err_set(err, ERR_INPUT, "graph: \"%.100s\" is a second input", g->node[i].name);
        if (g->node[i].op->flags & NN_OP_LOSS)
            return err_set(err, ERR_INPUT,
                           "graph: \"%.100s\" is a loss, which is for training only",
                           g->node[i].name);
        if (!strncmp(g->node[i].name, MODEL_TRAINING, sizeof MODEL_TRAINING - 1))
            return err_set(err, ERR_INPUT,
                           "graph: \"%.100s\": names that begin with \"" MODEL_TRAINING
                           "\" are taken by checkpoints",
                           g->node[i].name);
    }
    return check_type(g, in, &image, "input \"image\"", err) &&
           check_type(g, out, &logits, "output \"logits\"", err);
}

struct infer_model *infer_model_new(struct nn_graph *graph, struct nn_params *params,
                                    const struct data_prep *prep, enum data_task task, int n_labels,
                                    const char *const *label, const char *arch, struct err *err)
{
    struct infer_model *m = NULL;

    if (!field_check(data_prep_fields, prep, err)) {
        err_in(err, "preparation");
        return NULL;
    }
    if (!check_labels(n_labels, label, task, err) || !check_graph(graph, prep, n_labels, err))
        return NULL;
    if (!is_utf8(arch, err)) {
        err_in(err, "architecture");
        return NULL;
    }
    m = calloc(1, sizeof *m);
    if (m)
        m->mem = arena_new();
    if (!m || !m->mem)
        goto fail;
    m->prep = *prep;
    m->task = task;
    m->n_labels = n_labels;
    m->label = arena_array(m->mem, (size_t)n_labels, sizeof *m->label);
    m->arch = arena_str(m->mem, arch);
    m->provenance = "{}";
    if (!m->label || !m->arch)
        goto fail;
    for (int i = 0; i < n_labels; i++) {
        m->label[i] = arena_str(m->mem, label[i]);
        if (!m->label[i])
            goto fail;
    }
    m->graph = graph;
    m->params = params;
    return m;
fail:
    infer_model_free(m);
    err_set(err, ERR_MEMORY, "no memory for a model");
    return NULL;
}

bool infer_model_calibrate(struct infer_model *m, const struct infer_calibration *c,
                           struct err *err)
{
    struct infer_calibration *copy = c ? infer_calibration_copy(c, m->n_labels, m->mem) : NULL;

    if (c && !copy)
        return err_set(err, ERR_MEMORY, "no memory for a calibration");
    m->calibration = copy;
    return true;
}

bool infer_model_threshold(struct infer_model *m, double threshold, struct err *err)
{
    struct infer_calibration c = m->calibration ? *m->calibration : infer_calibration_none();
    double *all = arena_array(m->mem, (size_t)m->n_labels, sizeof *all);

    if (!all)
        return err_set(err, ERR_MEMORY, "no memory for %d thresholds", m->n_labels);
    for (int l = 0; l < m->n_labels; l++)
        all[l] = threshold;
    c.threshold = all;
    c.goal = INFER_GOAL_NONE;
    return infer_model_calibrate(m, &c, err);
}

int infer_model_label(const struct infer_model *m, const char *name)
{
    for (int l = 0; l < m->n_labels; l++)
        if (!strcmp(m->label[l], name))
            return l;
    return -1;
}

void infer_model_free(struct infer_model *m)
{
    if (!m)
        return;
    nn_graph_free(m->graph);
    nn_params_free(m->params);
    arena_free(m->mem);
    free(m);
}
