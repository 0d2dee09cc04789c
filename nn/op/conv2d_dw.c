/*
 * conv2d_dw -- conv2d towards its weights: how the work is cut into pieces
 *
 * A piece is a job of convdw: of one group of filters, or of all where these are small, some
 * outputs and some channels, summed over a part of the batch.  As many parts as have pixels enough,
 * of pictures or, where these are few, of rows of each; every part but the first sums into a copy
 * of its own in scratch, so that large gradients have one part only; the copies are added in order.
 * What pieces are then missing for some cores comes from outputs and channels, of which none gets
 * so few that copying dy and x into strips counts.  All of it follows from the shapes and the
 * variant, hence the same bits for any number of threads.  Variants are other limits of that
 * (docs/kernels.md).
 */
#include "nn/op/conv2d_dw.h"
#include "nn/op/conv2d.h"
#include "nn/op/conv2d_cut.h"

enum { X, WEIGHT };                                     /* inputs */

enum {
    OUTPUTS = 64, TERMS = 128,  /* of a piece, at least: outputs, channels x taps */
};

static const struct {
    int pieces;                 /* about: 16 are enough for some cores */
    int pixels;                 /* of a part, at least */
    int copies;                 /* numbers in the copies of all parts, at most */
} ways[] = { { 16, 1024, 1 << 18 }, { 16, 1024, 0 }, { 4, 1024, 1 << 18 }, { 64, 256, 1 << 18 } };

const char *const nn_conv2d_dw_names[] = { "mixed", "whole", "few", "many", NULL };

_Static_assert(sizeof ways / sizeof *ways == sizeof nn_conv2d_dw_names /
               sizeof *nn_conv2d_dw_names - 1, "a name each");

struct cut {
    struct nn_window w;         /* over the channels of one group */
    int64_t batch, count;       /* pictures; numbers of dw */
    int groups, k;              /* k: outputs of one group */
    int k_group;                /* 0, or of a group where all are one job: groups is 1, k all */
    int64_t pictures, rows;     /* of a part */
    int parts, row_parts;       /* row_parts: of the parts of the same pictures */
    int c_share, k_share, c_pieces, k_pieces;
};

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* *share of n a piece, in multiples of `unit`; returns how many pieces that makes. */
static int shares(int n, int64_t pieces, int unit, int *share)
{
    int64_t most = n / unit > 1 ? n / unit : 1;

    *share = (int)(ceil_div(ceil_div(n, clamp(pieces, 1, most)), unit) * unit);
    return (int)ceil_div(n, *share);
}

static struct cut cut_by(const struct nn_call *c, int way)
{
    const struct nn_conv2d *a = c->attr;
    const int64_t *dim = c->x[X].shape.dim;
    struct cut u = { .batch = dim[0], .groups = a->groups, .k = a->channels / a->groups };
    int64_t parts, missing, terms, taps = (int64_t)a->size[0] * a->size[1];
    int pieces = ways[way].pieces;

    u.w = nn_window_of(dim[1], dim[2], dim[3], a->size, a->stride, a->dilation, a->pad);
    u.w.c /= a->groups;
    if (nn_conv2d_together(a->groups, u.w.c, u.k)) {
        u.k_group = u.k;
        u.k = a->channels;
        u.groups = 1;
    }
    u.count = taps * u.w.c * a->channels;

    parts = clamp(u.batch * u.w.oh * u.w.ow / ways[way].pixels, 1,
                  clamp(ways[way].copies / u.count, 1, pieces));
    u.pictures = u.batch;
    u.rows = u.w.oh;
    if (u.batch >= clamp(parts, 1, pieces / 2)) {
        u.pictures = ceil_div(u.batch, parts);
        u.pictures += u.pictures > 1 && u.pictures % 2;         /* bf16 goes by pairs */
    } else {
        u.rows = ceil_div(u.w.oh, parts);
    }
    u.row_parts = (int)ceil_div(u.w.oh, u.rows);
    u.parts = (int)ceil_div(u.batch, u.pictures) * u.row_parts;

    missing = ceil_div(pieces, (int64_t)u.parts * u.groups);
    u.k_pieces = shares(u.k, missing, OUTPUTS, &u.k_share);
    terms = ceil_div(TERMS, taps);
    u.c_pieces = shares(u.w.c, u.k_group ? 1 : ceil_div(missing, u.k_pieces),
                        (int)clamp(terms, 4, TERMS), &u.c_share);
    return u;
}

static struct cut cut_of(const struct nn_call *c)
{
    return cut_by(c, c->variant[NN_CONV2D_WEIGHT]);
}

