/*
 * shares -- see shares.h
 */
#include "data/shares.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = DATA_PARTS, ROUNDS = 20, TRIES = 256 };

struct shares {
    struct data_shares *d;
    struct data_entry *of_label;        /* d->entry in order of labels, then of units */
};

double data_unit_lot(const struct data_unit *u)
{
    return (double)(u->hash >> 11) * 0x1p-53;
}

/* ---- counts ---------------------------------------------------------------------------------- */

static int by_unit(const void *pa, const void *pb)
{
    const struct data_entry *a = pa, *b = pb;

    return a->unit != b->unit ? a->unit - b->unit : a->label - b->label;
}

static int by_label(const void *pa, const void *pb)
{
    const struct data_entry *a = pa, *b = pb;

    return a->label != b->label ? a->label - b->label : a->unit - b->unit;
}

/* Entries of equal unit and label become one. */
static int merge(struct data_entry *e, int n)
{
    int kept = 0;

    for (int i = 0; i < n; i++) {
        if (kept && e[kept - 1].unit == e[i].unit && e[kept - 1].label == e[i].label)
            e[kept - 1].n += e[i].n;
        else
            e[kept++] = e[i];
    }
    return kept;
}

/* Which units a label has, which labels a unit, and how often each label occurs in each part. */
static void count_labels(struct shares *s)
{
    struct data_shares *d = s->d;

    qsort(d->entry, (size_t)d->n_entries, sizeof *d->entry, by_unit);
    d->n_entries = merge(d->entry, d->n_entries);
    memcpy(s->of_label, d->entry, (size_t)d->n_entries * sizeof *d->entry);
    qsort(s->of_label, (size_t)d->n_entries, sizeof *s->of_label, by_label);
    for (int i = d->n_entries - 1; i >= 0; i--) {
        struct data_unit *u = &d->unit[d->entry[i].unit];
        struct data_label *l = &d->label[s->of_label[i].label];

        u->first = i;
        u->n++;
        l->first = i;
        l->n++;
        d->label[d->entry[i].label].count[u->part] += d->entry[i].n;
    }
    for (int l = 0; l <= d->n_labels; l++)
        for (int p = DATA_TRAIN; p < PARTS; p++)
            d->label[l].all += d->label[l].count[p];
}

/* ---- bounds ---------------------------------------------------------------------------------- */

/* STILL: between half and double the share, at least one held out and one left to train on. */
static void bound_loosely(const struct shares *s, struct data_label *l)
{
    int left = l->all - 1;

    for (int p = DATA_VAL; p < PARTS; p++) {
        double n = l->all * s->d->share[p];
        int low = n > 0 && left > 0 ? (int)fmax(1, floor(n / 2)) : 0;
        int high = n > 0 ? (int)fmax(1, ceil(n * 2)) : INT_MAX;

        l->low[p] = low < left ? low : left > 0 ? left : 0;
        l->high[p] = high < left ? high : left > 0 ? left : 0;
        left -= l->low[p];
    }
    l->low[DATA_TRAIN] = l->all > 0;
    l->high[DATA_TRAIN] = INT_MAX;
}

/* EXACT: shares rounded so that they add up, with something in each part where no part is then
 * more than a picture from its share. */
static void bound_exactly(const struct shares *s, struct data_label *l)
{
    int n[PARTS] = { 0 }, left = l->all;

    for (int p = DATA_TRAIN; p < PARTS; p++) {
        n[p] = (int)floor(l->all * s->d->share[p] + 1e-9);
        left -= n[p];
    }
    for (; left > 0; left--) {          /* to the largest remainder, held-out parts first */
        int best = DATA_VAL;

        for (int p = DATA_TEST; p >= DATA_TRAIN; p--)
            if (l->all * s->d->share[p] - n[p] > l->all * s->d->share[best] - n[best] + 1e-9)
                best = p;
        n[best]++;
    }
    for (int p = DATA_VAL; p < PARTS; p++) {
        bool spare = n[DATA_TRAIN] > 1 && n[DATA_TRAIN] >= l->all * s->d->share[DATA_TRAIN] - 1e-9;

        if (!n[p] && s->d->share[p] > 0 && spare) {
            n[p]++;
            n[DATA_TRAIN]--;
        }
    }
    for (int p = DATA_VAL; p < PARTS && !n[DATA_TRAIN]; p++) {
        n[DATA_TRAIN] += n[p] > 0;
        n[p] -= n[p] > 0;
    }
    for (int p = DATA_TRAIN; p < PARTS; p++)
        l->low[p] = l->high[p] = n[p];
}

