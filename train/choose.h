/*
 * choose -- the settings that nobody gave, from the pictures
 */
#ifndef TRAIN_CHOOSE_H
#define TRAIN_CHOOSE_H

#include "data/prep.h"
#include "data/index.h"
#include "train/cfg.h"

/* Where decisions are told, each with its reason, a line each. */
typedef void train_say_fn(void *ctx, const char *text);

/* Sizes of the pictures that were looked at. */
enum { TRAIN_LOOK = 128 };
struct train_seen {
    int n, width[TRAIN_LOOK], height[TRAIN_LOOK];
};

/* How rate and length are chosen: this share of the optimiser's own rate; as many epochs, from
 * least to most, as give so many steps. */
struct train_usual {
    double rate;
    int steps, least, most;
};
extern const struct train_usual train_usual_scratch; /* of a network that begins from nothing */

/*
 * Looks at some of the training pictures (on `threads` threads) and fills what is 0 in cfg: size,
 * batch, epochs, color, resize, and the rate and all else that the optimiser and the schedule say
 * themselves; at least `least` pixels, rate and epochs as `usual` has them.  prep: of squares of
 * that size, with the pictures' own mean and deviation.  A function of pictures and cfg alone.  Of
 * time and steps, epochs is left 0.  ERR_INPUT when no picture can be read.
 */
bool train_choose(const struct data_index *train, int least, const struct train_usual *usual,
                  int threads, const struct data_decode *decode, struct train_cfg *cfg,
                  struct data_prep *prep, struct train_seen *seen, train_say_fn *say, void *ctx,
                  struct err *err);

/* The recipe (train/recipe.h) for such pictures when nobody names one; NULL: none.  Looks at some
 * of them as above.  ERR_MEMORY. */
bool train_choose_recipe(const struct data_index *x, int threads,
                         const struct data_decode *decode, const struct train_cfg *cfg,
                         const char **recipe, struct err *err);

/* The share to hold out of n pictures when nobody says. */
double train_choose_val(int n);

#endif
