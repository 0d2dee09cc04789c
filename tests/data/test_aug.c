/*
 * augmentations: addressed, within their bounds, and what their definitions say
 */
#include "tests/data/made.h"

#include "data/aug/mixing.h"

#include <math.h>

static const struct data_recipe_facts facts = { 5000, 10, 64 };

static struct data_recipe recipe_of(const char *text)
{
    struct data_recipe r;
    struct err err = { 0 };

    if (!data_recipe_parse(text, &facts, &r, &err))
        fail_msg("%s: %s", text, err.msg);
    return r;
}

static struct data_prep prep_of(int height, int width, enum data_resize resize)
{
    struct data_prep p;

    field_defaults(data_prep_fields, &p);
    p.size[0] = height;
    p.size[1] = width;
    p.resize = (int)resize;
    return p;
}

#define ADDRESS(the_seed, the_stream, the_index) \
    (&(struct data_aug_address){ .seed = (the_seed), .stream = (the_stream), .index = (the_index) })

static struct data_place at(uint64_t index)
{
    return (struct data_place){ .index = index, .home = index };
}

/* ---- recipes --------------------------------------------------------------------------------- */

static bool same_recipe(const struct data_recipe *a, const struct data_recipe *b)
{
    bool same = a->n == b->n;

    for (int i = 0; same && i < a->n; i++)
        same = a->step[i].aug == b->step[i].aug && a->step[i].chance == b->step[i].chance &&
               a->step[i].magnitude == b->step[i].magnitude;
    return same;
}

static void text_round_trips(void **state)
{
    static const char *const texts[] = {
        "none", "light", "medium", "strong", "auto", "crop", "light,translate:0.1", "crop, flip",
        "crop:0.1,flip:1:1,zoom:0.123456789:0.7", "none,flip", "flip,flip,flip",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct data_recipe a = recipe_of(texts[i]), b;
        struct str text = { 0 };

        data_recipe_text(&a, &text);
        b = recipe_of(str_text(&text));
        assert_true(same_recipe(&a, &b));
        str_release(&text);
    }
}

static void recipes_are_what_they_say(void **state)
{
    struct data_recipe r = recipe_of("crop:0.25:0.75,flip");

    (void)state;
    assert_int_equal(recipe_of("none").n, 0);
    assert_int_equal(r.n, 2);
    assert_ptr_equal(r.step[0].aug, &data_aug_crop);
    assert_true(r.step[0].magnitude == 0.25 && r.step[0].chance == 0.75);
    assert_ptr_equal(r.step[1].aug, &data_aug_flip);
    assert_true(r.step[1].magnitude == 1 && r.step[1].chance == 0.5);
}

static void nonsense_is_a_usage_error_that_names_it(void **state)
{
    static const char *const wrong[][2] = {
        { "", "lacks a name" },        { "crop,", "lacks a name" },   { ",crop", "\"\"" },
        { "crop,,flip", "\"\"" },      { "krop", "\"crop\"" },        { "ligth", "\"light\"" },
        { "crop:0", "not \"0\"" },     { "crop:1.5", "magnitude" },   { "crop:nan", "magnitude" },
        { "crop:0.5:0", "chance" },    { "crop:0.5:2", "chance" },    { "crop:x", "\"x\"" },
        { "flip:0.5", "flip:1:0.5" },  { "light:0.5", "no numbers" }, { "crop:", "\"\"" },
        { "crop:1:1:1", "chance" },
    };
    struct str many = { 0 };
    struct data_recipe r;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        err = (struct err){ 0 };
        assert_false(data_recipe_parse(wrong[i][0], &facts, &r, &err));
        assert_int_equal(err.kind, ERR_USAGE);
        if (!strstr(err.msg, wrong[i][1]))
            fail_msg("%s: %s", wrong[i][0], err.msg);
    }
    for (int i = 0; i <= DATA_RECIPE_MAX; i++)
        str_add(&many, i ? ",flip" : "flip");
    assert_false(data_recipe_parse(str_text(&many), &facts, &r, &err));
    str_clear(&many);
    for (int i = 0; i < 100000; i++)
        str_add(&many, "long");
    assert_false(data_recipe_parse(str_text(&many), &facts, &r, &err));
    str_release(&many);
}

