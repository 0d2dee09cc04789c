/*
 * conv_tile_body -- conv_bf16 in tiles
 *
 * A block is 32 outputs by a group of 32 channels: four tiles of sums.  A step adds 32 channels
 * under a tap: two tiles of pixels, 16 each, by two of weights.  Where 16 outputs read pixels that
 * lie evenly, their tile is loaded from there; else (borders, rows that end, channels that do not
 * fill a tile) the steps of a piece are first gathered, zeros where there is nothing, and serve
 * some groups of channels, whose sums wait in memory meanwhile.  Weights of channels that do not
 * fill a tile are copied, too, once for all blocks of a chunk.  A sum goes tap by tap, 32 channels
 * at a time, from 0; what is zero adds nothing, so that it is the same in any block.
 *
 * Included once, behind the words of vec_ISA.h and tile_amx.h, and BY_VECTORS(job): the slot's
 * implementation for filters of which these copies would be too many, and for small groups.
 */
#include "nn/kernel/conv_walk.h"

#include <math.h>

/* PIECE: steps that are gathered at once; SET: groups that they serve, whose weights STAY in the
 * second cache, at most; REST: copies of weights. */
enum { BLOCK = 2 * TILE_ROWS, DEPTH = 32, PIECE = 64, SET = 16, STAY = 512 << 10, REST = 64,
       PAIRS = NN_GROUP * 2 * sizeof(bf16) };   /* bytes from a pair of channels to the next */

/* What a step reads: bytes from a pixel, and from a group's weights, or (rest) their copies. */
struct reach {
    int64_t x, b;
    int channels, rest;
};

struct work {
    const struct nn_conv *job;
    const struct chunk *chunk;
    struct tiles tiles;
    int first, there;           /* outputs of the block */
    struct reach reach[PIECE];
    _Alignas(64) char pixels[PIECE][BLOCK][TILE_BYTES];
    _Alignas(64) char rest[REST][DEPTH / 2][PAIRS];     /* of a set: groups x taps */
    _Alignas(64) float sum[SET][BLOCK][NN_GROUP];
};

/* Are the block's pixels full tiles that lie evenly, then `step` bytes apart? */
static bool lies_evenly(const struct work *w, int64_t *step)
{
    const struct chunk *c = w->chunk;
    const int64_t *x = c->x + w->first;

    if (w->there < BLOCK || w->job->c % DEPTH ||
        c->class[w->first] != c->class[w->first + BLOCK - 1])
        return false;
    for (int i = 1; i < BLOCK; i++)
        if (i != TILE_ROWS && x[i] - x[i - 1] != x[1] - x[0])
            return false;
    *step = x[1] - x[0];
    return true;
}

/* Bytes from a group's weights to those of tap (h,u), from channel c on. */
static int64_t weights(const struct nn_conv *j, int64_t h, int64_t u, int c)
{
    return ((j->h.first + h * j->h.every) * j->b_row + (j->w.first + u * j->w.every) * j->b_column +
            (int64_t)c * NN_GROUP) * (int)sizeof(bf16);
}

static const char *group_weights(const struct nn_conv *j, int group)
{
    return (const char *)j->b + group * j->b_group * (int)sizeof(bf16);
}

/* Copies of a set's weights of the channels behind the last full tile, with zeros behind. */
static void copy_rest(struct work *w, int group, int n)
{
    const struct nn_conv *j = w->job;
    int c = j->c / DEPTH * DEPTH, taps = j->h.taps * j->w.taps;
    size_t bytes = (size_t)(j->c - c) / 2 * PAIRS;

    for (int i = 0; i < n * taps && bytes; i++) {
        int tap = i % taps;
        const char *b = group_weights(j, group + i / taps) +
                        weights(j, tap / j->w.taps, tap % j->w.taps, c);

        memcpy(w->rest[i], b, bytes);
        memset((char *)w->rest[i] + bytes, 0, sizeof *w->rest - bytes);
    }
}

