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
 * What follows it in a step (NN_OP_AFTER) is done in the same passes.  Where that only cuts,
 * backward finds from x what was cut, by the formula of forward, and y is not read.  All sums run
 * in a fixed number of parts.  x is [N,C] or [N,H,W,C].
 */
#include "nn/op/batchnorm.h"
#include "nn/op.h"

#include <math.h>

enum { X, GAMMA, BETA, MEAN, VAR, INPUTS };

enum { LARGE = 12 << 20 };      /* bytes of y that have left the caches when it is read */

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

/* stash: mean[C] and 1/s[C], as forward took them.  scratch: five rows of C (scale, shift; p, q, r
 * of backward), two sums, parts. */
static void space(const struct nn_call *c, size_t *stash, size_t *scratch)
{
    size_t n = (size_t)channels(c) * sizeof(real);

    *stash = c->mode == NN_TRAIN ? 2 * n : 0;
    *scratch = 5 * n + (c->mode == NN_TRAIN ? 2 * (1 + NN_PARTS) * n : 0);
}

/* What all kernels are told of `rows` rows from `row` on. */
static struct nn_bn_rows rows_of(const struct nn_call *c, int64_t row, int64_t rows)
{
    const struct tensor *res = c->dy.data ? &c->after.dresidual : &c->after.residual;
    int64_t first = row * channels(c);

    return (struct nn_bn_rows){
        .scale = c->scratch, .shift = (real *)c->scratch + channels(c),
        .large = shape_count(&c->y.shape) * (int64_t)dtype_size(c->y.dtype) > LARGE,
        .rows = rows, .n = channels(c), .half_x = c->x[X].dtype == DTYPE_BF16,
        .half_y = c->y.dtype == DTYPE_BF16, .half_r = res->dtype == DTYPE_BF16,
        .cuts = c->after.cuts, .lo = c->after.lo, .hi = c->after.hi,
        .x = tensor_at(&c->x[X], first), .y = tensor_at(&c->y, first),
        .residual = tensor_at(&c->after.residual, first), .dy = tensor_at(&c->dy, first),
        .dx = tensor_at(&c->dx[X], first), .dresidual = tensor_at(&c->after.dresidual, first),
        .fresh = c->fresh >> X & 1, .fresh_r = c->after.fresh,
    };
}

/* sum[2C]: about the pivot that lies in stash, and its squares. */
static void stats_part(const struct nn_call *c, int64_t row, int64_t rows, real *sum)
{
    struct nn_bn_rows b = rows_of(c, row, rows);

    b.mean = c->stash;
    b.sum = sum;
    b.dot = sum + b.n;
    c->k->bn_stats(&b);
}

/*
 * The batch's mean and 1/s into stash, both into the running statistics.  One pass: sums of x - p
 * and of its squares, where p is the channel's first value, so that a channel far from 0 loses
 * nothing.
 */
static void measure(const struct nn_call *c)
{
    const struct nn_bn *a = c->attr;
    int n = channels(c);
    double m = (double)rows_in_all(c), unbias = m / (m > 1 ? m - 1 : 1);
    real *mean = c->stash, *inv = mean + n, *sum = (real *)c->scratch + 5 * (int64_t)n;
    real *run_mean = c->x[MEAN].data, *run_var = c->x[VAR].data;

    for (int i = 0; i < 2 * n; i++)
        sum[i] = 0;
    for (int i = 0; i < n; i++)
        mean[i] = tensor_number(&c->x[X], i);
    nn_sum_parts_as_is(c, rows_in_all(c), 2 * (int64_t)n, stats_part, sum + 2 * (int64_t)n, sum);
    for (int i = 0; i < n; i++) {
        double d = (double)sum[i] / m, var = (double)sum[n + i] / m - d * d;

        var = var > 0 ? var : isnan(var) ? var : 0;
        mean[i] = (real)((double)mean[i] + d);
        inv[i] = (real)(1 / sqrt(var + a->epsilon));
        run_mean[i] = (real)((1 - a->momentum) * run_mean[i] + a->momentum * mean[i]);
        run_var[i] = (real)((1 - a->momentum) * run_var[i] + a->momentum * (var * unbias));
    }
}

