/*
 * conv2d_winograd -- see conv2d_winograd.h
 *
 * The products of a tile are a quarter of the direct ones, but its filters are four times as large,
 * and what reaches beyond the picture is computed for nothing.  So there must be channels enough
 * that the transforms count little, pictures that fill their tiles, and tiles enough that reading
 * the filters (in training: making them anew) counts little.
 */
#include "nn/op/conv2d_winograd.h"
#include "nn/op/conv2d.h"

enum { X };                     /* the input */

enum {
    TILE = NN_WINOGRAD_TILE,
    CHANNELS = 24,              /* read and written, at least */
    SIDE = 4,                   /* of a picture, at least */
    PIXELS = 64,                /* of a picture, in INFER, where the bits of an answer must not
                                 * depend on how many there are */
    FILTERS = 1 << 16,          /* so many stay in a cache: any picture will do */
    TILES = 32,                 /* of a batch, in TRAIN */
};

bool nn_conv2d_winograd_can(const struct nn_call *c)
{
    const struct nn_conv2d *a = c->attr;
    int64_t channels = c->x[X].shape.dim[3];

    return sizeof(real) == sizeof(float) && c->x[X].dtype == DTYPE_F32 &&
           c->y.dtype == DTYPE_F32 && a->groups == 1 && a->size[0] == 3 && a->size[1] == 3 &&
           a->stride[0] == 1 && a->stride[1] == 1 && a->dilation[0] == 1 && a->dilation[1] == 1 &&
           channels <= NN_WINOGRAD_MOST && a->channels <= NN_WINOGRAD_MOST;
}

static int64_t tiles_of(int64_t n)
{
    return (n + TILE - 1) / TILE;
}

size_t nn_conv2d_winograd_scratch(const struct nn_conv2d_cut *u, int channels)
{
    int64_t pictures = (u->pass.batch + u->pictures - 1) / u->pictures;

    return nn_winograd_scratch(pictures * tiles_of(u->most_rows) * tiles_of(u->pass.columns),
                               channels, u->pass.outputs);
}

/* out: the pictures that are written. */
static bool pays(const struct nn_call *c, const struct shape *out)
{
    int64_t batch = out->dim[0], rows = out->dim[1], columns = out->dim[2];
    int64_t tiles = tiles_of(rows) * tiles_of(columns);

    return nn_conv2d_winograd_can(c) && c->x[X].shape.dim[3] >= CHANNELS &&
           c->y.shape.dim[3] >= CHANNELS && rows >= SIDE && columns >= SIDE &&
           tiles * TILE * TILE <= 2 * rows * columns &&
           (c->mode == NN_TRAIN ? batch * tiles >= TILES :
            rows * columns >= PIXELS || c->x[X].shape.dim[3] * c->y.shape.dim[3] <= FILTERS);
}

bool nn_conv2d_winograd(const struct nn_call *c)
{
    return pays(c, &c->y.shape);
}

bool nn_conv2d_winograd_dx(const struct nn_call *c)
{
    return pays(c, &c->x[X].shape);
}
