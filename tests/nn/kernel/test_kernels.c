/*
 * test_kernels -- every implementation in kernels.def against the contract of its slot
 *
 * A line in kernels.def becomes a test, check_SLOT(nn_SLOT_ISA); only a new slot needs a new check.
 * A check holds the function against the formula in kernel.h, written anew in double, in four
 * trials: whole numbers, so small that float is exact and the bound is 0 unless the slot divides or
 * takes an exponential; and numbers in (-1,1) with a bound in units of EPS times the sum of what is
 * added, in absolute values.  In each, every array ends right before a page that cannot be touched,
 * or starts right behind one.  Outputs that must not be read start as NaN.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/base/rng.h"
#include "nn/kernel/cpu.h"
#include "nn/op.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const double EPS = sizeof(real) == sizeof(float) ? FLT_EPSILON : DBL_EPSILON;

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

/* ---- trials ---------------------------------------------------------------------------------- */

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

/* ---- gemm ------------------------------------------------------------------------------------ */

static int64_t extent(int rows, int cols, int ld)
{
    return rows && cols ? (int64_t)(rows - 1) * ld + cols : 0;
}

static void gemm_once(nn_gemm_f32_fn *f, struct trial *t, bool ta, bool tb, bool acc, int m, int n,
                      int k, int gap)
{
    int lda = (ta ? m : k) + gap, ldb = (tb ? k : n) + 2 * gap, ldc = n + gap;
    int64_t size = extent(m, n, ldc);
    const real *a, *b, *before;
    real *c;

    lda += !lda;
    ldb += !ldb;
    ldc += !ldc;
    a = drawn(t, ta ? extent(k, m, lda) : extent(m, k, lda));
    b = drawn(t, tb ? extent(n, k, ldb) : extent(k, n, ldb));
    c = acc ? drawn(t, size) : blank(t, size);
    before = copied(t, size, c);
    f(ta, tb, m, n, k, a, lda, b, ldb, acc, c, ldc);
    for (int i = 0; i < m && n; i++)
        for (int j = 0; j < (i + 1 < m ? ldc : n); j++) {
            int64_t at = (int64_t)i * ldc + j;
            struct sum s = { 0 };

            if (j >= n) {
                assert_same(t, "gemm between rows", 1, c + at, before + at);
                continue;
            }
            if (acc)
                add(&s, before[at]);
            for (int p = 0; p < k; p++)
                add(&s, (double)a[ta ? (int64_t)p * lda + i : (int64_t)i * lda + p] *
                        (double)b[tb ? (int64_t)j * ldb + p : (int64_t)p * ldb + j]);
            assert_near(t, "gemm", at, c[at], s.value, (k + 2) * EPS * s.size);
        }
    unmap(t);
}

static void check_gemm_f32(nn_gemm_f32_fn *f)
{
    static const int sizes[] = { 0, 1, 3, 4, 17, 33 };
    static const int edges[] = { 2, 5, 6, 7, 8, 9, 15, 16, 23, 24, 25, 31, 32, 39, 40, 41, 47, 48,
                                 49, 63, 64, 65, 95, 97, 127, 128, 129 };

    EACH_TRIAL(t)
        for (int how = 0; how < 8; how++) {
            for (int i = 0; i < 6 * 6 * 6; i++)
                gemm_once(f, &t, how & 1, how & 2, how & 4, sizes[i % 6], sizes[i / 6 % 6],
                          sizes[i / 36], (i + how) % 3);
            gemm_once(f, &t, how & 1, how & 2, how & 4, 70, 129, 257, 1);
            gemm_once(f, &t, how & 1, how & 2, how & 4, 1, 500, 65, 0);
            gemm_once(f, &t, how & 1, how & 2, how & 4, 41, 600, 260, 1);
            for (int i = 0; i < COUNT(edges); i++) {
                gemm_once(f, &t, how & 1, how & 2, how & 4, edges[i], 70, 3, i % 2);
                gemm_once(f, &t, how & 1, how & 2, how & 4, 42, edges[i], 2, i % 2);
                gemm_once(f, &t, how & 1, how & 2, how & 4, i % 3 + 1, edges[i], 9, i % 2);
            }
            for (int k = 254; k < 259; k++)
                gemm_once(f, &t, how & 1, how & 2, how & 4, k % 2 ? 6 : 50, 17, k, 1);
        }
}

