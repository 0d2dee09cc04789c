/*
 * conv2d_cut -- see conv2d_cut.h
 *
 * Many pictures are cut into some parts of them, as long as these have pixels enough: a job of many
 * pixels sorts them into classes that leave out the padding.  What is then missing for some cores
 * comes from runs of outputs where filters are larger than pictures, since each piece reads its own
 * filters and all of the pictures, and else from bands of rows.
 */
#include "nn/op/conv2d_cut.h"

#include <string.h>

enum {
    PIXELS = 512,               /* pixels of a piece of several pictures, at least */
    BAND = 48,                  /* of a band, but where nothing else makes two pieces of one */
    RUN = 2,                    /* groups of outputs of a run, at least: fewer read x too often */
    TILED_PIXELS = 1024, TILED_RUN = 4, /* the same of tiles: filters are four times as large, and
                                         * each run transforms what it reads */
};

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t tiles_of(const struct nn_conv2d_pass *p)
{
    return ceil_div(p->rows, p->tile);
}

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* About so many parts of n, of at least `least` and alike: 1 or an even number, so that two cores
 * are done at the same time. */
static int parts_of(int64_t n, int64_t want, int64_t least)
{
    int64_t most = n / least > 1 ? n / least : 1, parts = clamp(want, 1, most);

    parts = ceil_div(n, ceil_div(n, parts));
    return (int)(parts > 1 && parts % 2 ? parts < most ? parts + 1 : parts - 1 : parts);
}

static const struct {
    bool deep;
    int pieces;                 /* about, at most: 32 are enough for some cores */
    int work;                   /* products of a piece, at least half of them: 2^20 take some
                                   microseconds */
} ways[] = { { false, 32, 1 << 20 }, { true, 32, 1 << 20 }, { false, 128, 1 << 18 },
             { true, 128, 1 << 18 } };

const char *const nn_conv2d_names[] = { "rows", "filters", "rows-many", "filters-many", "winograd",
                                        NULL };

_Static_assert(sizeof ways / sizeof *ways == NN_CONV2D_CUTS, "a name each");

struct nn_conv2d_cut nn_conv2d_cut(struct nn_conv2d_pass p, int way)
{
    struct nn_conv2d_cut u = { .pass = p };
    int most = ways[way].pieces;
    int64_t pixels = (int64_t)p.rows * p.columns;
    double products = (double)(p.batch * pixels * p.outputs * p.groups) * (double)p.terms;
    double work = products / ways[way].work;
    int64_t want = work < most ? clamp((int64_t)work, work >= 1 ? 2 : 1, most) : most;
    int64_t band, groups = nn_pack_groups(p.outputs), run = p.tile > 1 ? TILED_RUN : RUN;

    u.pictures = parts_of(p.batch, want, ceil_div(p.tile > 1 ? TILED_PIXELS : PIXELS, pixels));
    band = p.tile > 1 ? ceil_div(TILED_PIXELS, ceil_div(p.batch, u.pictures)) : BAND;
    band = ceil_div(band, (int64_t)p.columns * p.tile);
    want = ceil_div(want, u.pictures * p.groups);
    if (ways[way].deep) {
        u.outputs = parts_of(groups, want, run);
        u.rows = parts_of(tiles_of(&p), ceil_div(want, u.outputs), band);
    } else {
        u.rows = parts_of(tiles_of(&p), want, band);
        u.outputs = parts_of(groups, ceil_div(want, u.rows), run);
    }
    if (want > 1 && u.rows * u.outputs == 1)
        u.rows = parts_of(tiles_of(&p), 2, 1);
    u.deep = ways[way].deep && u.rows > 1 && u.outputs > 1;
    u.most_rows = (int)ceil_div(tiles_of(&p), u.rows) * p.tile;
    u.n = u.pictures * u.rows * p.groups * u.outputs;
    return u;
}

bool nn_conv2d_cut_can(struct nn_conv2d_pass p, int way)
{
    struct nn_conv2d_cut u = nn_conv2d_cut(p, way);

    for (int i = 0; i < way; i++) {
        struct nn_conv2d_cut v = nn_conv2d_cut(p, i);

        if (u.pictures == v.pictures && u.rows == v.rows && u.outputs == v.outputs &&
            u.deep == v.deep)
            return false;
    }
    return true;
}

/* Whether filters are what is large: beside the pictures of a piece. */
static bool is_deep(struct nn_conv2d_pass p)
{
    int64_t pictures = ceil_div(p.batch, nn_conv2d_cut(p, 0).pictures);
    int64_t pixels = (int64_t)p.rows * p.columns;

    return p.terms * p.outputs > pictures * pixels * (p.outputs + p.terms / 9);
}

int nn_conv2d_cut_rule(struct nn_conv2d_pass p)
{
    return is_deep(p) && nn_conv2d_cut_can(p, 1);
}

/* The first of part i of n in `parts`. */
static int64_t first_of(int64_t n, int i, int parts)
{
    return n * i / parts;
}

struct nn_conv2d_piece nn_conv2d_piece(const struct nn_conv2d_cut *u, int i)
{
    const struct nn_conv2d_pass *p = &u->pass;
    int64_t groups = nn_pack_groups(p->outputs);
    int run, row, picture;
    struct nn_conv2d_piece at;

