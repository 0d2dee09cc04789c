/*
 * parts -- see parts.h
 */
#include "train/parts.h"

#include <stdlib.h>

enum { MISSING_NAMED = 8 };

static bool labelled(const struct data_sample *s, int n_labels)
{
    if (!s->mark)
        return s->label >= 0;
    for (int l = 0; l < n_labels; l++)
        if (s->mark[l] >= 0)
            return true;
    return false;
}

/* A figure needs one picture at least that is readable and whose labels are known: better said now
 * than after an epoch. */
static bool check_val(const struct data_index *val, const struct data_decode *decode,
                      struct err *err)
{
    struct err first = { 0 };
    int known = 0;

    for (int i = 0; i < val->n; i++) {
        struct data_image image;
        struct err why;

        if (!labelled(&val->sample[i], val->n_labels))
            continue;
        if (data_sample_image(&val->sample[i], decode, &image, &why)) {
            data_image_release(&image);
            return true;
        }
        first = known++ ? first : why;
    }
    if (!known)
        return err_set(err, ERR_INPUT,
                       "none of the %d pictures to check with has a known label: label some of "
                       "the val part, or take it away and a share is held out", val->n);
    return err_set(err, first.kind,
                   "none of the %d pictures to check with can be read, the first: %s", known,
                   first.msg);
}

bool train_parts_open(struct train_parts *p, const struct data_index *x,
                      const struct data_decode *decode, struct err *err)
{
    *p = (struct train_parts){ .train = data_index_part(x, DATA_TRAIN, err) };
    p->val = p->train ? data_index_part(x, DATA_VAL, err) : NULL;
    if (!p->val)
        return false;
    if (p->train->n < 2)
        return err_set(err, ERR_INPUT, "%d picture%s to learn from: two are the least",
                       p->train->n, str_plural(p->train->n));
    p->told = calloc((size_t)p->train->n + (size_t)p->val->n, 1);
    if (!p->told)
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", x->n);
    if (p->val->n)
        return check_val(p->val, decode, err);
    data_index_free(p->val);
    p->val = NULL;
    return true;
}

void train_parts_close(struct train_parts *p)
{
    data_index_free(p->train);
    data_index_free(p->val);
    free(p->told);
}

bool train_parts_first(struct train_parts *p, const struct data_sample *sample)
{
    bool val = p->val && sample >= p->val->sample && sample < p->val->sample + p->val->n;
    unsigned char *told = val ? p->told + p->train->n + (sample - p->val->sample)
                              : p->told + (sample - p->train->sample);
    bool first = !*told;

    *told = 1;
    return first;
}

/* data_index_counts of those that could be read.  False: memory is out. */
static bool count_read(const struct data_index *x, const bool *read, int *count)
{
    struct data_index part = *x;
    bool ok;

    part.sample = malloc(((size_t)x->n + 1) * sizeof *part.sample);
    part.n = 0;
    for (int i = 0; part.sample && i < x->n; i++)
        if (read[i])
            part.sample[part.n++] = x->sample[i];
    if (part.sample)
        data_index_counts(&part, count);
    ok = part.sample;
    free(part.sample);
    return ok;
}

void train_parts_missing(const struct train_parts *p, const bool *read, struct str *out)
{
    const struct data_index *x = p->train;
    int *count = calloc(2 * (size_t)x->n_labels + 1, sizeof *count), missing = 0, told = 0;
    int *readable = count ? count + x->n_labels : NULL;

    if (!count || (read && !count_read(x, read, readable))) {
        free(count);
        out->failed = true;
        return;
    }
    data_index_counts(x, count);
    for (int l = 0; l < x->n_labels; l++) {
        count[l] = read ? count[l] && !readable[l] : !count[l];
        missing += count[l];
    }
    if (missing)
        str_printf(out, "%d of %d labels have no picture to learn from%s and will not be learnt:",
                   missing, x->n_labels, read ? " that can be read" : "");
    for (int l = 0; l < x->n_labels && told < MISSING_NAMED; l++)
        if (count[l])
            str_printf(out, "%s %s", told++ ? "," : "", x->label[l]);
    if (missing > MISSING_NAMED)
        str_printf(out, " and %d more", missing - MISSING_NAMED);
    free(count);
}

bool train_parts_nothing(int64_t read, struct err *err)
{
    if (!read)
        return err_set(err, ERR_INPUT, "none of the pictures to learn from can be read");
    return err_set(err, ERR_INPUT,
                   "no step found two pictures that can be read, and batch-norm needs them: mend "
                   "or remove the files named above, or make the batch larger");
}
