/*
 * check_map -- the slots that go number by number against the formulas of kernel.h, in double
 *
 * A part of test_kernels.c, which has the trials.
 */
/* y apart from a and b, on a, on b */
static void binary(void (*f)(int64_t, const real *, const real *, real *),
                   double (*want)(double, double), const char *name)
{
    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l];
            const real *a = drawn(&t, n), *b = drawn(&t, n);
            real *y = blank(&t, n), *on_a = copied(&t, n, a), *on_b = copied(&t, n, b);

            f(n, a, b, y);
            f(n, on_a, b, on_a);
            f(n, a, on_b, on_b);
            for (int i = 0; i < n; i++)
                assert_near(&t, name, i, y[i], want(a[i], b[i]), EPS * fabs(want(a[i], b[i])));
            assert_same(&t, name, n, on_a, y);
            assert_same(&t, name, n, on_b, y);
            unmap(&t);
        }
}

static double plus(double a, double b)
{
    return a + b;
}

static double times(double a, double b)
{
    return a * b;
}

static void check_add_f32(nn_add_f32_fn *f)
{
    binary(f, plus, "add");
}

static void check_mul_f32(nn_mul_f32_fn *f)
{
    binary(f, times, "mul");
}

static void check_muladd_f32(nn_muladd_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l], half = n / 2;
            const real *a = drawn(&t, n), *b = drawn(&t, n), *before = drawn(&t, n);
            real *y = copied(&t, n, before), *parts = copied(&t, n, before);

            f(n, a, b, y);
            f(half, a, b, parts);
            f(n - half, a + half, b + half, parts + half);
            for (int i = 0; i < n; i++) {
                double p = (double)a[i] * (double)b[i];

                assert_near(&t, "muladd", i, y[i], before[i] + p,
                            EPS * (2 * fabs(p) + fabs((double)before[i])));
            }
            assert_same(&t, "muladd in parts", n, parts, y);
            unmap(&t);
        }
}

static void check_clamp_f32(nn_clamp_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < 2 * COUNT(lengths); l++) {
            int n = lengths[l / 2];
            real lo = (real)(l % 2 ? -0.5 : 0), hi = (real)(l % 2 ? 2 : INFINITY);
            real *x = drawn(&t, n), *y = blank(&t, n), *on_x;

            for (int i = 0; i < n; i += 7)
                x[i] = (real)(i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY);
            on_x = copied(&t, n, x);
            f(n, lo, hi, x, y);
            f(n, lo, hi, on_x, on_x);
            for (int i = 0; i < n; i++)
                if (isnan(x[i]))
                    assert_true(isnan(y[i]));
                else
                    assert_true(y[i] == (x[i] < lo ? lo : x[i] > hi ? hi : x[i]));
            assert_same(&t, "clamp in place", n, on_x, y);
            unmap(&t);
        }
}

static void check_clamp_dx_f32(nn_clamp_dx_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < 2 * COUNT(lengths); l++) {
            int n = lengths[l / 2];
            real lo = (real)(l % 2 ? -0.5 : 0), hi = (real)(l % 2 ? 2 : INFINITY);
            real *y = drawn(&t, n);
            const real *dy = drawn(&t, n), *before = drawn(&t, n);
            real *dx = copied(&t, n, before);

            for (int i = 0; i < n; i++)
                y[i] = y[i] < lo ? lo : y[i] > hi ? hi : y[i];
            f(n, lo, hi, y, dy, dx);
            for (int i = 0; i < n; i++) {
                double add_on = y[i] > lo && y[i] < hi ? (double)dy[i] : 0;

                assert_near(&t, "clamp gradient", i, dx[i], before[i] + add_on,
                            EPS * (1 + fabs(add_on)));
            }
            unmap(&t);
        }
}

/* A function of one number all over its range: within `places` units of the last place for floats
 * of every size and sign between lo and hi, and x^power times as many more. */
