/*
 * fold_batchnorm -- a batch-norm behind a convolution becomes part of its weights
 *
 * y = (conv(x, w) + b - mean) s + beta with s = gamma / sqrt(var + epsilon), so w' = w s for each
 * output channel and b' = (b - mean) s + beta.  Only where the batch-norm is the convolution's one
 * reader and the weights belong to it alone.  Computed in double.
 */
#include "nn/op/batchnorm.h"
#include "nn/op/conv2d.h"
#include "nn/pass/pass.h"
#include "nn/pass/rewrite.h"

#include <math.h>
#include <string.h>

enum { WEIGHT = 1, BIAS = 2 };                          /* inputs of conv2d */
enum { GAMMA = 1, BETA = 2, MEAN = 3, VAR = 4 };        /* inputs of batchnorm */

static const real *value_of(const struct nn_rewrite *w, int node)
{
    return w->p->value + w->p->offset[w->p->entry[node]];
}

/* Is batch-norm node i to be folded into the convolution that it reads? */
static bool folds(const struct nn_graph *g, const struct nn_params *p, const int *uses, int i)
{
    const struct nn_node *bn = &g->node[i], *conv;

    if (bn->op != &nn_op_batchnorm)
        return false;
    conv = &g->node[bn->in[0]];
    if (conv->op != &nn_op_conv2d || uses[bn->in[0]] != 1)
        return false;
    for (int k = 1; k < conv->n_in; k++)
        if (p->entry[conv->in[k]] < 0 || uses[conv->in[k]] != 1)
            return false;
    for (int k = 1; k < bn->n_in; k++)
        if (p->entry[bn->in[k]] < 0)
            return false;
    return true;
}

/* The convolution of batch-norm node i with its new weights; returns the new node. */
static int fold(struct nn_rewrite *w, int i)
{
    const struct nn_node *bn = &w->g->node[i], *conv = &w->g->node[bn->in[0]];
    const struct nn_bn *bn_attr = bn->attr;
    struct nn_conv2d attr = *(const struct nn_conv2d *)conv->attr;
    int64_t n = w->p->count[w->p->entry[conv->in[WEIGHT]]];
    const real *old_weight = value_of(w, conv->in[WEIGHT]);
    const real *old_bias = attr.bias ? value_of(w, conv->in[BIAS]) : NULL;
    const real *gamma = value_of(w, bn->in[GAMMA]), *beta = value_of(w, bn->in[BETA]);
    const real *mean = value_of(w, bn->in[MEAN]), *var = value_of(w, bn->in[VAR]);
    real *weight = arena_array(w->mem, (size_t)n, sizeof *weight);
    real *bias = arena_array(w->mem, (size_t)attr.channels, sizeof *bias);
    struct nn_param bias_attr = { .shape = { attr.channels } };
    const char *bias_name = arena_printf(w->mem, "%s.bias", conv->name);
    int in[3];

    if (!weight || !bias || !bias_name) {
        w->failed = !err_set(w->err, ERR_MEMORY, "no memory");
        return -1;
    }
    for (int64_t k = 0; k < n; k++) {
        int64_t c = k % attr.channels;

        weight[k] = (real)(old_weight[k] * (gamma[c] / sqrt((double)var[c] + bn_attr->epsilon)));
    }
    for (int c = 0; c < attr.channels; c++) {
        double s = gamma[c] / sqrt((double)var[c] + bn_attr->epsilon);

        bias[c] = (real)(((old_bias ? old_bias[c] : 0) - (double)mean[c]) * s + beta[c]);
    }
    if (attr.bias)
        bias_name = w->g->node[conv->in[BIAS]].name;
    for (int k = 2; bias_name && !attr.bias && nn_graph_find(w->g, bias_name) >= 0; k++)
        bias_name = arena_printf(w->mem, "%s.bias%d", conv->name, k);
    attr.bias = true;
    in[0] = w->map[conv->in[0]];
    in[WEIGHT] = nn_rewrite_add(w, &nn_op_param, w->g->node[conv->in[WEIGHT]].name,
                                w->g->node[conv->in[WEIGHT]].attr, 0, NULL, weight);
    in[BIAS] = nn_rewrite_add(w, &nn_op_param, bias_name, &bias_attr, 0, NULL, bias);
    return nn_rewrite_add(w, &nn_op_conv2d, conv->name, &attr, 3, in, NULL);
}

static bool run(const struct nn_graph *g, const struct nn_params *p, struct nn_graph **g2,
                struct nn_params **p2, struct err *err)
{
    struct nn_rewrite w;
    bool *skip;
    int *uses;

    if (!nn_rewrite_begin(&w, g, p, err))
        return false;
    skip = arena_array(w.mem, (size_t)g->n + 1, sizeof *skip);
    uses = arena_array(w.mem, (size_t)g->n + 1, sizeof *uses);
    if (!skip || !uses) {
        w.failed = !err_set(err, ERR_MEMORY, "no memory");
        return nn_rewrite_end(&w, g2, p2);
    }
    nn_graph_uses(g, uses);
    for (int i = 0; i < g->n; i++)
        if (folds(g, p, uses, i)) {
            const struct nn_node *conv = &g->node[g->node[i].in[0]];

            skip[g->node[i].in[0]] = true;
            for (int k = 1; k < conv->n_in; k++)
                skip[conv->in[k]] = true;
        }
    for (int i = 0; i < g->n; i++) {
        if (folds(g, p, uses, i))
            w.map[i] = fold(&w, i);
        else if (!skip[i])
            nn_rewrite_copy(&w, i);
    }
    return nn_rewrite_end(&w, g2, p2);
}

const struct nn_pass nn_pass_fold_batchnorm = {
    .name = "fold_batchnorm", .run = run,
    .doc = "a batch-norm behind a convolution becomes part of its weights",
};