bool nn_conv2d_dw_can(const struct nn_call *c, int variant)
{
    struct cut u = cut_by(c, variant);

    for (int i = 0; i < variant; i++) {
        struct cut v = cut_by(c, i);

        if (u.pictures == v.pictures && u.rows == v.rows && u.k_share == v.k_share &&
            u.c_share == v.c_share)
            return false;
    }
    return true;
}

int nn_conv2d_dw_rule(const struct nn_call *c)
{
    (void)c;
    return 0;
}

size_t nn_conv2d_dw_scratch(const struct nn_call *c)
{
    struct cut u = cut_of(c);

    return (size_t)NN_CONVDW_SCRATCH * (size_t)c->threads +
           (size_t)(u.parts - 1) * (size_t)u.count * sizeof(real);
}

struct dw {
    const struct nn_call *c;
    struct cut u;
};

/* Where part i is summed. */
static real *part_of(const struct nn_call *c, const struct cut *u, int i)
{
    char *copies = (char *)c->scratch + (size_t)NN_CONVDW_SCRATCH * (size_t)c->threads;

    return i == 0 ? c->dx[WEIGHT].data : (real *)copies + (i - 1) * u->count;
}

static const void *number_at(const struct tensor *t, int64_t i)
{
    return (const char *)t->data + (size_t)i * dtype_size(t->dtype);
}

static void piece(void *arg, int i, int worker)
{
    const struct dw *d = arg;
    const struct nn_call *c = d->c;
    const struct cut *u = &d->u;
    const struct nn_window *w = &u->w;
    int c0 = i % u->c_pieces * u->c_share, k0 = i / u->c_pieces % u->k_pieces * u->k_share;
    int g = i / u->c_pieces / u->k_pieces % u->groups;
    int part = i / u->c_pieces / u->k_pieces / u->groups, outputs = u->groups * u->k;
    int channels = (u->k_group ? outputs / u->k_group : u->groups) * w->c;
    int from = u->k_group ? k0 / u->k_group * w->c : g * w->c + c0;
    int64_t n = part / u->row_parts * u->pictures, row = part % u->row_parts * u->rows;
    struct nn_convdw j = {
        .n = clamp(u->batch - n, 0, u->pictures),
        .h = { .out = (int)clamp(w->oh - row, 0, u->rows), .in = w->h, .step = w->sh,
               .start = (int)row * w->sh - w->pt, .apart = w->dh, .taps = w->kh, .every = 1 },
        .w = { .out = w->ow, .in = w->w, .step = w->sw, .start = -w->pl, .apart = w->dw,
               .taps = w->kw, .every = 1 },
        .c = (int)clamp(w->c - c0, 0, u->c_share), .k = (int)clamp(u->k - k0, 0, u->k_share),
        .k_group = u->k_group,
        .x_half = c->x[X].dtype == DTYPE_BF16, .dy_half = c->dy.dtype == DTYPE_BF16,
        .x_pixel = channels, .x_row = (int64_t)w->w * channels,
        .x_picture = (int64_t)w->h * w->w * channels,
        .dy_pixel = outputs, .dy_row = (int64_t)w->ow * outputs,
        .dy_picture = (int64_t)w->oh * w->ow * outputs,
        .dw_channel = outputs, .dw_column = (int64_t)w->c * outputs,
        .dw_row = (int64_t)w->kw * w->c * outputs,
        .add = part == 0,
        .scratch = (char *)c->scratch + (size_t)NN_CONVDW_SCRATCH * (size_t)worker,
    };

    j.x = number_at(&c->x[X], n * j.x_picture + from);
    j.dy = number_at(&c->dy, n * j.dy_picture + row * j.dy_row + (int64_t)g * u->k + k0);
    j.dw = part_of(c, u, part) + (int64_t)c0 * outputs + (int64_t)g * u->k + k0;
    (j.x_half || j.dy_half ? c->k->convdw_bf16 : c->k->convdw_f32)(&j);
}

/* Adds up numbers of the parts, in order. */
static void add_parts(const struct nn_call *c, int64_t first, int64_t count)
{
    struct cut u = cut_of(c);
    real *sum = part_of(c, &u, 0) + first;

    for (int i = 1; i < u.parts; i++)
        c->k->add_f32(count, sum, part_of(c, &u, i) + first, sum);
}

void nn_conv2d_dw(const struct nn_call *c)
{
    struct dw d = { c, cut_of(c) };

    pool_for(c->pool, d.u.parts * d.u.groups * d.u.k_pieces * d.u.c_pieces, piece, &d);
    if (d.u.parts > 1)
        nn_each_rows_as_is(c, d.u.count, 1, add_parts);
}
