/*
 * census -- what a set holds, in numbers
 *
 * Counts are of the pictures that can be read: the others teach nothing.
 */
#ifndef DATA_CENSUS_H
#define DATA_CENSUS_H

#include "data/audit.h"
#include "nn/base/str.h"

enum { DATA_PARTS = 4 };        /* of enum data_split */

struct data_spread {
    int min, median, max;
};

struct data_label_pair {
    int a, b;                   /* a < b */
    int both;                   /* pictures that have both */
};

struct data_census {
    int pictures, readable;
    uint64_t bytes;             /* of all that can be opened */
    int part[DATA_PARTS];
    int n_labels;
    int (*label)[DATA_PARTS];   /* [n_labels]: pictures that have it, by part */
    int *total, *unknown;       /* [n_labels]: that have it; of which it is not known */
    int carrying[DATA_PARTS];   /* pictures with 0, 1, 2, more labels */
    struct data_spread width, height, side;     /* side: the shorter one */
    int format[128];            /* by data_fact.format */
    int groups;                 /* declared ones */
    double evenness;            /* 1 when labels are equally common, 0 when there is but one:
                                   entropy of their shares over its most */
    const struct data_label_pair *pair;         /* MULTI: found together most, falling */
    int n_pairs;
    struct arena *mem;
};

struct data_census *data_census_new(const struct data_audit *a, struct err *err);
void data_census_free(struct data_census *c);   /* NULL is fine */

/* Pictures of a label that training sees: its train part, or everything where no part is named. */
int data_census_training(const struct data_census *c, int label);

/* Appends members of an object: data, layout, task, counts, labels. */
void data_census_json(const struct data_census *c, const struct data_index *x, struct str *out);

/* Appends what `name` is and the lines "  pictures  ...", "  sizes", "  labels", "  parts". */
void data_census_text(const struct data_census *c, const struct data_index *x, const char *name,
                      struct str *out);

#endif
