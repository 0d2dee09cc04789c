/*
 * check_rows -- sums of columns, and what goes row by row, against the formulas of kernel.h
 *
 * A part of test_kernels.c, which has the trials.
 */
static const int row_counts[] = { 0, 1, 2, 5, 67 };

#define EACH_MATRIX(rows, n) \
    for (int n##_i = 0; n##_i < COUNT(row_counts) * COUNT(lengths); n##_i++) \
        for (int rows = row_counts[n##_i % COUNT(row_counts)], \
                 n = lengths[n##_i / COUNT(row_counts)], n##_once = 1; \
             n##_once; n##_once = 0)

static void check_softmax_f32(nn_softmax_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            int64_t count = (int64_t)rows * n;
            real *x = drawn(&t, count), *y = blank(&t, count), *on_x, *last = blank(&t, n);

            for (int64_t i = 0; i < count; i++)
                x[i] *= i / (n ? n : 1) % 2 ? 40 : 5;
            on_x = copied(&t, count, x);
            f(rows, n, x, y);
            f(rows, n, on_x, on_x);
            assert_same(&t, "softmax in place", count, on_x, y);
            if (rows) {
                f(1, n, x + count - n, last);
                assert_same(&t, "softmax of one row", n, last, y + count - n);
            }
            for (int r = 0; r < rows; r++) {
                const real *in = x + (int64_t)r * n, *out = y + (int64_t)r * n;
                double max = -INFINITY, sum = 0;

                for (int i = 0; i < n; i++)
                    max = fmax(max, (double)in[i]);
                for (int i = 0; i < n; i++)
                    sum += exp((double)in[i] - max);
                for (int i = 0; i < n; i++) {
                    double want = exp((double)in[i] - max) / sum;

                    assert_near(&t, "softmax", i, out[i], want,
                                -EPS * want * (6 + n + max - (double)in[i]) - 1e-37);
                }
            }
            unmap(&t);
        }
}

static void check_softmax_dx_f32(nn_softmax_dx_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            int64_t count = (int64_t)rows * n;
            const real *y = drawn(&t, count), *dy = drawn(&t, count), *before = drawn(&t, count);
            real *dx = copied(&t, count, before);

            f(rows, n, y, dy, dx);
            for (int64_t i = 0; i < count; i++) {
                struct sum dot = { 0 };

                for (int64_t k = i / n * n; k < i / n * n + n; k++)
                    add(&dot, (double)y[k] * (double)dy[k]);
                assert_near(&t, "softmax gradient", i, dx[i],
                            (double)before[i] + (double)y[i] * ((double)dy[i] - dot.value),
                            (n + 4) * EPS *
                                (fabs((double)before[i]) + fabs((double)y[i]) * (1 + dot.size)));
            }
            unmap(&t);
        }
}

/* a[r,c] * (b[r,c] - mean[c]): the slots leave some of it out, plain the mean too. */
static void column_sums(nn_colsum_f32_fn *colsum, nn_colvar_f32_fn *colvar,
                        nn_coldot_f32_fn *coldot, bool plain)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            int64_t count = (int64_t)rows * n;
            const real *a = drawn(&t, count), *b = drawn(&t, count), *mean = drawn(&t, n),
                       *before = drawn(&t, n);
            real *sum = copied(&t, n, before);

            if (colsum)
                colsum(rows, n, a, sum);
            else if (colvar)
                colvar(rows, n, a, mean, sum);
            else
                coldot(rows, n, a, b, plain ? NULL : mean, sum);
            for (int c = 0; c < n; c++) {
                struct sum s = { 0 };

                add(&s, before[c]);
                for (int r = 0; r < rows; r++) {
                    double x = a[(int64_t)r * n + c], y = b[(int64_t)r * n + c];
                    double m = plain ? 0 : (double)mean[c];

                    add(&s, colsum ? x : colvar ? (x - m) * (x - m) : x * (y - m));
                }
                assert_near(&t, "column sum", c, sum[c], s.value,
                            (rows + 5) * EPS * (s.size + 0.1));
            }
            unmap(&t);
        }
}

static void check_colsum_f32(nn_colsum_f32_fn *f)
{
    column_sums(f, NULL, NULL, false);
}

static void check_colvar_f32(nn_colvar_f32_fn *f)
{
    column_sums(NULL, f, NULL, false);
}

static void check_coldot_f32(nn_coldot_f32_fn *f)
{
    column_sums(NULL, NULL, f, false);
    column_sums(NULL, NULL, f, true);
}

static void check_affine_f32(nn_affine_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n)
            for (int how = 0; how < 4; how++) {
                int64_t count = (int64_t)rows * n;
                const real *x = drawn(&t, count);
                const real *scale = how & 1 ? drawn(&t, n) : NULL,
                           *shift = how & 2 ? drawn(&t, n) : NULL;
                real *y = blank(&t, count), *on_x = copied(&t, count, x), *last = blank(&t, n);

                f(rows, n, x, scale, shift, y);
                f(rows, n, on_x, scale, shift, on_x);
                assert_same(&t, "affine in place", count, on_x, y);
                if (rows) {
                    f(1, n, x + count - n, scale, shift, last);
                    assert_same(&t, "affine of one row", n, last, y + count - n);
                }
                for (int64_t i = 0; i < count; i++) {
                    struct sum s = { 0 };

                    add(&s, (double)x[i] * (scale ? (double)scale[i % n] : 1));
                    add(&s, shift ? (double)shift[i % n] : 0);
                    assert_near(&t, "affine", i, y[i], s.value, 2 * EPS * s.size);
                }
                unmap(&t);
            }
}

