/*
 * update -- see update.h
 *
 * Most parameters are cut into stretches, which the pool updates in any order: each number's new
 * value depends on its own numbers alone.  Weights that the optimiser wants whole follow one after
 * another, each spread over the pool by the optimiser.
 */
#include "train/update.h"

#include "train/depth.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

enum { MOMENTS = 2 };

struct stretch {
    int entry;
    int64_t first, n; /* of the entry's numbers */
};

struct whole {
    int entry, rows, cols;
};

struct train_update {
    struct train_update_options opt;
    int64_t total;
    real *moment[MOMENTS], *scratch;
    bool *bias; /* a parameter each: a bias or a norm's */
    double *layer; /* a parameter each: what its layer multiplies the rate with */
    struct stretch *stretch;
    struct whole *whole;
    int n_stretch, n_whole;
};

static bool is_depthwise(const struct nn_type *t)
{
    return t->rank == 4 && t->dim[2].n == 1;
}

/* Whether the optimiser wants node's weight whole; then its rows and columns. */
static bool wants_whole(const struct nn_graph *g, int node, const struct train_optim *optim,
                        struct whole *w)
{
    const struct nn_type *t = &g->node[node].type;
    bool first = true, last = true;
    int64_t rows = 1;

    if (optim->matrices == TRAIN_NO_MATRICES || !train_is_weight(g, node))
        return false;
    for (int i = 0; i < node && first; i++)
        first = !train_is_weight(g, i);
    for (int i = node + 1; i < g->n && last; i++)
        last = !train_is_weight(g, i);
    if (optim->matrices == TRAIN_HIDDEN_MATRICES && (first || last || is_depthwise(t)))
        return false;
    for (int i = 0; i < t->rank - 1 && rows <= INT_MAX; i++)
        rows *= t->dim[i].n;
    w->rows = (int)rows;
    w->cols = t->dim[t->rank - 1].n;
    return rows <= INT_MAX;
}

/* Numbers of scratch memory that the largest of the whole weights takes. */
static int64_t scratch_of(const struct nn_graph *g, const struct train_optim *optim)
{
    int64_t most = 0;
    struct whole w;

    for (int i = 0; i < g->n && optim->scratch; i++)
        if (wants_whole(g, i, optim, &w) && optim->scratch(w.rows, w.cols) > most)
            most = optim->scratch(w.rows, w.cols);
    return most;
}

int64_t train_update_bytes(const struct nn_graph *g, int64_t total,
                           const struct train_optim *optim)
{
    return (int64_t)sizeof(real) * (total * optim->moments + scratch_of(g, optim));
}

/* Cuts entry e up, or lists it whole. */
static void add_entry(struct train_update *u, const struct nn_graph *g, const struct nn_params *p,
                      int e)
{
    struct whole w = { .entry = e };

    if (!p->trained[e])
        return;
    u->bias[e] = g->node[p->node[e]].type.rank < 2;
    if (wants_whole(g, p->node[e], u->opt.optim, &w)) {
        u->whole[u->n_whole++] = w;
        return;
    }
    for (int i = 0; i < train_stretches(p->count[e]); i++) {
        struct stretch *s = &u->stretch[u->n_stretch++];

        s->entry = e;
        s->n = train_stretch(p->count[e], i, &s->first);
    }
}

/* The rates of layers, as groups of them lie before the last one. */
static bool find_layers(struct train_update *u, const struct nn_graph *g,
                        const struct nn_params *p)
{
    int *depth = malloc(((size_t)g->n + 1) * sizeof *depth);

    u->layer = malloc(((size_t)p->n + 1) * sizeof *u->layer);
    if (!depth || !u->layer) {
        free(depth);
        return false;
    }
    train_depths(g, depth);
    for (int e = 0; e < p->n; e++)
        u->layer[e] = p->node[e] < g->n ? pow(u->opt.layer_rate, depth[p->node[e]]) : 1;
    free(depth);
    return true;
}

static real *zeros(int64_t n)
{
    return calloc(n ? (size_t)n : 1, sizeof(real));
}

struct train_update *train_update_new(const struct nn_graph *g, const struct nn_params *p,
                                      const struct train_update_options *opt, struct err *err)
{
    struct train_update *u = calloc(1, sizeof *u);
    size_t n = (size_t)p->n + 1, stretches = 1;
    bool ok = u;

    if (ok) {
        u->opt = *opt;
        u->total = p->total;
        for (int e = 0; e < p->n; e++)
            stretches += (size_t)train_stretches(p->count[e]);
        u->bias = calloc(n, sizeof *u->bias);
        u->whole = calloc(n, sizeof *u->whole);
        u->stretch = calloc(stretches, sizeof *u->stretch);
        u->scratch = zeros(scratch_of(g, opt->optim));
        ok = u->bias && u->whole && u->stretch && u->scratch && find_layers(u, g, p);
        for (int i = 0; i < opt->optim->moments && ok; i++)
            ok = (u->moment[i] = zeros(p->total));
    }
    if (!ok) {
        err_set(err, ERR_MEMORY, "no memory for the moments of %lld parameters",
                (long long)p->total);
        train_update_free(u);
        return NULL;
    }
    for (int e = 0; e < p->n; e++)
        add_entry(u, g, p, e);
    return u;
}

void train_update_free(struct train_update *u)
{
    if (!u)
        return;
    for (int i = 0; i < MOMENTS; i++)
        free(u->moment[i]);
    free(u->scratch);
    free(u->bias);
    free(u->layer);
    free(u->stretch);
    free(u->whole);
    free(u);
}

/* One update under way. */
struct run {
    struct train_update *u;
    struct nn_params *p;
    double rate;
    int64_t t;
};

static struct train_optim_step step_of(const struct run *r, int e)
{
    struct train_update *u = r->u;
    const struct train_update_options *o = &u->opt;
    double faster = u->bias[e] ? o->bias_rate : 1;
    struct train_optim_step s = {
        .k = o->kernels,
        .n = r->p->count[e],
        .t = r->t,
        .rate = r->rate * faster * u->layer[e],
        .momentum = o->momentum,
        .beta2 = o->beta2,
        .decay = u->bias[e] && !o->bias_decay ? 0 : o->decay / faster,
        .grad = r->p->grad + r->p->offset[e],
        .value = r->p->value + r->p->offset[e],
    };

    for (int i = 0; i < o->optim->moments; i++)
        s.moment[i] = u->moment[i] + r->p->offset[e];
    return s;
}

static void update_stretch(void *arg, int i, int worker)
{
    const struct run *r = arg;
    const struct stretch *at = &r->u->stretch[i];
    struct train_optim_step all = step_of(r, at->entry),
                            part = train_optim_part(&all, at->first, at->n);

    (void)worker;
    r->u->opt.optim->step(&part);
}

void train_update_run(struct train_update *u, struct nn_params *p, double rate, int64_t t)
{
    struct run r = { u, p, rate, t };

    pool_for(u->opt.pool, u->n_stretch, update_stretch, &r);
    for (int i = 0; i < u->n_whole; i++) {
        const struct whole *w = &u->whole[i];
        struct train_optim_step s = step_of(&r, w->entry);

        s.pool = u->opt.pool;
        s.rows = w->rows;
        s.cols = w->cols;
        s.scratch = u->scratch;
        u->opt.optim->matrix(&s);
    }
}

real *train_update_moment(struct train_update *u, int i)
{
    return i < u->opt.optim->moments ? u->moment[i] : NULL;
}
