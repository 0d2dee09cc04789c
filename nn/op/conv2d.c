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
 * Depthwise ones (groups = C = K) are in conv2d_depthwise.c.  All else are jobs of the conv slots
 * on packed filters, of all groups where these are small, else of each: forward here, towards x in
 * conv2d_dx.c, towards w in conv2d_dw.c; towards b in a fixed number of parts.  What a number is
 * depends neither on its neighbours nor on the pieces that jobs are cut into; where sums are cut,
 * the shapes alone say how: hence the same bits for any number of threads.
 */
#include "nn/op/conv2d.h"
#include "nn/op/conv2d_cut.h"
#include "nn/op/conv2d_depthwise.h"
#include "nn/op/conv2d_dw.h"
#include "nn/op/conv2d_dx.h"
#include "nn/op/conv2d_strip.h"
#include "nn/op/conv2d_winograd.h"

#include <math.h>

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

/* ---- forward --------------------------------------------------------------------------------- */

struct forward {
    const struct nn_call *c;
    struct nn_window w;         /* over the channels of one group */
    struct nn_conv2d_filters f;
    struct nn_conv2d_pass pass;
    struct nn_conv2d_cut cut;
    struct nn_conv job;         /* of all rows of a group, without addresses */
    bool half, joined;          /* as nn_conv2d_source */
    size_t strip;               /* bytes a worker */
};

static bool is_depthwise(const struct nn_call *c)
{
    const struct nn_conv2d *a = c->attr;

    return a->groups == c->x[X].shape.dim[3] && a->groups == a->channels;
}

/* All but how it is cut. */
static struct forward forward_uncut(const struct nn_call *c, bool winograd)
{
    const struct nn_conv2d *a = c->attr;
    const int64_t *dim = c->x[X].shape.dim;
    struct forward f = { .c = c, .half = nn_conv2d_half(&c->x[X], &c->y),
                         .w = nn_window_of(dim[1], dim[2], dim[3] / a->groups, a->size, a->stride,
                                           a->dilation, a->pad) };
    const struct nn_window *w = &f.w;
    bool copies = nn_conv2d_copies(&c->x[X], f.half, w->c);
    int64_t tap, k = a->channels;

    f.joined = copies && a->groups == 1 && w->dw == 1;
    f.f = (struct nn_conv2d_filters){
        .taps = f.joined ? w->kh : w->kh * w->kw, .c = f.joined ? w->kw * w->c : w->c,
        .k = a->channels / a->groups, .groups = a->groups, .half = f.half,
        .winograd = winograd };
    f.f.together = !copies && nn_conv2d_together(a->groups, f.f.c, f.f.k);
    tap = nn_conv2d_tap(&f.f);
    f.job = (struct nn_conv){
        .h = { .out = w->oh, .in = w->h, .step = w->sh, .start = -w->pt, .apart = w->dh,
               .taps = w->kh, .every = 1 },
        .w = { .out = w->ow, .in = w->w, .step = w->sw, .start = -w->pl, .apart = w->dw,
               .taps = w->kw, .every = 1 },
        .c = w->c, .k_group = f.f.together ? f.f.k : 0,
        .b_column = tap,
        .b_row = (winograd ? NN_WINOGRAD_SIDE : f.joined ? 1 : w->kw) * tap,
        .b_group = nn_conv2d_outputs(&f.f),
        .y_pixel = k, .y_row = w->ow * k, .y_picture = (int64_t)w->oh * w->ow * k,
        .lo = c->after.cuts ? c->after.lo : -(real)INFINITY,
        .hi = c->after.cuts ? c->after.hi : (real)INFINITY };
    f.pass = (struct nn_conv2d_pass){
        .batch = dim[0], .groups = f.f.together ? 1 : a->groups,
        .tile = winograd ? NN_WINOGRAD_TILE : 1, .rows = w->oh, .columns = w->ow,
        .outputs = f.f.together ? a->channels : f.f.k,
        .terms = (int64_t)w->kh * w->kw * w->c };
    return f;
}

static struct forward forward_of(const struct nn_call *c)
{
    int v = c->variant[NN_CONV2D_FORWARD];
    bool winograd = v == NN_CONV2D_WINOGRAD;
    struct forward f = forward_uncut(c, winograd);

    f.cut = nn_conv2d_cut(f.pass, winograd ? nn_conv2d_cut_rule(f.pass) : v);
    if (winograd)
        f.strip = nn_conv2d_winograd_scratch(&f.cut, f.w.c);
    else if (nn_conv2d_copies(&c->x[X], f.half, f.w.c))
        f.strip = nn_conv2d_strip(&f.job.h, &f.job.w, f.cut.most_rows, f.w.c);
    return f;
}

