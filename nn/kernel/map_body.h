/*
 * map_body -- the slots that go number by number, written once for all vectors
 *
 * Contracts in kernel.h, formulas as in ref.c.  A last part goes through the same code with lanes
 * masked out, so that bits depend on nothing but a number's own inputs.
 */
#include "nn/kernel/cpu.h"
#include "nn/kernel/vec_loop.h"
#include "nn/kernel/vec_math.h"

void KERNEL_FN(add_f32)(int64_t n, const float *a, const float *b, float *y)
{
    EACH_VEC(n, OUT(y, v_add(IN(a), IN(b))));
}

void KERNEL_FN(mul_f32)(int64_t n, const float *a, const float *b, float *y)
{
    EACH_VEC(n, OUT(y, v_mul(IN(a), IN(b))));
}

void KERNEL_FN(muladd_f32)(int64_t n, const float *a, const float *b, float *y)
{
    EACH_VEC(n, OUT(y, v_fma(IN(a), IN(b), IN(y))));
}

void KERNEL_FN(clamp_f32)(int64_t n, float lo, float hi, const float *x, float *y)
{
    const vec low = v_set(lo), high = v_set(hi);

    EACH_VEC(n, OUT(y, v_min(high, v_max(low, IN(x)))));
}

void KERNEL_FN(clamp_dx_f32)(int64_t n, float lo, float hi, const float *y, const float *dy,
                             float *dx)
{
    const vec low = v_set(lo), high = v_set(hi);

    EACH_VEC(n, {
        vec v = IN(y), g = IN(dy);

        g = v_select(m_and(v_less(low, v), v_less(v, high)), g, v_zero());
        OUT(dx, v_add(IN(dx), g));
    });
}

void KERNEL_FN(sigmoid_f32)(int64_t n, const float *x, float *y)
{
    EACH_VEC(n, OUT(y, v_sigmoid(IN(x))));
}

void KERNEL_FN(sigmoid_dx_f32)(int64_t n, const float *y, const float *dy, float *dx)
{
    EACH_VEC(n, {
        vec s = IN(y);

        OUT(dx, v_fma(v_mul(IN(dy), s), v_sub(v_set(1), s), IN(dx)));
    });
}

void KERNEL_FN(tanh_f32)(int64_t n, const float *x, float *y)
{
    EACH_VEC(n, OUT(y, v_tanh(IN(x))));
}

void KERNEL_FN(tanh_dx_f32)(int64_t n, const float *y, const float *dy, float *dx)
{
    EACH_VEC(n, {
        vec t = IN(y);

        OUT(dx, v_fma(IN(dy), v_fnma(t, t, v_set(1)), IN(dx)));
    });
}

void KERNEL_FN(leaky_f32)(int64_t n, float slope, const float *x, float *y)
{
    const vec low = v_set(slope);

    EACH_VEC(n, {
        vec v = IN(x);

        OUT(y, v_select(v_less(v_zero(), v), v, v_mul(low, v)));
    });
}

void KERNEL_FN(leaky_dx_f32)(int64_t n, float slope, const float *y, const float *dy, float *dx)
{
    const vec low = v_set(slope);

    EACH_VEC(n, {
        vec f = v_select(v_less(v_zero(), IN(y)), v_set(1), low);

        OUT(dx, v_fma(IN(dy), f, IN(dx)));
    });
}

#define ROOT_2_PI 0.79788456080286535588f           /* sqrt(2/pi) */
#define DENSITY_0 0.39894228040143267794f           /* 1/sqrt(2 pi) */
#define CUBE 0.044715f

/* Twice the argument of tanh in the approximation: (1 + tanh z) / 2 = sigmoid(2 z). */
VEC_FN vec near_arg(vec x)
{
    return v_mul(v_mul(v_set(2 * ROOT_2_PI), x), v_fma(v_mul(v_set(CUBE), x), x, v_set(1)));
}

void KERNEL_FN(gelu_f32)(int64_t n, bool near, const float *x, float *y)
{
    vec bell;

    if (near)
        EACH_VEC(n, {
            vec v = IN(x);

            OUT(y, v_mul(v, v_sigmoid(near_arg(v))));
        });
    else
        EACH_VEC(n, {
            vec v = IN(x);

            OUT(y, v_mul(v, v_normal(v, &bell)));
        });
}

/* The derivative of x P(x), P by the approximation.  It is 0 or 1 beyond 16: no overflow. */
VEC_FN vec near_slope(vec x)
{
    vec v = v_max(v_set(-16), v_min(v_set(16), x)), arg = near_arg(v);
    vec e = v_exp(v_sub(v_zero(), v_abs(arg))), one = v_set(1);
    vec under = v_div(one, v_add(one, e));
    vec p = v_mul(v_select(v_less(v, v_zero()), e, one), under);
    vec slope = v_mul(v_mul(e, under), under);      /* of the sigmoid */

    slope = v_mul(slope, v_mul(v_set(2 * ROOT_2_PI),
                               v_fma(v_mul(v_set(3 * CUBE), v), v, one)));
    return v_fma(v, slope, p);
}

VEC_FN vec exact_slope(vec x)
{
    vec bell, p, v = v_max(v_set(-16), v_min(v_set(16), x));

    p = v_normal(v, &bell);
    return v_fma(v_mul(v, v_set(DENSITY_0)), bell, p);
}

