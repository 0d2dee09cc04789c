/*
 * ref -- every slot in plain C: the specification
 *
 * The contracts stand in kernel.h.  Written to be read and compared against, never optimised: loops
 * run over channels, which are contiguous, and the compiler makes of that what it can.
 */
#include "nn/kernel/cpu.h"

#include <string.h>
#include <tgmath.h>

void nn_gemm_f32_ref(bool ta, bool tb, int m, int n, int k, const real *a, int lda, const real *b,
                     int ldb, bool acc, real *c, int ldc)
{
    for (int i = 0; i < m; i++) {
        real *restrict y = c + (int64_t)i * ldc;

        for (int j = 0; j < n && !acc; j++)
            y[j] = 0;
        for (int p = 0; p < k; p++) {
            real f = ta ? a[(int64_t)p * lda + i] : a[(int64_t)i * lda + p];

            if (tb)
                for (int j = 0; j < n; j++)
                    y[j] += f * b[(int64_t)j * ldb + p];
            else
                for (int j = 0; j < n; j++)
                    y[j] += f * b[(int64_t)p * ldb + j];
        }
    }
}

/* ---- windows --------------------------------------------------------------------------------- */

/* The taps [r0,r1) x [s0,s1) of an output pixel's window that lie inside the picture, and the input
 * row and column of tap (0, 0). */
struct span {
    int y, x, r0, r1, s0, s1;
};

/* first and past of { t in [0,n) : 0 <= at + t step < size } */
static void inside(int at, int step, int n, int size, int *first, int *past)
{
    *first = at >= 0 ? 0 : (-at + step - 1) / step;
    *past = at >= size ? 0 : (size - at + step - 1) / step;
    if (*past > n)
        *past = n;
    if (*first > *past)
        *first = *past;
}

static struct span span(const struct nn_window *w, int i, int j)
{
    struct span s = { .y = i * w->sh - w->pt, .x = j * w->sw - w->pl };

    inside(s.y, w->dh, w->kh, w->h, &s.r0, &s.r1);
    inside(s.x, w->dw, w->kw, w->w, &s.s0, &s.s1);
    return s;
}

/* Index of the input pixel under tap (r, s), in numbers. */
static int64_t under(const struct nn_window *w, const struct span *s, int r, int t)
{
    return ((int64_t)(s->y + r * w->dh) * w->w + s->x + t * w->dw) * w->pixel;
}

void nn_im2row_f32_ref(const struct nn_window *w, const real *x, int row0, int row1, int col0,
                       int col1, real *out)
{
    int tap0 = col0 / w->c;

    if (col0 >= col1)
        return;
    for (int row = row0; row < row1; row++) {
        struct span s = span(w, row / w->ow, row % w->ow);

        for (int tap = tap0; tap * w->c < col1; tap++) {
            int r = tap / w->kw, t = tap % w->kw;
            int c0 = tap == tap0 ? col0 - tap * w->c : 0;
            int c1 = (tap + 1) * w->c <= col1 ? w->c : col1 - tap * w->c;

            if (r >= s.r0 && r < s.r1 && t >= s.s0 && t < s.s1)
                memcpy(out, x + under(w, &s, r, t) + c0, (size_t)(c1 - c0) * sizeof *out);
            else
                memset(out, 0, (size_t)(c1 - c0) * sizeof *out);
            out += c1 - c0;
        }
    }
}

void nn_row2im_f32_ref(const struct nn_window *w, const real *rows, int row0, int row1, real *dx)
{
    for (int row = row0; row < row1; row++) {
        struct span s = span(w, row / w->ow, row % w->ow);
        const real *from = rows + (int64_t)(row - row0) * w->kh * w->kw * w->c;

        for (int r = s.r0; r < s.r1; r++)
            for (int t = s.s0; t < s.s1; t++) {
                const real *restrict g = from + (int64_t)(r * w->kw + t) * w->c;
                real *restrict d = dx + under(w, &s, r, t);

                for (int c = 0; c < w->c; c++)
                    d[c] += g[c];
            }
    }
}

