/*
 * cmd_show -- discern data show: a sheet of what a network will see
 *
 * Pictures of the set, drawn by lot; each first as validation sees it, then as training does,
 * through data_fetch as in the loader.
 */
#include "data/cmd.h"
#include "data/fetch.h"
#include "data/font.h"
#include "data/sandbox.h"
#include "data/stb.h"
#include "nn/base/arena.h"
#include "nn/base/file.h"
#include "nn/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    CHOSEN_SIZE = 128,
    SHEET_WIDTH = 1600,         /* aimed at */
    SHEET_PIXELS = 30000000,    /* at most */
    LEAST_TILE = 96,            /* smaller pictures are shown magnified, so that a label fits */
    GAP = 4, SPACE = 12,        /* between tiles of a picture; between pictures */
    QUALITY = 90,
    MAX_VIEWS = 16,
};

enum part { PART_ALL, PART_TRAIN, PART_VAL, PART_TEST };
static const char *const parts[] = { "all", "train", "val", "test", NULL };

/* auto, then data_resize_names in their order. */
enum { RESIZE_AUTO };
static const char *const resizes[] = { "auto", "crop", "squash", "letterbox", NULL };

struct options {
    struct data_source_options source;
    const char *out, *augment;
    int size, resize, channels, count, columns, views, seed, split;
    bool force, sandbox, json;
};

static const struct field options[] = {
    { .name = "out", .letter = 'o', .kind = FIELD_KIND_STRING, .count = 1, .hint = "FILE",
      .offset = offsetof(struct options, out), .text = "sheet.png",
      .doc = "the sheet, a .png or .jpg" },
    FIELD_STRING(struct options, augment, "RECIPE", "auto",
                 "how pictures are varied: " DATA_PRESET_NAMES ", or a list (docs/augment.md)"),
    FIELD_INT(struct options, size, NULL, CHOSEN_SIZE, 1, 1024,
               "side of the pictures the network sees, in pixels; train by itself chooses 128, 64 "
               "or less, by the pictures, and tells it: give that"),
    FIELD_ENUM(struct options, resize, resizes, RESIZE_AUTO,
               "how a picture of another shape is fitted; auto: as train chooses it, squash where "
               "pictures have several labels, else crop"),
    FIELD_ENUM(struct options, channels, data_color_names, DATA_RGB,
               "what the network sees of it; train by itself chooses grey where no picture has "
               "colour, which looks the same"),
    FIELD_INT(struct options, count, NULL, 24, 1, 10000, "pictures, drawn by lot"),
    FIELD_INT(struct options, views, NULL, 3, 1, MAX_VIEWS, "times that each is varied"),
    FIELD_INT(struct options, columns, NULL, 0, 0, 1000, "pictures a row; 0 = chosen"),
    FIELD_ENUM(struct options, split, parts, PART_ALL, "which part of the data"),
    FIELD_INT(struct options, seed, NULL, 0, 0, 2147483647, "of what is drawn"),
    FIELD_BOOL(struct options, json, "one JSON object instead of the sheet's name"),
    FIELD_BOOL(struct options, force, "overwrite a file that is there"),
    DATA_SANDBOX_FIELD(struct options),
    DATA_SOURCE_FIELDS(struct options, source),
    FIELDS_END
};

struct sheet {
    const struct options *o;
    const struct data_index *x;
    struct data_prep prep;
    struct data_recipe recipe;
    int *sample;                /* [n] that are shown, in the order of the index */
    int n;
    int views;                  /* of each: the plain one, and those of the recipe */
    size_t tile;                /* numbers of a picture: 0 to 255, as prep has them */
    float *image;               /* [views,n,tile] */
    float *target;              /* [views,n,n_labels] */
};

/* ---- which pictures -------------------------------------------------------------------------- */

/* --count of those in the part, by lot. */
static bool choose(struct sheet *s, struct err *err)
{
    static const enum data_split of[] = { DATA_UNSPLIT, DATA_TRAIN, DATA_VAL, DATA_TEST };
    size_t all = (size_t)s->x->n;
    uint32_t *order = malloc((all + 1) * sizeof *order);
    char *taken = calloc(all + 1, 1);

    s->sample = malloc((all + 1) * sizeof *s->sample);
    if (!order || !taken || !s->sample) {
        free(order);
        free(taken);
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", s->x->n);
    }
    if (all)
        rng_shuffle((uint64_t)s->o->seed, rng_stream(RNG_DRAW, 1), (uint32_t)all, order);
    for (size_t i = 0, n = 0; i < all && n < (size_t)s->o->count; i++)
        if (s->o->split == PART_ALL || s->x->sample[order[i]].split == of[s->o->split])
            n += taken[order[i]] = 1;
    for (size_t i = 0; i < all; i++)
        if (taken[i])
            s->sample[s->n++] = (int)i;
    free(order);
    free(taken);
    return s->n || err_set(err, ERR_INPUT,
                           "no picture is in part %s: \"discern data split\" makes parts",
                           parts[s->o->split]);
}

