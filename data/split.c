/*
 * split -- which pictures train and which are held out
 *
 * lot = hash / 2^64 is uniform in [0,1): below `test` TEST, below `test + val` VAL, else TRAIN.
 */
#include "data/split.h"

#include "nn/base/arena.h"

#include <math.h>
#include <stdlib.h>

/* A sample among those that are split here; sorted by lot, so that equal files stand together. */
struct lot {
    uint64_t hash;
    int sample;
};

struct split {
    struct data_index *x;
    struct lot *lot;
    int n;
    int (*count)[DATA_TEST + 1];        /* of the lots, by class and side */
};

static int compare_lots(const void *a, const void *b)
{
    const struct lot *p = a, *q = b;

    if (p->hash != q->hash)
        return p->hash < q->hash ? -1 : 1;
    return p->sample - q->sample;
}

/* Puts lot i, and the same bytes elsewhere, on a side. */
static void move(struct split *s, int i, enum data_split side)
{
    uint64_t hash = s->lot[i].hash;

    while (i > 0 && s->lot[i - 1].hash == hash)
        i--;
    for (; i < s->n && s->lot[i].hash == hash; i++) {
        struct data_sample *sample = &s->x->sample[s->lot[i].sample];

        if (sample->label >= 0) {
            s->count[sample->label][sample->split]--;
            s->count[sample->label][side]++;
        }
        sample->split = side;
    }
}

/* Moves pictures of a class, in order of their lots,
 * between a side and TRAIN until the side holds low..high. */
static void correct(struct split *s, int label, enum data_split side, int low, int high)
{
    const int *have = &s->count[label][side];

    for (int i = 0; i < s->n && *have < low; i++) {
        const struct data_sample *sample = &s->x->sample[s->lot[i].sample];

        if (sample->label == label && sample->split == DATA_TRAIN && sample->hash)
            move(s, i, side);
    }
    for (int i = s->n - 1; i >= 0 && *have > high; i--) {
        const struct data_sample *sample = &s->x->sample[s->lot[i].sample];

        if (sample->label == label && sample->split == side)
            move(s, i, DATA_TRAIN);
    }
}

/* Of n pictures, between half and double the share, at least one held out and one left. */
static void bounds(int n, double share, int taken, int *low, int *high)
{
    int most = n - 1 - taken > 0 ? n - 1 - taken : 0;

    *low = (int)fmax(1, floor(n * share / 2));
    *high = (int)fmax(1, ceil(n * share * 2));
    *high = *high < most ? *high : most;
    *low = *low < *high ? *low : *high;
}

/* A class of SINGLE that lots treated badly. */
static void correct_class(struct split *s, int label, double val, double test)
{
    const int *count = s->count[label];
    int all = count[DATA_TRAIN] + count[DATA_VAL] + count[DATA_TEST], low, high;

    if (val > 0) {
        bounds(all, val, 0, &low, &high);
        correct(s, label, DATA_VAL, low, high);
    }
    if (test > 0) {
        bounds(all, test, count[DATA_VAL], &low, &high);
        correct(s, label, DATA_TEST, low, high);
    }
}

bool data_split(struct data_index *x, double val, double test, int threads, struct err *err)
{
    struct split s = { .x = x };
    bool has_val = false, has_test = false, ok = false;

    if (!(val >= 0 && test >= 0 && val + test < 1))
        return err_set(err, ERR_INPUT,
                       "shares to hold out must be 0 or more, and less than 1 together: %g and %g",
                       val, test);
    for (int i = 0; i < x->n; i++) {
        has_val |= x->sample[i].split == DATA_VAL;
        has_test |= x->sample[i].split == DATA_TEST;
    }
    val = has_val ? 0 : val;
    test = has_test ? 0 : test;
    s.lot = malloc(((size_t)x->n + 1) * sizeof *s.lot);
    s.count = calloc((size_t)x->n_labels + 1, sizeof *s.count);
    if (!s.lot || !s.count) {
        err_set(err, ERR_MEMORY, "cannot hold %d samples", x->n);
        goto out;
    }
    for (int i = 0; i < x->n; i++) {
        if (x->sample[i].split == DATA_UNSPLIT || (x->sample[i].split == DATA_TRAIN && !has_val))
            s.lot[s.n++].sample = i;
    }
    if (s.n && val + test > 0 && !data_index_hash(x, threads, err))
        goto out;
    for (int i = 0; i < s.n; i++) {
        struct data_sample *p = &x->sample[s.lot[i].sample];
        double u = (double)(p->hash >> 11) * 0x1p-53;

        s.lot[i].hash = p->hash;
        p->split = !p->hash ? DATA_TRAIN
                   : u < test ? DATA_TEST : u < test + val ? DATA_VAL : DATA_TRAIN;
        if (p->label >= 0)
            s.count[p->label][p->split]++;
    }
    qsort(s.lot, (size_t)s.n, sizeof *s.lot, compare_lots);
    for (int c = 0; x->task == DATA_SINGLE && c < x->n_labels; c++)
        correct_class(&s, c, val, test);
    ok = true;
out:
    free(s.count);
    free(s.lot);
    return ok;
}
