/*
 * place -- files put where nothing is: renamed, copied, linked, never over another
 *
 * Each says what stood in the way, since who puts many files has an answer to it.
 */
#ifndef BASE_PLACE_H
#define BASE_PLACE_H

#include "nn/base/err.h"

enum place {
    PLACE_DONE,
    PLACE_TAKEN,                /* something is there already; the error says so too */
    PLACE_ELSEWHERE,            /* another file system, to where no rename leads; no error yet */
    PLACE_FAILED,               /* the error says why */
};

/* Renames a file. */
enum place place_rename(const char *from, const char *to, struct err *err);

/* A copy with mode and time of the file (a link: of what it leads to), made under the name part,
 * which is taken over where it is there, and renamed when it is whole; synced first if durable. */
enum place place_copy(const char *from, const char *part, const char *to, bool durable,
                      struct err *err);

/* A symbolic link. */
enum place place_link(const char *target, const char *to, struct err *err);

/* Whether both hold the same bytes, each its own: what a may be a link to is not b, and b is none.
 * False too where one cannot be read. */
bool place_same(const char *a, const char *b);

/* Whether to is a symbolic link to just this target. */
bool place_is_link(const char *to, const char *target);

/* Whether there is anything, be it a link that leads nowhere. */
bool place_taken(const char *path);

#endif
