/*
 * conv2d -- convolution of pictures with a bank of filters
 *
 * y[n,i,j,k] = b[k] + sum over r,s,c of
 *                  x[n, i*stride-top+r*dilation, j*stride-left+s*dilation, c] w[r,s,c,k]
 * No flip (cross-correlation), zeros outside the picture.  With groups, outputs and inputs are cut
 * into that many runs of channels, and run g of the outputs sees run g of the inputs.  x [N,H,W,C];
 * w in memory [kh,kw,C/groups,K], in files [K,C/groups,kh,kw]; b [K].  Out size
 * (H + pads - ((size-1)*dilation + 1)) / stride + 1, rounded down, as ONNX Conv-11.
 *
 * Two roads.  Depthwise (groups = C = K): the dwconv slots, picture by picture.  All else: a GEMM
 * for each group over the windows as rows (im2row),
 *   [rows, kh*kw*C/groups] x [kh*kw*C/groups, K/groups]
 * where a 1x1 window at stride 1 is the picture itself and needs no copy.  Rows come in blocks:
 *   forward   a piece of work is a block of rows x a block of columns.  INFER counts blocks within
 *             a picture, so that a picture's bits never depend on its neighbours; TRAIN over the
 *             whole batch.
 *   dx        a piece is some pictures, since windows overlap within one
 *   db        a fixed number of parts
 * Towards w: conv2d_dw.c.  All of it follows from the shapes, hence the same bits for any number of
 * threads.
 */
#include "nn/op/conv2d.h"
#include "nn/op/conv2d_dw.h"

#include <string.h>

enum { X, WEIGHT, BIAS };                               /* inputs */

static const struct field attrs[] = {
    FIELD_INT(struct nn_conv2d, channels, NULL, 0, 1, 1 << 20, "channels of the output"),
    FIELD_INTS(struct nn_conv2d, size, "kernel_shape", 2, 1, 1, 1024,
               "window height and width, in pixels"),
    FIELD_INTS(struct nn_conv2d, stride, "strides", 2, 1, 1, 1024,
               "steps between windows, in pixels"),
    FIELD_INTS(struct nn_conv2d, dilation, "dilations", 2, 1, 1, 1024,
               "steps within a window, in pixels"),
    FIELD_INTS(struct nn_conv2d, pad, "pads", 4, 0, 0, 1 << 20,
               "pixels added: top, left, bottom, right"),
    FIELD_INT(struct nn_conv2d, groups, "group", 1, 1, 1 << 20, "runs of channels that do not mix"),
    FIELD_BOOL(struct nn_conv2d, bias, "adds a number to each channel"),
    FIELDS_END
};

static const char *param(const void *attr, const struct nn_type *x, int i, struct nn_param *p)
{
    const struct nn_conv2d *a = attr;
    int channels = x->rank == 4 ? x->dim[3].n : 0;

    if (i == WEIGHT) {
        *p = (struct nn_param){ .shape = { a->size[0], a->size[1], channels / a->groups,
                                           a->channels },
                                .perm = { 3, 2, 0, 1 }, .init = NN_INIT_HE,
                                .groups = a->groups };
        return "weight";
    }
    if (i == BIAS && a->bias) {
        *p = (struct nn_param){ .shape = { a->channels } };
        return "bias";
    }
    return NULL;
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_conv2d *a = attr;

    if (!nn_type_window(&nn_op_conv2d, &in[X], a->size, a->stride, a->dilation, a->pad, out, err))
        return false;
    if (in[X].dim[3].n % a->groups || a->channels % a->groups)
        return err_set(err, ERR_INPUT, "conv2d: %d groups do not divide %d channels in and %d out",
                       a->groups, in[X].dim[3].n, a->channels);
    for (int i = WEIGHT; i < n_in || i < 2 + a->bias; i++)
        if (!nn_type_param(&nn_op_conv2d, attr, n_in, in, i, err))
            return false;
    out->dim[3].n = a->channels;
    return nn_type_fits(&nn_op_conv2d, out, err);
}

