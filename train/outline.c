/*
 * outline -- see outline.h
 */
#include "train/outline.h"

#include "nn/base/cli.h"

#include <math.h>
#include <stdlib.h>

enum { SPLITS = DATA_TEST + 1, LABEL_COLUMN = 24, COUNT_COLUMN = 10 };

void train_outline_release(struct train_outline *o)
{
    str_release(&o->recipe);
    str_release(&o->variants);
}

double train_outline_epoch(const struct train_outline *o)
{
    return (double)o->per_epoch * o->step + o->val;
}

double train_outline_seconds(const struct train_outline *o)
{
    return (double)o->steps * o->step + (o->epochs + o->start) * o->val;
}

/* count[label][split]; free() it. */
static int (*count_labels(const struct data_index *x))[SPLITS]
{
    int (*count)[SPLITS] = calloc((size_t)x->n_labels + 1, sizeof *count);

    for (int i = 0; count && i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];

        for (int l = 0; s->mark && l < x->n_labels; l++)
            count[l][s->split] += s->mark[l] == 1;
        if (!s->mark && s->label >= 0)
            count[s->label][s->split]++;
    }
    return count;
}

static void add_row(struct str *out, const char *name, const int count[SPLITS])
{
    cli_column(out, name, LABEL_COLUMN, false);
    for (int p = DATA_TRAIN; p < SPLITS; p++)
        str_printf(out, "%*d", COUNT_COLUMN, count[p]);
    str_addc(out, '\n');
}

/* How long, at what rate and of which pictures; nothing of that where no step is
 * made. */
static void add_steps(const struct train_outline *o, const struct train_cfg *cfg, struct str *out)
{
    if (!o->steps) {
        str_add(out, "length   no steps\n");
        return;
    }
    str_printf(out, "length   %lld steps of %d pictures in %d epoch%s\n", (long long)o->steps,
               cfg->batch, o->epochs, str_plural(o->epochs));
    str_printf(out, "rate     %s, highest rate %g, %s\n", cfg->optim, cfg->lr,
               train_sched_names[cfg->sched]);
    str_printf(out, "augment  %s\n", str_text(&o->recipe));
}

static void add_time(const struct train_outline *o, struct str *out)
{
    if (!o->steps)
        return;
    str_add(out, "time     about ");
    str_duration(out, train_outline_epoch(o));
    str_add(out, " an epoch, ");
    str_duration(out, train_outline_seconds(o));
    str_printf(out, " in all: an estimate from a few steps of %.3g s\n", o->step);
}

void train_outline_text(const struct train_outline *o, const struct train_cfg *cfg,
                        const struct data_index *x, struct str *out)
{
    enum { MANY = 30 };         /* labels; of more, those that no picture has are counted alone */
    int (*count)[SPLITS] = count_labels(x), all[SPLITS] = { 0 }, bare = 0;

    out->failed |= !count;
    cli_column(out, "label", LABEL_COLUMN, false);
    for (int p = DATA_TRAIN; p < SPLITS; p++)
        str_printf(out, "%*s", COUNT_COLUMN, data_split_names[p]);
    str_addc(out, '\n');
    for (int l = 0; count && l < x->n_labels; l++) {
        bool any = count[l][DATA_TRAIN] || count[l][DATA_VAL] || count[l][DATA_TEST];

        bare += !any;
        if (any || x->n_labels <= MANY)
            add_row(out, x->label[l], count[l]);
    }
    for (int i = 0; i < x->n; i++)
        all[x->sample[i].split]++;
    add_row(out, "pictures", all);
    if (bare && x->n_labels > MANY)
        str_printf(out, "%d of %d labels are of no picture%s\n", bare, x->n_labels,
                   bare == x->n_labels ? " yet: the teacher has not been asked" : "");
    free(count);

    str_printf(out, "\ntask     %s, %d label%s\n", data_task_names[x->task], x->n_labels,
               str_plural(x->n_labels));
    str_printf(out, "network  %s, %.3g M parameters, %.3g MFLOP a picture of %dx%dx%d\n", o->arch,
               1e-6 * (double)o->trained, 1e-6 * (double)o->flops, o->size[1], o->size[0],
               o->channels);
    add_steps(o, cfg, out);
    str_printf(out, "memory   %.0f MB at its most", 1e-6 * (double)o->memory.total);
    if (o->steps) {
        str_add(out, ", of the network ");
        train_forecast_kept(&o->memory, out);
    }
    str_addc(out, '\n');
    add_time(o, out);
    if (o->variants.len)
        str_printf(out, "\n%s", str_text(&o->variants));
}

static json_t *labels_json(const struct data_index *x)
{
    int (*count)[SPLITS] = count_labels(x);
    json_t *list = count ? json_array() : NULL;

    for (int l = 0; list && l < x->n_labels; l++) {
        struct str name = { 0 };
        json_t *o;

        str_utf8(&name, x->label[l]);
        o = json_pack("{s:s, s:i, s:i, s:i}", "label", str_text(&name), "train",
                      count[l][DATA_TRAIN], "val", count[l][DATA_VAL], "test",
                      count[l][DATA_TEST]);
        str_release(&name);
        if (!o || json_array_append_new(list, o)) {
            json_decref(list);
            list = NULL;
        }
    }
    free(count);
    return list;
}

json_t *train_outline_json(const struct train_outline *o, const struct data_index *x,
                           json_t *settings, json_t *notes)
{
    json_t *labels = labels_json(x);

    return json_pack("{s:s, s:s, s:o, s:s, s:[i,i,i], s:I, s:I, s:I, s:i, s:s, s:f, s:f, s:f, s:I,"
                     " s:o, s:O}",
                     "schema", "discern.plan/1", "task", data_task_names[x->task], "labels",
                     labels, "network", o->arch, "input", o->size[0], o->size[1], o->channels,
                     "parameters", (json_int_t)o->trained, "flops", (json_int_t)o->flops, "steps",
                     (json_int_t)o->steps, "epochs", o->epochs, "augment", str_text(&o->recipe),
                     "seconds_a_step", o->step, "seconds_an_epoch", train_outline_epoch(o),
                     "seconds", train_outline_seconds(o), "memory",
                     (json_int_t)o->memory.total, "settings", settings, "notes", notes);
}