static void presets_are_recipes_and_help_names_them(void **state)
{
    struct str names = { 0 };

    (void)state;
    for (int i = 0; data_presets[i].name; i++) {
        str_printf(&names, "%s%s", i ? ", " : "", data_presets[i].name);
        for (int k = 0; k < data_aug_count(); k++)
            assert_string_not_equal(data_presets[i].name, data_aug_at(k)->name);
        recipe_of(data_presets[i].name);
    }
    assert_string_equal(str_text(&names), DATA_PRESET_NAMES);
    str_release(&names);
}

static void fewer_pictures_are_varied_more(void **state)
{
    static const char *const order[] = { "medium", "light" };
    int last = 0;
    const char *why;

    (void)state;
    for (int n = 10; n < 1000000; n = n * 3 / 2) {
        const struct data_preset *p =
            data_preset_auto(&(struct data_recipe_facts){ n, 10, 128 }, &why);
        int now = 0;

        while (strcmp(order[now], p->name))
            now++;
        assert_true(now >= last && *why);
        last = now;
    }
    assert_int_equal(last, 1);
    assert_string_not_equal(
        data_preset_auto(&(struct data_recipe_facts){ 100, 10, 32 }, &why)->name, "strong");
    data_preset_auto(&(struct data_recipe_facts){ 0, 0, 0 }, &why);
}

static void every_augmentation_is_described_and_has_one_function(void **state)
{
    (void)state;
    for (int i = 0; i < data_aug_count(); i++) {
        const struct data_aug *a = data_aug_at(i);

        assert_true(a->name && *a->name && a->doc && *a->doc);
        assert_int_equal(!!a->view + !!a->pixels + !!a->batch, 1);
        assert_true(a->magnitude > 0 && a->magnitude <= 1 && a->chance > 0 && a->chance <= 1);
        assert_true(a->scale || a->magnitude == 1);
    }
}

/* ---- views ----------------------------------------------------------------------------------- */

static void no_augmentation_is_what_validation_sees(void **state)
{
    struct data_image m = made_image(50, 40, 7);
    struct data_recipe none = { 0 };
    uint8_t a[32 * 32 * 3], b[32 * 32 * 3];
    struct err err;

    (void)state;
    for (int r = DATA_CROP; r <= DATA_LETTERBOX; r++) {
        struct data_prep p = prep_of(32, 32, (enum data_resize)r);
        struct data_pixels out = { 32, 32, 3, a, NULL };

        p.crop = 0.8;
        assert_true(data_prep_pixels(&p, &m, b, &err));
        assert_true(data_recipe_pixels(&none, 1, at(2), &p, &m, &out, &err));
        assert_memory_equal(a, b, sizeof a);
        memset(a, 0, sizeof a);
        assert_true(data_recipe_pixels(NULL, 1, at(2), &p, &m, &out, &err));
        assert_memory_equal(a, b, sizeof a);
    }
    data_image_release(&m);
}

static bool same_view(const struct data_view *a, const struct data_view *b)
{
    return a->x == b->x && a->y == b->y && a->w == b->w && a->h == b->h &&
           a->mirror == b->mirror && a->upside_down == b->upside_down;
}

