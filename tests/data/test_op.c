/*
 * operations on pixels: each against its formula, written down plainly
 */
#include "tests/data/made.h"

#include "data/aug/policy.h"

#include <math.h>

enum { W = 37, H = 22 };

struct two {
    struct data_pixels was, is;
};

static struct two two_of(int width, int height, int channels)
{
    size_t n = (size_t)width * (size_t)height * (size_t)channels;
    struct two t;

    t.was = t.is = (struct data_pixels){ width, height, channels, NULL, NULL };
    t.was.pixel = malloc(n);
    t.is.pixel = malloc(n);
    t.is.scratch = malloc(n);
    assert_true(t.was.pixel && t.is.pixel && t.is.scratch);
    for (size_t i = 0; i < n; i++)
        t.is.pixel[i] = t.was.pixel[i] = (uint8_t)rng_below(1, rng_stream(RNG_TEST, 7), i, 256);
    return t;
}

static void two_release(struct two *t)
{
    free(t->was.pixel);
    free(t->is.pixel);
    free(t->is.scratch);
}

static int count_of(const struct two *t)
{
    return t->is.width * t->is.height * t->is.channels;
}

static double held(double v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

static int lightness(const uint8_t *p)
{
    return (int)floor((19595 * p[0] + 38470 * p[1] + 7471 * p[2] + 32768) / 65536.0);
}

static void check_near(const struct two *t, int i, double want, double most)
{
    if (fabs(t->is.pixel[i] - held(want)) > most)
        fail_msg("sample %d: %d became %d, not %g", i, t->was.pixel[i], t->is.pixel[i], want);
}

static void factors_are_blends(void **state)
{
    static const double factor[] = { 0, 0.1, 0.5, 1, 1.3, 1.9, 2.7 };

    (void)state;
    for (int k = 0; k < 7 * 3 * 2; k++) {
        int kind = k / 7 % 3, channels = k < 21 ? 3 : 1;
        double f = factor[k % 7], mean = 0;
        struct two t = two_of(W, H, channels);

        for (int i = 0; i < W * H * channels; i += channels)
            mean += channels == 3 ? lightness(t.was.pixel + i) : t.was.pixel[i];
        mean = floor(mean / (W * H) + 0.5);
        if (kind == 0)
            data_op_brightness(&t.is, f);
        else if (kind == 1)
            data_op_contrast(&t.is, f);
        else
            data_op_saturation(&t.is, f);
        for (int i = 0; i < W * H * channels; i++) {
            double base = kind == 0   ? 0
                          : kind == 1 ? mean
                          : channels == 3 ? lightness(t.was.pixel + i / 3 * 3)
                                          : t.was.pixel[i];

            check_near(&t, i, base + f * (t.was.pixel[i] - base), 0.51);
        }
        two_release(&t);
    }
}

static void hue_turns_about_the_grey_axis(void **state)
{
    struct two t = two_of(W, H, 3), grey = two_of(W, H, 1);

    (void)state;
    for (int i = 0; i < count_of(&t); i++)              /* nothing leaves 0 to 255 */
        t.is.pixel[i] = t.was.pixel[i] = (uint8_t)(96 + t.was.pixel[i] / 4);
    data_op_hue(&t.is, 0);
    for (int i = 0; i < count_of(&t); i++)
        check_near(&t, i, t.was.pixel[i], 1);
    for (int k = 1; k < 12; k++) {
        double c = cos(k * M_PI / 6), s = sin(k * M_PI / 6);

        memcpy(t.is.pixel, t.was.pixel, (size_t)count_of(&t));
        data_op_hue(&t.is, k / 12.0);
        for (int i = 0; i < count_of(&t); i += 3) {
            const uint8_t *p = t.was.pixel + i;
            double l = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
            double b = (p[2] - l) / 1.772, r = (p[0] - l) / 1.402;
            double red = l + 1.402 * (s * b + c * r), blue = l + 1.772 * (c * b - s * r);

            check_near(&t, i, red, 2.5);
            check_near(&t, i + 2, blue, 2.5);
            check_near(&t, i + 1, (l - 0.299 * red - 0.114 * blue) / 0.587, 2.5);
        }
    }
    data_op_hue(&grey.is, 0.3);
    assert_memory_equal(grey.is.pixel, grey.was.pixel, W * H);
    two_release(&t);
    two_release(&grey);
}

static void tables_are_what_they_say(void **state)
{
    struct two t = two_of(W, H, 3);

    (void)state;
    data_op_invert(&t.is);
    for (int i = 0; i < count_of(&t); i++)
        check_near(&t, i, 255 - t.was.pixel[i], 0);
    for (int threshold = 0; threshold <= 256; threshold += 32) {
        memcpy(t.is.pixel, t.was.pixel, (size_t)count_of(&t));
        data_op_solarize(&t.is, threshold);
        for (int i = 0; i < count_of(&t); i++) {
            int v = t.was.pixel[i];

            check_near(&t, i, v < threshold ? v : 255 - v, 0);
        }
    }
    for (int bits = 1; bits <= 8; bits++) {
        int step = 256 >> bits;

        memcpy(t.is.pixel, t.was.pixel, (size_t)count_of(&t));
        data_op_posterize(&t.is, bits);
        for (int i = 0; i < count_of(&t); i++)
            check_near(&t, i, t.was.pixel[i] / step * step, 0);
    }
    two_release(&t);
}

/* 1020 samples of grey: a quarter each 10, 20, 30, 40.  Pillow: steps of (1020 - 255) / 255 = 3,
 * sums 1, 256, 511, 766 of which make 0, 85, 170, 255. */
static void equalize_by_hand(void **state)
{
    struct two t = two_of(1020, 1, 1);

    (void)state;
    for (int i = 0; i < 1020; i++)
        t.is.pixel[i] = t.was.pixel[i] = (uint8_t)(10 + 10 * (i % 4));
    data_op_equalize(&t.is, 1);
    for (int i = 0; i < 1020; i++)
        check_near(&t, i, 85 * (i % 4), 0);
    memcpy(t.is.pixel, t.was.pixel, 1020);
    data_op_equalize(&t.is, 0.5);
    for (int i = 0; i < 1020; i++)
        check_near(&t, i, 0.5 * (85 * (i % 4)) + 0.5 * t.was.pixel[i], 0.5);
    /* Of 101, 400, 9 and 510 steps of 2, and half a step ahead: 1, 102, 502, 511 make these. */
    for (int i = 0; i < 1020; i++)
        t.is.pixel[i] = t.was.pixel[i] = i < 101 ? 10 : i < 501 ? 20 : i < 510 ? 30 : 40;
    data_op_equalize(&t.is, 1);
    for (int i = 0; i < 1020; i++)
        check_near(&t, i, i < 101 ? 0 : i < 501 ? 51 : i < 510 ? 251 : 255, 0);
    memset(t.is.pixel, 99, 1020);                       /* one value: nothing to spread */
    data_op_equalize(&t.is, 1);
    assert_true(t.is.pixel[0] == 99 && t.is.pixel[1019] == 99);
    two_release(&t);
}

static void autocontrast_stretches_each_channel(void **state)
{
    struct two t = two_of(W, H, 3);
    int low[3] = { 40, 0, 200 }, high[3] = { 90, 255, 210 };

    (void)state;
    for (int i = 0; i < count_of(&t); i++)
        t.is.pixel[i] = t.was.pixel[i] =
            (uint8_t)(i < 3   ? low[i % 3]
                      : i < 6 ? high[i % 3]
                              : low[i % 3] + t.was.pixel[i] % (high[i % 3] - low[i % 3] + 1));
    data_op_autocontrast(&t.is, 1);
    for (int i = 0; i < count_of(&t); i++)
        check_near(&t, i,
                   255.0 * (t.was.pixel[i] - low[i % 3]) / (high[i % 3] - low[i % 3]), 0.51);
    memset(t.is.pixel, 5, (size_t)count_of(&t));
    data_op_autocontrast(&t.is, 1);
    assert_int_equal(t.is.pixel[7], 5);
    two_release(&t);
}

static void sharpen_is_the_formula(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        struct two t = two_of(W, H, channels);

        data_op_sharpen(&t.is, 1.7);
        for (int i = 0; i < count_of(&t); i++) {
            int x = i / channels % W, y = i / channels / W, sum = 0;
            double smooth;

            if (x == 0 || y == 0 || x == W - 1 || y == H - 1) {
                check_near(&t, i, t.was.pixel[i], 0);
                continue;
            }
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++)
                    sum += t.was.pixel[i + (dy * W + dx) * channels] * (dx || dy ? 1 : 5);
            smooth = floor(sum / 13.0 + 0.5);
            check_near(&t, i, smooth + 1.7 * (t.was.pixel[i] - smooth), 0.51);
        }
        two_release(&t);
    }
}

