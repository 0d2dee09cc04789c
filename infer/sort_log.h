/*
 * sort_log -- what was put where by a sorting into folders: DIR/.discern-sorted
 *
 * A line is written before what it says is done, and synced, so that whatever ends the program
 * everything can be put back.  Text: a head line "discern sorted 1 HOW [made]" (made: the folder
 * was not there before), then
 *
 *     ACT <tab> FROM <tab> TO
 *
 * copy, link, move: FROM is an absolute path, TO is folder/name below DIR; also: TO is a link to
 * FROM, ../folder/name, where a moved file has a second label.  Bytes below 32, 127 and '%' are
 * written as %XX.  A last line without its end was not written whole: nothing was done for it.
 */
#ifndef INFER_SORT_LOG_H
#define INFER_SORT_LOG_H

#include "nn/base/arena.h"
#include "nn/base/err.h"
#include "nn/base/str.h"

enum infer_how { INFER_COPY, INFER_LINK, INFER_MOVE, INFER_ALSO };
extern const char *const infer_how_names[];     /* "copy" "link" "move" "also" NULL */

struct infer_sort_log {
    char *path;
    int fd;                     /* locked: one at a time */
    int how;                    /* of the whole: COPY, LINK or MOVE */
    bool made;                  /* the folder is ours */
    struct infer_sort_entry {
        int act;                /* enum infer_how */
        const char *from, *to;  /* in mem */
    } *entry;
    int n, cap;
    struct arena *mem;
};

/* The log of a folder, read whole and held against others.  how: it is begun where there is none,
 * and made says so of the folder; one of another way is ERR_INPUT.  how -1: there must be one. */
bool infer_sort_log_open(struct infer_sort_log *l, const char *folder, int how, bool made,
                         struct err *err);
void infer_sort_log_close(struct infer_sort_log *l);    /* a zeroed one is fine */

/* Entered in memory; on the disk when infer_sort_log_sync has returned. */
bool infer_sort_log_add(struct infer_sort_log *l, struct str *text, int act, const char *from,
                        const char *to, struct err *err);
/* Writes text, which infer_sort_log_add has gathered, and clears it. */
bool infer_sort_log_sync(struct infer_sort_log *l, struct str *text, struct err *err);

/* In its place: only those entries of which keep[i]; the log is closed for adding. */
bool infer_sort_log_cut(struct infer_sort_log *l, const bool *keep, struct err *err);

#endif
