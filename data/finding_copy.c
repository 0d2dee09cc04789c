/*
 * finding_copy -- pictures that are there more than once
 */
#include "data/finding.h"

#include <stdlib.h>
#include <string.h>

/* What neighbours share.  qsort has no argument for the index: each element brings its key. */
struct keyed {
    uint64_t key;
    const char *text;
    int sample;
};

static int by_key(const void *pa, const void *pb)
{
    const struct keyed *a = pa, *b = pb;
    int text = a->text && b->text ? strcmp(a->text, b->text) : 0;

    if (text)
        return text;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->sample > b->sample) - (a->sample < b->sample);
}

typedef bool key_fn(const struct data_finder *f, int i, struct keyed *k);
typedef void run_fn(struct data_finder *f, const struct keyed *k, int n);

struct span {
    int first, n, sample;       /* of keyed; its first picture */
};

static int by_sample(const void *pa, const void *pb)
{
    const struct span *a = pa, *b = pb;

    return (a->sample > b->sample) - (a->sample < b->sample);
}

/* k[0..n) is sorted: the spans of two and more that share a key, in the order of their pictures. */
static int find_spans(const struct keyed *k, int n, struct span *span)
{
    int spans = 0;

    for (int i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && k[end].key == k[i].key; end++)
            if (k[i].text && strcmp(k[end].text, k[i].text) != 0)
                break;
        if (end - i > 1)
            span[spans++] = (struct span){ i, end - i, k[i].sample };
    }
    qsort(span, (size_t)spans, sizeof *span, by_sample);
    return spans;
}

/* Calls `run` for every set of two and more pictures that share a key. */
static void each_run(struct data_finder *f, key_fn *key, run_fn *run)
{
    struct keyed *k = malloc(sizeof *k * ((size_t)f->c->pictures + 1));
    struct span *span = malloc(sizeof *span * ((size_t)f->c->pictures / 2 + 1));
    int n = 0;

    f->failed |= !k || !span;
    for (int i = 0; k && i < f->c->pictures; i++) {
        k[n] = (struct keyed){ .sample = i };
        n += key(f, i, &k[n]);
    }
    if (k && span) {
        qsort(k, (size_t)n, sizeof *k, by_key);
        n = find_spans(k, n, span);
        for (int i = 0; i < n; i++)
            run(f, k + span[i].first, span[i].n);
    }
    free(k);
    free(span);
}

static bool cluster_key(const struct data_finder *f, int i, struct keyed *k)
{
    k->key = (uint64_t)f->a->cluster[i];
    return !f->a->fact[i].why;
}

static bool bytes_key(const struct data_finder *f, int i, struct keyed *k)
{
    k->key = f->a->x->sample[i].hash;
    return !f->a->fact[i].why;
}

static bool group_key(const struct data_finder *f, int i, struct keyed *k)
{
    k->text = f->a->x->sample[i].group;
    return k->text != NULL;
}

static bool same_bytes(const struct data_finder *f, const struct keyed *k, int n)
{
    for (int i = 1; i < n; i++)
        if (f->a->x->sample[k[i].sample].hash != f->a->x->sample[k[0].sample].hash)
            return false;
    return true;
}

