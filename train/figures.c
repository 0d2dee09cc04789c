/*
 * figures -- see figures.h
 */
#include "train/figures.h"

#include "nn/base/json.h"

void train_figures_text(struct str *out, const struct infer_figures *f, bool taught)
{
    const char *name = infer_figures_main_name(f->task);

    if (taught)
        name = f->task == DATA_SINGLE ? "agreement" : "mAP of agreement";
    str_printf(out, "%s %.4f", name, infer_figures_main(f));
}

int train_figures(const struct infer_figures *f, struct train_figure out[TRAIN_FIGURES])
{
    struct train_figure *to = out;

    if (f->task == DATA_SINGLE) {
        *to++ = (struct train_figure){ "accuracy", f->accuracy };
        *to++ = (struct train_figure){ "balanced_accuracy", f->balanced_accuracy };
        *to++ = (struct train_figure){ "majority", f->majority };
        *to++ = (struct train_figure){ "ece", f->ece };
    } else {
        *to++ = (struct train_figure){ "mAP", f->mean_ap };
        *to++ = (struct train_figure){ "baseline_mAP", f->baseline_ap };
        *to++ = (struct train_figure){ "subset_accuracy", f->subset_accuracy };
    }
    *to++ = (struct train_figure){ "macro_f1", f->macro_f1 };
    *to++ = (struct train_figure){ "log_loss", f->log_loss };
    return (int)(to - out);
}

void train_figures_json(struct str *out, const struct infer_figures *f)
{
    struct train_figure of[TRAIN_FIGURES];
    int n = train_figures(f, of);

    json_number(out, "pictures", f->n);
    for (int i = 0; i < n; i++)
        json_number(out, of[i].name, of[i].value);
}
