/*
 * check_bn -- the slots of batch-norm and what follows it against the formulas of kernel.h
 *
 * A part of test_kernels.c, which has the trials.
 */

/* An array that a job reads or changes, and what it held before as real. */
struct numbers {
    bool half;
    int64_t n;
    void *data;
    real *before;
};

static struct numbers numbers(struct trial *t, int64_t n, bool half)
{
    struct numbers a = { .half = half, .n = n, .before = drawn(t, n) };

    a.data = half ? (void *)halves(t, n, a.before) : (void *)copied(t, n, a.before);
    if (half)
        nn_from_bf16_ref(n, a.data, a.before);
    return a;
}

static double at(const struct numbers *a, int64_t i)
{
    return (double)(a->half ? bf16_float(((bf16 *)a->data)[i]) : ((real *)a->data)[i]);
}

static void assert_number(const struct trial *t, const char *what, const struct numbers *a,
                          int64_t i, struct sum want)
{
    double room = a->half ? fabs(want.value) / 256 : 0;

    if (!(fabs(at(a, i) - want.value) <= room + (t->exact ? 0 : 4 * EPS * want.size)))
        fail_msg("%s, trial %d: number %lld is %.9g, expected %.9g", what, t->number, (long long)i,
                 at(a, i), want.value);
}

/* The job's arrays; bits of `variant`: half_x, half_y, half_r, cuts, fresh, fresh_r, residual,
 * large. */
struct bn_case {
    struct nn_bn_rows b;
    struct numbers x, y, dy, dx, res, dres;
    const real *scale, *shift;
    real *sum, *dot;            /* before */
};

static struct bn_case bn_case(struct trial *t, const int *size, unsigned variant)
{
    int64_t rows = size[0];
    int n = size[1];
    struct bn_case s = { 0 };
    bool cuts = variant & 8, rest = variant & 64;

    s.x = numbers(t, rows * n, variant & 1);
    s.y = numbers(t, rows * n, variant & 2);
    s.dy = numbers(t, rows * n, variant & 2);
    s.dx = numbers(t, rows * n, variant & 1);
    s.res = numbers(t, rows * n, variant & 4);
    s.dres = numbers(t, rows * n, variant & 4);
    s.sum = drawn(t, n);
    s.dot = drawn(t, n);
    s.b = (struct nn_bn_rows){
        .rows = rows, .n = n, .half_x = variant & 1, .half_y = variant & 2, .half_r = variant & 4,
        .large = variant & 128, .cuts = cuts, .fresh = variant & 16, .fresh_r = variant & 32,
        .lo = t->exact ? -1 : (real)-0.3, .hi = t->exact ? 3 : (real)0.4,
        .x = s.x.data, .y = s.y.data, .dy = s.dy.data, .dx = s.dx.data,
        .residual = rest ? s.res.data : NULL, .dresidual = rest ? s.dres.data : NULL };
    return s;
}

/* Of backward: what was cut is to be found from x. */
static void without_y(struct trial *t, struct bn_case *s)
{
    s->scale = drawn(t, s->b.n);
    s->shift = drawn(t, s->b.n);
    s->b.y = NULL;
    s->b.scale = s->scale;
    s->b.shift = s->shift;
}

/* dy of number i behind the cut. */
static double bn_g(const struct bn_case *s, int64_t i)
{
    int64_t c = i % s->b.n;
    double y = s->b.y ? (double)s->y.before[i]
                      : fma((double)s->x.before[i], (double)s->scale[c], (double)s->shift[c]);

    return !s->b.cuts || (y > (double)s->b.lo && y < (double)s->b.hi) ? (double)s->dy.before[i] : 0;
}

static const int bn_sizes[][2] = {      /* rows, channels */
    { 0, 3 }, { 1, 1 }, { 3, 7 }, { 2, 16 }, { 5, 31 }, { 4, 64 }, { 7, 33 }, { 2, 130 },
    { 67, 40 }, { 33, 48 },
};

