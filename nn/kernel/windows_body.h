/*
 * windows_body -- pools, written once for all vectors
 *
 * Contracts in kernel.h, formulas as in ref.c.  Channels lie in the lanes; what is outside of the
 * picture is skipped.
 */
#include "nn/kernel/cpu.h"
#include "nn/kernel/span.h"
#include "nn/kernel/vec_loop.h"

enum { BLOCK = 4, AHEAD = 2048 };       /* vectors of channels side by side; bytes */

/* Asks for what lies AHEAD of number `at`, unless vector k of a block lies in a line that was asked
 * for: the processor sees no stream in pieces of rows. */
VEC_FN void ask(const bool half, const void *x, int64_t at, const int k)
{
    const int bytes = half ? 2 : 4;

    if (k * LANES * bytes % 64 == 0)
        v_prefetch((const char *)x + at * bytes + AHEAD);
}

/* The taps [r0,r1) x [s0,s1) of an output that lie in the picture, and the number of its first. */
struct span {
    int r0, r1, s0, s1;
    int64_t at;
};

/* As inside(), which most windows need not: n taps from `at` on. */
static inline void within(int at, int step, int n, int size, int *first, int *past)
{
    *first = 0;
    *past = n;
    if (at < 0 || at + (n - 1) * step >= size)
        inside(at, step, n, size, first, past);
}