static int64_t flops(const struct nn_call *c)
{
    const struct nn_conv2d *a = c->attr;

    return 2 * shape_count(&c->y.shape) * a->size[0] * a->size[1] *
           (c->x[X].shape.dim[3] / a->groups);
}

static size_t packed(const struct nn_call *c)
{
    struct forward f = forward_of(c);

    return is_depthwise(c) ? 0 : nn_conv2d_bytes(&f.f);
}

static void pack(const struct nn_call *c)
{
    struct forward f = forward_of(c);

    if (!is_depthwise(c))
        nn_conv2d_pack(c, &f.f, c->x[WEIGHT].data, c->packed);
}

static void space(const struct nn_call *c, size_t *stash, size_t *scratch)
{
    size_t dx = 0, dw = 0, parts = NN_PARTS * (size_t)c->y.shape.dim[3] * sizeof(real);

    *stash = 0;
    *scratch = is_depthwise(c) ? nn_conv2d_depthwise_scratch(c)
                               : forward_of(c).strip * (size_t)c->threads;
    if (c->mode != NN_TRAIN)
        return;
    if (!is_depthwise(c)) {
        dx = nn_conv2d_dx_scratch(c);
        dw = nn_conv2d_dw_scratch(c);
    }
    *scratch = *scratch > dx ? *scratch : dx;
    *scratch = *scratch > dw ? *scratch : dw;
    *scratch = *scratch > parts ? *scratch : parts;
}

static void run_piece(const struct forward *f, struct nn_conv2d_piece at, int worker)
{
    const struct nn_call *c = f->c;
    struct nn_conv j = f->job;
    int first = at.group * f->f.k + at.output;
    struct nn_conv2d_source from = { &c->x[X], at.picture, first / f->f.k * f->w.c, f->half,
                                     f->joined, f->f.winograd };
    int64_t y = at.picture * j.y_picture + at.row * j.y_row + first;
    int64_t b = at.group * nn_conv2d_group(&f->f) + at.output / NN_GROUP * j.b_group;

    j.n = at.pictures;
    j.h.out = at.rows;
    j.h.start += at.row * j.h.step;
    j.k = at.outputs;
    j.b = (const char *)c->packed + b * (f->half ? (int64_t)sizeof(bf16) : (int64_t)sizeof(real));
    j.bias = c->n_in > BIAS ? (const real *)c->x[BIAS].data + first : NULL;
    j.y = tensor_at(&c->y, y);
    if (c->after.residual.data && c->after.residual.dtype == c->y.dtype)
        j.residual = tensor_at(&c->after.residual, y);
    j.add = c->after.residual.data && !j.residual;
    nn_conv2d_run(c, j, &from, &c->y, (char *)c->scratch + f->strip * (size_t)worker);
}

static void forward_piece(void *arg, int i, int worker)
{
    const struct forward *f = arg;

    run_piece(f, nn_conv2d_piece(&f->cut, i), worker);
}

/* A residual of another type than y goes before, as what y is added to. */
static void residual_range(const struct nn_call *c, int64_t first, int64_t n)
{
    if (c->y.dtype == DTYPE_BF16)
        c->k->to_bf16(n, tensor_at(&c->after.residual, first), tensor_at(&c->y, first));
    else
        c->k->from_bf16(n, tensor_at(&c->after.residual, first), tensor_at(&c->y, first));
}

static void forward(const struct nn_call *c)
{
    struct forward f;

    if (is_depthwise(c)) {
        nn_conv2d_depthwise(c);
        return;
    }
    f = forward_of(c);
    if (c->after.residual.data && c->after.residual.dtype != c->y.dtype)
        nn_each_rows_as_is(c, shape_count(&c->y.shape), 1, residual_range);
    pool_for(c->pool, f.cut.n, forward_piece, &f);
}

/* Strips have room for rows of a piece. */
static void forward_rows(const struct nn_call *c, int64_t picture, int first, int n, int worker)
{
    struct forward f;

    if (is_depthwise(c)) {
        nn_conv2d_depthwise_rows(c, picture, first, n, worker);
        return;
    }
    f = forward_of(c);
    for (int row = first, rows; row < first + n; row += rows) {
        rows = first + n - row;
        if (f.strip && rows > f.cut.most_rows)
            rows = f.cut.most_rows;
        for (int g = 0; g < f.cut.pass.groups; g++)
            run_piece(&f, (struct nn_conv2d_piece){ .group = g, .picture = picture, .pictures = 1,
                                                    .row = row, .rows = rows, .output = 0,
                                                    .outputs = f.cut.pass.outputs }, worker);
    }
}

static bool sees(const struct nn_call *c, int first, int n, int64_t *from, int64_t *end)
{
    const struct nn_conv2d *a = c->attr;

    *from = (int64_t)first * a->stride[0] - a->pad[0];
    *end = *from + (int64_t)(n - 1) * a->stride[0] + (int64_t)(a->size[0] - 1) * a->dilation[0] + 1;
    return c->variant[NN_CONV2D_FORWARD] != NN_CONV2D_WINOGRAD;     /* its rows come by fours */
}

