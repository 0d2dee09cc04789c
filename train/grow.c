/*
 * grow -- see grow.h
 */
#include "train/grow.h"

#include "nn/op/input.h"

#include <math.h>

#define GROWN 0.75 /* of the training, when pictures have their full size */

/* Sides differ from the full one by multiples of what networks divide them by, where there is room
 * for a few: a side that does not divide leaves the last row of a layer half empty. */
static int step_of(int full)
{
    return full >= 128 ? 32 : full >= 64 ? 16 : 4;
}

int train_grow_side(double share, int full, double done)
{
    int step = step_of(full), begin = (int)ceil(share * full - 1e-9), grown;
    int steps = begin < full ? (full - (begin < 1 ? 1 : begin)) / step : 0;

    if (done >= GROWN)
        return full;
    grown = (int)(done / GROWN * steps + 1e-9); /* an epoch at a boundary is past it */
    return full - step * (steps - grown);
}

struct nn_graph *train_grow_graph(const struct nn_graph *g, int height, int width, struct err *err)
{
    struct nn_graph *copy = nn_graph_new(err);
    int image = nn_graph_find_input(g, "image");
    bool ok = copy;

    for (int i = 0; ok && i < g->n; i++) {
        const struct nn_node *node = &g->node[i];
        const void *attr = node->attr;
        struct nn_input in;

        if (i == image) {
            in = *(const struct nn_input *)attr;
            in.shape[0] = height;
            in.shape[1] = width;
            attr = &in;
        }
        ok = nn_graph_add(copy, node->op, node->name, attr, node->n_in, node->in, err) >= 0;
    }
    for (int i = 0; ok && i < g->n_output; i++)
        ok = nn_graph_output(copy, g->output[i].name, g->output[i].node, err);
    if (ok)
        return copy;
    nn_graph_free(copy);
    if (err->kind == ERR_INPUT)
        err->kind = ERR_UNSUPPORTED;
    err_in(err, "the network cannot see pictures of %dx%d", width, height);
    return NULL;
}
