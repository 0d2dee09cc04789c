/*
 * webp: what libwebp decodes comes through with alpha and orientation; other builds name it
 */
#include "tests/data/made.h"

#ifdef WITH_WEBP

#include <webp/encode.h>

static void put32(uint8_t *p, size_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static size_t chunk(uint8_t *p, const char *name, const uint8_t *body, size_t n)
{
    memcpy(p, name, 4);
    put32(p + 4, n);
    memcpy(p + 8, body, n);
    p[8 + n] = 0;
    return 8 + n + (n & 1);
}

/* 3 x 2 pixels, the first transparent, lossless; behind it a chunk where `name` is not NULL. */
static size_t made_webp(uint8_t *out, const char *name, const uint8_t *body, size_t n)
{
    uint8_t rgba[24] = { 9, 9, 9, 0 }, head[10] = { 0x18, 0, 0, 0, 2, 0, 0, 1, 0, 0 }, *bytes;
    size_t size, at = 12;

    for (int i = 4; i < 24; i++)
        rgba[i] = i % 4 == 3 ? 255 : (uint8_t)(10 * i);
    size = WebPEncodeLosslessRGBA(rgba, 3, 2, 12, &bytes);
    assert_true(size > 12);
    memcpy(out, "RIFF----WEBP", 12);
    at += chunk(out + at, "VP8X", head, 10);
    memcpy(out + at, bytes + 12, size - 12);
    at += size - 12;
    if (name)
        at += chunk(out + at, name, body, n);
    put32(out + 4, at - 8);
    WebPFree(bytes);
    return at;
}

static void pixels_alpha_and_orientation_come_through(void **state)
{
    static const uint8_t exif[] = "II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0";
    struct data_decode how = data_decode_default;
    uint8_t b[400];
    struct data_image m;
    struct err err;
    size_t n = made_webp(b, NULL, NULL, 0);

    (void)state;
    how.background[0] = 7;
    if (!data_image_decode(b, n, &how, &m, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(m.width, 3);
    assert_memory_equal(m.pixel, "\7\377\377\50\62\74", 6);
    data_image_release(&m);
    n = made_webp(b, "EXIF", exif, 26);
    assert_true(data_image_decode(b, n, &how, &m, &err));
    assert_int_equal(m.width, 2);
    assert_int_equal(m.height, 3);
    assert_memory_equal(m.pixel + 3, "\7\377\377", 3);          /* the first is now at the right */
    data_image_release(&m);
}

static void cut_broken_and_animated_are_refused(void **state)
{
    uint8_t b[400];
    struct data_image m;
    struct err err;
    size_t n = made_webp(b, NULL, NULL, 0);

    (void)state;
    for (size_t k = 12; k < n; k++) {
        assert_false(data_image_decode(b, k, NULL, &m, &err));
        assert_non_null(strstr(err.msg, "truncated WebP"));
    }
    memset(b + n - 20, 0xff, 20);
    if (data_image_decode(b, n, NULL, &m, &err))
        data_image_release(&m);
    n = made_webp(b, "ANMF", b, 20);
    assert_false(data_image_decode(b, n, NULL, &m, &err));
    assert_int_equal(err.kind, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "webpmux"));
}

#endif

static void builds_say_whether_they_have_it(void **state)
{
    (void)state;
#ifdef WITH_WEBP
    assert_non_null(strstr(data_decoders, "webp"));
#else
    assert_null(strstr(data_decoders, "webp"));
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef WITH_WEBP
        cmocka_unit_test(pixels_alpha_and_orientation_come_through),
        cmocka_unit_test(cut_broken_and_animated_are_refused),
#endif
        cmocka_unit_test(builds_say_whether_they_have_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