static void blur_is_the_gaussian(void **state)
{
    static const double sigmas[] = { 0.3, 1, 2.5, 9 };

    (void)state;
    for (int k = 0; k < 8; k++) {
        int channels = k < 4 ? 3 : 1, reach;
        double sigma = sigmas[k % 4];
        struct two t = two_of(W, H, channels);

        reach = (int)ceil(3 * sigma);
        data_op_blur(&t.is, sigma);
        for (int i = 0; i < count_of(&t); i += 7) {
            int x = i / channels % W, y = i / channels / W;
            double sum = 0, all = 0;

            for (int dy = -reach; dy <= reach; dy++) {
                for (int dx = -reach; dx <= reach; dx++) {
                    double w = exp(-0.5 * (dx * dx + dy * dy) / (sigma * sigma));
                    int at = data_image_mirrored(y + dy, H) * W + data_image_mirrored(x + dx, W);

                    sum += w * t.was.pixel[at * channels + i % channels];
                    all += w;
                }
            }
            check_near(&t, i, sum / all, 1.3);
        }
        two_release(&t);
    }
}

static void mirrored_counts_back_at_the_ends(void **state)
{
    static const int want[] = { 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1 };

    (void)state;
    for (int i = -5; i < 8; i++)
        assert_int_equal(data_image_mirrored(i, 3), want[i + 5]);
    assert_int_equal(data_image_mirrored(-100, 1), 0);
}

