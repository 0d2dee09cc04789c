/*
 * suspect -- see suspect.h
 */
#include "infer/embed/suspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct lead {
    double lead;                /* p(j) - p(i) */
    int row;
};

/* Which of some classes a picture is of: labels, or no and yes of one label. */
struct question {
    const struct infer_probe_data *d;
    const float *p;
    const int *fold;            /* [n]; NULL: each row its own */
    int label;                  /* of which it is asked; -1: which label it is */
    int classes;
    double *t;                  /* [classes] sums of p, as t_j times pictures */
    int *first;                 /* [classes+1] where in row[] a class's pictures begin */
    int *row;                   /* [n] pictures by what they are given */
    int *count;                 /* [classes] C_ij of one i */
    struct lead *by_lead;       /* [n] of pictures given one i, for one j */
    bool *suspect;              /* [n] */
    int *part;                  /* [classes] the only fold of its pictures, or NONE, SEVERAL */
    bool *judged;               /* [n] NULL: nobody asks */
};

enum { NONE = -1, SEVERAL = -2 };

struct search {
    struct infer_suspect *found;
    int n, cap;
    bool failed;
};

static float target(const struct question *q, int row, int label)
{
    return q->d->target[(size_t)row * (size_t)q->d->n_labels + (size_t)label];
}

static double p_of(const struct question *q, int row, int class)
{
    const float *p = q->p + (size_t)row * (size_t)q->d->n_labels;

    if (q->label < 0)
        return (double)p[class];
    return class ? (double)p[q->label] : 1 - (double)p[q->label];
}

/* The class that a picture is given; -1: unknown, or it does not count. */
static int class_of(const struct question *q, int row)
{
    if (q->d->use && !q->d->use[row])
        return -1;
    if (q->label >= 0)
        return target(q, row, q->label) < 0 ? -1 : target(q, row, q->label) > 0.5f;
    for (int l = 0; l < q->classes; l++)
        if (target(q, row, l) > 0.5f)
            return l;
    return -1;
}

/* The same; -1, too, where whoever judged the picture had seen no other of that class. */
static int given_of(const struct question *q, int row)
{
    int class = class_of(q, row);

    return class >= 0 && q->part[class] == SEVERAL ? class : -1;
}

/* q->part. */
static void find_parts(struct question *q)
{
    for (int c = 0; c < q->classes; c++)
        q->part[c] = NONE;
    for (int i = 0; i < q->d->n; i++) {
        int c = class_of(q, i), fold = q->fold ? q->fold[i] : i;

        if (c >= 0 && q->part[c] != fold)
            q->part[c] = q->part[c] == NONE ? fold : SEVERAL;
    }
    for (int i = 0; q->judged && i < q->d->n; i++)
        q->judged[i] |= given_of(q, i) >= 0;
}

/* ---- how many are wrong ---------------------------------------------------------------------- */

/* first, row, t. */
static void sort_rows(struct question *q)
{
    size_t classes = (size_t)q->classes;
    int at = 0;

    memset(q->first, 0, (classes + 1) * sizeof *q->first);
    memset(q->t, 0, classes * sizeof *q->t);
    for (int i = 0; i < q->d->n; i++) {
        int given = given_of(q, i);

        if (given >= 0) {
            q->t[given] += p_of(q, i, given);
            q->first[given]++;
        }
    }
    for (int c = 0; c <= q->classes; c++) {
        int n = c < q->classes ? q->first[c] : 0;

        q->first[c] = at;
        at += n;
    }
    memset(q->count, 0, classes * sizeof *q->count);
    for (int i = 0; i < q->d->n; i++) {
        int given = given_of(q, i);

        if (given >= 0)
            q->row[q->first[given] + q->count[given]++] = i;
    }
}

/* The likeliest class of those above their thresholds; -1: none is. */
static int confident(const struct question *q, int row)
{
    int best = -1;

    for (int c = 0; c < q->classes; c++) {
        int n = q->first[c + 1] - q->first[c];

        if (n && p_of(q, row, c) * n >= q->t[c] &&
            (best < 0 || p_of(q, row, c) > p_of(q, row, best)))
            best = c;
    }
    return best;
}

