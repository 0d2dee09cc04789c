/*
 * conv_body -- convolution over vectors, written once for all widths and both precisions
 *
 * A block of m outputs x g vectors of channels is summed in registers: of a pixel a channel (of
 * bf16 a pair) is broadcast, g vectors of weights are loaded, m x g products are added, from 0, tap
 * by tap and channel by channel.  So the sum of an output is the same wherever it lies in a block.
 * The pixels of a block are found through an array of offsets (conv_walk.h), which makes borders,
 * strides, phases and ragged ends one loop; M. Dukhan, "The indirect convolution algorithm",
 * arXiv:1907.02129.  A chunk of outputs, small enough that what it reads and writes stays in the
 * second cache, is done for all vectors of channels, then the next.
 *
 * Of one tap the sums are short, and what comes before them counts: outputs that lie evenly, as
 * those of 1x1 without stride do, are found from the first of a block.
 *
 * With groups of outputs a lane's channel is that of its group: what the groups of a vector see of
 * a pixel is loaded at once, and a step picks each lane's channel from it.  Groups of more than a
 * vector are blocks of one vector as above.
 *
 * Included once, behind the words of vec_ISA.h, by a file that says what a step is: SIZE bytes a
 * number of x, `step` what a vector multiplies at once, and how; blocks of at most MOST vectors and
 * TALLEST outputs, TALL(g) of g vectors, which BLOCKS and EACH_BLOCKS list; of vectors with groups
 * TALL_PICKED(g), and PICKED_BLOCKS.
 */
#include "nn/kernel/conv_walk.h"

#include <math.h>

#define UNROLL _Pragma("GCC unroll 16")

/* Bytes of a chunk, about; of what is broadcast, a step, and its weights of a group; of zeros that
 * are read outside of the picture. */
enum { STAY = 256 << 10, STEP = 4, LINE = STEP * NN_GROUP, ZEROS = 4096,
       MOST_SEEN = 16,          /* steps that outputs of small groups see under a tap */
       PICKED = 2 };            /* vectors of a block of such: with one alone, what neighbours
                                 * see would share too few sets of the first cache */

static const char zeros[ZEROS] __attribute__((aligned(64)));

struct task {
    const struct nn_conv *job;
    const struct chunk *chunk;
    int64_t h_x, w_x, h_b, w_b, group;  /* bytes from a tap to the next, in x and b; of a group */
    int64_t pixel;                      /* bytes read under a tap */
    int64_t x_apart, y_apart;           /* bytes from an output to the next of its row */
    bool joined;                /* the taps of a row lie behind each other in x and in b */
    bool ahead;                 /* one tap, the first vectors: nobody has fetched x yet */
    int vector;                 /* the first of a block */
    const char *x, *b;          /* what it sees of the job's x; its weights of the first tap */
    struct part last;           /* of its last vector */
    int64_t apart;              /* with groups: bytes from what a vector sees to the next's */
    struct part seen, seen_last;        /* lanes that these fill; of the last vector */
    int32_t pick[MOST_SEEN][LANES];     /* of these, by step, each output's */
};

/* Adds the products of `bytes` of each a[i], from `at` on, with the weights from b on. */
VEC_FN void products(const int m, const int g, const char *const a[TALLEST], int64_t at,
                     int64_t bytes, const char *b, int64_t group, vec sum[TALLEST][MOST])
{
    for (const int64_t end = at + bytes; at < end; at += STEP, b += LINE) {
        step w[MOST];

        UNROLL for (int v = 0; v < g; v++)
            w[v] = step_load(b + v * LANES / NN_GROUP * group + v * LANES % NN_GROUP * STEP);
        UNROLL for (int i = 0; i < m; i++) {
            step x = step_all(a[i] + at);

            UNROLL for (int v = 0; v < g; v++)
                sum[i][v] = step_add(x, w[v], sum[i][v]);
        }
    }
}