/* n steps of taps t, from the `from`th. */
static void steps(struct work *w, const struct taps *t, int from, int n)
{
    const struct nn_conv *j = w->job;
    int deep = (j->c + DEPTH - 1) / DEPTH, across = t->w1 - t->w0;

    for (int i = 0; i < n; i++) {
        int c = (from + i) % deep * DEPTH, tap = (from + i) / deep;
        int64_t h = t->h0 + tap / across, u = t->w0 + tap % across;
        struct reach *r = &w->reach[i];

        r->x = (h * j->h.apart * j->x_row + u * j->w.apart * j->x_pixel + c) * (int)sizeof(bf16);
        r->channels = least(DEPTH, j->c - c);
        r->rest = r->channels < DEPTH;
        r->b = r->rest ? (h * j->w.taps + u) * (int64_t)sizeof *w->rest : weights(j, h, u, c);
    }
}

/* What output i of the block meets under the tap of a step. */
static bool meets(const struct work *w, const struct taps *all, int i, int tap)
{
    const struct taps *t = &w->chunk->taps[w->chunk->class[w->first + i]];
    int across = all->w1 - all->w0, h = all->h0 + tap / across, u = all->w0 + tap % across;

    return h >= t->h0 && h < t->h1 && u >= t->w0 && u < t->w1;
}

/* The pixels of n steps, from where these then read. */
static void gather(struct work *w, const struct taps *taps, int from, int n)
{
    int deep = (w->job->c + DEPTH - 1) / DEPTH;

    for (int s = 0; s < n; s++)
        for (int i = 0; i < BLOCK; i++) {
            size_t bytes = (size_t)w->reach[s].channels * sizeof(bf16);
            char *to = w->pixels[s][i];

            if (i >= w->there || !meets(w, taps, i, (from + s) / deep))
                bytes = 0;
            else
                memcpy(to, (const char *)w->job->x + (w->chunk->x[w->first + i] + w->reach[s].x),
                       bytes);
            memset(to + bytes, 0, TILE_BYTES - bytes);
        }
    for (int s = 0; s < n; s++)
        w->reach[s].x = s * (int64_t)sizeof *w->pixels;
}

/* Adds n steps to the sums of group `first + g`, those of a set.  x: of the two halves of the
 * block. */
static void products(struct work *w, int first, int g, bool begin, int n, const char *const x[2],
                     int64_t x_step)
{
    float (*sum)[NN_GROUP] = w->sum[g];
    const int taps = w->job->h.taps * w->job->w.taps;
    const int64_t row = sizeof *sum;
    const struct reach *r = w->reach, *const end = r + n;
    const char *const x0 = x[0], *const x1 = x[1];
    const char *const from[2] = { group_weights(w->job, first + g),
                                  w->rest[w->job->c % DEPTH ? g * taps : 0][0] };
    struct tiles *t = &w->tiles;

    if (begin) {
        tile_zero(t, 0);
        tile_zero(t, 1);
        tile_zero(t, 2);
        tile_zero(t, 3);
    } else {
        tile_load(t, 0, sum[0], row);
        tile_load(t, 1, sum[0] + TILE_ROWS, row);
        tile_load(t, 2, sum[TILE_ROWS], row);
        tile_load(t, 3, sum[TILE_ROWS] + TILE_ROWS, row);
    }
    for (; r < end; r++) {
        const char *b = from[r->rest] + r->b;

        tile_load(t, 4, x0 + r->x, x_step);
        tile_load(t, 6, b, PAIRS);
        tile_mac(t, 0, 4, 6);
        tile_load(t, 7, b + TILE_BYTES, PAIRS);
        tile_mac(t, 1, 4, 7);
        tile_load(t, 5, x1 + r->x, x_step);
        tile_mac(t, 2, 5, 6);
        tile_mac(t, 3, 5, 7);
    }
    tile_store(t, 0, sum[0], row);
    tile_store(t, 1, sum[0] + TILE_ROWS, row);
    tile_store(t, 2, sum[TILE_ROWS], row);
    tile_store(t, 3, sum[TILE_ROWS] + TILE_ROWS, row);
}