static void views_are_addressed(void **state)
{
    struct data_image m = { 50, 40, NULL };
    struct data_prep p = prep_of(32, 32, DATA_CROP);

    (void)state;
    for (int k = 0; k < data_aug_count(); k++) {
        struct data_recipe r = recipe_of(data_aug_at(k)->name);
        struct data_view a, b;
        int same = 0;

        if (!data_aug_at(k)->view)
            continue;
        for (uint64_t i = 0; i < 200; i++) {
            data_recipe_view(&r, 1, at(i), &p, &m, &a);
            data_recipe_view(&r, 1, at(i), &p, &m, &b);
            assert_true(same_view(&a, &b));
            data_recipe_view(&r, 1, at(i + 1), &p, &m, &b);
            same += same_view(&a, &b);
            data_recipe_view(&r, 2, at(i), &p, &m, &b);
            same += same_view(&a, &b);
        }
        assert_true(same < 250);            /* 200 for a flip of every second picture */
    }
}

static void indices_of_views_and_epochs_are_different(void **state)
{
    uint64_t seen[3 * 5 * 16];
    int n = 0;

    (void)state;
    for (uint64_t epoch = 0; epoch < 3; epoch++)
        for (uint64_t i = 0; i < 5; i++)
            for (int view = 0; view < 16; view++)
                seen[n++] = data_recipe_place(epoch, 5, i, view).index;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
}

/* Of two epochs that follow one another one has a picture mirrored, and of the first epoch's half
 * are: as arXiv:2404.00498, sec. 3.6, whatever the seed and the view. */
static void altflip_mirrors_every_other_epoch(void **state)
{
    enum { N = 1000, EPOCHS = 5 };
    struct data_image m = { 50, 40, NULL };
    struct data_prep p = prep_of(32, 32, DATA_CROP);
    struct data_recipe r = recipe_of("translate:0.1,altflip");
    int first = 0, alike = 0;

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        struct data_view v, other;
        bool before = false;

        for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
            data_recipe_view(&r, 7, data_recipe_place(epoch, N, i, 1), &p, &m, &v);
            assert_true(!epoch || v.mirror != before);
            before = v.mirror;
        }
        data_recipe_view(&r, 8, data_recipe_place(EPOCHS - 1, N, i, 1), &p, &m, &other);
        first += before;                /* of epoch 0 too: EPOCHS is odd */
        alike += other.mirror == v.mirror;
    }
    assert_in_range(first, N * 45 / 100, N * 55 / 100);
    assert_in_range(alike, N * 45 / 100, N * 55 / 100);
}

static void chances_are_kept(void **state)
{
    struct data_image m = { 50, 40, NULL };
    struct data_prep p = prep_of(32, 32, DATA_CROP);
    struct data_recipe r = recipe_of("flip:1:0.25,vflip:1:1,flip:1:0.001");
    int mirrored = 0;

    (void)state;
    for (uint64_t i = 0; i < 4000; i++) {
        struct data_view v;

        data_recipe_view(&r, 1, at(i), &p, &m, &v);
        assert_true(v.upside_down);
        mirrored += v.mirror;
    }
    assert_in_range(mirrored, 900, 1100);
}

static void crops_of_large_pictures_stay_inside(void **state)
{
    struct data_image m = { 300, 200, NULL };
    struct data_recipe r = recipe_of("crop:1");

    (void)state;
    for (int resize = DATA_CROP; resize <= DATA_SQUASH; resize++) {
        struct data_prep p = prep_of(64, 96, (enum data_resize)resize);
        double least = 1, most = 0;

        for (uint64_t i = 0; i < 2000; i++) {
            struct data_view v;
            double area, aspect;

            data_recipe_view(&r, 3, at(i), &p, &m, &v);
            assert_true(v.x >= 0 && v.y >= 0 && v.x + v.w <= 300 + 1e-9 && v.y + v.h <= 200 + 1e-9);
            aspect = v.w / v.h / 1.5;
            assert_true(aspect > 0.7499 && aspect < 1.3334);
            area = v.w * v.h / (300.0 * 200);
            least = fmin(least, area);
            most = fmax(most, area);
        }
        assert_true(least > 0.25 && least < 0.4 && most > 0.9);
    }
}