/* The same of outputs that lie `apart` bytes apart, from x on. */
VEC_FN void even_products(const int m, const int g, const char *x, int64_t apart, int64_t bytes,
                          const char *b, int64_t group, vec sum[TALLEST][MOST])
{
    const char *every[(TALLEST + 2) / 3];       /* third: x + apart and 2 * apart are addresses */

    UNROLL for (int i = 0; i < m; i += 3)
        every[i / 3] = x + i * apart;
    for (int64_t at = 0; at < bytes; at += STEP, b += LINE) {
        step w[MOST];

        UNROLL for (int v = 0; v < g; v++)
            w[v] = step_load(b + v * LANES / NN_GROUP * group + v * LANES % NN_GROUP * STEP);
        UNROLL for (int i = 0; i < m; i++) {
            step p = step_all(every[i / 3] + i % 3 * apart);

            UNROLL for (int v = 0; v < g; v++)
                sum[i][v] = step_add(p, w[v], sum[i][v]);
        }
        UNROLL for (int i = 0; i < m; i += 3)
            every[i / 3] += STEP;
    }
}

/* The same of vectors with groups, for the `pixel` bytes of a tap. */
VEC_FN void picked_products(const int m, const int g, const struct task *k,
                            const char *const a[TALLEST], int64_t at, const char *b,
                            vec sum[TALLEST][MOST])
{
    step x[TALL_PICKED(1)][PICKED];

    UNROLL for (int v = 0; v < g; v++) {
        struct part seen = v < g - 1 ? k->seen : k->seen_last;

        seen.whole = false;     /* as a constant: no branches */
        UNROLL for (int i = 0; i < m; i++)
            x[i][v] = step_seen(a[i] + at + v * k->apart, seen);
    }
    for (int s = 0; s < k->pixel / STEP; s++, b += LINE) {
        vint pick = v_load_int(k->pick[s]);

        UNROLL for (int v = 0; v < g; v++) {
            step w = step_load(b + v * LANES * STEP);

            UNROLL for (int i = 0; i < m; i++)
                sum[i][v] = step_add(step_pick(x[i][v], pick), w, sum[i][v]);
        }
    }
}

/* Bytes from the job's y to output i of a block. */
VEC_FN int64_t output_at(const bool even, const struct task *k, int first, int i)
{
    return even ? k->chunk->y[first] + i * k->y_apart : k->chunk->y[first + i];
}

VEC_FN vec load(const bool half, const char *p, struct part part)
{
    return half ? v_load_bf16((const bf16 *)p, part) : v_load((const float *)p, part);
}

VEC_FN void store(const bool half, char *p, struct part part, vec v)
{
    if (half)
        store_half((bf16 *)p, part, v);
    else
        v_store((float *)p, part, v);
}

/* Adds what lies where the outputs do.  Of the block's m outputs `there` are there. */
VEC_FN void add_from(const int m, const int g, const bool half, const bool even,
                     const struct task *k, int first, int there, const void *from,
                     vec sum[TALLEST][MOST])
{
    const int size = half ? 2 : 4;

    UNROLL for (int i = 0; i < m; i++) {
        const char *p;

        if (i >= there)
            break;
        p = (const char *)from + output_at(even, k, first, i) + k->vector * LANES * size;
        UNROLL for (int v = 0; v < g; v++)
            sum[i][v] = v_add(sum[i][v], load(half, p + v * LANES * size,
                                              v < g - 1 ? whole() : k->last));
    }
}

VEC_FN void store_all(const int m, const int g, const bool half, const bool even,
                      const struct task *k, int first, int there, struct part last,
                      vec sum[TALLEST][MOST])
{
    const int size = half ? 2 : 4;
    char *base = (char *)k->job->y + k->vector * LANES * size, *y[TALLEST];

    /* Before the stores, which could change them; those that are not there lie anywhere. */
    UNROLL for (int i = 0; i < m; i++)
        y[i] = (char *)((uintptr_t)base + (uintptr_t)output_at(even, k, first, i));
    UNROLL for (int i = 0; i < m; i++) {
        if (i >= there)
            break;
        UNROLL for (int v = 0; v < g; v++)
            if (half && v % 2 == 0 && v + 1 < g && (v + 2 < g || last.whole))
                store_halves((bf16 *)(y[i] + v * LANES * size), sum[i][v], sum[i][v + 1]);
            else if (!half || v % 2 == 0 || (v + 1 == g && !last.whole))
                store(half, y[i] + v * LANES * size, v < g - 1 ? whole() : last, sum[i][v]);
    }
}

