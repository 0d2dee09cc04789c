/*
 * onnx_in_sums -- operators over several numbers: sums and products: onnx_in_ops.h
 */
#include "nn/io/onnx_in_ops.h"

#include <string.h>

/* The mean of all pixels of a picture. */
static nn_onnx_val *pixel_mean(nn_onnx_reader *r, nn_onnx_val *x)
{
    static const int8_t nhwc[4] = { 0, 2, 3, 1 }, rows[2] = { 0, 1 };
    int in = nn_onnx_place(r, x, 4, nhwc);

    return nn_onnx_new_node(r, x->type, 2, x->dim, nn_onnx_emit(r, &nn_op_meanpool, NULL, 1, &in),
                            2, rows);
}

bool nn_onnx_lower_reduce(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *y;
    int64_t axes[SHAPE_MAX_RANK], dim[SHAPE_MAX_RANK];
    bool keep = nn_onnx_at_int(a, "keepdims", 1);
    unsigned gone = 0;
    int n = x ? nn_onnx_at_ints_or(a, "axes", 1, SHAPE_MAX_RANK, axes) : -2, rank = 0;

    if (n == -2)
        return false;
    if (n <= 0 && nn_onnx_at_int(a, "noop_with_empty_axes", 0))
        return nn_onnx_at_done(a, x);
    for (int i = 0; i < n; i++) {
        int d = nn_onnx_at_axis(a, axes[i], x->rank);

        if (d < 0)
            return false;
        gone |= 1u << d;
    }
    if (n <= 0)
        gone = (1u << x->rank) - 1;
    for (int d = 0; d < x->rank; d++)
        if (keep || !(gone >> d & 1))
            dim[rank++] = gone >> d & 1 ? 1 : x->dim[d];
    if (nn_onnx_is_const(x) || x->rank != 4 || gone != 12 ||
        strcmp(a->node->op_type, "ReduceMean"))
        return nn_onnx_at_cannot(a, "a sum of other dimensions than a picture's two");
    y = pixel_mean(a->r, x);
    return nn_onnx_at_done(a, y ? nn_onnx_v_reshape(a->r, y, rank, dim) : NULL);
}

nn_onnx_val *nn_onnx_product(nn_onnx_reader *r, nn_onnx_val *x, nn_onnx_val *y)
{
    (void)x, (void)y;
    err_set(r->err, ERR_UNSUPPORTED, "a product of two that are computed");
    return NULL;
}