/* Moves that leave the scale alone are by whole pixels of the net, each as often: of 32 pixels 4
 * with crop at 0.5, 8 with translate at 0.5. */
static void small_pictures_move_by_whole_pixels(void **state)
{
    static const struct {
        const char *recipe;
        int reach;
    } of[] = { { "crop:0.5", 4 }, { "translate:0.5", 8 } };
    struct data_image m = { 32, 32, NULL };
    struct data_prep p = prep_of(32, 32, DATA_CROP);

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct data_recipe r = recipe_of(of[k].recipe);
        int seen[2][17] = { { 0 } };

        for (uint64_t i = 0; i < 2000; i++) {
            struct data_view v;

            data_recipe_view(&r, 4, at(i), &p, &m, &v);
            assert_true(v.w == 32 && v.h == 32 && v.x == floor(v.x) && v.y == floor(v.y));
            assert_true(fabs(v.x) <= of[k].reach && fabs(v.y) <= of[k].reach);
            seen[0][(int)v.x + of[k].reach]++;
            seen[1][(int)v.y + of[k].reach]++;
        }
        for (int i = 0; i <= 2 * of[k].reach; i++)
            assert_true(seen[0][i] > 80 && seen[1][i] > 80);
    }
}

static void zoom_keeps_the_middle_and_its_bounds(void **state)
{
    struct data_image m = { 300, 200, NULL };
    struct data_prep p = prep_of(64, 96, DATA_CROP);
    struct data_recipe r = recipe_of("zoom:1");
    double least = 2, most = 0;

    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        struct data_view v;

        data_recipe_view(&r, 5, at(i), &p, &m, &v);
        assert_true(fabs(v.x + v.w / 2 - 150) < 1e-9 && fabs(v.y + v.h / 2 - 100) < 1e-9);
        assert_true(fabs(v.w / v.h - 1.5) < 1e-9);
        least = fmin(least, v.w / 300);
        most = fmax(most, v.w / 300);
    }
    assert_true(least >= 1 / 1.5 && least < 0.7 && most <= 1.5 && most > 1.4);
}

/* ---- pixels ---------------------------------------------------------------------------------- */

enum { GUARD = 64, GUARD_BYTE = 0xa5 };

/* Smooth and a little rough, with guards behind. */
static struct data_pixels pixels_of(int width, int height, int channels)
{
    size_t n = (size_t)width * (size_t)height * (size_t)channels;
    struct data_pixels m = { width, height, channels, malloc(n + GUARD),
                             malloc(DATA_PIXELS_SCRATCH * n + GUARD) };
    struct data_image image = made_image(width, height, 3);

    assert_true(m.pixel && m.scratch);
    for (size_t i = 0; i < n; i++)
        m.pixel[i] = (uint8_t)(image.pixel[channels == 3 ? i : 3 * i] +
                               rng_below(2, rng_stream(RNG_TEST, 4), i, 16));
    memset(m.scratch, 77, DATA_PIXELS_SCRATCH * n);
    memset(m.pixel + n, GUARD_BYTE, GUARD);
    memset(m.scratch + DATA_PIXELS_SCRATCH * n, GUARD_BYTE, GUARD);
    data_image_release(&image);
    return m;
}

static void pixels_release(struct data_pixels *m)
{
    size_t n = (size_t)m->width * (size_t)m->height * (size_t)m->channels;

    for (int i = 0; i < GUARD; i++) {
        assert_int_equal(m->pixel[n + (size_t)i], GUARD_BYTE);
        assert_int_equal(m->scratch[DATA_PIXELS_SCRATCH * n + (size_t)i], GUARD_BYTE);
    }
    free(m->pixel);
    free(m->scratch);
}

static void do_pixels(const struct data_aug *aug, double magnitude, uint64_t seed, uint64_t index,
                      struct data_pixels *m)
{
    aug->pixels(ADDRESS(seed, 2, index), magnitude, m);
}