static inline struct span span(const struct nn_window *w, int i, int j)
{
    int y = i * w->sh - w->pt, x = j * w->sw - w->pl;
    struct span s;

    within(y, w->dh, w->kh, w->h, &s.r0, &s.r1);
    within(x, w->dw, w->kw, w->w, &s.s0, &s.s1);
    s.at = ((int64_t)(y + s.r0 * w->dh) * w->w + x + s.s0 * w->dw) * w->pixel;
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

            ask(half, x, at + k * LANES, k);
            best[k] = v_select(better, v, best[k]);
            arg[k] = v_select_int(better, v_count_from((int32_t)at + k * LANES), arg[k]);
        })
        UNROLL for (int k = 0; k < width; k++)
            v_store_int(where + out + c + k * LANES, p, arg[k]);
    } else {
        EACH_TAP(w, s, c, UNROLL for (int k = 0; k < width; k++) {
            vec v = get(x, half, at + k * LANES, p);

            ask(half, x, at + k * LANES, k);
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
    EACH_TAP(w, s, c, UNROLL for (int k = 0; k < width; k++) {
        ask(half, x, at + k * LANES, k);
        sum[k] = v_add(sum[k], get(x, half, at + k * LANES, p));
    })
    UNROLL for (int k = 0; k < width; k++)
        put(y, half_y, out + c + k * LANES, p, v_div(sum[k], v_set(n)));
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
                for (; c + 2 * LANES <= (w)->c; c += 2 * LANES)                                    \
                    call(2, half, whole(), w, &s, c, __VA_ARGS__);                                 \
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

/* ---- pools, towards the input ---------------------------------------------------------------- */

/* What pixels of dx are made of: each is the sum over the outputs whose windows hold it. */
struct back {
    const struct nn_window *w;
    const int32_t *where;       /* NULL: means */
    bool all, add;
    const void *dy;
    void *dx;
};

/* The outputs [i0,i1) x [j0,j1) whose windows, gaps between taps too, hold pixel (y,x). */
struct seen {
    int y, x, i0, i1, j0, j1;
};

/* Does a tap of output (i,j) lie on the pixel? */
static inline bool is_seen(const struct nn_window *w, const struct seen *s, int i, int j)
{
    return (w->dh == 1 || (s->y + w->pt - i * w->sh) % w->dh == 0) &&
           (w->dw == 1 || (s->x + w->pl - j * w->sw) % w->dw == 0);
}

/* Those of n whose windows, of `reach` pixels behind their first, hold pixel `at`, counted from the
 * first window's first. */
static inline void seen_by(int at, int step, int reach, int n, int *first, int *past)
{
    *past = at < 0 ? 0 : at / step + 1;
    *first = at <= reach ? 0 : (at - reach + step - 1) / step;
    if (*past > n)
        *past = n;
    if (*first > *past)
        *first = *past;
}

/* `width` vectors of channels of a pixel, whose first is number `at` of dx. */
VEC_FN void gathered(const int width, const bool max, const bool half, const bool half_dy,
                     const struct part p, const struct back *b, const struct seen *s, int64_t at,
                     int c)
{
    vec sum[BLOCK];

    UNROLL for (int k = 0; k < width; k++)
        sum[k] = b->add ? get(b->dx, half, at + c + k * LANES, p) : v_zero();
    for (int i = s->i0; i < s->i1; i++)
        for (int j = s->j0; j < s->j1; j++) {
            int64_t out = ((int64_t)i * b->w->ow + j) * b->w->c + c;
            struct span in = { 0 };
            vec share = v_zero();

            if (!max && !is_seen(b->w, s, i, j))
                continue;
            if (!max) {
                in = span(b->w, i, j);
                share = v_set(1 / places(b->w, &in, b->all));
            }
            UNROLL for (int k = 0; k < width; k++) {
                vec g = get(b->dy, half_dy, out + k * LANES, p);

                ask(half_dy, b->dy, out + k * LANES, k);
                if (max)
                    ask(false, b->where, out + k * LANES, k);
                if (max)
                    g = v_select(v_equal_int(b->where + out + k * LANES, p,
                                             v_count_from((int32_t)at + c + k * LANES)),
                                 g, v_zero());
                sum[k] = max ? v_add(sum[k], g) : v_fma(g, share, sum[k]);
            }
        }
    UNROLL for (int k = 0; k < width; k++) {
        ask(half, b->dx, at + c + k * LANES, k);
        put(b->dx, half, at + c + k * LANES, p, sum[k]);
    }
}

VEC_FN void gather(const bool max, const bool half, const bool half_dy, const struct back *b)
{
    const struct nn_window *w = b->w;

    for (int y = 0; y < w->h; y++)
        for (int x = 0; x < w->w; x++) {
            int64_t at = ((int64_t)y * w->w + x) * w->pixel;
            struct seen s = { .y = y, .x = x };
            int c = 0;

            seen_by(y + w->pt, w->sh, (w->kh - 1) * w->dh, w->oh, &s.i0, &s.i1);
            seen_by(x + w->pl, w->sw, (w->kw - 1) * w->dw, w->ow, &s.j0, &s.j1);
            for (; c + BLOCK * LANES <= w->c; c += BLOCK * LANES)
                gathered(BLOCK, max, half, half_dy, whole(), b, &s, at, c);
            for (; c + 2 * LANES <= w->c; c += 2 * LANES)
                gathered(2, max, half, half_dy, whole(), b, &s, at, c);
            for (; c + LANES <= w->c; c += LANES)
                gathered(1, max, half, half_dy, whole(), b, &s, at, c);
            if (c < w->c)
                gathered(1, max, half, half_dy, first_lanes(w->c - c), b, &s, at, c);
        }
}

void KERNEL_FN(maxpool_dx_f32)(const struct nn_window *w, const int32_t *where, const float *dy,
                               bool add, float *dx)
{
    gather(true, false, false, &(struct back){ w, where, false, add, dy, dx });
}

void KERNEL_FN(maxpool_dx_bf16)(const struct nn_window *w, const int32_t *where, const bf16 *dy,
                                bool add, bf16 *dx)
{
    gather(true, true, true, &(struct back){ w, where, false, add, dy, dx });
}

void KERNEL_FN(avgpool_dx_f32)(const struct nn_window *w, bool all, const float *dy, bool add,
                               float *dx)
{
    gather(false, false, false, &(struct back){ w, NULL, all, add, dy, dx });
}

void KERNEL_FN(avgpool_dx_bf16)(const struct nn_window *w, bool all, bool half_dy, const void *dy,
                                bool add, bf16 *dx)
{
    struct back b = { w, NULL, all, add, dy, dx };

    if (half_dy)
        gather(false, true, true, &b);
    else
        gather(false, true, false, &b);
}
