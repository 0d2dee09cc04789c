/*
 * choose -- see choose.h
 */
#include "train/choose.h"

#include "nn/base/order.h"
#include "nn/base/pool.h"
#include "train/optim/optim.h"
#include "train/sched.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SMALL = 48, /* up to here pictures stay as large as they are */
    TINY = 16,  /* what an architecture at least can take */
    MEDIUM = 64,
    LARGE = 128,         /* sides that larger ones are brought to */
    MANY = 20000,
    FAST_MANY = 40000, /* pictures that recipe `fast` has enough steps with, */
    FAST_LEAST = 24,   /* of sides for which its network is made */
    FAST_MOST = 40,
};

const struct train_usual train_usual_scratch = { .rate = 1, .steps = 2400, .least = 10,
                                                 .most = 60 };

#define LEAST_STD 0.05 /* of pictures that are all alike */

/* Of a picture's numbers: red, green, blue, and the grey that a grey net would see. */
enum { GREY = 3, NUMBERS };

/* What one picture tells. */
struct look {
    bool read, colourless;
    int width, height;
    double mean[NUMBERS], square[NUMBERS]; /* of its pixels, 0 to 1 */
    struct err err;
};

struct looks {
    const struct data_index *x;
    struct data_decode decode;
    int n;
    struct look look[TRAIN_LOOK];
};

static void look_at(void *arg, int i, int worker)
{
    struct looks *all = arg;
    struct look *l = &all->look[i];
    const struct data_sample *s = &all->x->sample[(int64_t)i * all->x->n / all->n];
    struct data_image image = { 0 };
    double n;

    (void)worker;
    l->read = data_sample_image(s, &all->decode, &image, &l->err);
    if (!l->read)
        return;
    l->width = image.width;
    l->height = image.height;
    l->colourless = true;
    n = (double)image.width * image.height;
    for (int64_t p = 0; p < (int64_t)image.width * image.height; p++) {
        const uint8_t *rgb = image.pixel + 3 * p;
        double v[NUMBERS] = { rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0 };

        v[GREY] = 0.299 * v[0] + 0.587 * v[1] + 0.114 * v[2];
        l->colourless &= rgb[0] == rgb[1] && rgb[1] == rgb[2];
        for (int c = 0; c < NUMBERS; c++) {
            l->mean[c] += v[c];
            l->square[c] += v[c] * v[c];
        }
    }
    for (int c = 0; c < NUMBERS; c++) {
        l->mean[c] /= n;
        l->square[c] /= n;
    }
    data_image_release(&image);
}

/* The median of the shorter sides; how many pictures could be read in *n. */
static int median_side(const struct looks *all, int *n)
{
    int side[TRAIN_LOOK];

    *n = 0;
    for (int i = 0; i < all->n; i++) {
        const struct look *l = &all->look[i];

        if (l->read)
            side[(*n)++] = l->width < l->height ? l->width : l->height;
    }
    qsort(side, (size_t)*n, sizeof *side, order_ints);
    return *n ? side[*n / 2] : 0;
}

/* Each picture weighs the same.  Three digits are enough, and read well in `discern info`. */
static void colours(const struct looks *all, int n, struct data_prep *prep)
{
    for (int c = 0; c < 3; c++) {
        int from = prep->color == DATA_GREY ? GREY : c;
        double mean = 0, square = 0;

        for (int i = 0; i < all->n; i++) {
            mean += all->look[i].mean[from] / n;
            square += all->look[i].square[from] / n;
        }
        prep->mean[c] = round(mean * 1000) / 1000;
        prep->std[c] = round(fmax(sqrt(fmax(square - mean * mean, 0)), LEAST_STD) * 1000) / 1000;
    }
}

struct teller {
    train_say_fn *say;
    void *ctx;
};

