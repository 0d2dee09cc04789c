/*
 * gemm_body -- products of matrices, written once for all vectors
 *
 * The depth k is cut into runs, as few of at most RUN numbers as will do, of even lengths.  A block
 * of a few rows and vectors of C is summed over a run in registers, from 0, by fused multiply-adds
 * in order; the sums of the runs are added in order to C, or to nothing.  So an output is a
 * function of its row of A, its column of B and k alone: neither its place nor its neighbours nor
 * the width of the vectors changes a bit.
 *
 * A is read where it lies, a number at a time.  Of B, what a run of a few rows needs is read where
 * it lies; else AREA numbers of it are first copied to strips, one block wide, that are read from
 * one end to the other.  Where A lies across (ta) it is copied too, ROWS rows at a time.  After
 * K. Goto, R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34 (3),
 * 2008; but A is small enough beside the registers of today to stay where it is.
 *
 * A file that includes it has the words of vectors and says what blocks there are: STRIP vectors
 * wide at most, SHORT rows of those, 8 of narrower ones.
 */
#include "nn/kernel/cpu.h"

#include <string.h>

/* AREA numbers, 256 kB, are on the stack and in the second cache.  FEW: rows for which no copy of B
 * pays.  LONG: vectors of a single row.  AHEAD: rows of B that are fetched before they are used. */
enum { RUN = 256, AREA = 256 * RUN, ROWS = 48, TALL = 8, FEW = 40, LONG = 8, AHEAD = 24,
       LINE = 16 };             /* numbers of a line of the caches */

#define UNROLL _Pragma("GCC unroll 16")

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int vectors(int numbers)
{
    return (numbers + LANES - 1) / LANES;
}

