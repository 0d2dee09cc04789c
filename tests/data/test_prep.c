/*
 * prep: what the net sees of a picture
 */
#include "tests/data/made.h"

#include "data/prep.h"

#include <math.h>

static struct data_prep prep_of(int height, int width, enum data_resize resize, double crop)
{
    struct data_prep p;

    field_defaults(data_prep_fields, &p);
    p.size[0] = height;
    p.size[1] = width;
    p.resize = (int)resize;
    p.crop = crop;
    return p;
}

static uint8_t *pixels_of(const struct data_prep *p, const struct data_image *m)
{
    uint8_t *out = malloc((size_t)p->size[0] * (size_t)p->size[1] * 3);
    struct err err;

    assert_true(data_prep_pixels(p, m, out, &err));
    return out;
}

static void defaults_are_in_range(void **state)
{
    struct data_prep p = prep_of(224, 224, DATA_CROP, 1);
    struct err err;

    (void)state;
    assert_true(field_check(data_prep_fields, &p, &err));
}

static void a_picture_of_the_nets_size_is_copied(void **state)
{
    struct data_image m = made_image(48, 32, 1);

    (void)state;
    for (int r = DATA_CROP; r <= DATA_LETTERBOX; r++) {
        struct data_prep p = prep_of(32, 48, (enum data_resize)r, 1);
        uint8_t *out = pixels_of(&p, &m);

        assert_memory_equal(out, m.pixel, 32 * 48 * 3);
        free(out);
    }
    data_image_release(&m);
}

static void crop_takes_the_centre(void **state)
{
    struct data_image m = made_image(100, 60, 2);
    struct data_prep p = prep_of(30, 30, DATA_CROP, 0.5);
    struct data_view v;
    uint8_t *out = pixels_of(&p, &m);

    (void)state;
    for (int y = 0; y < 30; y++)            /* 30 x 30 of 60 x 60: no resampling */
        assert_memory_equal(out + y * 90, m.pixel + ((15 + y) * 100 + 35) * 3, 90);
    free(out);
    p = prep_of(20, 40, DATA_CROP, 1);
    data_prep_view(&p, &m, &v);
    assert_true(v.x == 0 && v.y == 5 && v.w == 100 && v.h == 50);
    p = prep_of(40, 20, DATA_CROP, 0.8);
    data_prep_view(&p, &m, &v);
    assert_true(fabs(v.w - 24) < 1e-9 && fabs(v.h - 48) < 1e-9 && fabs(v.x - 38) < 1e-9 &&
                fabs(v.y - 6) < 1e-9);
    data_image_release(&m);
}

static void squash_shows_all(void **state)
{
    struct data_image m = made_image(90, 30, 3);
    struct data_prep p = prep_of(16, 16, DATA_SQUASH, 0.5);     /* crop is for CROP */
    uint8_t *out = pixels_of(&p, &m);

    (void)state;
    assert_true(abs(out[0] - m.pixel[3 * (15 * 90 * 0 + 2)]) < 8);
    assert_true(abs(out[15 * 3] - m.pixel[3 * 87]) < 8);
    assert_true(abs(out[(15 * 16 + 15) * 3 + 1] - m.pixel[3 * (29 * 90 + 87) + 1]) < 8);
    free(out);
    data_image_release(&m);
}

static void letterbox_fits_and_pads_with_grey(void **state)
{
    struct data_image m = made_image(40, 20, 4);
    struct data_prep p = prep_of(20, 20, DATA_LETTERBOX, 1);
    uint8_t *out = pixels_of(&p, &m);

    (void)state;
    for (int y = 0; y < 20; y++) {
        for (int x = 0; x < 20; x++) {
            const uint8_t *o = out + (y * 20 + x) * 3;

            if (y < 5 || y >= 15)
                assert_memory_equal(o, "\x72\x72\x72", 3);
            else
                assert_true(abs(o[0] - m.pixel[((2 * (y - 5)) * 40 + 2 * x) * 3]) < 10);
        }
    }
    free(out);
    data_image_release(&m);
}

