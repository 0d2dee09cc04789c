/*
 * batchnorm -- each channel with mean 0 and variance 1, then scaled and shifted
 *
 * y = (x - mean) / sqrt(var + epsilon) * gamma + beta, for each channel (the last dimension)
 *
 * TRAIN: mean and variance of the batch (the variance divided by the number of values, M), and
 *   running = (1 - momentum) running + momentum now
 * where the variance is divided by M - 1, as PyTorch does.
 * INFER, and TRAIN where frozen: the running ones, which stay.
 *   dbeta = sum dy;  dgamma = sum dy x^;  dx = gamma / s (dy - dbeta / M - x^ dgamma / M)
 * with s = sqrt(var + epsilon), x^ = (x - mean) / s; frozen, dx = gamma / s dy.
 * Ioffe and Szegedy 2015, arXiv:1502.03167.
 * All sums run in a fixed number of parts.  x is [N,C] or [N,H,W,C].
 */
#include "nn/op/batchnorm.h"
#include "nn/op.h"

#include <math.h>

enum { X, GAMMA, BETA, MEAN, VAR, INPUTS };

static const struct field attrs[] = {
    FIELD_FLOAT(struct nn_bn, epsilon, "epsilon", 1e-5, 1e-12, 1, "added to the variance"),
    FIELD_FLOAT(struct nn_bn, momentum, NULL, 0.1, 1e-6, 1,
                "share of the new batch in the running statistics"),
    FIELD_BOOL(struct nn_bn, frozen, "while training, too, the running statistics, which stay"),
    FIELDS_END
};

static const char *param(const void *attr, const struct nn_type *x, int i, struct nn_param *p)
{
    static const char *const names[INPUTS] = { NULL, "weight", "bias", "running_mean",
                                               "running_var" };

    (void)attr;
    if (i < GAMMA || i >= INPUTS)
        return NULL;
    *p = (struct nn_param){ .shape = { x->rank ? x->dim[x->rank - 1].n : 0 },
                            .init = i == GAMMA || i == VAR ? NN_INIT_ONES : NN_INIT_ZEROS,
                            .buffer = i == MEAN || i == VAR };
    return names[i];
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    if ((in[X].rank != 2 && in[X].rank != 4) || in[X].dtype != DTYPE_F32 ||
        in[X].dim[in[X].rank - 1].batch) {
        struct str s = { 0 };

        nn_type_text(&in[X], &s);
        err_set(err, ERR_INPUT, "batchnorm: needs batch x channels or a batch of pictures, not %s",
                str_text(&s));
        str_release(&s);
        return false;
    }
    for (int i = GAMMA; i < INPUTS; i++)
        if (!nn_type_param(&nn_op_batchnorm, attr, n_in, in, i, err))
            return false;
    *out = in[X];
    return nn_type_fits(&nn_op_batchnorm, out, err);
}

static int channels(const struct nn_call *c)
{
    return (int)c->y.shape.dim[c->y.shape.rank - 1];
}

static int64_t rows_in_all(const struct nn_call *c)
{
    return shape_count(&c->y.shape) / channels(c);
}

/* Does forward measure the batch? */
static bool measures(const struct nn_call *c)
{
    return c->mode == NN_TRAIN && !((const struct nn_bn *)c->attr)->frozen;
}

/* Means, variances and the map: about 10. */
static int64_t flops(const struct nn_call *c)
{
    return (measures(c) ? 10 : 2) * shape_count(&c->y.shape);
}

/* stash: mean[C] and 1/s[C], as forward took them.  scratch: three rows of C, then the parts. */
static void space(const struct nn_call *c, size_t *stash, size_t *scratch)
{
    size_t n = (size_t)channels(c) * sizeof(real);

    *stash = c->mode == NN_TRAIN ? 2 * n : 0;
    *scratch = 3 * n + (c->mode == NN_TRAIN ? NN_PARTS * n : 0);
}

static void sum_part(const struct nn_call *c, int64_t row, int64_t rows, real *sum)
{
    int n = channels(c);

    c->k->colsum_f32(rows, n, (const real *)c->x[X].data + row * n, sum);
}

static void var_part(const struct nn_call *c, int64_t row, int64_t rows, real *sum)
{
    int n = channels(c);

    c->k->colvar_f32(rows, n, (const real *)c->x[X].data + row * n, c->stash, sum);
}

/* The batch's mean and 1/s into stash, both into the running statistics. */
static void measure(const struct nn_call *c)
{
    const struct nn_bn *a = c->attr;
    int n = channels(c);
    double m = (double)rows_in_all(c), unbias = m / (m > 1 ? m - 1 : 1);
    real *mean = c->stash, *inv = mean + n, *parts = (real *)c->scratch + 3 * (int64_t)n;
    real *run_mean = c->x[MEAN].data, *run_var = c->x[VAR].data;

    for (int i = 0; i < 2 * n; i++)
        mean[i] = 0;
    nn_sum_parts(c, rows_in_all(c), n, sum_part, parts, mean);
    for (int i = 0; i < n; i++)
        mean[i] = (real)(mean[i] / m);
    nn_sum_parts(c, rows_in_all(c), n, var_part, parts, inv);
    for (int i = 0; i < n; i++) {
        double var = inv[i] / m;

        inv[i] = (real)(1 / sqrt(var + a->epsilon));
        run_mean[i] = (real)((1 - a->momentum) * run_mean[i] + a->momentum * mean[i]);
        run_var[i] = (real)((1 - a->momentum) * run_var[i] + a->momentum * (var * unbias));
    }
}

