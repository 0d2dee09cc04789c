/*
 * bench -- what the benches share: contenders side by side, pictures of this machine's sets
 *
 * A figure is the median of several rounds in which all contenders run in turn, so that a noisy
 * machine disturbs all alike; what counts is the ratio.
 */
#ifndef BENCH_H
#define BENCH_H

#include "nn/base/err.h"

#include <stddef.h>

enum { BENCH_ROUNDS = 9 };

/* Prints its lines on stdout.  False: it could not run, and err says why. */
typedef bool bench_fn(struct err *err);

#define BENCH(name, doc) bench_fn bench_##name;
#include "tests/bench/benches.def"
#undef BENCH

/* Seconds, from anywhere. */
double bench_now(void);
/* The same of what this thread has run: others on the machine do not count. */
double bench_cpu(void);

/* The middle value; sorts x. */
double bench_median(double *x, int n);

/* One of those who do the same work. */
struct bench_side {
    const char *name;
    void (*run)(void *ctx);
    void *ctx;
};

/* What came of one: medians over the rounds, and quartiles of the ratio. */
struct bench_result {
    double seconds;             /* of one run */
    double ratio, low, high;    /* its seconds over those of the first */
};

/* Runs all sides in turn, BENCH_ROUNDS times after one to warm up, each time as often as takes
 * `least` seconds.  Up to 8 sides; one whose run is NULL is left out, its result is zeros. */
void bench_measure(const struct bench_side *side, int n, double least,
                   struct bench_result *result);

/* Measures so, with 10 ms, and prints a line: `what`, for each side its median of units/s (`units`
 * is what one run does; unit its word), and how many times faster the first is than each other, the
 * median of the rounds and in brackets its quartiles. */
void bench_sides(const char *what, double units, const char *unit, const struct bench_side *side,
                 int n);

/* What the caller said, `make bench NAME=value`, or `otherwise`. */
const char *bench_word(const char *name, const char *otherwise);

/* The folder of a set of the machine, unpacked from NAME.tar.gz in $DISCERN_DATASETS or
 * ../shared/datasets into build/bench-data once.  NULL, and a line on stdout that it is skipped,
 * when the archive is not there.  Valid until the next call. */
const char *bench_dataset(const char *name);

#endif