/* How a call is cut up: a pure function of shapes, attributes and mode. */
struct job {
    const struct nn_call *c;
    struct nn_window w;         /* over the channels of one group */
    int64_t batch, pixels, in,
        out; /* pixels of an output picture; numbers of an input and output picture */
    int groups, channels, k, n; /* channels in and all; of a group: rows of w, channels out */
    bool depthwise, direct;     /* direct: rows are the pixels of x themselves */
    int64_t block;              /* rows at a time */
    int64_t unit, blocks; /* forward: rows that are cut into blocks together; blocks in them */
    int cols, col_blocks;       /* forward: columns a piece, pieces a group */
    int64_t dx_rows, dx_blocks; /* rows a piece of dx, whole pictures unless direct */
    size_t buffer;              /* numbers of scratch a worker */
};

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

static struct job job_of(const struct nn_call *c)
{
    const struct nn_conv2d *a = c->attr;
    const int64_t *dim = c->x[X].shape.dim;
    struct job j = { .c = c, .groups = a->groups, .batch = dim[0], .channels = (int)dim[3] };
    int64_t parts;

    j.w = nn_window_of(dim[1], dim[2], dim[3], a->size, a->stride, a->dilation, a->pad);
    j.depthwise = a->groups == j.channels && a->groups == a->channels;
    if (!j.depthwise)
        j.w.c = j.channels / a->groups;
    j.k = a->size[0] * a->size[1] * (j.channels / a->groups);
    j.n = a->channels / a->groups;
    j.pixels = (int64_t)j.w.oh * j.w.ow;
    j.in = dim[1] * dim[2] * dim[3];
    j.out = j.pixels * a->channels;
    j.direct = j.w.oh == j.w.h && j.w.ow == j.w.w && j.w.kh * j.w.kw == 1 && j.w.pt == 0 &&
               j.w.pl == 0 && j.w.sh == 1 && j.w.sw == 1;

    /* A block of rows, times k, fits the caches; but GEMM packs w anew for each: many rows. */
    j.unit = c->mode == NN_INFER ? j.pixels : j.batch * j.pixels;
    j.block = clamp((1 << 18) / j.k, 512, 4096);
    if (ceil_div(j.unit, 8) < j.block)
        j.block = clamp(ceil_div(j.unit, 8 * 64) * 64, 256, j.block);
    j.blocks = ceil_div(j.unit, j.block);
    parts = clamp(j.n / 128, 1, ceil_div(4, j.blocks));
    j.cols = (int)(ceil_div(j.n, parts * 16) * 16);
    j.col_blocks = (int)ceil_div(j.n, j.cols);

    j.dx_rows = j.direct ? j.block : ceil_div(256, j.pixels) * j.pixels;
    j.dx_blocks = ceil_div(j.batch * j.pixels, j.dx_rows);

    if (!j.direct && !j.depthwise)
        j.buffer = (size_t)ceil_div(least(j.block, j.batch * j.pixels) * j.k, 16) * 16;
    return j;
}

static int64_t flops(const struct nn_call *c)
{
    struct job j = job_of(c);

    return 2 * shape_count(&c->y.shape) * j.k;
}

static void space(const struct nn_call *c, size_t *stash, size_t *scratch)
{
    struct job j = job_of(c);
    size_t parts = 0;

    if (c->mode == NN_TRAIN)
        parts = (size_t)NN_PARTS * (size_t)j.groups * (size_t)(j.depthwise && j.k > 1 ? j.k : j.n);
    *stash = 0;
    *scratch = j.buffer * (size_t)c->threads;
    *scratch = (*scratch > parts ? *scratch : parts) * sizeof(real);
    if (c->mode == NN_TRAIN && !j.depthwise && nn_conv2d_dw_scratch(c) > *scratch)
        *scratch = nn_conv2d_dw_scratch(c);
}

static real *buffer(const struct job *j, int worker)
{
    return (real *)j->c->scratch + j->buffer * (size_t)worker;
}

/* Columns [col0,col1) of n windows of group g from output pixel `row` of the batch on: copied to
 * `copy`, or where they lie.  *ld is the distance of rows. */
