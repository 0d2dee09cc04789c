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
