/*
 * conv2d_strip -- see conv2d_strip.h
 *
 * Joined, a row of the strip is a row of the picture between zeros, dense, so that the taps of a
 * filter row are one run of channels: 7x7 taps of 3 channels are 7 of 21 (and a zero), not 49 of 4.
 * Else each pixel is followed by a zero where its channels are odd.
 */
#include "nn/op/conv2d_strip.h"

#include <string.h>

enum { LINE = 32 };             /* numbers of bf16 in 64 bytes */

/* The rows that the job reads. */
static void rows_of(const struct nn_axis *h, int *first, int *end)
{
    int64_t far = h->taps > 0 ? (int64_t)(h->taps - 1) * h->apart : 0;
    int64_t lo = h->start + (far < 0 ? far : 0);
    int64_t hi = (int64_t)(h->out - 1) * h->step + h->start + (far > 0 ? far : 0) + 1;

    *first = (int)(lo < 0 ? 0 : lo);
    *end = (int)(hi > h->in ? h->in : hi);
    if (*end < *first)
        *end = *first;
}

/* Columns of a joined row: padding, the picture, and what the last window sees behind it. */
static int64_t joined_columns(const struct nn_axis *w)
{
    int64_t last = (int64_t)(w->out - 1) * w->step + w->start + w->taps;

    return (last > w->in ? last : w->in) - w->start;
}

static int64_t columns(const struct nn_axis *w)
{
    int64_t joined = joined_columns(w);

    return joined > w->in ? joined : w->in;
}

size_t nn_conv2d_strip(const struct nn_axis *h, const struct nn_axis *w, int rows, int channels)
{
    int64_t seen = (int64_t)(rows - 1) * h->step + (int64_t)(h->taps - 1) *
                   (h->apart < 0 ? -h->apart : h->apart) + 1;
    int64_t n = (seen < h->in ? seen : h->in) * (columns(w) * (channels + channels % 2) + 1);

    return (size_t)((n + 2 * LINE) / LINE * LINE) * sizeof(bf16);
}

static void copy(const struct nn_call *c, const struct tensor *t, int64_t at, int64_t n, bf16 *to)
{
    if (t->dtype == DTYPE_BF16)
        memcpy(to, tensor_at(t, at), (size_t)n * sizeof *to);
    else
        c->k->to_bf16(n, tensor_at(t, at), to);
}

/* A row of the picture, `at` being the place of its first number. */
static void joined_row(const struct nn_call *c, const struct nn_conv *j,
                       const struct nn_conv2d_source *s, int64_t at, bf16 *to)
{
    int64_t before = -(int64_t)j->w.start * j->c, n = (int64_t)j->w.in * j->c;
    int64_t all = joined_columns(&j->w) * j->c + 1;

    if (before < 0) {           /* the window starts inside */
        at -= before;
        n += before;
        before = 0;
    }
    memset(to, 0, (size_t)before * sizeof *to);
    copy(c, s->t, at, n, to + before);
    memset(to + before + n, 0, (size_t)(all - before - n) * sizeof *to);
}

static void padded_row(const struct nn_call *c, const struct nn_conv *j,
                       const struct nn_conv2d_source *s, int64_t at, int all, bf16 *to)
{
    int pixel = j->c + j->c % 2;

    if (j->c == all && pixel == all) {
        copy(c, s->t, at, (int64_t)j->w.in * all, to);
        return;
    }
    for (int i = 0; i < j->w.in; i++) {
        to[(int64_t)(i + 1) * pixel - 1] = 0;
        copy(c, s->t, at + (int64_t)i * all, j->c, to + (int64_t)i * pixel);
    }
}

/* The job on one picture whose rows [first,end) are in the strip. */
static void run_strip(const struct nn_call *c, const struct nn_conv *whole,
                      const struct nn_conv2d_source *s, int64_t picture, bf16 *strip)
{
    struct nn_conv j = *whole;
    int all = (int)s->t->shape.dim[3], pixel = j.c + j.c % 2, first, end;
    int64_t row = (int64_t)j.w.in * all, size = j.y_half ? sizeof(bf16) : sizeof(real);
    int64_t y = picture * j.y_picture * size;

    rows_of(&j.h, &first, &end);
    j.x_row = s->joined ? joined_columns(&j.w) * j.c + 1 : (int64_t)j.w.in * pixel;
    for (int r = first; r < end; r++) {
        int64_t at = ((s->picture + picture) * j.h.in + r) * row + s->first;

        if (s->joined)
            joined_row(c, &j, s, at, strip + (r - first) * j.x_row);
        else
            padded_row(c, &j, s, at, all, strip + (r - first) * j.x_row);
    }
    j.n = 1;
    j.x = strip;
    j.x_pixel = pixel;
    j.x_picture = 0;
    j.h.start -= first;
    j.h.in = end - first;
    j.y = (char *)j.y + y;
    if (j.residual)
        j.residual = (const char *)j.residual + y;
    if (s->joined) {
        j.x_pixel = (int64_t)j.w.step * j.c;
        j.c *= j.w.taps;
        j.w = (struct nn_axis){ .out = j.w.out, .in = j.w.out, .step = 1, .taps = 1 };
    }
    j.c += j.c % 2;
    c->k->conv_bf16(&j);
}

void nn_conv2d_run(const struct nn_call *c, struct nn_conv j, const struct nn_conv2d_source *s,
                   const struct tensor *to, void *strip)
{
    int64_t all = s->t->shape.dim[3];

    j.y_half = to->dtype == DTYPE_BF16;
    if (s->joined || nn_conv2d_copies(s->t, s->half, j.c)) {
        for (int64_t n = 0; n < j.n; n++)
            run_strip(c, &j, s, n, strip);
        return;
    }
    j.x_pixel = all;
    j.x_row = j.w.in * all;
    j.x_picture = j.h.in * j.x_row;
    j.x = tensor_at(s->t, s->picture * j.x_picture + s->first);
    if (s->winograd)
        c->k->winograd_f32(&j, strip);
    else
        (s->half ? c->k->conv_bf16 : c->k->conv_f32)(&j);
}