/* The largest difference between two pictures of the same shape. */
static int farthest(const struct data_pixels *a, const struct data_pixels *b)
{
    int most = 0;

    for (int i = 0; i < a->width * a->height * a->channels; i++)
        most = abs(a->pixel[i] - b->pixel[i]) > most ? abs(a->pixel[i] - b->pixel[i]) : most;
    return most;
}

static void pixels_are_addressed_and_stay_in_their_memory(void **state)
{
    static const int shape[][2] = { { 1, 1 },  { 1, 9 },   { 13, 1 },
                                   { 2, 2 },  { 33, 17 }, { 16, 48 } };

    (void)state;
    for (int k = 0; k < data_aug_count(); k++) {
        const struct data_aug *aug = data_aug_at(k);

        for (size_t s = 0; aug->pixels && s < 2 * sizeof shape / sizeof *shape; s++) {
            int w = shape[s / 2][0], h = shape[s / 2][1], channels = s % 2 ? 3 : 1;
            int differ = 0;

            for (uint64_t i = 0; i < 40; i++) {
                struct data_pixels a = pixels_of(w, h, channels), b = pixels_of(w, h, channels);
                double magnitude = i % 2 ? 1 : aug->magnitude;

                memset(b.scratch, 200, DATA_PIXELS_SCRATCH * (size_t)(w * h * channels));
                do_pixels(aug, magnitude, 1, i, &a);
                do_pixels(aug, magnitude, 1, i, &b);
                assert_int_equal(farthest(&a, &b), 0);
                pixels_release(&b);
                b = pixels_of(w, h, channels);
                do_pixels(aug, magnitude, 1, i + 1000, &b);
                differ += farthest(&a, &b) > 0;
                pixels_release(&a);
                pixels_release(&b);
            }
            if (w * h > 100 && !strstr("grey invert equalize autocontrast", aug->name) &&
                differ <= 10)
                fail_msg("%s: %d of 40 differ", aug->name, differ);
        }
    }
}

/* Whatever draws nothing at a magnitude of nearly 0 gives the picture back, nearly. */
static void small_magnitudes_do_little(void **state)
{
    static const struct {
        const char *name;
        int most;
    } of[] = {
        { "rotate", 0 },   { "shear", 0 },        { "color", 1 }, { "grey", 0 },  { "blur", 0 },
        { "equalize", 0 }, { "autocontrast", 0 }, { "noise", 0 }, { "jpeg", 24 }, { "sharpen", 0 },
        { "solarize", 0 },
    };

    (void)state;
    for (size_t k = 0; k < sizeof of / sizeof *of; k++) {
        struct data_recipe r = recipe_of(of[k].name);

        for (uint64_t i = 0; i < 20; i++) {
            struct data_pixels a = pixels_of(33, 18, 3), b = pixels_of(33, 18, 3);

            do_pixels(r.step[0].aug, 1e-9, 1, i, &a);
            if (farthest(&a, &b) > of[k].most)
                fail_msg("%s: %d", of[k].name, farthest(&a, &b));
            pixels_release(&a);
            pixels_release(&b);
        }
    }
}

/* What it changes is a rectangle inside, of no more than its share. */
static void erase_hides_a_rectangle(void **state)
{
    double most = 0;

    (void)state;
    for (uint64_t i = 0; i < 300; i++) {
        struct data_pixels a = pixels_of(40, 30, 3), b = pixels_of(40, 30, 3);
        int x0 = 40, x1 = -1, y0 = 30, y1 = -1, same = 0;

        do_pixels(&data_aug_erase, 0.5, 3, i, &a);
        for (int p = 0; p < 40 * 30; p++) {
            if (!memcmp(a.pixel + 3 * p, b.pixel + 3 * p, 3))
                continue;
            x0 = p % 40 < x0 ? p % 40 : x0;
            x1 = p % 40 > x1 ? p % 40 : x1;
            y0 = p / 40 < y0 ? p / 40 : y0;
            y1 = p / 40;
        }
        for (int y = y0; y <= y1; y++)
            for (int x = x0; x <= x1; x++)
                same += !memcmp(a.pixel + 3 * (y * 40 + x), b.pixel + 3 * (y * 40 + x), 3);
        assert_true(same <= 1);                         /* noise may hit upon a pixel */
        assert_true((x1 - x0 + 1) * (y1 - y0 + 1) >= 12);
        most = fmax(most, (x1 - x0 + 1) * (y1 - y0 + 1) / 1200.0);
        pixels_release(&a);
        pixels_release(&b);
    }
    assert_true(most > 0.15 && most < 0.23);
}

