/*
 * trials -- arrays at the edge of what may be touched, and how numbers are compared
 *
 * A part of test_kernels.c.
 */
struct trial {
    int number;                 /* bit 0: exact; bit 1: arrays end, not start, at a guard page */
    bool exact;
    uint64_t drawn;
    struct {
        void *base;
        size_t bytes;
    } map[32];
    int n_map;
};

static void unmap_last(struct trial *t)
{
    t->n_map--;
    assert_int_equal(munmap(t->map[t->n_map].base, t->map[t->n_map].bytes), 0);
}

static void unmap(struct trial *t)
{
    while (t->n_map > 0)
        unmap_last(t);
}

static bool next(struct trial *t)
{
    unmap(t);
    t->number++;
    t->exact = t->number & 1;
    t->drawn = (uint64_t)t->number * 1000003;
    return t->number < 4;
}

#define EACH_TRIAL(t) for (struct trial t = { .number = -1 }; next(&t);)

static void *guarded(struct trial *t, int64_t count, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (size_t)count * size;
    size_t inner = (bytes + page - 1) / page * page;
    char *base = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(base != MAP_FAILED && t->n_map < COUNT(t->map));
    if (inner)
        assert_int_equal(mprotect(base + page, inner, PROT_READ | PROT_WRITE), 0);
    t->map[t->n_map].base = base;
    t->map[t->n_map++].bytes = inner + 2 * page;
    return base + page + (t->number & 2 ? inner - bytes : 0);
}

/* Whole numbers in [-4,4], or anything in (-1,1). */
static real draw(struct trial *t)
{
    uint64_t i = t->drawn++;

    return t->exact ? (real)((int)rng_below(11, rng_stream(RNG_TEST, 1), i, 9) - 4)
                    : (real)(2 * rng_f64(11, rng_stream(RNG_TEST, 2), i) - 1);
}

static real *drawn(struct trial *t, int64_t n)
{
    real *x = guarded(t, n, sizeof *x);

    for (int64_t i = 0; i < n; i++)
        x[i] = draw(t);
    return x;
}

static real *blank(struct trial *t, int64_t n)
{
    real *x = guarded(t, n, sizeof *x);

    for (int64_t i = 0; i < n; i++)
        x[i] = (real)NAN;
    return x;
}

static real *copied(struct trial *t, int64_t n, const real *from)
{
    real *x = guarded(t, n, sizeof *x);

    for (int64_t i = 0; i < n; i++)
        x[i] = from[i];
    return x;
}

/* Numbers, and what goes into them in absolute values. */
struct sum {
    double value, size;
};

static void add(struct sum *s, double x)
{
    s->value += x;
    s->size += fabs(x);
}

static void assert_near(const struct trial *t, const char *what, int64_t i, real got, double want,
                        double bound)
{
    if (t->exact && bound > 0)
        bound = 0;
    bound = fabs(bound);        /* negative: holds for whole numbers too */
    if (isnan(want) ? !isnan(got) : !(fabs((double)got - want) <= bound))
        fail_msg("%s, trial %d: number %lld is %.9g, expected %.9g within %.2g", what, t->number,
                 (long long)i, (double)got, want, bound);
}

static void assert_same(const struct trial *t, const char *what, int64_t n, const real *a,
                        const real *b)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a))
            fail_msg("%s, trial %d: number %lld is %.9g here, %.9g there", what, t->number,
                     (long long)i, (double)a[i], (double)b[i]);
}

static const int lengths[] = {
    0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129
};
