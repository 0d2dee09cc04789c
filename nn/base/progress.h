/*
 * progress -- how far a long piece of work has come: share, rate, time left
 *
 * "looked at 1200 of 5000 pictures, 24 %, 350/s, 11s left", in the live line of a stream (tell.h).
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *to;
    const char *doing, *unit;   /* borrowed: "looked at", "pictures" */
    int64_t total;              /* 0: nobody knows */
    double begun, asked;        /* seconds of the monotonic clock */
};

/* Nothing is shown yet.  cli_progress (cli.h) begins one on standard error. */
void progress_begin(struct progress *p, FILE *to, const char *doing, const char *unit,
                    int64_t total);

/* So many are done.  Cheap enough for each of them; one thread at a time. */
void progress_at(struct progress *p, int64_t done);

/* Takes the line away; a zeroed one is fine. */
void progress_end(struct progress *p);

#endif