    if (u->deep) {
        row = i % u->rows;
        run = i / u->rows % u->outputs;
        i /= u->rows * u->outputs;
    } else {
        run = i % u->outputs;
        row = i / u->outputs % u->rows;
        i /= u->outputs * u->rows;
    }
    at.group = i % p->groups;
    picture = i / p->groups;
    at.picture = first_of(p->batch, picture, u->pictures);
    at.pictures = first_of(p->batch, picture + 1, u->pictures) - at.picture;
    at.row = (int)first_of(tiles_of(p), row, u->rows) * p->tile;
    at.rows = (int)clamp(first_of(tiles_of(p), row + 1, u->rows) * p->tile, 0, p->rows) - at.row;
    at.output = (int)first_of(groups, run, u->outputs) * NN_GROUP;
    at.outputs = (int)clamp(first_of(groups, run + 1, u->outputs) * NN_GROUP, 0, p->outputs) -
                 at.output;
    return at;
}

/* ---- filters --------------------------------------------------------------------------------- */

static int from(const struct nn_conv2d_filters *f)
{
    return f->turned ? f->k : f->c;
}

static int to(const struct nn_conv2d_filters *f)
{
    return (f->turned ? f->c : f->k) * (f->together ? f->groups : 1);
}

static int jobs(const struct nn_conv2d_filters *f)
{
    return f->together ? 1 : f->groups;
}

int64_t nn_conv2d_tap(const struct nn_conv2d_filters *f)
{
    return ((int64_t)from(f) + (f->half ? from(f) % 2 : 0)) * NN_GROUP;
}

int64_t nn_conv2d_outputs(const struct nn_conv2d_filters *f)
{
    return (f->winograd ? NN_WINOGRAD_POINTS : f->taps) * nn_conv2d_tap(f);
}

int64_t nn_conv2d_group(const struct nn_conv2d_filters *f)
{
    return nn_pack_groups(to(f)) * nn_conv2d_outputs(f);
}

size_t nn_conv2d_bytes(const struct nn_conv2d_filters *f)
{
    return (size_t)jobs(f) * (size_t)nn_conv2d_group(f) * (f->half ? sizeof(bf16) : sizeof(real));
}

struct packing {
    const struct nn_call *c;
    const struct nn_conv2d_filters *f;
    const real *w;
    void *b;
};

/* NN_GROUP outputs of turned filters, of several groups: as the pack slots would, of each group the
 * transpose.  Of bf16 k is even. */
static void pack_turned(const struct packing *p, int first, int64_t at)
{
    const struct nn_conv2d_filters *f = p->f;
    int step = f->half ? 2 : 1, there = f->groups * f->c - first;
    int64_t ldw = (int64_t)f->groups * f->k;
    const real *from[NN_GROUP];         /* of each output: tap 0, its group's output 0 */
    real line[2 * NN_GROUP] = { 0 };

    there = there < NN_GROUP ? there : NN_GROUP;
    for (int i = 0; i < there; i++)
        from[i] = p->w + (first + i) % f->c * ldw + (int64_t)((first + i) / f->c) * f->k;
    for (int tap = f->taps - 1; tap >= 0; tap--)
        for (int k = 0; k < f->k; k += step, at += step * NN_GROUP) {
            for (int i = 0; i < there; i++)
                for (int s = 0; s < step; s++)
                    line[i * step + s] = from[i][tap * f->c * ldw + k + s];
            if (f->half)
                p->c->k->to_bf16(2 * NN_GROUP, line, (bf16 *)p->b + at);
            else
                memcpy((real *)p->b + at, line, NN_GROUP * sizeof *line);
        }
}

/* NN_GROUP outputs: first their taps, in the end of what becomes their points. */
static void pack_winograd(const struct packing *p, int run)
{
    const struct nn_conv2d_filters *f = p->f;
    real *u = (real *)p->b + run * nn_conv2d_outputs(f);
    int64_t n = nn_conv2d_tap(f), at = (NN_WINOGRAD_POINTS - f->taps - (int64_t)run * f->taps) * n;

    p->c->k->pack_f32(f->taps, f->c, f->k, f->k, p->w, f->turned, run, run + 1, u + at);
    p->c->k->winograd_w_f32(n, u + (NN_WINOGRAD_POINTS - f->taps) * n, u);
}

static void pack_piece(void *arg, int i, int worker)
{
    const struct packing *p = arg;
    const struct nn_conv2d_filters *f = p->f;
    int runs = nn_pack_groups(to(f)), run = i % runs, g = i / runs;
    const real *w = p->w + (int64_t)g * f->k;
    int64_t at = g * nn_conv2d_group(f), ldw = (int64_t)f->groups * f->k;
    int k = f->together ? to(f) : f->k;

    (void)worker;
    if (f->winograd)
        pack_winograd(p, run);
    else if (f->together && f->turned)
        pack_turned(p, run * NN_GROUP, run * nn_conv2d_outputs(f));
    else if (f->half)
        p->c->k->pack_bf16(f->taps, f->c, k, ldw, w, f->turned, run, run + 1, (bf16 *)p->b + at);
    else
        p->c->k->pack_f32(f->taps, f->c, k, ldw, w, f->turned, run, run + 1, (real *)p->b + at);
}

void nn_conv2d_pack(const struct nn_call *c, const struct nn_conv2d_filters *f, const real *w,
                    void *b)
{
    struct packing p = { c, f, w, b };

    pool_for(c->pool, jobs(f) * nn_pack_groups(to(f)), pack_piece, &p);
}
