/*
 * lrn -- each channel divided by what its neighbours have
 *
 * y_c = x_c / s_c^beta with s_c = bias + alpha / size * sum of x_k^2 over the size channels k
 * around c, from c - (size - 1) / 2 on.  Backward:
 *   dx_c = dy_c s_c^-beta - 2 alpha beta / size x_c sum over k that see c of dy_k x_k s_k^(-beta-1)
 * Krizhevsky et al. 2012; as ONNX LRN-13, where alpha is divided by size.
 */
#include "nn/op/lrn.h"
#include "nn/op.h"

#include <math.h>

static const struct field attrs[] = {
    FIELD_INT(struct nn_lrn, size, "size", 5, 1, 4096, "channels that count"),
    FIELD_FLOAT(struct nn_lrn, alpha, "alpha", 1e-4, -1e6, 1e6, "weight of their squares"),
    FIELD_FLOAT(struct nn_lrn, beta, "beta", 0.75, -100, 100, "exponent"),
    FIELD_FLOAT(struct nn_lrn, bias, "bias", 1, -1e6, 1e6, "added to their squares"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr, (void)n_in;
    if (!nn_type_channels(&nn_op_lrn, &in[0], err))
        return false;
    *out = in[0];
    return nn_type_fits(&nn_op_lrn, out, err);
}

static int64_t width(const struct nn_call *c)
{
    return c->y.shape.dim[c->y.shape.rank - 1];
}

static int64_t flops(const struct nn_call *c)
{
    const struct nn_lrn *a = c->attr;

    return (2 * (int64_t)a->size + 20) * shape_count(&c->y.shape);
}

/* s of channel i of a pixel of n channels. */
static double around(const struct nn_lrn *a, const real *x, int64_t n, int64_t i)
{
    int64_t from = i - (a->size - 1) / 2, end = from + a->size;
    double sum = 0;

    for (int64_t k = from < 0 ? 0 : from; k < end && k < n; k++)
        sum += (double)x[k] * (double)x[k];
    return a->bias + a->alpha / a->size * sum;
}

static void forward_rows(const struct nn_call *c, int64_t first, int64_t rows)
{
    const struct nn_lrn *a = c->attr;
    int64_t n = width(c);

    for (int64_t r = first; r < first + rows; r++) {
        const real *x = (const real *)c->x[0].data + r * n;
        real *y = (real *)c->y.data + r * n;

        for (int64_t i = 0; i < n; i++)
            y[i] = (real)((double)x[i] * pow(around(a, x, n, i), -a->beta));
    }
}

static void forward(const struct nn_call *c)
{
    nn_each_rows(c, shape_count(&c->y.shape) / width(c), width(c), forward_rows);
}

static void backward_rows(const struct nn_call *c, int64_t first, int64_t rows)
{
    const struct nn_lrn *a = c->attr;
    int64_t n = width(c), before = (a->size - 1) / 2;

    for (int64_t r = first; r < first + rows; r++) {
        const real *x = (const real *)c->x[0].data + r * n, *dy = (const real *)c->dy.data + r * n;
        real *dx = (real *)c->dx[0].data + r * n;

        for (int64_t k = 0; k < n; k++) {
            double s = around(a, x, n, k), p = pow(s, -a->beta);
            double g = -2 * a->alpha * a->beta / a->size * (double)dy[k] * (double)x[k] * p / s;

            dx[k] += (real)((double)dy[k] * p);
            for (int64_t i = k < before ? 0 : k - before; i < k - before + a->size && i < n; i++)
                dx[i] += (real)(g * (double)x[i]);
        }
    }
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_rows(c, shape_count(&c->y.shape) / width(c), width(c), backward_rows);
}

const struct nn_op nn_op_lrn = {
    .name = "lrn", .onnx = "LRN", .doc = "each channel divided by what its neighbours have",
    .in_min = 1, .in_max = 1, .keep = NN_KEEP_X,
    .attr_size = sizeof(struct nn_lrn), .attrs = attrs,
    .type = type, .flops = flops, .forward = forward, .backward = backward,
    .cases = (const struct nn_case[]){
        { "size=3 alpha=0.5 bias=2", "2x3x2x7", NULL }, { "size=4 alpha=1", "2x6", NULL },
        { "", "1x3x5", NULL }, { NULL, NULL, NULL }
    },
};