static const real *corner(const real *x, bool turned, int row, int col, int ld)
{
    return x + (turned ? (int64_t)col * ld + row : (int64_t)row * ld + col);
}

/* Of every level: how A and B lie, and what else is computed, changes no bit; the widths of vectors
 * neither. */
static void a_product_is_that_of_its_row_and_column(void **state)
{
    enum { M = 61, N = 150, K = 300 };
    static const int part[][4] = { { 0, M, 0, N }, { 60, 1, 0, N }, { 3, 1, 7, 140 },
                                   { 9, 7, 149, 1 }, { 5, 45, 77, 33 }, { 11, 13, 64, 64 } };
    struct err err = { 0 };

    (void)state;
    EACH_TRIAL(t) {
        real *a[2] = { drawn(&t, M * K), blank(&t, M * K) }, *all;
        real *b[2] = { drawn(&t, K * N), blank(&t, K * N) }, *first = drawn(&t, M * N);
        const real *vectors = NULL;

        for (int i = 0; i < M * K; i++)
            a[1][i % K * M + i / K] = a[0][i];
        for (int i = 0; i < K * N; i++)
            b[1][i % N * K + i / N] = b[0][i];
        for (int l = 0; cpu_names[l]; l++) {
            const struct nn_kernels *k = nn_kernels_get(cpu_names[l], &err);

            if (!k)
                continue;
            assert_true(k->rows_alone);
            all = copied(&t, M * N, first);
            k->gemm_f32(false, false, M, N, K, a[0], K, b[0], N, true, all, N);
            for (int i = 0; i < 4 * COUNT(part); i++) {
                const int *p = part[i / 4], ta = i & 1, tb = i >> 1 & 1;
                real *c = copied(&t, M * N, first);

                k->gemm_f32(ta, tb, p[1], p[3], K, corner(a[ta], ta, p[0], 0, ta ? M : K),
                            ta ? M : K, corner(b[tb], tb, 0, p[2], tb ? K : N), tb ? K : N, true,
                            c + p[0] * N + p[2], N);
                for (int r = p[0]; r < p[0] + p[1]; r++)
                    assert_same(&t, cpu_names[l], p[3], c + r * N + p[2],
                                all + r * N + p[2]);
                unmap_last(&t);
            }
            if (vectors)
                assert_same(&t, "other vectors", M * N, all, vectors);
            vectors = l ? all : NULL;
        }
        unmap(&t);
    }
}

/* ---- windows --------------------------------------------------------------------------------- */

static const struct {
    int h, w, c, size[2], stride[2], dilation[2], pad[4];
} windows[] = {
    { 1, 1, 1, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 0 } },
    { 5, 4, 3, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 0 } },
    { 5, 6, 2, { 1, 1 }, { 2, 3 }, { 1, 1 }, { 0 } },
    { 6, 5, 17, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1, 1, 1 } },
    { 7, 7, 4, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1, 1, 1 } },
    { 8, 9, 5, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 0, 0, 1, 1 } },
    { 9, 8, 3, { 3, 2 }, { 1, 2 }, { 2, 3 }, { 2, 1, 0, 3 } },
    { 4, 4, 8, { 7, 7 }, { 2, 2 }, { 1, 1 }, { 3, 3, 3, 3 } },
    { 1, 2, 3, { 5, 5 }, { 1, 1 }, { 1, 1 }, { 4, 4, 4, 4 } },
    { 3, 1, 65, { 2, 1 }, { 1, 1 }, { 2, 1 }, { 1, 0, 0, 0 } },
    { 2, 3, 1, { 2, 2 }, { 1, 1 }, { 3, 4 }, { 5, 5, 5, 5 } }, /* some windows see nothing */
    { 13, 11, 16, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1, 1, 1 } },
    { 6, 6, 33, { 2, 2 }, { 2, 2 }, { 1, 1 }, { 0 } },
    { 7, 21, 17, { 5, 5 }, { 1, 1 }, { 1, 1 }, { 2, 2, 2, 2 } },
    { 9, 23, 71, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1, 1, 1 } },
    { 9, 20, 5, { 7, 7 }, { 1, 1 }, { 1, 1 }, { 3, 3, 3, 3 } },
    { 8, 19, 4, { 5, 3 }, { 2, 3 }, { 1, 2 }, { 2, 2, 2, 2 } },
    { 5, 12, 9, { 3, 5 }, { 4, 2 }, { 2, 4 }, { 3, 7, 0, 7 } },
};

