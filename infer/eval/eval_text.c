/*
 * eval_text -- see eval.h: the report for a terminal
 */
#include "infer/eval/eval.h"

#include "nn/base/cli.h"

#include <math.h>
#include <stdlib.h>

enum {
    NAME = 18,                  /* columns of a figure's name */
    MATRIX = 20,                /* labels of a confusion matrix */
    TABLE = 60, WEAKEST = 40,   /* labels of a table, and how many of more are told */
};

/* ---- figures --------------------------------------------------------------------------------- */

static void add_name(struct str *out, const struct infer_eval *e, int id)
{
    struct str name = { 0 };

    infer_figure_name(&name, id, &e->side[0].answers);
    cli_column(out, str_text(&name), NAME, false);
    out->failed |= name.failed;
    str_release(&name);
}

static void add_figure(struct str *out, int id, double x)
{
    if (isnan(x))
        str_printf(out, "%8s ", "-");
    else if (infer_figure_table[id].kind == INFER_SHARE)
        str_printf(out, "%8.2f%%", 100 * x);
    else
        str_printf(out, "%8.4f ", x);
}

static void add_range(struct str *out, int id, struct infer_range r)
{
    if (isnan(r.low))
        str_printf(out, "   %16s", "");
    else if (infer_figure_table[id].kind == INFER_SHARE)
        str_printf(out, "   %6.2f to %6.2f", 100 * r.low, 100 * r.high);
    else
        str_printf(out, "   %6.4f to %6.4f", r.low, r.high);
}

/* What a figure has to be seen beside. */
static void add_beside(struct str *out, const struct infer_eval *e, int id)
{
    const struct infer_eval_side *side = &e->side[0];
    const struct infer_figures *f = &side->f;

    switch (id) {
    case INFER_FIGURE_accuracy:
        str_add(out, "   (always \"");
        cli_clean(out, e->label[infer_figures_commonest(f)]);
        str_printf(out, "\": %.2f%%)", 100 * f->majority);
        break;
    case INFER_FIGURE_mean_ap:
        str_printf(out, "   (label frequencies: %.2f%%)", 100 * f->baseline_ap);
        break;
    case INFER_FIGURE_calibration_error:
        str_printf(out, "   (plain ECE %.4f", f->ece);
        if (!isnan(side->chance))
            str_printf(out, "; chance alone makes %.4f", side->chance);
        str_addc(out, ')');
        break;
    case INFER_FIGURE_log_loss: case INFER_FIGURE_brier:
        if (side->calibrated)
            str_printf(out, "   (uncalibrated %.4f)", infer_figure(&side->before, id));
    }
}

static void headline(const struct infer_eval *e, struct str *out)
{
    const struct infer_eval_side *side = &e->side[0];

    cli_column(out, "", NAME, false);
    str_add(out, "              95% interval\n");
    for (int id = 0; id < INFER_FIGURES; id++) {
        if (!infer_figure_is_main(id, &side->answers))
            continue;
        add_name(out, e, id);
        add_figure(out, id, infer_figure(&side->f, id));
        add_range(out, id, side->range[id]);
        add_beside(out, e, id);
        str_addc(out, '\n');
    }
    if (side->calibrated)
        str_printf(out, "uncalibrated the calibration error would be %.4f (plain ECE %.4f)\n",
                   infer_figure(&side->before, INFER_FIGURE_calibration_error), side->before.ece);
}

static void add_mean(struct str *out, const struct infer_eval *e, const char *name, int precision)
{
    const struct infer_eval_side *side = &e->side[0];

    cli_column(out, name, NAME, false);
    for (int id = precision; id < precision + 3; id++)
        str_printf(out, "   %6.4f ", infer_figure(&side->f, id));
    str_printf(out, "  %s\n", infer_figure_table[precision].meaning);
}

static void means(const struct infer_eval *e, struct str *out)
{
    str_addc(out, '\n');
    cli_column(out, "", NAME, false);
    str_add(out, "precision    recall        F1\n");
    add_mean(out, e, "macro", INFER_FIGURE_macro_precision);
    add_mean(out, e, "weighted", INFER_FIGURE_weighted_precision);
    add_mean(out, e, "micro", INFER_FIGURE_micro_precision);
}

