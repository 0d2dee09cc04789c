/*
 * split -- which pictures train and which are held out
 *
 * A unit is what is drawn of one cluster.  lot = its smallest hash / 2^64 is uniform in [0, 1):
 * below `test` TEST, below `test + val` VAL, else TRAIN.
 *
 * Corrections: each label has bounds for each part, and the cost of a split is the sum of squares
 * of what lies outside of them.  Label by label, the rarest first, units move from parts that have
 * too many to parts that have too few, nearest lot first, where that lowers the cost; until nothing
 * does.  A move changes the counts of a unit's own labels alone, so a round takes time in
 * proportion to the labels that all pictures carry.
 */
#include "data/split.h"

#include "data/phash.h"
#include "nn/base/arena.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = DATA_TEST + 1, ROUNDS = 20 };

/* How many pictures of a label a unit has. */
struct entry {
    int unit, label, n;
};

struct unit {
    uint64_t hash;              /* the smallest of its members' */
    int cluster;                /* whose it is */
    enum data_split part;
    int first, n;               /* entries */
};

struct label {
    int first, n;               /* entries, by label, in order of lots */
    int all;                    /* pictures that shares are of */
    int count[PARTS], low[PARTS], high[PARTS];
};

struct split {
    struct data_index *x;
    const struct data_split_options *opt;
    double share[PARTS];
    bool *drawn;                /* [x->n] */
    int *cluster;               /* [x->n] */
    int *unit_of;               /* [x->n] of a cluster, by its smallest sample; -1: none */
    struct unit *unit;          /* in order of lots */
    int n_units;
    struct entry *of_unit, *of_label;   /* the same, in two orders */
    int n_entries;
    struct label *label;        /* [n_labels + 1]: the last is "no label" */
    struct arena *mem;
};

static void *room(struct split *s, size_t count, size_t size, struct err *err)
{
    void *p = arena_array(s->mem, count + 1, size);

    if (!p)
        err_set(err, ERR_MEMORY, "cannot split %d samples", s->x->n);
    return p;
}

/* ---- what is drawn --------------------------------------------------------------------------- */

/* Which samples are to be drawn, and which shares; how many. */
static int choose(struct split *s)
{
    const struct data_split_options *o = s->opt;
    bool val = false, test = false;
    int n = 0;

    for (int i = 0; i < s->x->n; i++) {
        struct data_sample *p = &s->x->sample[i];

        if (o->redraw)
            p->split = DATA_UNSPLIT;
        val |= p->split == DATA_VAL;
        test |= p->split == DATA_TEST;
    }
    s->share[DATA_VAL] = val && !o->grow ? 0 : o->val;
    s->share[DATA_TEST] = test && !o->grow ? 0 : o->test;
    s->share[DATA_TRAIN] = 1 - s->share[DATA_VAL] - s->share[DATA_TEST];
    for (int i = 0; i < s->x->n; i++) {
        enum data_split split = s->x->sample[i].split;

        s->drawn[i] = split == DATA_UNSPLIT || (split == DATA_TRAIN && !val);
        n += s->drawn[i];
    }
    return n;
}

static bool find_clusters(struct split *s, struct err *err)
{
    struct data_index *x = s->x;
    struct data_phash *phash = NULL;
    bool ok;

    if (s->opt->no_near) {
        ok = data_index_hash(x, s->opt->threads, err);
    } else {
        phash = calloc((size_t)x->n + 1, sizeof *phash);
        if (!phash)
            return err_set(err, ERR_MEMORY, "cannot compare %d pictures", x->n);
        ok = data_phash_index(x, s->opt->threads, phash, NULL, err);
    }
    ok = ok && data_phash_clusters(x, phash, s->cluster, err);
    free(phash);
    return ok;
}

/* Where the placed members of each cluster are, the part first in train, val, test; UNSPLIT:
 * there are none.  A copy of a training picture is better learnt from than checked with. */
static enum data_split *find_anchors(struct split *s, struct err *err)
{
    enum data_split *anchor = room(s, (size_t)s->x->n, sizeof *anchor, err);

    for (int i = 0; anchor && i < s->x->n; i++) {
        enum data_split part = s->x->sample[i].split, *a = &anchor[s->cluster[i]];

        if (!s->drawn[i] && (*a == DATA_UNSPLIT || part < *a))
            *a = part;
    }
    return anchor;
}

static int by_lot(const void *pa, const void *pb)
{
    const struct unit *a = pa, *b = pb;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->cluster - b->cluster;
}

static double lot_of(const struct unit *u)
{
    return (double)(u->hash >> 11) * 0x1p-53;
}

