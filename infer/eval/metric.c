/*
 * metric -- see metric.h; the formulas: infer/eval/tally.c
 */
#include "infer/eval/metric.h"

#include "infer/eval/curve.h"
#include "infer/eval/tally.h"
#include "nn/base/arena.h"

#include <math.h>
#include <stdlib.h>

/* What the labels say together, each once; scored is scratch for the rows. */
static void labels(const struct infer_rows *rows, struct infer_tally *t,
                   struct infer_scored *scored, struct infer_figures *out)
{
    for (int l = 0; l < out->n_labels; l++) {
        int n = infer_tally_sort(rows, l, scored);
        int64_t seen;

        out->label[l] = infer_tally_label(n, scored, NULL, &seen);
        infer_tally_add(t, out->task, &out->label[l], seen);
    }
}

static void confuse(const struct infer_rows *rows, struct infer_figures *out)
{
    size_t n = (size_t)out->n_labels;

    for (int i = 0; i < rows->n; i++)
        out->confusion[(size_t)rows->a->truth[rows->at[i].row] * n + (size_t)rows->at[i].answer]++;
}

bool infer_figures(const struct infer_answers *a, struct infer_figures *out, struct err *err)
{
    bool single = a->task == DATA_SINGLE;
    struct infer_figures f = { .task = a->task, .n_labels = a->n_labels };
    struct infer_scored *scored = calloc(2 * (size_t)a->n + 1, sizeof *scored);
    struct infer_rows rows = { 0 };
    struct infer_tally tally = { 0 };
    struct infer_bin bin[INFER_BINS];
    size_t cells;
    bool done = false;

    f.label = calloc((size_t)f.n_labels + 1, sizeof *f.label);
    if (single && size_mul((size_t)f.n_labels, (size_t)f.n_labels, &cells))
        f.confusion = calloc(cells + 1, sizeof *f.confusion);
    if (!scored || !f.label || (single && !f.confusion)) {
        err_set(err, ERR_MEMORY, "cannot hold the figures of %d pictures and %d labels", a->n,
                f.n_labels);
        goto out;
    }
    if (!infer_rows_init(&rows, a, err))
        goto out;
    if (rows.n == 0) {
        err_set(err, ERR_INPUT, "none of the %d pictures has a known label", a->n);
        goto out;
    }
    infer_tally_rows(&tally, &rows, NULL);
    labels(&rows, &tally, scored, &f);
    infer_tally_settle(&tally, f.task, &f);
    infer_reliability(a, bin);
    f.ece = infer_reliability_error(bin);
    f.majority = NAN;
    if (single) {
        confuse(&rows, &f);
        f.majority = (double)f.label[infer_figures_commonest(&f)].support / f.n;
    }
    *out = f;
    f = (struct infer_figures){ 0 };
    done = true;
out:
    infer_figures_release(&f);
    infer_rows_release(&rows);
    free(scored);
    return done;
}

void infer_figures_release(struct infer_figures *f)
{
    free(f->confusion);
    free(f->label);
    f->confusion = NULL;
    f->label = NULL;
}

int infer_figures_commonest(const struct infer_figures *f)
{
    int most = 0;

    for (int l = 1; l < f->n_labels; l++)
        most = f->label[l].support > f->label[most].support ? l : most;
    return most;
}

int infer_confused(const struct infer_figures *f, int most, struct infer_confused *out)
{
    int n = 0;

    for (int t = 0; t < f->n_labels; t++)
        for (int a = 0; a < f->n_labels; a++) {
            int times = f->confusion[(size_t)t * (size_t)f->n_labels + (size_t)a], at;

            if (times == 0 || t == a || most == 0 || (n == most && times <= out[n - 1].n))
                continue;
            for (at = n < most ? n++ : n - 1; at > 0 && out[at - 1].n < times; at--)
                out[at] = out[at - 1];
            out[at] = (struct infer_confused){ t, a, times };
        }
    return n;
}

double infer_figures_main(const struct infer_figures *f)
{
    return f->task == DATA_SINGLE ? f->accuracy : f->mean_ap;
}

const char *infer_figures_main_name(enum data_task task)
{
    return task == DATA_SINGLE ? "accuracy" : "mAP";
}

/* ---- the table ------------------------------------------------------------------------------- */

#define TASK_SINGLE .single = true
#define TASK_MULTI .multi = true
#define TASK_BOTH .single = true, .multi = true
#define BETTER_UP 1
#define BETTER_DOWN -1
#define FROM_PICTURES false
#define FROM_LABELS true
#define RANK_MAIN true
#define RANK_MORE false
#define FIGURE(m, rank, task, from, kind_, least_, most_, better_, name_, meaning_) \
    { .member = #m, .name = name_, .meaning = meaning_, .kind = INFER_##kind_, \
      .offset = offsetof(struct infer_figures, m), .least = least_, .most = most_, \
      .better = BETTER_##better_, .main = RANK_##rank, .of_labels = FROM_##from, TASK_##task },

const struct infer_figure infer_figure_table[INFER_FIGURES] = {
#include "infer/eval/figures.def"
};

bool infer_figure_of(int id, enum data_task task)
{
    return task == DATA_SINGLE ? infer_figure_table[id].single : infer_figure_table[id].multi;
}

bool infer_figure_is_main(int id, const struct infer_answers *a)
{
    return infer_figure_table[id].main && infer_figure_of(id, a->task) &&
           (id != INFER_FIGURE_top_k || a->n_labels > infer_answers_top_k(a));
}

void infer_figure_name(struct str *out, int id, const struct infer_answers *a)
{
    if (id == INFER_FIGURE_top_k)
        str_printf(out, "among the top %d", infer_answers_top_k(a));
    else
        str_add(out, infer_figure_table[id].name);
}

int infer_figures_main_id(enum data_task task)
{
    return task == DATA_SINGLE ? INFER_FIGURE_accuracy : INFER_FIGURE_mean_ap;
}

double infer_figure_raw(const struct infer_figures *f, int id)
{
    return *(const double *)((const char *)f + infer_figure_table[id].offset);
}

double infer_figure(const struct infer_figures *f, int id)
{
    double x = infer_figure_raw(f, id);

    return infer_figure_table[id].kind != INFER_ROOT || isnan(x) ? x : x > 0 ? sqrt(x) : 0;
}