static void extreme_shapes_do_no_harm(void **state)
{
    static const int shape[][2] = { { 1, 1 }, { 1, 5000 }, { 5000, 1 }, { 3, 20000 } };

    (void)state;
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        struct data_image m = { shape[i][0], shape[i][1], NULL };

        m.pixel = malloc((size_t)m.width * (size_t)m.height * 3);
        memset(m.pixel, 90, (size_t)m.width * (size_t)m.height * 3);
        for (int r = DATA_CROP; r <= DATA_LETTERBOX; r++) {
            for (int big = 0; big < 2; big++) {
                struct data_prep p = prep_of(big ? 224 : 1, big ? 160 : 1, (enum data_resize)r, 1);
                uint8_t *out = pixels_of(&p, &m);

                if (r != DATA_LETTERBOX)
                    assert_int_equal(out[0], 90);
                free(out);
            }
        }
        data_image_release(&m);
    }
}

static void normalize_is_the_formula(void **state)
{
    struct data_prep p = prep_of(1, 2, DATA_CROP, 1);
    static const uint8_t pixel[6] = { 0, 128, 255, 7, 77, 177 };
    float out[6];

    (void)state;
    for (int c = 0; c < 3; c++) {
        p.mean[c] = 0.4 + 0.1 * c;
        p.std[c] = 0.2 + 0.05 * c;
    }
    data_prep_normalize(&p, pixel, 6, out);
    for (int i = 0; i < 6; i++)
        assert_true(fabs(out[i] - (pixel[i] / 255.0 - p.mean[i % 3]) / p.std[i % 3]) < 1e-5);
}

static void apply_is_pixels_and_normalize(void **state)
{
    struct data_image m = made_image(50, 41, 5);
    struct data_prep p = prep_of(24, 32, DATA_CROP, 0.9);
    uint8_t *pixel = pixels_of(&p, &m);
    float a[24 * 32 * 3], b[24 * 32 * 3];
    struct err err;

    (void)state;
    data_prep_normalize(&p, pixel, 24 * 32 * 3, a);
    assert_true(data_prep_apply(&p, &m, b, &err));
    assert_memory_equal(a, b, sizeof a);
    free(pixel);
    data_image_release(&m);
}

/* ---- views ----------------------------------------------------------------------------------- */

static void a_view_that_leaves_the_picture_sees_it_mirrored(void **state)
{
    struct data_image m = made_image(8, 6, 6);
    struct data_prep p = prep_of(6, 8, DATA_CROP, 1);
    struct data_view v = { -3, 2, 8, 6, false, false };
    uint8_t out[6 * 8 * 3];
    struct err err;

    (void)state;
    assert_true(data_prep_view_pixels(&p, &m, &v, out, &err));
    for (int y = 0; y < 6; y++) {
        for (int x = 0; x < 8; x++) {
            int sx = x - 3 < 0 ? 2 - x : x - 3, sy = y + 2 > 5 ? 11 - (y + 2) : y + 2;

            assert_memory_equal(out + (y * 8 + x) * 3, m.pixel + (sy * 8 + sx) * 3, 3);
        }
    }
    v.mirror = true;
    v.x = v.y = 0;
    assert_true(data_prep_view_pixels(&p, &m, &v, out, &err));
    for (int x = 0; x < 8; x++)
        assert_memory_equal(out + x * 3, m.pixel + (7 - x) * 3, 3);
    v.mirror = false;
    v.upside_down = true;
    assert_true(data_prep_view_pixels(&p, &m, &v, out, &err));
    for (int y = 0; y < 6; y++)
        assert_memory_equal(out + y * 24, m.pixel + (5 - y) * 24, 24);
    p.resize = DATA_LETTERBOX;
    v = (struct data_view){ -3, 2, 8, 6, false, false };
    assert_true(data_prep_view_pixels(&p, &m, &v, out, &err));
    assert_memory_equal(out, "\x72\x72\x72", 3);
    assert_memory_equal(out + 9, m.pixel + 2 * 8 * 3, 3);
    v.w = (double)NAN;
    assert_false(data_prep_view_pixels(&p, &m, &v, out, &err));
    data_image_release(&m);
}

