/*
 * recipe -- settings in layers, and settings with a name
 *
 * The defaults come first; over them a recipe, a file (train/run.h), the command line.
 */
#ifndef TRAIN_RECIPE_H
#define TRAIN_RECIPE_H

#include "nn/base/arena.h"
#include "train/cfg.h"

/* Members of train_cfg_fields that a layer names, by their place there. */
enum { TRAIN_SAID = 128 };

/*
 * What a layer that has just been put over cfg undoes of those below: epochs, steps and time say
 * the same thing, so that the one it names takes the place of the others, and probe only has none
 * of them; where a training became shorter (`shortened`) belongs to its steps; rate, momentum,
 * beta2 and decay belong to the optimiser.
 */
void train_layer(struct train_cfg *cfg, const bool said[TRAIN_SAID]);

/* Good settings for a kind of pictures, and what they gave: one line of recipes.def each. */
struct train_recipe {
    const char *name, *doc;
    const char *settings;       /* as on a command line */
    const char *result;         /* figure, pictures, machine */
    const char *command;        /* that gave it */
    const char *date;           /* 2026-01-31 */
};
extern const struct train_recipe train_recipes[]; /* ends with a name of NULL */
#define TRAIN_RECIPE_NAMES "photos, small-pictures, fast, posters" /* theirs, for help */

/*
 * Puts the recipe beneath what somebody said in cfg, where that meddles with nothing of it: how
 * long to train, what to hold out, seed, threads and the like, which stay.  *applied: whether it
 * was.
 */
bool train_recipe_beneath(const char *name, const bool said[TRAIN_SAID], struct train_cfg *cfg,
                          struct arena *mem, bool *applied, struct err *err);

/* Puts the recipe over cfg; strings are copied into mem.  ERR_USAGE for an unknown name, with the
 * nearest one. */
bool train_recipe_apply(const char *name, struct train_cfg *cfg, struct arena *mem,
                        struct err *err);

#endif