static void tell(const struct teller *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void tell(const struct teller *t, const char *fmt, ...)
{
    char text[300];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    t->say(t->ctx, text);
}

static void choose_size(int side, int least, struct train_cfg *cfg, const struct teller *t)
{
    const char *why;

    if (side <= SMALL) {
        cfg->size = side < TINY ? TINY : side;
        why = "as large as the pictures are";
    } else {
        cfg->size = side < (MEDIUM + LARGE) / 2 ? MEDIUM : LARGE;
        why = "more pixels cost more time than they teach a network that starts from nothing";
    }
    if (cfg->size < least) {
        cfg->size = least;
        why = "the architecture takes no less";
    }
    tell(t, "size %d: half of the pictures measure %d pixels or more; %s", cfg->size, side, why);
}

static void choose_batch(int n, struct train_cfg *cfg, const struct teller *t)
{
    cfg->batch = n < 256 ? 16 : n < 1024 ? 32 : n < MANY ? 64 : 128;
    if (cfg->batch > n)
        cfg->batch = n;
    if (cfg->probe != TRAIN_PROBE_ONLY)
        tell(t, "batch %d: fits %d pictures to learn from", cfg->batch, n);
}

static void choose_epochs(int n, const struct train_usual *usual, struct train_cfg *cfg,
                          const struct teller *t)
{
    int batches = (n / cfg->batch + cfg->accumulate - 1) / cfg->accumulate;

    cfg->epochs = (usual->steps + batches - 1) / batches;
    if (cfg->epochs < usual->least)
        cfg->epochs = usual->least;
    if (cfg->epochs > usual->most)
        cfg->epochs = usual->most;
    tell(t, "epochs %d: %d steps of %d pictures; --epochs or --time say otherwise", cfg->epochs,
         cfg->epochs * batches, cfg->batch);
}

/* Grey only when no picture has a pixel of colour: nothing is lost then. */
static void choose_color(const struct looks *all, int n, struct train_cfg *cfg,
                         const struct teller *t)
{
    int colourless = 0;

    for (int i = 0; i < all->n; i++)
        colourless += all->look[i].read && all->look[i].colourless;
    cfg->channels = colourless == n ? TRAIN_GREY : TRAIN_RGB;
    if (cfg->channels == TRAIN_GREY)
        tell(t, "channels grey: none of %d pictures looked at has colour; --channels rgb says "
                "otherwise", n);
}

static void choose_resize(const struct data_index *train, struct train_cfg *cfg,
                          const struct teller *t)
{
    cfg->resize = TRAIN_CROP + (int)data_resize_for(train->task == DATA_MULTI);
    tell(t, cfg->resize == TRAIN_SQUASH
                ? "resize squash: what a label names may be at an edge, where crop would cut it off"
                : "resize crop: of a picture of another shape the middle square is seen");
}

/* What the optimiser and the schedule have to say where the settings do not. */
static void choose_optim(bool multi, const struct train_optim *optim,
                         const struct train_usual *usual, struct train_cfg *cfg,
                         const struct teller *t)
{
    double rate = (multi ? optim->lr_multi : optim->lr) * usual->rate;
    int together = cfg->batch * (cfg->accumulate > 1 ? cfg->accumulate : 1);

    if (cfg->lr <= 0) {
        cfg->lr = rate * pow(together / 64.0, optim->power);
        if (cfg->probe != TRAIN_PROBE_ONLY)
            tell(t, "lr %g: %g for batches of 64, %s for %d", cfg->lr, rate,
                 optim->power < 1 ? "with the square root" : "in proportion", together);
    }
    if (cfg->momentum < 0)
        cfg->momentum = optim->momentum;
    if (cfg->beta2 < 0)
        cfg->beta2 = optim->beta2;
    if (cfg->decay < 0)
        cfg->decay = optim->decay;
    if (cfg->warmup < 0)
        cfg->warmup = train_sched_warmup(cfg->sched);
}

static void make_prep(const struct looks *all, int n, const struct train_cfg *cfg,
                      struct data_prep *prep)
{
    *prep = (struct data_prep){ .size = { cfg->size, cfg->size },
                                .crop = 1,
                                .resize = cfg->resize - TRAIN_CROP,
                                .color = cfg->channels - TRAIN_RGB,
                                .filter = cfg->filter };
    memcpy(prep->background, cfg->background, sizeof prep->background);
    colours(all, n, prep);
}

static void note_sizes(const struct looks *all, struct train_seen *seen)
{
    seen->n = 0;
    for (int i = 0; i < all->n; i++) {
        if (!all->look[i].read)
            continue;
        seen->width[seen->n] = all->look[i].width;
        seen->height[seen->n++] = all->look[i].height;
    }
}

/* Some pictures of x, evenly; NULL when memory is out. */
static struct looks *look(const struct data_index *x, int threads,
                          const struct data_decode *decode, const struct train_cfg *cfg,
                          struct err *err)
{
    struct looks *all = calloc(1, sizeof *all);
    struct pool *pool = all ? pool_new(threads, err) : NULL;

    if (!pool) {
        if (!all)
            err_set(err, ERR_MEMORY, "no memory to look at pictures");
        free(all);
        return NULL;
    }
    all->x = x;
    all->n = x->n < TRAIN_LOOK ? x->n : TRAIN_LOOK;
    all->decode = decode ? *decode : data_decode_default;
    for (int c = 0; c < 3; c++)
        all->decode.background[c] = (uint8_t)cfg->background[c];
    pool_for(pool, all->n, look_at, all);
    pool_free(pool);
    return all;
}

bool train_choose_recipe(const struct data_index *x, int threads,
                         const struct data_decode *decode, const struct train_cfg *cfg,
                         const char **recipe, struct err *err)
{
    struct looks *all;
    int n, side;

    *recipe = NULL;
    if (x->task == DATA_MULTI || x->n < FAST_MANY)
        return true;
    all = look(x, threads, decode, cfg, err);
    if (!all)
        return false;
    side = median_side(all, &n);
    free(all);
    if (side >= FAST_LEAST && side <= FAST_MOST)
        *recipe = "fast";
    return true;
}

bool train_choose(const struct data_index *train, int least, const struct train_usual *usual,
                  int threads, const struct data_decode *decode, struct train_cfg *cfg,
                  struct data_prep *prep, struct train_seen *seen, train_say_fn *say, void *ctx,
                  struct err *err)
{
    struct teller t = { say, ctx };
    const struct train_optim *optim = train_optim_find(cfg->optim, err);
    struct looks *all = optim ? look(train, threads, decode, cfg, err) : NULL;
    int n, side;

    if (!all)
        return false;
    side = median_side(all, &n);
    if (!n) {
        *err = all->look[0].err;
        free(all);
        return err_in(err, "none of the pictures can be read; the first one");
    }
    if (!cfg->size)
        choose_size(side, least, cfg, &t);
    if (!cfg->channels)
        choose_color(all, n, cfg, &t);
    if (!cfg->resize)
        choose_resize(train, cfg, &t);
    make_prep(all, n, cfg, prep);
    note_sizes(all, seen);
    free(all);
    if (!cfg->batch)
        choose_batch(train->n, cfg, &t);
    if (cfg->batch > train->n) {
        if (cfg->probe != TRAIN_PROBE_ONLY)
            tell(&t, "batch %d: there are no more pictures to learn from", train->n);
        cfg->batch = train->n;
    }
    if (!cfg->epochs && !cfg->steps && cfg->time <= 0 && cfg->probe != TRAIN_PROBE_ONLY)
        choose_epochs(train->n, usual, cfg, &t);
    choose_optim(train->task == DATA_MULTI, optim, usual, cfg, &t);
    return true;
}

double train_choose_val(int n)
{
    return n < 5000 ? 0.2 : n < MANY ? 0.1 : 0.05;
}
