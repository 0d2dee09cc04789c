/*
 * windows_ref -- pools and depthwise convolution on bf16 in plain C: the specification
 *
 * The contracts stand in kernel.h.
 */
#include "nn/kernel/cpu.h"

#include <string.h>
#include <tgmath.h>

/* Where tap (r,s) of output (i,j) lies in the input, -1 outside. */
static int64_t place(const struct nn_window *w, int i, int j, int r, int s)
{
    int y = i * w->sh - w->pt + r * w->dh, x = j * w->sw - w->pl + s * w->dw;

    return y < 0 || y >= w->h || x < 0 || x >= w->w ? -1 : ((int64_t)y * w->w + x) * w->pixel;
}

/* The statement for every tap of output (i,j), number n of all taps, whose first channel is number
 * `at` of the input. */
#define EACH_TAP(w, i, j, ...) \
    for (int n = 0; n < (w)->kh * (w)->kw; n++) { \
        int64_t at = place(w, i, j, n / (w)->kw, n % (w)->kw); \
\
        if (at >= 0) { \
            __VA_ARGS__; \
        } \
    }

/* The statement for every channel c of every output (i,j), number `out` of all. */
#define EACH_OUTPUT(w, ...) \
    for (int64_t out = 0; out < (int64_t)(w)->oh * (w)->ow * (w)->c; out++) { \
        const int c = (int)(out % (w)->c), pixel = (int)(out / (w)->c); \
        const int i = pixel / (w)->ow, j = pixel % (w)->ow; \
\
        __VA_ARGS__; \
    }

void nn_dwconv_bf16_ref(const struct nn_window *w, const bf16 *x, const real *weight,
                        const real *bias, real lo, real hi, bf16 *y)
{
    EACH_OUTPUT(w, {
        real sum = bias ? bias[c] : 0;

        EACH_TAP(w, i, j, sum += bf16_float(x[at + c]) * weight[n * w->c + c])
        sum = sum < lo ? lo : sum > hi ? hi : sum;
        y[out] = bf16_of((float)sum);
    })
}

/* Pixel (y,x) sums over the outputs that saw it, so that it is rounded once. */
void nn_dwconv_dx_bf16_ref(const struct nn_window *w, const bf16 *dy, const real *weight, bool add,
                           bf16 *dx)
{
    for (int64_t p = 0; p < (int64_t)w->h * w->w; p++)
        for (int c = 0; c < w->c; c++) {
            real sum = add ? bf16_float(dx[p * w->pixel + c]) : 0;

            for (int n = 0; n < w->kh * w->kw; n++) {
                int i = (int)(p / w->w) + w->pt - n / w->kw * w->dh;
                int j = (int)(p % w->w) + w->pl - n % w->kw * w->dw;

                if (i % w->sh || j % w->sw)
                    continue;
                i /= w->sh;
                j /= w->sw;
                if (i >= 0 && i < w->oh && j >= 0 && j < w->ow)
                    sum += bf16_float(dy[((int64_t)i * w->ow + j) * w->c + c]) *
                           weight[n * w->c + c];
            }
            dx[p * w->pixel + c] = bf16_of((float)sum);
        }
}

void nn_dwconv_dw_bf16_ref(const struct nn_window *w, const bf16 *x, const bf16 *dy, real *dweight)
{
    EACH_OUTPUT(w, EACH_TAP(w, i, j,
        dweight[n * w->c + c] += bf16_float(x[at + c]) * bf16_float(dy[out])))
}

void nn_maxpool_bf16_ref(const struct nn_window *w, const bf16 *x, bf16 *y, int32_t *where)
{
    EACH_OUTPUT(w, {
        int64_t best = -1;

        EACH_TAP(w, i, j, {
            float v = bf16_float(x[at + c]), old = best < 0 ? v : bf16_float(x[best]);

            if (best < 0 || v > old || (isnan(v) && !isnan(old)))
                best = at + c;
        })
        y[out] = x[best];
        if (where)
            where[out] = (int32_t)best;
    })
}

void nn_scatter_bf16_ref(int64_t n, const int32_t *where, const bf16 *dy, bf16 *dx)
{
    for (int64_t i = 0; i < n; i++)
        dx[where[i]] = bf16_of(bf16_float(dx[where[i]]) + bf16_float(dy[i]));
}

/* What the sum under a window is divided by. */
static real places(const struct nn_window *w, bool whole, int i, int j)
{
    int all = 0;

    EACH_TAP(w, i, j, all++)
    return whole ? w->kh * w->kw : all ? all : 1;
}

void nn_avgpool_bf16_ref(const struct nn_window *w, bool whole, const bf16 *x, bool half_y, void *y)
{
    EACH_OUTPUT(w, {
        real sum = 0;

        EACH_TAP(w, i, j, sum += bf16_float(x[at + c]))
        sum /= places(w, whole, i, j);
        if (half_y)
            ((bf16 *)y)[out] = bf16_of((float)sum);
        else
            ((real *)y)[out] = sum;
    })
}

void nn_avgpool_dx_bf16_ref(const struct nn_window *w, bool whole, bool half_dy, const void *dy,
                            bool add, bf16 *dx)
{
    for (int64_t p = 0; p < (int64_t)w->h * w->w && !add; p++)
        memset(dx + p * w->pixel, 0, (size_t)w->c * sizeof *dx);
    EACH_OUTPUT(w, {
        real g = half_dy ? bf16_float(((const bf16 *)dy)[out]) : ((const real *)dy)[out];

        g /= places(w, whole, i, j);
        EACH_TAP(w, i, j, dx[at + c] = bf16_of((float)(bf16_float(dx[at + c]) + g)))
    })
}
