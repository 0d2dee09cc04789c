/*
 * conv2d_cut -- see conv2d_cut.h
 *
 * Many pictures are cut into some parts of them, as long as these have pixels enough: a job of many
 * pixels sorts them into classes that leave out the padding.  What is then missing for some cores
 * comes from runs of outputs where filters are larger than pictures, since each piece reads its own
 * filters and all of the pictures, and else from bands of rows.
 */
#include "nn/op/conv2d_cut.h"

enum {
    PIECES = 32,                /* about, at most: enough for some cores */
    WORK = 1 << 20,             /* products of a piece, at least: some microseconds */
    PIXELS = 512, FEW = 48,     /* pixels of a piece of several pictures, of a band, at least */
    RUN = 2 * NN_GROUP,         /* outputs of a run, at least */
};

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* n in about so many parts of at least `least`, which are multiples of `unit`: the size of one. */
static int64_t share(int64_t n, int64_t parts, int64_t least, int64_t unit)
{
    parts = clamp(parts, 1, n / least > 1 ? n / least : 1);
    return ceil_div(ceil_div(n, parts), unit) * unit;
}

struct nn_conv2d_cut nn_conv2d_cut(struct nn_conv2d_pass p)
{
    struct nn_conv2d_cut u = { .pass = p, .rows = p.rows };
    int64_t pixels = (int64_t)p.rows * p.columns;
    double work = (double)(p.batch * pixels * p.outputs * p.groups) * (double)p.terms / WORK;
    int64_t want = work < PIECES ? clamp((int64_t)work, 1, PIECES) : PIECES, deep;
    int64_t band = ceil_div(FEW, p.columns);

    u.pictures = share(p.batch, want, ceil_div(PIXELS, pixels), 1);
    want = ceil_div(want, ceil_div(p.batch, u.pictures) * p.groups);
    deep = p.terms * p.outputs > u.pictures * pixels * (p.outputs + p.terms / 9) ? 1 : 0;
    if (!deep) {
        u.rows = (int)share(p.rows, want, band, 1);
        want = ceil_div(want, ceil_div(p.rows, u.rows));
    }
    u.outputs = (int)share(p.outputs, want, RUN, NN_GROUP);
    if (deep) {
        want = ceil_div(want, ceil_div(p.outputs, u.outputs));
        u.rows = (int)share(p.rows, want, band, 1);
    }
    u.n = (int)(ceil_div(p.batch, u.pictures) * ceil_div(p.rows, u.rows) * p.groups *
                ceil_div(p.outputs, u.outputs));
    return u;
}

struct nn_conv2d_piece nn_conv2d_piece(const struct nn_conv2d_cut *u, int i)
{
    const struct nn_conv2d_pass *p = &u->pass;
    int runs = (int)ceil_div(p->outputs, u->outputs), bands = (int)ceil_div(p->rows, u->rows);
    struct nn_conv2d_piece at = {
        .output = i % runs * u->outputs, .group = i / runs % p->groups,
        .row = i / runs / p->groups % bands * u->rows,
        .picture = i / runs / p->groups / bands * u->pictures,
    };

    at.outputs = (int)clamp(p->outputs - at.output, 0, u->outputs);
    at.rows = (int)clamp(p->rows - at.row, 0, u->rows);
    at.pictures = clamp(p->batch - at.picture, 0, u->pictures);
    return at;
}

/* ---- filters --------------------------------------------------------------------------------- */

static int from(const struct nn_conv2d_filters *f)
{
    return f->turned ? f->k : f->c;
}

static int to(const struct nn_conv2d_filters *f)
{
    return f->turned ? f->c : f->k;
}

int64_t nn_conv2d_tap(const struct nn_conv2d_filters *f)
{
    return ((int64_t)from(f) + (f->half ? from(f) % 2 : 0)) * NN_GROUP;
}

int64_t nn_conv2d_outputs(const struct nn_conv2d_filters *f)
{
    return f->taps * nn_conv2d_tap(f);
}

int64_t nn_conv2d_group(const struct nn_conv2d_filters *f)
{
    return nn_pack_groups(to(f)) * nn_conv2d_outputs(f);
}

size_t nn_conv2d_bytes(const struct nn_conv2d_filters *f)
{
    return (size_t)f->groups * (size_t)nn_conv2d_group(f) * (f->half ? sizeof(bf16) : sizeof(real));
}

struct packing {
    const struct nn_call *c;
    const struct nn_conv2d_filters *f;
    const real *w;
    void *b;
};

static void pack_piece(void *arg, int i, int worker)
{
    const struct packing *p = arg;
    const struct nn_conv2d_filters *f = p->f;
    int runs = nn_pack_groups(to(f)), run = i % runs, g = i / runs;
    const real *w = p->w + (int64_t)g * f->k;
    int64_t at = g * nn_conv2d_group(f), ldw = (int64_t)f->groups * f->k;

    (void)worker;
    if (f->half)
        p->c->k->pack_bf16(f->taps, f->c, f->k, ldw, w, f->turned, run, run + 1, (bf16 *)p->b + at);
    else
        p->c->k->pack_f32(f->taps, f->c, f->k, ldw, w, f->turned, run, run + 1, (real *)p->b + at);
}

void nn_conv2d_pack(const struct nn_call *c, const struct nn_conv2d_filters *f, const real *w,
                    void *b)
{
    struct packing p = { c, f, w, b };

    pool_for(c->pool, f->groups * nn_pack_groups(to(f)), pack_piece, &p);
}
