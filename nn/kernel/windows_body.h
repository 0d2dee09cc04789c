/*
 * windows_body -- pools, written once for all vectors
 *
 * Contracts in kernel.h, formulas as in ref.c.  Channels lie in the lanes; what is outside of the
 * picture is skipped.
 */
#include "nn/kernel/cpu.h"
#include "nn/kernel/span.h"
#include "nn/kernel/vec_loop.h"

#include <string.h>

enum { BLOCK = 4 };             /* vectors of channels side by side */

/* The taps [r0,r1) x [s0,s1) of an output that lie in the picture, and the number of its first;
 * what is read `ahead` of it is on its way from memory until then. */
struct span {
    int r0, r1, s0, s1;
    int64_t at, ahead;
};

static struct span span(const struct nn_window *w, int i, int j)
{
    int y = i * w->sh - w->pt, x = j * w->sw - w->pl;
    struct span s;

    inside(y, w->dh, w->kh, w->h, &s.r0, &s.r1);
    inside(x, w->dw, w->kw, w->w, &s.s0, &s.s1);
    s.at = ((int64_t)(y + s.r0 * w->dh) * w->w + x + s.s0 * w->dw) * w->pixel;
    s.ahead = w->sw * w->pixel;
    s.ahead *= 1 + 1024 / s.ahead;
    return s;
}

