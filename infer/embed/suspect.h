/*
 * suspect -- labels that are likely wrong
 *
 * Confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068).  With p what a model
 * says of each picture that it has not learnt from:
 *
 *     t_j    = mean of p(j) over the pictures that are given label j
 *     C_ij   = pictures given i whose greatest p(j) of those with p(j) >= t_j is that of j
 *     n_ij   = C_ij / sum over j of C_ij * pictures given i, rounded
 *
 * Of the pictures given i those n_ij are suspect, for each j that is not i, with the greatest
 * p(j) - p(i), as far as that is above 0 ("prune by noise rate").  A label of which the model is
 * sure has a high t, one that it hardly knows a low one, so neither takes the other's pictures; and
 * how many are wrong is estimated, not said.  Of several labels a picture each label is such a
 * question by itself, yes or no.
 *
 * What the model has never seen is 0 to it, so pictures whose label no picture of another part has
 * say nothing: they are not judged, and count for no t, C or n.
 */
#ifndef INFER_SUSPECT_H
#define INFER_SUSPECT_H

#include "infer/embed/probe.h"

struct infer_suspect {
    int row;
    int given, likely;          /* labels.  MULTI: one of them is -1, given: the label is missing;
                                   likely: it is there, and should not be */
    float p_given, p_likely;    /* of what was given, and of what is likely */
};

/* The suspects among the used rows of d, whose known labels are what was given; p[n,n_labels] and
 * fold[n] as struct infer_probe has held_out and fold; fold NULL: each was held out alone.
 * judged[n], or NULL: whether the row's label, MULTI: any of its labels, was judged.  The surest
 * first: by p_given - p_likely, then row and label.  Their number, free(*out); -1 where memory is
 * out. */
int infer_suspects(const struct infer_probe_data *d, const float *p, const int *fold,
                   bool *judged, struct infer_suspect **out, struct err *err);

/* What is taken for what, and how often. */
struct infer_suspect_pair {
    int given, likely, n;
};
/* The most frequent first, then by label; their number, free(*out); -1 where memory is out. */
int infer_suspect_pairs(int n, const struct infer_suspect *s, struct infer_suspect_pair **out,
                        struct err *err);

/* Appends what was given, or what is likely, in words: "cat"; MULTI: "cat" or "no cat". */
void infer_suspect_given(struct str *out, const char *const *label, int given, int likely);
void infer_suspect_likely(struct str *out, const char *const *label, int given, int likely);

/* The same as a page (data/page.h): pictures, what was given, what is likely, how sure that is;
 * pair by pair. */
struct infer_suspect_report {
    const char *data, *how;     /* as it was typed; a sentence */
    const struct data_index *x;
    const int *sample;          /* of each row */
    const struct infer_suspect *suspect;
    int n;
    const struct infer_suspect_pair *pair;
    int n_pairs;
};
bool infer_suspect_page(const struct infer_suspect_report *r, const struct data_decode *how,
                        int threads, const char *path, struct err *err);

#endif
