/*
 * conv_f32_blas -- conv_f32 by products of OpenBLAS, for processors without kernels of our own
 *
 * A row of outputs, a tap and a group of 32 outputs are one product: the pixels that the tap sees
 * lie evenly apart, which is what a leading dimension is.  The sums are made where the outputs lie,
 * so that with `add` what was there comes first.  Nothing is cut within a row: neighbours in a
 * product may change an output's last bits, and a row always has the same.
 */
#include "nn/kernel/cpu.h"

#ifdef NN_BLAS

/* First and end of the outputs that see something under tap t. */
static void seen(const struct nn_axis *a, int t, int *first, int *end)
{
    int64_t at = a->start + (int64_t)t * a->apart;

    *first = at >= 0 ? 0 : (int)((-at + a->step - 1) / a->step);
    *end = at >= a->in ? 0 : (int)((a->in - 1 - at) / a->step) + 1;
    if (*end > a->out)
        *end = a->out;
    if (*first > *end)
        *first = *end;
}

static void product(const struct nn_conv *j, int64_t x_row, int t, int u, int k, real *y)
{
    int first, end, most = j->k_group ? j->k_group : NN_GROUP;
    int n = j->k - k < most ? j->k - k : most;
    const real *b = (const real *)j->b + k / NN_GROUP * j->b_group + k % NN_GROUP +
                    (j->h.first + t * j->h.every) * j->b_row +
                    (j->w.first + u * j->w.every) * j->b_column;

    seen(&j->w, u, &first, &end);
    if (first == end)
        return;
    nn_gemm_f32_blas(false, false, end - first, n, j->c,
                     (const real *)j->x + x_row + (j->k_group ? (int64_t)k / most * j->c : 0) +
                         ((int64_t)first * j->w.step + j->w.start + u * j->w.apart) * j->x_pixel,
                     (int)(j->w.step * j->x_pixel), b, NN_GROUP, true,
                     y + first * j->y_pixel + k, (int)j->y_pixel);
}

/* What is done with the sums of a row. */
static void finish(const struct nn_conv *j, const real *residual, real *y)
{
    for (int i = 0; i < j->w.out; i++)
        for (int k = 0; k < j->k; k++) {
            real v = y[i * j->y_pixel + k];

            if (j->bias)
                v += j->bias[k];
            if (residual)
                v += residual[i * j->y_pixel + k];
            y[i * j->y_pixel + k] = v < j->lo ? j->lo : v > j->hi ? j->hi : v;
        }
}

static void row(const struct nn_conv *j, int64_t n, int i)
{
    int64_t at = n * j->y_picture + i * j->y_row;
    real *y = (real *)j->y + at;
    const real *residual = j->residual == j->y ? NULL : j->residual;

    for (int p = 0; p < j->w.out; p++)
        for (int k = 0; k < j->k; k++) {
            real before = y[p * j->y_pixel + k];

            y[p * j->y_pixel + k] = (j->add ? before : 0) + (j->residual == j->y ? before : 0);
        }
    for (int t = 0; t < j->h.taps; t++) {
        int64_t in = (int64_t)i * j->h.step + j->h.start + (int64_t)t * j->h.apart;

        if (in < 0 || in >= j->h.in)
            continue;
        for (int u = 0; u < j->w.taps; u++)
            for (int k = 0; k < j->k; k += j->k_group ? j->k_group : NN_GROUP)
                product(j, n * j->x_picture + in * j->x_row, t, u, k, y);
    }
    finish(j, residual ? residual + at : NULL, y);
}

void nn_conv_f32_blas(const struct nn_conv *job)
{
    for (int64_t n = 0; n < job->n; n++)
        for (int i = 0; i < job->h.out; i++)
            row(job, n, i);
}

#endif