/* The part of the last vector of so many numbers. */
static struct part last_of(int numbers)
{
    return numbers % LANES ? first_lanes(numbers % LANES) : whole();
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Number (i,p) of A is a[i * row + p * step], (p,j) of B b[p * ldb + j], (i,j) of C c[i * ldc +
 * j]. */
struct block {
    int k;                      /* of a run */
    bool add;                   /* to C */
    const float *a, *b;
    float *c;
    int64_t row, step, ldb, ldc;
    struct part last;           /* of the vectors of a row */
};

/* m rows, g vectors; tail: the last one is a part. */
VEC_FN void block(const int m, const int g, const bool tail, const struct block *t)
{
    const float *a[TALL], *b = t->b;
    struct part last = tail ? t->last : whole();
    vec sum[TALL][LONG];

    last.whole = !tail;
    UNROLL for (int i = 0; i < m; i++) {
        a[i] = t->a + i * t->row;
        UNROLL for (int j = 0; j < g; j++)
            sum[i][j] = v_zero();
        for (int j = 0; j < g * LANES; j += LINE)
            __builtin_prefetch(t->c + i * t->ldc + j, 1, 3);
    }
    for (int64_t p = 0, at = 0; p < t->k; p++, at += t->step, b += t->ldb) {
        vec w[LONG];

        for (int j = 0; j < g * LANES; j += LINE)
            __builtin_prefetch(b + AHEAD * t->ldb + j, 0, 3);
        UNROLL for (int j = 0; j < g; j++)
            w[j] = v_load(b + j * LANES, j == g - 1 ? last : whole());
        UNROLL for (int i = 0; i < m; i++) {
            const vec x = v_set(a[i][at]);

            UNROLL for (int j = 0; j < g; j++)
                sum[i][j] = v_fma(x, w[j], sum[i][j]);
        }
    }
    UNROLL for (int i = 0; i < m; i++)
        UNROLL for (int j = 0; j < g; j++) {
            const struct part part = j == g - 1 ? last : whole();
            float *c = t->c + i * t->ldc + j * LANES;

            v_store(c, part, t->add ? v_add(v_load(c, part), sum[i][j]) : sum[i][j]);
        }
}

#define TO_6(g) \
    BLOCK(1, g) BLOCK(2, g) BLOCK(3, g) BLOCK(4, g) BLOCK(5, g) BLOCK(6, g)
#define TO_8(g) TO_6(g) BLOCK(7, g) BLOCK(8, g)

#define BLOCK(m, g) \
    static void whole_##m##_##g(const struct block *t) \
    { \
        block(m, g, false, t); \
    } \
    static void part_##m##_##g(const struct block *t) \
    { \
        block(m, g, true, t); \
    }
BLOCKS
#undef BLOCK

static void long_row(const struct block *t)
{
    block(1, LONG, false, t);
}

/* By whether the last vector is a part; vectors; rows. */
static void (*const blocks[2][STRIP + 1][TALL + 1])(const struct block *t) = {
#define BLOCK(m, g) [0][g][m] = whole_##m##_##g, [1][g][m] = part_##m##_##g,
    BLOCKS
#undef BLOCK
};

/* Blocks, of even heights, that m rows make. */
static int blocks_of(int m, int cols)
{
    int tall = cols > (STRIP - 1) * LANES ? SHORT : TALL;

    return (m + tall - 1) / tall;
}

/* A block of m rows that t says all of but its columns. */
static void run_block(struct block *t, int m, int cols)
{
    if (cols % LANES)
        t->last = last_of(cols);
    blocks[cols % LANES != 0][vectors(cols)][m](t);
}

/* m rows of C, few, from B where it lies: strip by strip, which is near when the next block reads
 * it. */
static void direct(const struct block *t, int m, int cols)
{
    int wide;

    for (int j = 0; j < cols; j += wide) {
        struct block at = *t;
        bool one = m == 1 && cols - j >= LONG * LANES;
        int n;

        wide = one ? LONG * LANES : (int)least(STRIP * LANES, cols - j);
        n = blocks_of(m, wide);
        at.b += j;
        for (int i = 0; i < n; i++) {
            int first = i * m / n, past = (i + 1) * m / n;

            at.a = t->a + first * t->row;
            at.c = t->c + first * t->ldc + j;
            if (one)
                long_row(&at);
            else
                run_block(&at, past - first, wide);
        }
    }
}

/* m rows of C from a copy of B: block by block, whose rows of A are near when the next strip needs
 * them; those of the next block are fetched. */
static void from_copy(const struct block *t, int m, int cols)
{
    struct block at = *t;
    int n = blocks_of(m, cols);

    for (int i = 0; i < n; i++) {
        int first = (int)((int64_t)i * m / n), past = (int)((int64_t)(i + 1) * m / n);

        for (int r = past; t->step == 1 && r < least(m, past + SHORT); r++)
            for (int p = 0; p < t->k; p += LINE)
                __builtin_prefetch(t->a + r * t->row + p, 0, 2);
        at.a = t->a + first * t->row;
        for (int j = 0; j < cols; j += STRIP * LANES) {
            int wide = (int)least(STRIP * LANES, cols - j);

            at.b = t->b + (int64_t)j * t->k;
            at.ldb = vectors(wide) * LANES;
            at.c = t->c + first * t->ldc + j;
            run_block(&at, past - first, wide);
        }
    }
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* B[k,cols] to strips of whole vectors, zeros behind the last column. */
static void copy_strips(int k, int cols, const float *b, int64_t ldb, float *to)
{
    const struct part last = last_of(cols);

    for (int p = 0; p < k; p++, b += ldb) {
        int j = 0;

        for (int i = 0; i < cols; i += LINE)
            __builtin_prefetch(b + AHEAD / 3 * ldb + i, 0, 3);
        for (; cols - j >= STRIP * LANES; j += STRIP * LANES)
            UNROLL for (int i = 0; i < STRIP * LANES; i += LANES)
                v_store(to + (int64_t)j * k + p * STRIP * LANES + i, whole(),
                        v_load(b + j + i, whole()));
        if (j < cols) {
            float *row = to + (int64_t)j * k + p * vectors(cols - j) * LANES;

            for (; cols - j > LANES; j += LANES, row += LANES)
                v_store(row, whole(), v_load(b + j, whole()));
            v_store(row, whole(), v_load(b + j, last));
        }
    }
}

/* At most LANES columns, each of k numbers, as rows of LANES, `step` apart. */
static void turn(int k, int cols, const float *b, int64_t ldb, float *to, int64_t step)
{
    for (int p = 0; p < k; p += LANES, to += LANES * step) {
        int deep = (int)least(LANES, k - p);
        const struct part there = last_of(deep);
        vec r[LANES];

        if (cols == LANES && deep == LANES)
            UNROLL for (int i = 0; i < LANES; i++)
                r[i] = v_load(b + i * ldb + p, whole());
        else
            UNROLL for (int i = 0; i < LANES; i++)
                r[i] = i < cols ? v_load(b + i * ldb + p, there) : v_zero();
        v_transpose(r);
        UNROLL for (int i = 0; i < LANES; i++)
            if (i < deep)
                v_store(to + i * step, whole(), r[i]);
    }
}

/* The same strips of a B that lies as [cols,k]. */
static void turn_strips(int k, int cols, const float *b, int64_t ldb, float *to)
{
    for (int j = 0; j < cols; j += STRIP * LANES) {
        int wide = (int)least(STRIP * LANES, cols - j);
        int64_t step = vectors(wide) * LANES;

        for (int i = 0; i < wide; i += LANES)
            turn(k, (int)least(LANES, wide - i), b + (j + i) * ldb, ldb, to + i, step);
        to += k * step;
    }
}

/* ROWS rows of A, or fewer, that lie as [k,m], close together; what lies behind is wanted next. */
static void copy_rows(int k, int rows, const float *a, int64_t lda, float *to)
{
    for (int p = 0; p < k; p++, a += lda, to += ROWS) {
        for (int i = 0; i < ROWS; i += LINE)
            __builtin_prefetch(a + ROWS + i, 0, 2);
        if (rows == ROWS)
            UNROLL for (int i = 0; i < ROWS; i += LANES)
                v_store(to + i, whole(), v_load(a + i, whole()));
        else
            memcpy(to, a, (size_t)rows * sizeof *to);
    }
}

/* m rows of C, of cols <= AREA / k columns.  Never inlined: its frame is large. */
static __attribute__((noinline)) void copied(const struct block *t, int m, int cols, bool tb)
{
    _Alignas(64) float b[AREA], a[RUN * ROWS];
    struct block at = *t;

    (tb ? turn_strips : copy_strips)(t->k, cols, t->b, t->ldb, b);
    at.b = b;
    if (t->row != 1 || cols <= STRIP * LANES) {
        from_copy(&at, m, cols);
        return;
    }
    at.a = a;
    at.step = ROWS;
    for (int i = 0; i < m; i += ROWS) {
        int rows = (int)least(ROWS, m - i);

        copy_rows(t->k, rows, t->a + i, t->step, a);
        at.c = t->c + i * t->ldc;
        from_copy(&at, rows, cols);
    }
}

void KERNEL_FN(gemm_f32)(bool ta, bool tb, int m, int n, int k, const float *a, int lda,
                         const float *b, int ldb, bool acc, float *c, int ldc)
{
    int runs = (k - 1) / RUN + 1, run = k ? (k - 1) / runs + 1 : 0;
    int cols = tb || m >= FEW ? AREA / (run + !run) / (STRIP * LANES) * (STRIP * LANES) : n;

    for (int64_t p = 0; m && n && p < k + !k; p += run + !run)
        for (int64_t j = 0; j < n; j += cols) {
            struct block t = { .k = (int)least(run, k - p), .add = acc || p > 0,
                               .row = ta ? 1 : lda, .step = ta ? lda : 1, .ldb = ldb, .ldc = ldc,
                               .c = c + j };

            t.a = a + p * t.step;
            t.b = b + (tb ? j * ldb + p : p * ldb + j);
            if (tb || m >= FEW)
                copied(&t, m, (int)least(cols, n - j), tb);
            else
                direct(&t, m, n);
        }
}