enum { BAND = 1, GAP = 2 };

/* Window i; BAND: without its first output row and a last one; GAP: pixels further apart than their
 * channels. */
static struct nn_window window(int i, int how)
{
    struct nn_window w = nn_window_of(windows[i].h, windows[i].w, windows[i].c, windows[i].size,
                                      windows[i].stride, windows[i].dilation, windows[i].pad);

    if (how & BAND && w.oh > 1) {
        w.pt -= w.sh;
        w.oh -= w.oh > 2 ? 2 : 1;
    }
    if (how & GAP)
        w.pixel += 3;
    return w;
}

#define EACH_WINDOW(w, hows)                                                                       \
    for (int w##_i = 0; w##_i < COUNT(windows) * (hows); w##_i++)                                  \
        for (struct nn_window w = window(w##_i / (hows), w##_i % (hows)), *w##_once = &w;          \
             w##_once; w##_once = NULL)

static int64_t in_count(const struct nn_window *w)
{
    return ((int64_t)w->h * w->w - 1) * w->pixel + w->c;
}

/* Where tap (r,s) of output (i,j) lies in the input, -1 outside. */
static int64_t place(const struct nn_window *w, int i, int j, int r, int s)
{
    int y = i * w->sh - w->pt + r * w->dh, x = j * w->sw - w->pl + s * w->dw;

    return y < 0 || y >= w->h || x < 0 || x >= w->w ? -1 : ((int64_t)y * w->w + x) * w->pixel;
}

/* The same for row and column of im2row; *c is the channel. */
static int64_t row_place(const struct nn_window *w, int row, int col, int *c)
{
    *c = col % w->c;
    return place(w, row / w->ow, row % w->ow, col / w->c / w->kw, col / w->c % w->kw);
}

static bool each_sees_something(const struct nn_window *w)
{
    for (int i = 0; i < w->oh; i++)
        for (int j = 0; j < w->ow; j++) {
            bool some = false;

            for (int tap = 0; tap < w->kh * w->kw; tap++)
                some |= place(w, i, j, tap / w->kw, tap % w->kw) >= 0;
            if (!some)
                return false;
        }
    return true;
}

/* Ranges to try of n things: all, none, parts, single ones. */
static bool range(int i, int n, int *first, int *end)
{
    const int ranges[][2] = { { 0, n },     { n / 2, n / 2 }, { n / 3, n - n / 4 },
                              { n - 1, n }, { 0, 1 },         { 1, n } };

    if (i >= COUNT(ranges))
        return false;
    *first = ranges[i][0];
    *end = ranges[i][1];
    return true;
}

static void check_im2row_f32(nn_im2row_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4) {
            const real *x = drawn(&t, in_count(&w));
            int row0, row1, col0, col1, kept = t.n_map;

            for (int a = 0; range(a, w.oh * w.ow, &row0, &row1); a++)
                for (int b = 0; range(b, w.kh * w.kw * w.c, &col0, &col1); b++) {
                    real *out = blank(&t, (int64_t)(row1 - row0) * (col1 - col0));
                    int64_t n = 0;

                    f(&w, x, row0, row1, col0, col1, out);
                    for (int row = row0; row < row1; row++)
                        for (int col = col0; col < col1; col++, n++) {
                            int c;
                            int64_t at = row_place(&w, row, col, &c);

                            assert_near(&t, "im2row", n, out[n], at < 0 ? 0 : (double)x[at + c], 0);
                        }
                    unmap_last(&t);
                    assert_int_equal(t.n_map, kept);
                }
            unmap(&t);
        }
}

static void check_row2im_f32(nn_row2im_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4) {
            int row0, row1, k = w.kh * w.kw * w.c;

            for (int a = 0; range(a, w.oh * w.ow, &row0, &row1); a++) {
                const real *rows = drawn(&t, (int64_t)(row1 - row0) * k);
                real *dx = drawn(&t, in_count(&w));
                struct sum *want = calloc((size_t)in_count(&w), sizeof *want);

                assert_non_null(want);
                for (int64_t i = 0; i < in_count(&w); i++)
                    add(&want[i], dx[i]);
                for (int64_t i = 0; i < (int64_t)(row1 - row0) * k; i++) {
                    int c;
                    int64_t at = row_place(&w, row0 + (int)(i / k), (int)(i % k), &c);

                    if (at >= 0)
                        add(&want[at + c], rows[i]);
                }
                f(&w, rows, row0, row1, dx);
                for (int64_t i = 0; i < in_count(&w); i++)
                    assert_near(&t, "row2im", i, dx[i], want[i].value,
                                w.kh * w.kw * EPS * want[i].size);
                free(want);
                unmap(&t);
            }
        }
}

static void check_dwconv_f32(nn_dwconv_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 2)
            for (int bias = 0; bias < 2; bias++) {
                int taps = w.kh * w.kw;
                const real *x = drawn(&t, in_count(&w)), *weight = drawn(&t, (int64_t)taps * w.c);
                const real *b = bias ? drawn(&t, w.c) : NULL;
                real *y = blank(&t, (int64_t)w.oh * w.ow * w.c);

                f(&w, x, weight, b, y);
                for (int64_t i = 0; i < (int64_t)w.oh * w.ow * w.c; i++) {
                    struct sum s = { 0 };
                    int c = (int)(i % w.c), j = (int)(i / w.c);

                    if (b)
                        add(&s, b[c]);
                    for (int tap = 0; tap < taps; tap++) {
                        int64_t at = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                        if (at >= 0)
                            add(&s, (double)x[at + c] * (double)weight[tap * w.c + c]);
                    }
                    assert_near(&t, "dwconv", i, y[i], s.value, (taps + 2) * EPS * s.size);
                }
                unmap(&t);
            }
}