/* What becomes of the sums. */
VEC_FN void finish(const int m, const int g, const bool half, const bool even,
                   const struct task *k, int first, int there, vec sum[TALLEST][MOST])
{
    const struct nn_conv *j = k->job;

    if (j->bias)
        UNROLL for (int v = 0; v < g; v++) {
            vec b = v_load(j->bias + (k->vector + v) * LANES, v < g - 1 ? whole() : k->last);

            UNROLL for (int i = 0; i < m; i++)
                sum[i][v] = v_add(sum[i][v], b);
        }
    if (j->add)
        add_from(m, g, half, even, k, first, there, j->y, sum);
    if (j->residual)
        add_from(m, g, half, even, k, first, there, j->residual, sum);
    if (j->lo > -INFINITY) {
        vec lo = v_set(j->lo);

        UNROLL for (int i = 0; i < m; i++)
            UNROLL for (int v = 0; v < g; v++)
                sum[i][v] = v_max(lo, sum[i][v]);       /* NaN stays */
    }
    if (j->hi < INFINITY) {
        vec hi = v_set(j->hi);

        UNROLL for (int i = 0; i < m; i++)
            UNROLL for (int v = 0; v < g; v++)
                sum[i][v] = v_min(hi, sum[i][v]);
    }
    if (k->last.whole)
        store_all(m, g, half, even, k, first, there, whole(), sum);
    else
        store_all(m, g, half, even, k, first, there, k->last, sum);
}

VEC_FN void finish_as(const int m, const int g, const bool even, const struct task *k, int first,
                      int there, vec sum[TALLEST][MOST])
{
    if (SIZE == 2 && k->job->y_half)
        finish(m, g, true, even, k, first, there, sum);
    else
        finish(m, g, false, even, k, first, there, sum);
}

VEC_FN void clear(const int m, const int g, vec sum[TALLEST][MOST])
{
    UNROLL for (int i = 0; i < m; i++)
        UNROLL for (int v = 0; v < g; v++)
            sum[i][v] = v_zero();
}

/* ---- a block of several classes -------------------------------------------------------------- */

/* What output i reads from `done` on under tap (t,u), or zeros. */
static const char *under(const struct task *k, int i, int t, int u, int64_t done)
{
    const struct chunk *c = k->chunk;
    const struct taps *p = &c->taps[c->class[i]];

    if (t < p->h0 || t >= p->h1 || u < p->w0 || u >= p->w1)
        return zeros;
    return k->x + (c->x[i] + t * k->h_x + u * k->w_x + done);
}

/* Outputs [first,first+there), at most m.  picks: of vectors with groups. */
VEC_FN void mixed(const int m, const int g, const bool picks, const struct task *k, int first,
                  int there)
{
    const struct taps taps = taps_of_any(k->chunk, first, first + there);
    const char *a[TALLEST];
    vec sum[TALLEST][MOST];

    clear(m, g, sum);
    for (int t = taps.h0; t < taps.h1; t++)
        for (int u = taps.w0; u < taps.w1; u++) {
            const char *b = k->b + t * k->h_b + u * k->w_b;

            for (int64_t done = 0; done < k->pixel; done += ZEROS) {
                int64_t left = k->pixel - done;

                for (int i = 0; i < m; i++)
                    a[i] = i < there ? under(k, first + i, t, u, done) : zeros;
                if (picks)
                    picked_products(m, g, k, a, 0, b, sum);
                else
                    products(m, g, a, 0, left < ZEROS ? left : ZEROS, b + done / STEP * LINE,
                             k->group, sum);
            }
        }
    finish_as(m, g, false, k, first, there, sum);
}

