/*
 * eval_text -- see eval.h: the report for a terminal
 */
#include "infer/eval.h"

#include "nn/base/cli.h"

#include <math.h>

static int label_width(const struct infer_model *m, int most)
{
    int width = 5;

    for (int l = 0; l < m->n_labels; l++) {
        int w = cli_width(m->label[l]);

        width = w > width ? w : width;
    }
    return width < most ? width : most;
}

static void headline(const struct infer_eval *r, struct str *out)
{
    const struct infer_figures *f = &r->f;

    if (f->task == DATA_MULTI) {
        str_printf(out, "mAP                %.2f%%   (label frequencies: %.2f%%)\n",
                   100 * f->mean_ap, 100 * f->baseline_ap);
        str_printf(out, "all labels right   %.2f%%\n", 100 * f->subset_accuracy);
        str_printf(out, "wrong labels       %.2f%%\n", 100 * f->hamming);
    } else {
        str_printf(out, "accuracy           %.2f%%   (always \"", 100 * f->accuracy);
        cli_clean(out, r->m->label[infer_figures_commonest(f)]);
        str_printf(out, "\": %.2f%%)\n", 100 * f->majority);
        if (f->n_labels > 5)
            str_printf(out, "among the top 5    %.2f%%\n", 100 * f->top5);
        str_printf(out, "mean recall        %.2f%%\n", 100 * f->balanced_accuracy);
    }
    str_printf(out, "F1                 %.4f macro, %.4f micro\n", f->macro_f1, f->micro_f1);
    str_printf(out, "log loss           %.4f\n", f->log_loss);
    if (f->task == DATA_SINGLE)
        str_printf(out, "calibration error  %.4f\n", f->ece);
}

static void table(const struct infer_eval *r, struct str *out)
{
    bool multi = r->f.task == DATA_MULTI;
    int width = label_width(r->m, 30);

    str_addc(out, '\n');
    cli_column(out, "label", width, false);
    str_printf(out, "  precision  recall      F1%s  pictures\n", multi ? "      AP" : "");
    for (int l = 0; l < r->f.n_labels; l++) {
        const struct infer_label_figures *f = &r->f.label[l];

        cli_column(out, r->m->label[l], width, false);
        str_printf(out, "     %6.4f  %6.4f  %6.4f", f->precision, f->recall, f->f1);
        if (multi && isnan(f->ap))
            str_add(out, "       -");
        else if (multi)
            str_printf(out, "  %6.4f", f->ap);
        str_printf(out, "  %8d\n", f->support);
    }
}

static void confusion(const struct infer_eval *r, struct str *out)
{
    int n = r->f.n_labels, width = label_width(r->m, 20), cell = label_width(r->m, 7);

    str_add(out, "\ntrue label in rows, answer in columns\n");
    cli_column(out, "", width, false);
    for (int l = 0; l < n; l++) {
        str_addc(out, ' ');
        cli_column(out, r->m->label[l], cell, true);
    }
    str_addc(out, '\n');
    for (int t = 0; t < n; t++) {
        cli_column(out, r->m->label[t], width, false);
        for (int a = 0; a < n; a++)
            str_printf(out, " %*d", cell, r->f.confusion[t * n + a]);
        str_addc(out, '\n');
    }
}

static void confused(const struct infer_eval *r, struct str *out)
{
    if (r->n_confused)
        str_add(out, "\nmost confused\n");
    for (int i = 0; i < r->n_confused; i++) {
        str_printf(out, "%6d  ", r->confused[i].n);
        cli_clean(out, r->m->label[r->confused[i].truth]);
        str_add(out, " taken for ");
        cli_clean(out, r->m->label[r->confused[i].answer]);
        str_addc(out, '\n');
    }
}

void infer_eval_text(const struct infer_eval *r, struct str *out)
{
    cli_clean(out, r->model);
    str_add(out, " on ");
    cli_clean(out, r->data);
    str_printf(out, ", part %s: %d picture%s", r->part, r->f.n, r->f.n == 1 ? "" : "s");
    if (r->learnt > 0)
        str_printf(out, ", the model has learnt from about %d of them", r->learnt);
    if (r->failed)
        str_printf(out, " (%d could not be read)", r->failed);
    str_add(out, "\n\n");
    headline(r, out);
    table(r, out);
    if (r->f.confusion && r->f.n_labels <= 20)
        confusion(r, out);
    confused(r, out);
}
