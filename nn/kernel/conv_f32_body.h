/*
 * conv_f32_body -- conv_f32: a step is a channel
 */
#include "nn/kernel/kernel.h"

enum { SIZE = 4 };
typedef vec step;

VEC_FN step step_all(const char *x)
{
    return v_set(*(const float *)x);
}

/* A vector of x, and the lanes of it that `from` says. */
VEC_FN step step_seen(const char *x, struct part there)
{
    return v_load((const float *)x, there);
}

VEC_FN step step_pick(step x, vint from)
{
    return v_pick(x, from);
}

VEC_FN step step_load(const char *b)
{
    return v_load((const float *)b, whole());
}

VEC_FN vec step_add(step x, step w, vec sum)
{
    return v_fma(x, w, sum);
}

/* Never: y is float. */
VEC_FN void store_half(bf16 *y, struct part p, vec v)
{
    v_store_bf16(y, p, v);
}

VEC_FN void store_halves(bf16 *y, vec a, vec b)
{
    v_store_bf16(y, whole(), a);
    v_store_bf16(y + LANES, whole(), b);
}

#include "nn/kernel/conv_body.h"

void KERNEL_FN(conv_f32)(const struct nn_conv *job)
{
    conv(job);
}
