/*
 * thumbs -- the pictures of a page (page.h), each decoded once however often it is shown
 *
 * Asked for first, then made together on threads, then put into the page.
 */
#ifndef DATA_THUMBS_H
#define DATA_THUMBS_H

#include "data/index.h"

struct data_thumbs;

/* No side longer than `side`, and at most `most` of them; x is lent. */
struct data_thumbs *data_thumbs_new(const struct data_index *x, int side, int most,
                                    struct err *err);
void data_thumbs_free(struct data_thumbs *t);   /* NULL is fine */

/* Nothing happens when there are as many as there may be, or it is there already. */
void data_thumbs_want(struct data_thumbs *t, int sample);
/* Those that were asked for in order: how many, and the i-th. */
int data_thumbs_count(const struct data_thumbs *t);
int data_thumbs_at(const struct data_thumbs *t, int i);

/* how NULL: the default. */
bool data_thumbs_make(struct data_thumbs *t, const struct data_decode *how, int threads,
                      struct err *err);

/* Appends <img>, with the name of the sample as its title; false: it was not asked for in time, or
 * cannot be shown. */
bool data_thumbs_add(const struct data_thumbs *t, int sample, struct str *out);

#endif