static void make_bounds(struct shares *s)
{
    for (int i = 0; i <= s->d->n_labels; i++) {
        struct data_label *l = &s->d->label[i];

        if (s->d->exact)
            bound_exactly(s, l);
        else if (i < s->d->n_labels)
            bound_loosely(s, l);
        else                            /* no label is no class that could be small */
            for (int p = DATA_TRAIN; p < PARTS; p++)
                l->high[p] = INT_MAX;
    }
}

/* ---- moves ----------------------------------------------------------------------------------- */

/* How far n lies outside of what a part of a label should have. */
static double outside(const struct data_label *l, int part, int n)
{
    return n < l->low[part] ? l->low[part] - n : n > l->high[part] ? n - l->high[part] : 0;
}

/* What the cost would change by if the unit moved. */
static double change(const struct shares *s, const struct data_unit *u, enum data_split to)
{
    double sum = 0;

    for (int i = u->first; i < u->first + u->n; i++) {
        const struct data_entry *e = &s->d->entry[i];
        const struct data_label *l = &s->d->label[e->label];
        double a = outside(l, u->part, l->count[u->part]), b = outside(l, to, l->count[to]),
               c = outside(l, u->part, l->count[u->part] - e->n),
               d = outside(l, to, l->count[to] + e->n);

        sum += c * c + d * d - a * a - b * b;
    }
    return sum;
}

static void move(struct shares *s, struct data_unit *u, enum data_split to)
{
    for (int i = u->first; i < u->first + u->n; i++) {
        struct data_label *l = &s->d->label[s->d->entry[i].label];

        l->count[u->part] -= s->d->entry[i].n;
        l->count[to] += s->d->entry[i].n;
    }
    u->part = to;
}

/* How far a unit's lot lies from those of a part. */
static double distance(const struct shares *s, const struct data_unit *u, enum data_split part)
{
    double test = s->d->share[DATA_TEST], held = test + s->d->share[DATA_VAL];
    double lot = data_unit_lot(u);
    double low = part == DATA_TEST ? 0 : part == DATA_VAL ? test : held;
    double high = part == DATA_TEST ? test : part == DATA_VAL ? held : 1;

    return fmax(0, fmax(low - lot, lot - high));
}

struct near {
    double distance;
    int unit;
};

static int by_distance(const void *pa, const void *pb)
{
    const struct near *a = pa, *b = pb;

    if (a->distance != b->distance)
        return a->distance < b->distance ? -1 : 1;
    return a->unit - b->unit;
}

/* The units with a label in a part, those first whose lots are nearest to another; NULL when memory
 * is out.  *n of them. */
static struct near *nearest(struct shares *s, const struct data_label *l, enum data_split from,
                            enum data_split to, int *n, struct err *err)
{
    struct near *near = malloc(((size_t)l->n + 1) * sizeof *near);

    *n = 0;
    if (!near) {
        err_set(err, ERR_MEMORY, "cannot split %d clusters", s->d->n_units);
        return NULL;
    }
    for (int i = l->first; i < l->first + l->n; i++) {
        const struct data_unit *u = &s->d->unit[s->of_label[i].unit];

        if (u->part == from)
            near[(*n)++] = (struct near){ distance(s, u, to), s->of_label[i].unit };
    }
    qsort(near, (size_t)*n, sizeof *near, by_distance);
    return near;
}

/* Moves a unit although that alone costs, if another one, of a label that then has too many there,
 * can go the way back and the two together pay. */
