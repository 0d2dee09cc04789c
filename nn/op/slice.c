/*
 * slice -- some places of one dimension
 *
 * y[..., i, ...] = x[..., start + i step, ...], count of them; a negative step goes backwards.  The
 * dimension counts as ours lie: [N,H,W,C] has channels at 3.
 */
#include "nn/op/slice.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <limits.h>
#include <string.h>

static const struct field attrs[] = {
    FIELD_INT(struct nn_slice, axis, NULL, -1, -1, SHAPE_MAX_RANK - 1,
              "dimension, from 1; -1 is the last"),
    FIELD_INT(struct nn_slice, start, NULL, 0, 0, INT_MAX, "first place"),
    FIELD_INT(struct nn_slice, step, NULL, 1, -INT_MAX, INT_MAX, "from each place to the next"),
    FIELD_INT(struct nn_slice, count, NULL, 0, 1, INT_MAX, "places that are taken"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_slice *a = attr;
    int axis = nn_op_axis(a->axis, in[0].rank);
    int64_t last = a->start + (int64_t)(a->count - 1) * a->step;

    (void)n_in;
    if (!nn_type_axis(&nn_op_slice, a->axis, &in[0], err))
        return false;
    if (a->start >= in[0].dim[axis].n || last < 0 || last >= in[0].dim[axis].n)
        return err_set(err, ERR_INPUT, "slice: %d places from %d on do not lie in %d", a->count,
                       a->start, in[0].dim[axis].n);
    *out = in[0];
    out->dim[axis].n = a->count;
    return nn_type_fits(&nn_op_slice, out, err);
}

/* Numbers of one place of the dimension. */
static int64_t inner_of(const struct nn_call *c)
{
    return nn_op_behind(&c->y.shape, ((const struct nn_slice *)c->attr)->axis);
}

/* Row r of y, a place of the dimension, is where in x? */
static int64_t place(const struct nn_call *c, int64_t r, int64_t inner)
{
    const struct nn_slice *a = c->attr;
    int64_t n = c->x[0].shape.dim[nn_op_axis(a->axis, c->y.shape.rank)];

    return (r / a->count * n + a->start + r % a->count * a->step) * inner;
}

static void forward_rows(const struct nn_call *c, int64_t first, int64_t rows)
{
    int64_t inner = inner_of(c);

    for (int64_t r = first; r < first + rows; r++)
        memcpy((real *)c->y.data + r * inner, (const real *)c->x[0].data + place(c, r, inner),
               (size_t)inner * sizeof(real));
}

static void forward(const struct nn_call *c)
{
    int64_t inner = inner_of(c);

    nn_each_rows(c, shape_count(&c->y.shape) / inner, inner, forward_rows);
}

static void backward_rows(const struct nn_call *c, int64_t first, int64_t rows)
{
    int64_t inner = inner_of(c);

    for (int64_t r = first; r < first + rows; r++) {
        real *dx = (real *)c->dx[0].data + place(c, r, inner);

        c->k->add_f32(inner, dx, (const real *)c->dy.data + r * inner, dx);
    }
}

static void backward(const struct nn_call *c)
{
    int64_t inner = inner_of(c);

    if (c->dx[0].data)
        nn_each_rows(c, shape_count(&c->y.shape) / inner, inner, backward_rows);
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_slice *a = node->attr;
    int rank = node->graph->node[node->id].type.rank;
    int64_t axis = nn_onnx_axis(rank, nn_op_axis(a->axis, rank)), start = a->start, step = a->step;
    int64_t end = start + step * a->count;
    const char *in[5] = { node->in[0] };

    (void)err;
    if (end < 0)
        end = INT64_MIN + 1;    /* below 0 would count from the end */
    in[1] = nn_onnx_int64s(o, "starts", 1, &start);
    in[2] = nn_onnx_int64s(o, "ends", 1, &end);
    in[3] = nn_onnx_int64s(o, "axes", 1, &axis);
    in[4] = nn_onnx_int64s(o, "steps", 1, &step);
    return nn_onnx_begin(o, "Slice", 5, in, node->out);
}

const struct nn_op nn_op_slice = {
    .name = "slice", .onnx = "Slice", .doc = "some places of one dimension",
    .in_min = 1, .in_max = 1,
    .attr_size = sizeof(struct nn_slice), .attrs = attrs,
    .type = type, .flops = nn_no_flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "count=3", "2x5", NULL }, { "axis=1 start=1 step=2 count=2", "2x4x3x5", NULL },
        { "axis=2 start=4 step=-2 count=3", "2x3x5x2", NULL },
        { "axis=3 start=2 count=1", "3x2x2x4", NULL },
        { NULL, NULL, NULL }
    },
};