/* ---- tiles ----------------------------------------------------------------------------------- */

static float *tile_at(const struct sheet *s, int i, int view)
{
    return s->image + ((size_t)view * (size_t)s->n + (size_t)i) * s->tile;
}

static float *target_at(const struct sheet *s, int i, int view)
{
    return s->target + ((size_t)view * (size_t)s->n + (size_t)i) * (size_t)s->x->n_labels;
}

/* Fills the tiles of picture i; one that cannot be read is told: false. */
static bool make_tiles(struct sheet *s, int i, const struct data_fetch *plain,
                       const struct data_fetch *varied, uint8_t *scratch)
{
    const struct data_sample *sample = &s->x->sample[s->sample[i]];
    float *out[1 + MAX_VIEWS];
    struct err err = { 0 };

    for (int v = 0; v < s->views; v++) {
        out[v] = tile_at(s, i, v);
        for (int j = 0; j < s->x->n_labels; j++)
            target_at(s, i, v)[j] = sample->mark ? sample->mark[j] : sample->label == j;
    }
    if (!data_fetch(plain, 0, s->sample[i], s->sample[i], 1, scratch, out, &err) ||
        !data_fetch(varied, 0, s->sample[i], s->sample[i], s->views - 1, scratch, out + 1, &err)) {
        cli_say("%s", err.msg);
        return false;
    }
    return true;
}

/* Takes those out that could not be read. */
static void leave_out(struct sheet *s, const bool *ok)
{
    int n = 0, all = s->n;

    for (int i = 0; i < all; i++)
        n += ok[i];
    for (int v = 0, to = 0; n < all && v < s->views; v++) {
        for (int i = 0; i < all; i++) {
            size_t from = (size_t)v * (size_t)all + (size_t)i, labels = (size_t)s->x->n_labels;

            if (!ok[i])
                continue;
            memmove(s->image + (size_t)to * s->tile, s->image + from * s->tile,
                    s->tile * sizeof *s->image);
            memmove(s->target + (size_t)to * labels, s->target + from * labels,
                    labels * sizeof *s->target);
            to++;
        }
    }
    s->n = 0;
    for (int i = 0; i < all; i++)
        if (ok[i])
            s->sample[s->n++] = s->sample[i];
}

static bool make_all(struct sheet *s, struct err *err)
{
    struct data_fetch varied = { .x = s->x, .prep = &s->prep, .recipe = &s->recipe,
                                 .seed = (uint64_t)s->o->seed };
    struct data_fetch plain;
    size_t tiles = (size_t)s->n * (size_t)s->views, bytes, targets;
    uint8_t *scratch = malloc(data_fetch_scratch(&varied));
    bool *ok = calloc((size_t)s->n + 1, sizeof *ok);
    int asked = s->n;

    s->tile = data_prep_count(&s->prep);
    if (size_mul(tiles, s->tile, &bytes) && size_mul(tiles, (size_t)s->x->n_labels + 1, &targets)) {
        s->image = calloc(bytes, sizeof *s->image);
        s->target = calloc(targets, sizeof *s->target);
    }
    if (!s->image || !s->target || !scratch || !ok) {
        free(scratch);
        free(ok);
        return err_set(err, ERR_MEMORY, "no memory for %zu pictures of %d pixels", tiles,
                       s->o->size);
    }
    if (!data_sandbox_choose(s->o->sandbox, 1, &varied.decode, err)) {
        free(scratch);
        free(ok);
        return false;
    }
    plain = varied;
    plain.recipe = NULL;
    for (int i = 0; i < s->n; i++)
        ok[i] = make_tiles(s, i, &plain, &varied, scratch);
    data_sandbox_free(varied.decode.sandbox);
    leave_out(s, ok);
    free(scratch);
    free(ok);
    /* Each view of all pictures is a batch. */
    for (int v = 1; s->n && v < s->views; v++)
        data_recipe_batch(&s->recipe, (uint64_t)s->o->seed, data_recipe_place(0, 1, 0, v - 1),
                          &(struct data_mixing){ s->n, s->x->n_labels, s->o->size, s->o->size,
                                                 data_prep_channels(&s->prep), tile_at(s, 0, v),
                                                 target_at(s, 0, v) });
    return s->n || err_set(err, ERR_INPUT, "none of the %d pictures can be read", asked);
}

/* ---- the sheet ------------------------------------------------------------------------------- */

/* "rose", "rose 0.70 + tulip 0.30", "beach, people": the largest first; unknown ones are left out.
 * What is wider than `columns` ends behind a whole label: "beach, people, ...".  Clears target on
 * its way. */
