/*
 * jpeg: every kind of components and scans decodes to its colours, turned as EXIF says; what is cut
 * or makes no sense is refused
 */
#include "tests/data/made.h"

#include "data/header.h"

static void jpeg_decodes_to_nearly_the_same(void **state)
{
    static const int size[][2] = { { 1, 1 }, { 7, 9 }, { 16, 16 }, { 33, 65 }, { 200, 3 } };

    (void)state;
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        struct data_image m = made_image(size[i][0], size[i][1], 2), back;
        size_t n;
        uint8_t *bytes = data_stb_jpeg(m.pixel, m.width, m.height, 95, &n);

        back = made_decoded(bytes, n);
        made_near(&m, &back, 4);
        free(bytes);
        data_image_release(&m);
        data_image_release(&back);
    }
}

/* A JPEG of 8 x 8 pixels of one colour: n components of no sampling, quantised by 8, so that a DC
 * coefficient is the sample - 128; 4 bits name how long it is, and no AC follows.  adobe: the
 * transform of an Adobe marker, or -1. */
static size_t flat_jpeg(uint8_t *b, int n, const uint8_t *sample, int adobe)
{
    size_t at = 0;
    uint32_t hold = 0;
    int held = 0;

    memcpy(b, "\xff\xd8\xff\xdb\0\x43\0", 7);
    memset(b + 7, 8, 64);
    at = 71;
    if (adobe >= 0) {
        memcpy(b + at, "\xff\xee\0\x0e" "Adobe\0\x64\0\0\0\0", 16);
        b[at + 15] = (uint8_t)adobe;
        at += 16;
    }
    memcpy(b + at, "\xff\xc0\0\0\x08\0\x08\0\x08", 9);
    b[at + 3] = (uint8_t)(8 + 3 * n);
    b[at + 9] = (uint8_t)n;
    at += 10;
    for (int i = 0; i < n; i++, at += 3)
        memcpy(b + at, (uint8_t[]){ (uint8_t)(i + 1), 0x11, 0 }, 3);
    memcpy(b + at, "\xff\xc4\0\x1f\0\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0", 21);
    for (int i = 0; i < 12; i++)
        b[at + 21 + (size_t)i] = (uint8_t)i;
    at += 33;
    memcpy(b + at, "\xff\xc4\0\x14\x10\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
    at += 22;
    memcpy(b + at, "\xff\xda\0", 3);
    b[at + 3] = (uint8_t)(6 + 2 * n);
    b[at + 4] = (uint8_t)n;
    at += 5;
    for (int i = 0; i < n; i++, at += 2)
        memcpy(b + at, (uint8_t[]){ (uint8_t)(i + 1), 0 }, 2);
    memcpy(b + at, "\0\x3f\0", 3);
    at += 3;
    for (int i = 0; i < n; i++) {
        int v = sample[i] - 128, size = 0;

        while (abs(v) >> size)
            size++;
        hold = hold << 4 | (uint32_t)size;
        hold = hold << size | (uint32_t)(v < 0 ? v + (1 << size) - 1 : v);
        hold <<= 1;                                             /* the one AC code: end of block */
        for (held += 5 + size; held >= 8; held -= 8) {
            b[at] = (uint8_t)(hold >> (held - 8));
            if (b[at++] == 0xff)
                b[at++] = 0;
        }
    }
    b[at] = (uint8_t)(hold << (8 - held) | ((1 << (8 - held)) - 1));
    at += held != 0;
    memcpy(b + at, "\xff\xd9", 2);
    return at + 2;
}

/* As Pillow does: (255 - C)(255 - K) / 255 of what the inverted samples mean; 2 levels for rounding
 * and the inverse transform. */
static void cmyk_and_ycck_of_adobe_become_their_colours(void **state)
{
    static const struct { uint8_t sample[4]; int adobe, want[3]; } c[] = {
        { { 255, 255, 255, 255 }, 0, { 255, 255, 255 } },       /* no ink */
        { { 255, 255, 255, 0 }, 0, { 0, 0, 0 } },
        { { 0, 255, 255, 255 }, 0, { 0, 255, 255 } },           /* cyan alone */
        { { 200, 100, 50, 128 }, 0, { 100, 50, 25 } },
        { { 255, 128, 128, 255 }, 2, { 0, 0, 0 } },             /* YCC of inverted CMY */
        { { 0, 128, 128, 255 }, 2, { 255, 255, 255 } },
        { { 76, 85, 255, 255 }, 2, { 0, 255, 255 } },
        { { 76, 85, 255, 128 }, 2, { 0, 128, 128 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        uint8_t b[400];
        size_t n = flat_jpeg(b, 4, c[i].sample, c[i].adobe);
        struct data_image m = made_decoded(b, n);

        for (int x = 0; x < 3 * 64; x++)
            if (abs(m.pixel[x] - c[i].want[x % 3]) > 2)
                fail_msg("case %zu: channel %d is %d", i, x % 3, m.pixel[x]);
        data_image_release(&m);
        made_refused(b, flat_jpeg(b, 4, c[i].sample, -1), ERR_UNSUPPORTED, "Adobe");
    }
}

/* Every scan of a progressive JPEG is a pass over all of it. */
static void scans_are_few_where_pixels_are_many(void **state)
{
    static uint8_t b[200000];
    size_t n = flat_jpeg(b, 1, (const uint8_t *)"\x80", -1), head = 10;
    uint8_t *sof = memmem(b, n, "\xff\xc0", 2), *sos = memmem(b, n, "\xff\xda", 2);

    (void)state;
    assert_true(sof && sos);
    sof[1] = 0xc2;
    sos[head - 3] = sos[head - 2] = sos[head - 1] = 0;
    for (int i = 1; i < 22; i++)
        memcpy(sos + (size_t)i * head, sos, head);
    memcpy(sos + 22 * head, "\xff\xd9", 2);
    for (int side = 6900; side <= 7100; side += 200) {
        struct data_header h;
        struct err err;

        sof[5] = sof[7] = (uint8_t)(side >> 8);
        sof[6] = sof[8] = (uint8_t)side;
        assert_int_equal(data_header_read(b, sizeof b, &h, &err), side == 6900);
    }
    assert_int_equal(sof[6], 7100 % 256);
    made_refused(b, sizeof b, ERR_INPUT, "too many scans");
}

static void components_that_are_rgb_stay_so(void **state)
{
    static const uint8_t rgb[] = { 200, 100, 10 };
    uint8_t b[400];
    struct data_image m = made_decoded(b, flat_jpeg(b, 3, rgb, 0));

    (void)state;
    for (int x = 0; x < 3 * 64; x++)
        assert_true(abs(m.pixel[x] - rgb[x % 3]) <= 1);
    data_image_release(&m);
    m = made_decoded(b, flat_jpeg(b, 3, (const uint8_t *)"\x4c\x55\xff", 1));     /* red, as YCC */
    assert_true(m.pixel[0] >= 253 && m.pixel[1] <= 2 && m.pixel[2] <= 2);
    data_image_release(&m);
}

static void orientation_of_jpeg_is_found(void **state)
{
    size_t n;
    uint8_t *plain = made_jpeg(40, 24, 3, &n), *bytes = malloc(n + 36);

    (void)state;
    for (int little = 0; little < 2; little++) {
        struct data_image m;

        memcpy(bytes, plain, 2);
        memcpy(bytes + 2, "\xff\xe1\0\x22" "Exif\0\0", 10);
        made_exif(bytes + 12, 6, little);
        memcpy(bytes + 38, plain + 2, n - 2);
        m = made_decoded(bytes, n + 36);
        assert_int_equal(m.width, 24);
        assert_int_equal(m.height, 40);
        assert_true(m.pixel[0] < m.pixel[3 * 24 * 39]); /* red grew to the right, now downwards */
        assert_true(m.pixel[1] > m.pixel[3 * 23 + 1]);  /* green grew downwards, now to the left */
        data_image_release(&m);
        /* A folder that lies outside, or is cut, is no orientation and no error. */
        bytes[12 + (little ? 4 : 7)] = 200;
        m = made_decoded(bytes, n + 36);
        assert_int_equal(m.width, 40);
        data_image_release(&m);
    }
    free(bytes);
    free(plain);
}

static void cut_jpeg_is_refused_and_a_missing_end_mended(void **state)
{
    size_t n;
    uint8_t *bytes = made_jpeg(64, 48, 4, &n);
    struct data_image whole = made_decoded(bytes, n), mended = made_decoded(bytes, n - 2);

    (void)state;
    made_near(&whole, &mended, 0);
    data_image_release(&mended);
    mended = made_decoded(bytes, n - 1);
    made_near(&whole, &mended, 0);
    data_image_release(&mended);
    for (int tenth = 0; tenth < 10; tenth++)
        made_refused(bytes, 3 + (n - 12) * (size_t)tenth / 9, ERR_INPUT, "truncated JPEG");
    /* A download that was given its length first. */
    memset(bytes + n / 2, 0, n - n / 2);
    made_refused(bytes, n, ERR_INPUT, "truncated JPEG");
    data_image_release(&whole);
    free(bytes);
}

static void impossible_jpeg_tables_are_refused(void **state)
{
    size_t n;
    uint8_t *bytes = made_jpeg(32, 32, 8, &n), *copy = malloc(n);
    uint8_t *dht = memmem(bytes, n, "\xff\xc4", 2);
    uint8_t *sof = memmem(bytes, n, "\xff\xc0", 2);

    (void)state;
    assert_true(dht && sof);
    memcpy(copy, bytes, n);
    copy[dht - bytes + 5] = 3;                                  /* three codes of one bit */
    made_refused(copy, n, ERR_INPUT, "Huffman");
    memcpy(copy, bytes, n);
    copy[dht - bytes + 4] = 0x42;                               /* class 4 */
    made_refused(copy, n, ERR_INPUT, "Huffman");
    memcpy(copy, bytes, n);
    copy[sof - bytes + 4] = 12;
    made_refused(copy, n, ERR_UNSUPPORTED, "12 bits");
    copy[sof - bytes + 4] = 8;
    copy[sof - bytes + 1] = 0xc9;
    made_refused(copy, n, ERR_UNSUPPORTED, "arithmetic");
    copy[sof - bytes + 1] = 0xc3;
    made_refused(copy, n, ERR_UNSUPPORTED, "lossless");
    copy[sof - bytes + 1] = 0xf7;                               /* JPEG-LS */
    made_refused(copy, n, ERR_UNSUPPORTED, "lossless");
    copy[sof - bytes + 1] = 0xc5;
    made_refused(copy, n, ERR_UNSUPPORTED, "hierarchical");
    copy[sof - bytes + 1] = 0xc0;
    copy[sof - bytes + 11] = 0x55;                              /* sampling 5 x 5 */
    made_refused(copy, n, ERR_INPUT, "component");
    free(copy);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_decodes_to_nearly_the_same),
        cmocka_unit_test(cmyk_and_ycck_of_adobe_become_their_colours),
        cmocka_unit_test(scans_are_few_where_pixels_are_many),
        cmocka_unit_test(components_that_are_rgb_stay_so),
        cmocka_unit_test(orientation_of_jpeg_is_found),
        cmocka_unit_test(cut_jpeg_is_refused_and_a_missing_end_mended),
        cmocka_unit_test(impossible_jpeg_tables_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
