/*
 * grow -- see grow.h
 */
#include "train/grow.h"

#include "nn/op/input.h"
#include "train/remake.h"

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

struct size {
    int image, height, width;
    struct nn_input in;
};

static const void *sized(void *ctx, const struct nn_graph *g, int i)
{
    struct size *s = ctx;

    if (i != s->image)
        return g->node[i].attr;
    s->in = *(const struct nn_input *)g->node[i].attr;
    s->in.shape[0] = s->height;
    s->in.shape[1] = s->width;
    return &s->in;
}

struct nn_graph *train_grow_graph(const struct nn_graph *g, int height, int width, struct err *err)
{
    struct size s = { .image = nn_graph_find_input(g, "image"), .height = height, .width = width };
    struct nn_graph *copy = train_remake(g, sized, &s, err);

    if (copy)
        return copy;
    if (err->kind == ERR_INPUT)
        err->kind = ERR_UNSUPPORTED;
    err_in(err, "the network cannot see pictures of %dx%d", width, height);
    return NULL;
}
