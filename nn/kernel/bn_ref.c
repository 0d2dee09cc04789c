/*
 * bn_ref -- batch-norm with what follows it, in plain C: the specification
 *
 * The contracts stand in kernel.h.
 */
#include "nn/kernel/cpu.h"

static real get(const void *x, bool half, int64_t i)
{
    return half ? bf16_float(((const bf16 *)x)[i]) : ((const real *)x)[i];
}

static void put(void *x, bool half, int64_t i, real value)
{
    if (half)
        ((bf16 *)x)[i] = bf16_of((float)value);
    else
        ((real *)x)[i] = value;
}

void nn_bn_stats_ref(const struct nn_bn_rows *b)
{
    for (int64_t r = 0; r < b->rows; r++)
        for (int c = 0; c < b->n; c++) {
            real d = get(b->x, b->half_x, r * b->n + c) - b->mean[c];

            b->sum[c] += d;
            b->dot[c] += d * d;
        }
}

void nn_bn_apply_ref(const struct nn_bn_rows *b)
{
    for (int64_t r = 0; r < b->rows; r++)
        for (int c = 0; c < b->n; c++) {
            int64_t i = r * b->n + c;
            real v = get(b->x, b->half_x, i) * b->scale[c] + b->shift[c];

            if (b->residual)
                v += get(b->residual, b->half_r, i);
            if (b->cuts)
                v = v < b->lo ? b->lo : v > b->hi ? b->hi : v;
            put(b->y, b->half_y, i, v);
        }
}

/* dy, where the cut let it through. */
static real gradient(const struct nn_bn_rows *b, int64_t i)
{
    int64_t c = i % b->n;
    real z = 0;

    if (b->cuts)
        z = b->y ? get(b->y, b->half_y, i) : get(b->x, b->half_x, i) * b->scale[c] + b->shift[c];
    return !b->cuts || (z > b->lo && z < b->hi) ? get(b->dy, b->half_y, i) : 0;
}

void nn_bn_sums_ref(const struct nn_bn_rows *b)
{
    for (int64_t r = 0; r < b->rows; r++)
        for (int c = 0; c < b->n; c++) {
            real g = gradient(b, r * b->n + c);

            b->sum[c] += g;
            b->dot[c] += g * (get(b->x, b->half_x, r * b->n + c) - b->mean[c]);
        }
}

void nn_bn_grad_ref(const struct nn_bn_rows *b)
{
    for (int64_t r = 0; r < b->rows; r++)
        for (int c = 0; c < b->n; c++) {
            int64_t i = r * b->n + c;
            real g = gradient(b, i), dx;

            dx = b->p[c] * g + (b->q[c] * get(b->x, b->half_x, i) + b->r[c]);
            if (b->dx)
                put(b->dx, b->half_x, i, b->fresh ? dx : get(b->dx, b->half_x, i) + dx);
            if (b->dresidual)
                put(b->dresidual, b->half_r, i,
                    b->fresh_r ? g : get(b->dresidual, b->half_r, i) + g);
        }
}