/* The statement for every tap of span s, with its number `at`. */
#define EACH_TAP(w, s, c, ...)                                                                     \
    for (int r = (s)->r0; r < (s)->r1; r++) {                                                      \
        int64_t at = (s)->at + (int64_t)(r - (s)->r0) * (w)->dh * (w)->w * (w)->pixel + (c);       \
                                                                                                   \
        for (int t = (s)->s0; t < (s)->s1; t++, at += (w)->dw * (w)->pixel) {                      \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    }

/* The largest of `width` vectors of channels. */
VEC_FN void largest(const int width, const bool half, const struct part p,
                    const struct nn_window *w, const struct span *s, int c, const void *x,
                    int64_t out, void *y, int32_t *where)
{
    vec best[BLOCK];
    vint arg[BLOCK];

    UNROLL for (int k = 0; k < width; k++) {
        best[k] = get(x, half, s->at + c + k * LANES, p);
        arg[k] = v_count_from((int32_t)s->at + c + k * LANES);
    }
    if (where) {
        EACH_TAP(w, s, c, UNROLL for (int k = 0; k < width; k++) {
            vec v = get(x, half, at + k * LANES, p);
            vmask better = v_beats(v, best[k]);

            best[k] = v_select(better, v, best[k]);
            arg[k] = v_select_int(better, v_count_from((int32_t)at + k * LANES), arg[k]);
        })
        UNROLL for (int k = 0; k < width; k++)
            v_store_int(where + out + c + k * LANES, p, arg[k]);
    } else {
        EACH_TAP(w, s, c, UNROLL for (int k = 0; k < width; k++) {
            vec v = get(x, half, at + k * LANES, p);

            best[k] = v_select(v_beats(v, best[k]), v, best[k]);
        })
    }
    UNROLL for (int k = 0; k < width; k++)
        put(y, half, out + c + k * LANES, p, best[k]);
}

/* What the sum under a window is divided by. */
static float places(const struct nn_window *w, const struct span *s, bool all)
{
    int n = all ? w->kh * w->kw : (s->r1 - s->r0) * (s->s1 - s->s0);

    return (float)(n ? n : 1);
}

VEC_FN void mean(const int width, const bool half, const struct part p, const struct nn_window *w,
                 const struct span *s, int c, const void *x, float n, const bool half_y,
                 int64_t out, void *y)
{
    vec sum[BLOCK];

    UNROLL for (int k = 0; k < width; k++)
        sum[k] = v_zero();
    EACH_TAP(w, s, c, UNROLL for (int k = 0; k < width; k++)
        sum[k] = v_add(sum[k], get(x, half, at + k * LANES, p)))
    UNROLL for (int k = 0; k < width; k++)
        put(y, half_y, out + c + k * LANES, p, v_div(sum[k], v_set(n)));
}

VEC_FN void spread(const int width, const bool half, const struct part p,
                   const struct nn_window *w, const struct span *s, int c, void *dx, float n,
                   const bool half_dy, int64_t out, const void *dy, const bool add)
{
    vec g[BLOCK];

    UNROLL for (int k = 0; k < width; k++)
        g[k] = v_div(get(dy, half_dy, out + c + k * LANES, p), v_set(n));
    EACH_TAP(w, s, c, UNROLL for (int k = 0; k < width; k++)
        put(dx, half, at + k * LANES, p,
            add ? v_add(get(dx, half, at + k * LANES, p), g[k]) : g[k]))
}

/* call(width, half, part, w, &s, channel, ...) for all channels of all outputs, of which the first
 * is number `out`. */
#define EACH_OUTPUT(w, half, call, ...)                                                            \
    do {                                                                                           \
        int64_t out = 0;                                                                           \
                                                                                                   \
        for (int i = 0; i < (w)->oh; i++)                                                          \
            for (int j = 0; j < (w)->ow; j++, out += (w)->c) {                                     \
                const struct span s = span(w, i, j);                                               \
                int c = 0;                                                                         \
                                                                                                   \
                for (; c + BLOCK * LANES <= (w)->c; c += BLOCK * LANES)                            \
                    call(BLOCK, half, whole(), w, &s, c, __VA_ARGS__);                             \
                for (; c + LANES <= (w)->c; c += LANES)                                            \
                    call(1, half, whole(), w, &s, c, __VA_ARGS__);                                 \
                if (c < (w)->c)                                                                    \
                    call(1, half, first_lanes((w)->c - c), w, &s, c, __VA_ARGS__);                 \
            }                                                                                      \
    } while (0)

void KERNEL_FN(maxpool_f32)(const struct nn_window *w, const float *x, float *y, int32_t *where)
{
    EACH_OUTPUT(w, false, largest, x, out, y, where);
}

void KERNEL_FN(maxpool_bf16)(const struct nn_window *w, const bf16 *x, bf16 *y, int32_t *where)
{
    EACH_OUTPUT(w, true, largest, x, out, y, where);
}

void KERNEL_FN(avgpool_f32)(const struct nn_window *w, bool all, const float *x, float *y)
{
    EACH_OUTPUT(w, false, mean, x, places(w, &s, all), false, out, y);
}

void KERNEL_FN(avgpool_bf16)(const struct nn_window *w, bool all, const bf16 *x, bool half_y,
                             void *y)
{
    if (half_y)
        EACH_OUTPUT(w, true, mean, x, places(w, &s, all), true, out, y);
    else
        EACH_OUTPUT(w, true, mean, x, places(w, &s, all), false, out, y);
}

void KERNEL_FN(avgpool_dx_f32)(const struct nn_window *w, bool all, const float *dy, float *dx)
{
    EACH_OUTPUT(w, false, spread, dx, places(w, &s, all), false, out, dy, true);
}

/* Is every pixel under exactly one tap? */
static bool tiles(const struct nn_window *w)
{
    return w->kh == w->sh && w->kw == w->sw && w->dh == 1 && w->dw == 1 && !w->pt && !w->pl &&
           w->oh * w->sh == w->h && w->ow * w->sw == w->w;
}

void KERNEL_FN(avgpool_dx_bf16)(const struct nn_window *w, bool all, bool half_dy, const void *dy,
                                bool add, bf16 *dx)
{
    bool write = !add && tiles(w);

    if (!add && !write)
        for (int64_t i = 0; i < (int64_t)w->h * w->w; i++)
            memset(dx + i * w->pixel, 0, (size_t)w->c * sizeof *dx);
    if (half_dy && write)
        EACH_OUTPUT(w, true, spread, dx, places(w, &s, all), true, out, dy, false);
    else if (half_dy)
        EACH_OUTPUT(w, true, spread, dx, places(w, &s, all), true, out, dy, true);
    else if (write)
        EACH_OUTPUT(w, true, spread, dx, places(w, &s, all), false, out, dy, false);
    else
        EACH_OUTPUT(w, true, spread, dx, places(w, &s, all), false, out, dy, true);
}