static void sweep(const char *what, void (*f)(int64_t, const real *, real *),
                  double (*want)(double), double lo, double hi, double places, double more,
                  int power)
{
    enum { BATCH = 1001, STEP = 65003 };
    float x[BATCH];
    real in[BATCH], out[BATCH];
    int n = 0;

    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STEP) {
        uint32_t low = (uint32_t)bits;

        memcpy(&x[n], &low, sizeof x[n]);
        in[n] = (real)x[n];
        if ((double)x[n] >= lo && (double)x[n] <= hi && ++n == BATCH) {
            f(n, in, out);
            while (n--) {
                double y = want((double)in[n]), size = fmax(fabs(y), FLT_MIN);
                double place = ldexp(EPS, ilogb(size)), v = fabs((double)in[n]);

                if (fabs((double)out[n] - y) > place * (places + more * pow(v, power)))
                    fail_msg("%s of %.9g is %.9g, not %.9g", what, (double)in[n], (double)out[n],
                             y);
            }
            n = 0;
        }
    }
}

static double logistic(double v)
{
    return 1 / (1 + exp(-v));
}

static void check_sigmoid_f32(nn_sigmoid_f32_fn *f)
{
    static const double far[] = {
        0, 80, 100, 1000, -80, -87, -100, -1000, INFINITY, -INFINITY, NAN
    };

    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l], half = n / 2;
            real *x = drawn(&t, n), *y = blank(&t, n), *on_x, *parts = blank(&t, n);

            for (int i = 0; i < n && n > 20; i += 5)
                x[i] = (real)far[i / 5 % COUNT(far)];
            on_x = copied(&t, n, x);
            f(n, x, y);
            f(n, on_x, on_x);
            f(half, x, parts);
            f(n - half, x + half, parts + half);
            for (int i = 0; i < n; i++) {
                double want = 1 / (1 + exp(-(double)x[i]));

                assert_near(&t, "sigmoid", i, y[i], want, -4 * EPS * want - 1e-37);
            }
            for (int i = 0; i < n; i++)
                if (!isnan(x[i]))
                    assert_true(y[i] == on_x[i] && y[i] == parts[i]);
            unmap(&t);
        }
    sweep("sigmoid", f, logistic, -200, 200, 3, 0, 0);
}

static void check_sigmoid_dx_f32(nn_sigmoid_dx_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l];
            const real *y = drawn(&t, n), *dy = drawn(&t, n), *before = drawn(&t, n);
            real *dx = copied(&t, n, before);

            f(n, y, dy, dx);
            for (int i = 0; i < n; i++) {
                double d = (double)dy[i] * (double)y[i] * (1 - (double)y[i]);

                assert_near(&t, "sigmoid gradient", i, dx[i], before[i] + d,
                            EPS * (fabs((double)before[i]) + 8 * fabs(d) + 1e-3));
            }
            unmap(&t);
        }
}

/* y = a function of each x alone: in place and in parts too.  CALL(n, x, y) calls the slot; WANT is
 * the formula for v, which goes up to 8; LOSS what it may lose, in EPS. */
#define CHECK_MAP(what, CALL, WANT, LOSS)                                                          \
    EACH_TRIAL(t)                                                                                  \
        for (int l = 0; l < COUNT(lengths); l++) {                                                 \
            int n = lengths[l], half = n / 2;                                                      \
            real *x = drawn(&t, n), *y = blank(&t, n), *on_x, *parts = blank(&t, n);               \
                                                                                                   \
            for (int i = 0; i < n; i++)                                                            \
                x[i] *= t.exact ? 2 : 6;                                                           \
            on_x = copied(&t, n, x);                                                               \
            CALL(n, x, y);                                                                         \
            CALL(n, on_x, on_x);                                                                   \
            CALL(half, x, parts);                                                                  \
            CALL(n - half, x + half, parts + half);                                                \
            for (int i = 0; i < n; i++) {                                                          \
                double v = (double)x[i], want = WANT;                                              \
                                                                                                   \
                assert_near(&t, what, i, y[i], want, -EPS * (LOSS) - 1e-37);                       \
            }                                                                                      \
            assert_same(&t, what " in place", n, on_x, y);                                         \
            assert_same(&t, what " in parts", n, parts, y);                                        \
            unmap(&t);                                                                             \
        }

