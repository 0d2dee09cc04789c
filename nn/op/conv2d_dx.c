/*
 * conv2d_dx -- conv2d towards its input
 *
 *   dx[n,i,j,c] = sum over r,s,k of dy[n, (i + top - r*dilation) / stride, ...] w[r,s,c,k]
 * where that divides: the input pixels with the same remainders of i and j by the stride, a phase,
 * meet the same taps, every so many of the filter, under dy pixels that lie side by side.  So each
 * phase is a job of the conv slots with turned filters, and nothing is multiplied by zeros between
 * pixels.  The filters are packed anew in each step.  Where a phase meets no taps (a stride larger
 * than the window) dx gets nothing.
 */
#include "nn/op/conv2d_dx.h"
#include "nn/op/conv2d.h"
#include "nn/op/conv2d_cut.h"
#include "nn/op/conv2d_strip.h"
#include "nn/op/conv2d_winograd.h"

#include <math.h>

enum { X, WEIGHT };                                     /* inputs */

enum { LINE = 64 };             /* bytes */

/* One direction of the window over the input. */
struct side {
    int in, out, size, step, dilation, pad;
};

struct towards {
    const struct nn_call *c;
    struct side h, w;
    int channels;               /* of x */
    struct nn_conv2d_filters f;
    struct nn_conv2d_pass pass; /* rows and columns of a phase, not of dx */
    struct nn_conv2d_cut cut;
    bool half;
    size_t packed, strip;       /* bytes in scratch: of all filters, then of each worker */
};