void KERNEL_FN(gelu_dx_f32)(int64_t n, bool near, const float *x, const float *dy, float *dx)
{
    if (near)
        EACH_VEC(n, OUT(dx, v_fma(IN(dy), near_slope(IN(x)), IN(dx))));
    else
        EACH_VEC(n, OUT(dx, v_fma(IN(dy), exact_slope(IN(x)), IN(dx))));
}

void KERNEL_FN(silu_f32)(int64_t n, const float *x, float *y)
{
    EACH_VEC(n, {
        vec v = IN(x);

        OUT(y, v_mul(v, v_sigmoid(v)));
    });
}

void KERNEL_FN(silu_dx_f32)(int64_t n, const float *x, const float *dy, float *dx)
{
    EACH_VEC(n, {
        vec v = IN(x), s = v_sigmoid(v);
        vec f = v_mul(s, v_fma(v, v_sub(v_set(1), s), v_set(1)));

        OUT(dx, v_fma(IN(dy), f, IN(dx)));
    });
}

void KERNEL_FN(hardswish_f32)(int64_t n, const float *x, float *y)
{
    EACH_VEC(n, {
        vec v = IN(x), f = v_min(v_set(6), v_max(v_zero(), v_add(v, v_set(3))));

        OUT(y, v_mul(v, v_mul(f, v_set(1 / 6.0f))));
    });
}

void KERNEL_FN(hardswish_dx_f32)(int64_t n, const float *x, const float *dy, float *dx)
{
    EACH_VEC(n, {
        vec v = IN(x), f = v_fma(v, v_set(1 / 3.0f), v_set(0.5f));

        f = v_select(v_less(v_set(-3), v), f, v_zero());
        f = v_select(v_less(v, v_set(3)), f, v_set(1));
        OUT(dx, v_fma(IN(dy), f, IN(dx)));
    });
}

void KERNEL_FN(to_bf16)(int64_t n, const float *x, bf16 *y)
{
    EACH_VEC(n, v_store_bf16(y + at, part, IN(x)));
}

void KERNEL_FN(from_bf16)(int64_t n, const bf16 *x, float *y)
{
    EACH_VEC(n, OUT(y, v_load_bf16(x + at, part)));
}

/* ---- optimisers ------------------------------------------------------------------------------ */

void KERNEL_FN(sgd_f32)(int64_t n, float rate, float momentum, float decay, bool nesterov,
                        const float *g, float *w, float *v)
{
    const vec step = v_set(rate), keep = v_set(momentum), shrink = v_set(decay);

    EACH_VEC(n, {
        vec old = IN(w), grad = v_fma(shrink, old, IN(g)), speed = v_fma(keep, IN(v), grad);

        OUT(v, speed);
        OUT(w, v_fnma(step, nesterov ? v_fma(keep, speed, grad) : speed, old));
    });
}

void KERNEL_FN(adam_f32)(int64_t n, float beta1, float beta2, float m_scale, float v_scale_,
                         float eps, const float *g, float *m, float *v, float *u)
{
    const vec keep1 = v_set(beta1), new1 = v_set(1 - beta1), keep2 = v_set(beta2),
              new2 = v_set(1 - beta2);

    EACH_VEC(n, {
        vec grad = IN(g), first = v_fma(keep1, IN(m), v_mul(new1, grad));
        vec second = v_fma(keep2, IN(v), v_mul(v_mul(new2, grad), grad));
        vec under = v_add(v_sqrt(v_mul(v_set(v_scale_), second)), v_set(eps));

        OUT(m, first);
        OUT(v, second);
        OUT(u, v_div(v_mul(v_set(m_scale), first), under));
    });
}

void KERNEL_FN(lion_f32)(int64_t n, float rate, float beta1, float beta2, float decay,
                         const float *g, float *w, float *m)
{
    const vec keep = v_set(1 - rate * decay), up = v_set(rate), down = v_set(-rate);

    EACH_VEC(n, {
        vec grad = IN(g), old = IN(m);
        vec c = v_fma(v_set(beta1), old, v_mul(v_set(1 - beta1), grad));
        vec step = v_select(v_less(v_zero(), c), up, v_zero());

        step = v_select(v_less(c, v_zero()), down, step);
        OUT(w, v_sub(v_mul(keep, IN(w)), step));
        OUT(m, v_fma(v_set(beta2), old, v_mul(v_set(1 - beta2), grad)));
    });
}

void KERNEL_FN(mix_f32)(int64_t n, float a, float b, const float *x, float *y)
{
    const vec old = v_set(a), new = v_set(b);

    EACH_VEC(n, OUT(y, v_fma(old, IN(y), v_mul(new, IN(x)))));
}

void KERNEL_FN(blend_f32)(int64_t n, float f, const float *x, float *y)
{
    const vec share = v_set(f);

    EACH_VEC(n, {
        vec old = IN(y);

        OUT(y, v_fma(share, v_sub(IN(x), old), old));
    });
}

double KERNEL_FN(sumsq_f32)(int64_t n, const float *x)
{
    enum { CHAINS = 4 };                /* sums side by side: an addition takes some cycles */
    struct vwide sum[CHAINS];
    int64_t from = 0;

    for (int i = 0; i < CHAINS; i++)
        sum[i] = v_wide_zero();
    for (; from + CHAINS * LANES <= n; from += CHAINS * LANES)
        for (int i = 0; i < CHAINS; i++)
            sum[i] = v_add_square(sum[i], v_load(x + from + i * LANES, whole()));
    EACH_VEC(n - from, sum[0] = v_add_square(sum[0], IN(x + from)));
    return v_wide_sum(v_wide_add(v_wide_add(sum[0], sum[1]), v_wide_add(sum[2], sum[3])));
}