/* dx += dy times the function WANT of v, which is x or y.  CALL(n, x, dy, dx) */
#define CHECK_MAP_DX(what, CALL, WANT, LOSS)                                                       \
    EACH_TRIAL(t)                                                                                  \
        for (int l = 0; l < COUNT(lengths); l++) {                                                 \
            int n = lengths[l];                                                                    \
            real *x = drawn(&t, n), *dx;                                                           \
            const real *dy = drawn(&t, n), *before = drawn(&t, n);                                 \
                                                                                                   \
            for (int i = 0; i < n; i++)                                                            \
                x[i] *= t.exact ? 2 : 6;                                                           \
            dx = copied(&t, n, before);                                                            \
            CALL(n, x, dy, dx);                                                                    \
            for (int i = 0; i < n; i++) {                                                          \
                double v = (double)x[i], want = WANT;                                              \
                                                                                                   \
                assert_near(&t, what " gradient", i, dx[i], before[i] + dy[i] * want,              \
                            -EPS * (fabs((double)before[i]) +                                      \
                                    fabs((double)dy[i]) * (fabs(want) + (LOSS)) + 1e-30));         \
            }                                                                                      \
            unmap(&t);                                                                             \
        }

static void check_tanh_f32(nn_tanh_f32_fn *f)
{
    CHECK_MAP("tanh", f, tanh(v), 4 * fabs(want))
    sweep("tanh", f, tanh, -INFINITY, INFINITY, 3, 0, 0);
}

static void check_tanh_dx_f32(nn_tanh_dx_f32_fn *f)
{
    CHECK_MAP_DX("tanh", f, 1 - v * v, 4 * v * v)
}

static void check_leaky_f32(nn_leaky_f32_fn *f)
{
#define CALL(n, x, y) f(n, (real)0.3, x, y)
    CHECK_MAP("leaky", CALL, v > 0 ? v : (real)0.3 * v, 2 * fabs(want))
#undef CALL
}

static void check_leaky_dx_f32(nn_leaky_dx_f32_fn *f)
{
#define CALL(n, y, dy, dx) f(n, (real)0.3, y, dy, dx)
    CHECK_MAP_DX("leaky", CALL, v > 0 ? 1 : (double)(real)0.3, 2)
#undef CALL
}

/* The normal distribution: near, its approximation. */
static double normal(bool near, double v)
{
    return near ? (1 + tanh(sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))) / 2
                : erfc(-v / sqrt(2)) / 2;
}

static double normal_slope(bool near, double v)
{
    double t = 2 * normal(near, v) - 1;

    return near ? (1 - t * t) * sqrt(2 / M_PI) * (1 + 3 * 0.044715 * v * v) / 2
                : exp(-v * v / 2) / sqrt(2 * M_PI);
}

static double exact_gelu(double v)
{
    return v * normal(false, v);
}

static nn_gelu_f32_fn *gelu_fn;

static void gelu_f32(int64_t n, const real *x, real *y)
{
    gelu_fn(n, false, x, y);
}

/* The tail of the distribution is as exact as its argument: relative to itself, v^2 worse. */
static void check_gelu_f32(nn_gelu_f32_fn *f)
{
#define CALL(n, x, y) f(n, near, x, y)
    for (int near = 0; near < 2; near++)
        CHECK_MAP("gelu", CALL, v * normal(near, v),
                  near ? 4 * fabs(v) : (8 + 2 * v * v) * fabs(want))
#undef CALL
    gelu_fn = f;
    sweep("gelu", gelu_f32, exact_gelu, -12.5, FLT_MAX, 8, 2, 2);
}

static void check_gelu_dx_f32(nn_gelu_dx_f32_fn *f)
{
#define CALL(n, x, dy, dx) f(n, near, x, dy, dx)
    for (int near = 0; near < 2; near++)
        CHECK_MAP_DX("gelu", CALL, normal(near, v) + v * normal_slope(near, v), 16)
#undef CALL
}

static double plain_silu(double v)
{
    return v * logistic(v);
}

static void check_silu_f32(nn_silu_f32_fn *f)
{
    CHECK_MAP("silu", f, v * logistic(v), 8 * fabs(want))
    sweep("silu", f, plain_silu, -80, FLT_MAX, 5, 0, 0);
}

static void check_silu_dx_f32(nn_silu_dx_f32_fn *f)
{
    CHECK_MAP_DX("silu", f, logistic(v) * (1 + v * (1 - logistic(v))), 16)
}

static void check_hardswish_f32(nn_hardswish_f32_fn *f)
{
    CHECK_MAP("hardswish", f, v * fmin(fmax(v + 3, 0), 6) / 6, 4 * fabs(v))
}

static void check_hardswish_dx_f32(nn_hardswish_dx_f32_fn *f)
{
    CHECK_MAP_DX("hardswish", f, v <= -3 ? 0 : v >= 3 ? 1 : v / 3 + 0.5, 4)
}
