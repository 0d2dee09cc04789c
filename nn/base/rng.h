/*
 * rng -- counter-based random numbers: a pure function of (seed, stream, index)
 *
 * No state, hence no order: any thread may ask for any number at any time, and a run that is
 * resumed asks for the same ones.  Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
 * as 1, 2, 3", SC 2011), key = seed, counter = (index, stream).  Thread-safe.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

/* Who asks.  A stream is one of these in the upper half and the asker's own number below it. */
enum rng_use {
    RNG_INIT = 1,       /* + index of the parameter */
    RNG_ORDER,          /* + epoch */
    RNG_AUGMENT,        /* + number of the augmentation */
    RNG_DROPOUT,        /* + node */
    RNG_SPLIT,
    RNG_DRAW,           /* the demo's pictures */
    RNG_TEST,
    RNG_BOOTSTRAP,      /* of an evaluation */
    RNG_PROOF,          /* the pictures that an export is checked with */
    RNG_CLUSTER,        /* first centres; + the restart */
};

static inline uint64_t rng_stream(enum rng_use use, uint32_t number)
{
    return (uint64_t)use << 32 | number;
}

/* The generator itself, as published: four words from a counter and a key, low words first. */
void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* 32 bits; multiples of 2^-24 and of 2^-53, uniform in [0, 1); standard normal (Box-Muller); whole
 * numbers in [0, n), n > 0. */
uint32_t rng_u32(uint64_t seed, uint64_t stream, uint64_t index);
float rng_f32(uint64_t seed, uint64_t stream, uint64_t index);
double rng_f64(uint64_t seed, uint64_t stream, uint64_t index);
double rng_normal(uint64_t seed, uint64_t stream, uint64_t index);
uint32_t rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint32_t n);

/* order[0..n) = a permutation of 0..n-1 (Fisher-Yates), the same for the same (seed, stream). */
void rng_shuffle(uint64_t seed, uint64_t stream, uint32_t n, uint32_t *order);

#endif