static int greatest_lead_first(const void *pa, const void *pb)
{
    const struct lead *a = pa, *b = pb;

    if (a->lead != b->lead)
        return a->lead > b->lead ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* Those n of the pictures given i that are likeliest j. */
static void mark_pair(struct question *q, int i, int j, int n)
{
    int all = q->first[i + 1] - q->first[i];

    for (int k = 0; k < all; k++) {
        int row = q->row[q->first[i] + k];

        q->by_lead[k].row = row;
        q->by_lead[k].lead = p_of(q, row, j) - p_of(q, row, i);
    }
    qsort(q->by_lead, (size_t)all, sizeof *q->by_lead, greatest_lead_first);
    for (int k = 0; k < n && k < all && q->by_lead[k].lead > 0; k++)
        q->suspect[q->by_lead[k].row] = true;
}

static void mark(struct question *q)
{
    memset(q->suspect, 0, (size_t)q->d->n * sizeof *q->suspect);
    for (int i = 0; i < q->classes; i++) {
        int all = q->first[i + 1] - q->first[i], sure = 0;

        memset(q->count, 0, (size_t)q->classes * sizeof *q->count);
        for (int k = q->first[i]; k < q->first[i + 1]; k++) {
            int c = confident(q, q->row[k]);

            if (c >= 0) {
                q->count[c]++;
                sure++;
            }
        }
        for (int j = 0; j < q->classes; j++)
            if (j != i && q->count[j])
                mark_pair(q, i, j, (int)lround((double)q->count[j] * all / sure));
    }
}

/* ---- what is found --------------------------------------------------------------------------- */

static void add(struct search *s, struct infer_suspect one)
{
    if (s->n == s->cap && !s->failed) {
        int cap = 2 * s->cap + 64;
        struct infer_suspect *more = realloc(s->found, (size_t)cap * sizeof *more);

        s->failed = !more;
        s->found = more ? more : s->found;
        s->cap = more ? cap : s->cap;
    }
    if (!s->failed)
        s->found[s->n++] = one;
}

static void ask(struct question *q, struct search *s)
{
    find_parts(q);
    sort_rows(q);
    mark(q);
    for (int i = 0; i < q->d->n; i++) {
        int given = q->suspect[i] ? given_of(q, i) : -1, likely = -1;

        for (int c = 0; given >= 0 && c < q->classes; c++)
            if (c != given && (likely < 0 || p_of(q, i, c) > p_of(q, i, likely)))
                likely = c;
        if (given < 0)
            continue;
        add(s, (struct infer_suspect){ i, q->label < 0 ? given : given ? q->label : -1,
                                       q->label < 0 ? likely : likely ? q->label : -1,
                                       (float)p_of(q, i, given), (float)p_of(q, i, likely) });
    }
}

static int surest_first(const void *pa, const void *pb)
{
    const struct infer_suspect *a = pa, *b = pb;
    float da = a->p_given - a->p_likely, db = b->p_given - b->p_likely;

    if (da != db)
        return da < db ? -1 : 1;
    if (a->row != b->row)
        return a->row < b->row ? -1 : 1;
    return (a->given + a->likely > b->given + b->likely) -
           (a->given + a->likely < b->given + b->likely);
}

int infer_suspects(const struct infer_probe_data *d, const float *p, const int *fold,
                   bool *judged, struct infer_suspect **out, struct err *err)
{
    bool single = d->task == DATA_SINGLE;
    size_t n = (size_t)d->n + 1, classes = single ? (size_t)d->n_labels : 2;
    struct question q = { .d = d, .p = p, .fold = fold, .label = -1, .classes = (int)classes,
                          .judged = judged };
    struct search s = { .found = calloc(1, sizeof *s.found), .cap = 1 };

    q.t = malloc((classes + 1) * sizeof *q.t);
    q.first = malloc((classes + 1) * sizeof *q.first);
    q.count = malloc((classes + 1) * sizeof *q.count);
    q.row = malloc(n * sizeof *q.row);
    q.by_lead = malloc(n * sizeof *q.by_lead);
    q.suspect = malloc(n * sizeof *q.suspect);
    q.part = malloc((classes + 1) * sizeof *q.part);
    s.failed = !s.found || !q.t || !q.first || !q.count || !q.row || !q.by_lead || !q.suspect ||
               !q.part;
    if (judged)
        memset(judged, 0, (size_t)d->n * sizeof *judged);
    if (!s.failed && single)
        ask(&q, &s);
    for (q.label = 0; !s.failed && !single && q.label < d->n_labels; q.label++)
        ask(&q, &s);
    free(q.t);
    free(q.first);
    free(q.count);
    free(q.row);
    free(q.by_lead);
    free(q.suspect);
    free(q.part);
    if (s.failed) {
        free(s.found);
        err_set(err, ERR_MEMORY, "no memory to look for wrong labels");
        return -1;
    }
    qsort(s.found, (size_t)s.n, sizeof *s.found, surest_first);
    *out = s.found;
    return s.n;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static int by_pair(const void *pa, const void *pb)
{
    const struct infer_suspect_pair *a = pa, *b = pb;

    if (a->given != b->given)
        return a->given < b->given ? -1 : 1;
    return (a->likely > b->likely) - (a->likely < b->likely);
}

static int most_frequent_first(const void *pa, const void *pb)
{
    const struct infer_suspect_pair *a = pa, *b = pb;

    return a->n != b->n ? (a->n > b->n ? -1 : 1) : by_pair(pa, pb);
}

int infer_suspect_pairs(int n, const struct infer_suspect *s, struct infer_suspect_pair **out,
                        struct err *err)
{
    struct infer_suspect_pair *pair = malloc(((size_t)n + 1) * sizeof *pair);
    int pairs = 0;

    if (!pair) {
        err_set(err, ERR_MEMORY, "no memory for %d pictures", n);
        return -1;
    }
    for (int i = 0; i < n; i++)
        pair[i] = (struct infer_suspect_pair){ s[i].given, s[i].likely, 1 };
    qsort(pair, (size_t)n, sizeof *pair, by_pair);
    for (int i = 0; i < n; i++) {
        if (pairs && !by_pair(&pair[pairs - 1], &pair[i]))
            pair[pairs - 1].n++;
        else
            pair[pairs++] = pair[i];
    }
    qsort(pair, (size_t)pairs, sizeof *pair, most_frequent_first);
    *out = pair;
    return pairs;
}

static void put(struct str *out, const char *const *label, int this, int other)
{
    str_printf(out, "%s%s", this < 0 ? "no " : "", label[this < 0 ? other : this]);
}

void infer_suspect_given(struct str *out, const char *const *label, int given, int likely)
{
    put(out, label, given, likely);
}

void infer_suspect_likely(struct str *out, const char *const *label, int given, int likely)
{
    put(out, label, likely, given);
}
