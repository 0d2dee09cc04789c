/*
 * made -- see made.h
 */
#include "nn/io/onnx_in/made.h"

#include "nn/op/reshape.h"

#include <stdio.h>

const struct nn_node *nn_onnx_node_of(const struct nn_rewrite *w, int id)
{
    return &w->g2->node[id];
}

int nn_onnx_made(struct nn_rewrite *w, const struct nn_op *op, const void *attr, int n_in,
                 const int *in)
{
    char name[48];

    for (int k = w->g2->n;; k++) {
        snprintf(name, sizeof name, "%.24s%d", op->name, k);
        if (nn_graph_find(w->g, name) < 0 && nn_graph_find(w->g2, name) < 0)
            return nn_rewrite_add(w, op, name, attr, n_in, in, NULL);
    }
}

int nn_onnx_reshaped(struct nn_rewrite *w, int id, int first, int rank, const int *dim)
{
    const struct nn_type *x = id < 0 ? NULL : &nn_onnx_node_of(w, id)->type;
    bool other = x && x->dim[0].n != first, same = x && !other && x->rank == rank + 1;
    struct nn_reshape a = { .batch = other ? first : 0 };

    for (int d = 0; x && d < rank; d++) {
        a.shape[d] = dim[d];
        same &= d + 1 < x->rank && x->dim[d + 1].n == dim[d];
    }
    if (!x || same)
        return id;
    if (rank == 1 && !other)
        return nn_onnx_made(w, &nn_op_flatten, NULL, 1, &id);
    return nn_onnx_made(w, &nn_op_reshape, &a, 1, &id);
}

int nn_onnx_linear_of(struct nn_rewrite *w, const struct nn_onnx_trace *t)
{
    const struct nn_node *l = nn_onnx_node_of(w, t->linear);
    int in[NN_MAX_IN] = { t->base };

    for (int i = 1; i < l->n_in; i++)
        in[i] = l->in[i];
    return nn_onnx_made(w, l->op, l->attr, l->n_in, in);
}