/* One case, the training part's pictures first. */
static void tell(struct data_finder *f, const struct keyed *k, int n, const char *note)
{
    static const enum data_split order[] = { DATA_TRAIN, DATA_VAL, DATA_TEST, DATA_UNSPLIT };

    data_finder_case(f, NULL, note ? "%s" : NULL, note);
    for (int p = 0; p < DATA_PARTS; p++)
        for (int i = 0; i < n; i++)
            if (f->a->x->sample[k[i].sample].split == order[p])
                data_finder_picture(f, k[i].sample);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static int parts_of(const struct data_finder *f, const struct keyed *k, int n, int part[DATA_PARTS])
{
    int parts = 0;

    memset(part, 0, sizeof *part * DATA_PARTS);
    for (int i = 0; i < n; i++)
        parts += part[f->a->x->sample[k[i].sample].split]++ == 0;
    return parts;
}

static void leak(struct data_finder *f, const struct keyed *k, int n)
{
    int part[DATA_PARTS];

    if (parts_of(f, k, n, part) > 1)
        tell(f, k, n, same_bytes(f, k, n) ? "same bytes" : NULL);
}

void data_find_leak(struct data_finder *f)
{
    each_run(f, cluster_key, leak);
}

static void straddle(struct data_finder *f, const struct keyed *k, int n)
{
    struct str note = { 0 };
    int part[DATA_PARTS];

    if (parts_of(f, k, n, part) < 2)
        return;
    for (int p = 0; p < DATA_PARTS; p++)
        if (part[p])
            str_printf(&note, "%s%s %d", note.len ? ", " : "", data_split_names[p], part[p]);
    data_finder_case(f, k[0].text, "%s", str_text(&note));
    f->failed |= note.failed;
    str_release(&note);
    for (int p = 0; p < DATA_PARTS; p++)        /* one picture of each part shows it */
        for (int i = 0; i < n; i++)
            if ((int)f->a->x->sample[k[i].sample].split == p) {
                data_finder_picture(f, k[i].sample);
                break;
            }
}

void data_find_straddle(struct data_finder *f)
{
    each_run(f, group_key, straddle);
}

/* ---- labels ---------------------------------------------------------------------------------- */

static bool same_labels(const struct data_index *x, int a, int b)
{
    const struct data_sample *s = &x->sample[a], *t = &x->sample[b];

    if (!s->mark || !t->mark)
        return s->label == t->label;
    for (int l = 0; l < x->n_labels; l++)
        if (s->mark[l] >= 0 && t->mark[l] >= 0 && s->mark[l] != t->mark[l])
            return false;
    return true;
}

static void add_labels(const struct data_index *x, int i, struct str *out)
{
    const struct data_sample *s = &x->sample[i];
    size_t start = out->len;

    if (!s->mark)
        str_add(out, s->label < 0 ? "?" : x->label[s->label]);
    for (int l = 0; s->mark && l < x->n_labels; l++)
        if (s->mark[l] > 0)
            str_printf(out, "%s%s", out->len > start ? "+" : "", x->label[l]);
    if (s->mark && out->len == start)
        str_add(out, "none");
}

/* Every set of labels that occurs is named once, with the first picture that has it. */
static void conflict(struct data_finder *f, const struct keyed *k, int n)
{
    enum { NAMED = 8 };
    const struct data_index *x = f->a->x;
    struct str note = { 0 };
    int named[NAMED] = { k[0].sample }, kinds = 1;

    for (int i = 1; i < n && kinds < NAMED; i++) {
        bool is_new = true;

        for (int j = 0; j < kinds; j++)
            is_new = is_new && !same_labels(x, named[j], k[i].sample);
        if (is_new)
            named[kinds++] = k[i].sample;
    }
    if (kinds < 2)
        return;
    for (int j = 0; j < kinds; j++) {
        str_add(&note, j ? " against " : "");
        add_labels(x, named[j], &note);
    }
    tell(f, k, n, str_text(&note));
    f->failed |= note.failed;
    str_release(&note);
}

void data_find_conflict(struct data_finder *f)
{
    each_run(f, cluster_key, conflict);
}

/* ---- copies ---------------------------------------------------------------------------------- */

/* What is a leak or a conflict has been told as such. */
static bool is_told(const struct data_finder *f, const struct keyed *k, int n)
{
    int part[DATA_PARTS];

    for (int i = 1; i < n; i++)
        if (!same_labels(f->a->x, k[0].sample, k[i].sample))
            return true;
    return parts_of(f, k, n, part) > 1;
}

static void duplicate(struct data_finder *f, const struct keyed *k, int n)
{
    if (!is_told(f, k, n))
        tell(f, k, n, NULL);
}

void data_find_duplicate(struct data_finder *f)
{
    each_run(f, bytes_key, duplicate);
}

static void near(struct data_finder *f, const struct keyed *k, int n)
{
    if (!same_bytes(f, k, n) && !is_told(f, k, n))
        tell(f, k, n, NULL);
}

void data_find_near(struct data_finder *f)
{
    each_run(f, cluster_key, near);
}