static int common_divisor(int a, int b)
{
    while (b) {
        int rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* What positions phase, phase + step ... of the input see of dy. */
static struct nn_axis axis_of(const struct side *s, int phase)
{
    struct nn_axis a = { .out = (s->in - phase + s->step - 1) / s->step, .in = s->out, .step = 1,
                         .every = s->step / common_divisor(s->step, s->dilation) };
    int last = -1;

    a.apart = (int)((int64_t)a.every * s->dilation / s->step);
    for (int r = 0; r < s->size; r++)
        if (((int64_t)phase + s->pad - (int64_t)r * s->dilation) % s->step == 0) {
            last = r;
            a.taps++;
        }
    if (last < 0)
        return a;
    a.start = (int)(((int64_t)phase + s->pad - (int64_t)last * s->dilation) / s->step);
    a.first = s->size - 1 - last;           /* turned: the last tap comes first */
    return a;
}

/* All but how it is cut. */
static struct towards towards_as(const struct nn_call *c, bool winograd)
{
    const struct nn_conv2d *a = c->attr;
    const int64_t *dim = c->x[X].shape.dim;
    struct nn_window w = nn_window_of(dim[1], dim[2], dim[3], a->size, a->stride, a->dilation,
                                      a->pad);
    struct towards t = {
        .c = c, .channels = w.c,
        .half = nn_conv2d_half(&c->y, &c->x[X]),
        .h = { w.h, w.oh, w.kh, w.sh, w.dh, w.pt }, .w = { w.w, w.ow, w.kw, w.sw, w.dw, w.pl },
        .f = { .taps = w.kh * w.kw, .c = w.c / a->groups, .k = a->channels / a->groups,
               .groups = a->groups, .turned = true, .winograd = winograd },
    };

    t.f.together = !nn_conv2d_copies(&c->y, t.half, t.f.k) &&
                   nn_conv2d_together(a->groups, t.f.k, t.f.c);
    t.pass = (struct nn_conv2d_pass){
        .tile = winograd ? NN_WINOGRAD_TILE : 1,
        .batch = dim[0], .groups = t.f.together ? 1 : a->groups, .rows = (w.h + w.sh - 1) / w.sh,
        .columns = (w.w + w.sw - 1) / w.sw, .outputs = t.f.together ? w.c : t.f.c,
        .terms = (int64_t)t.f.taps * t.f.k };
    t.f.half = t.half;
    t.packed = (nn_conv2d_bytes(&t.f) + LINE - 1) / LINE * LINE;
    if (nn_conv2d_copies(&c->y, t.half, t.f.k))
        t.strip = (size_t)w.oh * (size_t)w.ow * (size_t)(t.f.k + t.f.k % 2) * sizeof(bf16);
    t.strip = (t.strip + LINE - 1) / LINE * LINE;
    return t;
}

static struct towards towards_of(const struct nn_call *c)
{
    int v = c->variant[NN_CONV2D_INPUT];
    struct towards t = towards_as(c, v == NN_CONV2D_WINOGRAD);

    t.cut = nn_conv2d_cut(t.pass, v == NN_CONV2D_WINOGRAD ? nn_conv2d_cut_rule(t.pass) : v);
    if (t.f.winograd)
        t.strip = nn_conv2d_winograd_scratch(&t.cut, t.f.k);
    return t;
}

size_t nn_conv2d_dx_scratch(const struct nn_call *c)
{
    struct towards t = towards_of(c);

    return t.packed + t.strip * (size_t)c->threads;
}

/* The rows of a piece that belong to a phase. */
static void phase(const struct towards *t, const struct nn_conv2d_piece *at, int py, int px,
                  int worker)
{
    const struct nn_call *c = t->c;
    int first = at->group * t->f.c + at->output;
    struct nn_conv2d_source from = { &c->dy, at->picture, first / t->f.c * t->f.k, t->half,
                                     false, t->f.winograd };
    bool fresh = c->fresh >> X & 1;
    int64_t tap = nn_conv2d_tap(&t->f);
    struct nn_conv j = {
        .n = at->pictures, .h = axis_of(&t->h, py), .w = axis_of(&t->w, px),
        .c = t->f.k, .k = at->outputs, .k_group = t->f.together ? t->f.c : 0,
        .b_column = tap, .b_row = (t->f.winograd ? NN_WINOGRAD_SIDE : t->w.size) * tap,
        .b_group = nn_conv2d_outputs(&t->f),
        .y_pixel = (int64_t)t->w.step * t->channels,
        .y_row = (int64_t)t->h.step * t->w.in * t->channels,
        .y_picture = (int64_t)t->h.in * t->w.in * t->channels,
        .add = !fresh, .lo = -(real)INFINITY, .hi = (real)INFINITY,
    };
    int rows = j.h.out - at->row < at->rows ? j.h.out - at->row : at->rows;

    if (rows <= 0 || (!fresh && (j.h.taps == 0 || j.w.taps == 0)))
        return;
    j.h.out = rows;
    j.h.start += at->row;
    j.b = (const char *)c->scratch +
          (at->group * nn_conv2d_group(&t->f) + at->output / NN_GROUP * j.b_group) *
              (t->half ? (int64_t)sizeof(bf16) : (int64_t)sizeof(real));
    j.y = tensor_at(&c->dx[X], at->picture * j.y_picture + at->row * j.y_row +
                    ((int64_t)py * t->w.in + px) * t->channels + first);
    nn_conv2d_run(c, j, &from, &c->dx[X],
                  (char *)c->scratch + t->packed + t->strip * (size_t)worker);
}

static void piece(void *arg, int i, int worker)
{
    const struct towards *t = arg;
    struct nn_conv2d_piece at = nn_conv2d_piece(&t->cut, i);

    for (int py = 0; py < t->h.step && py < t->h.in; py++)
        for (int px = 0; px < t->w.step && px < t->w.in; px++)
            phase(t, &at, py, px, worker);
}

void nn_conv2d_dx(const struct nn_call *c)
{
    struct towards t = towards_of(c);

    nn_conv2d_pack(c, &t.f, c->x[WEIGHT].data, c->scratch);
    pool_for(c->pool, t.cut.n, piece, &t);
}

bool nn_conv2d_dx_can(const struct nn_call *c, int variant)
{
    return variant == NN_CONV2D_WINOGRAD ? nn_conv2d_winograd_can(c)
                                         : nn_conv2d_cut_can(towards_as(c, false).pass, variant);
}

int nn_conv2d_dx_rule(const struct nn_call *c)
{
    return nn_conv2d_winograd_dx(c) ? NN_CONV2D_WINOGRAD
                                    : nn_conv2d_cut_rule(towards_as(c, false).pass);
}