#define BLOCKS_OF(g) \
    static __attribute__((noinline)) void mixed_##g(const struct task *k, int first, int there) \
    { \
        mixed(TALL(g), g, false, k, first, there); \
    }
EACH_BLOCKS
#undef BLOCKS_OF

#define PICKS_OF(g) \
    static __attribute__((noinline)) void mixed_picks_##g(const struct task *k, int first, \
                                                          int there) \
    { \
        mixed(TALL_PICKED(g), g, true, k, first, there); \
    }
PICKS_OF(1)
PICKS_OF(2)
#undef PICKS_OF

static void (*const mixed_blocks[MOST + 1])(const struct task *k, int first, int there) = {
#define BLOCKS_OF(g) [g] = mixed_##g,
    EACH_BLOCKS
#undef BLOCKS_OF
};

/* ---- blocks of one class --------------------------------------------------------------------- */

/* Bytes of a pixel that are fetched at once, and how far ahead.  All of the next block in a burst
 * would wait for memory. */
enum { PIECE = 128 };

VEC_FN void fetch(const int m, const struct task *k, int first, int64_t done)
{
    const char *x = k->x;
    const int64_t *at = k->chunk->x + first;
    const int64_t end = k->pixel - done < PIECE ? k->pixel : done + PIECE;

    for (; done < end; done += 64)
        UNROLL for (int i = 0; i < m; i++)
            __builtin_prefetch(x + at[i] + done);
}

/* With groups the next vectors see other lines of the same pixels: the outputs' share of these. */
VEC_FN void fetch_next(const int m, const int g, const struct task *k, const struct taps *taps,
                       const char *const a[TALLEST], int first)
{
    const struct nn_conv *j = k->job;
    const int y_size = SIZE == 2 && j->y_half ? 2 : 4;
    const char *y = (const char *)j->y + (k->vector + g) * LANES * y_size;

    for (int t = taps->h0; t < taps->h1 && t < taps->h0 + j->h.step; t++)
        for (int u = taps->w0; u < taps->w1 && u < taps->w0 + j->w.step; u++)
            for (int64_t at = g * k->apart; at < 2 * g * k->apart; at += 64)
                UNROLL for (int i = 0; i < m; i++)
                    __builtin_prefetch(a[i] + t * k->h_x + u * k->w_x + at);
    for (int at = 0; at < g * LANES * y_size; at += 64)
        UNROLL for (int i = 0; i < m; i++)
            __builtin_prefetch(y + k->chunk->y[first + i] + at, 1);
}

VEC_FN void block(const int m, const int g, const bool picks, const struct task *k, int first)
{
    const struct chunk *c = k->chunk;
    const struct taps *taps = &c->taps[c->class[first]];
    const int64_t bytes = k->joined ? (taps->w1 - taps->w0) * k->pixel : k->pixel;
    const int64_t piece = k->ahead ? PIECE : bytes;
    const char *a[TALLEST];
    vec sum[TALLEST][MOST];

    UNROLL for (int i = 0; i < m; i++)
        a[i] = k->x + c->x[first + i];
    if (picks)
        fetch_next(m, g, k, taps, a, first);
    clear(m, g, sum);
    for (int t = taps->h0; t < taps->h1; t++)
        for (int u = taps->w0; u < taps->w1; u += k->joined ? taps->w1 : 1) {
            const char *b = k->b + t * k->h_b + u * k->w_b;

            if (picks) {
                picked_products(m, g, k, a, t * k->h_x + u * k->w_x, b, sum);
                continue;
            }
            for (int64_t done = 0; done < bytes; done += piece, b += piece / STEP * LINE) {
                if (k->ahead)
                    fetch(m, k, first + m, done);
                products(m, g, a, t * k->h_x + u * k->w_x + done,
                         bytes - done < piece ? bytes - done : piece, b, k->group, sum);
            }
        }
    finish_as(m, g, false, k, first, m, sum);
}

