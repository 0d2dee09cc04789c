/*
 * altflip -- left and right change places in every other epoch
 *
 * Whether in the even or in the odd ones is a lot for each picture.  Where `flip` shows a picture
 * the same way round in two epochs that follow one another half of the time, this one never does:
 * Jordan, arXiv:2404.00498, sec. 3.6.
 */
#include "data/aug/aug.h"

static void view(const struct data_aug_address *a, double magnitude, const struct data_prep *prep,
                 const struct data_image *image, struct data_view *v)
{
    struct data_aug_address home = *a;

    (void)magnitude, (void)prep, (void)image;
    home.index = a->home;
    if ((data_aug_u(&home, 0) < 0.5f) != (a->epoch & 1))
        v->mirror = !v->mirror;
}

const struct data_aug data_aug_altflip = {
    .name = "altflip", .doc = "left and right change places in every other epoch of a picture",
    .source = "Jordan 2024, arXiv:2404.00498", .magnitude = 1, .chance = 1,
    .view = view,
};