/* Both gradients: what is added where differs, the terms do not. */
static void dwconv_gradient(struct trial *t, const struct nn_window *w, nn_dwconv_dx_f32_fn *dx_fn,
                            nn_dwconv_dw_f32_fn *dw_fn)
{
    int taps = w->kh * w->kw;
    int64_t outs = (int64_t)w->oh * w->ow * w->c, n = dx_fn ? in_count(w) : (int64_t)taps * w->c;
    const real *dy = drawn(t, outs), *other = drawn(t, dx_fn ? (int64_t)taps * w->c : in_count(w));
    real *d = drawn(t, n);
    struct sum *want = calloc((size_t)n + 1, sizeof *want);

    assert_non_null(want);
    for (int64_t i = 0; i < n; i++)
        add(&want[i], d[i]);
    for (int64_t i = 0; i < outs; i++)
        for (int tap = 0; tap < taps; tap++) {
            int c = (int)(i % w->c), j = (int)(i / w->c);
            int64_t at = place(w, j / w->ow, j % w->ow, tap / w->kw, tap % w->kw),
                    f = (int64_t)tap * w->c;

            if (at >= 0)
                add(&want[(dx_fn ? at : f) + c],
                    (double)dy[i] * (double)other[(dx_fn ? f : at) + c]);
        }
    if (dx_fn)
        dx_fn(w, dy, other, d);
    else
        dw_fn(w, other, dy, d);
    for (int64_t i = 0; i < n; i++)
        assert_near(t, "dwconv gradient", i, d[i], want[i].value,
                    ((dx_fn ? taps : w->oh * w->ow) + 2) * EPS * want[i].size);
    free(want);
    unmap(t);
}

static void check_dwconv_dx_f32(nn_dwconv_dx_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 2)
            dwconv_gradient(&t, &w, f, NULL);
}

static void check_dwconv_dw_f32(nn_dwconv_dw_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 2)
            dwconv_gradient(&t, &w, NULL, f);
}

static void check_maxpool_f32(nn_maxpool_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4) {
            int64_t outs = (int64_t)w.oh * w.ow * w.c;
            real *x = drawn(&t, in_count(&w));
            real *y = blank(&t, outs), *y2 = blank(&t, outs);
            int32_t *where = guarded(&t, outs, sizeof *where);

            for (int64_t i = 0; i < in_count(&w); i += 1 + (int64_t)rng_below(3, 4, t.drawn++, 20))
                x[i] = (real)(i % 3 ? NAN : -INFINITY);
            if (each_sees_something(&w)) {
                f(&w, x, y, where);
                f(&w, x, y2, NULL);
                assert_same(&t, "maxpool without places", outs, y2, y);
                for (int64_t i = 0; i < outs; i++) {
                    int c = (int)(i % w.c), j = (int)(i / w.c);
                    int64_t best = -1;

                    for (int tap = 0; tap < w.kh * w.kw; tap++) {
                        int64_t at = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                        if (at >= 0 && (best < 0 || (!isnan(x[best]) &&
                                                     (isnan(x[at + c]) || x[at + c] > x[best]))))
                            best = at + c;
                    }
                    assert_int_equal(where[i], best);
                    assert_same(&t, "maxpool", 1, &y[i], &x[best]);
                }
            }
            unmap(&t);
        }
}

