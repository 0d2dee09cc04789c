/*
 * bare -- pictures of a folder as they lie, of which nobody has said what they show
 */
#ifndef DATA_BARE_H
#define DATA_BARE_H

#include "data/index.h"

/* The pictures in the folder and below, in no part, named by their paths in it; no labels, and task
 * DATA_SINGLE until the caller says otherwise.  ERR_INPUT: there is none.  data_index_free it. */
struct data_index *data_bare_open(const char *folder, struct err *err);

/* Whether pictures lie in the folder itself and no folders beside them, which could be labels.
 * What cannot be listed is none. */
bool data_bare_is(const char *folder);

#endif
