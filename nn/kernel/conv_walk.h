/*
 * conv_walk -- the outputs of a convolution in an order in which neighbours meet the same taps
 *
 * An axis falls into runs of outputs that meet the same taps (at a border of the picture fewer than
 * in the middle); a run of rows and one of columns make a class.  Outputs are visited class by
 * class, in a class picture by picture, so that a block of some outputs nearly always has one class
 * and does nothing for places outside the picture: of a filter of 3x3 on 7x7 pixels a sixth of the
 * work, on 3x3 pixels 4/9.  Where a block has several classes it does all taps that any of them
 * meets, and who does not meet one reads zeros instead.  Everything is found from the axes, a chunk
 * of outputs at a time; nothing is kept between calls.
 */
#ifndef NN_CONV_WALK_H
#define NN_CONV_WALK_H

#include "nn/kernel/cpu.h"

#include <string.h>

/* Outputs [at,end) of an axis, which meet taps [from,to); without a tap 0 and 0. */
struct run {
    int at, end, from, to;
};

static inline int least(int a, int b)
{
    return a < b ? a : b;
}

static inline struct run taps_of(const struct nn_axis *a, int i)
{
    int64_t base = (int64_t)i * a->step + a->start, at;
    struct run r = { i, i + 1, 0, 0 };

    for (; r.to < a->taps; r.to++) {
        at = base + (int64_t)r.to * a->apart;
        if (at >= 0 && at < a->in)
            continue;
        if (r.from < r.to)
            break;
        r.from = r.to + 1;
    }
    if (r.from >= r.to)
        r.from = r.to = 0;
    return r;
}

/* The run that begins with output i. */
static inline struct run run_from(const struct nn_axis *a, int i)
{
    struct run r = taps_of(a, i), next;

    if (r.to - r.from == a->taps && a->taps) {          /* the middle: to where the last tap ends */
        int64_t far = a->apart > 0 ? (int64_t)(a->taps - 1) * a->apart : 0;
        int64_t end = ((int64_t)a->in - 1 - a->start - far) / a->step + 1;

        r.end = end < a->out ? (int)end : a->out;
        return r;
    }
    for (; r.end < a->out; r.end++) {
        next = taps_of(a, r.end);
        if (next.from != r.from || next.to != r.to)
            break;
    }
    return r;
}

/* The same job with rows joined that lie behind each other, and pictures: where it sees a pixel
 * under each output, these may be looked at as one long row. */
static inline struct nn_conv walk_joined(const struct nn_conv *job)
{
    struct nn_conv j = *job;
    int64_t row = j.w.out, all = row * j.h.out;

    if (j.h.taps * j.w.taps != 1 || j.h.step * j.w.step != 1 || j.h.start || j.w.start ||
        j.h.in < j.h.out || j.w.in < j.w.out || j.x_row != row * j.x_pixel ||
        j.y_row != row * j.y_pixel || all > INT32_MAX)
        return j;
    if (j.x_picture == all * j.x_pixel && j.y_picture == all * j.y_pixel &&
        j.n <= INT32_MAX / (all + 1)) {
        all *= j.n;
        j.n = 1;
    }
    j.h.out = j.h.in = 1;
    j.w.out = j.w.in = (int)all;
    return j;
}

struct walk {
    const struct nn_conv *job;
    int64_t size, y_size;       /* bytes of a number of x, of y */
    struct run h, w;            /* what is left of the class: h.at and w.at move */
    int64_t n;
    int row, column;            /* where the class begins */
    bool more;
};

static inline void walk_begin(struct walk *w, const struct nn_conv *job, int size, int y_size)
{
    *w = (struct walk){ .job = job, .size = size, .y_size = y_size,
                        .more = job->n > 0 && job->h.out > 0 && job->w.out > 0 && job->k > 0 };
    if (!w->more)
        return;
    w->h = run_from(&job->h, 0);
    w->w = run_from(&job->w, 0);
}

/* The next row of outputs: of the run, of the next picture, of the next class. */
static inline void walk_row(struct walk *w)
{
    const struct nn_conv *j = w->job;

    w->w.at = w->column;
    if (++w->h.at < w->h.end)
        return;
    w->h.at = w->row;
    if (++w->n < j->n)
        return;
    w->n = 0;
    if (w->w.end < j->w.out) {
        w->column = w->w.end;
        w->w = run_from(&j->w, w->column);
        return;
    }
    w->more = w->h.end < j->h.out;
    if (!w->more)
        return;
    w->row = w->h.end;
    w->h = run_from(&j->h, w->row);
    w->column = 0;
    w->w = run_from(&j->w, 0);
}

/* Some outputs in order: bytes from x to what their tap (0,0) reads, wherever that is, and from y
 * to their output 0. */
enum { CHUNK = 480 };

struct chunk {
    int n, classes;
    int64_t x[CHUNK + 16], y[CHUNK];    /* behind x[n - 1] 16 that lie in the picture */
    uint16_t class[CHUNK];
    uint16_t line[CHUNK];               /* alike: evenly apart in x and in y, and of one class */
    struct taps {
        int h0, h1, w0, w1;
    } taps[CHUNK];
};

static inline void walk_fill(struct walk *w, struct chunk *c, int most)
{
    const struct nn_conv *j = w->job;
    int64_t dx = j->w.step * j->x_pixel * w->size, dy = j->y_pixel * w->y_size;

    int line = -1;

    c->n = c->classes = 0;
    while (w->more && c->n < most) {
        int count = least(w->w.end - w->w.at, most - c->n);
        int64_t x = w->size * (w->n * j->x_picture +
                               ((int64_t)w->h.at * j->h.step + j->h.start) * j->x_row +
                               ((int64_t)w->w.at * j->w.step + j->w.start) * j->x_pixel);
        int64_t y = w->y_size * (w->n * j->y_picture + w->h.at * j->y_row + w->w.at * j->y_pixel);
        struct taps taps = { w->h.from, w->h.to, w->w.from, w->w.to };

        bool other = !c->classes || memcmp(&c->taps[c->classes - 1], &taps, sizeof taps);

        if (other)
            c->taps[c->classes++] = taps;
        line += other || x != c->x[c->n - 1] + dx || y != c->y[c->n - 1] + dy;
        for (int i = 0; i < count; i++) {
            c->x[c->n + i] = x + i * dx;
            c->y[c->n + i] = y + i * dy;
            c->class[c->n + i] = (uint16_t)(c->classes - 1);
            c->line[c->n + i] = (uint16_t)line;
        }
        c->n += count;
        w->w.at += count;
        if (w->w.at == w->w.end)
            walk_row(w);
    }
    for (int i = 0; i < 16 && c->n; i++)
        c->x[c->n + i] = c->x[c->n - 1];
}

/* The taps that any of outputs [first,end) meets. */
static inline struct taps taps_of_any(const struct chunk *c, int first, int end)
{
    struct taps all = { 0, 0, 0, 0 };

    for (int i = c->class[first]; i <= c->class[end - 1]; i++) {
        const struct taps *t = &c->taps[i];

        if (t->h0 == t->h1 || t->w0 == t->w1)
            continue;
        if (all.h0 == all.h1) {
            all = *t;
            continue;
        }
        all.h0 = t->h0 < all.h0 ? t->h0 : all.h0;
        all.w0 = t->w0 < all.w0 ? t->w0 : all.w0;
        all.h1 = t->h1 > all.h1 ? t->h1 : all.h1;
        all.w1 = t->w1 > all.w1 ? t->w1 : all.w1;
    }
    return all;
}

#endif
