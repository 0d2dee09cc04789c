/*
 * report_parts -- the parts of the page that come from answers (report.h)
 */
#ifndef TRAIN_LISTEN_REPORT_PARTS_H
#define TRAIN_LISTEN_REPORT_PARTS_H

#include "infer/metric.h"
#include "train/listen/report.h"

/* Rules of the page for all parts. */
extern const char train_report_style[];

/* Each appends a part with its heading, or nothing where there is nothing to tell. */
void train_report_confusion(struct str *out, const struct train_report *r,
                            const struct infer_figures *f);
void train_report_labels(struct str *out, const struct train_report *r,
                         const struct infer_figures *f);
bool train_report_curves(struct str *out, const struct train_report *r,
                         const struct infer_figures *f, struct err *err);
void train_report_calibration(struct str *out, const struct train_report *r);
bool train_report_mistakes(struct str *out, const struct train_report *r, struct err *err);

#endif
