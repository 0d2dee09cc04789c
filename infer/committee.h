/*
 * committee -- networks and views that answer as one
 *
 * probability[label] = mean over networks and views of what each says.  Networks know the same
 * labels, in whatever order, and may want pictures of other sizes.  Views are the picture as
 * validation sees it and its mirror image; both again from nearer (7/8 of each side), or moved by a
 * pixel up and left, and down and right, which count half of the unmoved ones each (K. Jordan,
 * arXiv:2404.00498, sec. 3.5, whose means are of logits); what comes in at an edge repeats it.
 * Sums are in double and in a fixed order, and a picture's bits do not depend on its neighbours;
 * one network with one view is infer_predict and nothing more.
 */
#ifndef INFER_COMMITTEE_H
#define INFER_COMMITTEE_H

#include "infer/eval/evaluate.h"
#include "infer/predict.h"

enum infer_views { INFER_VIEWS_ONE, INFER_VIEWS_MIRROR, INFER_VIEWS_FOUR,
                   INFER_VIEWS_SIX };
extern const char *const infer_views_names[];   /* "one" "mirror" "four" "six" NULL */

enum { INFER_COMMITTEE_MOST = 32 };     /* networks */

struct infer_committee;

struct infer_committee_options {
    int batch, threads;         /* >= 1 */
    int views;                  /* enum infer_views */
    const char *isa;            /* as in nn_kernels_get, of what is made */
    const struct infer_network *const *network;     /* of each model, lent; NULL: made of them */
};

/* Whether there is room for n models. */
bool infer_committee_holds(int n, struct err *err);

/* Whether n >= 1 models can answer together; the error says in what two of them differ. */
bool infer_committee_check(int n, struct infer_model *const *model, const char *const *path,
                           struct err *err);

/* to[n_labels]: where m, of the file path, has each label of the first.  ERR_INPUT where it is for
 * another task or knows others; so: "models answer together only", to which the error adds "when
 * they know the same". */
bool infer_committee_match(const struct infer_model *m, const char *path,
                           const struct infer_model *first, const char *first_path, const char *so,
                           int *to, struct err *err);

/* n >= 1 models and their names for errors, lent until it is freed.  Labels and their order are
 * the first one's. */
struct infer_committee *infer_committee_new(int n, struct infer_model *const *model,
                                            const char *const *path,
                                            const struct infer_committee_options *o,
                                            struct err *err);
void infer_committee_free(struct infer_committee *c);   /* NULL is fine */

/* As if made with this batch; nothing happens when it was.  A batch that is not full costs what a
 * full one does.  On failure it is as before, or of a smaller batch where memory is out. */
bool infer_committee_batch(struct infer_committee *c, int batch, struct err *err);

/* What is known of one picture; lent until the next call. */
struct infer_said {
    int sample;                 /* in the index; 0 for a picture alone */
    const struct err *why;      /* not NULL: the picture cannot be read, or its answer is no finite
                                   number, and the rest is NULL */
    const float *probability;   /* [labels] */
    const float *logits;        /* [labels], the first network's own, of the picture as it is */
    const float *input;         /* what the first network saw, data_prep_count numbers */
    const float *features;      /* of the same, where it was made with them; else NULL */
    const float *target;        /* [labels], as struct data_batch has it; NULL: alone */
};

/* One picture: decoded; or a sample (or its bytes, where they are not NULL), decoded as
 * `how` says (NULL: the default), over the background of each network's preparation. */
bool infer_committee_image(struct infer_committee *c, const struct data_image *image,
                           struct infer_said *said, struct err *err);
bool infer_committee_sample(struct infer_committee *c, const struct data_sample *s,
                            const uint8_t *bytes, size_t size, const struct data_decode *how,
                            struct infer_said *said, struct err *err);

typedef bool infer_said_fn(void *ctx, const struct infer_said *said);

/* Every picture of x, in x's order, those that cannot be read too, each in its place: fn hears of
 * them, not how->bad; fn ends it by false. */
bool infer_committee_each(struct infer_committee *c, const struct data_index *x,
                          const struct infer_evaluate_options *how, infer_said_fn *fn, void *ctx,
                          struct err *err);

/* As infer_answer, with the models' names. */
bool infer_committee_answer(struct infer_committee *c, const struct data_index *x,
                            const struct infer_evaluate_options *how, struct infer_answers *out,
                            struct err *err);

#endif
