/*
 * winograd_body -- 3x3 convolution by tiles of 4x4 outputs, written once for all vectors
 *
 * Channels are neighbours, so that a transform is plain arithmetic on vectors of channels.  A block
 * of tiles is transformed into 36 matrices [tiles, c], each is multiplied with its matrix of
 * weights [c, k] by conv_f32 as a picture of that many pixels, and what they give becomes outputs.
 * The outputs of a block are done in runs, so that their products are small beside the inputs.
 */
#include "nn/kernel/cpu.h"
#include "nn/kernel/winograd.h"

#include <math.h>
#include <string.h>

#include "nn/kernel/vec_loop.h"

enum { SIDE = 6, POINTS = SIDE * SIDE, TILE = 4, TAPS = 3,
       LINE = 16,               /* numbers of 64 bytes */
       ZEROS = 1024 };          /* channels at a time */

static const float zeros[ZEROS] __attribute__((aligned(64)));

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* ---- filters --------------------------------------------------------------------------------- */

/* G g: the values of g[0] + g[1] x + g[2] x^2 at the points. */
VEC_FN void filter_line(const vec g[TAPS], vec u[SIDE])
{
    const vec p = v_set((float)WINO_AT_P), q = v_set((float)WINO_AT_Q);
    vec at_p = v_mul(p, v_fma(g[2], v_set((float)WINO_PP), g[0]));
    vec at_q = v_mul(q, v_fma(g[2], v_set((float)WINO_QQ), g[0]));
    vec odd_p = v_mul(g[1], v_set((float)(WINO_P * WINO_AT_P)));
    vec odd_q = v_mul(g[1], v_set((float)(WINO_Q * WINO_AT_Q)));

    u[0] = g[0];
    u[1] = v_add(at_p, odd_p);
    u[2] = v_sub(at_p, odd_p);
    u[3] = v_add(at_q, odd_q);
    u[4] = v_sub(at_q, odd_q);
    u[5] = g[2];
}

