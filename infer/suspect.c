/*
 * suspect -- see suspect.h
 */
#include "infer/suspect.h"

#include <stdlib.h>

struct search {
    const struct infer_probe_data *d;
    const float *p;
    double *t;                  /* [labels] SINGLE: sums, as t_j is after division */
    struct infer_suspect *found;
    int n, cap;
    bool failed;
};

static bool used(const struct search *s, int row)
{
    return !s->d->use || s->d->use[row];
}

static float target(const struct search *s, int row, int label)
{
    return s->d->target[(size_t)row * (size_t)s->d->n_labels + (size_t)label];
}

static double p_of(const struct search *s, int row, int label)
{
    return (double)s->p[(size_t)row * (size_t)s->d->n_labels + (size_t)label];
}

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

/* The label of a row of one; -1: unknown. */
static int given_of(const struct search *s, int row)
{
    for (int l = 0; l < s->d->n_labels; l++)
        if (target(s, row, l) > 0.5f)
            return l;
    return -1;
}

static void search_single(struct search *s, int *count)
{
    int labels = s->d->n_labels;

    for (int i = 0; i < s->d->n; i++) {
        int given = used(s, i) ? given_of(s, i) : -1;

        if (given >= 0) {
            s->t[given] += p_of(s, i, given);
            count[given]++;
        }
    }
    for (int i = 0; i < s->d->n; i++) {
        int given = used(s, i) ? given_of(s, i) : -1, likely = -1;

        for (int l = 0; given >= 0 && l < labels; l++)
            if (count[l] && p_of(s, i, l) * count[l] >= s->t[l] &&
                (likely < 0 || p_of(s, i, l) > p_of(s, i, likely)))
                likely = l;
        if (likely >= 0 && likely != given)
            add(s, (struct infer_suspect){ i, given, likely, (float)p_of(s, i, given),
                                           (float)p_of(s, i, likely) });
    }
}

/* Label l: yes or no. */
static void search_label(struct search *s, int l)
{
    double t[2] = { 0, 0 };
    int count[2] = { 0, 0 };

    for (int i = 0; i < s->d->n; i++) {
        float y = target(s, i, l);

        if (used(s, i) && y >= 0) {
            t[y > 0.5f] += y > 0.5f ? p_of(s, i, l) : 1 - p_of(s, i, l);
            count[y > 0.5f]++;
        }
    }
    for (int i = 0; i < s->d->n; i++) {
        float y = target(s, i, l);
        bool yes = y > 0.5f;
        double given = yes ? p_of(s, i, l) : 1 - p_of(s, i, l), likely = 1 - given;

        if (!used(s, i) || y < 0 || !count[!yes] || likely * count[!yes] < t[!yes] ||
            (given * count[yes] >= t[yes] && given >= likely))
            continue;
        add(s, (struct infer_suspect){ i, yes ? l : -1, yes ? -1 : l, (float)given,
                                       (float)likely });
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

int infer_suspects(const struct infer_probe_data *d, const float *p, struct infer_suspect **out,
                   struct err *err)
{
    struct search s = { .d = d, .p = p };
    int *count = calloc((size_t)d->n_labels + 1, sizeof *count);

    s.t = calloc((size_t)d->n_labels + 1, sizeof *s.t);
    s.found = calloc(1, sizeof *s.found);
    s.failed = !count || !s.t || !s.found;
    s.cap = 1;
    if (!s.failed && d->task == DATA_SINGLE)
        search_single(&s, count);
    for (int l = 0; !s.failed && d->task == DATA_MULTI && l < d->n_labels; l++)
        search_label(&s, l);
    free(count);
    free(s.t);
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
