/*
 * recipe -- which augmentations, how strong, how often: text, presets, and the three stages
 */
#include "data/aug/aug.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHANCE = 63 };           /* the draw that decides whether a step is done */

/* The presets are by the literature, not tuned: docs/data.md says which. */
const struct data_preset data_presets[] = {
    { "none", "", "pictures as validation sees them" },
    { "light", "crop,flip", "for many pictures, or little time" },
    { "medium", "crop:1,flip,color:0.4,erase:0.5:0.25", "for hundreds of pictures a label" },
    { "strong", "crop:1,flip,trivialaugment,erase:0.5:0.25,mixup:0.2:0.5,cutmix:1:0.25",
      "for trainings of hundreds of epochs" },
    { "auto", NULL, "light or medium, by the number of pictures a label and their size" },
    { NULL, NULL, NULL },
};

/* Pictures a label from which there is less to gain by varying them. */
enum { MANY = 1000, SOME = 100, SMALL_SIDE = 48 };

static const struct data_preset *find_preset(const char *name)
{
    for (const struct data_preset *p = data_presets; p->name; p++)
        if (!strcmp(p->name, name))
            return p;
    return NULL;
}

const struct data_preset *data_preset_auto(const struct data_recipe_facts *facts, const char **why)
{
    int each = facts->n / (facts->n_labels > 0 ? facts->n_labels : 1);
    bool small = facts->size < SMALL_SIDE;

    *why = each >= MANY           ? "there are many pictures a label"
           : each >= SOME && small ? "there are some pictures a label, and small ones bear little"
                                   : "there are not very many pictures a label";
    return find_preset(each >= MANY || (each >= SOME && small) ? "light" : "medium");
}

/* ---- text ------------------------------------------------------------------------------------ */

static const struct data_aug *find_aug(const char *name)
{
    for (int i = 0; i < data_aug_count(); i++)
        if (!strcmp(data_aug_at(i)->name, name))
            return data_aug_at(i);
    return NULL;
}

/* Augmentations, then presets. */
static const char *name_at(int i, const void *ctx)
{
    (void)ctx;
    return i < data_aug_count() ? data_aug_at(i)->name : data_presets[i - data_aug_count()].name;
}

static bool no_such(const char *name, struct err *err)
{
    int presets = 0;
    const char *near;

    while (data_presets[presets].name)
        presets++;
    near = str_nearest(name, data_aug_count() + presets, name_at, NULL);
    if (near)
        return err_set(err, ERR_USAGE, "augment: there is no \"%s\"; did you mean \"%s\"?", name,
                       near);
    return err_set(err, ERR_USAGE,
                   "augment: there is no \"%s\"; \"discern help --augments\" lists them", name);
}

static bool read_share(const char *name, const char *what, const char *text, double *out,
                       struct err *err)
{
    double x;

    if (!str_to_double(text, &x) || !(x > 0 && x <= 1))
        return err_set(err, ERR_USAGE, "augment: %s: %s must be above 0 and at most 1, not \"%s\"",
                       name, what, text);
    *out = x;
    return true;
}

/* One "NAME[:MAGNITUDE[:CHANCE]]". */
static bool read_step(const char *name, const char *magnitude, const char *chance,
                      struct data_recipe *r, struct err *err)
{
    const struct data_aug *aug = find_aug(name);

    if (!aug)
        return no_such(name, err);
    if (r->n == DATA_RECIPE_MAX)
        return err_set(err, ERR_USAGE, "augment: more than %d steps", DATA_RECIPE_MAX);
    r->step[r->n].aug = aug;
    r->step[r->n].magnitude = aug->magnitude;
    r->step[r->n].chance = aug->chance;
    if ((magnitude &&
         !read_share(name, "the magnitude", magnitude, &r->step[r->n].magnitude, err)) ||
        (chance && !read_share(name, "the chance", chance, &r->step[r->n].chance, err)))
        return false;
    if (!aug->scale && r->step[r->n].magnitude < 1)
        return err_set(err, ERR_USAGE,
                       "augment: %s has no magnitude; for a chance of %s write %s:1:%s", name,
                       magnitude, name, magnitude);
    r->n++;
    return true;
}

