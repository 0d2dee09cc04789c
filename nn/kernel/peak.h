/*
 * peak -- what this machine gives at most: arithmetic from registers, memory from large arrays
 *
 * The measure that every speed is a share of.  A product and a sum count as two operations.
 */
#ifndef NN_PEAK_H
#define NN_PEAK_H

#include "nn/base/pool.h"

#include <stdint.h>

enum nn_peak_type { NN_PEAK_f32, NN_PEAK_bf16, NN_PEAK_i8 };
extern const char *const nn_peak_types[];       /* of the numbers that are multiplied; NULL */

/* `turns` turns of a loop without memory, which add products of what is in `in` to what is in
 * `sum`: numbers of the type, and float or int32.  Each NN_PEAK_BYTES, 64-byte aligned. */
enum { NN_PEAK_BYTES = 4096 };
typedef void nn_peak_fn(int64_t turns, const void *in, void *sum);

struct nn_peak {
    enum nn_peak_type type;
    const char *isa;            /* a name of cpu_names */
    unsigned need;              /* its bit */
    int64_t operations;         /* of a turn */
    nn_peak_fn *run;
};
extern const struct nn_peak nn_peaks[];         /* run NULL ends it */

/* The best for a type among the instruction sets of `isa`, bits of enum cpu; NULL: none. */
const struct nn_peak *nn_peak_best(enum nn_peak_type type, unsigned isa);

/* Operations a second, on all threads of the pool (NULL: on this one): the best of some bursts,
 * since what disturbs only slows.  The processor must have the instructions.  Takes 0.2 s. */
double nn_peak_rate(const struct nn_peak *p, struct pool *pool);

/*
 * Bytes a second between memory and the threads of the pool, the best of some passes over arrays
 * that no cache holds:  read: sum of a;  copy: b = a, as the C library does it, which goes around
 * the caches;  triad: c = a + b + b, which goes through them, so that c is read too, uncounted.
 */
enum nn_peak_memory { NN_PEAK_READ, NN_PEAK_COPY, NN_PEAK_TRIAD };
extern const char *const nn_peak_memories[];    /* NULL-terminated */

/* With the widest vectors of `isa`, bits of enum cpu.  Takes less than a second, and three arrays
 * of 128 MB.  Negative: ERR_MEMORY. */
double nn_peak_memory(enum nn_peak_memory kind, unsigned isa, struct pool *pool, struct err *err);

/* The sum of a[n], and c = a + b + b; n a multiple of 16, arrays 64-byte aligned. */
typedef uint64_t nn_peak_read_fn(int64_t n, const uint64_t *a);
typedef void nn_peak_triad_fn(int64_t n, const uint64_t *a, const uint64_t *b, uint64_t *c);

#define SWEEP(isa) \
    nn_peak_read_fn nn_peak_read_##isa; \
    nn_peak_triad_fn nn_peak_triad_##isa;
#define PEAK(type, isa, operations) nn_peak_fn nn_peak_##type##_##isa;
#include "nn/kernel/peaks.def"
#undef PEAK
#undef SWEEP

#endif
