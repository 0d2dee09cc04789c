/*
 * split -- which pictures train and which are held out
 *
 * A unit is what is drawn of one cluster.  lot = its smallest hash / 2^64 is uniform in [0, 1):
 * below `test` TEST, below `test + val` VAL, else TRAIN.  shares.h corrects that.
 */
#include "data/split.h"

#include "data/phash.h"
#include "data/shares.h"
#include "nn/base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct split {
    struct data_index *x;
    const struct data_split_options *opt;
    bool *drawn;                /* [x->n] */
    bool *readable;             /* [x->n] */
    int *cluster;               /* [x->n] */
    int *unit_of;               /* [x->n] of a cluster, by its smallest sample; -1: none */
    struct data_shares d;
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
    bool val = false, test = false, train;
    int n = 0;

    for (int i = 0; i < s->x->n; i++) {
        struct data_sample *p = &s->x->sample[i];

        if (o->redraw)
            p->split = DATA_UNSPLIT;
        val |= p->split == DATA_VAL;
        test |= p->split == DATA_TEST;
    }
    s->d.share[DATA_VAL] = val && !o->grow ? 0 : o->val;
    s->d.share[DATA_TEST] = test && !o->grow ? 0 : o->test;
    s->d.share[DATA_TRAIN] = 1 - s->d.share[DATA_VAL] - s->d.share[DATA_TEST];
    train = !val && (o->val > 0 || !o->grow);
    for (int i = 0; i < s->x->n; i++) {
        enum data_split split = s->x->sample[i].split;

        s->drawn[i] = split == DATA_UNSPLIT || (split == DATA_TRAIN && train);
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
        for (int i = 0; i < x->n; i++)
            s->readable[i] = x->sample[i].hash;
    } else {
        phash = calloc((size_t)x->n + 1, sizeof *phash);
        if (!phash)
            return err_set(err, ERR_MEMORY, "cannot compare %d pictures", x->n);
        ok = data_phash_index(x, s->opt->threads, s->opt->decode, s->opt->progress, phash,
                              s->readable, err);
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
    const struct data_unit *a = pa, *b = pb;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->cluster - b->cluster;
}

/* Places what joins others, and makes units of the rest, with their lots' parts. */
static bool make_units(struct split *s, struct err *err)
{
    struct data_index *x = s->x;
    enum data_split *anchor = find_anchors(s, err);

    s->d.unit = anchor ? room(s, (size_t)x->n, sizeof *s->d.unit, err) : NULL;
    s->unit_of = s->d.unit ? room(s, (size_t)x->n, sizeof *s->unit_of, err) : NULL;
    if (!s->unit_of)
        return false;
    for (int i = 0; i < x->n; i++)
        s->unit_of[i] = -1;
    for (int i = 0; i < x->n; i++) {
        struct data_sample *p = &x->sample[i];
        int c = s->cluster[i];
        struct data_unit *u;

        if (!s->drawn[i])
            continue;
        if (!p->hash || anchor[c]) {
            /* Training pictures of the data's own do not become test pictures. */
            p->split = !p->hash || p->split == DATA_TRAIN ? DATA_TRAIN : anchor[c];
            s->drawn[i] = false;
            continue;
        }
        if (s->unit_of[c] < 0) {
            s->unit_of[c] = s->d.n_units;
            s->d.unit[s->d.n_units++] = (struct data_unit){ .hash = p->hash, .cluster = c };
        }
        u = &s->d.unit[s->unit_of[c]];
        u->hash = p->hash < u->hash ? p->hash : u->hash;
    }
    qsort(s->d.unit, (size_t)s->d.n_units, sizeof *s->d.unit, by_lot);
    for (int i = 0; i < s->d.n_units; i++) {
        struct data_unit *u = &s->d.unit[i];
        double lot = data_unit_lot(u), test = s->d.share[DATA_TEST];
        double held = test + s->d.share[DATA_VAL];

        u->part = lot < test ? DATA_TEST : lot < held ? DATA_VAL : DATA_TRAIN;
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
    s->d.n_entries++;
}

static void add_entry(struct split *s, int sample, int label)
{
    s->d.entry[s->d.n_entries++] =
        (struct data_entry){ s->unit_of[s->cluster[sample]], label, 1 };
}

static void count_placed(struct split *s, int sample, int label)
{
    s->d.label[label].count[s->x->sample[sample].split]++;
}

/* Which labels units carry, and how often each occurs among what does not move. */
static bool count_labels(struct split *s, struct err *err)
{
    s->d.n_labels = s->x->n_labels;
    s->d.label = room(s, (size_t)s->x->n_labels + 1, sizeof *s->d.label, err);
    if (!s->d.label)
        return false;
    for (int i = 0; i < s->x->n; i++) {
        if (s->drawn[i])
            each_label(s, i, count_entry);
        else if (s->opt->grow)
            each_label(s, i, count_placed);
    }
    s->d.entry = room(s, (size_t)s->d.n_entries, sizeof *s->d.entry, err);
    s->d.n_entries = 0;
    for (int i = 0; s->d.entry && i < s->x->n; i++)
        if (s->drawn[i])
            each_label(s, i, add_entry);
    return s->d.entry;
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
        r->unreadable += !s->readable[i];
        r->unreadable_in[p->split] += !s->readable[i];
    }
    for (int i = 0; i < s->x->n; i++) {
        r->clusters += size[i] > 1;
        r->clustered += size[i] > 1 ? size[i] : 0;
        r->straddling += (parts[i] & (parts[i] - 1)) != 0;
    }
    for (int i = 0; i < s->x->n_labels; i++) {
        const struct data_label *l = &s->d.label[i];

        for (int p = DATA_TRAIN; p < DATA_PARTS && l->all; p++)
            r->worst = fmax(r->worst, fabs(l->count[p] - l->all * s->d.share[p]));
    }
    r->worst = r->worst < 1e-6 ? 0 : r->worst;      /* of rounding alone */
    return true;
}

static bool draw(struct split *s, struct err *err)
{
    s->d.exact = s->opt->shares == DATA_SPLIT_EXACT;
    if (!make_units(s, err) || !count_labels(s, err) || !data_shares_correct(&s->d, err))
        return false;
    for (int i = 0; i < s->x->n; i++)
        if (s->drawn[i])
            s->x->sample[i].split = s->d.unit[s->unit_of[s->cluster[i]]].part;
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
    s.readable = room(&s, (size_t)x->n, sizeof *s.readable, err);
    if (!s.drawn || !s.cluster || !s.readable)
        goto out;
    r.drawn = choose(&s);
    if (opt->cluster || (r.drawn && s.d.share[DATA_TRAIN] < 1)) {
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
