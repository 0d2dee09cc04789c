/*
 * bmp: every kind of pixel and header decodes to what it says, run lengths stay inside
 */
#include "tests/data/made.h"

/* Writes a header of `head` bytes for w x h pixels, of which the data follow `gap` bytes later. */
static size_t header(uint8_t *b, int head, int w, int h, int bits, int packing, int gap)
{
    memset(b, 0, (size_t)(14 + head + gap));
    memcpy(b, "BM", 2);
    b[10] = (uint8_t)(14 + head + gap);
    b[11] = (uint8_t)((14 + head + gap) >> 8);
    b[14] = (uint8_t)head;
    if (head == 12) {
        b[18] = (uint8_t)w;
        b[20] = (uint8_t)h;
        b[24] = (uint8_t)bits;
    } else {
        int32_t size[] = { w, h };

        memcpy(b + 18, size, 8);
        b[28] = (uint8_t)bits;
        if (head >= 40)
            b[30] = (uint8_t)packing;
    }
    return (size_t)(14 + head + gap);
}

static void is(const uint8_t *b, size_t n, int w, int h, const char *rgb)
{
    struct data_image m = made_decoded(b, n);

    assert_int_equal(m.width, w);
    assert_int_equal(m.height, h);
    assert_memory_equal(m.pixel, rgb, (size_t)(3 * w * h));
    data_image_release(&m);
}

static const uint8_t four[] = {         /* black, red, green, blue */
    0, 0, 0, 0, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0,
};
#define K "\0\0\0"
#define R "\377\0\0"
#define G "\0\377\0"
#define B "\0\0\377"
#define W "\377\377\377"

static void palettes_of_1_4_and_8_bits(void **state)
{
    static const struct { int bits; uint8_t rows[8]; } c[] = {
        { 8, { 3, 2, 1, 0, 1, 2, 3, 0 } }, { 4, { 0x32, 0x10, 0, 0, 0x12, 0x30, 0, 0 } },
    };
    uint8_t b[200];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t n = header(b, 40, 3, 2, c[i].bits, 0, 16);

        memcpy(b + 54, four, 16);
        memcpy(b + n, c[i].rows, 8);
        is(b, n + 8, 3, 2, R G B B G R);                /* the last row comes first */
        memcpy(b + 22, "\xfe\xff\xff\xff", 4);
        is(b, n + 8, 3, 2, B G R R G B);
        is(b, n + 4 + (c[i].bits == 8 ? 3 : 2), 3, 2, B G R R G B);     /* padding may be missing */
        made_refused(b, n + 5, ERR_INPUT, "truncated BMP");
    }
    for (int head = 12; head <= 40; head += 28) {
        size_t n = header(b, head, 3, 1, 1, 0, head == 12 ? 6 : 8);

        if (head == 12)
            memcpy(b + 26, "\0\0\377\0\377\0", 6);
        else
            memcpy(b + 54, "\0\0\377\0\0\377\0\0", 8);
        memcpy(b + n, "\x40\0\0\0", 4);
        is(b, n + 4, 3, 1, R G R);
    }
}

static void colours_that_the_palette_lacks_are_black_and_absurd_palettes_refused(void **state)
{
    uint8_t b[200];
    size_t n = header(b, 40, 2, 1, 8, 0, 16);

    (void)state;
    memcpy(b + 54, four, 16);
    memcpy(b + n, "\x01\xc8\0\0", 4);
    is(b, n + 4, 2, 1, R K);
    memcpy(b + 46, "\x01\x01\0\0", 4);
    made_refused(b, n + 4, ERR_INPUT, "more colours");
    memcpy(b + 46, "\xff\xff\xff\xff", 4);
    made_refused(b, n + 4, ERR_INPUT, "more colours");
}

static void masks_place_and_widen_the_channels(void **state)
{
    static const struct { int head, bits; uint32_t mask[4], v[2]; const char *rgb; } c[] = {
        { 40, 16, { 0xf800, 0x7e0, 0x1f, 0 }, { 0xf800, 0x07ff }, R "\0\377\377" },
        { 40, 32, { 0xff, 0xff00, 0xff0000, 0 }, { 0x030201, 0xff00ff00 }, "\1\2\3" G },
        { 52, 32, { 0x3ff00000, 0xffc00, 0x3ff, 0 }, { 0x3ff00000, 0x80200 }, R "\0\200\200" },
        { 56, 16, { 0xf00, 0xf0, 0xf, 0xf000 }, { 0xff00, 0x0f00 }, R W },
        { 108, 32, { 0xff0000, 0xff00, 0xff, 0xff000000 }, { 0x80000000, 0xff00ff00 },
          "\177\177\177" G },
        { 124, 16, { 0x7c00, 0x3e0, 0x1f, 0x8000 }, { 0x801f, 0x001f }, B W },
        { 40, 16, { 0xff00, 0xff, 0, 0 }, { 0xff00, 0x00ff }, R G },    /* no blue at all */
    };

    (void)state;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        uint8_t b[300];
        size_t n = header(b, c[i].head, 2, 1, c[i].bits, 3, c[i].head == 40 ? 12 : 0);

        memcpy(b + 54, c[i].mask, c[i].head >= 56 ? 16 : 12);
        for (int k = 0; k < 2; k++)
            memcpy(b + n + k * c[i].bits / 8, &c[i].v[k], (size_t)c[i].bits / 8);
        is(b, n + 8, 2, 1, c[i].rgb);
    }
}

