/*
 * conv_ref -- convolution on packed weights, its weight gradient and bf16 in plain C: the
 * specification
 *
 * The contracts stand in kernel.h.  As ref.c: to be read and compared against.  32 outputs that lie
 * together are summed at once, so that the compiler has something to make vectors of.
 */
#include "nn/kernel/cpu.h"

#include <string.h>
#include <tgmath.h>

/* ---- bf16 ------------------------------------------------------------------------------------ */

void nn_to_bf16_ref(int64_t n, const real *x, bf16 *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = bf16_of((float)x[i]);
}

void nn_from_bf16_ref(int64_t n, const bf16 *x, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = bf16_float(x[i]);
}

/* ---- packing --------------------------------------------------------------------------------- */

/* Number (tap, from, to) of the weights, seen from the pass that packs them; 0 behind the end. */
static real weight(int taps, int c, int k, int64_t ldw, const real *w, bool turned, int tap,
                   int from, int to)
{
    int in = turned ? to : from, out = turned ? from : to;

    if (in >= c || out >= k)
        return 0;
    return w[((int64_t)(turned ? taps - 1 - tap : tap) * c + in) * ldw + out];
}

void nn_pack_f32_ref(int taps, int c, int k, int64_t ldw, const real *w, bool turned, int first,
                     int end, real *b)
{
    int from = turned ? k : c;

    b += (int64_t)first * taps * from * NN_GROUP;
    for (int g = first * NN_GROUP; g < end * NN_GROUP; g += NN_GROUP)
        for (int t = 0; t < taps; t++)
            for (int i = 0; i < from; i++)
                for (int o = 0; o < NN_GROUP; o++)
                    *b++ = weight(taps, c, k, ldw, w, turned, t, i, g + o);
}

void nn_pack_bf16_ref(int taps, int c, int k, int64_t ldw, const real *w, bool turned, int first,
                      int end, bf16 *b)
{
    int from = turned ? k : c;

    b += (int64_t)first * taps * ((from + 1) / 2 * 2) * NN_GROUP;
    for (int g = first * NN_GROUP; g < end * NN_GROUP; g += NN_GROUP)
        for (int t = 0; t < taps; t++)
            for (int i = 0; i < from; i += 2)
                for (int o = 0; o < NN_GROUP; o++)
                    for (int p = 0; p < 2; p++)
                        *b++ = bf16_of((float)weight(taps, c, k, ldw, w, turned, t, i + p, g + o));
}

/* ---- convolution ----------------------------------------------------------------------------- */

/* The input that output i sees under tap t; -1: none. */
static int under(const struct nn_axis *a, int i, int t)
{
    int64_t at = (int64_t)i * a->step + a->start + (int64_t)t * a->apart;

    return at >= 0 && at < a->in ? (int)at : -1;
}

/* The first of the c channels that output k sees. */
static int64_t seen_from(int k_group, int c, int k)
{
    return k_group ? (int64_t)(k / k_group) * c : 0;
}

/* The sums of a group of outputs of one pixel. */
static void sums(const struct nn_conv *j, bool half, int64_t n, int y, int x, int group, real *sum)
{
    for (int t = 0; t < j->h.taps; t++)
        for (int u = 0; u < j->w.taps; u++) {
            int row = under(&j->h, y, t), column = under(&j->w, x, u);
            int64_t at = n * j->x_picture + row * j->x_row + column * j->x_pixel;
            int64_t b = group * j->b_group + (j->h.first + t * j->h.every) * j->b_row +
                        (j->w.first + u * j->w.every) * j->b_column;

            if (row < 0 || column < 0)
                continue;
            for (int c = 0; c < j->c; c++)
                for (int o = 0; o < NN_GROUP && group * NN_GROUP + o < j->k; o++) {
                    int64_t from = at + c + seen_from(j->k_group, j->c, group * NN_GROUP + o);

                    if (half)
                        sum[o] += bf16_float(((const bf16 *)j->x)[from]) *
                                  bf16_float(((const bf16 *)j->b)[b + c / 2 * 2 * NN_GROUP + 2 * o +
                                                                c % 2]);
                    else
                        sum[o] += ((const real *)j->x)[from] *
                                  ((const real *)j->b)[b + c * NN_GROUP + o];
                }
        }
}

