/*
 * tell -- what people read beside the data: one stream that every such line passes
 *
 * Notes, errors and the live line of a progress come from all over a command, while how they are to
 * be shown (--quiet, --color, --log-file, what the terminal can do, whether a live line stands
 * there) is one thing for the whole process.  So it lives where the process's standard error does:
 * in the stream.  A command puts a stream of tell_open in the place of stderr, and whoever writes
 * there, libc's assert too, goes through it.  No variable of ours, nothing to hand down.
 *
 * A control character before a line says what kind it is; text for people has none (cli_clean).
 * A line without one is an error, as what others write to stderr is.
 */
#ifndef BASE_TELL_H
#define BASE_TELL_H

#include "nn/base/err.h"

#include <stdio.h>

enum tell_kind {
    TELL_ERROR,
    TELL_NOTE,          /* not with quiet */
    TELL_DETAIL,        /* only when verbose */
};

struct tell_how {
    int fd;             /* where to; stays the caller's */
    bool live;          /* a line there can be written over (cli_live) */
    bool color;
    bool quiet;         /* errors alone */
    bool verbose;       /* details too */
    int log;            /* descriptor that gets everything but escapes and live lines, with quiet
                           too; closed with the stream; 0: none */
};

/* The stream; fclose it.  What cannot be written is no error: a terminal may go, work goes on. */
FILE *tell_open(const struct tell_how *how, struct err *err);

/* "discern: TEXT", cleaned, and a newline, in one piece.  Plain streams get all but details. */
void tell_line(FILE *to, enum tell_kind kind, const char *text);

/* A part of a line of progress: those with the lowest `drop` stay where there is no room. */
struct tell_part {
    int drop;
    const char *text;           /* "" is left out */
};

/*
 * The state of things, at `seconds` of the writer's clock.  On a terminal it stands in the last
 * line, written over ten times a second at most, in whole parts as far as they fit; nothing while
 * we are in the background of its shell.  Elsewhere (and in the log) it is a line every half minute
 * in which nothing else was told.  At most TELL_PARTS parts, in the order in which they are read.
 */
enum { TELL_PARTS = 10 };
void tell_live(FILE *to, double seconds, const struct tell_part *part, int n);

/* Takes the live line away. */
void tell_done(FILE *to);

#endif
