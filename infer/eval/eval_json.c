/*
 * eval_json -- see eval.h: the report for programs, discern.eval/1 (docs/eval.md)
 */
#include "infer/eval/eval.h"

#include "nn/base/json.h"

#include <math.h>

/* The figures of the table; those of the other task are left out. */
static void add_figures(struct str *out, const struct infer_figures *f)
{
    for (int id = 0; id < INFER_FIGURES; id++)
        if (infer_figure_of(id, f->task))
            json_number(out, infer_figure_table[id].member, infer_figure(f, id));
    if (f->task == DATA_SINGLE) {
        json_number(out, "majority", f->majority);
        json_number(out, "top5", f->top5);
    }
    json_number(out, "baseline_ap", f->baseline_ap);
}

static void add_ranges(struct str *out, const char *key, const struct infer_range *range)
{
    json_begin(out, key, '{');
    for (int id = 0; id < INFER_FIGURES; id++) {
        if (isnan(range[id].low))
            continue;
        json_begin(out, infer_figure_table[id].member, '[');
        json_number(out, NULL, range[id].low);
        json_number(out, NULL, range[id].high);
        json_end(out, ']');
    }
    json_end(out, '}');
}

static void add_labels(struct str *out, const struct infer_eval *e,
                       const struct infer_eval_side *side)
{
    json_begin(out, "labels", '[');
    for (int l = 0; l < e->n_labels; l++) {
        const struct infer_label_figures *f = &side->f.label[l];

        json_begin(out, NULL, '{');
        json_text(out, "label", e->label[l]);
        json_number(out, "support", f->support);
        json_number(out, "predicted", f->predicted);
        json_number(out, "correct", f->correct);
        json_number(out, "precision", f->precision);
        json_number(out, "recall", f->recall);
        json_number(out, "f1", f->f1);
        json_number(out, "ap", f->ap);
        json_number(out, "roc_auc", f->roc_auc);
        if (e->task == DATA_MULTI)
            json_float(out, "threshold", side->threshold ? side->threshold[l] : INFER_TOLD);
        json_end(out, '}');
    }
    json_end(out, ']');
}

static void add_confusion(struct str *out, const struct infer_eval *e)
{
    size_t n = (size_t)e->n_labels;

    json_begin(out, "confusion", '[');
    for (size_t t = 0; t < n; t++) {
        json_begin(out, NULL, '[');
        for (size_t a = 0; a < n; a++)
            json_number(out, NULL, e->side[0].f.confusion[t * n + a]);
        json_end(out, ']');
    }
    json_end(out, ']');
    json_begin(out, "confused", '[');
    for (int i = 0; i < e->n_confused; i++) {
        json_begin(out, NULL, '{');
        json_text(out, "truth", e->label[e->confused[i].truth]);
        json_text(out, "answer", e->label[e->confused[i].answer]);
        json_number(out, "pictures", e->confused[i].n);
        json_end(out, '}');
    }
    json_end(out, ']');
}

static void add_mistakes(struct str *out, const struct infer_eval *e)
{
    const struct infer_answers *a = &e->side[0].answers;

    json_begin(out, "mistakes", '[');
    for (int i = 0; i < e->n_mistakes; i++) {
        const struct infer_mistake *m = &e->mistake[i];

        json_begin(out, NULL, '{');
        json_text(out, "file", e->index->sample[a->sample[m->row]].name);
        if (a->task == DATA_SINGLE) {
            json_text(out, "truth", e->label[a->truth[m->row]]);
            json_text(out, "answer", e->label[m->label]);
        } else {
            json_text(out, "label", e->label[m->label]);
            json_raw(out, "told", m->told ? "true" : "false");
        }
        json_float(out, "probability", m->p);
        json_end(out, '}');
    }
    json_end(out, ']');
}

/* What became of the promises of a calibration. */
static void add_promises(struct str *out, const struct infer_eval *e,
                         const struct infer_eval_side *side)
{
    json_begin(out, "bands", '{');
    for (int b = INFER_BAND_LOW; e->task == DATA_SINGLE && b <= INFER_BAND_HI; b++) {
        json_begin(out, infer_band_names[b], '{');
        json_number(out, "answers", side->band[b].n);
        json_number(out, "right", side->band[b].right);
        json_end(out, '}');
    }
    json_end(out, '}');
    json_number(out, "unknown", side->unknown);
}

/* What is said of each side of a comparison. */
static void add_side(struct str *out, const struct infer_eval *e,
                     const struct infer_eval_side *side)
{
    json_number(out, "learnt", side->learnt < 0 ? NAN : side->learnt);
    add_figures(out, &side->f);
    json_number(out, "ece_by_chance", side->chance);
    if (e->task == DATA_SINGLE)
        json_number(out, "k", infer_answers_top_k(&side->answers));
    add_ranges(out, "intervals", side->range);
    if (side->calibrated) {
        json_begin(out, "uncalibrated", '{');
        add_figures(out, &side->before);
        json_end(out, '}');
        add_promises(out, e, side);
    }
    add_labels(out, e, side);
}

static void add_compared(struct str *out, const struct infer_eval *e)
{
    const struct infer_compared *c = &e->compared;
    const struct infer_eval_side *side = &e->side[1];

    json_begin(out, "second", '{');
    json_text(out, "model", side->name);
    add_side(out, e, side);
    json_end(out, '}');
    json_begin(out, "compared", '{');
    json_number(out, "both_right", c->both);
    json_number(out, "first_right", c->first);
    json_number(out, "second_right", c->second);
    json_number(out, "neither_right", c->neither);
    json_number(out, "mcnemar_p", c->p);
    json_begin(out, "difference", '{');
    for (int id = 0; id < INFER_FIGURES; id++)
        if (!isnan(c->difference[id]))
            json_number(out, infer_figure_table[id].member, c->difference[id]);
    json_end(out, '}');
    add_ranges(out, "intervals", c->range);
    json_text(out, "better", c->better == 0 ? NULL : c->better == 1 ? "first" : "second");
    json_end(out, '}');
}

void infer_eval_json(const struct infer_eval *e, struct str *out)
{
    const struct infer_eval_side *side = &e->side[0];

    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.eval/1");
    json_text(out, "model", side->name);
    json_text(out, "data", e->data);
    json_text(out, "split", e->part);
    json_text(out, "task", data_task_names[e->task]);
    json_number(out, "pictures", side->f.n);
    json_number(out, "failed", e->failed);
    add_side(out, e, side);
    if (e->task == DATA_SINGLE)
        add_confusion(out, e);
    add_mistakes(out, e);
    if (e->sides > 1)
        add_compared(out, e);
    json_begin(out, "failures", '[');
    if (e->failures.len)
        json_raw(out, NULL, str_text(&e->failures));
    json_end(out, ']');
    json_end(out, '}');
    out->failed |= e->failures.failed;
}
