/*
 * droppath -- TRAIN: a whole picture = 0 with probability rate, else x / (1 - rate); INFER: y = x
 *
 * Stochastic depth: at the end of a residual branch it leaves the branch out for some pictures.
 * Picture n is dropped where rng(seed, stream, counter + n) < rate; backward draws the same numbers
 * again.  Huang et al. 2016, arXiv:1603.09382, with the scale in training as dropout has it.
 */
#include "nn/op/droppath.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <string.h>

static const struct field attrs[] = {
    FIELD_FLOAT(struct nn_droppath, rate, NULL, 0, 0, 0.99,
                "share of the pictures that is dropped"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    (void)n_in;
    if (!in[0].rank || !in[0].dim[0].batch || in[0].dim[0].n != 1)
        return err_set(err, ERR_INPUT, "droppath: needs the batch as first dimension");
    *out = in[0];
    return nn_type_fits(&nn_op_droppath, out, err);
}

static int64_t width(const struct nn_call *c)
{
    return shape_count(&c->y.shape) / c->y.shape.dim[0];
}

/* What picture n is multiplied by. */
static real factor(const struct nn_call *c, int64_t n)
{
    double rate = ((const struct nn_droppath *)c->attr)->rate;

    return rng_f32(c->seed, c->stream, c->counter + (uint64_t)n) < (float)rate
               ? 0
               : (real)(1 / (1 - rate));
}

static void forward_pictures(const struct nn_call *c, int64_t first, int64_t count)
{
    int64_t w = width(c);

    for (int64_t n = first; n < first + count; n++) {
        const real *x = (const real *)c->x[0].data + n * w;
        real *y = (real *)c->y.data + n * w, f = factor(c, n);

        if (f == 0)                     /* whatever x is */
            memset(y, 0, (size_t)w * sizeof *y);
        for (int64_t i = 0; i < w && f > 0; i++)
            y[i] = x[i] * f;
    }
}

static void forward(const struct nn_call *c)
{
    if (c->mode == NN_TRAIN)
        nn_each_rows(c, c->y.shape.dim[0], width(c), forward_pictures);
    else
        nn_identity_forward(c);
}

static void backward_pictures(const struct nn_call *c, int64_t first, int64_t count)
{
    int64_t w = width(c);

    for (int64_t n = first; n < first + count; n++) {
        real f = factor(c, n);

        if (f > 0)
            c->k->mix_f32(w, 1, f, (const real *)c->dy.data + n * w,
                          (real *)c->dx[0].data + n * w);
    }
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_rows(c, c->y.shape.dim[0], width(c), backward_pictures);
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    (void)err;
    return nn_onnx_begin(o, "Identity", 1, node->in, node->out);
}

const struct nn_op nn_op_droppath = {
    .name = "droppath", .doc = "while training, drops whole pictures at random",
    .in_min = 1, .in_max = 1, .flags = NN_OP_INPLACE | NN_OP_RANDOM | NN_OP_TRAIN_ONLY,
    .attr_size = sizeof(struct nn_droppath), .attrs = attrs,
    .type = type, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "rate=0.5", "5x7", NULL }, { "rate=0.3", "6x3x3x5", NULL }, { "", "2x3", NULL },
        { "rate=0.4", "4x9001", NULL },         /* several pieces */
        { NULL, NULL, NULL }
    },
};