VEC_FN vec load(bool half, const char *p, struct part part)
{
    return half ? v_load_bf16((const bf16 *)p, part) : v_load((const float *)p, part);
}

/* What becomes of a vector of sums: channels from `k` on of an output, `at` bytes behind y. */
VEC_FN void finish(const struct nn_conv *j, int64_t at, int k, const float *sum)
{
    const struct part part = j->k - k < LANES ? first_lanes(j->k - k) : whole();
    char *y = (char *)j->y + at;
    vec v = v_load(sum, whole());

    if (j->bias)
        v = v_add(v, v_load(j->bias + k, part));
    if (j->add)
        v = v_add(v, load(j->y_half, y, part));
    if (j->residual)
        v = v_add(v, load(j->y_half, (const char *)j->residual + at, part));
    v = v_min(v_set(j->hi), v_max(v_set(j->lo), v));    /* NaN stays */
    if (j->y_half)
        v_store_bf16((bf16 *)y, part, v);
    else
        v_store((float *)y, part, v);
}

static void finish_group(const struct work *w, int group, const float (*sum)[NN_GROUP])
{
    int64_t size = w->job->y_half ? sizeof(bf16) : sizeof(float);

    for (int i = 0; i < w->there; i++)
        for (int v = 0, k = group * NN_GROUP; v < NN_GROUP && k < w->job->k; v += LANES, k += LANES)
            finish(w->job, w->chunk->y[w->first + i] + k * size, k, sum[i] + v);
}

/* The block's outputs of groups [group,group+n). */
static void block(struct work *w, int group, int n)
{
    const struct taps taps = taps_of_any(w->chunk, w->first, w->first + w->there);
    int deep = (w->job->c + DEPTH - 1) / DEPTH, from = 0;
    int all = (taps.h1 - taps.h0) * (taps.w1 - taps.w0) * deep;
    const char *x[2] = { w->pixels[0][0], w->pixels[0][TILE_ROWS] };
    int64_t step = TILE_BYTES;
    bool lies = lies_evenly(w, &step);

    for (int i = 0; i < 2 && lies; i++)
        x[i] = (const char *)w->job->x + w->chunk->x[w->first + i * TILE_ROWS];

    do {
        int count = least(PIECE, all - from);

        steps(w, &taps, from, count);
        if (!lies)
            gather(w, &taps, from, count);
        for (int g = 0; g < n; g++)
            products(w, group, g, from == 0, count, x, step);
        from += PIECE;
    } while (from < all);
    for (int g = 0; g < n; g++)
        finish_group(w, group + g, w->sum[g]);
}

static void conv(const struct nn_conv *job)
{
    int64_t group = (int64_t)job->h.taps * job->w.taps * job->c * (PAIRS / 2);
    int set = group && STAY / group < SET ? (int)(STAY / group) + 1 : SET;
    int groups = nn_pack_groups(job->k), taps = job->h.taps * job->w.taps;
    struct chunk chunk;
    struct work w;
    struct walk walk;

    if (job->k_group || (job->c % DEPTH && taps > REST)) {
        BY_VECTORS(job);
        return;
    }
    if (job->c % DEPTH && taps * set > REST)
        set = REST / taps;
    w.job = job;
    w.chunk = &chunk;
    walk_begin(&walk, job, sizeof(bf16), job->y_half ? sizeof(bf16) : sizeof(float));
    tile_begin(&w.tiles);
    while (walk.more) {
        walk_fill(&walk, &chunk, CHUNK);
        for (int g = 0; g < groups; g += set) {
            copy_rest(&w, g, least(set, groups - g));
            for (w.first = 0; w.first < chunk.n; w.first += BLOCK) {
                w.there = least(BLOCK, chunk.n - w.first);
                block(&w, g, least(set, groups - g));
            }
        }
    }
    tile_end(&w.tiles);
}