/* plain: without x, q and r */
static void norm_dx(nn_norm_dx_f32_fn *f, bool plain)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            int64_t count = (int64_t)rows * n, end = count - n;
            const real *dy = drawn(&t, count), *before = drawn(&t, count), *p = drawn(&t, n);
            const real *x = plain ? NULL : drawn(&t, count), *q = plain ? NULL : drawn(&t, n);
            const real *r = plain ? NULL : drawn(&t, n);
            real *dx = copied(&t, count, before), *last = rows ? copied(&t, n, before + end) : NULL;

            f(rows, n, dy, x, p, q, r, dx);
            if (rows) {
                f(1, n, dy + end, x ? x + end : NULL, p, q, r, last);
                assert_same(&t, "norm gradient of one row", n, last, dx + end);
            }
            for (int64_t i = 0; i < count; i++) {
                struct sum s = { 0 };

                add(&s, before[i]);
                add(&s, (double)dy[i] * (double)p[i % n]);
                if (x) {
                    add(&s, (double)x[i] * (double)q[i % n]);
                    add(&s, r[i % n]);
                }
                assert_near(&t, "norm gradient", i, dx[i], s.value, 5 * EPS * s.size);
            }
            unmap(&t);
        }
}

static void check_norm_dx_f32(nn_norm_dx_f32_fn *f)
{
    norm_dx(f, false);
    norm_dx(f, true);
}

/* Mean and 1 / sqrt(variance + eps) of n numbers. */
static void row_stat(int n, const real *x, double eps, double *mean, double *inv)
{
    double sum = 0, var = 0;

    for (int i = 0; i < n; i++)
        sum += (double)x[i];
    *mean = sum / n;
    for (int i = 0; i < n; i++)
        var += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    *inv = 1 / sqrt(var / n + eps);
}

static void check_rownorm_f32(nn_rownorm_f32_fn *f)
{
    const double eps = 0.25;    /* numbers are between -4 and 4: nothing gets large */

    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            int64_t count = (int64_t)rows * n, end = count - n;
            real *x = drawn(&t, count), *y = blank(&t, count), *on_x = copied(&t, count, x);
            const real *scale = drawn(&t, n), *shift = drawn(&t, n);
            real *stat = blank(&t, 2 * rows), *last = blank(&t, n);

            f(rows, n, (real)eps, x, scale, shift, y, stat);
            f(rows, n, (real)eps, on_x, scale, shift, on_x, NULL);
            assert_same(&t, "row norm in place", count, on_x, y);
            if (rows) {
                f(1, n, (real)eps, x + end, scale, shift, last, NULL);
                assert_same(&t, "row norm of one row", n, last, y + end);
            }
            for (int64_t i = 0; i < count; i++) {
                int64_t r = i / n, c = i % n;
                double mean, inv, v = (double)x[i], bound = (8 + n) * EPS;

                row_stat(n, x + r * n, eps, &mean, &inv);
                assert_near(&t, "row norm", i, y[i], (v - mean) * inv * scale[c] + shift[c],
                            -bound * 8 * (4 + fabs((double)shift[c])));
                assert_near(&t, "mean of a row", r, stat[2 * r], mean, -bound * 4);
                assert_near(&t, "1/s of a row", r, stat[2 * r + 1], inv, -bound * 8 * inv);
            }
            unmap(&t);
        }
}

static void check_rownorm_dx_f32(nn_rownorm_dx_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            int64_t count = (int64_t)rows * n, end = count - n;
            const real *x = drawn(&t, count), *dy = drawn(&t, count), *before = drawn(&t, count);
            const real *scale = drawn(&t, n), *stat = drawn(&t, 2 * rows);
            real *dx = copied(&t, count, before), *last = rows ? copied(&t, n, before + end) : NULL;

            f(rows, n, x, stat, scale, dy, dx);
            if (rows) {
                f(1, n, x + end, stat + 2 * (rows - 1), scale, dy + end, last);
                assert_same(&t, "row norm gradient of one row", n, last, dx + end);
            }
            for (int64_t i = 0; i < count; i++) {
                int64_t r = i / n;
                double mean = (double)stat[2 * r], inv = (double)stat[2 * r + 1], v, size;
                struct sum g = { 0 }, gz = { 0 };

                for (int k = 0; k < n; k++) {
                    double one = (double)dy[r * n + k] * (double)scale[k];

                    add(&g, one);
                    add(&gz, one * ((double)x[r * n + k] - mean) * inv);
                }
                v = ((double)x[i] - mean) * inv;
                size = g.size / n + fabs(v) * gz.size / n + fabs((double)dy[i] * scale[i % n]);
                assert_near(&t, "row norm gradient", i, dx[i],
                            before[i] + inv * ((double)dy[i] * scale[i % n] - g.value / n -
                                               v * gz.value / n),
                            -(n + 8) * EPS * (fabs((double)before[i]) + fabs(inv) * size));
            }
            unmap(&t);
        }
}

static void check_rownorm_dw_f32(nn_rownorm_dw_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            const real *x = drawn(&t, (int64_t)rows * n), *dy = drawn(&t, (int64_t)rows * n);
            const real *stat = drawn(&t, 2 * rows), *before = drawn(&t, n);
            real *sum = copied(&t, n, before);

            f(rows, n, x, stat, dy, sum);
            for (int c = 0; c < n; c++) {
                struct sum s = { 0 };

                add(&s, before[c]);
                for (int64_t r = 0; r < rows; r++)
                    add(&s, (double)dy[r * n + c] *
                                (((double)x[r * n + c] - (double)stat[2 * r]) *
                                 (double)stat[2 * r + 1]));
                assert_near(&t, "row norm weights", c, sum[c], s.value,
                            (rows + 4) * EPS * (s.size + 8 * rows));
            }
            unmap(&t);
        }
}