static const real *rows_of(const struct job *j, int64_t row, int64_t n, int g, int col0, int col1,
                           real *copy, int *ld)
{
    const real *x = (const real *)j->c->x[X].data + (int64_t)g * j->w.c;

    *ld = j->direct ? j->channels : col1 - col0;
    if (j->direct)
        return x + row * j->channels + col0;
    for (int64_t done = 0; done < n;) {
        int64_t first = (row + done) % j->pixels, count = least(n - done, j->pixels - first);

        j->c->k->im2row_f32(&j->w, x + (row + done) / j->pixels * j->in, (int)first,
                            (int)(first + count), col0, col1, copy + done * *ld);
        done += count;
    }
    return copy;
}

static void forward_piece(void *arg, int i, int worker)
{
    const struct job *j = arg;
    const struct nn_call *c = j->c;
    const real *bias = c->n_in > BIAS ? c->x[BIAS].data : NULL;
    int col = i % j->col_blocks * j->cols, g = i / j->col_blocks % j->groups;
    int64_t at = i / j->col_blocks / j->groups, in_unit = at % j->blocks * j->block;
    int64_t row = at / j->blocks * j->unit + in_unit, n = least(j->block, j->unit - in_unit);
    int cols = (int)least(j->cols, j->n - col), all = j->groups * j->n, from = g * j->n + col, ld;
    const real *a = rows_of(j, row, n, g, 0, j->k, buffer(j, worker), &ld);
    real *y = (real *)c->y.data + row * all + from;

    for (int64_t r = 0; r < n && bias; r++)
        memcpy(y + r * all, bias + from, (size_t)cols * sizeof *y);
    c->k->gemm_f32(false, false, (int)n, cols, j->k, a, ld, (const real *)c->x[WEIGHT].data + from,
                   all, bias, y, all);
}

static void forward_depthwise(const struct nn_call *c, const struct nn_window *band, int64_t n,
                              int64_t first)
{
    int64_t in = (int64_t)band->h * band->w * band->c;
    int64_t out = shape_count(&c->y.shape) / c->y.shape.dim[0];

    c->k->dwconv_f32(band, (const real *)c->x[X].data + n * in, c->x[WEIGHT].data,
                     c->n_in > BIAS ? c->x[BIAS].data : NULL, (real *)c->y.data + n * out + first);
}

static void forward(const struct nn_call *c)
{
    struct job j = job_of(c);
    int64_t units = j.batch * j.pixels / j.unit;

    if (j.depthwise)
        nn_each_band(c, j.batch, &j.w, forward_depthwise);
    else
        pool_for(c->pool, (int)(units * j.blocks * j.groups * j.col_blocks), forward_piece, &j);
}

static void dx_piece(void *arg, int i, int worker)
{
    const struct job *j = arg;
    const struct nn_call *c = j->c;
    int g = i % j->groups, all = j->groups * j->n;
    int64_t row = i / j->groups * j->dx_rows, end = least(row + j->dx_rows, j->batch * j->pixels);
    const real *w = (const real *)c->x[WEIGHT].data + g * j->n;
    real *dx = (real *)c->dx[X].data + (int64_t)g * j->w.c;

    for (int64_t n; row < end; row += n) {
        const real *dy = (const real *)c->dy.data + row * all + g * j->n;
        real *rows = buffer(j, worker);

        n = least(j->block, end - row);
        if (j->direct) {
            c->k->gemm_f32(false, true, (int)n, j->k, j->n, dy, all, w, all, true,
                           dx + row * j->channels, j->channels);
            continue;
        }
        c->k->gemm_f32(false, true, (int)n, j->k, j->n, dy, all, w, all, false, rows, j->k);
        for (int64_t done = 0; done < n;) {
            int64_t first = (row + done) % j->pixels, count = least(n - done, j->pixels - first);

            c->k->row2im_f32(&j->w, rows + done * j->k, (int)first, (int)(first + count),
                             dx + (row + done) / j->pixels * j->in);
            done += count;
        }
    }
}

static void dx_depthwise(const struct nn_call *c, int64_t n, int64_t count)
{
    struct job j = job_of(c);

    for (int64_t i = n; i < n + count; i++)
        c->k->dwconv_dx_f32(&j.w, (const real *)c->dy.data + i * j.out, c->x[WEIGHT].data,
                            (real *)c->dx[X].data + i * j.in);
}

