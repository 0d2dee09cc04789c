/*
 * recipe -- see recipe.h
 */
#include "train/recipe.h"

#include <assert.h>
#include <string.h>

const struct train_recipe train_recipes[] = {
#define TRAIN_RECIPE(...) { __VA_ARGS__ },
#include "train/recipes.def"
#undef TRAIN_RECIPE
    { .name = NULL },
};

/* ---- layers ---------------------------------------------------------------------------------- */

/* Members that say one thing together: a layer that names one of the first group unsays the rest
 * of it, and one that names the first of the second unsays what was meant for another. */
static const char *const lengths[] = { "epochs", "steps", "time", "shortened", NULL };
static const char *const of_optim[] = { "lr", "momentum", "beta2", "decay", NULL };

static bool names(const bool *said, const char *member)
{
    const struct field *f = field_find(train_cfg_fields, member);

    return f && said[f - train_cfg_fields];
}

/* What the layer does not name of these is as nobody had said it. */
static void unsay(struct train_cfg *cfg, const bool *said, const char *const *members)
{
    struct train_cfg defaults;

    field_defaults(train_cfg_fields, &defaults);
    for (; *members; members++) {
        const struct field *f = field_find(train_cfg_fields, *members);
        struct err err;

        double x = f ? field_number(f, &defaults, 0) : 0;

        if (f && !names(said, *members))
            field_set_numbers(f, cfg, 1, &x, &err);
    }
}

void train_layer(struct train_cfg *cfg, const bool said[TRAIN_SAID])
{
    bool length = false;

    for (int i = 0; lengths[i]; i++)
        length |= names(said, lengths[i]);
    if (length || (names(said, "probe") && cfg->probe == TRAIN_PROBE_ONLY) ||
        (names(said, "few") && cfg->few))
        unsay(cfg, said, lengths);
    if (names(said, "optim"))
        unsay(cfg, said, of_optim);
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *name_at(int i, const void *ctx)
{
    (void)ctx;
    return train_recipes[i].name;
}

static const struct train_recipe *find(const char *name, struct err *err)
{
    int n = (int)(sizeof train_recipes / sizeof *train_recipes) - 1;
    const char *near;

    for (int i = 0; i < n; i++)
        if (!strcmp(train_recipes[i].name, name))
            return &train_recipes[i];
    near = str_nearest(name, n, name_at, NULL);
    err_set(err, ERR_USAGE, "recipe: \"%.80s\" is none of " TRAIN_RECIPE_NAMES "%s%s%s", name,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return NULL;
}

/* The next word of *text, which moves behind it; NULL at its end or when memory is out. */
static char *next_word(const char **text, struct arena *mem)
{
    const char *start = *text + strspn(*text, " ");
    size_t len = strcspn(start, " ");
    char *word = len ? arena_alloc(mem, len + 1) : NULL;

    *text = start + len;
    if (word)
        memcpy(word, start, len);
    return word;
}

/* The recipe's words over cfg; those that it has are set in said. */
static bool mean(const struct train_recipe *r, struct train_cfg *cfg, bool said[TRAIN_SAID],
                 struct arena *mem, struct err *err)
{
    const char *text = r->settings;
    char *word;

    while ((word = next_word(&text, mem))) {
        const struct field *f = field_find(train_cfg_fields, word + 2);
        const char *value = f && f->kind != FIELD_KIND_BOOL ? next_word(&text, mem) : "true";

        assert(f && value); /* recipes.def is ours */
        if (!field_set(f, cfg, value, mem, err))
            return err_in(err, "recipe %s", r->name);
        said[f - train_cfg_fields] = true;
    }
    return true;
}

bool train_recipe_apply(const char *name, struct train_cfg *cfg, struct arena *mem,
                        struct err *err)
{
    const struct train_recipe *r = find(name, err);
    bool said[TRAIN_SAID] = { false };

    if (!r || !mean(r, cfg, said, mem, err))
        return false;
    train_layer(cfg, said);
    return true;
}

/* Settings beside which a recipe is what it was. */
static bool is_beside(const char *name)
{
    static const char *const beside[] = { "epochs", "steps", "time", "val", "no_near", "stop_after",
                                          "calibrate", "on_nan", "seed", "threads", "isa",
                                          "precision" };

    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        if (!strcmp(beside[i], name))
            return true;
    return false;
}

bool train_recipe_beneath(const char *name, const bool said[TRAIN_SAID], struct train_cfg *cfg,
                          struct arena *mem, bool *applied, struct err *err)
{
    struct train_cfg both = *cfg;

    *applied = false;
    for (int i = 0; train_cfg_fields[i].name; i++)
        if (said[i] && !is_beside(train_cfg_fields[i].name))
            return true;
    if (!train_recipe_apply(name, &both, mem, err))
        return false;
    if (cfg->epochs || cfg->steps || cfg->time > 0) {
        both.epochs = cfg->epochs;
        both.steps = cfg->steps;
        both.time = cfg->time;
    }
    *cfg = both;
    *applied = true;
    return true;
}
