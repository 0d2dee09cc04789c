/*
 * taught -- see taught.h
 */
#include "train/taught.h"

#include "data/bare.h"
#include "infer/committee.h"
#include "nn/base/pool.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 32, NAMED = 8 };

/* ---- what is meant --------------------------------------------------------------------------- */

bool train_taught_meant(struct train_asked *a, bool *meant, struct err *err)
{
    struct train_cfg *cfg = &a->o.cfg;
    char *path;

    if (a->data && cfg->teacher && !cfg->unlabelled && data_bare_is(a->data)) {
        path = realpath(a->data, NULL);
        cfg->unlabelled = path ? arena_str(a->mem, path) : NULL;
        free(path);
        if (!cfg->unlabelled)
            return err_set(err, ERR_MEMORY, "%s: no memory for its path", a->data);
        a->data = NULL;
    }
    *meant = !a->data;
    return true;
}

/* Settings that only people's labels give a meaning. */
static bool check(const struct train_asked *a, struct err *err)
{
    char name[CLI_NAME_BYTES];

    for (const struct field *f = train_source_fields; f->name; f++)
        if (!field_is_default(f, &a->o))
            return err_set(err, ERR_USAGE,
                           "%s says how DATA with labels are read, and there are none: --teacher "
                           "labels the pictures of --unlabelled",
                           cli_option_name(f, false, name));
    if (a->o.cfg.calibrate == TRAIN_CALIBRATE_YES)
        return err_set(err, ERR_USAGE,
                       "--calibrate yes: how often the network is right takes labels to tell, and "
                       "these pictures have what the teacher says; it passes its confidences on");
    return true;
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool take_labels(struct data_index *x, const struct infer_model *m, struct err *err)
{
    x->task = m->task;
    x->n_labels = m->n_labels;
    x->taught = true;
    x->label = arena_array(x->mem, (size_t)m->n_labels, sizeof *x->label);
    for (int l = 0; x->label && l < m->n_labels; l++)
        if (!(x->label[l] = arena_str(x->mem, m->label[l])))
            x->label = NULL;
    return x->label || err_set(err, ERR_MEMORY, "no memory for %d labels", m->n_labels);
}

/* Several labels a picture: nothing is known of any yet. */
static bool make_marks(struct data_index *x, struct err *err)
{
    size_t labels = (size_t)x->n_labels;
    int8_t *mark = x->task == DATA_MULTI ? arena_array(x->mem, (size_t)x->n * labels, 1) : NULL;

    if (x->task == DATA_SINGLE)
        return true;
    if (!mark)
        return err_set(err, ERR_MEMORY, "no memory for %d labels of %d pictures", x->n_labels,
                       x->n);
    memset(mark, -1, (size_t)x->n * labels);
    for (int i = 0; i < x->n; i++)
        x->sample[i].mark = mark + (size_t)i * labels;
    return true;
}

struct data_index *train_taught_open(const struct train_asked *a, struct err *err)
{
    struct infer_file *f = check(a, err) ? infer_file_open(a->o.cfg.teacher, err) : NULL;
    struct infer_model *m = f ? infer_file_head(f, err) : NULL;
    struct data_index *x = m ? data_bare_open(a->o.cfg.unlabelled, err) : NULL;

    if (m && !x)
        err_in(err, "unlabelled");
    if (x && !(take_labels(x, m, err) && make_marks(x, err))) {
        data_index_free(x);
        x = NULL;
    }
    infer_model_free(m);
    infer_file_close(f);
    return x;
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct asking {
    struct data_index *x;
    const struct infer_model *m;
    int *count;                 /* [labels] pictures that have it now */
    int unread;
};

static bool hear(void *ctx, const struct infer_said *said)
{
    struct asking *a = ctx;
    struct data_sample *s = &a->x->sample[said->sample];
    int8_t *mark = (int8_t *)(uintptr_t)s->mark; /* make_marks' */
    int best = 0;

    if (said->why) { /* told with the part that it is in */
        a->unread++;
        return true;
    }
    for (int l = 0; l < a->x->n_labels; l++) {
        if (said->probability[l] > said->probability[best])
            best = l;
        if (mark) {
            mark[l] = said->probability[l] >=
                      infer_calibration_threshold(a->m->calibration, a->m->task, l);
            a->count[l] += mark[l];
        }
    }
    if (!mark) {
        s->label = best;
        a->count[best]++;
    }
    return true;
}

/* "of 120 pictures it says: cat 61, dog 40, bird 19" */
static void tell(const struct asking *a, struct str *told)
{
    int last = -1, n = 0, labels = 0, read = a->x->n - a->unread;

    str_printf(told, "of %d picture%s it says:", read, str_plural(read));
    for (int l = 0; l < a->x->n_labels; l++)
        labels += a->count[l] > 0;
    for (; n < labels && n < NAMED; n++) {
        int next = -1;

        for (int l = 0; l < a->x->n_labels; l++) {
            bool after = last < 0 || a->count[l] < a->count[last] ||
                         (a->count[l] == a->count[last] && l > last);

            if (after && a->count[l] && (next < 0 || a->count[l] > a->count[next]))
                next = l;
        }
        str_printf(told, "%s %s %d", n ? "," : "", a->x->label[next], a->count[next]);
        last = next;
    }
    if (labels > n)
        str_printf(told, " and %d more labels", labels - n);
    if (!labels)
        str_add(told, " nothing of any");
    else if (labels < a->x->n_labels)
        str_printf(told, "; of %d labels none", a->x->n_labels - labels);
}

bool train_taught_ask(struct data_index *x, const struct train_cfg *cfg,
                      const struct data_decode *decode, struct str *told, struct err *err)
{
    struct infer_model *m = infer_model_open(cfg->teacher, err);
    int threads = cfg->threads ? cfg->threads : pool_cpus();
    struct infer_committee_options as = { .batch = x->n < BATCH ? x->n : BATCH,
                                          .threads = threads, .isa = cfg->isa };
    struct asking a = { .x = x, .m = m,
                        .count = calloc((size_t)x->n_labels + 1, sizeof *a.count) };
    struct infer_committee *c = NULL;
    struct progress progress;
    bool ok = m && (a.count || err_set(err, ERR_MEMORY, "no memory for %d labels", x->n_labels));

    ok = ok && (c = infer_committee_new(1, &m, &cfg->teacher, &as, err));
    if (ok) {
        struct infer_evaluate_options how = { .threads = threads, .decode = decode,
                                              .progress = &progress };

        cli_progress(&progress, "asked about", "pictures", x->n);
        ok = infer_committee_each(c, x, &how, hear, &a, err);
        progress_end(&progress);
    }
    if (ok && a.unread == x->n)
        ok = err_set(err, ERR_INPUT, "%s: none of its %d pictures can be read", cfg->unlabelled,
                     x->n);
    if (ok)
        tell(&a, told);
    infer_committee_free(c);
    infer_model_free(m);
    free(a.count);
    return ok;
}
