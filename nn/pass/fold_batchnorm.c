/*
 * fold_batchnorm -- a batch-norm behind a convolution becomes part of its weights
 *
 * y = (conv(x, w) + b - mean) s + beta with s = gamma / sqrt(var + epsilon), so w' = w s for each
 * output channel and b' = (b - mean) s + beta.  Only where the batch-norm is the convolution's one
 * reader and the weights belong to it alone.  Computed in double, when the values are made.
 */
#include "nn/op/batchnorm.h"
#include "nn/op/conv2d.h"
#include "nn/pass/pass.h"
#include "nn/pass/rewrite.h"

#include <math.h>
#include <stdlib.h>

enum { WEIGHT = 1, BIAS = 2 };                          /* inputs of conv2d */
enum { GAMMA = 1, BETA = 2, MEAN = 3, VAR = 4 };        /* inputs of batchnorm */

/* Weights or bias of a convolution with what a batch-norm does. */
struct folded {
    struct nn_value value;
    const struct nn_value *of;          /* the convolution's own; NULL: it has no bias */
    const struct nn_value *norm[5];     /* the batch-norm's, by its inputs */
    int channels;
    double epsilon;
};

/* scale[c] = gamma / sqrt(var + epsilon); room: what the batch-norm's values may be made in. */
static bool make_scale(const struct folded *f, real *room, double *scale, struct err *err)
{
    const real *gamma = nn_value_at(f->norm[GAMMA], room, err);
    const real *var = gamma ? nn_value_at(f->norm[VAR], room + f->channels, err) : NULL;

    for (int c = 0; var && c < f->channels; c++)
        scale[c] = gamma[c] / sqrt((double)var[c] + f->epsilon);
    return var;
}

/* Room for so many vectors of channels, and the scale behind it. */
static real *new_room(const struct folded *f, size_t vectors, double **scale, struct err *err)
{
    size_t n = (size_t)f->channels, bytes = (vectors * n * sizeof(real) + 7) / 8 * 8;
    char *room = malloc(bytes + n * sizeof **scale);

    if (!room)
        err_set(err, ERR_MEMORY, "no memory for %d channels", f->channels);
    else
        *scale = (double *)(room + bytes);
    return (real *)room;
}

static bool make_weight(const struct nn_value *v, real *out, struct err *err)
{
    const struct folded *f = (const struct folded *)v;
    double *scale = NULL;
    real *room = new_room(f, 2, &scale, err);
    const real *from = NULL;

    if (room && make_scale(f, room, scale, err))
        from = nn_value_at(f->of, out, err);
    for (int64_t k = 0; from && k < v->count; k += f->channels)
        for (int c = 0; c < f->channels; c++)
            out[k + c] = (real)(from[k + c] * scale[c]);
    free(room);
    return from;
}

static bool make_bias(const struct nn_value *v, real *out, struct err *err)
{
    const struct folded *f = (const struct folded *)v;
    double *scale = NULL;
    real *room = new_room(f, 2, &scale, err);
    const real *mean = NULL, *beta = NULL, *from = NULL;
    bool ok = room && make_scale(f, room, scale, err) &&
              (mean = nn_value_at(f->norm[MEAN], room, err)) &&
              (beta = nn_value_at(f->norm[BETA], room + f->channels, err)) &&
              (!f->of || (from = nn_value_at(f->of, out, err)));

    for (int c = 0; ok && c < f->channels; c++)
        out[c] = (real)(((from ? from[c] : 0) - (double)mean[c]) * scale[c] + beta[c]);
    free(room);
    return ok;
}

/* The value of `count` numbers that are made so; NULL: memory is out. */
static const struct nn_value *folded(struct nn_rewrite *w, int bn, int64_t count,
                                     const struct nn_value *of,
                                     bool (*make)(const struct nn_value *, real *, struct err *))
{
    const struct nn_node *node = &w->g->node[bn];
    struct folded *f = arena_alloc(w->mem, sizeof *f);

    if (!f)
        return NULL;
    *f = (struct folded){ .value = { .count = count, .make = make }, .of = of,
                          .channels = (int)w->v->of[node->in[GAMMA]]->count,
                          .epsilon = ((const struct nn_bn *)node->attr)->epsilon };
    for (int k = GAMMA; k <= VAR; k++)
        f->norm[k] = w->v->of[node->in[k]];
    return &f->value;
}

/* Is batch-norm node i to be folded into the convolution that it reads? */
static bool folds(const struct nn_graph *g, const struct nn_values *v, const int *uses, int i)
{
    const struct nn_node *bn = &g->node[i], *conv;

    if (bn->op != &nn_op_batchnorm)
        return false;
    conv = &g->node[bn->in[0]];
    if (conv->op != &nn_op_conv2d || uses[bn->in[0]] != 1)
        return false;
    for (int k = 1; k < conv->n_in; k++)
        if (!v->of[conv->in[k]] || uses[conv->in[k]] != 1)
            return false;
    for (int k = 1; k < bn->n_in; k++)
        if (!v->of[bn->in[k]])
            return false;
    return true;
}

/* The convolution of batch-norm node i with its new weights; returns the new node. */
static int fold(struct nn_rewrite *w, int i)
{
    const struct nn_node *bn = &w->g->node[i], *conv = &w->g->node[bn->in[0]];
    struct nn_conv2d attr = *(const struct nn_conv2d *)conv->attr;
    const struct nn_value *old = w->v->of[conv->in[WEIGHT]];
    const struct nn_value *weight = folded(w, i, old->count, old, make_weight);
    const struct nn_value *bias = folded(w, i, attr.channels,
                                         attr.bias ? w->v->of[conv->in[BIAS]] : NULL, make_bias);
    struct nn_param bias_attr = { .shape = { attr.channels } };
    const char *bias_name = arena_printf(w->mem, "%s.bias", conv->name);
    int in[3];

    if (!weight || !bias || !bias_name) {
        w->failed = !err_set(w->err, ERR_MEMORY, "no memory");
        return -1;
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

static bool run(const struct nn_graph *g, const struct nn_values *v, struct nn_graph **g2,
                struct nn_values *v2, struct err *err)
{
    struct nn_rewrite w;
    bool *skip;
    int *uses;

    if (!nn_rewrite_begin(&w, g, v, err))
        return false;
    skip = arena_array(w.mem, (size_t)g->n + 1, sizeof *skip);
    uses = arena_array(w.mem, (size_t)g->n + 1, sizeof *uses);
    if (!skip || !uses) {
        w.failed = !err_set(err, ERR_MEMORY, "no memory");
        return nn_rewrite_end(&w, g2, v2);
    }
    nn_graph_uses(g, uses);
    for (int i = 0; i < g->n; i++)
        if (folds(g, v, uses, i)) {
            const struct nn_node *conv = &g->node[g->node[i].in[0]];

            skip[g->node[i].in[0]] = true;
            for (int k = 1; k < conv->n_in; k++)
                skip[conv->in[k]] = true;
        }
    for (int i = 0; i < g->n; i++) {
        if (folds(g, v, uses, i))
            w.map[i] = fold(&w, i);
        else if (!skip[i])
            nn_rewrite_copy(&w, i);
    }
    return nn_rewrite_end(&w, g2, v2);
}

const struct nn_pass nn_pass_fold_batchnorm = {
    .name = "fold_batchnorm", .run = run,
    .doc = "a batch-norm behind a convolution becomes part of its weights",
};
