/*
 * pool -- see pool.h
 */
#include "nn/op/pool.h"

bool nn_pool_type(const struct nn_op *op, const struct nn_pool *a, const struct nn_type *x,
                  struct nn_type *out, struct err *err)
{
    for (int i = 0; i < 4; i++)
        if (a->pad[i] >= a->size[i % 2])        /* else a window might hold nothing */
            return err_set(err, ERR_INPUT, "%s: pad %d must be smaller than size %d", op->name,
                           a->pad[i], a->size[i % 2]);
    return nn_type_window(op, x, a->size, a->stride, NULL, a->pad, out, err);
}

struct nn_window nn_pool_window(const struct nn_call *c)
{
    const struct nn_pool *a = c->attr;
    const int64_t *dim = c->x[0].shape.dim;

    return nn_window_of(dim[1], dim[2], dim[3], a->size, a->stride, NULL, a->pad);
}

int64_t nn_pool_flops(const struct nn_call *c)
{
    const struct nn_pool *a = c->attr;

    return shape_count(&c->y.shape) * a->size[0] * a->size[1];
}

int64_t nn_pool_each(const struct tensor *t)
{
    return t->shape.dim[1] * t->shape.dim[2] * t->shape.dim[3];
}