void nn_dwconv_f32_ref(const struct nn_window *w, const real *x, const real *weight,
                       const real *bias, real *y)
{
    for (int i = 0; i < w->oh; i++)
        for (int j = 0; j < w->ow; j++, y += w->c) {
            struct span s = span(w, i, j);
            real *restrict out = y;

            for (int c = 0; c < w->c; c++)
                out[c] = bias ? bias[c] : 0;
            for (int r = s.r0; r < s.r1; r++)
                for (int t = s.s0; t < s.s1; t++) {
                    const real *restrict f = weight + (int64_t)(r * w->kw + t) * w->c;
                    const real *restrict in = x + under(w, &s, r, t);

                    for (int c = 0; c < w->c; c++)
                        out[c] += in[c] * f[c];
                }
        }
}

void nn_dwconv_dx_f32_ref(const struct nn_window *w, const real *dy, const real *weight, real *dx)
{
    for (int i = 0; i < w->oh; i++)
        for (int j = 0; j < w->ow; j++, dy += w->c) {
            struct span s = span(w, i, j);
            const real *restrict g = dy;

            for (int r = s.r0; r < s.r1; r++)
                for (int t = s.s0; t < s.s1; t++) {
                    const real *restrict f = weight + (int64_t)(r * w->kw + t) * w->c;
                    real *restrict d = dx + under(w, &s, r, t);

                    for (int c = 0; c < w->c; c++)
                        d[c] += g[c] * f[c];
                }
        }
}

void nn_dwconv_dw_f32_ref(const struct nn_window *w, const real *x, const real *dy, real *dweight)
{
    for (int i = 0; i < w->oh; i++)
        for (int j = 0; j < w->ow; j++, dy += w->c) {
            struct span s = span(w, i, j);
            const real *restrict g = dy;

            for (int r = s.r0; r < s.r1; r++)
                for (int t = s.s0; t < s.s1; t++) {
                    real *restrict d = dweight + (int64_t)(r * w->kw + t) * w->c;
                    const real *restrict in = x + under(w, &s, r, t);

                    for (int c = 0; c < w->c; c++)
                        d[c] += in[c] * g[c];
                }
        }
}

/* Is v a better maximum than best: larger, or the first NaN? */
static inline bool beats(real v, real best)
{
    return (v > best) | ((v != v) & (best == best));
}

void nn_maxpool_f32_ref(const struct nn_window *w, const real *x, real *y, int32_t *where)
{
    for (int i = 0; i < w->oh; i++)
        for (int j = 0; j < w->ow; j++) {
            struct span s = span(w, i, j);
            int64_t out = ((int64_t)i * w->ow + j) * w->c, first = under(w, &s, s.r0, s.s0);
            real *restrict best = y + out;
            int32_t *restrict arg = where ? where + out : NULL;

            for (int c = 0; c < w->c; c++)
                best[c] = x[first + c];
            for (int c = 0; c < w->c && where; c++)
                arg[c] = (int32_t)(first + c);
            for (int r = s.r0; r < s.r1; r++)
                for (int t = s.s0; t < s.s1; t++) {
                    int64_t at = under(w, &s, r, t);
                    const real *restrict in = x + at;

                    for (int c = 0; c < w->c && where; c++)
                        arg[c] = beats(in[c], best[c]) ? (int32_t)(at + c) : arg[c];
                    for (int c = 0; c < w->c; c++)
                        best[c] = beats(in[c], best[c]) ? in[c] : best[c];
                }
        }
}

/* Sets the pixels of dx to 0. */
static void clear(const struct nn_window *w, real *dx)
{
    for (int64_t p = 0; p < (int64_t)w->h * w->w; p++)
        memset(dx + p * w->pixel, 0, (size_t)w->c * sizeof *dx);
}

void nn_maxpool_dx_f32_ref(const struct nn_window *w, const int32_t *where, const real *dy,
                           bool more, real *dx)
{
    if (!more)
        clear(w, dx);
    for (int64_t i = 0; i < (int64_t)w->oh * w->ow * w->c; i++)
        dx[where[i]] += dy[i];
}

/* What the sum under a window is divided by. */
static real places(const struct nn_window *w, const struct span *s, bool whole)
{
    int n = whole ? w->kh * w->kw : (s->r1 - s->r0) * (s->s1 - s->s0);

    return (real)(n ? n : 1);
}

