/*
 * probe_use -- see probe.h: what stands before a fit and behind it
 */
#include "infer/calibration.h"
#include "infer/embed/cut.h"
#include "infer/embed/probe.h"
#include "nn/base/rng.h"

#include <math.h>
#include <stdlib.h>

void infer_probe_targets(const struct data_index *x, float *out)
{
    for (int i = 0; i < x->n; i++)
        for (int l = 0; l < x->n_labels; l++)
            *out++ = x->sample[i].mark ? x->sample[i].mark[l] : x->sample[i].label == l;
}

struct place {
    int kind, drawn, row;
};

static int by_kind(const void *pa, const void *pb)
{
    const struct place *a = pa, *b = pb;

    return a->kind != b->kind ? (a->kind > b->kind) - (a->kind < b->kind)
                              : (a->drawn > b->drawn) - (a->drawn < b->drawn);
}

bool infer_probe_share_out(int n, const int *kind, const bool *use, int folds, uint64_t seed,
                           int *fold)
{
    struct place *place = malloc(((size_t)n + 1) * sizeof *place);
    uint32_t *order = malloc(((size_t)n + 1) * sizeof *order);
    bool ok = place && order;
    int used = 0;

    if (ok)
        rng_shuffle(seed, rng_stream(RNG_SPLIT, 0), (uint32_t)n, order);
    for (int i = 0; ok && i < n; i++) {
        fold[i] = -1;
        if (!use || use[i])
            place[used++] = (struct place){ kind[i], (int)order[i], i };
    }
    if (ok)
        qsort(place, (size_t)used, sizeof *place, by_kind);
    for (int i = 0; ok && i < used; i++)
        fold[place[i].row] = i % folds;
    free(place);
    free(order);
    return ok;
}

void infer_probe_ask(const struct infer_probe *p, int n, const float *row, float *probability)
{
    for (int i = 0; i < n; i++, row += p->width, probability += p->n_labels) {
        double most = -INFINITY, all = 0;

        for (int l = 0; l < p->n_labels; l++) {
            const float *w = p->weight + (size_t)l * (size_t)p->width;
            double u = (double)p->bias[l];

            for (int k = 0; k < p->width; k++)
                u += (double)w[k] * (double)row[k];
            probability[l] = (float)u;
            most = fmax(most, u);
        }
        for (int l = 0; l < p->n_labels; l++)
            all += exp((double)probability[l] - most);
        for (int l = 0; l < p->n_labels; l++)
            probability[l] = (float)(p->task == DATA_MULTI
                                         ? infer_sigmoid((double)probability[l])
                                         : exp((double)probability[l] - most) / all);
    }
}

static real *value_of(const struct nn_params *p, int node)
{
    return p->value + p->offset[p->entry[node]];
}

bool infer_probe_put(const struct infer_probe *p, const struct nn_graph *g, struct nn_params *to,
                     struct err *err)
{
    struct infer_cut cut;
    const struct nn_node *layer;

    if (!infer_cut_find(g, &cut, err))
        return false;
    if (!cut.alone || cut.width != p->width ||
        g->node[nn_graph_find_output(g, "logits")].type.dim[1].n != p->n_labels)
        return err_set(err, ERR_UNSUPPORTED, "the network does not end in one linear layer with a "
                       "bias, of %d numbers and %d labels", p->width, p->n_labels);
    layer = &g->node[cut.layer[0]];
    nn_params_from_file(g, layer->in[1], p->weight, value_of(to, layer->in[1]));
    nn_params_from_file(g, layer->in[2], p->bias, value_of(to, layer->in[2]));
    return true;
}