static bool read_list(const char *text, const struct data_recipe_facts *facts,
                      struct data_recipe *r, struct err *err)
{
    for (; *text; text += strcspn(text, ","), text += *text == ',') {
        char word[100], *magnitude, *chance = NULL;
        const struct data_preset *preset;
        const char *why;
        size_t n;

        text += strspn(text, " ");
        n = strcspn(text, ",");
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word), text);
        word[strcspn(word, " ")] = 0;
        if ((magnitude = strchr(word, ':')))
            *magnitude++ = 0;
        if (magnitude && (chance = strchr(magnitude, ':')))
            *chance++ = 0;
        preset = find_preset(word);
        if (preset && magnitude)
            return err_set(err, ERR_USAGE, "augment: %s is a preset, which takes no numbers", word);
        if (preset && !preset->text)
            preset = data_preset_auto(facts, &why);
        if (!(preset ? read_list(preset->text, facts, r, err)
                     : read_step(word, magnitude, chance, r, err)))
            return false;
    }
    return true;
}

bool data_recipe_parse(const char *text, const struct data_recipe_facts *facts,
                       struct data_recipe *out, struct err *err)
{
    struct data_recipe r = { 0 };

    if (!*text || text[strlen(text) - 1] == ',')
        return err_set(err, ERR_USAGE, "augment: \"%s\" lacks a name at its end", text);
    if (!read_list(text, facts, &r, err))
        return false;
    *out = r;
    return true;
}

void data_recipe_text(const struct data_recipe *r, struct str *out)
{
    if (!r->n)
        str_add(out, "none");
    for (int i = 0; i < r->n; i++) {
        const struct data_aug *aug = r->step[i].aug;
        bool chance = r->step[i].chance != aug->chance;

        str_add(out, i ? "," : "");
        str_add(out, aug->name);
        if (chance || r->step[i].magnitude != aug->magnitude) {
            str_addc(out, ':');
            str_number(out, r->step[i].magnitude);
        }
        if (chance) {
            str_addc(out, ':');
            str_number(out, r->step[i].chance);
        }
    }
}

/* ---- stages ---------------------------------------------------------------------------------- */

struct data_place data_recipe_place(uint64_t epoch, uint64_t n, uint64_t i, int view)
{
    uint64_t home = i * 16 + (uint64_t)view;

    return (struct data_place){ epoch * n * 16 + home, epoch, home };
}

/* Whether step i is done at this place. */
static bool chosen(const struct data_recipe *r, int i, uint64_t seed, struct data_place at,
                   struct data_aug_address *a)
{
    *a = (struct data_aug_address){ seed, (uint32_t)i, at.index, at.epoch, at.home };
    return data_aug_u(a, CHANCE) < r->step[i].chance;
}

void data_recipe_view(const struct data_recipe *r, uint64_t seed, struct data_place at,
                      const struct data_prep *prep, const struct data_image *image,
                      struct data_view *v)
{
    struct data_aug_address a;

    data_prep_view(prep, image, v);
    for (int i = 0; i < r->n; i++)
        if (r->step[i].aug->view && chosen(r, i, seed, at, &a))
            r->step[i].aug->view(&a, r->step[i].magnitude, prep, image, v);
    v->x = fmin(fmax(v->x, -v->w / 2), image->width - v->w / 2);
    v->y = fmin(fmax(v->y, -v->h / 2), image->height - v->h / 2);
}

bool data_recipe_moves(const struct data_recipe *r)
{
    for (int i = 0; r && i < r->n; i++)
        if (r->step[i].aug->view)
            return true;
    return false;
}

void data_recipe_change(const struct data_recipe *r, uint64_t seed, struct data_place at,
                        struct data_pixels *m)
{
    struct data_aug_address a;

    for (int i = 0; r && i < r->n; i++)
        if (r->step[i].aug->pixels && chosen(r, i, seed, at, &a))
            r->step[i].aug->pixels(&a, r->step[i].magnitude, m);
}

bool data_recipe_pixels(const struct data_recipe *r, uint64_t seed, struct data_place at,
                        const struct data_prep *prep, const struct data_image *image,
                        struct data_pixels *m, struct err *err)
{
    struct data_view v;
    bool ok;

    if (data_recipe_moves(r)) {
        data_recipe_view(r, seed, at, prep, image, &v);
        ok = data_prep_view_pixels(prep, image, &v, m->pixel, err);
    } else {
        ok = data_prep_pixels(prep, image, m->pixel, err);
    }
    if (ok)
        data_recipe_change(r, seed, at, m);
    return ok;
}

void data_recipe_batch(const struct data_recipe *r, uint64_t seed, struct data_place at,
                       struct data_mixing *m)
{
    struct data_aug_address a;

    for (int i = 0; r && i < r->n; i++)
        if (r->step[i].aug->batch && chosen(r, i, seed, at, &a))
            r->step[i].aug->batch(&a, r->step[i].magnitude, m);
}