#define EACH_BN(t, s) \
    EACH_TRIAL(t) \
        for (int s##_i = 0; s##_i < COUNT(bn_sizes); s##_i++, unmap(&t)) \
            for (unsigned s##_v = 0; s##_v < 256; s##_v += s##_i % 3 ? 37 : 1, unmap(&t)) \
                for (struct bn_case s = bn_case(&t, bn_sizes[s##_i], s##_v), *s##_p = &s; s##_p; \
                     s##_p = NULL)

/* The two sums of a channel: of g and of g (x - mean), or (stats) of d = x - mean and of d d. */
static void check_two_sums(nn_bn_sums_fn *f, bool stats)
{
    EACH_BN(t, s) {
        if (!stats && s_i % 2)
            without_y(&t, &s);
        s.b.mean = drawn(&t, s.b.n);
        s.b.sum = copied(&t, s.b.n, s.sum);
        s.b.dot = copied(&t, s.b.n, s.dot);
        f(&s.b);
        for (int c = 0; c < s.b.n; c++) {
            struct sum sum = { 0 }, dot = { 0 };

            add(&sum, (double)s.sum[c]);
            add(&dot, (double)s.dot[c]);
            for (int64_t i = c; i < s.x.n; i += s.b.n) {
                double d = (double)s.x.before[i] - (double)s.b.mean[c];
                double g = stats ? d : bn_g(&s, i);

                add(&sum, g);
                add(&dot, g * d);
            }
            assert_near(&t, "bn sum", c, s.b.sum[c], sum.value, 40 * EPS * (sum.size + 1));
            assert_near(&t, "bn dot", c, s.b.dot[c], dot.value, 40 * EPS * (dot.size + 1));
        }
    }
}

static void check_bn_stats(nn_bn_stats_fn *f)
{
    check_two_sums(f, true);
}

static void check_bn_sums(nn_bn_sums_fn *f)
{
    check_two_sums(f, false);
}

static void check_bn_apply(nn_bn_apply_fn *f)
{
    EACH_BN(t, s) {
        const real *scale = s.b.scale = drawn(&t, s.b.n), *shift = s.b.shift = drawn(&t, s.b.n);

        f(&s.b);
        for (int64_t i = 0; i < s.y.n; i++) {
            struct sum want = { 0 };
            int c = (int)(i % s.b.n);

            add(&want, (double)s.x.before[i] * (double)scale[c]);
            add(&want, (double)shift[c]);
            add(&want, s.b.residual ? (double)s.res.before[i] : 0);
            if (s.b.cuts)
                want.value = fmin(fmax(want.value, (double)s.b.lo), (double)s.b.hi);
            assert_number(&t, "bn", &s.y, i, want);
        }
    }
}

static void check_bn_grad(nn_bn_grad_fn *f)
{
    EACH_BN(t, s) {
        const real *p = s.b.p = drawn(&t, s.b.n), *q = s.b.q = drawn(&t, s.b.n),
                   *r = s.b.r = drawn(&t, s.b.n);

        if (s_i % 2)
            without_y(&t, &s);
        if (s_v % 5 == 4)
            s.b.dx = NULL;
        f(&s.b);
        for (int64_t i = 0; i < s.x.n; i++) {
            struct sum dx = { 0 }, dres = { 0 };
            int c = (int)(i % s.b.n);

            add(&dx, s.b.fresh ? 0 : (double)s.dx.before[i]);
            add(&dx, (double)p[c] * bn_g(&s, i));
            add(&dx, (double)q[c] * (double)s.x.before[i]);
            add(&dx, (double)r[c]);
            add(&dres, s.b.fresh_r ? 0 : (double)s.dres.before[i]);
            add(&dres, bn_g(&s, i));
            if (s.b.dx)
                assert_number(&t, "bn dx", &s.dx, i, dx);
            if (s.b.dresidual)
                assert_number(&t, "bn dresidual", &s.dres, i, dres);
        }
    }
}