/* Places what joins others, and makes units of the rest, with their lots' parts. */
static bool make_units(struct split *s, struct err *err)
{
    struct data_index *x = s->x;
    enum data_split *anchor = find_anchors(s, err);

    s->unit = anchor ? room(s, (size_t)x->n, sizeof *s->unit, err) : NULL;
    s->unit_of = s->unit ? room(s, (size_t)x->n, sizeof *s->unit_of, err) : NULL;
    if (!s->unit_of)
        return false;
    for (int i = 0; i < x->n; i++)
        s->unit_of[i] = -1;
    for (int i = 0; i < x->n; i++) {
        struct data_sample *p = &x->sample[i];
        int c = s->cluster[i];
        struct unit *u;

        if (!s->drawn[i])
            continue;
        if (!p->hash || anchor[c]) {
            /* Training pictures of the data's own do not become test pictures. */
            p->split = !p->hash || p->split == DATA_TRAIN ? DATA_TRAIN : anchor[c];
            s->drawn[i] = false;
            continue;
        }
        if (s->unit_of[c] < 0) {
            s->unit_of[c] = s->n_units;
            s->unit[s->n_units++] = (struct unit){ .hash = p->hash, .cluster = c };
        }
        u = &s->unit[s->unit_of[c]];
        u->hash = p->hash < u->hash ? p->hash : u->hash;
    }
    qsort(s->unit, (size_t)s->n_units, sizeof *s->unit, by_lot);
    for (int i = 0; i < s->n_units; i++) {
        struct unit *u = &s->unit[i];
        double lot = lot_of(u), test = s->share[DATA_TEST];

        u->part = lot < test ? DATA_TEST : lot < test + s->share[DATA_VAL] ? DATA_VAL : DATA_TRAIN;
        s->unit_of[u->cluster] = i;
    }
    return true;
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* Calls fn for each label of a sample; for n_labels when it has none. */
static void each_label(struct split *s, int i,
                       void (*fn)(struct split *s, int sample, int label))
{
    const struct data_sample *p = &s->x->sample[i];
    int n = s->x->n_labels;
    bool any = false;

    if (!p->mark) {
        fn(s, i, p->label >= 0 ? p->label : n);
        return;
    }
    for (int l = 0; l < n; l++) {
        if (p->mark[l] == 1) {
            fn(s, i, l);
            any = true;
        }
    }
    if (!any)
        fn(s, i, n);
}

static void count_entry(struct split *s, int sample, int label)
{
    (void)sample, (void)label;
    s->n_entries++;
}

static void add_entry(struct split *s, int sample, int label)
{
    s->of_unit[s->n_entries++] =
        (struct entry){ s->unit_of[s->cluster[sample]], label, 1 };
}

static void count_placed(struct split *s, int sample, int label)
{
    s->label[label].count[s->x->sample[sample].split]++;
}

static int by_unit(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;

    return a->unit != b->unit ? a->unit - b->unit : a->label - b->label;
}

static int by_label(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;

    return a->label != b->label ? a->label - b->label : a->unit - b->unit;
}

/* Entries of equal unit and label become one. */
static int merge(struct entry *e, int n)
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

/* Which labels units carry, and how often each occurs in each part. */
static bool count_labels(struct split *s, struct err *err)
{
    s->label = room(s, (size_t)s->x->n_labels + 1, sizeof *s->label, err);
    if (!s->label)
        return false;
    for (int i = 0; i < s->x->n; i++) {
        if (s->drawn[i])
            each_label(s, i, count_entry);
        else if (s->opt->grow)
            each_label(s, i, count_placed);
    }
    s->of_unit = room(s, (size_t)s->n_entries, sizeof *s->of_unit, err);
    s->of_label = s->of_unit ? room(s, (size_t)s->n_entries, sizeof *s->of_label, err) : NULL;
    if (!s->of_label)
        return false;
    s->n_entries = 0;
    for (int i = 0; i < s->x->n; i++)
        if (s->drawn[i])
            each_label(s, i, add_entry);
    qsort(s->of_unit, (size_t)s->n_entries, sizeof *s->of_unit, by_unit);
    s->n_entries = merge(s->of_unit, s->n_entries);
    memcpy(s->of_label, s->of_unit, (size_t)s->n_entries * sizeof *s->of_label);
    qsort(s->of_label, (size_t)s->n_entries, sizeof *s->of_label, by_label);
    for (int i = s->n_entries - 1; i >= 0; i--) {
        struct unit *u = &s->unit[s->of_unit[i].unit];
        struct label *l = &s->label[s->of_label[i].label];

        u->first = i;
        u->n++;
        l->first = i;
        l->n++;
        s->label[s->of_unit[i].label].count[u->part] += s->of_unit[i].n;
    }
    for (int l = 0; l <= s->x->n_labels; l++)
        for (int p = DATA_TRAIN; p < PARTS; p++)
            s->label[l].all += s->label[l].count[p];
    return true;
}

/* ---- bounds ---------------------------------------------------------------------------------- */

/* STILL: between half and double the share, at least one held out and one left to train on. */
static void bound_loosely(const struct split *s, struct label *l)
{
    int left = l->all - 1;

    for (int p = DATA_VAL; p < PARTS; p++) {
        double n = l->all * s->share[p];
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
static void bound_exactly(const struct split *s, struct label *l)
{
    int n[PARTS] = { 0 }, left = l->all;

    for (int p = DATA_TRAIN; p < PARTS; p++) {
        n[p] = (int)floor(l->all * s->share[p] + 1e-9);
        left -= n[p];
    }
    for (; left > 0; left--) {          /* to the largest remainder, held-out parts first */
        int best = DATA_VAL;

        for (int p = DATA_TEST; p >= DATA_TRAIN; p--)
            if (l->all * s->share[p] - n[p] > l->all * s->share[best] - n[best] + 1e-9)
                best = p;
        n[best]++;
    }
    for (int p = DATA_VAL; p < PARTS; p++) {
        bool spare = n[DATA_TRAIN] > 1 && n[DATA_TRAIN] >= l->all * s->share[DATA_TRAIN] - 1e-9;

        if (!n[p] && s->share[p] > 0 && spare) {
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

static void make_bounds(struct split *s)
{
    for (int i = 0; i <= s->x->n_labels; i++) {
        struct label *l = &s->label[i];

        if (s->opt->shares == DATA_SPLIT_EXACT)
            bound_exactly(s, l);
        else if (i < s->x->n_labels)
            bound_loosely(s, l);
        else                            /* no label is no class that could be small */
            for (int p = DATA_TRAIN; p < PARTS; p++)
                l->high[p] = INT_MAX;
    }
}

/* ---- moves ----------------------------------------------------------------------------------- */

/* How far n lies outside of what a part of a label should have. */
static double outside(const struct label *l, int part, int n)
{
    return n < l->low[part] ? l->low[part] - n : n > l->high[part] ? n - l->high[part] : 0;
}

/* What the cost would change by if the unit moved. */
static double change(const struct split *s, const struct unit *u, enum data_split to)
{
    double sum = 0;

    for (int i = u->first; i < u->first + u->n; i++) {
        const struct entry *e = &s->of_unit[i];
        const struct label *l = &s->label[e->label];
        double a = outside(l, u->part, l->count[u->part]), b = outside(l, to, l->count[to]),
               c = outside(l, u->part, l->count[u->part] - e->n),
               d = outside(l, to, l->count[to] + e->n);

        sum += c * c + d * d - a * a - b * b;
    }
    return sum;
}

static void move(struct split *s, struct unit *u, enum data_split to)
{
    for (int i = u->first; i < u->first + u->n; i++) {
        struct label *l = &s->label[s->of_unit[i].label];

        l->count[u->part] -= s->of_unit[i].n;
        l->count[to] += s->of_unit[i].n;
    }
    u->part = to;
}

/* How far a unit's lot lies from those of a part. */
static double distance(const struct split *s, const struct unit *u, enum data_split part)
{
    double test = s->share[DATA_TEST], held = test + s->share[DATA_VAL], lot = lot_of(u);
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
static struct near *nearest(struct split *s, const struct label *l, enum data_split from,
                            enum data_split to, int *n, struct err *err)
{
    struct near *near = malloc(((size_t)l->n + 1) * sizeof *near);

    *n = 0;
    if (!near) {
        err_set(err, ERR_MEMORY, "cannot split %d samples", s->x->n);
        return NULL;
    }
    for (int i = l->first; i < l->first + l->n; i++) {
        const struct unit *u = &s->unit[s->of_label[i].unit];

        if (u->part == from)
            near[(*n)++] = (struct near){ distance(s, u, to), s->of_label[i].unit };
    }
    qsort(near, (size_t)*n, sizeof *near, by_distance);
    return near;
}

/* Whether a part has too many, or the other too few, and both can do with a move. */
static bool wants(const struct label *l, int from, int to)
{
    return (l->count[from] > l->high[from] || l->count[to] < l->low[to]) &&
           l->count[from] > l->low[from] && l->count[to] < l->high[to];
}

/* Moves units of a label where it has too many or too few.  *moved counts them. */
static bool correct(struct split *s, struct label *l, int *moved, struct err *err)
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
                struct unit *u = &s->unit[near[i].unit];

                if (change(s, u, (enum data_split)to) < 0) {
                    move(s, u, (enum data_split)to);
                    ++*moved;
                }
            }
            free(near);
        }
    }
    return true;
}

/* A label without a picture to train on gets the unit that is nearest to there, whatever it costs:
 * unless all its pictures were placed already. */
static bool train_all(struct split *s, struct err *err)
{
    for (int i = 0; i < s->x->n_labels; i++) {
        struct label *l = &s->label[i];

        for (int from = DATA_VAL; from < PARTS && l->n && !l->count[DATA_TRAIN]; from++) {
            int n;
            struct near *near = nearest(s, l, (enum data_split)from, DATA_TRAIN, &n, err);

            if (!near)
                return false;
            if (n)
                move(s, &s->unit[near[0].unit], DATA_TRAIN);
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

static bool correct_all(struct split *s, struct err *err)
{
    int n = s->x->n_labels + 1, moved = 1;
    struct rank *rank = room(s, (size_t)n, sizeof *rank, err);

    if (!rank)
        return false;
    for (int i = 0; i < n; i++)
        rank[i] = (struct rank){ s->label[i].all, i };
    qsort(rank, (size_t)n, sizeof *rank, by_rarity);
    for (int round = 0; round < ROUNDS && moved; round++) {
        moved = 0;
        for (int i = 0; i < n; i++)
            if (!correct(s, &s->label[rank[i].label], &moved, err))
                return false;
    }
    return train_all(s, err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Counts clusters, those that are torn apart (a file that cannot be read leaks nothing), files that
 * cannot be read, and how far labels are from their shares. */
static bool summarize(struct split *s, struct data_split_result *r, struct err *err)
{
    int *size = room(s, (size_t)s->x->n, sizeof *size, err);
    unsigned char *parts = size ? room(s, (size_t)s->x->n, 1, err) : NULL;

    if (!parts)
        return false;
    for (int i = 0; i < s->x->n; i++) {
        const struct data_sample *p = &s->x->sample[i];

        size[s->cluster[i]]++;
        if (p->hash)
            parts[s->cluster[i]] |= (unsigned char)(1 << p->split);
        r->unreadable += !p->hash;
    }
    for (int i = 0; i < s->x->n; i++) {
        r->clusters += size[i] > 1;
        r->clustered += size[i] > 1 ? size[i] : 0;
        r->straddling += (parts[i] & (parts[i] - 1)) != 0;
    }
    for (int i = 0; i < s->x->n_labels; i++) {
        const struct label *l = &s->label[i];

        for (int p = DATA_TRAIN; p < PARTS && l->all; p++)
            r->worst = fmax(r->worst, fabs(l->count[p] - l->all * s->share[p]));
    }
    return true;
}

static bool draw(struct split *s, struct err *err)
{
    if (!make_units(s, err) || !count_labels(s, err))
        return false;
    make_bounds(s);
    if (!correct_all(s, err))
        return false;
    for (int i = 0; i < s->x->n; i++)
        if (s->drawn[i])
            s->x->sample[i].split = s->unit[s->unit_of[s->cluster[i]]].part;
    return true;
}

bool data_split(struct data_index *x, const struct data_split_options *opt,
                struct data_split_result *result, struct err *err)
{
    struct data_split_result r = { 0 };
    struct split s = { .x = x, .opt = opt };
    bool ok = false;

    if (!(opt->val >= 0 && opt->test >= 0 && opt->val + opt->test < 1))
        return err_set(err, ERR_INPUT,
                       "shares to hold out must be 0 or more, and less than 1 together: %g and %g",
                       opt->val, opt->test);
    s.mem = arena_new();
    if (!s.mem)
        return err_set(err, ERR_MEMORY, "cannot split %d samples", x->n);
    s.drawn = room(&s, (size_t)x->n, sizeof *s.drawn, err);
    s.cluster = opt->cluster ? opt->cluster : room(&s, (size_t)x->n, sizeof *s.cluster, err);
    if (!s.drawn || !s.cluster)
        goto out;
    r.drawn = choose(&s);
    if (opt->cluster || (r.drawn && s.share[DATA_TRAIN] < 1)) {
        ok = find_clusters(&s, err) && draw(&s, err) && summarize(&s, &r, err);
    } else {
        for (int i = 0; i < x->n; i++)
            x->sample[i].split = s.drawn[i] ? DATA_TRAIN : x->sample[i].split;
        ok = true;
    }
    if (ok && result)
        *result = r;
out:
    arena_free(s.mem);
    return ok;
}