static void noise_has_its_deviation_and_no_mean(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 10; i++) {
        struct data_aug_address a = { .seed = 5, .stream = 2, .index = i };
        struct data_pixels m = pixels_of(128, 96, 3);
        double sum = 0, square = 0, n = 128 * 96 * 3, want = 32 * data_aug_u(&a, 0);

        memset(m.pixel, 127, (size_t)n);
        do_pixels(&data_aug_noise, 1, 5, i, &m);
        for (int k = 0; k < (int)n; k++) {
            sum += m.pixel[k] - 127;
            square += (m.pixel[k] - 127.0) * (m.pixel[k] - 127.0);
        }
        assert_true(fabs(sum / n) < 0.02 + 0.02 * want);
        assert_true(fabs(sqrt(square / n) - want) < 0.3 + 0.02 * want);
        pixels_release(&m);
    }
}

/* Close to what a real encoder and decoder make of it at the same quality. */
static void jpeg_loses_what_jpeg_loses(void **state)
{
    double farther = 0, near = 0;

    (void)state;
    for (uint64_t i = 0; i < 12; i++) {
        struct data_aug_address a = { .seed = 6, .stream = 2, .index = i };
        int quality = 100 - (int)(90 * data_aug_u(&a, 0) + 0.5);
        struct data_pixels m = pixels_of(64, 48, 3), was = pixels_of(64, 48, 3);
        struct data_image image;
        struct err err;
        uint8_t *bytes;
        size_t size;

        for (int k = 0; k < 64 * 48 * 3; k++)           /* texture to lose */
            m.pixel[k] = was.pixel[k] = (uint8_t)(was.pixel[k] / 2 + 60 * ((k / 15) % 2));
        bytes = data_stb_jpeg(m.pixel, 64, 48, quality, &size);
        assert_true(bytes && data_image_decode(bytes, size, NULL, &image, &err));
        do_pixels(&data_aug_jpeg, 1, 6, i, &m);
        for (int k = 0; k < 64 * 48 * 3; k++) {
            near += abs(m.pixel[k] - image.pixel[k]);
            farther += abs(was.pixel[k] - image.pixel[k]);
        }
        data_image_release(&image);
        free(bytes);
        pixels_release(&m);
        pixels_release(&was);
    }
    assert_true(near < 0.5 * farther);
}

static void quality_a_hundred_keeps_grey_to_a_level(void **state)
{
    struct data_pixels a = pixels_of(35, 21, 1), b = pixels_of(35, 21, 1);

    (void)state;
    do_pixels(&data_aug_jpeg, 1e-9, 1, 0, &a);
    assert_true(farthest(&a, &b) <= 2);
    pixels_release(&a);
    pixels_release(&b);
}

/* ---- batches --------------------------------------------------------------------------------- */

enum { N = 5, LABELS = 3, SIDE = 8, PIXELS = SIDE * SIDE * 3 };

struct batch {
    float image[N][PIXELS], target[N][LABELS];
    struct data_mixing m;
};