static void check_scatter_f32(nn_scatter_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l], m = n / 2 + 1;
            int32_t *where = guarded(&t, n, sizeof *where);
            const real *dy = drawn(&t, n);
            real *dx = drawn(&t, m);
            struct sum want[65] = { 0 };

            for (int i = 0; i < m; i++)
                add(&want[i], dx[i]);
            for (int i = 0; i < n; i++) {
                where[i] = (int32_t)rng_below(5, 6, (uint64_t)i, (uint32_t)m);
                add(&want[where[i]], dy[i]);
            }
            f(n, where, dy, dx);
            for (int i = 0; i < m; i++)
                assert_near(&t, "scatter", i, dx[i], want[i].value, 10 * EPS * want[i].size);
            unmap(&t);
        }
}

/* What the mean at output j is divided by. */
static int places(const struct nn_window *w, bool whole, int j)
{
    int n = 0;

    for (int tap = 0; tap < w->kh * w->kw; tap++)
        n += whole || place(w, j / w->ow, j % w->ow, tap / w->kw, tap % w->kw) >= 0;
    return n;
}

static void check_avgpool_f32(nn_avgpool_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4)
            for (int whole = 0; whole < 2; whole++) {
                int64_t outs = (int64_t)w.oh * w.ow * w.c;
                const real *x = drawn(&t, in_count(&w));
                real *y = blank(&t, outs);

                if (each_sees_something(&w)) {
                    f(&w, whole, x, y);
                    for (int64_t i = 0; i < outs; i++) {
                        int c = (int)(i % w.c), j = (int)(i / w.c), n = places(&w, whole, j);
                        struct sum s = { 0 };

                        for (int tap = 0; tap < w.kh * w.kw; tap++) {
                            int64_t at = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                            if (at >= 0)
                                add(&s, x[at + c]);
                        }
                        assert_near(&t, "avgpool", i, y[i], s.value / n,
                                    t.exact ? -2 * EPS * fabs(s.value / n)
                                            : (n + 2) * EPS * s.size / n);
                    }
                }
                unmap(&t);
            }
}

static void check_avgpool_dx_f32(nn_avgpool_dx_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4)
            for (int whole = 0; whole < 2; whole++) {
                int64_t outs = (int64_t)w.oh * w.ow * w.c;
                const real *dy = drawn(&t, outs);
                real *dx = drawn(&t, in_count(&w));
                struct sum *want = calloc((size_t)in_count(&w), sizeof *want);

                assert_non_null(want);
                for (int64_t i = 0; i < in_count(&w); i++)
                    add(&want[i], dx[i]);
                for (int64_t i = 0; i < outs; i++)
                    for (int tap = 0; tap < w.kh * w.kw; tap++) {
                        int c = (int)(i % w.c), j = (int)(i / w.c);
                        int64_t at = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                        if (at >= 0)
                            add(&want[at + c], (double)dy[i] / places(&w, whole, j));
                    }
                if (each_sees_something(&w)) {
                    f(&w, whole, dy, dx);
                    for (int64_t i = 0; i < in_count(&w); i++)
                        assert_near(&t, "avgpool gradient", i, dx[i], want[i].value,
                                    -(w.kh * w.kw + 3) * EPS * want[i].size);
                }
                free(want);
                unmap(&t);
            }
}

/* ---- number by number ------------------------------------------------------------------------ */

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

/* ---- row by row ------------------------------------------------------------------------------ */

static const int row_counts[] = { 0, 1, 2, 5, 67 };

