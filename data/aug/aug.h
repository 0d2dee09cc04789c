/*
 * aug -- augmentations: one file and one line of augs.def each
 *
 * Addressed, not consumed: what happens to a picture is a pure function of
 * (seed, epoch, sample, view), so two views of a picture in one epoch are two addresses.
 */
#ifndef DATA_AUG_H
#define DATA_AUG_H

#include "data/prep.h"
#include "nn/base/rng.h"

struct data_place {
    uint64_t index;             /* of (epoch, sample, view) */
    uint64_t epoch, home;       /* home: index of the same sample and view in epoch 0 */
};

struct data_aug_address {
    uint64_t seed;
    uint32_t stream;            /* number of the augmentation in its recipe */
    uint64_t index, epoch, home;        /* as struct data_place has them */
};

/* Draw number i (< 60) of this augmentation for this picture, uniform in [0,1). */
float data_aug_u(const struct data_aug_address *a, int i);
/* The same draw as a whole number in [-reach, reach]; reach >= 0 is whole. */
double data_aug_whole(const struct data_aug_address *a, int i, double reach);
/* Random bytes [first, first + n) of as many as 2^36, for whoever wants some for each pixel: a pure
 * function too.  first and n are multiples of 16. */
void data_aug_bytes(const struct data_aug_address *a, size_t first, size_t n, uint8_t *out);

/* Pixels of the net's size, before normalisation: [height,width,channels]. */
struct data_pixels {
    int width, height, channels;    /* channels 3 or 1 */
    uint8_t *pixel;
    uint8_t *scratch;               /* DATA_PIXELS_SCRATCH times as large; the augmentation's own */
};
enum { DATA_PIXELS_SCRATCH = 3 };

/* A batch that is complete: augmentations that mix pictures. */
struct data_mixing {
    int n, n_labels;
    int width, height, channels;
    float *image;                   /* [n,height,width,channels] normalised */
    float *target;                  /* [n,n_labels] in [0,1]; -1 unknown, which stays unknown */
};

/* Each has one of the three functions.  Magnitudes are in (0,1]. */
struct data_aug {
    const char *name, *doc;
    const char *scale;              /* what magnitude 1 means: "30 degrees"; NULL: it means nothing
                                       and is 1 */
    const char *source;             /* where it comes from; NULL: nobody knows */
    double magnitude, chance;       /* where a recipe says none */
    /* Moves the rectangle before the one resampling: *v comes as validation sees the picture,
     * changed by the steps before. */
    void (*view)(const struct data_aug_address *a, double magnitude, const struct data_prep *prep,
                 const struct data_image *image, struct data_view *v);
    /* Changes the resampled 8-bit pixels in place. */
    void (*pixels)(const struct data_aug_address *a, double magnitude, struct data_pixels *m);
    /* Mixes the pictures of a batch; a->index is of (epoch, batch). */
    void (*batch)(const struct data_aug_address *a, double magnitude, struct data_mixing *m);
};

#define DATA_AUG(name) extern const struct data_aug data_aug_##name;
#include "data/aug/augs.def"
#undef DATA_AUG

int data_aug_count(void);
const struct data_aug *data_aug_at(int i);

/* What is done to pictures: augmentations in order, each with a chance and a magnitude.  Views come
 * before pixels and these before batches, whatever the order between them. */
enum { DATA_RECIPE_MAX = 24 };
struct data_recipe {
    int n;                          /* 0: pictures as validation sees them */
    struct {
        const struct data_aug *aug;
        double magnitude;           /* in (0,1] */
        double chance;              /* for a picture (a batch), in (0,1] */
    } step[DATA_RECIPE_MAX];
};

/* What "auto" is decided from. */
struct data_recipe_facts {
    int n, n_labels;                /* pictures to learn from; labels */
    int size;                       /* the net's input side */
};

/* Recipes with a name, and "auto", which is one of them chosen by the facts. */
struct data_preset {
    const char *name;
    const char *text;               /* as data_recipe_parse reads it; NULL: auto */
    const char *doc;
};
extern const struct data_preset data_presets[];     /* ends with a name of NULL */
#define DATA_PRESET_NAMES "none, light, medium, strong, auto"       /* theirs, for help */

/* The preset that auto is for these facts; *why, in words. */
const struct data_preset *data_preset_auto(const struct data_recipe_facts *facts, const char **why);

/*
 * Text to recipe: a preset, or a list "NAME[:MAGNITUDE[:CHANCE]],..." such as
 * "crop,flip,color:0.4,erase:0.3:0.25", or a preset with more behind it, "light,mixup:0.2".
 * ERR_USAGE names what is wrong, and the nearest name.
 */
bool data_recipe_parse(const char *text, const struct data_recipe_facts *facts,
                       struct data_recipe *out, struct err *err);
/* Appends it as a list that parses to the same recipe; "none" when empty. */
void data_recipe_text(const struct data_recipe *r, struct str *out);

/* Where (epoch, picture i of n, view) or (epoch, batch i of n, view) stands; view < 16. */
struct data_place data_recipe_place(uint64_t epoch, uint64_t n, uint64_t i, int view);

/* Whether some step moves the view: else every picture is seen as validation sees it. */
bool data_recipe_moves(const struct data_recipe *r);    /* r may be NULL */

/* The first stage: which part of the picture, which way round.  The middle of what is seen stays
 * in the picture. */
void data_recipe_view(const struct data_recipe *r, uint64_t seed, struct data_place at,
                      const struct data_prep *prep, const struct data_image *image,
                      struct data_view *v);
/* The second, in place; r may be NULL. */
void data_recipe_change(const struct data_recipe *r, uint64_t seed, struct data_place at,
                        struct data_pixels *m);
/* The first two, into m->pixel; m is as large as prep's input.  r NULL or empty: what
 * data_prep_pixels gives. */
bool data_recipe_pixels(const struct data_recipe *r, uint64_t seed, struct data_place at,
                        const struct data_prep *prep, const struct data_image *image,
                        struct data_pixels *m, struct err *err);
/* The third; r may be NULL. */
void data_recipe_batch(const struct data_recipe *r, uint64_t seed, struct data_place at,
                       struct data_mixing *m);

#endif
