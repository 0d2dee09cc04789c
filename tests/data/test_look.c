/*
 * look: light, sharpness and colour of pictures whose answers are known
 */
#include "tests/data/made.h"

#include "data/look.h"

/* Cells of side `cell` in random shades, within low..high. */
static struct data_image mosaic(int width, int height, int cell, int low, int high)
{
    struct data_image m = { width, height, malloc((size_t)width * (size_t)height * 3) };

    assert_non_null(m.pixel);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint64_t at = (uint64_t)(y / cell) * 10007 + (uint64_t)(x / cell);
            uint32_t v = rng_below(1, rng_stream(RNG_TEST, 0), at, (uint32_t)(high - low + 1));

            memset(m.pixel + 3 * ((size_t)y * (size_t)width + (size_t)x), low + (int)v, 3);
        }
    return m;
}

/* A box blur of (2r+1)^2, twice. */
static void blur(struct data_image *m, int r)
{
    size_t bytes = (size_t)m->width * (size_t)m->height * 3;

    for (int pass = 0; pass < 2; pass++) {
        uint8_t *out = malloc(bytes);

        assert_non_null(out);
        for (int y = 0; y < m->height; y++)
            for (int x = 0; x < m->width; x++) {
                unsigned sum = 0, n = 0;

                for (int v = y - r; v <= y + r; v++)
                    for (int u = x - r; u <= x + r; u++)
                        if (u >= 0 && v >= 0 && u < m->width && v < m->height) {
                            sum += m->pixel[3 * ((size_t)v * (size_t)m->width + (size_t)u)];
                            n++;
                        }
                memset(out + 3 * ((size_t)y * (size_t)m->width + (size_t)x), (int)(sum / n), 3);
            }
        free(m->pixel);
        m->pixel = out;
    }
}

static struct data_look look(struct data_image m)
{
    struct data_look l;
    struct err err;

    assert_true(data_look_at(&m, &l, &err));
    data_image_release(&m);
    return l;
}

static void light_of_one_colour_is_that_colour(void **state)
{
    struct data_image m = { 40, 30, calloc(1200, 3) };
    struct data_look l;

    (void)state;
    assert_non_null(m.pixel);
    for (int i = 0; i < 1200; i++)
        m.pixel[3 * i] = 255;                   /* red */
    l = look(m);
    assert_float_equal(l.light, 0.299, 1e-3);
    assert_float_equal(l.low, 76 / 255.0, 1e-3);
    assert_float_equal(l.high, 76 / 255.0, 1e-3);
    assert_false(l.grey);
    assert_float_equal(l.sharp, 0, 1e-6);
}

static void a_hundredth_is_left_out_at_both_ends(void **state)
{
    struct data_image m = { 100, 100, malloc(30000) };
    struct data_look l;

    (void)state;
    assert_non_null(m.pixel);
    memset(m.pixel, 128, 30000);
    memset(m.pixel, 0, 3 * 90);                 /* 0.9 % black, 2 % white */
    memset(m.pixel + 3 * 100, 255, 3 * 200);
    l = look(m);
    assert_float_equal(l.low, 128 / 255.0, 1e-3);
    assert_float_equal(l.high, 1, 1e-3);
    assert_true(l.grey);
}

static void blur_lowers_sharpness_and_contrast_does_not(void **state)
{
    struct data_image soft = mosaic(200, 150, 10, 0, 255);
    float sharp = look(mosaic(200, 150, 10, 0, 255)).sharp;

    (void)state;
    blur(&soft, 3);
    assert_true(sharp > 1.2f);
    assert_float_equal(look(mosaic(200, 150, 10, 100, 151)).sharp, sharp, 0.2);
    assert_true(look(soft).sharp < 0.75f);
}

/* The same scene from a camera of eight times the pixels. */
static void size_changes_little(void **state)
{
    struct data_look small = look(mosaic(224, 224, 14, 0, 255));
    struct data_look large = look(mosaic(1792, 1792, 112, 0, 255));

    (void)state;
    assert_float_equal(small.light, large.light, 0.01);
    assert_float_equal(small.low, large.low, 0.01);
    assert_float_equal(small.high, large.high, 0.01);
    assert_float_equal(small.sharp, large.sharp, 0.1);
}

static void the_longest_and_the_smallest_are_looked_at(void **state)
{
    static const int size[][2] = { { 1, 1 }, { 1, 65535 }, { 65535, 1 }, { 2, 3 }, { 9, 8 },
                                   { 20000, 300 } };

    (void)state;
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        struct data_look l = look(mosaic(size[i][0], size[i][1], 3, 10, 240));

        assert_true(l.light >= 0 && l.light <= 1 && l.low <= l.high && l.sharp >= 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(light_of_one_colour_is_that_colour),
        cmocka_unit_test(a_hundredth_is_left_out_at_both_ends),
        cmocka_unit_test(blur_lowers_sharpness_and_contrast_does_not),
        cmocka_unit_test(size_changes_little),
        cmocka_unit_test(the_longest_and_the_smallest_are_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
