/*
 * figures -- see figures.h
 */
#include "train/listen/figures.h"

#include "nn/base/json.h"

void train_figures_text(struct str *out, const struct infer_figures *f)
{
    str_printf(out, "%s %.4f", infer_figures_main_name(f->task), infer_figures_main(f));
}

void train_figures_json(struct str *out, const struct infer_figures *f)
{
    json_number(out, "pictures", f->n);
    if (f->task == DATA_SINGLE) {
        json_number(out, "accuracy", f->accuracy);
        json_number(out, "balanced_accuracy", f->balanced_accuracy);
        json_number(out, "majority", f->majority);
    } else {
        json_number(out, "mAP", f->mean_ap);
        json_number(out, "baseline_mAP", f->baseline_ap);
        json_number(out, "subset_accuracy", f->subset_accuracy);
    }
    json_number(out, "macro_f1", f->macro_f1);
    json_number(out, "log_loss", f->log_loss);
}