void KERNEL_FN(winograd_w_f32)(int64_t n, const float *w, float *u)
{
    EACH_VEC(n, {
        vec half[SIDE][TAPS];

        UNROLL for (int s = 0; s < TAPS; s++) {
            vec g[TAPS], line[SIDE];

            UNROLL for (int r = 0; r < TAPS; r++)
                g[r] = v_load(w + (r * TAPS + s) * n + at, part);
            filter_line(g, line);
            UNROLL for (int r = 0; r < SIDE; r++)
                half[r][s] = line[r];
        }
        UNROLL for (int r = 0; r < SIDE; r++) {
            vec line[SIDE];

            filter_line(half[r], line);
            UNROLL for (int s = 0; s < SIDE; s++)
                v_store(u + (r * SIDE + s) * n + at, part, line[s]);
        }
    });
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* Some tiles of the job, and where their numbers are between the transforms. */
struct block {
    const struct nn_conv *job;
    int across;                 /* tiles of a row */
    int64_t per_picture, first; /* tiles */
    int n;
    int c, k;                   /* channels of a row of v, of m: whole vectors */
    int64_t v_point, m_point;   /* numbers from a matrix to the next */
    float *v, *m;
};

/* The picture and the first output of a tile. */
struct place {
    int64_t picture;
    int row, column;
};

static struct place place_of(const struct block *b, int i)
{
    int64_t tile = b->first + i, in = tile % b->per_picture;

    return (struct place){ tile / b->per_picture, (int)(in / b->across) * TILE,
                           (int)(in % b->across) * TILE };
}

/* B' d */
VEC_FN void in_line(const vec d[SIDE], vec t[SIDE])
{
    const vec p = v_set((float)WINO_P), q = v_set((float)WINO_Q);
    const vec pp = v_set((float)WINO_PP), qq = v_set((float)WINO_QQ);
    const vec both = v_set((float)(WINO_PP + WINO_QQ));
    vec even_p = v_fnma(qq, d[2], d[4]), odd_p = v_fnma(qq, d[1], d[3]);
    vec even_q = v_fnma(pp, d[2], d[4]), odd_q = v_fnma(pp, d[1], d[3]);

    t[0] = v_fnma(both, d[2], v_add(d[0], d[4]));
    t[1] = v_fma(p, odd_p, even_p);
    t[2] = v_fnma(p, odd_p, even_p);
    t[3] = v_fma(q, odd_q, even_q);
    t[4] = v_fnma(q, odd_q, even_q);
    t[5] = v_fnma(both, d[3], v_add(d[1], d[5]));
}

/* A vector of channels of a tile, whose numbers lie at from[i] + c. */
VEC_FN void transform_in(const float *const from[POINTS], int64_t c, struct part part, float *v,
                         int64_t point, int64_t next)
{
    vec half[SIDE][SIDE];

    UNROLL for (int i = 0; i < SIDE; i++)
        UNROLL for (int j = SIDE - TILE; j < SIDE; j++)
            v_prefetch((const float *)((uintptr_t)from[i * SIDE + j] + (uintptr_t)(next + c * 4)));
    UNROLL for (int j = 0; j < SIDE; j++) {
        vec d[SIDE], line[SIDE];

        UNROLL for (int i = 0; i < SIDE; i++)
            d[i] = v_load(from[i * SIDE + j] + c, part);
        in_line(d, line);
        UNROLL for (int i = 0; i < SIDE; i++)
            half[i][j] = line[i];
    }
    UNROLL for (int i = 0; i < SIDE; i++) {
        vec line[SIDE];

        in_line(half[i], line);
        UNROLL for (int j = 0; j < SIDE; j++)
            v_store(v + (i * SIDE + j) * point, whole(), line[j]);
    }
}

/* Where the 36 numbers of a tile's channel `first` lie. */
static void find(const struct block *b, struct place at, int first, const float *from[POINTS])
{
    const struct nn_conv *j = b->job;
    const float *x = (const float *)j->x + at.picture * j->x_picture + first;
    int row = at.row + j->h.start, column = at.column + j->w.start;

    for (int i = 0; i < SIDE; i++)
        for (int k = 0; k < SIDE; k++)
            from[i * SIDE + k] = row + i < 0 || row + i >= j->h.in || column + k < 0 ||
                                         column + k >= j->w.in
                                     ? zeros
                                     : x + (row + i) * j->x_row + (column + k) * j->x_pixel;
}

static void tiles_in(const struct block *b)
{
    for (int t = 0; t < b->n; t++) {
        const struct place at = place_of(b, t);

        for (int first = 0; first < b->job->c; first += ZEROS) {
            int n = b->job->c - first < ZEROS ? b->job->c - first : ZEROS, c = 0;
            float *v = b->v + (int64_t)t * b->c + first;
            const float *from[POINTS];
            const int64_t next = TILE * b->job->x_pixel * (int64_t)sizeof(float);

            find(b, at, first, from);
            for (; c + LANES <= n; c += LANES)
                transform_in(from, c, whole(), v + c, b->v_point, next);
            if (c < n)
                transform_in(from, c, first_lanes(n - c), v + c, b->v_point, next);
        }
    }
}

/* A' m */
VEC_FN void out_line(const vec m[SIDE], vec y[TILE])
{
    const vec p = v_set((float)WINO_P), q = v_set((float)WINO_Q);
    const vec pp = v_set((float)WINO_PP), qq = v_set((float)WINO_QQ);
    const vec ppp = v_set((float)(WINO_PP * WINO_P)), qqq = v_set((float)(WINO_QQ * WINO_Q));
    vec even_p = v_add(m[1], m[2]), odd_p = v_sub(m[1], m[2]);
    vec even_q = v_add(m[3], m[4]), odd_q = v_sub(m[3], m[4]);

    y[0] = v_add(m[0], v_add(even_p, even_q));
    y[1] = v_fma(p, odd_p, v_mul(q, odd_q));
    y[2] = v_fma(pp, even_p, v_mul(qq, even_q));
    y[3] = v_fma(ppp, odd_p, v_fma(qqq, odd_q, m[5]));
}

/* A vector of outputs of a tile, of which rows x columns are there, the first at number `at`. */
VEC_FN void transform_out(const struct nn_conv *j, const float *m, int64_t point, int rows,
                          int columns, int64_t at, const float *bias, struct part part)
{
    const vec lo = v_set(j->lo), hi = v_set(j->hi);
    const vec b = bias ? v_load(bias, part) : v_zero();
    vec half[TILE][SIDE];

    UNROLL for (int k = 0; k < SIDE; k++) {
        vec d[SIDE], line[TILE];

        UNROLL for (int i = 0; i < SIDE; i++)
            d[i] = v_load(m + (i * SIDE + k) * point, whole());
        out_line(d, line);
        UNROLL for (int i = 0; i < TILE; i++)
            half[i][k] = line[i];
    }
    UNROLL for (int i = 0; i < TILE; i++) {
        vec line[TILE];

        if (i >= rows)
            break;
        out_line(half[i], line);
        UNROLL for (int k = 0; k < TILE; k++) {
            int64_t to = at + i * j->y_row + k * j->y_pixel;
            float *y = (float *)j->y + to;
            vec v = v_add(line[k], b);

            if (k >= columns)
                break;
            if (j->add)
                v = v_add(v, v_load(y, part));
            if (j->residual)
                v = v_add(v, v_load((const float *)j->residual + to, part));
            v_store(y, part, v_min(hi, v_max(lo, v)));          /* NaN stays */
        }
    }
}

/* Outputs [first,first+n) of all tiles. */
static void tiles_out(const struct block *b, int first, int n)
{
    const struct nn_conv *j = b->job;

    for (int t = 0; t < b->n; t++) {
        const struct place p = place_of(b, t);
        const float *m = b->m + (int64_t)t * b->k, *bias = j->bias ? j->bias + first : NULL;
        int64_t at = p.picture * j->y_picture + p.row * j->y_row + p.column * j->y_pixel + first;
        int rows = least(TILE, j->h.out - p.row), columns = least(TILE, j->w.out - p.column);

        for (int k = 0; k < n; k += LANES)
            transform_out(j, m + k, b->m_point, rows, columns, at + k, bias ? bias + k : NULL,
                          n - k < LANES ? first_lanes(n - k) : whole());
    }
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void products(const struct block *b, int first, int n)
{
    const struct nn_conv *all = b->job;
    struct nn_conv j = { .n = 1, .c = all->c, .k = n, .x_pixel = b->c, .y_pixel = b->k,
                         .h = { .out = 1, .in = 1, .step = 1, .apart = 1, .taps = 1, .every = 1 },
                         .b_group = all->b_group, .lo = -INFINITY, .hi = INFINITY };

    j.w = j.h;
    j.w.out = j.w.in = b->n;
    j.x_row = j.x_picture = b->n * j.x_pixel;
    j.y_row = j.y_picture = b->n * j.y_pixel;
    for (int p = 0; p < POINTS; p++) {
        j.x = b->v + p * b->v_point;
        j.b = (const float *)all->b + first / NN_GROUP * all->b_group + p / SIDE * all->b_row +
              p % SIDE * all->b_column;
        j.y = b->m + p * b->m_point;
        KERNEL_FN(conv_f32)(&j);
    }
}

void KERNEL_FN(winograd_f32)(const struct nn_conv *job, float *scratch)
{
    struct block b = { .job = job, .across = (job->w.out + TILE - 1) / TILE };
    int run = least(job->k, NN_WINOGRAD_RUN);
    int64_t tiles, blocks;

    b.per_picture = (int64_t)b.across * ((job->h.out + TILE - 1) / TILE);
    b.c = nn_winograd_line(job->c);
    b.k = nn_winograd_line(run);
    tiles = job->n * b.per_picture;
    b.n = nn_winograd_block(tiles, job->c, job->k);
    blocks = tiles ? (tiles + b.n - 1) / b.n : 0;
    for (int64_t i = 0; i < blocks; i++) {
        b.first = tiles * i / blocks;
        b.n = (int)(tiles * (i + 1) / blocks - b.first);
        b.v_point = (int64_t)b.n * b.c + LINE;
        b.m_point = (int64_t)b.n * b.k + LINE;
        b.v = scratch;
        b.m = scratch + POINTS * b.v_point;
        tiles_in(&b);
        for (int first = 0; first < job->k; first += run) {
            int n = least(run, job->k - first);

            products(&b, first, n);
            tiles_out(&b, first, n);
        }
    }
}