static void dw_depthwise(const struct nn_call *c, int64_t n, int64_t count, real *sum)
{
    struct job j = job_of(c);

    for (int64_t i = n; i < n + count; i++)
        c->k->dwconv_dw_f32(&j.w, (const real *)c->x[X].data + i * j.in,
                            (const real *)c->dy.data + i * j.out, sum);
}

static void db_part(const struct nn_call *c, int64_t row, int64_t rows, real *sum)
{
    int64_t n = c->y.shape.dim[3];

    c->k->colsum_f32(rows, (int)n, (const real *)c->dy.data + row * n, sum);
}

static void backward(const struct nn_call *c)
{
    struct job j = job_of(c);

    if (j.depthwise) {
        if (c->dx[X].data)
            nn_each_rows(c, j.batch, j.out * j.k, dx_depthwise);
        if (c->dx[WEIGHT].data)
            nn_sum_parts(c, j.batch, (int64_t)j.k * j.channels, dw_depthwise, c->scratch,
                         c->dx[WEIGHT].data);
    } else {
        if (c->dx[X].data)
            pool_for(c->pool, (int)(j.dx_blocks * j.groups), dx_piece, &j);
        if (c->dx[WEIGHT].data)
            nn_conv2d_dw(c);
    }
    if (c->n_in > BIAS && c->dx[BIAS].data)
        nn_sum_parts(c, j.batch * j.pixels, j.groups * j.n, db_part, c->scratch, c->dx[BIAS].data);
}

const struct nn_op nn_op_conv2d = {
    .name = "conv2d", .onnx = "Conv", .doc = "convolution with a bank of filters",
    .in_min = 2, .in_max = 3, .keep = NN_KEEP_X,
    .attr_size = sizeof(struct nn_conv2d), .attrs = attrs,
    .type = type, .param = param, .flops = flops, .space = space, .forward = forward,
    .backward = backward,
    .cases = (const struct nn_case[]){
        { "channels=4 size=3 pad=1", "2x5x5x3", NULL },
        { "channels=5 size=3 stride=2 pad=1 bias=true", "3x7x6x4", NULL },
        { "channels=7 size=1", "2x3x5x6", NULL },                   /* direct */
        { "channels=6 size=1 groups=2 bias=true", "2x3x5x4", NULL },
        { "channels=3 size=1 stride=2", "2x5x5x2", NULL },
        { "channels=3 size=2x3 stride=1x2 dilation=2x1 pad=1x0x0x2 bias=true", "2x6x5x2", NULL },
        { "channels=6 size=3 pad=1 groups=3", "2x4x5x6", NULL },
        { "channels=4 size=3 dilation=2 pad=2 groups=2 bias=true", "1x5x6x2", NULL },
        { "channels=5 size=3 pad=1 groups=5", "2x5x4x5", NULL },    /* depthwise */
        { "channels=3 size=3x2 stride=2 dilation=1x2 pad=1x2x0x1 groups=3 bias=true", "3x6x7x3",
          NULL },
        { "channels=1 size=3 pad=1", "1x4x4x1", NULL },
        { "channels=1 size=24 stride=2 pad=11", "1x26x26x1", NULL },            /* several bands */
        { "channels=2 size=5 pad=4", "1x1x2x3", NULL },             /* larger than the picture */
        { "channels=6 size=3 pad=1", "3x19x17x8", NULL },           /* several blocks of rows, */
        { "channels=2 size=1 bias=true", "3x15x19x5", NULL },
        { "channels=256 size=1 bias=true", "2x3x3x4", NULL },       /* of columns, */
        { "channels=64 size=3 pad=1", "2x4x4x3", NULL },            /* of w */
        { "channels=6 size=3 pad=1 groups=2", "2x5x5x32", NULL },
        { "channels=2 size=2 pad=1", "3x26x27x1", NULL },           /* dw: parts of the batch, */
        { "channels=1 size=3 pad=1", "1x46x47x1", NULL },           /* of rows */
        { NULL, NULL, NULL }
    },
};
