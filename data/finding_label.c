/*
 * finding_label -- labels that cannot be learnt, or not be measured, as the set stands
 */
#include "data/finding.h"

#include "data/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { FEW = 20, SMALL = 100 };

static const char *name(const struct data_finder *f, int label)
{
    return f->a->x->label[label];
}

/* ---- how many -------------------------------------------------------------------------------- */

/* With 20 pictures and a fifth held out, 4 measure the label: one picture is 25 points. */
void data_find_few(struct data_finder *f)
{
    bool single = f->a->x->task == DATA_SINGLE;

    for (int l = 0; l < f->c->n_labels; l++) {
        int n = data_census_training(f->c, l);

        if (single && f->c->total[l] == 1) {
            data_finder_case(f, name(f, l), "1, and training asks for 2 at least");
            f->severity = DATA_ERROR;
        } else if (n > 0 && n < FEW) {
            data_finder_case(f, name(f, l), "%d, %d more would do", n, FEW - n);
        }
    }
}

void data_find_small(struct data_finder *f)
{
    for (int l = 0; l < f->c->n_labels; l++) {
        int n = data_census_training(f->c, l);

        if (n >= FEW && n < SMALL)
            data_finder_case(f, name(f, l), "%d", n);
    }
}

/* What training has none of is an error: the label will never be an answer. */
void data_find_absent(struct data_finder *f)
{
    const int *part = f->c->part;

    for (int l = 0; l < f->c->n_labels; l++)
        for (int p = DATA_TRAIN; p < DATA_PARTS; p++) {
            bool is = p == DATA_TRAIN ? part[p] || part[DATA_VAL] || part[DATA_TEST] : part[p];
            int n = p == DATA_TRAIN ? data_census_training(f->c, l) : f->c->label[l][p];

            if (!f->c->total[l] || !is || n)
                continue;
            data_finder_case(f, name(f, l), "none of %d in %s", f->c->total[l],
                             data_split_names[p]);
            if (p == DATA_TRAIN)
                f->severity = DATA_ERROR;
        }
}

void data_find_empty(struct data_finder *f)
{
    for (int l = 0; l < f->c->n_labels; l++)
        if (!f->c->total[l])
            data_finder_case(f, name(f, l), NULL);
}

/* Where no label is on some pictures and not on others nothing can be learnt at all. */
void data_find_always(struct data_finder *f)
{
    int told = 0;

    for (int l = 0; l < f->c->n_labels; l++) {
        int known = f->c->readable - f->c->unknown[l];

        if (f->c->total[l] && f->c->total[l] == known)
            data_finder_case(f, name(f, l), NULL);
        else
            told += f->c->total[l] > 0;
    }
    if (!told)
        f->severity = DATA_ERROR;
}

/* From 3 to 1 on, the commonest label alone gives an accuracy that looks like learning (of two
 * labels 75 %); from 10 to 1 on it is all that accuracy shows. */
void data_find_imbalance(struct data_finder *f)
{
    int most = 0, least = -1;

    for (int l = 0; l < f->c->n_labels; l++) {
        if (f->c->total[l] > f->c->total[most])
            most = l;
        if (f->c->total[l] && (least < 0 || f->c->total[l] < f->c->total[least]))
            least = l;
    }
    if (least < 0 || f->c->total[most] < 3 * f->c->total[least])
        return;
    data_finder_case(f, name(f, most), "%d pictures against %d of \"%s\": %.1f to 1",
                     f->c->total[most], f->c->total[least], name(f, least),
                     (double)f->c->total[most] / f->c->total[least]);
    if (f->a->x->task == DATA_SINGLE && f->c->total[most] >= 10 * f->c->total[least])
        f->severity = DATA_WARNING;
}

/* The 95 % interval of a share near a half: 1.96 sqrt(1/4 / n), 10 points at 100 pictures. */
void data_find_measure(struct data_finder *f)
{
    for (int p = DATA_VAL; p < DATA_PARTS; p++)
        if (f->c->part[p] && f->c->part[p] < 100)
            data_finder_case(f, data_split_names[p], "%d pictures: an accuracy is certain to "
                             "+-%.0f points", f->c->part[p], 98 / sqrt(f->c->part[p]));
}

/* ---- names ----------------------------------------------------------------------------------- */

void data_find_alike(struct data_finder *f)
{
    static const char *const why[] = { "but for case and spaces the same", "one more than one",
                                       "a slip of the fingers" };
    struct data_words_pair *pair = NULL;
    struct err err;
    int n = data_words_alike(f->c->n_labels, f->a->x->label, &pair, &err);

    f->failed |= n < 0;
    for (int i = 0; i < n; i++)
        data_finder_case(f, name(f, pair[i].a), "%d pictures, \"%s\" %d: %s",
                         f->c->total[pair[i].a], name(f, pair[i].b), f->c->total[pair[i].b],
                         why[pair[i].why]);
    free(pair);
}

/* ---- several labels a picture ---------------------------------------------------------------- */

struct print {
    uint64_t hash;              /* of the set of pictures that have the label */
    int label;
};

static int by_hash(const void *pa, const void *pb)
{
    const struct print *a = pa, *b = pb;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return (a->label > b->label) - (a->label < b->label);
}

