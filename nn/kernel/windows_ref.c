/*
 * windows_ref -- pools and depthwise convolution on bf16 in plain C: the specification
 *
 * The contracts stand in kernel.h.
 */
#include "nn/kernel/cpu.h"

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

/* The statement for every channel c of every pixel p of dx, which gives `sum`, before it what is
 * there, or 0: rounded once. */
#define EACH_PIXEL(w, more, dx, ...) \
    for (int64_t p = 0; p < (int64_t)(w)->h * (w)->w; p++) \
        for (int c = 0; c < (w)->c; c++) { \
            bf16 *to = (dx) + p * (w)->pixel + c; \
            real sum = (more) ? bf16_float(*to) : 0; \
\
            __VA_ARGS__; \
            *to = bf16_of((float)sum); \
        }

/* In it, the statement for every output (i,j), number `out`, that saw the pixel, under tap n. */
#define EACH_SEEN(w, ...) \
    for (int n = 0; n < (w)->kh * (w)->kw; n++) { \
        int i = (int)(p / (w)->w) + (w)->pt - n / (w)->kw * (w)->dh; \
        int j = (int)(p % (w)->w) + (w)->pl - n % (w)->kw * (w)->dw; \
        int64_t out; \
\
        if (i < 0 || j < 0 || i % (w)->sh || j % (w)->sw) \
            continue; \
        i /= (w)->sh; \
        j /= (w)->sw; \
        out = ((int64_t)i * (w)->ow + j) * (w)->c + c; \
        if (i < (w)->oh && j < (w)->ow) { \
            __VA_ARGS__; \
        } \
    }

void nn_dwconv_dx_bf16_ref(const struct nn_window *w, const bf16 *dy, const real *weight, bool add,
                           bf16 *dx)
{
    EACH_PIXEL(w, add, dx, EACH_SEEN(w, sum += bf16_float(dy[out]) * weight[n * w->c + c]))
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

void nn_maxpool_dx_bf16_ref(const struct nn_window *w, const int32_t *where, const bf16 *dy,
                            bool more, bf16 *dx)
{
    EACH_PIXEL(w, more, dx, EACH_SEEN(w, {
        if (where[out] == p * w->pixel + c)
            sum += bf16_float(dy[out]);
    }))
}

void nn_avgpool_dx_bf16_ref(const struct nn_window *w, bool whole, bool half_dy, const void *dy,
                            bool more, bf16 *dx)
{
    EACH_PIXEL(w, more, dx, EACH_SEEN(w, {
        real g = half_dy ? bf16_float(((const bf16 *)dy)[out]) : ((const real *)dy)[out];

        sum += g / places(w, whole, i, j);
    }))
}