void nn_avgpool_f32_ref(const struct nn_window *w, bool whole, const real *x, real *y)
{
    for (int i = 0; i < w->oh; i++)
        for (int j = 0; j < w->ow; j++, y += w->c) {
            struct span s = span(w, i, j);
            real n = places(w, &s, whole);
            real *restrict sum = y;

            for (int c = 0; c < w->c; c++)
                sum[c] = 0;
            for (int r = s.r0; r < s.r1; r++)
                for (int t = s.s0; t < s.s1; t++) {
                    const real *restrict in = x + under(w, &s, r, t);

                    for (int c = 0; c < w->c; c++)
                        sum[c] += in[c];
                }
            for (int c = 0; c < w->c; c++)
                sum[c] /= n;
        }
}

void nn_avgpool_dx_f32_ref(const struct nn_window *w, bool whole, const real *dy, bool more,
                           real *dx)
{
    if (!more)
        clear(w, dx);
    for (int i = 0; i < w->oh; i++)
        for (int j = 0; j < w->ow; j++, dy += w->c) {
            struct span s = span(w, i, j);
            real n = places(w, &s, whole);
            const real *restrict g = dy;

            for (int r = s.r0; r < s.r1; r++)
                for (int t = s.s0; t < s.s1; t++) {
                    real *restrict d = dx + under(w, &s, r, t);

                    for (int c = 0; c < w->c; c++)
                        d[c] += g[c] / n;
                }
        }
}

/* ---- number by number ------------------------------------------------------------------------ */

void nn_add_f32_ref(int64_t n, const real *a, const real *b, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

void nn_mul_f32_ref(int64_t n, const real *a, const real *b, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] * b[i];
}

void nn_muladd_f32_ref(int64_t n, const real *a, const real *b, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += a[i] * b[i];
}

void nn_clamp_f32_ref(int64_t n, real lo, real hi, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i++) {
        real v = x[i] < lo ? lo : x[i];

        y[i] = v > hi ? hi : v;
    }
}

void nn_clamp_dx_f32_ref(int64_t n, real lo, real hi, const real *y, const real *dy, real *dx)
{
    for (int64_t i = 0; i < n; i++) {
        real g = dy[i], v = y[i];       /* read first: no branch is left */

        dx[i] += ((v > lo) & (v < hi)) ? g : 0;
    }
}

static inline real sigmoid(real x)
{
    real e = exp(-fabs(x));             /* at most 1 */

    return (x < 0 ? e : 1) / (1 + e);
}

void nn_sigmoid_f32_ref(int64_t n, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = sigmoid(x[i]);
}

void nn_sigmoid_dx_f32_ref(int64_t n, const real *y, const real *dy, real *dx)
{
    for (int64_t i = 0; i < n; i++)
        dx[i] += dy[i] * y[i] * (1 - y[i]);
}

void nn_tanh_f32_ref(int64_t n, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = tanh(x[i]);
}

void nn_tanh_dx_f32_ref(int64_t n, const real *y, const real *dy, real *dx)
{
    for (int64_t i = 0; i < n; i++)
        dx[i] += dy[i] * (1 - y[i] * y[i]);
}

void nn_leaky_f32_ref(int64_t n, real slope, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > 0 ? x[i] : slope * x[i];
}

void nn_leaky_dx_f32_ref(int64_t n, real slope, const real *y, const real *dy, real *dx)
{
    for (int64_t i = 0; i < n; i++)
        dx[i] += dy[i] * (y[i] > 0 ? 1 : slope);
}

#define ROOT_HALF ((real)0.70710678118654752440)           /* sqrt(1/2) */
#define ROOT_2_PI ((real)0.79788456080286535588)           /* sqrt(2/pi) */
#define DENSITY_0 ((real)0.39894228040143267794)           /* 1/sqrt(2 pi) */
#define CUBE ((real)0.044715)

/* tanh's argument in the approximation of P. */
static inline real near_arg(real x)
{
    return ROOT_2_PI * x * (1 + CUBE * x * x);
}

void nn_gelu_f32_ref(int64_t n, bool near, const real *x, real *y)
{
    if (near)
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i] * ((real)0.5 * (1 + tanh(near_arg(x[i]))));
    else                                /* erfc: no digits are lost where x < 0 */
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i] * ((real)0.5 * erfc(-x[i] * ROOT_HALF));
}

