/*
 * rewrite -- see rewrite.h
 */
#include "nn/pass/rewrite.h"

#include <string.h>

bool nn_rewrite_begin(struct nn_rewrite *w, const struct nn_graph *g, const struct nn_params *p,
                      struct err *err)
{
    *w = (struct nn_rewrite){ .g = g, .p = p, .err = err };
    w->mem = arena_new();
    if (w->mem) {
        w->map = arena_array(w->mem, (size_t)g->n + 1, sizeof *w->map);
        w->value = arena_array(w->mem, 2 * (size_t)g->n + NN_MAX_IN + 1, sizeof *w->value);
    }
    if (!w->mem || !w->map || !w->value) {
        arena_free(w->mem);
        w->mem = NULL;
        return err_set(err, ERR_MEMORY, "pass: no memory");
    }
    for (int i = 0; i < g->n; i++)
        w->map[i] = -1;
    w->g2 = nn_graph_new(err);
    w->failed = !w->g2;
    return true;
}

int nn_rewrite_add(struct nn_rewrite *w, const struct nn_op *op, const char *name, const void *attr,
                   int n_in, const int *in, const real *value)
{
    int id;

    if (w->failed)
        return -1;
    id = nn_graph_add(w->g2, op, name, attr, n_in, in, w->err);
    if (id < 0)
        w->failed = true;
    else
        w->value[id] = value;
    return id;
}

int nn_rewrite_copy(struct nn_rewrite *w, int old)
{
    const struct nn_node *node = &w->g->node[old];
    int in[NN_MAX_IN], entry = w->p->entry[old];

    for (int k = 0; k < node->n_in; k++)
        in[k] = w->map[node->in[k]];
    w->map[old] = nn_rewrite_add(w, node->op, node->name, node->attr, node->n_in, in,
                                 entry < 0 ? NULL : w->p->value + w->p->offset[entry]);
    return w->map[old];
}

bool nn_rewrite_end(struct nn_rewrite *w, struct nn_graph **g2, struct nn_params **p2)
{
    struct nn_params *p = NULL;

    for (int i = 0; i < w->g->n_output && !w->failed; i++)
        w->failed = !nn_graph_output(w->g2, w->g->output[i].name, w->map[w->g->output[i].node],
                                     w->err);
    if (!w->failed && nn_graph_check(w->g2, w->err))
        p = nn_params_new(w->g2, false, w->err);
    if (p) {
        for (int e = 0; e < p->n; e++)
            memcpy(p->value + p->offset[e], w->value[p->node[e]],
                   (size_t)p->count[e] * sizeof(real));
        *g2 = w->g2;
        *p2 = p;
    } else {
        nn_graph_free(w->g2);
    }
    arena_free(w->mem);
    return p != NULL;
}