void data_find_together(struct data_finder *f)
{
    const struct data_index *x = f->a->x;
    struct print *p;

    if (x->task == DATA_SINGLE)
        return;
    p = calloc((size_t)x->n_labels + 1, sizeof *p);
    if (!p) {
        f->failed = true;
        return;
    }
    for (int l = 0; l < x->n_labels; l++)
        p[l].label = l;
    for (int i = 0; i < x->n; i++) {
        uint64_t h = XXH3_64bits(&i, sizeof i);

        for (int l = 0; !f->a->fact[i].why && l < x->n_labels; l++)
            p[l].hash += x->sample[i].mark[l] > 0 ? h : 0;
    }
    qsort(p, (size_t)x->n_labels, sizeof *p, by_hash);
    for (int l = 1; l < x->n_labels; l++)
        if (p[l].hash == p[l - 1].hash && f->c->total[p[l].label])
            data_finder_case(f, name(f, p[l - 1].label), "and \"%s\", in %d pictures",
                             name(f, p[l].label), f->c->total[p[l].label]);
    free(p);
}

void data_find_unmarked(struct data_finder *f)
{
    const struct data_index *x = f->a->x;

    for (int i = 0; x->task == DATA_MULTI && i < x->n; i++) {
        bool none = !f->a->fact[i].why;

        for (int l = 0; none && l < x->n_labels; l++)
            none = x->sample[i].mark[l] == 0;
        if (none)
            data_finder_one(f, i, NULL);
    }
}

void data_find_unknown(struct data_finder *f)
{
    for (int l = 0; l < f->c->n_labels; l++)
        if (f->c->unknown[l])
            data_finder_case(f, name(f, l), "unknown for %d of %d, %.1f %%", f->c->unknown[l],
                             f->c->readable, 100.0 * f->c->unknown[l] / f->c->readable);
}

/* ---- what tells a label without looking ------------------------------------------------------ */

struct hint {
    uint64_t key;
    int label;
};

static int by_hint(const void *pa, const void *pb)
{
    const struct hint *a = pa, *b = pb;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->label > b->label) - (a->label < b->label);
}

static uint64_t exact_size(const struct data_fact *f)
{
    return (uint64_t)f->width << 32 | (uint64_t)f->height;
}

/* In steps of a quarter of an octave. */
static uint64_t rough_size(const struct data_fact *f)
{
    return (uint64_t)round(4 * log2(f->width)) << 32 | (uint64_t)round(4 * log2(f->height));
}

static uint64_t format(const struct data_fact *f)
{
    return (uint64_t)f->format;
}

static uint64_t colour(const struct data_fact *f)
{
    return f->look.grey;
}

/* In steps of a sixteenth. */
static uint64_t light(const struct data_fact *f)
{
    return (uint64_t)(16 * f->look.light);
}

/* Of h[0..n), one key, how many are right when each is guessed from the others, as the commonest
 * label of these: none but those of the one label that is commonest, and of these only a share
 * where without itself another is as common. */
static double right_in_run(const struct hint *h, int n, const int *count)
{
    int most = 0, second = 0, seconds = 0;

    for (int i = 0; i < n; i += count[h[i].label]) {
        int c = count[h[i].label];

        if (c > most) {
            seconds = second == most ? seconds + 1 : 1;
            second = most;
            most = c;
        } else if (c > second) {
            second = c;
            seconds = 1;
        } else {
            seconds += c == second;
        }
    }
    if (most - 1 > second || second == 0)
        return most;
    return most - 1 == second ? (double)most / (1 + seconds) : 0;
}

/* The share of pictures whose label the key tells; those alone with their key do not count as
 * told, but for the share that guessing gets. */
static double told_by(struct data_finder *f, uint64_t (*key)(const struct data_fact *), double base)
{
    const struct data_index *x = f->a->x;
    struct hint *h = malloc(sizeof *h * ((size_t)x->n + 1));
    int *count = calloc((size_t)x->n_labels + 1, sizeof *count);
    double right = 0;
    int n = 0;

    if (!h || !count) {
        f->failed = true;
        goto out;
    }
    for (int i = 0; i < x->n; i++)
        if (!f->a->fact[i].why && x->sample[i].label >= 0)
            h[n++] = (struct hint){ key(&f->a->fact[i]), x->sample[i].label };
    qsort(h, (size_t)n, sizeof *h, by_hint);
    for (int i = 0, end; i < n; i = end) {
        for (end = i; end < n && h[end].key == h[i].key; end++)
            count[h[end].label]++;
        right += end - i > 1 ? right_in_run(h + i, end - i, count) : base;
        for (int k = i; k < end; k++)
            count[h[k].label] = 0;
    }
out:
    free(h);
    free(count);
    return n ? right / n : 0;
}

/* Told: a third of what guessing the commonest label leaves open, and beyond chance. */
void data_find_shortcut(struct data_finder *f)
{
    static const struct {
        const char *what;
        uint64_t (*key)(const struct data_fact *);
    } keys[] = {
        { "width and height", exact_size }, { "about how large it is", rough_size },
        { "file format", format },          { "grey or coloured", colour },
        { "how bright it is", light },
    };
    int most = 0;
    double base;

    for (int l = 0; l < f->c->n_labels; l++)
        most = f->c->total[l] > f->c->total[most] ? l : most;
    if (f->a->x->task == DATA_MULTI || f->c->n_labels < 2 || f->c->readable < 40)
        return;
    base = (double)f->c->total[most] / f->c->readable;
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        double told = told_by(f, keys[k].key, base);

        if (told - base > (1 - base) / 3 &&
            told - base > 4 * sqrt(base * (1 - base) / f->c->readable))
            data_finder_case(f, keys[k].what, "alone tells %.0f %% of the labels (always \"%s\": "
                             "%.0f %%)", 100 * told, name(f, most), 100 * base);
    }
}
