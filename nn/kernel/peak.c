/*
 * peak -- see peak.h
 */
#include "nn/kernel/peak.h"

#include "nn/base/clock.h"
#include "nn/base/cpu.h"

#include <stdlib.h>
#include <string.h>

const char *const nn_peak_types[] = { "f32", "bf16", "i8", NULL };
const char *const nn_peak_memories[] = { "read", "copy", "triad", NULL };

#define SWEEP(isa)
const struct nn_peak nn_peaks[] = {
#define PEAK(type, isa, operations) \
    { NN_PEAK_##type, #isa, CPU_##isa, operations, nn_peak_##type##_##isa },
#include "nn/kernel/peaks.def"
#undef PEAK
#undef SWEEP
    { 0, NULL, 0, 0, NULL },
};

const struct nn_peak *nn_peak_best(enum nn_peak_type type, unsigned isa)
{
    const struct nn_peak *best = NULL;

    for (const struct nn_peak *p = nn_peaks; p->run; p++)
        if (p->type == type && p->need & isa)
            best = p;
    return best;
}

/* What the compiler makes of it for the oldest processors. */
void nn_peak_f32_ref(int64_t turns, const void *in, void *sum)
{
    float a[32], b[32], s[32];

    memcpy(a, in, sizeof a);
    memcpy(b, (const char *)in + sizeof a, sizeof b);
    memcpy(s, sum, sizeof s);
    for (int64_t t = 0; t < turns; t++)
        for (int i = 0; i < 32; i++)
            s[i] += a[i] * b[i];
    memcpy(sum, s, sizeof s);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

enum { BURSTS = 9 };
#define BURST_SECONDS 0.02

struct burst {
    const struct nn_peak *p;
    int64_t turns;
};

/* Numbers of either sign and no pattern: what a multiplier costs in power depends on them. */
static void fill(enum nn_peak_type type, unsigned char in[NN_PEAK_BYTES])
{
    uint32_t x = 12345;

    for (int i = 0; i < NN_PEAK_BYTES; i += 4) {
        float f;

        x = x * 1664525 + 1013904223;
        f = (float)(int32_t)x * 0x1p-31f;
        if (type != NN_PEAK_i8)
            memcpy(in + i, &f, sizeof f);
        else
            memcpy(in + i, &x, sizeof x);
        if (type == NN_PEAK_bf16)                       /* its upper half is a bf16 */
            memcpy(in + i, in + i + 2, 2);
    }
}

static void run_burst(void *arg, int i, int worker)
{
    _Alignas(64) unsigned char in[NN_PEAK_BYTES], sum[NN_PEAK_BYTES];
    const struct burst *b = arg;

    (void)i, (void)worker;
    fill(b->p->type, in);
    memset(sum, 0, sizeof sum);
    b->p->run(b->turns, in, sum);
}

double nn_peak_rate(const struct nn_peak *p, struct pool *pool)
{
    struct burst b = { p, 1 };
    int threads = pool_threads(pool);
    double best = 0, seconds;

    do {                                                /* until a burst is long enough */
        double start = clock_now();

        b.turns *= 4;
        run_burst(&b, 0, 0);
        seconds = clock_now() - start;
    } while (seconds < BURST_SECONDS / 4);
    for (int i = 0; i < BURSTS; i++) {
        double start = clock_now(), rate;

        pool_for(pool, threads, run_burst, &b);
        rate = (double)p->operations * (double)b.turns * threads / (clock_now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

/* ---- memory ---------------------------------------------------------------------------------- */

enum { ARRAY_BYTES = 128 << 20, SLICES = 64, PASSES = 7 };

static const struct {
    unsigned need;
    nn_peak_read_fn *read;
    nn_peak_triad_fn *triad;
} sweeps[] = {
#define PEAK(type, isa, operations)
#define SWEEP(isa) { CPU_##isa, nn_peak_read_##isa, nn_peak_triad_##isa },
#include "nn/kernel/peaks.def"
#undef PEAK
#undef SWEEP
};

uint64_t nn_peak_read_ref(int64_t n, const uint64_t *a)
{
    uint64_t sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += a[i];
    return sum;
}

void nn_peak_triad_ref(int64_t n, const uint64_t *a, const uint64_t *b, uint64_t *c)
{
    for (int64_t i = 0; i < n; i++)
        c[i] = a[i] + b[i] + b[i];
}

struct sweep {
    enum nn_peak_memory kind;
    int by;                     /* of `sweeps` */
    uint64_t *a, *b, *c, sum[SLICES];
};

static void run_slice(void *arg, int i, int worker)
{
    const size_t n = ARRAY_BYTES / SLICES / 8, at = n * (size_t)i;
    struct sweep *s = arg;

    (void)worker;
    if (s->kind == NN_PEAK_READ)
        s->sum[i] = sweeps[s->by].read((int64_t)n, s->a + at);
    else if (s->kind == NN_PEAK_COPY)
        memcpy(s->c + at, s->a + at, 8 * n);
    else
        sweeps[s->by].triad((int64_t)n, s->a + at, s->b + at, s->c + at);
}

double nn_peak_memory(enum nn_peak_memory kind, unsigned isa, struct pool *pool, struct err *err)
{
    static const int arrays[] = { [NN_PEAK_READ] = 1, [NN_PEAK_COPY] = 2, [NN_PEAK_TRIAD] = 3 };
    unsigned char *block = aligned_alloc(64, (size_t)3 * ARRAY_BYTES);
    struct sweep s = { .kind = kind };
    double best = 0;

    if (!block) {
        err_set(err, ERR_MEMORY, "no memory for three arrays of %d MB", ARRAY_BYTES >> 20);
        return -1;
    }
    for (int i = 0; i < (int)(sizeof sweeps / sizeof *sweeps); i++)
        if (sweeps[i].need & isa)
            s.by = i;
    memset(block, 1, (size_t)3 * ARRAY_BYTES);
    s.a = (uint64_t *)block;
    s.b = s.a + ARRAY_BYTES / 8;
    s.c = s.b + ARRAY_BYTES / 8;
    for (int i = 0; i < PASSES; i++) {
        double start = clock_now(), rate;

        pool_for(pool, SLICES, run_slice, &s);
        rate = (double)arrays[kind] * ARRAY_BYTES / (clock_now() - start);
        best = rate > best ? rate : best;
    }
    free(block);
    return best;
}
