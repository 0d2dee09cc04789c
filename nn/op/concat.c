/*
 * concat -- inputs side by side along one dimension
 *
 * All other dimensions are alike.  The dimension counts as ours lie: [N,H,W,C] has channels at 3.
 */
#include "nn/op/concat.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <string.h>

static const struct field attrs[] = {
    FIELD_INT(struct nn_concat, axis, NULL, -1, -1, SHAPE_MAX_RANK - 1,
              "dimension, from 1; -1 is the last"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_concat *a = attr;
    int axis = nn_op_axis(a->axis, in[0].rank);
    int64_t n = 0;

    if (!nn_type_axis(&nn_op_concat, a->axis, &in[0], err))
        return false;
    for (int i = 0; i < n_in; i++) {
        struct nn_type like = in[0];

        if (in[i].rank == like.rank)
            like.dim[axis] = in[i].dim[axis];
        if (!nn_type_equal(&in[i], &like)) {
            struct str s = { 0 }, t = { 0 };

            nn_type_text(&in[i], &s);
            nn_type_text(&in[0], &t);
            err_set(err, ERR_INPUT,
                    "concat: input %d is %s, does not go with %s along dimension %d", i,
                    str_text(&s), str_text(&t), axis);
            str_release(&s);
            str_release(&t);
            return false;
        }
        n += in[i].dim[axis].n;
    }
    *out = in[0];
    out->dim[axis].n = n < INT32_MAX ? (int32_t)n : INT32_MAX;
    if (n > INT32_MAX)
        return err_set(err, ERR_INPUT, "concat: dimension %d would be %lld", axis, (long long)n);
    return nn_type_fits(&nn_op_concat, out, err);
}

/* Numbers of one row of a tensor. */
static int64_t run(const struct nn_call *c, const struct tensor *t)
{
    return nn_op_run(&t->shape, ((const struct nn_concat *)c->attr)->axis);
}

static void forward_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int64_t out = run(c, &c->y), at = 0;

    for (int k = 0; k < c->n_in; k++) {
        int64_t n = run(c, &c->x[k]);

        for (int64_t i = row; i < row + rows; i++)
            memcpy((real *)c->y.data + i * out + at, (const real *)c->x[k].data + i * n,
                   (size_t)n * sizeof(real));
        at += n;
    }
}

static void forward(const struct nn_call *c)
{
    nn_each_rows(c, shape_count(&c->y.shape) / run(c, &c->y), run(c, &c->y), forward_rows);
}

static void backward_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int64_t out = run(c, &c->y), at = 0;

    for (int k = 0; k < c->n_in; k++) {
        int64_t n = run(c, &c->x[k]);

        for (int64_t i = row; i < row + rows && c->dx[k].data; i++) {
            real *dx = (real *)c->dx[k].data + i * n;

            c->k->add_f32(n, dx, (const real *)c->dy.data + i * out + at, dx);
        }
        at += n;
    }
}

static void backward(const struct nn_call *c)
{
    nn_each_rows(c, shape_count(&c->y.shape) / run(c, &c->y), run(c, &c->y), backward_rows);
}

/* A picture's channels are dimension 1 there, its rows and columns 2 and 3. */
static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_concat *a = node->attr;
    int rank = node->graph->node[node->id].type.rank, axis = nn_op_axis(a->axis, rank);

    (void)err;
    return nn_onnx_begin(o, "Concat", node->n_in, node->in, node->out) &&
           nn_onnx_int(o, "axis", nn_onnx_axis(rank, axis));
}

const struct nn_op nn_op_concat = {
    .name = "concat", .onnx = "Concat", .doc = "inputs side by side along one dimension",
    .in_min = 1, .in_max = NN_MAX_IN,
    .attr_size = sizeof(struct nn_concat), .attrs = attrs,
    .type = type, .flops = nn_no_flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "2x3 2x5 2x1", NULL }, { "", "2x3x2x4 2x3x2x3", NULL },
        { "axis=1", "2x3x2x4 2x1x2x4", NULL }, { "axis=2", "1x3x2x4 1x3x5x4", NULL },
        { NULL, NULL, NULL }
    },
};
