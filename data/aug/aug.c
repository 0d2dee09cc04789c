/*
 * aug -- the augmentations, one after the other
 */
#include "data/aug/aug.h"

const char *const data_augment_names[] = { "none", "light", "strong", NULL };

static const struct data_aug *const augs[] = {
#define DATA_AUG(name) &data_aug_##name,
#include "data/aug/augs.def"
#undef DATA_AUG
};

float data_aug_u(const struct data_aug_address *a, int i)
{
    return rng_f32(a->seed, rng_stream(RNG_AUGMENT, a->stream), a->index * 64 + (uint64_t)i);
}

void data_augment_view(enum data_augment how, uint64_t seed, uint64_t index,
                       const struct data_prep *prep, const struct data_image *image,
                       struct data_view *v)
{
    double strength = how == DATA_AUGMENT_STRONG ? 1 : 0.5;

    data_prep_view(prep, image, v);
    if (how == DATA_AUGMENT_NONE)
        return;
    if (prep->resize == DATA_CROP)      /* what lies beyond the centre is good to learn from */
        *v = (struct data_view){ 0, 0, image->width, image->height, false };
    for (uint32_t i = 0; i < sizeof augs / sizeof *augs; i++)
        augs[i]->view(&(struct data_aug_address){ seed, i, index }, strength, prep, image, v);
}
