/*
 * report -- the parts of a page about answers: what they are worth, which labels are taken for
 * which, each label's figures, curves, calibration, the worst mistakes
 *
 * The page of a training and that of `discern eval` are made of them.  data/page.h says what such a
 * page is.
 */
#ifndef INFER_REPORT_H
#define INFER_REPORT_H

#include "infer/eval/curve.h"
#include "infer/eval/interval.h"

/* All that the parts tell; lent. */
struct infer_report {
    const char *const *label;           /* [n_labels] */
    const struct infer_answers *answers;
    const struct infer_figures *figures;        /* of these answers */
    const struct infer_range *range;    /* [INFER_FIGURES] their intervals; NULL: that of the main
                                           one is reckoned, the others are not told */
    const struct infer_bin *before;     /* [INFER_BINS] confidence and truth as they would be
                                           without calibration; NULL: not known */
    const struct data_index *index;     /* what answers->sample counts in */
    const int *learnt;                  /* [n_labels] pictures that taught each label; NULL: not
                                           known */
    const struct data_decode *decode;   /* of thumbnails; NULL: the default */
    int threads;
};

/* Rules of the page for all parts; those of plots too (infer/eval/plot.h) are needed. */
extern const char infer_report_style[];

/* Each appends a part; those with a heading nothing where there is nothing to tell.  The main
 * figure, on pictures called `of`, with its interval; the other figures; and precision, recall and
 * F1 as the three means. */
bool infer_report_headline(struct str *out, const struct infer_report *r, const char *of,
                           struct err *err);
void infer_report_tiles(struct str *out, const struct infer_report *r);
void infer_report_means(struct str *out, const struct infer_report *r);
void infer_report_confusion(struct str *out, const struct infer_report *r);
void infer_report_labels(struct str *out, const struct infer_report *r);
bool infer_report_curves(struct str *out, const struct infer_report *r, struct err *err);
void infer_report_calibration(struct str *out, const struct infer_report *r);
bool infer_report_mistakes(struct str *out, const struct infer_report *r, struct err *err);

#endif