/* Of outputs that lie evenly and meet one tap. */
VEC_FN void even_block(const int m, const int g, const struct task *k, int first)
{
    const char *x = k->x + k->chunk->x[first], *b = k->b;
    const int64_t piece = k->ahead ? PIECE : k->pixel;
    vec sum[TALLEST][MOST];

    clear(m, g, sum);
    for (int64_t done = 0; done < k->pixel; done += piece, b += piece / STEP * LINE) {
        if (k->ahead)
            fetch(m, k, first + m, done);
        even_products(m, g, x + done, k->x_apart, k->pixel - done < piece ? k->pixel - done : piece,
                      b, k->group, sum);
    }
    finish_as(m, g, true, k, first, m, sum);
}

/* Whether outputs first..first+m-1 lie evenly and meet a tap. */
VEC_FN bool is_even(const struct chunk *c, int m, int first)
{
    const struct taps *t = &c->taps[c->class[first]];

    return c->line[first] == c->line[first + m - 1] && t->h1 && t->w1;
}

/* Blocks of m outputs each, n of them.  one: of a job of one tap. */
VEC_FN void run(const int m, const int g, const bool picks, const bool one, const struct task *k,
                int first, int n)
{
    const uint16_t *class = k->chunk->class;

    for (; n; n--, first += m)
        if (one && is_even(k->chunk, m, first))
            even_block(m, g, k, first);
        else if (class[first] == class[first + m - 1])
            block(m, g, picks, k, first);
        else
            (!picks ? mixed_blocks[g] : g == 1 ? mixed_picks_1 : mixed_picks_2)(k, first, m);
}

/* The file says what blocks there are, by what the registers hold: BLOCKS, of TO_12(vectors)... */
#define TO_3(g) BLOCK(1, g) BLOCK(2, g) BLOCK(3, g)
#define TO_4(g) TO_3(g) BLOCK(4, g)
#define TO_6(g) TO_4(g) BLOCK(5, g) BLOCK(6, g)
#define TO_8(g) TO_6(g) BLOCK(7, g) BLOCK(8, g)
#define TO_12(g) TO_8(g) BLOCK(9, g) BLOCK(10, g) BLOCK(11, g) BLOCK(12, g)

#define BLOCK(m, g) \
    static void run_##m##_##g(const struct task *k, int first, int n) \
    { \
        run(m, g, false, false, k, first, n); \
    }
BLOCKS
#undef BLOCK

#define BLOCK(m, g) \
    static void one_##m##_##g(const struct task *k, int first, int n) \
    { \
        run(m, g, false, true, k, first, n); \
    }
BLOCKS
#undef BLOCK

#define BLOCK(m, g) \
    static void picks_##m##_##g(const struct task *k, int first, int n) \
    { \
        run(m, g, true, false, k, first, n); \
    }
PICKED_BLOCKS
#undef BLOCK

/* By vectors, outputs. */
static void (*const runs[MOST + 1][TALLEST + 1])(const struct task *k, int first, int n) = {
#define BLOCK(m, g) [g][m] = run_##m##_##g,
    BLOCKS
#undef BLOCK
};

static void (*const one_runs[MOST + 1][TALLEST + 1])(const struct task *k, int first, int n) = {
#define BLOCK(m, g) [g][m] = one_##m##_##g,
    BLOCKS
#undef BLOCK
};

static void (*const picked_runs[PICKED + 1][TALL_PICKED(1) + 1])(const struct task *k, int first,
                                                                 int n) = {
#define BLOCK(m, g) [g][m] = picks_##m##_##g,
    PICKED_BLOCKS
#undef BLOCK
};

/* ---- all of them ----------------------------------------------------------------------------- */

/* Has a vector whole groups of outputs? */
VEC_FN bool picks(const struct nn_conv *j)
{
    return j->k_group && j->k_group <= LANES;
}

/* How many of the vectors that are left a block takes: MOST but before a last odd one. */
VEC_FN int vectors(const struct nn_conv *j, int left)
{
    if (j->k_group)
        return picks(j) ? least(left, PICKED) : 1;
    if (left > MOST && left < MOST + MOST / 2)
        return (left + 1) / 4 * 2;
    return least(left, MOST);
}