static void sixteen_bits_are_5_5_5_and_the_fourth_byte_is_nothing(void **state)
{
    uint8_t b[100];
    size_t n = header(b, 40, 2, 1, 16, 0, 0);

    (void)state;
    memcpy(b + n, "\x00\x7c\xff\xff", 4);
    is(b, n + 4, 2, 1, R W);
    n = header(b, 40, 1, 1, 32, 0, 0);
    memcpy(b + n, "\3\2\1\0", 4);
    is(b, n + 4, 1, 1, "\1\2\3");
}

static void run_lengths(void **state)
{
    /* Row 0 from below: a run, colours as they are (padded); row 1: a move, then one pixel. */
    static const uint8_t eight[] = { 2, 1, 0, 3, 3, 2, 3, 0, 0, 0, 0, 2, 3, 0, 1, 2, 0, 1 };
    static const uint8_t nibbles[] = { 5, 0x12, 0, 0, 0, 3, 0x32, 0x10, 0, 1 };
    uint8_t b[200];
    size_t n = header(b, 40, 5, 2, 8, 1, 16);

    (void)state;
    memcpy(b + 54, four, 16);
    memcpy(b + n, eight, sizeof eight);
    is(b, n + sizeof eight, 5, 2, W W W G W R R B G B);
    for (size_t k = 0; k < sizeof eight - 6; k++)
        made_refused(b, n + k, ERR_INPUT, "truncated BMP");
    b[n] = 6;
    made_refused(b, n + sizeof eight, ERR_INPUT, "longer than its row");
    b[n] = 3;
    made_refused(b, n + sizeof eight, ERR_INPUT, "longer than its row");
    b[n] = 2;
    b[n + 12] = 6;
    made_refused(b, n + sizeof eight, ERR_INPUT, "outside");
    b[n + 12] = 3;
    b[n + 13] = 1;
    made_refused(b, n + sizeof eight, ERR_INPUT, "outside");
    n = header(b, 40, 5, 2, 4, 2, 16);
    memcpy(b + 54, four, 16);
    memcpy(b + n, nibbles, sizeof nibbles);
    is(b, n + sizeof nibbles, 5, 2, B G R W W R G R G R);
    b[28] = 8;
    made_refused(b, n + sizeof nibbles, ERR_INPUT, "does not go with");
}

static void sizes_that_make_no_sense_are_refused(void **state)
{
    uint8_t b[200];
    size_t n = header(b, 40, 2, 1, 24, 0, 0);

    (void)state;
    memcpy(b + n, "\1\2\3\4\5\6\0\0", 8);
    is(b, n + 8, 2, 1, "\3\2\1\6\5\4");
    for (size_t k = 2; k < n + 6; k++)
        made_refused(b, k, ERR_INPUT, "truncated BMP");
    memcpy(b + 22, "\0\0\0\x80", 4);
    made_refused(b, n + 8, ERR_INPUT, "width or height");
    memcpy(b + 18, "\xff\xff\xff\x7f\xff\xff\xff\x7f", 8);
    made_refused(b, n + 8, ERR_INPUT, "truncated BMP");
    memcpy(b + 18, "\0\0\0\0", 4);
    made_refused(b, n + 8, ERR_INPUT, "is 0");
    b[14] = 41;
    made_refused(b, n + 8, ERR_UNSUPPORTED, "header of 41 bytes");
    made_refused("BMW and Audi, two makers of cars", 32, ERR_INPUT, "makes no sense");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(palettes_of_1_4_and_8_bits),
        cmocka_unit_test(colours_that_the_palette_lacks_are_black_and_absurd_palettes_refused),
        cmocka_unit_test(masks_place_and_widen_the_channels),
        cmocka_unit_test(sixteen_bits_are_5_5_5_and_the_fourth_byte_is_nothing),
        cmocka_unit_test(run_lengths),
        cmocka_unit_test(sizes_that_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
