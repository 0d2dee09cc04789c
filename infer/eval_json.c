/*
 * eval_json -- see eval.h: the report for programs, discern.eval/1
 */
#include "infer/eval.h"

#include "nn/base/json.h"

#include <math.h>

static void json_labels(const struct infer_eval *r, struct str *out)
{
    json_begin(out, "labels", '[');
    for (int l = 0; l < r->f.n_labels; l++) {
        const struct infer_label_figures *f = &r->f.label[l];

        json_begin(out, NULL, '{');
        json_text(out, "label", r->m->label[l]);
        json_number(out, "support", f->support);
        json_number(out, "predicted", f->predicted);
        json_number(out, "correct", f->correct);
        json_number(out, "precision", f->precision);
        json_number(out, "recall", f->recall);
        json_number(out, "f1", f->f1);
        json_number(out, "ap", f->ap);
        json_end(out, '}');
    }
    json_end(out, ']');
}

static void json_confusion(const struct infer_eval *r, struct str *out)
{
    int n = r->f.n_labels;

    json_begin(out, "confusion", '[');
    for (int t = 0; t < n; t++) {
        json_begin(out, NULL, '[');
        for (int a = 0; a < n; a++)
            json_number(out, NULL, r->f.confusion[(size_t)t * (size_t)n + (size_t)a]);
        json_end(out, ']');
    }
    json_end(out, ']');
    json_begin(out, "confused", '[');
    for (int i = 0; i < r->n_confused; i++) {
        json_begin(out, NULL, '{');
        json_text(out, "truth", r->m->label[r->confused[i].truth]);
        json_text(out, "answer", r->m->label[r->confused[i].answer]);
        json_number(out, "pictures", r->confused[i].n);
        json_end(out, '}');
    }
    json_end(out, ']');
}

void infer_eval_json(const struct infer_eval *r, struct str *out)
{
    const struct infer_figures *f = &r->f;

    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.eval/1");
    json_text(out, "model", r->model);
    json_text(out, "data", r->data);
    json_text(out, "split", r->part);
    json_text(out, "task", data_task_names[f->task]);
    json_number(out, "pictures", f->n);
    json_number(out, "failed", r->failed);
    json_number(out, "learnt", r->learnt < 0 ? NAN : r->learnt);
    if (f->task == DATA_SINGLE) {
        json_number(out, "accuracy", f->accuracy);
        json_number(out, "majority", f->majority);
        json_number(out, "top5", f->top5);
        json_number(out, "balanced_accuracy", f->balanced_accuracy);
        json_number(out, "ece", f->ece);
    } else {
        json_number(out, "mean_ap", f->mean_ap);
        json_number(out, "baseline_ap", f->baseline_ap);
        json_number(out, "subset_accuracy", f->subset_accuracy);
        json_number(out, "hamming", f->hamming);
    }
    json_number(out, "macro_f1", f->macro_f1);
    json_number(out, "micro_f1", f->micro_f1);
    json_number(out, "log_loss", f->log_loss);
    json_labels(r, out);
    if (f->confusion)
        json_confusion(r, out);
    json_begin(out, "failures", '[');
    if (r->failures.len)
        json_raw(out, NULL, str_text(&r->failures));
    json_end(out, ']');
    json_end(out, '}');
    out->failed |= r->failures.failed;
}