static void grey_is_bt601_of_the_resized_pixels(void **state)
{
    static const uint8_t colours[][4] = {       /* R, G, B and what Pillow's convert("L") gives */
        { 255, 255, 255, 255 }, { 0, 0, 0, 0 },    { 255, 0, 0, 76 },    { 0, 255, 0, 150 },
        { 0, 0, 255, 29 },      { 17, 17, 17, 17 }, { 10, 200, 30, 124 }, { 254, 254, 255, 254 },
    };
    enum { W = sizeof colours / sizeof *colours };
    struct data_prep p = prep_of(1, W, DATA_CROP, 1), rgb;
    struct data_image m = { W, 1, malloc(3 * W) }, large = made_image(60, 50, 3);
    uint8_t *out;
    float f[W];
    struct err err;

    (void)state;
    for (int i = 0; i < W; i++)
        memcpy(m.pixel + 3 * i, colours[i], 3);
    p.color = DATA_GREY;
    assert_int_equal(data_prep_count(&p), W);
    out = pixels_of(&p, &m);
    for (int i = 0; i < W; i++)
        assert_int_equal(out[i], colours[i][3]);
    free(out);
    p.mean[0] = 0.25;
    p.std[0] = 0.5;
    p.mean[1] = p.std[1] = 0.125;
    assert_true(data_prep_apply(&p, &m, f, &err));
    for (int i = 0; i < W; i++)
        assert_true(fabs((double)f[i] - (colours[i][3] / 255.0 - 0.25) / 0.5) < 1e-6);

    for (int r = DATA_CROP; r <= DATA_LETTERBOX; r++) {
        uint8_t *whole;

        p = rgb = prep_of(20, 16, (enum data_resize)r, 1);
        p.color = DATA_GREY;
        out = pixels_of(&p, &large);
        whole = pixels_of(&rgb, &large);
        for (int i = 0; i < 20 * 16; i++)
            assert_int_equal(out[i], (19595 * whole[3 * i] + 38470 * whole[3 * i + 1] +
                                      7471 * whole[3 * i + 2] + 32768) / 65536);
        free(out);
        free(whole);
    }
    data_image_release(&m);
    data_image_release(&large);
}

static void what_is_kept_shows_the_same_when_nothing_moves(void **state)
{
    static const int sizes[][2] = { { 200, 90 }, { 31, 77 }, { 33, 24 }, { 5, 6 }, { 400, 3 } };
    struct err err;

    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        for (int how = 0; how < 12; how++) {
            struct data_prep p = prep_of(24, 33, (enum data_resize)(how % 3), how < 6 ? 1 : 0.8);
            struct data_image m = made_image(sizes[k][0], sizes[k][1], k);
            uint8_t *want, got[24 * 33 * 3];

            p.color = how / 3 % 2;
            want = pixels_of(&p, &m);
            assert_true(data_prep_keep(&p, false, &m, &err));
            assert_true(m.height == 24 && m.width == 33);
            data_prep_kept_pixels(&p, &m, got);
            assert_memory_equal(want, got, data_prep_count(&p));
            data_image_release(&m);
            free(want);
        }
    }
}

static void what_is_kept_for_views_is_shrunk_and_never_enlarged(void **state)
{
    static const struct {
        int resize, width, height, kept_w, kept_h;
    } cases[] = {       /* of a net's input of 100 x 200, 115 x 230 */
        { DATA_CROP, 1000, 1000, 230, 230 },   { DATA_CROP, 300, 4000, 230, 3067 },
        { DATA_CROP, 4000, 230, 2000, 115 },   { DATA_CROP, 200, 100, 200, 100 },
        { DATA_CROP, 9000, 90, 9000, 90 },     { DATA_SQUASH, 1000, 1000, 230, 115 },
        { DATA_SQUASH, 1000, 50, 230, 50 },    { DATA_LETTERBOX, 1000, 1000, 115, 115 },
        { DATA_LETTERBOX, 2300, 20, 230, 2 },  { DATA_LETTERBOX, 9000, 1, 230, 1 },
        { DATA_LETTERBOX, 150, 110, 150, 110 },
    };
    struct err err;

    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct data_prep p = prep_of(100, 200, (enum data_resize)cases[k].resize, 1);
        struct data_image m = made_image(cases[k].width, cases[k].height, 1), was = m;
        int size[2];

        data_prep_keep_size(&p, true, m.width, m.height, size);
        assert_int_equal(size[0], cases[k].kept_h);
        assert_int_equal(size[1], cases[k].kept_w);
        assert_true(data_prep_keep(&p, true, &m, &err));
        assert_true(m.height == size[0] && m.width == size[1]);
        if (m.height == was.height && m.width == was.width)
            assert_ptr_equal(m.pixel, was.pixel);
        data_image_release(&m);
    }
}