/* Picture i is all i + 1; targets of one label, none, and unknown. */
static void batch_init(struct batch *b)
{
    static const float target[N][LABELS] = {
        { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 }, { 0, 0, 0 }, { 0, -1, 1 },
    };

    memcpy(b->target, target, sizeof target);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < PIXELS; k++)
            b->image[i][k] = (float)i + 1;
    b->m = (struct data_mixing){ N, LABELS, SIDE, SIDE, 3, b->image[0], b->target[0] };
}

/* Targets are s of one's own and 1 - s of the partner's. */
static void check_targets(const struct batch *b, double s)
{
    struct batch was;

    batch_init(&was);
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < LABELS; k++) {
            double own = was.target[i][k], other = was.target[N - 1 - i][k];
            double want = own < 0 || other < 0 ? -1 : i == N / 2 ? own : s * own + (1 - s) * other;

            assert_true(fabs(b->target[i][k] - want) < 1e-6);
        }
    }
}

static void mixup_is_the_formula(void **state)
{
    struct batch b;

    (void)state;
    for (uint64_t index = 0; index < 50; index++) {
        double s;

        batch_init(&b);
        data_aug_mixup.batch(ADDRESS(1, 0, index), 0.5, &b.m);
        s = (5 - b.image[0][0]) / 4;
        assert_true(s >= 0.5 && s <= 1);
        for (int i = 0; i < N; i++)
            for (int k = 0; k < PIXELS; k++)
                assert_true(fabs(b.image[i][k] - (s * (i + 1) + (1 - s) * (N - i))) < 1e-5);
        check_targets(&b, s);
    }
}

static void cutmix_exchanges_as_much_as_it_says(void **state)
{
    struct batch b;
    int some = 0;

    (void)state;
    for (uint64_t index = 0; index < 50; index++) {
        int own[N] = { 0 };

        batch_init(&b);
        data_aug_cutmix.batch(ADDRESS(1, 0, index), 1, &b.m);
        for (int i = 0; i < N; i++) {
            for (int k = 0; k < PIXELS; k++) {
                assert_true(b.image[i][k] == (float)i + 1 || b.image[i][k] == (float)(N - i));
                own[i] += b.image[i][k] == (float)i + 1;
            }
        }
        assert_true(own[0] == own[1] && own[1] == own[3] && own[3] == own[4]);
        check_targets(&b, (double)own[0] / PIXELS);
        some += own[0] > 0 && own[0] < PIXELS;
    }
    assert_true(some > 25);
}

static void one_picture_has_no_partner(void **state)
{
    struct batch b, was;

    (void)state;
    batch_init(&was);
    for (b.m.n = 0; b.m.n < 2; b.m.n++) {
        int n = b.m.n;

        batch_init(&b);
        b.m.n = n;
        data_aug_mixup.batch(ADDRESS(1, 0, 1), 1, &b.m);
        data_aug_cutmix.batch(ADDRESS(1, 0, 1), 1, &b.m);
        assert_memory_equal(b.image, was.image, sizeof was.image);
        assert_memory_equal(b.target, was.target, sizeof was.target);
    }
}