static const uint8_t *at(const struct two *t, int x, int y)
{
    return t->was.pixel + (data_image_mirrored(y, t->was.height) * t->was.width +
                           data_image_mirrored(x, t->was.width)) * t->was.channels;
}

static void turns_and_moves_by_whole_pixels_are_exact(void **state)
{
    struct two t = two_of(W, H, 3), square = two_of(H, H, 3);

    (void)state;
    data_op_rotate(&t.is, 0);
    assert_memory_equal(t.is.pixel, t.was.pixel, (size_t)count_of(&t));
    data_op_shear(&t.is, 0, 0);
    assert_memory_equal(t.is.pixel, t.was.pixel, (size_t)count_of(&t));
    data_op_rotate(&t.is, 180);
    for (int i = 0; i < W * H; i++)
        assert_memory_equal(t.is.pixel + 3 * i, at(&t, W - 1 - i % W, H - 1 - i / W), 3);
    data_op_rotate(&square.is, 90);
    for (int i = 0; i < H * H; i++)
        assert_memory_equal(square.is.pixel + 3 * i, at(&square, i / H, H - 1 - i % H), 3);
    for (int k = 0; k < 4; k++) {
        int right = k % 2 ? 5 : -50, down = k < 2 ? -3 : 0;

        memcpy(t.is.pixel, t.was.pixel, (size_t)count_of(&t));
        data_op_translate(&t.is, right, down);
        for (int i = 0; i < W * H; i++)
            assert_memory_equal(t.is.pixel + 3 * i, at(&t, i % W - right, i / W - down), 3);
    }
    two_release(&t);
    two_release(&square);
}

/* Where each pixel of a turned or leaning picture comes from, in doubles. */
static void places_are_bilinear(void **state)
{
    (void)state;
    for (int k = 0; k < 12; k++) {
        int channels = k % 2 ? 3 : 1;
        struct two t = two_of(W, H, channels);
        double angle = 17 * (k - 5) * M_PI / 180, across = 0.1 * k, down = -0.07 * k;
        bool turn = k % 3;

        if (turn)
            data_op_rotate(&t.is, 17 * (k - 5));
        else
            data_op_shear(&t.is, across, down);
        for (int i = 0; i < W * H; i++) {
            double x = i % W - (W - 1) / 2.0, y = i / W - (H - 1) / 2.0;
            double u = (W - 1) / 2.0 + (turn ? x * cos(angle) + y * sin(angle) : x + across * y);
            double v = (H - 1) / 2.0 + (turn ? y * cos(angle) - x * sin(angle) : y + down * x);
            int x0 = (int)floor(u), y0 = (int)floor(v);

            for (int c = 0; c < channels; c++) {
                double top = at(&t, x0, y0)[c] * (x0 + 1 - u) + at(&t, x0 + 1, y0)[c] * (u - x0);
                double low =
                    at(&t, x0, y0 + 1)[c] * (x0 + 1 - u) + at(&t, x0 + 1, y0 + 1)[c] * (u - x0);

                check_near(&t, i * channels + c, top * (y0 + 1 - v) + low * (v - y0), 1.6);
            }
        }
        two_release(&t);
    }
}

static void policies_do_nothing_at_level_0_and_differ_at_1(void **state)
{
    static const struct data_policy_range range = { 30, 0.3, 0.3, 0.9, 4 };
    int plain = 0;

    (void)state;
    for (int op = 0; op < DATA_POLICY_COUNT; op++) {
        struct two t = two_of(W, H, 3);

        for (int i = 0; i < count_of(&t); i++)
            t.is.pixel[i] = t.was.pixel[i] = (uint8_t)(20 + t.was.pixel[i] * 3 / 4);
        data_policy_apply(op, 0, op % 2, &range, &t.is);
        plain += !memcmp(t.is.pixel, t.was.pixel, (size_t)count_of(&t));
        data_policy_apply(op, 1, op % 2, &range, &t.is);
        assert_true(op == 0 || memcmp(t.is.pixel, t.was.pixel, (size_t)count_of(&t)));
        two_release(&t);
    }
    assert_int_equal(plain, DATA_POLICY_COUNT - 2);     /* equalize, autocontrast have no level */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_are_blends),
        cmocka_unit_test(hue_turns_about_the_grey_axis),
        cmocka_unit_test(tables_are_what_they_say),
        cmocka_unit_test(equalize_by_hand),
        cmocka_unit_test(autocontrast_stretches_each_channel),
        cmocka_unit_test(sharpen_is_the_formula),
        cmocka_unit_test(blur_is_the_gaussian),
        cmocka_unit_test(mirrored_counts_back_at_the_ends),
        cmocka_unit_test(turns_and_moves_by_whole_pixels_are_exact),
        cmocka_unit_test(places_are_bilinear),
        cmocka_unit_test(policies_do_nothing_at_level_0_and_differ_at_1),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
