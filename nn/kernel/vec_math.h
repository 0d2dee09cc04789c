/*
 * vec_math -- e^x, and what is made of it, over the words of vec_ISA.h, which comes first
 *
 * e^x = 2^n e^r, n = round(x / ln 2), r = x - n ln 2 with ln 2 in two parts, |r| <= ln 2 / 2
 * (Cody and Waite, "Software Manual for the Elementary Functions", 1980, chapter 6);
 * e^r - 1 = r + r^2 q(r), q of degree 4.
 *
 * The normal distribution's tail P(-a) = e^(-a^2/2) g(a), g smooth and falling from 1/2 like
 * 1/a: a polynomial of degree 8 in u = (a - 5/2) / (a + 5/2), which brings [0, 14.6] to [-1, 0.71)
 * (the change of variable of Shepherd and Laframboise, Math. Comp. 36 (1981), for erfc).
 *
 * Both polynomials are our own fits, least in their largest relative error (Remez exchange), then
 * rounded to floats.  Errors, the largest over every 61st float, in units of the last place:
 * sigmoid 2.4, tanh 2.5; of the distribution 6 + 3/4 x^2, as x^2 is rounded before it goes into the
 * exponential.
 */
#ifndef NN_VEC_MATH_H
#define NN_VEC_MATH_H

/* e^x = (1 + less) 2^n for x in [-104,89]; less = e^r - 1 as exact as r. */
VEC_FN vec v_reduced_exp(vec x, vec *n)
{
    const vec per_ln2 = v_set(1.44269504088896341f);
    const vec high = v_set(0.693145751953125f), low = v_set(1.42860682030941723e-6f);
    vec r, q;

    *n = v_round(v_mul(x, per_ln2));
    r = v_fnma(*n, high, x);
    r = v_fnma(*n, low, r);
    q = v_set(1.394649735e-03f);
    q = v_fma(q, r, v_set(8.366610855e-03f));
    q = v_fma(q, r, v_set(4.166628048e-02f));
    q = v_fma(q, r, v_set(1.666654348e-01f));
    q = v_fma(q, r, v_set(0.5f));
    return v_fma(v_mul(r, r), q, r);
}

/* e^x; 0 and infinity outside the range of floats, NaN of NaN. */
VEC_FN vec v_exp(vec x)
{
    vec n, less;

    x = v_max(v_set(-104), v_min(v_set(89), x));
    less = v_reduced_exp(x, &n);
    return v_scale(v_add(v_set(1), less), n);
}

/* 1 / (1 + e^-x) */
VEC_FN vec v_sigmoid(vec x)
{
    vec e = v_exp(v_sub(v_zero(), v_abs(x)));       /* at most 1 */

    return v_div(v_select(v_less(x, v_zero()), e, v_set(1)), v_add(v_set(1), e));
}

/* With m = e^(2|x|) - 1, small where x is, tanh |x| = m / (m + 2). */
VEC_FN vec v_tanh(vec x)
{
    vec n, less, power, m;

    less = v_reduced_exp(v_min(v_set(20), v_mul(v_set(2), v_abs(x))), &n);
    power = v_scale(v_set(1), n);
    m = v_fma(power, less, v_sub(power, v_set(1)));
    return v_copysign(v_div(m, v_add(m, v_set(2))), x);
}

/* The normal distribution (1 + erf(x / sqrt 2)) / 2; *bell = e^(-x^2/2). */
VEC_FN vec v_normal(vec x, vec *bell)
{
    vec a = v_min(v_set(14.6f), v_abs(x));          /* from there on the tail is 0 */
    vec u = v_div(v_sub(a, v_set(2.5f)), v_add(a, v_set(2.5f)));
    vec g, tail;

    *bell = v_exp(v_mul(v_mul(a, v_set(-0.5f)), a));
    g = v_set(-1.529251895e-04f);
    g = v_fma(g, u, v_set(-3.285262501e-04f));
    g = v_fma(g, u, v_set(7.982119569e-04f));
    g = v_fma(g, u, v_set(2.940548118e-03f));
    g = v_fma(g, u, v_set(-5.117246881e-03f));
    g = v_fma(g, u, v_set(-2.454780228e-02f));
    g = v_fma(g, u, v_set(1.131350622e-01f));
    g = v_fma(g, u, v_set(-2.280698121e-01f));
    g = v_fma(g, u, v_set(1.413313448e-01f));
    tail = v_mul(*bell, g);
    return v_select(v_less(v_zero(), x), v_sub(v_set(1), tail), tail);
}

#endif
