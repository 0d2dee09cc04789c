/*
 * metric -- how good answers are, from probabilities and truth
 *
 * Definitions are those of scikit-learn's functions of the same names; infer/eval/tally.c has them,
 * and docs/eval.md says where opinions differ.  Figures of the other task are NaN.  Pure functions;
 * thread-safe.
 */
#ifndef INFER_METRIC_H
#define INFER_METRIC_H

#include "infer/answers.h"

struct infer_label_figures {
    int support;                /* pictures that truly carry the label */
    int predicted;              /* pictures answered with it (MULTI: infer_answers_told) */
    int correct;
    double precision, recall, f1;       /* 0 where the denominator is 0 */
    double ap, roc_auc;         /* against the rest; NaN where support is 0 or everything */
};

/* Most of them: infer/eval/figures.def.  macro: mean over the labels, of SINGLE those that are true
 * or answered somewhere; weighted: by the labels' support; micro: of all answers in one heap. */
struct infer_figures {
    enum data_task task;
    int n, n_labels;            /* n: pictures that have a known label */
    /* SINGLE */
    double accuracy;            /* of equal probabilities the first label is the answer */
    double top5, top_k;         /* k: infer_answers_top_k */
    double balanced_accuracy;   /* mean recall of the labels that are true somewhere */
    double mcc;
    int *confusion;             /* [truth * n_labels + answer]; NULL for MULTI */
    double majority;            /* accuracy of always answering the commonest label */
    /* MULTI */
    double subset_accuracy;     /* pictures without a wrong known label */
    double hamming;             /* share of wrong ones among known (picture, label) pairs */
    /* both; SINGLE: each label against the rest */
    double mean_ap, weighted_ap;        /* over the labels whose AP is defined; NaN when none is */
    double roc_auc, weighted_roc_auc;
    double baseline_ap;         /* what label frequencies would get: mean share of positives */
    double macro_precision, macro_recall, macro_f1;
    double weighted_precision, weighted_recall, weighted_f1;
    double micro_precision, micro_recall, micro_f1;
    double log_loss;            /* natural; probabilities clipped to [1e-7, 1]; MULTI: of pairs */
    double brier;               /* SINGLE: sum over labels, 0 to 2; MULTI: mean over pairs */
    double ece;                 /* infer_reliability_error */
    double calibration_error;   /* mean square of the same, without bias: tally.c; maybe < 0 */
    struct infer_label_figures *label;
};

/* What is not known is left out.  ERR_INPUT when nothing is known.  Release them. */
bool infer_figures(const struct infer_answers *a, struct infer_figures *out, struct err *err);
void infer_figures_release(struct infer_figures *f);    /* a zeroed one is fine */

/* The label that most pictures carry; of equal ones the first. */
int infer_figures_commonest(const struct infer_figures *f);

/* Wrong answers of SINGLE, the most frequent first; of equal ones by truth, then answer.  Returns
 * how many of `most` there are. */
struct infer_confused {
    int truth, answer, n;       /* labels; pictures */
};
int infer_confused(const struct infer_figures *f, int most, struct infer_confused *out);

/* The figure that training watches: accuracy, or mean_ap. */
double infer_figures_main(const struct infer_figures *f);
const char *infer_figures_main_name(enum data_task task);       /* "accuracy", "mAP" */

/* ---- the table of figures ---- */

#define FIGURE(member, ...) INFER_FIGURE_##member,
enum infer_figure_id {
#include "infer/eval/figures.def"
    INFER_FIGURES
};
#undef FIGURE

enum infer_figure_kind { INFER_SHARE, INFER_NUMBER, INFER_ROOT };

struct infer_figure {
    const char *member, *name, *meaning;
    size_t offset;              /* in struct infer_figures */
    bool main;                  /* told in every report */
    bool single, multi;         /* whose it is */
    bool of_labels;             /* made of labels' figures */
    enum infer_figure_kind kind;
    double least, most;         /* that is possible, as told */
    int better;                 /* 1: more, -1: less */
};
extern const struct infer_figure infer_figure_table[INFER_FIGURES];

/* Whether answers of this task have it; whether a report tells it of these (top 5 of 4 is none). */
bool infer_figure_of(int id, enum data_task task);
bool infer_figure_is_main(int id, const struct infer_answers *a);
/* Appends its name: "among the top 5". */
void infer_figure_name(struct str *out, int id, const struct infer_answers *a);

int infer_figures_main_id(enum data_task task);

/* As it stands in f; and as it is told: the root of a ROOT. */
double infer_figure_raw(const struct infer_figures *f, int id);
double infer_figure(const struct infer_figures *f, int id);

#endif