static real number(const void *x, bool half, int64_t i)
{
    return half ? bf16_float(((const bf16 *)x)[i]) : ((const real *)x)[i];
}

static void finish(const struct nn_conv *j, int64_t at, int first, int count, const real *sum)
{
    for (int o = 0; o < count; o++) {
        real v = sum[o];

        if (j->bias)
            v += j->bias[first + o];
        if (j->add)
            v += number(j->y, j->y_half, at + o);
        if (j->residual)
            v += number(j->residual, j->y_half, at + o);
        v = v < j->lo ? j->lo : v > j->hi ? j->hi : v;
        if (j->y_half)
            ((bf16 *)j->y)[at + o] = bf16_of((float)v);
        else
            ((real *)j->y)[at + o] = v;
    }
}

static void conv(const struct nn_conv *j, bool half)
{
    for (int64_t n = 0; n < j->n; n++)
        for (int y = 0; y < j->h.out; y++)
            for (int x = 0; x < j->w.out; x++)
                for (int k = 0; k < j->k; k += NN_GROUP) {
                    int64_t at = n * j->y_picture + y * j->y_row + x * j->y_pixel + k;
                    int count = j->k - k < NN_GROUP ? j->k - k : NN_GROUP;
                    real sum[NN_GROUP] = { 0 };

                    sums(j, half, n, y, x, k / NN_GROUP, sum);
                    finish(j, at, k, count, sum);
                }
}

void nn_conv_f32_ref(const struct nn_conv *job)
{
    conv(job, false);
}

void nn_conv_bf16_ref(const struct nn_conv *job)
{
    conv(job, true);
}

/* ---- weight gradient ------------------------------------------------------------------------- */

/* Number i, rounded to bf16 where that is asked for. */
static real rounded(const void *x, bool half, bool round, int64_t i)
{
    return round && !half ? bf16_float(bf16_of((float)((const real *)x)[i]))
                          : number(x, half, i);
}

/* Adds one pixel pair to the block of a tap. */
static void outer(const struct nn_convdw *j, bool round, int64_t x, int64_t dy, real *dw)
{
    for (int c = 0; c < j->c; c++) {
        real *row = dw + c * j->dw_channel;

        for (int k = 0; k < j->k; k++)
            row[k] += rounded(j->x, j->x_half, round, x + c + seen_from(j->k_group, j->c, k)) *
                      rounded(j->dy, j->dy_half, round, dy + k);
    }
}

static void convdw(const struct nn_convdw *j, bool round)
{
    for (int t = 0; t < j->h.taps; t++)
        for (int u = 0; u < j->w.taps; u++) {
            real *dw = j->dw + t * j->dw_row + u * j->dw_column;

            for (int c = 0; c < j->c && !j->add; c++)
                memset(dw + c * j->dw_channel, 0, (size_t)j->k * sizeof *dw);
            for (int64_t n = 0; n < j->n; n++)
                for (int y = 0; y < j->h.out; y++)
                    for (int x = 0; x < j->w.out; x++) {
                        int row = under(&j->h, y, t), column = under(&j->w, x, u);

                        if (row >= 0 && column >= 0)
                            outer(j, round,
                                  n * j->x_picture + row * j->x_row + column * j->x_pixel,
                                  n * j->dy_picture + y * j->dy_row + x * j->dy_pixel, dw);
                    }
        }
}

void nn_convdw_f32_ref(const struct nn_convdw *job)
{
    convdw(job, false);
}

void nn_convdw_bf16_ref(const struct nn_convdw *job)
{
    convdw(job, true);
}