/* Variance 1 / (4 (2 alpha + 1)). */
static void beta_has_its_moments(void **state)
{
    static const double alphas[] = { 1, 0.5, 0.2, 0.01, 1e-6 };
    enum { DRAWS = 20000 };

    (void)state;
    for (size_t k = 0; k < sizeof alphas / sizeof *alphas; k++) {
        double sum = 0, square = 0;

        for (uint64_t i = 0; i < DRAWS; i++) {
            double x = data_mixing_beta(ADDRESS(9, 1, i), alphas[k]);

            assert_true(x >= 0 && x <= 1);
            sum += x;
            square += (x - 0.5) * (x - 0.5);
        }
        assert_true(fabs(sum / DRAWS - 0.5) < 0.015);
        assert_true(fabs(square / DRAWS * 4 * (2 * alphas[k] + 1) - 1) < 0.04);
    }
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void a_recipe_does_its_steps_in_order(void **state)
{
    struct data_image image = made_image(24, 24, 9);
    struct data_prep p = prep_of(24, 24, DATA_CROP);
    struct data_recipe r = recipe_of("posterize:1:1,invert:1:1,noise:1:1");
    struct data_pixels a = pixels_of(24, 24, 3), b = pixels_of(24, 24, 3);
    struct err err;

    (void)state;
    assert_true(data_recipe_pixels(&r, 4, at(7), &p, &image, &a, &err));
    assert_true(data_prep_pixels(&p, &image, b.pixel, &err));
    for (uint32_t i = 0; i < 3; i++)
        r.step[i].aug->pixels(ADDRESS(4, i, 7), 1, &b);
    assert_int_equal(farthest(&a, &b), 0);
    pixels_release(&a);
    pixels_release(&b);
    data_image_release(&image);
}

static void extreme_shapes_do_no_harm(void **state)
{
    static const int shape[][2] = { { 1, 1 }, { 1, 5000 }, { 5000, 1 }, { 3, 20000 }, { 7, 5 } };
    static const int size[][2] = { { 1, 1 }, { 160, 224 }, { 7, 33 } };

    (void)state;
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        struct data_image m = made_image(shape[i][0], shape[i][1], 1);

        for (int r = 0; r < 3 * 3; r++) {
            struct data_prep p = prep_of(size[r / 3][0], size[r / 3][1], (enum data_resize)(r % 3));
            size_t bytes = (size_t)p.size[0] * (size_t)p.size[1] * 3;
            struct data_pixels out = { p.size[1], p.size[0], 3, malloc(bytes),
                                       malloc(bytes * DATA_PIXELS_SCRATCH) };

            assert_true(out.pixel && out.scratch);
            for (int k = 0; k < data_aug_count(); k++) {
                struct data_recipe one = recipe_of(data_aug_at(k)->name);
                struct err err;

                one.step[0].magnitude = one.step[0].chance = 1;
                assert_true(data_recipe_pixels(&one, 1, at((uint64_t)k), &p, &m, &out, &err));
            }
            free(out.pixel);
            free(out.scratch);
        }
        data_image_release(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_round_trips),
        cmocka_unit_test(recipes_are_what_they_say),
        cmocka_unit_test(nonsense_is_a_usage_error_that_names_it),
        cmocka_unit_test(presets_are_recipes_and_help_names_them),
        cmocka_unit_test(fewer_pictures_are_varied_more),
        cmocka_unit_test(every_augmentation_is_described_and_has_one_function),
        cmocka_unit_test(no_augmentation_is_what_validation_sees),
        cmocka_unit_test(views_are_addressed),
        cmocka_unit_test(indices_of_views_and_epochs_are_different),
        cmocka_unit_test(altflip_mirrors_every_other_epoch),
        cmocka_unit_test(chances_are_kept),
        cmocka_unit_test(crops_of_large_pictures_stay_inside),
        cmocka_unit_test(small_pictures_move_by_whole_pixels),
        cmocka_unit_test(zoom_keeps_the_middle_and_its_bounds),
        cmocka_unit_test(pixels_are_addressed_and_stay_in_their_memory),
        cmocka_unit_test(small_magnitudes_do_little),
        cmocka_unit_test(erase_hides_a_rectangle),
        cmocka_unit_test(noise_has_its_deviation_and_no_mean),
        cmocka_unit_test(jpeg_loses_what_jpeg_loses),
        cmocka_unit_test(quality_a_hundred_keeps_grey_to_a_level),
        cmocka_unit_test(mixup_is_the_formula),
        cmocka_unit_test(cutmix_exchanges_as_much_as_it_says),
        cmocka_unit_test(one_picture_has_no_partner),
        cmocka_unit_test(beta_has_its_moments),
        cmocka_unit_test(a_recipe_does_its_steps_in_order),
        cmocka_unit_test(extreme_shapes_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