/* ---- backward -------------------------------------------------------------------------------- */

static void db_part(const struct nn_call *c, int64_t row, int64_t rows, real *sum)
{
    int64_t n = c->y.shape.dim[3];

    c->k->colsum_f32(rows, (int)n, (const real *)c->dy.data + row * n, sum);
}

static void backward(const struct nn_call *c)
{
    int64_t k = c->y.shape.dim[3];

    if (c->dx[X].data)
        (is_depthwise(c) ? nn_conv2d_depthwise_dx : nn_conv2d_dx)(c);
    if (c->dx[WEIGHT].data)
        (is_depthwise(c) ? nn_conv2d_depthwise_dw : nn_conv2d_dw)(c);
    if (c->n_in > BIAS && c->dx[BIAS].data)
        nn_sum_parts(c, shape_count(&c->y.shape) / k, k, db_part, c->scratch, c->dx[BIAS].data);
}

/* ---- what can be chosen ---------------------------------------------------------------------- */

static bool forward_can(const struct nn_call *c, int variant)
{
    if (variant == NN_CONV2D_WINOGRAD)
        return nn_conv2d_winograd_can(c);
    return is_depthwise(c) ? !variant : nn_conv2d_cut_can(forward_uncut(c, false).pass, variant);
}

static int forward_rule(const struct nn_call *c)
{
    if (nn_conv2d_winograd(c))
        return NN_CONV2D_WINOGRAD;
    return is_depthwise(c) ? 0 : nn_conv2d_cut_rule(forward_uncut(c, false).pass);
}

static bool input_can(const struct nn_call *c, int variant)
{
    return is_depthwise(c) ? !variant : nn_conv2d_dx_can(c, variant);
}

static int input_rule(const struct nn_call *c)
{
    return is_depthwise(c) ? 0 : nn_conv2d_dx_rule(c);
}

static bool weight_can(const struct nn_call *c, int variant)
{
    return is_depthwise(c) ? !variant : nn_conv2d_dw_can(c, variant);
}

static int weight_rule(const struct nn_call *c)
{
    return is_depthwise(c) ? 0 : nn_conv2d_dw_rule(c);
}

static const struct nn_choice choices[] = {
    [NN_CONV2D_FORWARD] = { "forward", NN_FORWARD, nn_conv2d_names, forward_can, forward_rule },
    [NN_CONV2D_INPUT] = { "input", X, nn_conv2d_names, input_can, input_rule },
    [NN_CONV2D_WEIGHT] = { "weight", WEIGHT, nn_conv2d_dw_names, weight_can, weight_rule },
    { .name = NULL },
};

const struct nn_op nn_op_conv2d = {
    .name = "conv2d", .onnx = "Conv", .doc = "convolution with a bank of filters",
    .in_min = 2, .in_max = 3, .keep = NN_KEEP_X, .flags = NN_OP_HALF | NN_OP_AFTER,
    .packs = 1 << WEIGHT, .fresh = 1 << X, .attr_size = sizeof(struct nn_conv2d), .attrs = attrs,
    .type = type, .param = param, .flops = flops, .space = space, .packed = packed, .pack = pack,
    .forward = forward, .rows = forward_rows, .sees = sees, .backward = backward,
    .choices = choices,
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
        { "channels=72 size=3 pad=1 groups=18 bias=true", "2x4x5x72", NULL },   /* in one job */
        { "channels=80 size=3 stride=2 pad=1 groups=5", "1x5x6x80", NULL },
        { "channels=16 size=1x3 groups=2", "2x3x5x8", NULL },       /* forward alone */
        { "channels=12 size=3 pad=1 groups=6", "1x4x4x24", NULL },  /* towards x */
        { "channels=2 size=2 pad=1", "3x26x27x1", NULL },           /* dw: parts of the batch, */
        { "channels=1 size=3 pad=1", "1x46x47x1", NULL },           /* of rows */
        { "channels=8 size=2x1 stride=3 bias=true", "2x7x8x4", NULL },          /* empty phases */
        { "channels=4 size=3 stride=2 dilation=2 pad=2", "1x9x8x6", NULL },
        { "channels=128 size=3 pad=1", "1x16x16x16", NULL },        /* bands, runs of outputs, */
        { "channels=16 size=3 pad=1", "1x16x16x128", NULL },        /* of both passes */
        { "channels=35 size=3 pad=1 bias=true", "2x18x13x24", NULL },       /* tiles */
        { "channels=24 size=3 pad=0x1x2x0", "8x9x8x40", NULL },
        { NULL, NULL, NULL }
    },
};
