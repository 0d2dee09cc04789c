/*
 * cluster_page -- clusters of pictures as a page: a contact sheet of each
 */
#ifndef INFER_CLUSTER_PAGE_H
#define INFER_CLUSTER_PAGE_H

#include "data/index.h"
#include "infer/embed/cluster.h"

/* All that is told of clusters; lent. */
struct infer_sheet {
    const char *data;           /* as it was typed: the heading */
    const char *how;            /* a sentence: by what, how many, how chosen */
    const struct data_index *x;
    const int *sample;          /* [clusters->n] of each row */
    const struct infer_clusters *clusters;
    const int *member;          /* [clusters->n] rows cluster by cluster, the nearest to its centre
                                   first, those in none behind */
    const struct infer_agreement *agreement;    /* with labels; NULL: there are none, or several a
                                                   picture */
};

/* Rows of each label in cluster c (-1: in none), the commonest first: label[] and count[], both
 * [x->n_labels]; how many there are. */
int infer_sheet_labels(const struct infer_sheet *s, int c, int *label, int *count);

/* Appends agreement in words, a sentence. */
void infer_sheet_agreement(const struct infer_sheet *s, struct str *out);

/* Writes the page atomically (data/page.h says what it is). */
bool infer_sheet_write(const struct infer_sheet *s, const struct data_decode *how, int threads,
                       const char *path, struct err *err);

#endif