/* Whoever finds a picture asks so whether it was kept for this preparation. */
static void of_what_is_kept_all_is_kept(void **state)
{
    (void)state;
    for (int k = 0; k < 3 * 300; k++) {
        struct data_prep p = prep_of(1 + k / 3, 1 + k / 3 * 7 % 300, (enum data_resize)(k % 3), 1);

        for (int i = 0; i < 100; i++) {
            int width = 1 + i * i * 37 % 1500, height = 1 + i * 61 % 1100, kept[2], again[2];

            data_prep_keep_size(&p, true, width, height, kept);
            data_prep_keep_size(&p, true, kept[1], kept[0], again);
            if (again[0] != kept[0] || again[1] != kept[1])
                fail_msg("%s %d x %d: of %d x %d is kept %d x %d, and of that %d x %d",
                         data_resize_names[p.resize], p.size[1], p.size[0], width, height, kept[1],
                         kept[0], again[1], again[0]);
        }
    }
}

static void the_background_reaches_the_decoder(void **state)
{
    struct data_prep p = prep_of(8, 8, DATA_CROP, 1);
    struct data_decode how = data_decode_default;

    (void)state;
    data_prep_decode(&p, &how);
    assert_memory_equal(&how, &data_decode_default, sizeof how);
    p.background[0] = 1;
    p.background[2] = 0;
    data_prep_decode(&p, &how);
    assert_memory_equal(how.background, "\1\377\0", 3);
}

static void the_filter_is_the_preparations(void **state)
{
    struct data_image m = made_image(60, 50, 5);
    uint8_t want[20 * 24 * 3], *out[2];
    struct err err;

    (void)state;
    for (int filter = DATA_BILINEAR; filter <= DATA_BICUBIC; filter++) {
        struct data_prep p = prep_of(20, 24, DATA_SQUASH, 1);
        struct data_resize_job job = { .src = m.pixel, .width = 60, .height = 50, .stride = 180,
                                       .w = 60, .h = 50, .filter = (enum data_filter)filter,
                                       .out_w = 24, .out_h = 20 };

        p.filter = filter;
        assert_true(data_resize(&job, want, &err));
        out[filter] = pixels_of(&p, &m);
        assert_memory_equal(out[filter], want, sizeof want);
    }
    assert_memory_not_equal(out[0], out[1], sizeof want);
    free(out[0]);
    free(out[1]);
    data_image_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_in_range),
        cmocka_unit_test(a_picture_of_the_nets_size_is_copied),
        cmocka_unit_test(crop_takes_the_centre),
        cmocka_unit_test(squash_shows_all),
        cmocka_unit_test(letterbox_fits_and_pads_with_grey),
        cmocka_unit_test(extreme_shapes_do_no_harm),
        cmocka_unit_test(normalize_is_the_formula),
        cmocka_unit_test(apply_is_pixels_and_normalize),
        cmocka_unit_test(a_view_that_leaves_the_picture_sees_it_mirrored),
        cmocka_unit_test(grey_is_bt601_of_the_resized_pixels),
        cmocka_unit_test(what_is_kept_shows_the_same_when_nothing_moves),
        cmocka_unit_test(what_is_kept_for_views_is_shrunk_and_never_enlarged),
        cmocka_unit_test(of_what_is_kept_all_is_kept),
        cmocka_unit_test(the_background_reaches_the_decoder),
        cmocka_unit_test(the_filter_is_the_preparations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
