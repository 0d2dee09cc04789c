/*
 * walk -- the pictures in a folder and below, whatever else lies there
 *
 * Pictures are known by the endings of their names, and where a name has none by the first bytes:
 * only such files are opened.  Each folder goes by bytes.  Hidden files and
 * what operating systems leave behind are passed over.  Links are followed, out of the folder too
 * (that is how people put sets together), but no folder is entered twice: neither circles nor
 * links crosswise keep it busy.  What cannot be a picture or cannot be entered is told, never
 * opened.  One stat a folder or link, none a file where the file system tells kinds.
 */
#ifndef DATA_WALK_H
#define DATA_WALK_H

#include "nn/base/arena.h"
#include "nn/base/err.h"
#include "nn/base/file.h"

/* Whether a file is a picture by its name's ending. */
bool data_walk_is_picture(const char *name);

/* An entry that matters: a folder, a picture, or what may be one of them. */
struct data_entry {
    const char *name;
    enum file_kind kind;        /* FILE_NONE: a link that leads nowhere; FILE_OTHER: FIFO ... */
    const char *why;            /* for these two */
};

struct data_listing {
    struct data_entry *entry;   /* sorted by bytes */
    int n;
    int others;                 /* files that are no pictures */
    char *other;                /* the first of them that was found; NULL */
    char *text;                 /* private */
};

bool data_listing_open(struct data_listing *l, const char *folder, struct err *err);
void data_listing_release(struct data_listing *l);      /* a zeroed one is fine */

/* A walk, or several: what one entered, the next does not. */
struct data_walk {
    struct arena *mem;          /* where paths are made */
    /* Called for each picture, for what is left out, and for files (by the folder, how many, and
     * the name of one) that are no pictures; false stops the walk. */
    bool (*picture)(void *ctx, const char *path, struct err *err);
    bool (*skip)(void *ctx, const char *path, const char *why, struct err *err);
    void (*others)(void *ctx, const char *folder, int n, const char *one);
    void *ctx;
    int tag;                    /* noted with each folder that is entered */
    bool lend;                  /* pictures' paths are lent during the call, not made in mem */
    struct data_entered *entered;       /* private, as are these */
    size_t cap, n;
};

enum { DATA_WALK_ABOVE = -2 };

struct data_entered {
    const char *path;           /* NULL: an empty slot */
    uint64_t dev, ino;
    int tag;
};

/* Goes through the folder, unless it was entered before; it must be readable, those below it need
 * not be.  The folders that it lies in count as entered from then on (tag DATA_WALK_ABOVE). */
bool data_walk(struct data_walk *w, const char *folder, struct err *err);

/* Counts the folder as entered: what lies in it is left out.  One that is not there is fine. */
bool data_walk_spare(struct data_walk *w, const char *folder, struct err *err);

/* How a folder was entered before, by whatever path, or NULL. */
const struct data_entered *data_walk_before(const struct data_walk *w, const char *folder);

void data_walk_release(struct data_walk *w);

#endif
