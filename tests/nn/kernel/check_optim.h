/*
 * check_optim -- the steps of optimisers against the formulas of kernel.h, in double
 *
 * A part of test_kernels.c, which has the trials.
 */
static void check_sgd_f32(nn_sgd_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < 2 * COUNT(lengths); l++) {
            int n = lengths[l / 2], half = n / 2;
            bool nesterov = l % 2;
            double rate = t.exact ? 2 : 0.1f, momentum = t.exact ? 3 : 0.9f,
                   decay = t.exact ? 1 : 0.01f;
            const real *g = drawn(&t, n), *w = drawn(&t, n), *v = drawn(&t, n);
            real *w2 = copied(&t, n, w), *v2 = copied(&t, n, v), *w3 = copied(&t, n, w),
                 *v3 = copied(&t, n, v);

            f(n, (real)rate, (real)momentum, (real)decay, nesterov, g, w2, v2);
            f(half, (real)rate, (real)momentum, (real)decay, nesterov, g, w3, v3);
            f(n - half, (real)rate, (real)momentum, (real)decay, nesterov, g + half, w3 + half,
              v3 + half);
            assert_same(&t, "sgd in parts", n, w3, w2);
            assert_same(&t, "sgd in parts", n, v3, v2);
            for (int i = 0; i < n; i++) {
                double grad = (double)g[i] + decay * (double)w[i],
                       vel = momentum * (double)v[i] + grad;
                double step = nesterov ? grad + momentum * vel : vel;

                assert_near(&t, "sgd moment", i, v2[i], vel, 8 * EPS);
                assert_near(&t, "sgd weight", i, w2[i], (double)w[i] - rate * step, 8 * EPS);
            }
            unmap(&t);
        }
}

static void check_adam_f32(nn_adam_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l], half = n / 2;
            real beta1 = (real)0.9, beta2 = (real)0.99, one = (real)1.5, two = 3, eps = (real)0.01;
            const real *g = drawn(&t, n), *m = drawn(&t, n), *v = drawn(&t, n);
            real *squares = copied(&t, n, v), *m2, *v2, *m3, *v3, *u = blank(&t, n), *u3;

            for (int i = 0; i < n; i++)
                squares[i] *= squares[i];
            m2 = copied(&t, n, m), v2 = copied(&t, n, squares);
            m3 = copied(&t, n, m), v3 = copied(&t, n, squares), u3 = copied(&t, n, g);
            f(n, beta1, beta2, one, two, eps, g, m2, v2, u);
            f(half, beta1, beta2, one, two, eps, u3, m3, v3, u3);
            f(n - half, beta1, beta2, one, two, eps, u3 + half, m3 + half, v3 + half, u3 + half);
            assert_same(&t, "adam in parts, in place", n, u3, u);
            assert_same(&t, "adam in parts", n, m3, m2);
            assert_same(&t, "adam in parts", n, v3, v2);
            for (int i = 0; i < n; i++) {
                double b1 = beta1, b2 = beta2, grad = g[i];
                double first = b1 * (double)m[i] + (1 - b1) * grad,
                       second = b2 * (double)squares[i] + (1 - b2) * grad * grad;
                double size = fabs(b1 * (double)m[i]) + fabs((1 - b1) * grad),
                       under = sqrt(two * second) + (double)eps;

                assert_near(&t, "adam mean", i, m2[i], first, -3 * EPS * size);
                assert_near(&t, "adam square", i, v2[i], second, -4 * EPS * second);
                assert_near(&t, "adam", i, u[i], one * first / under,
                            -8 * EPS * one * size / under);
            }
            unmap(&t);
        }
}

static void check_lion_f32(nn_lion_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l], half = n / 2;
            real rate = (real)0.25, beta1 = (real)0.75, beta2 = (real)0.5, decay = (real)0.5;
            const real *g = drawn(&t, n), *w = drawn(&t, n), *m = drawn(&t, n);
            real *w2 = copied(&t, n, w), *m2 = copied(&t, n, m), *w3 = copied(&t, n, w),
                 *m3 = copied(&t, n, m);

            f(n, rate, beta1, beta2, decay, g, w2, m2);
            f(half, rate, beta1, beta2, decay, g, w3, m3);
            f(n - half, rate, beta1, beta2, decay, g + half, w3 + half, m3 + half);
            assert_same(&t, "lion in parts", n, w3, w2);
            assert_same(&t, "lion in parts", n, m3, m2);
            for (int i = 0; i < n; i++) {
                double c = 0.75 * (double)m[i] + 0.25 * (double)g[i],
                       sign = (c > 0) - (c < 0);

                if (!t.exact && fabs(c) < 4 * EPS)
                    continue;
                assert_near(&t, "lion", i, w2[i], 0.875 * (double)w[i] - 0.25 * sign, 2 * EPS);
                assert_near(&t, "lion moment", i, m2[i], 0.5 * ((double)m[i] + (double)g[i]),
                            2 * EPS);
            }
            unmap(&t);
        }
}

static void check_mix_f32(nn_mix_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l];
            real a = t.exact ? 3 : (real)0.9, b = t.exact ? -2 : (real)-0.3;
            const real *x = drawn(&t, n), *before = drawn(&t, n);
            real *y = copied(&t, n, before), *same = copied(&t, n, x);

            f(n, a, b, x, y);
            f(n, a, b, same, same);
            for (int i = 0; i < n; i++) {
                double add_a = (double)a * (double)before[i], add_b = (double)b * (double)x[i];

                assert_near(&t, "mix", i, y[i], add_a + add_b,
                            2 * EPS * (fabs(add_a) + fabs(add_b)));
                assert_near(&t, "mix in place", i, same[i], ((double)a + (double)b) * (double)x[i],
                            4 * EPS * fabs((double)x[i]));
            }
            unmap(&t);
        }
}

static void check_blend_f32(nn_blend_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l];
            real share = t.exact ? 2 : (real)0.1;
            const real *x = drawn(&t, n), *before = drawn(&t, n);
            real *y = copied(&t, n, before), *same = copied(&t, n, x);

            f(n, share, x, y);
            f(n, share, x, same);
            assert_same(&t, "blend of equals", n, same, x);
            for (int i = 0; i < n; i++)
                assert_near(&t, "blend", i, y[i],
                            (double)before[i] + share * ((double)x[i] - (double)before[i]),
                            4 * EPS);
            unmap(&t);
        }
}

static void check_sumsq_f32(nn_sumsq_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l];
            real *x = copied(&t, n, drawn(&t, n));
            double sum = 0;

            for (int i = 0; i < n; i++)
                sum += (double)x[i] * (double)x[i];
            assert_true(fabs(f(n, x) - sum) <= (t.exact ? 0 : n * DBL_EPSILON * sum));
            for (int i = 0; i < n; i += 1 + n / 20) {
                real kept = x[i];

                x[i] = (real)(i % 2 ? NAN : -INFINITY);
                assert_false(isfinite(f(n, x)));
                x[i] = FLT_MAX;
                assert_true(isfinite(f(n, x)));
                x[i] = kept;
            }
            unmap(&t);
        }
}