/* Whether calibration keeps its promises here. */
static void promises(const struct infer_eval *e, struct str *out)
{
    const struct infer_eval_side *side = &e->side[0];
    const struct infer_calibration *c = side->model[0]->calibration;
    int n = side->answers.n;

    if (!side->calibrated || (e->task == DATA_MULTI && !infer_calibration_tells_unknown(c)))
        return;
    str_add(out, "\nconfidence as calibrated\n");
    for (int b = INFER_BAND_HI; e->task == DATA_SINGLE && b >= INFER_BAND_LOW; b--) {
        const struct infer_eval_band *band = &side->band[b];

        if (!infer_calibration_has_bands(c))
            break;
        str_printf(out, "%-7s  %6d answers, %6.2f%% of them right", infer_band_names[b], band->n,
                   band->n ? 100.0 * band->right / band->n : 0);
        if (b > INFER_BAND_LOW)
            str_printf(out, "   (promised: %.2f%%)", 100 * c->band_stated[b - INFER_BAND_MED]);
        str_addc(out, '\n');
    }
    if (infer_calibration_tells_unknown(c))
        str_printf(out, "unknown  %6d pictures, %.2f%%   (where it was fitted: %.2f%%)\n",
                   side->unknown, 100.0 * side->unknown / n, 100 * c->unknown_false);
}

/* ---- labels ---------------------------------------------------------------------------------- */

static int label_width(const struct infer_eval *e, int most)
{
    int width = 5;

    for (int l = 0; l < e->n_labels; l++) {
        int w = cli_width(e->label[l]);

        width = w > width ? w : width;
    }
    return width < most ? width : most;
}

static void add_label(struct str *out, const struct infer_eval *e, int l, int width)
{
    const struct infer_eval_side *side = &e->side[0];
    const struct infer_label_figures *f = &side->f.label[l];

    cli_column(out, e->label[l], width, false);
    str_printf(out, "     %6.4f  %6.4f  %6.4f", f->precision, f->recall, f->f1);
    if (e->task == DATA_MULTI && isnan(f->ap))
        str_add(out, "       -");
    else if (e->task == DATA_MULTI)
        str_printf(out, "  %6.4f", f->ap);
    str_printf(out, "  %8d", f->support);
    if (side->threshold)
        str_printf(out, "  %9.4f", (double)side->threshold[l]);
    str_addc(out, '\n');
}

struct weak {
    int label;
    double f1;
};

static int by_rising_f1(const void *pa, const void *pb)
{
    const struct weak *a = pa, *b = pb;

    return a->f1 != b->f1 ? (a->f1 > b->f1) - (a->f1 < b->f1) : a->label - b->label;
}

/* All, or of many those that do worst among those that there are pictures of. */
static void table(const struct infer_eval *e, struct str *out)
{
    bool all = e->n_labels <= TABLE;
    int width = label_width(e, 30), n = 0;
    struct weak *weak = malloc((size_t)e->n_labels * sizeof *weak);

    if (!weak) {
        out->failed = true;
        return;
    }
    for (int l = 0; l < e->n_labels; l++)
        if (all || e->side[0].f.label[l].support > 0)
            weak[n++] = (struct weak){ l, all ? l : e->side[0].f.label[l].f1 };
    qsort(weak, (size_t)n, sizeof *weak, by_rising_f1);
    n = all || n < WEAKEST ? n : WEAKEST;
    if (!all)
        str_printf(out, "\nthe %d labels of the lowest F1 of %d (--json, --report: every one)", n,
                   e->n_labels);
    str_addc(out, '\n');
    cli_column(out, "label", width, false);
    str_printf(out, "  precision  recall      F1%s  pictures%s\n",
               e->task == DATA_MULTI ? "      AP" : "", e->side[0].threshold ? "  threshold" : "");
    for (int i = 0; i < n; i++)
        add_label(out, e, weak[i].label, width);
    free(weak);
}

static void confusion(const struct infer_eval *e, struct str *out)
{
    int n = e->n_labels, width = label_width(e, 20), cell = label_width(e, 7);

    str_add(out, "\ntrue label in rows, answer in columns\n");
    cli_column(out, "", width, false);
    for (int l = 0; l < n; l++) {
        str_addc(out, ' ');
        cli_column(out, e->label[l], cell, true);
    }
    str_addc(out, '\n');
    for (int t = 0; t < n; t++) {
        cli_column(out, e->label[t], width, false);
        for (int a = 0; a < n; a++)
            str_printf(out, " %*d", cell, e->side[0].f.confusion[t * n + a]);
        str_addc(out, '\n');
    }
}