static void label_text(const struct sheet *s, float *target, int columns, struct str *out)
{
    static const char more[] = "...";
    size_t fits = 0;                    /* bytes that leave room for more[] */
    const float least = 0.005f;         /* less reads 0.00 */
    bool many = s->x->task == DATA_MULTI, any = false;

    for (;;) {
        int best = 0;

        for (int j = 1; j < s->x->n_labels; j++)
            best = target[j] > target[best] ? j : best;
        if (!s->x->n_labels || !(target[best] >= least))
            break;
        str_add(out, !any ? "" : many ? ", " : " + ");
        if (any && cli_width(str_text(out)) + (int)strlen(more) <= columns)
            fits = out->len;
        str_add(out, s->x->label[best]);
        if (target[best] < 1 - least)
            str_printf(out, " %.2f", target[best]);
        target[best] = 0;
        any = true;
    }
    if (!any)
        str_add(out, many ? "(none)" : "(unknown)");
    if (fits && cli_width(str_text(out)) > columns) {
        str_cut(out, fits);
        str_add(out, more);
    }
}

/* Where things stand, in pixels. */
struct layout {
    int zoom, tile;             /* a pixel of the network is zoom x zoom; a tile's side */
    int columns, rows;
    int width, height;          /* of one picture with all its views and text */
};

static bool plan(const struct sheet *s, struct layout *l, struct err *err)
{
    int64_t width, height;

    l->zoom = (LEAST_TILE + s->o->size - 1) / s->o->size;
    l->tile = l->zoom * s->o->size;
    l->width = s->views * (l->tile + GAP) - GAP + SPACE;
    l->height = l->tile + 2 * DATA_FONT_HEIGHT + GAP + SPACE;
    l->columns = s->o->columns ? s->o->columns : SHEET_WIDTH / l->width;
    l->columns = l->columns < 1 ? 1 : l->columns > s->n ? s->n : l->columns;
    l->rows = (s->n + l->columns - 1) / l->columns;
    width = (int64_t)l->columns * l->width + SPACE;
    height = (int64_t)l->rows * l->height + SPACE;
    if (width * height > SHEET_PIXELS)
        return err_set(err, ERR_USAGE,
                       "a sheet of %lld x %lld pixels is more than %d million: show fewer, smaller "
                       "or in fewer views",
                       (long long)width, (long long)height, SHEET_PIXELS / 1000000);
    return true;
}

static void put_tile(const struct sheet *s, const struct layout *l, const float *tile, int x0,
                     int y0, struct data_image *m)
{
    int channels = data_prep_channels(&s->prep);

    for (int y = 0; y < l->tile; y++) {
        uint8_t *p = m->pixel + 3 * ((size_t)(y0 + y) * (size_t)m->width + (size_t)x0);

        for (int x = 0; x < l->tile; x++, p += 3) {
            const float *v = tile + (y / l->zoom * s->o->size + x / l->zoom) * channels;

            for (int c = 0; c < 3; c++)
                p[c] = (uint8_t)(v[channels == 3 ? c : 0] + 0.5f);
        }
    }
}

/* Picture i: its tiles, a label under each, and below them its name. */
static bool put_picture(const struct sheet *s, const struct layout *l, int i, struct data_image *m)
{
    int x = SPACE + i % l->columns * l->width, y = SPACE + i / l->columns * l->height;
    const char *name = s->x->sample[s->sample[i]].name;
    struct str text = { 0 };
    bool ok;

    data_font_draw(m, x, y + l->tile + GAP + DATA_FONT_HEIGHT,
                   (l->width - SPACE) / DATA_FONT_WIDTH, name);
    for (int v = 0; v < s->views; v++, x += l->tile + GAP) {
        str_clear(&text);
        label_text(s, target_at(s, i, v), l->tile / DATA_FONT_WIDTH, &text);
        put_tile(s, l, tile_at(s, i, v), x, y, m);
        data_font_draw(m, x, y + l->tile + GAP, l->tile / DATA_FONT_WIDTH, str_text(&text));
    }
    ok = !text.failed;
    str_release(&text);
    return ok;
}

