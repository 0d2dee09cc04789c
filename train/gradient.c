/*
 * gradient -- see gradient.h
 */
#include "train/gradient.h"

#include "train/optim/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 1 << 16 }; /* numbers between two that are trained, which are not worth a span */

bool train_gradient_find(struct train_gradient *s, const struct nn_params *p)
{
    struct train_span *at = calloc((size_t)p->n + 1, sizeof *at);
    int64_t end = 0;

    *s = (struct train_gradient){ .span = at };
    if (!at)
        return false;
    for (int e = 0; e < p->n; e++) {
        if (!p->trained[e])
            continue;
        if (p->offset[e] - end > FEW) {
            at += at->n > 0;
            at->first = p->offset[e];
        }
        end = p->offset[e] + p->count[e];
        at->n = end - at->first;
    }
    if (p->total - end <= FEW)
        at->n = p->total - at->first;
    s->n = (int)(at - s->span) + 1;
    return true;
}

void train_gradient_release(struct train_gradient *s)
{
    free(s->span);
    *s = (struct train_gradient){ .span = NULL };
}

int64_t train_gradient_numbers(const struct nn_graph *g)
{
    int64_t n = 0, between = 0;

    for (int i = 0; i < g->n; i++) {
        const struct nn_node *node = &g->node[i];
        bool param = node->op == &nn_op_param;
        struct shape s;

        if ((!param && node->op != &nn_op_const) || !nn_type_shape(&node->type, 1, &s))
            continue;
        if (param && !((const struct nn_param *)node->attr)->buffer) {
            n += shape_count(&s) + (between <= FEW ? between : 0);
            between = 0;
        } else {
            between += shape_count(&s);
        }
    }
    return n + (between <= FEW ? between : 0);
}

void train_gradient_clear(const struct train_gradient *s, struct nn_params *p)
{
    for (int i = 0; i < s->n; i++)
        memset(p->grad + s->span[i].first, 0, (size_t)s->span[i].n * sizeof *p->grad);
}

struct scale {
    const struct nn_kernels *k;
    int64_t n;
    double factor;
    real *grad;
};

static void scale_stretch(void *arg, int i, int worker)
{
    const struct scale *s = arg;
    int64_t first, n = train_stretch(s->n, i, &first);
    real *g = s->grad + first;

    (void)worker;
    s->k->mix_f32(n, (real)s->factor, 0, g, g);
}

void train_gradient_scale(const struct train_gradient *s, struct nn_params *p, double factor,
                          const struct nn_kernels *k, struct pool *pool)
{
    for (int i = 0; i < s->n && factor != 1; i++) {
        struct scale how = { k, s->span[i].n, factor, p->grad + s->span[i].first };

        pool_for(pool, train_stretches(how.n), scale_stretch, &how);
    }
}

double train_gradient_length(const struct train_gradient *s, const struct nn_params *p,
                             const struct nn_kernels *k, struct pool *pool)
{
    double sum = 0;

    for (int i = 0; i < s->n; i++)
        sum += train_sumsq(k, pool, s->span[i].n, p->grad + s->span[i].first);
    return sqrt(sum);
}
