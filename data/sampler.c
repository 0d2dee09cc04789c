/*
 * sampler -- see sampler.h
 */
#include "data/sampler.h"

#include "nn/base/rng.h"

#include <stdlib.h>
#include <string.h>

const char *const data_sampling_names[] = { "none", "balanced", NULL };

struct data_sampler {
    int n;
    uint64_t seed;

    /* Balanced, one label a picture: those with pictures; theirs are member[first[k]] to
     * member[first[k + 1] - 1]. */
    int labels;
    uint32_t *first, *member;
    uint32_t *turn;             /* [first[labels]] members, those that had their turn first */
    uint32_t *had;              /* [labels] how many had it */

    /* Balanced, several: sums of the weights of the first i + 1 pictures. */
    double *sum;
};

static bool group(struct data_sampler *s, const struct data_index *x)
{
    size_t labels = (size_t)x->n_labels + 1, n = (size_t)x->n + 1;
    int *count = calloc(labels, sizeof *count);
    uint32_t *next = calloc(labels, sizeof *next);      /* place of each label's next picture */

    s->first = calloc(labels + 1, sizeof *s->first);
    s->had = calloc(labels, sizeof *s->had);
    s->member = calloc(n, sizeof *s->member);
    s->turn = calloc(n, sizeof *s->turn);
    if (count && next && s->first && s->had && s->member && s->turn) {
        data_index_counts(x, count);
        for (int j = 0; j < x->n_labels; j++) {
            next[j] = s->first[s->labels];
            s->first[s->labels + 1] = next[j] + (uint32_t)count[j];
            s->labels += count[j] > 0;
        }
        for (int i = 0; i < x->n; i++)
            if (x->sample[i].label >= 0)
                s->member[next[x->sample[i].label]++] = (uint32_t)i;
    }
    free(next);
    free(count);
    return count && next && s->first && s->had && s->member && s->turn;
}

static bool weigh(struct data_sampler *s, const struct data_index *x)
{
    int *count = calloc((size_t)x->n_labels + 1, sizeof *count);
    int *least = calloc((size_t)x->n + 1, sizeof *least);   /* pictures with its rarest label */
    double sum = 0;
    int none = 0;

    s->sum = calloc((size_t)x->n + 1, sizeof *s->sum);
    if (count && least && s->sum) {
        data_index_counts(x, count);
        for (int i = 0; i < x->n; i++) {
            for (int j = 0; j < x->n_labels; j++)
                if (x->sample[i].mark[j] == 1 && (!least[i] || count[j] < least[i]))
                    least[i] = count[j];
            none += !least[i];
        }
        for (int i = 0; i < x->n; i++)
            s->sum[i] = sum += 1.0 / (least[i] ? least[i] : none);
    }
    free(count);
    free(least);
    return s->sum && count && least;
}

struct data_sampler *data_sampler_new(const struct data_index *x, enum data_sampling sampling,
                                      uint64_t seed, struct err *err)
{
    struct data_sampler *s = calloc(1, sizeof *s);
    bool ok = s != NULL;

    if (ok) {
        s->n = x->n;
        s->seed = seed;
    }
    if (ok && sampling == DATA_SAMPLING_BALANCED)
        ok = x->task == DATA_MULTI ? weigh(s, x) : group(s, x);
    if (ok)
        return s;
    data_sampler_free(s);
    err_set(err, ERR_MEMORY, "cannot hold the order of %d pictures", x->n);
    return NULL;
}

void data_sampler_free(struct data_sampler *s)
{
    if (!s)
        return;
    free(s->first);
    free(s->member);
    free(s->turn);
    free(s->had);
    free(s->sum);
    free(s);
}

/* A label, then the next step of the shuffle that takes turns among its pictures. */
static void draw_labels(struct data_sampler *s, uint64_t stream, uint32_t *order)
{
    memcpy(s->turn, s->member, s->first[s->labels] * sizeof *s->turn);
    memset(s->had, 0, (size_t)s->labels * sizeof *s->had);
    for (int p = 0; p < s->n; p++) {
        uint64_t at = 2 * (uint64_t)p;
        uint32_t k = rng_below(s->seed, stream, at, (uint32_t)s->labels);
        uint32_t *turn = s->turn + s->first[k], size = s->first[k + 1] - s->first[k];
        uint32_t i = s->had[k], j = i + rng_below(s->seed, stream, at + 1, size - i);

        order[p] = turn[j];
        turn[j] = turn[i];
        turn[i] = order[p];
        s->had[k] = (i + 1) % size;
    }
}

static void draw_weights(const struct data_sampler *s, uint64_t stream, uint32_t *order)
{
    for (int p = 0; p < s->n; p++) {
        double u = rng_f64(s->seed, stream, (uint64_t)p) * s->sum[s->n - 1];
        int low = 0, high = s->n - 1;           /* the first whose sum is above u is in there */

        while (low < high) {
            int middle = low + (high - low) / 2;

            if (s->sum[middle] > u)
                high = middle;
            else
                low = middle + 1;
        }
        order[p] = (uint32_t)low;
    }
}

void data_sampler_epoch(struct data_sampler *s, uint64_t epoch, uint32_t *order)
{
    uint64_t stream = rng_stream(RNG_ORDER, (uint32_t)epoch);

    if (s->sum)
        draw_weights(s, stream, order);
    else if (s->labels)
        draw_labels(s, stream, order);
    else
        rng_shuffle(s->seed, stream, (uint32_t)s->n, order);
}
