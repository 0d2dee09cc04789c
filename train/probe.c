/*
 * probe -- see probe.h
 */
#include "train/probe.h"

#include "infer/cut.h"
#include "infer/probe.h"

#include <stdlib.h>

bool train_probe_see(struct train_session *t, struct infer_features *f, struct err *err)
{
    struct infer_network_options how = { .task = t->index->task, .isa = t->cfg->isa,
                                         .precision = NN_PRECISION_FP32, .pool = t->pool,
                                         .features = true };
    struct infer_evaluate_options looks = { .threads = t->cfg->threads,
                                            .decode = t->run->decode,
                                            .bad = train_session_bad_file,
                                            .bad_ctx = t };
    struct infer_network *n = infer_network_of(t->model->graph, t->start, &how, err);
    struct infer_predictor *q =
        n ? infer_predictor_of(n, TRAIN_VAL_BATCH, t->cfg->threads, err) : NULL;
    bool ok = q && infer_features_of(q, t->parts.train, &t->prep, &looks, f, err);

    infer_predictor_free(q);
    infer_network_free(n);
    return ok;
}

static bool fit(struct train_session *t, const struct infer_features *f, struct infer_probe *out,
                struct err *err)
{
    const struct data_index *x = t->parts.train;
    struct infer_probe_data d = { .task = x->task, .n = f->n, .width = f->width,
                                  .n_labels = x->n_labels, .row = f->row, .use = f->read };
    struct infer_probe_options how = { .seed = (uint64_t)t->cfg->seed, .pool = t->pool };
    float *target = calloc((size_t)x->n * (size_t)x->n_labels + 1, sizeof *target);
    bool ok = target || err_set(err, ERR_MEMORY, "no memory for the labels of %d pictures", x->n);

    if (ok) {
        infer_probe_targets(x, target);
        d.target = target;
        ok = infer_probe_fit(&d, &how, out, err);
    }
    free(target);
    return ok;
}

/* The layer's filters lie [inputs,labels], the probe's [labels,inputs]. */
static void put(struct train_session *t, int layer, const struct infer_probe *p)
{
    enum { WEIGHT = 1, BIAS = 2 };
    const struct nn_node *node = &t->model->graph->node[layer];
    struct nn_params *to = t->start;
    real *weight = to->value + to->offset[to->entry[node->in[WEIGHT]]];
    real *bias = to->value + to->offset[to->entry[node->in[BIAS]]];

    for (int l = 0; l < p->n_labels; l++) {
        for (int i = 0; i < p->width; i++)
            weight[(int64_t)i * p->n_labels + l] = (real)p->weight[(int64_t)l * p->width + i];
        bias[l] = (real)p->bias[l];
    }
}

static void tell(struct train_session *t, const struct infer_probe *p)
{
    struct str text = { 0 };

    str_printf(&text, "probe: the last layer begins as the linear classifier of %d pictures by the "
               "%d numbers that the network makes of each", p->n, p->width);
    if (p->folds)
        str_printf(&text, "; of those held out of it, %d parts in turn, %.1f %% %s", p->folds,
                   p->tried[p->best].right,
                   p->task == DATA_SINGLE ? "are right" : "of the labels are right");
    train_session_say(t, str_text(&text));
    str_release(&text);
}

bool train_probe_fits(const struct nn_graph *g, bool *fits, struct err *err)
{
    struct infer_cut cut;

    *fits = false;
    if (!infer_cut_find(g, &cut, err))
        return false;
    *fits = cut.alone;
    return true;
}

bool train_probe(struct train_session *t, struct err *err)
{
    struct infer_features f = { 0 };
    struct infer_probe p = { 0 };
    struct infer_cut cut;
    bool ok = infer_cut_find(t->model->graph, &cut, err);

    if (ok && !cut.alone)
        ok = err_set(err, ERR_UNSUPPORTED, "probe: the answer of %s is not what one linear layer "
                     "with a bias says; --probe no begins without", t->arch);
    ok = ok && train_probe_see(t, &f, err) && fit(t, &f, &p, err);
    if (ok) {
        put(t, cut.layer[0], &p);
        tell(t, &p);
    }
    infer_features_release(&f);
    infer_probe_release(&p);
    return ok;
}