void nn_gelu_dx_f32_ref(int64_t n, bool near, const real *x, const real *dy, real *dx)
{
    for (int64_t i = 0; i < n; i++) {
        real v = x[i], p, density;      /* P(v) and its derivative */

        if (near) {
            real t = tanh(near_arg(v));

            p = (real)0.5 * (1 + t);
            density = (real)0.5 * (1 - t * t) * ROOT_2_PI * (1 + 3 * CUBE * v * v);
        } else {
            p = (real)0.5 * erfc(-v * ROOT_HALF);
            density = DENSITY_0 * exp(-(real)0.5 * v * v);
        }
        dx[i] += dy[i] * (p + v * density);
    }
}

void nn_silu_f32_ref(int64_t n, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * sigmoid(x[i]);
}

void nn_silu_dx_f32_ref(int64_t n, const real *x, const real *dy, real *dx)
{
    for (int64_t i = 0; i < n; i++) {
        real s = sigmoid(x[i]);

        dx[i] += dy[i] * s * (1 + x[i] * (1 - s));
    }
}

void nn_hardswish_f32_ref(int64_t n, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i++) {
        real v = x[i] + 3;

        v = v < 0 ? 0 : v > 6 ? 6 : v;
        y[i] = x[i] * (v / 6);
    }
}

void nn_hardswish_dx_f32_ref(int64_t n, const real *x, const real *dy, real *dx)
{
    for (int64_t i = 0; i < n; i++) {
        real v = x[i];

        dx[i] += dy[i] * (v <= -3 ? 0 : v >= 3 ? 1 : v / 3 + (real)0.5);
    }
}

/* ---- row by row ------------------------------------------------------------------------------ */

void nn_softmax_f32_ref(int64_t rows, int n, const real *x, real *y)
{
    for (int64_t r = 0; r < rows && n; r++, x += n, y += n) {
        real max = x[0], sum = 0;

        for (int i = 1; i < n; i++)
            max = x[i] > max ? x[i] : max;
        for (int i = 0; i < n; i++) {
            y[i] = exp(x[i] - max);     /* at most 1 */
            sum += y[i];
        }
        for (int i = 0; i < n; i++)
            y[i] /= sum;
    }
}

void nn_softmax_dx_f32_ref(int64_t rows, int n, const real *y, const real *dy, real *dx)
{
    for (int64_t r = 0; r < rows; r++, y += n, dy += n, dx += n) {
        real dot = 0;

        for (int i = 0; i < n; i++)
            dot += y[i] * dy[i];
        for (int i = 0; i < n; i++)
            dx[i] += y[i] * (dy[i] - dot);
    }
}

void nn_colsum_f32_ref(int64_t rows, int n, const real *x, real *sum)
{
    real *restrict s = sum;

    for (int64_t r = 0; r < rows; r++, x += n)
        for (int c = 0; c < n; c++)
            s[c] += x[c];
}

void nn_colvar_f32_ref(int64_t rows, int n, const real *x, const real *mean, real *sum)
{
    real *restrict s = sum;

    for (int64_t r = 0; r < rows; r++, x += n)
        for (int c = 0; c < n; c++)
            s[c] += (x[c] - mean[c]) * (x[c] - mean[c]);
}

void nn_coldot_f32_ref(int64_t rows, int n, const real *a, const real *b, const real *mean,
                       real *sum)
{
    real *restrict s = sum;

    for (int64_t r = 0; r < rows; r++, a += n, b += n)
        for (int c = 0; c < n; c++)
            s[c] += a[c] * (mean ? b[c] - mean[c] : b[c]);
}

void nn_affine_f32_ref(int64_t rows, int n, const real *x, const real *scale, const real *shift,
                       real *y)
{
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        if (scale && shift)
            for (int c = 0; c < n; c++)
                y[c] = x[c] * scale[c] + shift[c];
        else if (scale)
            for (int c = 0; c < n; c++)
                y[c] = x[c] * scale[c];
        else
            for (int c = 0; c < n; c++)
                y[c] = x[c] + (shift ? shift[c] : 0);
    }
}

void nn_norm_dx_f32_ref(int64_t rows, int n, const real *dy, const real *x, const real *p,
                        const real *q, const real *r, real *dx)
{
    for (int64_t row = 0; row < rows; row++, dy += n, dx += n) {
        const real *in = x ? x + row * n : NULL;
        real *restrict d = dx;

        if (in)
            for (int c = 0; c < n; c++)
                d[c] += dy[c] * p[c] + in[c] * q[c] + r[c];
        else
            for (int c = 0; c < n; c++)
                d[c] += dy[c] * p[c];
    }
}

