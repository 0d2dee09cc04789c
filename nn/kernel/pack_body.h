/*
 * pack_body -- weights as the kernels want them, written once for all vectors
 *
 * A square of LANES numbers that a group's outputs take from as many of its inputs is read row by
 * row, of outputs (as the weights lie) or of inputs (turned: then it is transposed), and written
 * row by row, of outputs; of bf16 two rows at once.
 */
#include "nn/kernel/cpu.h"

#define UNROLL _Pragma("GCC unroll 16")

enum { AHEAD = 2 };     /* squares: rows lie far apart, which no hardware fetches ahead */

static int least(int a, int b)
{
    return a < b ? a : b;
}

VEC_FN struct part part_of(int n)
{
    return n == LANES ? whole() : first_lanes(n);
}

/* r[i]: row i, of up to `cols` numbers, zeros behind; rows from `rows` on are zeros. */
VEC_FN void load_square(vec r[LANES], const float *w, int64_t ldw, int rows, int cols)
{
    if (rows >= LANES && cols >= LANES) {
        UNROLL for (int i = 0; i < LANES; i++)
            r[i] = v_load(w + i * ldw, whole());
    } else {
        const struct part there = part_of(cols < 1 ? 1 : least(cols, LANES));

        UNROLL for (int i = 0; i < LANES; i++)
            r[i] = i < rows && cols > 0 ? v_load(w + i * ldw, there) : v_zero();
    }
}

/* Inputs and outputs of a pass, whose weight from input i to output o of a tap lies at w + i * in +
 * o * out: one of both is 1. */
struct pass {
    int taps, from, to;
    int64_t in, out, tap;       /* numbers, to the next */
    const float *w;             /* of the first tap of the packed */
};

static struct pass pass_of(int taps, int c, int k, int64_t ldw, const float *w, bool turned)
{
    int64_t tap = c * ldw;

    return turned ? (struct pass){ taps, k, c, 1, ldw, -tap, w + (taps - 1) * tap }
                  : (struct pass){ taps, c, k, ldw, 1, tap, w };
}

/* r[i]: the weights from input i0 + i to LANES outputs from o on. */
VEC_FN void square(const struct pass *p, int tap, int i0, int o, vec r[LANES])
{
    const float *w = p->w + tap * p->tap + i0 * p->in + o * p->out;
    const int64_t row = p->out == 1 ? p->in : p->out;

    if (i0 + AHEAD * LANES < p->from)
        UNROLL for (int i = 0; i < LANES; i++)
            __builtin_prefetch(w + AHEAD * LANES * p->in + i * row);
    if (p->out == 1) {
        load_square(r, w, p->in, p->from - i0, p->to - o);
    } else {
        load_square(r, w, p->out, p->to - o, p->from - i0);
        v_transpose(r);
    }
}

void KERNEL_FN(pack_f32)(int taps, int c, int k, int64_t ldw, const float *w, bool turned,
                         int first, int end, float *b)
{
    const struct pass p = pass_of(taps, c, k, ldw, w, turned);

    b += (int64_t)first * taps * p.from * NN_GROUP;
    for (int g = first * NN_GROUP; g < end * NN_GROUP; g += NN_GROUP)
        for (int t = 0; t < taps; t++)
            for (int i0 = 0; i0 < p.from; i0 += LANES) {
                int n = least(LANES, p.from - i0);

                for (int o = 0; o < NN_GROUP; o += LANES) {
                    vec r[LANES];

                    square(&p, t, i0, g + o, r);
                    UNROLL for (int i = 0; i < LANES; i++)
                        if (i < n)
                            v_store(b + i * NN_GROUP + o, whole(), r[i]);
                }
                b += n * NN_GROUP;
            }
}

void KERNEL_FN(pack_bf16)(int taps, int c, int k, int64_t ldw, const float *w, bool turned,
                          int first, int end, bf16 *b)
{
    const struct pass p = pass_of(taps, c, k, ldw, w, turned);

    b += (int64_t)first * taps * ((p.from + 1) / 2 * 2) * NN_GROUP;
    for (int g = first * NN_GROUP; g < end * NN_GROUP; g += NN_GROUP)
        for (int t = 0; t < taps; t++)
            for (int i0 = 0; i0 < p.from; i0 += LANES) {
                int n = least(LANES, p.from - i0);

                for (int o = 0; o < NN_GROUP; o += LANES) {
                    vec r[LANES];

                    square(&p, t, i0, g + o, r);
                    UNROLL for (int i = 0; i < LANES; i += 2)
                        if (i < n)
                            v_store_pairs(b + i * NN_GROUP + 2 * o, r[i], r[i + 1]);
                }
                b += (n + 1) / 2 * 2 * NN_GROUP;
            }
}