static bool is_jpeg(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot && (!strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg"));
}

static bool is_png(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot && !strcasecmp(dot, ".png");
}

static bool write_sheet(const struct data_image *m, const char *path, struct err *err)
{
    size_t size;
    uint8_t *bytes = is_jpeg(path) ? data_stb_jpeg(m->pixel, m->width, m->height, QUALITY, &size)
                                   : data_stb_png(m->pixel, m->width, m->height, &size);
    bool ok = bytes ? file_replace(path, bytes, size, err)
                    : err_set(err, ERR_MEMORY, "%s: no memory to write %d x %d pixels", path,
                              m->width, m->height);

    free(bytes);
    return ok;
}

static bool draw(const struct sheet *s, const struct layout *l, struct err *err)
{
    struct data_image m = { l->columns * l->width + SPACE, l->rows * l->height + SPACE, NULL };
    size_t bytes = (size_t)m.width * (size_t)m.height * 3;
    bool ok = true;

    m.pixel = malloc(bytes);
    if (!m.pixel)
        return err_set(err, ERR_MEMORY, "no memory for a sheet of %d x %d pixels", m.width,
                       m.height);
    memset(m.pixel, 255, bytes);
    for (int i = 0; ok && i < s->n; i++)
        ok = put_picture(s, l, i, &m);
    ok = ok ? write_sheet(&m, s->o->out, err) : err_set(err, ERR_MEMORY, "memory is out");
    data_image_release(&m);
    return ok;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool check(const struct options *o, const char *data, struct err *err)
{
    if (!is_png(o->out) && !is_jpeg(o->out))
        return err_set(err, ERR_USAGE, "%s: a sheet is a .png or .jpg", o->out);
    return cli_may_write(o->out, data, o->force, err);
}

static void write_json(const struct sheet *s, const struct options *o, const char *data,
                       struct str *out)
{
    struct str recipe = { 0 };

    data_recipe_text(&s->recipe, &recipe);
    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.data.show/1");
    json_text(out, "data", data);
    json_text(out, "sheet", o->out);
    json_number(out, "pictures", s->n);
    json_number(out, "views", s->views);
    json_number(out, "size", o->size);
    json_text(out, "resize", data_resize_names[s->prep.resize]);
    json_text(out, "channels", data_color_names[s->prep.color]);
    json_text(out, "augment", str_text(&recipe));
    json_end(out, '}');
    out->failed |= recipe.failed;
    str_release(&recipe);
}

static bool show(const struct options *o, const char *data, struct err *err)
{
    struct sheet s = { .o = o };
    struct data_recipe_facts facts = { .size = o->size };
    struct data_index *x;
    struct str text = { 0 }, answer = { 0 };
    struct layout l;
    bool ok = false;

    if (!check(o, data, err) || !data_recipe_parse(o->augment, &facts, &s.recipe, err))
        return false;
    s.x = x = data_index_open(data, &o->source, err);
    if (!x)
        return false;
    facts.n_labels = x->n_labels;
    for (int i = 0; i < x->n; i++)      /* what there is to learn from */
        facts.n += x->sample[i].split == DATA_UNSPLIT || x->sample[i].split == DATA_TRAIN;
    field_defaults(data_prep_fields, &s.prep);
    s.prep.size[0] = s.prep.size[1] = o->size;
    s.prep.resize = o->resize == RESIZE_AUTO ? (int)data_resize_for(x->task == DATA_MULTI)
                                             : o->resize - RESIZE_AUTO - 1;
    s.prep.color = o->channels;
    for (int c = 0; c < 3; c++) {       /* pixels come through as they are */
        s.prep.mean[c] = 0;
        s.prep.std[c] = 1.0 / 255;
    }
    ok = data_index_spares(x, o->out, err) &&
         data_recipe_parse(o->augment, &facts, &s.recipe, err) && choose(&s, err);
    s.views = s.recipe.n ? 1 + o->views : 1;
    ok = ok && plan(&s, &l, err) && make_all(&s, err) && plan(&s, &l, err) &&
         draw(&s, &l, err);
    if (ok) {
        data_recipe_text(&s.recipe, &text);
        cli_say("%d of %d pictures%s, size %d, resize %s, channels %s, augment %s", s.n, x->n,
                s.recipe.n ? ", each plain and varied" : "", o->size,
                data_resize_names[s.prep.resize], data_color_names[s.prep.color],
                str_text(&text));
        if (o->json)
            write_json(&s, o, data, &answer);
        else
            str_add(&answer, o->out);
        ok = cli_print(&answer, err);
    }
    str_release(&text);
    str_release(&answer);
    free(s.sample);
    free(s.image);
    free(s.target);
    data_index_free(x);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED || !show(&o, args.arg[0], &err))
        return cli_fail(&err, o.json);
    return 0;
}

const struct cli_command data_cmd_show = {
    .name = "data show",
    .summary = "draw a sheet of what a network will see",
    .synopsis = "DATA",
    .about = "Draws pictures of DATA by lot: each first as validation sees it, then as training "
             "sees it through the augmentations of --augment, with its labels below. Steps that "
             "mix pictures take the whole sheet for a batch, and the labels tell the shares.\n"
             "That is what train sees when it is given the same --size, --resize, --channels and "
             "--augment: what it is not given it chooses from the pictures, and tells.\n"
             "Prints the name of the sheet.",
    .examples = "discern data show photos/ -o sheet.png\n"
                "discern data show photos/ --augment strong --size 64 --force\n"
                "discern data show photos/ --augment rotate:1 --views 8 --count 4 -o rotate.jpg\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
