/*
 * bench -- see bench.h
 */
#include "train/bench.h"

#include "nn/base/clock.h"
#include "nn/base/cpu.h"

#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

void train_bench_turns(train_bench_fn *fn, void *const *ctx, int n, int rounds, double least,
                       struct train_bench_time *time)
{
    double seconds[TRAIN_BENCH_TURNS][TRAIN_BENCH_ROUNDS], start = clock_now(), once;
    int times;

    for (int k = 0; k < n; k++)
        fn(ctx[k]);
    once = (clock_now() - start) / n;
    times = once > least ? 1 : (int)(least / (once + 1e-9)) + 1;
    for (int r = 0; r < rounds; r++)
        for (int k = 0; k < n; k++) {
            start = clock_now();
            for (int i = 0; i < times; i++)
                fn(ctx[k]);
            seconds[k][r] = (clock_now() - start) / times;
        }
    for (int k = 0; k < n; k++) {
        qsort(seconds[k], (size_t)rounds, sizeof *seconds[k], by_value);
        time[k] = (struct train_bench_time){ seconds[k][rounds / 2], seconds[k][rounds / 4],
                                             seconds[k][rounds - 1 - rounds / 4] };
    }
}

struct train_bench_time train_bench_run(train_bench_fn *fn, void *ctx, int rounds, double least)
{
    struct train_bench_time time;

    train_bench_turns(fn, &ctx, 1, rounds, least, &time);
    return time;
}

/* Bits of the levels up to that of the name. */
static unsigned levels(const char *isa)
{
    for (int i = 0; isa && cpu_names[i]; i++)
        if (!strcmp(isa, cpu_names[i]))
            return cpu_can() & ((2u << i) - 1);
    return cpu_can();
}

bool train_bench_peak(const char *isa, struct pool *pool, bool memory,
                      struct train_bench_peak *out, struct err *err)
{
    unsigned can = levels(isa);

    memset(out, 0, sizeof *out);
    for (int t = 0; nn_peak_types[t]; t++) {
        const struct nn_peak *p = nn_peak_best((enum nn_peak_type)t, can);

        out->flops[t].p = p;
        if (p) {
            out->flops[t].one = nn_peak_rate(p, NULL);
            out->flops[t].all = nn_peak_rate(p, pool);
        }
    }
    for (int m = 0; memory && nn_peak_memories[m]; m++) {
        out->memory[m].one = nn_peak_memory((enum nn_peak_memory)m, can, NULL, err);
        out->memory[m].all = nn_peak_memory((enum nn_peak_memory)m, can, pool, err);
        if (out->memory[m].one < 0 || out->memory[m].all < 0)
            return false;
    }
    return true;
}
