/*
 * aug -- the augmentations that there are, and their draws
 */
#include "data/aug/aug.h"

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

/* The key is two draws behind those of data_aug_u. */
void data_aug_bytes(const struct data_aug_address *a, uint32_t i, uint8_t out[16])
{
    uint64_t stream = rng_stream(RNG_AUGMENT, a->stream);
    uint32_t key[2], word[4];

    for (unsigned k = 0; k < 2; k++)
        key[k] = rng_u32(a->seed, stream, a->index * 64 + 60 + k);
    rng_philox((uint32_t[4]){ i, 0, 0, 0 }, key, word);
    for (int k = 0; k < 16; k++)
        out[k] = (uint8_t)(word[k / 4] >> 8 * (k % 4));
}
