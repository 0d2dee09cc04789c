/*
 * aug -- the augmentations that there are, and their draws
 */
#include "data/aug/aug.h"

#include <math.h>

static const struct data_aug *const augs[] = {
#define DATA_AUG(name) &data_aug_##name,
#include "data/aug/augs.def"
#undef DATA_AUG
};

int data_aug_count(void)
{
    return (int)(sizeof augs / sizeof *augs);
}

const struct data_aug *data_aug_at(int i)
{
    return augs[i];
}

float data_aug_u(const struct data_aug_address *a, int i)
{
    return rng_f32(a->seed, rng_stream(RNG_AUGMENT, a->stream), a->index * 64 + (uint64_t)i);
}

double data_aug_whole(const struct data_aug_address *a, int i, double reach)
{
    return floor(data_aug_u(a, i) * (2 * reach + 1)) - reach;
}

/* The key is two draws behind those of data_aug_u. */
void data_aug_bytes(const struct data_aug_address *a, size_t first, size_t n, uint8_t *out)
{
    uint64_t stream = rng_stream(RNG_AUGMENT, a->stream);
    uint32_t key[2], word[4];

    for (unsigned k = 0; k < 2; k++)
        key[k] = rng_u32(a->seed, stream, a->index * 64 + 60 + k);
    for (size_t i = 0; i < n; i += 16) {
        rng_philox((uint32_t[4]){ (uint32_t)((first + i) / 16), 0, 0, 0 }, key, word);
        for (size_t k = 0; k < 16; k++)
            out[i + k] = (uint8_t)(word[k / 4] >> 8 * (k % 4));
    }
}
