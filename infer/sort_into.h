/*
 * sort_into -- files into a folder for each of their labels, and all of them back
 *
 * DIR/label/name.  Nothing is ever overwritten: a name that is taken gets a hash of where its file
 * came from.  What is done stands in a log (sort_log.h) before it is done, so that a sorting that
 * was ended in any way can be gone on with or put back.
 */
#ifndef INFER_SORT_INTO_H
#define INFER_SORT_INTO_H

#include "infer/sort_log.h"

struct infer_sort;

struct infer_sort_counts {
    int sorted;                 /* files, whatever their labels */
    int before;                 /* that an earlier run had sorted */
    int left;                   /* that cannot be: each was told */
};

/* Told of what stays where it is; the error names it. */
typedef void infer_sort_tell_fn(void *ctx, const struct err *why);

/* Makes the folder when it is not there; what another run began there is gone on with.  how: COPY,
 * LINK (symbolic, to where the file lies) or MOVE. */
struct infer_sort *infer_sort_open(const char *folder, enum infer_how how,
                                   infer_sort_tell_fn *tell, void *ctx, struct err *err);
/* A file to the folders of its n >= 1 labels; moved it goes to the first, and links to it lie in
 * the others.  Done at the latest by infer_sort_finish.  False: nothing more can be sorted. */
bool infer_sort_put(struct infer_sort *s, const char *path, int n, const char *const *label,
                    struct err *err);
bool infer_sort_finish(struct infer_sort *s, struct infer_sort_counts *counts, struct err *err);
/* What was not finished is not done, and stands in the log.  NULL is fine. */
void infer_sort_free(struct infer_sort *s);

/* Puts back what was sorted into the folder: copies and links go, moved files return.  Copies that
 * were changed, and files whose old place is taken, stay, are told, and stay in the log.  What is
 * empty then goes too. */
bool infer_sort_undo(const char *folder, infer_sort_tell_fn *tell, void *ctx,
                     struct infer_sort_counts *counts, struct err *err);

/* Appends the label as a folder is called: what no name may have in it becomes '_', it is no hidden
 * one and not too long; then a hash of the label keeps it apart from others. */
void infer_sort_folder(const char *label, struct str *out);

/* Where pictures go that are like nothing that was learnt; no label's folder. */
#define INFER_SORT_UNKNOWN "_unknown"

#endif