static void confused(const struct infer_eval *e, struct str *out)
{
    if (e->n_confused)
        str_add(out, "\nmost confused\n");
    for (int i = 0; i < e->n_confused; i++) {
        str_printf(out, "%6d  ", e->confused[i].n);
        cli_clean(out, e->label[e->confused[i].truth]);
        str_add(out, " taken for ");
        cli_clean(out, e->label[e->confused[i].answer]);
        str_addc(out, '\n');
    }
}

static void mistakes(const struct infer_eval *e, struct str *out)
{
    const struct infer_answers *a = &e->side[0].answers;

    if (e->n_mistakes)
        str_printf(out, "\nworst of %lld mistakes: look whether the label is right\n",
                   (long long)e->mistakes);
    for (int i = 0; i < e->n_mistakes; i++) {
        const struct infer_mistake *m = &e->mistake[i];

        str_printf(out, "%5.1f%%  ", 100 * (double)m->p);
        cli_clean(out, e->label[m->label]);
        if (a->task == DATA_SINGLE) {
            str_add(out, " for ");
            cli_clean(out, e->label[a->truth[m->row]]);
        } else {
            str_add(out, m->told ? " told" : " missed");
        }
        str_add(out, "  ");
        cli_clean(out, e->index->sample[a->sample[m->row]].name);
        str_addc(out, '\n');
    }
}

/* ---- two models ------------------------------------------------------------------------------ */

static void add_difference(struct str *out, const struct infer_eval *e, int id)
{
    const struct infer_compared *c = &e->compared;
    struct infer_range r = c->range[id];
    double percent = infer_figure_table[id].kind == INFER_SHARE ? 100 : 1;

    add_name(out, e, id);
    add_figure(out, id, infer_figure(&e->side[0].f, id));
    add_figure(out, id, infer_figure(&e->side[1].f, id));
    str_printf(out, percent > 1 ? "  %+8.2f" : "  %+8.4f", percent * c->difference[id]);
    if (!isnan(r.low))
        str_printf(out, percent > 1 ? "   %+7.2f to %+7.2f" : "   %+7.4f to %+7.4f",
                   percent * r.low, percent * r.high);
    str_addc(out, '\n');
}

static void compared(const struct infer_eval *e, struct str *out)
{
    cli_column(out, "", NAME, false);
    str_add(out, "    first   second   difference   its 95% interval\n");
    for (int id = 0; id < INFER_FIGURES; id++)
        if (infer_figure_is_main(id, &e->side[0].answers))
            add_difference(out, e, id);
    str_addc(out, '\n');
    infer_compared_counts(out, &e->compared, e->task);
    str_addc(out, '\n');
    infer_compared_verdict(out, &e->compared, e->task);
    str_addc(out, '\n');
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void title(const struct infer_eval *e, struct str *out)
{
    if (e->sides > 1) {
        str_add(out, "first   ");
        cli_clean(out, e->side[0].name);
        str_add(out, "\nsecond  ");
        cli_clean(out, e->side[1].name);
        str_add(out, "\n");
    } else {
        cli_clean(out, e->side[0].name);
        str_addc(out, ' ');
    }
    str_add(out, "on ");
    cli_clean(out, e->data);
    str_printf(out, ", part %s: %d picture%s", e->part, e->side[0].f.n,
               str_plural(e->side[0].f.n));
    for (int s = 0; s < e->sides; s++) {
        if (e->side[s].learnt <= 0)
            continue;
        str_add(out, ", ");
        infer_eval_add_learnt(out, e, s);
    }
    if (e->failed)
        str_printf(out, " (%d could not be read)", e->failed);
    str_add(out, "\n\n");
}

void infer_eval_text(const struct infer_eval *e, struct str *out)
{
    title(e, out);
    if (e->sides > 1) {
        compared(e, out);
        return;
    }
    headline(e, out);
    means(e, out);
    promises(e, out);
    table(e, out);
    if (e->task == DATA_SINGLE && e->n_labels <= MATRIX)
        confusion(e, out);
    confused(e, out);
    mistakes(e, out);
}