static struct task task_of(const struct nn_conv *job, const struct chunk *chunk)
{
    struct task k = {
        .job = job, .chunk = chunk, .x = job->x, .pixel = (int64_t)job->c * SIZE,
        .x_apart = job->w.step * job->x_pixel * SIZE,
        .y_apart = job->y_pixel * (job->y_half ? 2 : 4),
        .h_x = job->h.apart * job->x_row * SIZE, .w_x = job->w.apart * job->x_pixel * SIZE,
        .h_b = job->h.every * job->b_row * SIZE, .w_b = job->w.every * job->b_column * SIZE,
        .group = job->b_group * SIZE,
        .joined = job->w.apart == 1 && job->x_pixel == job->c && !job->k_group &&
                  job->w.every * job->b_column == (int64_t)job->c * NN_GROUP,
    };

    if (!picks(job))
        return k;
    k.apart = LANES / job->k_group * k.pixel;
    k.seen = first_lanes(k.apart / STEP);
    for (int s = 0; s < k.pixel / STEP; s++)
        for (int i = 0; i < LANES; i++)
            k.pick[s][i] = i / job->k_group * (int)(k.pixel / STEP) + s;
    return k;
}

/* What the groups of g vectors see. */
static void see(struct task *k, int g)
{
    const struct nn_conv *j = k->job;
    int first = k->vector * LANES, last = first + (g - 1) * LANES;
    int groups = (least(last + LANES, j->k) - last + j->k_group - 1) / j->k_group;

    k->x = (const char *)j->x + first / j->k_group * k->pixel;
    if (picks(j))
        k->seen_last = first_lanes(groups * k->pixel / STEP);
}

/* The chunk's outputs of g vectors, in blocks of even heights: none is thin. */
static void stripe(struct task *k, int g)
{
    const struct nn_conv *j = k->job;
    int n = k->chunk->n, most = picks(j) ? TALL_PICKED(g) : TALL(g);
    int blocks = (n + most - 1) / most, m = n / blocks, tall = n % blocks;
    void (*const *run)(const struct task *k, int first, int n) =
        picks(j) ? picked_runs[g] : j->h.taps * j->w.taps == 1 ? one_runs[g] : runs[g];

    k->b = (const char *)j->b + (int64_t)(k->vector * LANES / NN_GROUP) * k->group +
           k->vector * LANES % NN_GROUP * STEP +
           (j->h.first * j->b_row + j->w.first * j->b_column) * SIZE;
    k->ahead = !k->vector && j->h.taps * j->w.taps == 1 && !j->k_group;
    k->last = (k->vector + g) * LANES <= j->k ? whole() : first_lanes(j->k % LANES);
    if (j->k_group)
        see(k, g);
    if (tall)
        run[m + 1](k, 0, tall);
    run[m](k, tall * (m + 1), blocks - tall);
}

static void conv(const struct nn_conv *job)
{
    const struct nn_conv j = walk_joined(job);
    struct chunk chunk;
    struct task k = task_of(&j, &chunk);
    int y_size = j.y_half ? 2 : 4, total = (j.k + LANES - 1) / LANES, most = CHUNK;
    int64_t all = k.pixel * (j.k_group ? (j.k + j.k_group - 1) / j.k_group : 1);
    int64_t seen = all * j.h.step * j.w.step + (int64_t)j.k * y_size;
    struct walk walk;

    if (total > MOST && STAY / seen < CHUNK)
        most = least(CHUNK, (int)(STAY / seen) / TALL(MOST) * TALL(MOST) + 2 * TALL(MOST));
    walk_begin(&walk, &j, SIZE, y_size);
    while (walk.more) {
        walk_fill(&walk, &chunk, most);
        k.vector = 0;
        for (int g; k.vector < total; k.vector += g) {
            g = vectors(&j, total - k.vector);
            stripe(&k, g);
        }
    }
}