#define EACH_MATRIX(rows, n) \
    for (int n##_i = 0; n##_i < COUNT(row_counts) * COUNT(lengths); n##_i++) \
        for (int rows = row_counts[n##_i % COUNT(row_counts)], \
                 n = lengths[n##_i / COUNT(row_counts)], n##_once = 1; \
             n##_once; n##_once = 0)

static void check_softmax_f32(nn_softmax_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            int64_t count = (int64_t)rows * n;
            real *x = drawn(&t, count), *y = blank(&t, count), *on_x, *last = blank(&t, n);

            for (int64_t i = 0; i < count; i++)
                x[i] *= i / (n ? n : 1) % 2 ? 40 : 5;
            on_x = copied(&t, count, x);
            f(rows, n, x, y);
            f(rows, n, on_x, on_x);
            assert_same(&t, "softmax in place", count, on_x, y);
            if (rows) {
                f(1, n, x + count - n, last);
                assert_same(&t, "softmax of one row", n, last, y + count - n);
            }
            for (int r = 0; r < rows; r++) {
                const real *in = x + (int64_t)r * n, *out = y + (int64_t)r * n;
                double max = -INFINITY, sum = 0;

                for (int i = 0; i < n; i++)
                    max = fmax(max, (double)in[i]);
                for (int i = 0; i < n; i++)
                    sum += exp((double)in[i] - max);
                for (int i = 0; i < n; i++) {
                    double want = exp((double)in[i] - max) / sum;

                    assert_near(&t, "softmax", i, out[i], want,
                                -EPS * want * (6 + n + max - (double)in[i]) - 1e-37);
                }
            }
            unmap(&t);
        }
}

static void check_softmax_dx_f32(nn_softmax_dx_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            int64_t count = (int64_t)rows * n;
            const real *y = drawn(&t, count), *dy = drawn(&t, count), *before = drawn(&t, count);
            real *dx = copied(&t, count, before);

            f(rows, n, y, dy, dx);
            for (int64_t i = 0; i < count; i++) {
                struct sum dot = { 0 };

                for (int64_t k = i / n * n; k < i / n * n + n; k++)
                    add(&dot, (double)y[k] * (double)dy[k]);
                assert_near(&t, "softmax gradient", i, dx[i],
                            (double)before[i] + (double)y[i] * ((double)dy[i] - dot.value),
                            (n + 4) * EPS *
                                (fabs((double)before[i]) + fabs((double)y[i]) * (1 + dot.size)));
            }
            unmap(&t);
        }
}

/* a[r,c] * (b[r,c] - mean[c]): the slots leave some of it out, plain the mean too. */
static void column_sums(nn_colsum_f32_fn *colsum, nn_colvar_f32_fn *colvar,
                        nn_coldot_f32_fn *coldot, bool plain)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            int64_t count = (int64_t)rows * n;
            const real *a = drawn(&t, count), *b = drawn(&t, count), *mean = drawn(&t, n),
                       *before = drawn(&t, n);
            real *sum = copied(&t, n, before);

            if (colsum)
                colsum(rows, n, a, sum);
            else if (colvar)
                colvar(rows, n, a, mean, sum);
            else
                coldot(rows, n, a, b, plain ? NULL : mean, sum);
            for (int c = 0; c < n; c++) {
                struct sum s = { 0 };

                add(&s, before[c]);
                for (int r = 0; r < rows; r++) {
                    double x = a[(int64_t)r * n + c], y = b[(int64_t)r * n + c];
                    double m = plain ? 0 : (double)mean[c];

                    add(&s, colsum ? x : colvar ? (x - m) * (x - m) : x * (y - m));
                }
                assert_near(&t, "column sum", c, sum[c], s.value,
                            (rows + 5) * EPS * (s.size + 0.1));
            }
            unmap(&t);
        }
}

static void check_colsum_f32(nn_colsum_f32_fn *f)
{
    column_sums(f, NULL, NULL, false);
}

static void check_colvar_f32(nn_colvar_f32_fn *f)
{
    column_sums(NULL, f, NULL, false);
}

static void check_coldot_f32(nn_coldot_f32_fn *f)
{
    column_sums(NULL, NULL, f, false);
    column_sums(NULL, NULL, f, true);
}