static bool exchange(struct shares *s, struct data_unit *u, enum data_split to)
{
    enum data_split from = u->part;
    double cost = change(s, u, to);

    move(s, u, to);
    for (int i = u->first; i < u->first + u->n; i++) {
        const struct data_label *l = &s->d->label[s->d->entry[i].label];
        int tries = 0;

        if (l->count[to] <= l->high[to])
            continue;
        for (int k = l->first; k < l->first + l->n && tries < TRIES; k++) {
            struct data_unit *v = &s->d->unit[s->of_label[k].unit];

            if (v == u || v->part != to)
                continue;
            tries++;
            if (cost + change(s, v, from) < 0) {
                move(s, v, from);
                return true;
            }
        }
    }
    move(s, u, from);
    return false;
}

/* Whether a part has too many, or the other too few, and both can do with a move. */
static bool wants(const struct data_label *l, int from, int to)
{
    return (l->count[from] > l->high[from] || l->count[to] < l->low[to]) &&
           l->count[from] > l->low[from] && l->count[to] < l->high[to];
}

/* Moves units of a label where it has too many or too few.  *moved counts them. */
static bool correct(struct shares *s, struct data_label *l, int *moved, struct err *err)
{
    for (int from = DATA_TRAIN; from < PARTS; from++) {
        for (int to = DATA_TRAIN; to < PARTS; to++) {
            struct near *near;
            int n;

            if (from == to || !wants(l, from, to))
                continue;
            near = nearest(s, l, (enum data_split)from, (enum data_split)to, &n, err);
            if (!near)
                return false;
            for (int i = 0; i < n && wants(l, from, to); i++) {
                struct data_unit *u = &s->d->unit[near[i].unit];

                if (change(s, u, (enum data_split)to) < 0) {
                    move(s, u, (enum data_split)to);
                    ++*moved;
                }
            }
            for (int i = 0; i < n && i < TRIES && wants(l, from, to); i++) {
                struct data_unit *u = &s->d->unit[near[i].unit];

                if (u->part == (enum data_split)from)
                    *moved += exchange(s, u, (enum data_split)to);
            }
            free(near);
        }
    }
    return true;
}

/* A label without a picture to train on gets the unit that is nearest to there, whatever it costs:
 * unless all its pictures were placed already. */
static bool train_all(struct shares *s, struct err *err)
{
    for (int i = 0; i < s->d->n_labels; i++) {
        struct data_label *l = &s->d->label[i];

        for (int from = DATA_VAL; from < PARTS && l->n && !l->count[DATA_TRAIN]; from++) {
            int n;
            struct near *near = nearest(s, l, (enum data_split)from, DATA_TRAIN, &n, err);

            if (!near)
                return false;
            if (n)
                move(s, &s->d->unit[near[0].unit], DATA_TRAIN);
            free(near);
        }
    }
    return true;
}

struct rank {
    int all, label;
};

static int by_rarity(const void *pa, const void *pb)
{
    const struct rank *a = pa, *b = pb;

    return a->all != b->all ? (a->all > b->all) - (a->all < b->all) : a->label - b->label;
}

bool data_shares_correct(struct data_shares *d, struct err *err)
{
    int n = d->n_labels + 1, moved = 1;
    struct shares s = { d, malloc(((size_t)d->n_entries + 1) * sizeof *s.of_label) };
    struct rank *rank = calloc((size_t)n, sizeof *rank);
    bool ok = s.of_label && rank;

    if (ok) {
        count_labels(&s);
        make_bounds(&s);
        for (int i = 0; i < n; i++)
            rank[i] = (struct rank){ d->label[i].all, i };
        qsort(rank, (size_t)n, sizeof *rank, by_rarity);
    } else {
        err_set(err, ERR_MEMORY, "cannot split %d clusters by %d labels", d->n_units, n);
    }
    for (int round = 0; ok && round < ROUNDS && moved; round++) {
        moved = 0;
        for (int i = 0; ok && i < n; i++)
            ok = correct(&s, &d->label[rank[i].label], &moved, err);
    }
    ok = ok && train_all(&s, err);
    free(rank);
    free(s.of_label);
    return ok;
}
