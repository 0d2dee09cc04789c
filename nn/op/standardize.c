/*
 * standardize -- filters with mean 0 and variance 1, each output channel by itself
 *
 * w [kh,kw,c,k]: y = (w - mean) / sqrt(var + epsilon) over all but the last dimension.
 *   dw = (dy - mean(dy) - y mean(dy y)) / sqrt(var + epsilon)
 * Qiao et al. 2019, arXiv:1903.10520.  Inference has the standardized filters as its own
 * (nn/pass/fold_standardize.c).
 */
#include "nn/op/standardize.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <math.h>

static const struct field attrs[] = {
    FIELD_FLOAT(struct nn_standardize, epsilon, NULL, 1e-8, 1e-12, 1, "added to the variance"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    (void)n_in;
    if (in[0].rank != 4 || in[0].dtype != DTYPE_F32 || in[0].dim[0].batch)
        return err_set(err, ERR_INPUT, "standardize: needs filters, a parameter of rank 4");
    *out = in[0];
    return nn_type_fits(&nn_op_standardize, out, err);
}

/* Of column c the mean and 1 / deviation. */
static void moments(int64_t rows, int n, double epsilon, const real *x, int c, double out[2])
{
    double mean = 0, var = 0;

    for (int64_t r = 0; r < rows; r++)
        mean += x[r * n + c];
    mean /= (double)rows;
    for (int64_t r = 0; r < rows; r++)
        var += (x[r * n + c] - mean) * (x[r * n + c] - mean);
    out[0] = mean;
    out[1] = 1 / sqrt(var / (double)rows + epsilon);
}

void nn_standardize_columns(int64_t rows, int n, double epsilon, const real *x, real *y)
{
    for (int c = 0; c < n; c++) {
        double m[2];

        moments(rows, n, epsilon, x, c, m);
        for (int64_t r = 0; r < rows; r++)
            y[r * n + c] = (real)((x[r * n + c] - m[0]) * m[1]);
    }
}

static int columns(const struct nn_call *c)
{
    return (int)c->y.shape.dim[3];
}

static void forward(const struct nn_call *c)
{
    int n = columns(c);

    nn_standardize_columns(shape_count(&c->y.shape) / n, n,
                           ((const struct nn_standardize *)c->attr)->epsilon, c->x[0].data,
                           c->y.data);
}

static void backward(const struct nn_call *c)
{
    const struct nn_standardize *a = c->attr;
    int n = columns(c);
    int64_t rows = shape_count(&c->y.shape) / n;
    const real *x = c->x[0].data, *dy = c->dy.data;
    real *dx = c->dx[0].data;

    for (int k = 0; dx && k < n; k++) {
        double m[2], sum = 0, dot = 0;

        moments(rows, n, a->epsilon, x, k, m);
        for (int64_t r = k; r < rows * n; r += n) {
            sum += dy[r];
            dot += dy[r] * (x[r] - m[0]) * m[1];
        }
        for (int64_t r = k; r < rows * n; r += n)
            dx[r] += (real)((dy[r] - sum / (double)rows -
                             (x[r] - m[0]) * m[1] * dot / (double)rows) * m[1]);
    }
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    (void)o;
    (void)node;
    return err_set(err, ERR_UNSUPPORTED, "standardize: is written as its filters, of a parameter");
}

const struct nn_op nn_op_standardize = {
    .name = "standardize", .doc = "filters with mean 0 and variance 1, each output channel",
    .in_min = 1, .in_max = 1, .keep = NN_KEEP_X, .flags = NN_OP_INPLACE,
    .attr_size = sizeof(struct nn_standardize), .attrs = attrs,
    .type = type, .forward = forward, .backward = backward, .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "=3x3x4x5", NULL }, { "epsilon=0.01", "=1x1x7x3", NULL }, { NULL, NULL, NULL }
    },
};