static void map_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int n = channels(c);
    const real *scale = c->scratch, *shift = scale + n;

    c->k->affine_f32(rows, n, (const real *)c->x[X].data + row * n, scale, shift,
                     (real *)c->y.data + row * n);
}

static void forward(const struct nn_call *c)
{
    const struct nn_bn *a = c->attr;
    int n = channels(c);
    const real *gamma = c->x[GAMMA].data, *beta = c->x[BETA].data;
    real *scale = c->scratch, *shift = scale + n, *stash = c->stash;

    if (measures(c))
        measure(c);
    for (int i = 0; i < n; i++) {
        double mean, inv;

        if (measures(c)) {
            mean = stash[i];
            inv = stash[n + i];
        } else {
            mean = ((const real *)c->x[MEAN].data)[i];
            inv = 1 / sqrt(((const real *)c->x[VAR].data)[i] + a->epsilon);
            if (stash) {
                stash[i] = (real)mean;
                stash[n + i] = (real)inv;
            }
        }
        scale[i] = (real)(gamma[i] * inv);
        shift[i] = (real)(beta[i] - mean * gamma[i] * inv);
    }
    nn_each_rows(c, rows_in_all(c), n, map_rows);
}

static void dy_part(const struct nn_call *c, int64_t row, int64_t rows, real *sum)
{
    int n = channels(c);

    c->k->colsum_f32(rows, n, (const real *)c->dy.data + row * n, sum);
}

static void dot_part(const struct nn_call *c, int64_t row, int64_t rows, real *sum)
{
    int n = channels(c);

    c->k->coldot_f32(rows, n, (const real *)c->dy.data + row * n,
                     (const real *)c->x[X].data + row * n, c->stash, sum);
}

static void dx_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int n = channels(c);
    const real *p = c->scratch;

    c->k->norm_dx_f32(rows, n, (const real *)c->dy.data + row * n,
                      (const real *)c->x[X].data + row * n, p, p + n, p + 2 * (int64_t)n,
                      (real *)c->dx[X].data + row * n);
}

static void backward(const struct nn_call *c)
{
    int n = channels(c);
    double m = (double)rows_in_all(c);
    const real *mean = c->stash, *inv = mean + n, *gamma = c->x[GAMMA].data;
    real *p = c->scratch, *q = p + n, *r = q + n, *parts = r + n;
    real *dgamma = c->dx[GAMMA].data, *dbeta = c->dx[BETA].data;

    for (int i = 0; i < 3 * n; i++)
        p[i] = 0;
    nn_sum_parts(c, rows_in_all(c), n, dot_part, parts, q);
    nn_sum_parts(c, rows_in_all(c), n, dy_part, parts, r);
    for (int i = 0; i < n; i++) {
        double dot = (double)q[i] * inv[i], sum = r[i], f = (double)gamma[i] * inv[i];
        double slope = measures(c) ? -f * inv[i] * dot / m : 0;

        if (dgamma)
            dgamma[i] += (real)dot;
        if (dbeta)
            dbeta[i] += (real)sum;
        p[i] = (real)f;
        q[i] = (real)slope;
        r[i] = measures(c) ? (real)(-f * sum / m - slope * mean[i]) : 0;
    }
    if (c->dx[X].data)
        nn_each_rows(c, rows_in_all(c), n, dx_rows);
}

const struct nn_op nn_op_batchnorm = {
    .name = "batchnorm", .onnx = "BatchNormalization",
    .doc = "each channel with mean 0 and variance 1, then scaled",
    .in_min = INPUTS, .in_max = INPUTS, .keep = NN_KEEP_X | NN_KEEP_STASH,
    .flags = NN_OP_INPLACE | NN_OP_ACROSS_BATCH | NN_OP_SCALES, .no_grad = 1 << MEAN | 1 << VAR,
    .attr_size = sizeof(struct nn_bn), .attrs = attrs,
    .type = type, .param = param, .flops = flops, .space = space, .forward = forward,
    .backward = backward,
    .cases = (const struct nn_case[]){
        { "", "4x3", NULL }, { "", "2x3x5x4", NULL },
        { "epsilon=0.01 momentum=0.3", "3x2x2x7", NULL },
        { "frozen=true", "1x3", NULL }, { "frozen=true epsilon=0.1", "3x2x5x4", NULL },
        { NULL, NULL, NULL }
    },
};
