/*
 * rewrite -- see rewrite.h
 */
#include "nn/pass/rewrite.h"

#include "nn/op/batchnorm.h"

#include <string.h>

bool nn_rewrite_begin(struct nn_rewrite *w, const struct nn_graph *g, const struct nn_values *v,
                      struct err *err)
{
    *w = (struct nn_rewrite){ .g = g, .v = v, .mem = v->mem, .err = err };
    w->map = arena_array(w->mem, (size_t)g->n + 1, sizeof *w->map);
    w->room = g->n + NN_MAX_IN;
    w->value = arena_array(w->mem, (size_t)w->room, sizeof *w->value);
    if (!w->map || !w->value)
        return err_set(err, ERR_MEMORY, "pass: no memory");
    for (int i = 0; i < g->n; i++)
        w->map[i] = -1;
    w->g2 = nn_graph_new(err);
    w->failed = !w->g2;
    return true;
}

/* Room for a node more; false: an error is set. */
static bool make_room(struct nn_rewrite *w)
{
    const struct nn_value **more;

    if (w->g2->n < w->room)
        return true;
    more = arena_array(w->mem, 2 * (size_t)w->room, sizeof *more);
    if (!more)
        return err_set(w->err, ERR_MEMORY, "pass: no memory");
    memcpy(more, w->value, (size_t)w->room * sizeof *more);
    w->value = more;
    w->room *= 2;
    return true;
}

int nn_rewrite_add(struct nn_rewrite *w, const struct nn_op *op, const char *name, const void *attr,
                   int n_in, const int *in, const struct nn_value *value)
{
    int id;

    if (w->failed)
        return -1;
    id = make_room(w) ? nn_graph_add(w->g2, op, name, attr, n_in, in, w->err) : -1;
    if (id < 0)
        w->failed = true;
    else
        w->value[id] = value;
    return id;
}

int nn_rewrite_copy(struct nn_rewrite *w, int old)
{
    const struct nn_node *node = &w->g->node[old];
    int in[NN_MAX_IN];

    for (int k = 0; k < node->n_in; k++)
        in[k] = w->map[node->in[k]];
    w->map[old] = nn_rewrite_add(w, node->op, node->name, node->attr, node->n_in, in,
                                 w->v->of[old]);
    return w->map[old];
}

int nn_rewrite_numbers(struct nn_rewrite *w, const char *name, int n, const double *number,
                       double all)
{
    struct nn_param attr = { .shape = { n } };
    real *copy = arena_array(w->mem, (size_t)n, sizeof *copy);
    const struct nn_value *value = copy ? nn_value_of(w->mem, n, copy) : NULL;

    if (!value) {
        w->failed = true;
        err_set(w->err, ERR_MEMORY, "pass: no memory");
        return -1;
    }
    for (int i = 0; i < n; i++)
        copy[i] = (real)(number ? number[i] : all);
    return nn_rewrite_add(w, &nn_op_param, name, &attr, 0, NULL, value);
}

int nn_rewrite_affine(struct nn_rewrite *w, const char *name, int x, int n, const double *factor,
                      const double *summand)
{
    static const char *const suffix[] = { "weight", "bias", "running_mean", "running_var" };
    static const struct nn_bn norm = { .epsilon = 1e-12 };      /* which no float sees */
    const double *number[] = { factor, summand, NULL, NULL };
    int in[5] = { x };

    for (int i = 0; i < 4; i++) {
        const char *text = name ? arena_printf(w->mem, "%s.%s", name, suffix[i]) : NULL;

        in[1 + i] = nn_rewrite_numbers(w, text, n, number[i], i == 3);
    }
    return nn_rewrite_add(w, &nn_op_batchnorm, name, &norm, 5, in, NULL);
}

bool nn_rewrite_end(struct nn_rewrite *w, struct nn_graph **g2, struct nn_values *v2)
{
    for (int i = 0; i < w->g->n_output && !w->failed; i++)
        w->failed = !nn_graph_output(w->g2, w->g->output[i].name, w->map[w->g->output[i].node],
                                     w->err);
    if (w->failed || !nn_graph_check(w->g2, w->err)) {
        nn_graph_free(w->g2);
        return false;
    }
    *g2 = w->g2;
    *v2 = (struct nn_values){ w->mem, w->value };
    return true;
}