static void check_affine_f32(nn_affine_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n)
            for (int how = 0; how < 4; how++) {
                int64_t count = (int64_t)rows * n;
                const real *x = drawn(&t, count);
                const real *scale = how & 1 ? drawn(&t, n) : NULL,
                           *shift = how & 2 ? drawn(&t, n) : NULL;
                real *y = blank(&t, count), *on_x = copied(&t, count, x), *last = blank(&t, n);

                f(rows, n, x, scale, shift, y);
                f(rows, n, on_x, scale, shift, on_x);
                assert_same(&t, "affine in place", count, on_x, y);
                if (rows) {
                    f(1, n, x + count - n, scale, shift, last);
                    assert_same(&t, "affine of one row", n, last, y + count - n);
                }
                for (int64_t i = 0; i < count; i++) {
                    struct sum s = { 0 };

                    add(&s, (double)x[i] * (scale ? (double)scale[i % n] : 1));
                    add(&s, shift ? (double)shift[i % n] : 0);
                    assert_near(&t, "affine", i, y[i], s.value, 2 * EPS * s.size);
                }
                unmap(&t);
            }
}

/* plain: without x, q and r */
static void norm_dx(nn_norm_dx_f32_fn *f, bool plain)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            int64_t count = (int64_t)rows * n, end = count - n;
            const real *dy = drawn(&t, count), *before = drawn(&t, count), *p = drawn(&t, n);
            const real *x = plain ? NULL : drawn(&t, count), *q = plain ? NULL : drawn(&t, n);
            const real *r = plain ? NULL : drawn(&t, n);
            real *dx = copied(&t, count, before), *last = rows ? copied(&t, n, before + end) : NULL;

            f(rows, n, dy, x, p, q, r, dx);
            if (rows) {
                f(1, n, dy + end, x ? x + end : NULL, p, q, r, last);
                assert_same(&t, "norm gradient of one row", n, last, dx + end);
            }
            for (int64_t i = 0; i < count; i++) {
                struct sum s = { 0 };

                add(&s, before[i]);
                add(&s, (double)dy[i] * (double)p[i % n]);
                if (x) {
                    add(&s, (double)x[i] * (double)q[i % n]);
                    add(&s, r[i % n]);
                }
                assert_near(&t, "norm gradient", i, dx[i], s.value, 5 * EPS * s.size);
            }
            unmap(&t);
        }
}

static void check_norm_dx_f32(nn_norm_dx_f32_fn *f)
{
    norm_dx(f, false);
    norm_dx(f, true);
}

/* Mean and 1 / sqrt(variance + eps) of n numbers. */
static void row_stat(int n, const real *x, double eps, double *mean, double *inv)
{
    double sum = 0, var = 0;

    for (int i = 0; i < n; i++)
        sum += (double)x[i];
    *mean = sum / n;
    for (int i = 0; i < n; i++)
        var += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    *inv = 1 / sqrt(var / n + eps);
}

static void check_rownorm_f32(nn_rownorm_f32_fn *f)
{
    const double eps = 0.25;    /* numbers are between -4 and 4: nothing gets large */

    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            int64_t count = (int64_t)rows * n, end = count - n;
            real *x = drawn(&t, count), *y = blank(&t, count), *on_x = copied(&t, count, x);
            const real *scale = drawn(&t, n), *shift = drawn(&t, n);
            real *stat = blank(&t, 2 * rows), *last = blank(&t, n);

            f(rows, n, (real)eps, x, scale, shift, y, stat);
            f(rows, n, (real)eps, on_x, scale, shift, on_x, NULL);
            assert_same(&t, "row norm in place", count, on_x, y);
            if (rows) {
                f(1, n, (real)eps, x + end, scale, shift, last, NULL);
                assert_same(&t, "row norm of one row", n, last, y + end);
            }
            for (int64_t i = 0; i < count; i++) {
                int64_t r = i / n, c = i % n;
                double mean, inv, v = (double)x[i], bound = (8 + n) * EPS;

                row_stat(n, x + r * n, eps, &mean, &inv);
                assert_near(&t, "row norm", i, y[i], (v - mean) * inv * scale[c] + shift[c],
                            -bound * 8 * (4 + fabs((double)shift[c])));
                assert_near(&t, "mean of a row", r, stat[2 * r], mean, -bound * 4);
                assert_near(&t, "1/s of a row", r, stat[2 * r + 1], inv, -bound * 8 * inv);
            }
            unmap(&t);
        }
}

