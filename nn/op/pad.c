/*
 * pad -- more places before and behind one dimension
 *
 * Of a number (constant), or of what is there: reflect mirrors about the first and the last place
 * (x2 x1 x0 x1 ...), edge repeats them, wrap goes round.  The dimension counts as ours lie:
 * [N,H,W,C] has channels at 3.  As ONNX Pad-19.
 */
#include "nn/op/pad.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <float.h>
#include <limits.h>
#include <string.h>

static const char *const modes[] = { "constant", "reflect", "edge", "wrap", NULL };

static const struct field attrs[] = {
    FIELD_INT(struct nn_pad, axis, NULL, -1, -1, SHAPE_MAX_RANK - 1,
              "dimension, from 1; -1 is the last"),
    FIELD_INT(struct nn_pad, before, NULL, 0, 0, INT_MAX, "places added before"),
    FIELD_INT(struct nn_pad, after, NULL, 0, 0, INT_MAX, "places added behind"),
    FIELD_ENUM(struct nn_pad, mode, modes, NN_PAD_CONSTANT, "what is there"),
    FIELD_FLOAT(struct nn_pad, value, NULL, 0, -1e38, 1e38, "of constant"),
    FIELDS_END
};

int nn_pad_place(const struct nn_pad *a, int n, int i)
{
    int64_t at = (int64_t)i - a->before, round = a->mode == NN_PAD_REFLECT ? 2 * (int64_t)n - 2 : n;

    if (at >= 0 && at < n)
        return (int)at;
    if (a->mode == NN_PAD_CONSTANT)
        return -1;
    if (a->mode == NN_PAD_EDGE)
        return at < 0 ? 0 : n - 1;
    at = round ? (at % round + round) % round : 0;
    return (int)(at < n ? at : round - at);
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_pad *a = attr;
    int axis = nn_op_axis(a->axis, in[0].rank);
    int64_t n;

    (void)n_in;
    if (!nn_type_axis(&nn_op_pad, a->axis, &in[0], err))
        return false;
    *out = in[0];
    n = (int64_t)in[0].dim[axis].n + a->before + a->after;
    if (n > INT_MAX)
        return err_set(err, ERR_INPUT, "pad: dimension %d would be %lld", axis, (long long)n);
    out->dim[axis].n = (int32_t)n;
    return nn_type_fits(&nn_op_pad, out, err);
}

/* Numbers of one place of the dimension. */
static int64_t inner_of(const struct nn_call *c)
{
    return nn_op_behind(&c->y.shape, ((const struct nn_pad *)c->attr)->axis);
}

static int64_t run_of(const struct nn_call *c)
{
    return nn_op_run(&c->y.shape, ((const struct nn_pad *)c->attr)->axis);
}

/* Row r of y, a place of the dimension, is where in x?  -1: nowhere. */
static int64_t place(const struct nn_call *c, int64_t r, int64_t inner)
{
    int axis = nn_op_axis(((const struct nn_pad *)c->attr)->axis, c->y.shape.rank);
    int64_t n = c->x[0].shape.dim[axis], more = c->y.shape.dim[axis];
    int at = nn_pad_place(c->attr, (int)n, (int)(r % more));

    return at < 0 ? -1 : (r / more * n + at) * inner;
}

static void forward_rows(const struct nn_call *c, int64_t first, int64_t rows)
{
    const struct nn_pad *a = c->attr;
    int64_t inner = inner_of(c);

    for (int64_t r = first; r < first + rows; r++) {
        real *y = (real *)c->y.data + r * inner;
        int64_t at = place(c, r, inner);

        for (int64_t i = 0; at < 0 && i < inner; i++)
            y[i] = (real)a->value;
        if (at >= 0)
            memcpy(y, (const real *)c->x[0].data + at, (size_t)inner * sizeof *y);
    }
}

static void forward(const struct nn_call *c)
{
    int64_t inner = inner_of(c);

    nn_each_rows(c, shape_count(&c->y.shape) / inner, inner, forward_rows);
}

/* Several rows of dy may be of one of dx: those of a picture go to one thread. */
static void backward_pictures(const struct nn_call *c, int64_t first, int64_t pictures)
{
    int64_t inner = inner_of(c), more = run_of(c) / inner;

    for (int64_t r = first * more; r < (first + pictures) * more; r++) {
        int64_t at = place(c, r, inner);
        real *dx = (real *)c->dx[0].data + at;

        if (at >= 0)
            c->k->add_f32(inner, dx, (const real *)c->dy.data + r * inner, dx);
    }
}

static void backward(const struct nn_call *c)
{
    int64_t run = run_of(c);

    if (c->dx[0].data)
        nn_each_rows(c, shape_count(&c->y.shape) / run, run, backward_pictures);
}

/* Whether a max pool reads it, or other pads before one: of a picture there are three axes. */
static bool before_maxpool(const struct nn_graph *g, int id, int pads)
{
    for (int i = id + 1; i < g->n; i++)
        if (g->node[i].n_in && g->node[i].in[0] == id &&
            (g->node[i].op == &nn_op_maxpool ||
             (pads && g->node[i].op == &nn_op_pad && before_maxpool(g, i, pads - 1))))
            return true;
    return false;
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_pad *a = node->attr;
    int rank = node->graph->node[node->id].type.rank;
    int axis = nn_onnx_axis(rank, nn_op_axis(a->axis, rank));
    int64_t pads[2 * SHAPE_MAX_RANK] = { 0 };
    const char *in[3] = { node->in[0] };
    bool constant = a->mode == NN_PAD_CONSTANT;
    double value = a->value;

    /* ONNX Runtime (1.31) makes zeros before a max pool the pool's own padding, which never wins;
     * the least number that is none it leaves alone. */
    if (value == 0 && before_maxpool(node->graph, node->id, 2))
        value = (double)FLT_MIN;
    if (a->mode == NN_PAD_WRAP)
        return err_set(err, ERR_UNSUPPORTED, "pad: mode wrap came with opset 19");
    pads[axis] = a->before;
    pads[rank + axis] = a->after;
    in[1] = nn_onnx_int64s(o, "pads", 2 * rank, pads);
    in[2] = constant ? nn_onnx_scalar(o, "value", value) : NULL;
    return nn_onnx_begin(o, "Pad", constant ? 3 : 2, in, node->out) &&
           nn_onnx_word(o, "mode", modes[a->mode]);
}

const struct nn_op nn_op_pad = {
    .name = "pad", .onnx = "Pad", .doc = "more places before and behind one dimension",
    .in_min = 1, .in_max = 1,
    .attr_size = sizeof(struct nn_pad), .attrs = attrs,
    .type = type, .flops = nn_no_flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "before=1 after=2 value=-0.5", "2x5", NULL }, { "axis=1 before=2", "2x3x2x4", NULL },
        { "axis=2 before=2 after=3 mode=reflect", "2x3x4x2", NULL },
        { "axis=1 before=1 after=4 mode=edge", "2x3x2x4", NULL },
        { "axis=3 before=4 after=4 mode=wrap", "2x2x2x3", NULL },
        { "axis=2 after=5 mode=reflect", "1x2x2x3", NULL },
        { NULL, NULL, NULL }
    },
};