void nn_rownorm_f32_ref(int64_t rows, int n, real eps, const real *x, const real *scale,
                        const real *shift, real *y, real *stat)
{
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        real mean = 0, var = 0, inv;

        for (int c = 0; c < n; c++)
            mean += x[c];
        mean /= (real)n;
        for (int c = 0; c < n; c++)
            var += (x[c] - mean) * (x[c] - mean);
        inv = 1 / sqrt(var / (real)n + eps);
        for (int c = 0; c < n; c++)
            y[c] = (x[c] - mean) * inv * scale[c] + shift[c];
        if (stat) {
            stat[2 * r] = mean;
            stat[2 * r + 1] = inv;
        }
    }
}

void nn_rownorm_dx_f32_ref(int64_t rows, int n, const real *x, const real *stat, const real *scale,
                           const real *dy, real *dx)
{
    for (int64_t r = 0; r < rows; r++, x += n, dy += n, dx += n) {
        real mean = stat[2 * r], inv = stat[2 * r + 1], sum = 0, dot = 0;

        for (int c = 0; c < n; c++) {
            real g = dy[c] * scale[c];

            sum += g;
            dot += g * ((x[c] - mean) * inv);
        }
        sum /= (real)n;
        dot /= (real)n;
        for (int c = 0; c < n; c++)
            dx[c] += inv * (dy[c] * scale[c] - sum - (x[c] - mean) * inv * dot);
    }
}

void nn_rownorm_dw_f32_ref(int64_t rows, int n, const real *x, const real *stat, const real *dy,
                           real *sum)
{
    real *restrict s = sum;

    for (int64_t r = 0; r < rows; r++, x += n, dy += n) {
        real mean = stat[2 * r], inv = stat[2 * r + 1];

        for (int c = 0; c < n; c++)
            s[c] += dy[c] * ((x[c] - mean) * inv);
    }
}

/* ---- optimisers ------------------------------------------------------------------------------ */

void nn_sgd_f32_ref(int64_t n, real rate, real momentum, real decay, bool nesterov, const real *g,
                    real *w, real *v)
{
    for (int64_t i = 0; i < n; i++) {
        real grad = g[i] + decay * w[i];

        v[i] = momentum * v[i] + grad;
        w[i] -= rate * (nesterov ? grad + momentum * v[i] : v[i]);
    }
}

void nn_adam_f32_ref(int64_t n, real beta1, real beta2, real m_scale, real v_scale, real eps,
                     const real *g, real *m, real *v, real *u)
{
    for (int64_t i = 0; i < n; i++) {
        real grad = g[i];

        m[i] = beta1 * m[i] + (1 - beta1) * grad;
        v[i] = beta2 * v[i] + (1 - beta2) * grad * grad;
        u[i] = m_scale * m[i] / (sqrt(v_scale * v[i]) + eps);
    }
}

void nn_lion_f32_ref(int64_t n, real rate, real beta1, real beta2, real decay, const real *g,
                     real *w, real *m)
{
    real keep = 1 - rate * decay;

    for (int64_t i = 0; i < n; i++) {
        real c = beta1 * m[i] + (1 - beta1) * g[i];
        real sign = (real)((c > 0) - (c < 0));

        w[i] = keep * w[i] - rate * sign;
        m[i] = beta2 * m[i] + (1 - beta2) * g[i];
    }
}

void nn_mix_f32_ref(int64_t n, real a, real b, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a * y[i] + b * x[i];
}

void nn_blend_f32_ref(int64_t n, real f, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += f * (x[i] - y[i]);
}

double nn_sumsq_f32_ref(int64_t n, const real *x)
{
    enum { LANES = 8 };                 /* sums side by side, which the compiler may vectorise */
    double lane[LANES] = { 0 }, sum = 0;
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (double)x[i + l] * (double)x[i + l];
    for (; i < n; i++)
        lane[i % LANES] += (double)x[i] * (double)x[i];
    for (int l = 0; l < LANES; l++)
        sum += lane[l];
    return sum;
}