/* y before what follows it is x * scale + shift: forward's, which backward finds again. */
static void find_map(const struct nn_call *c)
{
    const struct nn_bn *a = c->attr;
    int n = channels(c);
    const real *gamma = c->x[GAMMA].data, *beta = c->x[BETA].data, *stash = c->stash;
    const real *run_mean = c->x[MEAN].data, *run_var = c->x[VAR].data;
    real *scale = c->scratch, *shift = scale + n;

    for (int i = 0; i < n; i++) {
        double mean = measures(c) ? stash[i] : run_mean[i];
        double inv = measures(c) ? stash[n + i] : 1 / sqrt(run_var[i] + a->epsilon);

        scale[i] = (real)(gamma[i] * inv);
        shift[i] = (real)(beta[i] - mean * gamma[i] * inv);
    }
}

static void map_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    struct nn_bn_rows b = rows_of(c, row, rows);

    c->k->bn_apply(&b);
}

static void forward(const struct nn_call *c)
{
    int n = channels(c);
    real *stash = c->stash;

    if (measures(c) && !c->again)
        measure(c);
    for (int i = 0; i < n && stash && !measures(c); i++) {
        stash[i] = ((const real *)c->x[MEAN].data)[i];
        stash[n + i] = (real)(1 / sqrt(((const real *)c->x[VAR].data)[i] +
                                       ((const struct nn_bn *)c->attr)->epsilon));
    }
    find_map(c);
    nn_each_rows_as_is(c, rows_in_all(c), n, map_rows);
}

/* rows_of, and what was cut is found in y only where x does not say it. */
static struct nn_bn_rows backward_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    struct nn_bn_rows b = rows_of(c, row, rows);

    if (!c->after.adds)
        b.y = NULL;
    return b;
}

/* sum[2C]: of g, and of g (x - mean). */
static void sums_part(const struct nn_call *c, int64_t row, int64_t rows, real *sum)
{
    struct nn_bn_rows b = backward_rows(c, row, rows);

    b.mean = c->stash;
    b.sum = sum;
    b.dot = sum + b.n;
    c->k->bn_sums(&b);
}

static void grad_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    struct nn_bn_rows b = backward_rows(c, row, rows);

    b.p = b.shift + b.n;
    b.q = b.p + b.n;
    b.r = b.q + b.n;
    c->k->bn_grad(&b);
}

static void backward(const struct nn_call *c)
{
    int n = channels(c);
    double m = (double)rows_in_all(c);
    const real *mean = c->stash, *inv = mean + n, *gamma = c->x[GAMMA].data;
    real *p = (real *)c->scratch + 2 * (int64_t)n, *q = p + n, *r = q + n, *sum = r + n;
    real *dgamma = c->dx[GAMMA].data, *dbeta = c->dx[BETA].data;

    if (c->after.cuts)
        find_map(c);
    for (int i = 0; i < 2 * n; i++)
        sum[i] = 0;
    nn_sum_parts_as_is(c, rows_in_all(c), 2 * (int64_t)n, sums_part, sum + 2 * (int64_t)n, sum);
    for (int i = 0; i < n; i++) {
        double dot = (double)sum[n + i] * inv[i], f = (double)gamma[i] * inv[i];
        double slope = measures(c) ? -f * inv[i] * dot / m : 0;

        if (dgamma)
            dgamma[i] += (real)dot;
        if (dbeta)
            dbeta[i] += sum[i];
        p[i] = (real)f;
        q[i] = (real)slope;
        r[i] = measures(c) ? (real)(-f * (double)sum[i] / m - slope * mean[i]) : 0;
    }
    if (c->dx[X].data || c->after.dresidual.data)
        nn_each_rows_as_is(c, rows_in_all(c), n, grad_rows);
}

const struct nn_op nn_op_batchnorm = {
    .name = "batchnorm", .onnx = "BatchNormalization",
    .doc = "each channel with mean 0 and variance 1, then scaled",
    .in_min = INPUTS, .in_max = INPUTS, .keep = NN_KEEP_X | NN_KEEP_STASH,
    .flags = NN_OP_INPLACE | NN_OP_ACROSS_BATCH | NN_OP_SCALES | NN_OP_HALF | NN_OP_AFTER |
             NN_OP_AFTER_TRAIN | NN_OP_CUT_FROM_X,
    .no_grad = 1 << MEAN | 1 << VAR, .fresh = 1 << X,
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