static void check_rownorm_dx_f32(nn_rownorm_dx_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            int64_t count = (int64_t)rows * n, end = count - n;
            const real *x = drawn(&t, count), *dy = drawn(&t, count), *before = drawn(&t, count);
            const real *scale = drawn(&t, n), *stat = drawn(&t, 2 * rows);
            real *dx = copied(&t, count, before), *last = rows ? copied(&t, n, before + end) : NULL;

            f(rows, n, x, stat, scale, dy, dx);
            if (rows) {
                f(1, n, x + end, stat + 2 * (rows - 1), scale, dy + end, last);
                assert_same(&t, "row norm gradient of one row", n, last, dx + end);
            }
            for (int64_t i = 0; i < count; i++) {
                int64_t r = i / n;
                double mean = (double)stat[2 * r], inv = (double)stat[2 * r + 1], v, size;
                struct sum g = { 0 }, gz = { 0 };

                for (int k = 0; k < n; k++) {
                    double one = (double)dy[r * n + k] * (double)scale[k];

                    add(&g, one);
                    add(&gz, one * ((double)x[r * n + k] - mean) * inv);
                }
                v = ((double)x[i] - mean) * inv;
                size = g.size / n + fabs(v) * gz.size / n + fabs((double)dy[i] * scale[i % n]);
                assert_near(&t, "row norm gradient", i, dx[i],
                            before[i] + inv * ((double)dy[i] * scale[i % n] - g.value / n -
                                               v * gz.value / n),
                            -(n + 8) * EPS * (fabs((double)before[i]) + fabs(inv) * size));
            }
            unmap(&t);
        }
}

static void check_rownorm_dw_f32(nn_rownorm_dw_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_MATRIX(rows, n) {
            const real *x = drawn(&t, (int64_t)rows * n), *dy = drawn(&t, (int64_t)rows * n);
            const real *stat = drawn(&t, 2 * rows), *before = drawn(&t, n);
            real *sum = copied(&t, n, before);

            f(rows, n, x, stat, dy, sum);
            for (int c = 0; c < n; c++) {
                struct sum s = { 0 };

                add(&s, before[c]);
                for (int64_t r = 0; r < rows; r++)
                    add(&s, (double)dy[r * n + c] *
                                (((double)x[r * n + c] - (double)stat[2 * r]) *
                                 (double)stat[2 * r + 1]));
                assert_near(&t, "row norm weights", c, sum[c], s.value,
                            (rows + 4) * EPS * (s.size + 8 * rows));
            }
            unmap(&t);
        }
}

/* ---- optimisers ------------------------------------------------------------------------------ */

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

#include "tests/nn/kernel/check_conv.h"
#include "tests/nn/kernel/check_bn.h"
#include "tests/nn/kernel/check_windows.h"

/* ---- the list -------------------------------------------------------------------------------- */

#define KERNEL(slot, isa) \
    static void slot##_##isa(void **state) \
    { \
        (void)state; \
        if ((nn_cpu_isa() & NN_ISA_##isa) != NN_ISA_##isa) \
            skip(); \
        check_##slot(nn_##slot##_##isa); \
    }
#include "nn/kernel/kernels.def"
#undef KERNEL

static void every_slot_is_filled(void **state)
{
    const char *levels[9] = { NULL, "auto" };
    struct err err = { 0 };

    (void)state;
    for (int i = 0; cpu_names[i]; i++)
        levels[2 + i] = cpu_names[i];
    for (int i = 0; i < 2 || levels[i]; i++) {
        const struct nn_kernels *k = nn_kernels_get(levels[i], &err);

        if (i >= 2 && !(nn_cpu_isa() & 1u << (i - 2))) {
            assert_null(k);
            assert_int_equal(err.kind, ERR_UNSUPPORTED);
            err = (struct err){ 0 };
            continue;
        }
        assert_non_null(k);
#define SLOT(s) \
        assert_true(k->s != NULL); \
        assert_non_null(k->name.s);
        NN_SLOTS(SLOT)
#undef SLOT
    }
    assert_string_equal(nn_kernels_get("ref", &err)->name.gemm_f32, "ref");
    assert_int_equal(err.kind, ERR_NONE);
    assert_null(nn_kernels_get("sse9", &err));
    assert_int_equal(err.kind, ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slot_is_filled),
        cmocka_unit_test(a_product_is_that_of_its_row_and_column),
#define KERNEL(slot, isa) cmocka_unit_test(slot##_##isa),
#include "nn/kernel/kernels.def"
#undef KERNEL
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
