/*
 * image: what is a picture decodes right, what is none is refused by name, and no bytes do harm
 */
#include "tests/data/made.h"

#include "data/header.h"
#include "data/index.h"

#include <time.h>

static bool read_file(const char *path, struct data_image *image, struct err *err)
{
    return data_sample_image(&(struct data_sample){ .path = path }, NULL, image, err);
}

/* ---- formats --------------------------------------------------------------------------------- */

static void png_round_trip_is_exact(void **state)
{
    struct made_folder f;
    struct data_image m = made_image(37, 21, 1), back;
    struct err err;

    (void)state;
    made_open(&f);
    assert_true(data_image_write_png(made_path(&f, "a.jpg"), &m, &err));    /* content, not name */
    assert_true(read_file(made_path(&f, "a.jpg"), &back, &err));
    made_near(&m, &back, 0);
    data_image_release(&m);
    data_image_release(&back);
    made_close(&f);
}

static void bmp_decodes(void **state)
{
    uint8_t b[54 + 2 * 8] = "BM";
    struct data_image m;

    (void)state;
    b[10] = 54;
    b[14] = 40;
    b[18] = 2;
    b[22] = 2;
    b[26] = 1;
    b[28] = 24;
    /* Rows from the bottom, BGR, padded to 4. */
    memcpy(b + 54, "\1\2\3\4\5\6\0\0\7\10\11\12\13\14\0\0", 16);
    m = made_decoded(b, sizeof b);
    assert_memory_equal(m.pixel, "\11\10\7\14\13\12\3\2\1\6\5\4", 12);
    data_image_release(&m);
    made_refused(b, sizeof b - 4, ERR_INPUT, "truncated BMP");
    b[30] = 4;
    made_refused(b, sizeof b, ERR_UNSUPPORTED, "compression 4");
    b[30] = 0;
    memcpy(b + 22, "\0\0\0\x80", 4);
    made_refused(b, sizeof b, ERR_INPUT, "width or height");
}

static const uint8_t gif[] = {          /* 2 x 1: red, transparent */
    'G', 'I', 'F', '8', '9', 'a', 2, 0, 1, 0, 0x80, 0, 0, 255, 0, 0, 0, 0, 255,
    0x21, 0xf9, 4, 1, 0, 0, 1, 0,
    0x2c, 0, 0, 0, 0, 2, 0, 1, 0, 0,
    2, 2, 0x44, 0x0a, 0, 0x3b,          /* codes of 3 bits: clear, 0, 1, end */
};

static void gif_decodes_over_white(void **state)
{
    struct data_image m = made_decoded(gif, sizeof gif);

    (void)state;
    assert_int_equal(m.width, 2);
    assert_memory_equal(m.pixel, "\xff\0\0\xff\xff\xff", 6);
    data_image_release(&m);
    for (size_t n = 1; n < sizeof gif - 3; n++)
        made_refused(gif, n, ERR_INPUT, "truncated GIF");
    m = made_decoded(gif, sizeof gif - 2);                      /* all pixels are there */
    data_image_release(&m);
}

static void alpha_is_over_white(void **state)
{
    static const uint8_t rgba[] = { 200, 100, 0, 255, 255, 0, 0, 0, 0, 0, 0, 128 };
    static const uint8_t grey[] = { 10, 255, 77, 0 };
    size_t n;
    uint8_t *bytes = made_png(3, 1, 8, 6, rgba, 12, NULL, 0, &n);
    struct data_image m = made_decoded(bytes, n);

    (void)state;
    assert_memory_equal(m.pixel, "\xc8\x64\0\xff\xff\xff\x7f\x7f\x7f", 9);
    data_image_release(&m);
    free(bytes);
    bytes = made_png(2, 1, 8, 4, grey, 4, NULL, 0, &n);
    m = made_decoded(bytes, n);
    assert_memory_equal(m.pixel, "\x0a\x0a\x0a\xff\xff\xff", 6);
    data_image_release(&m);
    free(bytes);
}

/* Every kind of transparency over orange. */
static void background_shows_through_every_kind_of_alpha(void **state)
{
    static const uint8_t one[] = { 0x12, 0x34 }, clear4[] = { 9, 9, 9, 0 };
    static const uint8_t deep[] = { 1, 2, 3, 4, 5, 6, 0, 0 }, deep_grey[] = { 1, 2, 0x80, 0x80 };
    static const uint8_t half[] = { 0, 0, 0, 128 }, rgb[] = { 1, 2, 3 };
    static const uint8_t rgb16[] = { 1, 2, 3, 4, 5, 6 };
    static const struct {
        int bits, colour;
        const uint8_t *data;
        size_t row;
        const char *trns;
        size_t trns_size;
        uint8_t want[3];
    } c[] = {
        { 8, 4, (const uint8_t *)"\x63", 2, NULL, 0, { 255, 128, 7 } },
        { 8, 6, clear4, 4, NULL, 0, { 255, 128, 7 } },
        { 8, 6, half, 4, NULL, 0, { 127, 64, 3 } },
        { 16, 6, deep, 8, NULL, 0, { 255, 128, 7 } },
        { 16, 4, deep_grey, 4, NULL, 0, { 128, 64, 4 } },
        { 8, 0, one, 1, "\0\x12", 2, { 255, 128, 7 } },
        { 8, 0, one, 1, "\0\x13", 2, { 0x12, 0x12, 0x12 } },
        { 16, 0, one, 2, "\x12\x34", 2, { 255, 128, 7 } },
        { 16, 0, one, 2, "\x12\x35", 2, { 0x12, 0x12, 0x12 } },
        { 8, 2, rgb, 3, "\0\1\0\2\0\3", 6, { 255, 128, 7 } },
        { 16, 2, rgb16, 6, "\1\2\3\4\5\6", 6, { 255, 128, 7 } },
        { 16, 2, rgb16, 6, "\1\2\3\4\5\7", 6, { 1, 3, 5 } },
        { 8, 3, (const uint8_t *)"\1", 1, "\xff\0", 2, { 255, 128, 7 } },
        { 4, 3, (const uint8_t *)"\0", 1, "\0", 1, { 255, 128, 7 } },
        { 1, 3, (const uint8_t *)"\x80", 1, "\0", 1, { 40, 50, 60 } },
    };
    struct data_decode how = data_decode_default;

    (void)state;
    memcpy(how.background, "\xff\x80\7", 3);
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        uint8_t extra[64];
        size_t n, k = 0;
        uint8_t *bytes;
        struct data_image m;
        struct err err;

        if (c[i].colour == 3)
            k = made_chunk(extra, "PLTE", (const uint8_t *)"\12\24\36\50\62\74", 6);
        if (c[i].trns)
            k += made_chunk(extra + k, "tRNS", (const uint8_t *)c[i].trns, c[i].trns_size);
        bytes = made_png(1, 1, c[i].bits, c[i].colour, c[i].data, c[i].row, extra, k, &n);
        if (!data_image_decode(bytes, n, &how, &m, &err))
            fail_msg("case %zu: %s", i, err.msg);
        for (int k3 = 0; k3 < 3; k3++)
            if (m.pixel[k3] != c[i].want[k3])
                fail_msg("case %zu: channel %d is %d", i, k3, m.pixel[k3]);
        data_image_release(&m);
        free(bytes);
    }
}

static void grey_and_palette_of_1_2_and_4_bits(void **state)
{
    static const struct { int bits; uint8_t data; int want[2]; } c[] = {
        { 1, 0x40, { 0, 255 } }, { 2, 0x60, { 85, 170 } }, { 4, 0x3c, { 51, 204 } },
    };

    (void)state;
    for (int i = 0; i < 3; i++) {
        uint8_t extra[100], palette[48];
        size_t n, k;
        uint8_t *bytes = made_png(2, 1, c[i].bits, 0, &c[i].data, 1, NULL, 0, &n);
        struct data_image m = made_decoded(bytes, n);

        for (int x = 0; x < 6; x++)
            assert_int_equal(m.pixel[x], c[i].want[x / 3]);
        data_image_release(&m);
        free(bytes);
        for (int v = 0; v < 48; v++)
            palette[v] = (uint8_t)(v * 5);
        k = made_chunk(extra, "PLTE", palette, (size_t)3 << c[i].bits);
        bytes = made_png(2, 1, c[i].bits, 3, &c[i].data, 1, extra, k, &n);
        m = made_decoded(bytes, n);
        for (int x = 0; x < 6; x++)
            assert_int_equal(m.pixel[x], palette[c[i].want[x / 3] * ((1 << c[i].bits) - 1) / 255 * 3
                                                 + x % 3]);
        data_image_release(&m);
        free(bytes);
    }
}

static void sixteen_bits_grey_and_palette_become_rgb(void **state)
{
    static const uint8_t deep[] = { 0x12, 0x34, 0xab, 0xcd }, index[] = { 0x40 };
    uint8_t extra[32];
    size_t n, k = made_chunk(extra, "PLTE", (const uint8_t *)"\1\2\3\4\5\6", 6);
    uint8_t *bytes = made_png(2, 1, 16, 0, deep, 4, NULL, 0, &n);
    struct data_image m = made_decoded(bytes, n);

    (void)state;
    assert_memory_equal(m.pixel, "\x12\x12\x12\xab\xab\xab", 6);
    data_image_release(&m);
    free(bytes);
    bytes = made_png(2, 1, 1, 3, index, 1, extra, k, &n);
    m = made_decoded(bytes, n);
    assert_memory_equal(m.pixel, "\1\2\3\4\5\6", 6);
    data_image_release(&m);
    free(bytes);
}

/* ---- orientation ----------------------------------------------------------------------------- */

/* Where pixel 0 (letter 'a') of a 3 x 2 picture abc/def goes. */
static const char *const turned[] = {
    "", "abcdef", "cbafed", "fedcba", "defabc", "adbecf", "daebfc", "fcebda", "cfbead",
};

static void orientations_turn_and_mirror(void **state)
{
    (void)state;
    for (int o = 0; o <= 9; o++) {
        uint8_t t[26], extra[64], data[18];
        size_t n, k;
        uint8_t *bytes;
        struct data_image m;
        const char *want = turned[o >= 1 && o <= 8 ? o : 1];

        made_exif(t, o, o & 1);
        k = made_chunk(extra, "eXIf", t, sizeof t);
        for (int i = 0; i < 6; i++)
            memset(data + 3 * i, "abcdef"[i], 3);
        bytes = made_png(3, 2, 8, 2, data, 9, extra, k, &n);
        m = made_decoded(bytes, n);
        assert_int_equal(m.width, o >= 5 && o <= 8 ? 2 : 3);
        assert_int_equal(m.height, o >= 5 && o <= 8 ? 3 : 2);
        for (int i = 0; i < 6; i++)
            assert_int_equal(m.pixel[3 * i], want[i]);
        data_image_release(&m);
        free(bytes);
    }
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void cut_or_changed_png_is_refused(void **state)
{
    struct data_image m = made_image(30, 20, 5);
    size_t n;
    uint8_t *bytes = data_stb_png(m.pixel, 30, 20, &n);

    (void)state;
    for (size_t k = 1; k < n; k += 7)
        made_refused(bytes, k, ERR_INPUT, "truncated PNG");
    bytes[60] ^= 1;
    made_refused(bytes, n, ERR_INPUT, "checksum");
    free(bytes);
    data_image_release(&m);
}

static void what_is_no_picture_is_named(void **state)
{
    static const struct {
        const char *bytes; size_t size; enum err_kind kind; const char *word;
    } odd[] = {
        { "", 0, ERR_INPUT, "empty file" },
        { "x", 1, ERR_INPUT, "text" },
        { "\xff\xd8", 2, ERR_INPUT, "truncated JPEG" },
        { "hello, this is a note", 21, ERR_INPUT, "text, not a picture: it begins \"hello" },
        { "\n <!DOCTYPE html><html>", 23, ERR_INPUT, "HTML" },
        { "version https://git-lfs.github.com/spec/v1\n", 43, ERR_INPUT, "git lfs pull" },
        { "<?xml version='1.0'?><svg/>", 27, ERR_UNSUPPORTED, "SVG" },
#ifndef WITH_WEBP
        { "RIFF\x10\0\0\0WEBPVP8 ", 16, ERR_UNSUPPORTED, "WebP is not read: convert it" },
#endif
        { "RIFF\x10\0\0\0WAVEfmt ", 16, ERR_UNSUPPORTED, "RIFF" },
        { "\0\0\0\x0cjP  \r\n\x87\n", 12, ERR_UNSUPPORTED, "JPEG 2000" },
        { "\xff\x4f\xff\x51\0\0", 6, ERR_UNSUPPORTED, "JPEG 2000" },
        { "\0\0\0\x0cJXL \r\n\x87\n", 12, ERR_UNSUPPORTED, "JPEG XL" },
        { "\xff\x0a\0\0", 4, ERR_UNSUPPORTED, "JPEG XL" },
        { "8BPS\0\1", 6, ERR_UNSUPPORTED, "PSD" },
        { "\0\0\1\0\1\0", 6, ERR_UNSUPPORTED, "ICO" },
        { "%PDF-1.4\n", 9, ERR_UNSUPPORTED, "pdfimages" },
        { "\0\0\0\x18" "ftypmp42", 12, ERR_UNSUPPORTED, "ffmpeg" },
        { "\0\0\0\x18" "ftypcrx ", 12, ERR_UNSUPPORTED, "CR3" },
        { "II*\0\x10\0\0\0CR\2\0", 12, ERR_UNSUPPORTED, "CR2" },
        { "FUJIFILMCCD-RAW 0201", 20, ERR_UNSUPPORTED, "RAF" },
        { "IIU\0\x18\0\0\0", 8, ERR_UNSUPPORTED, "RW2" },
        { "IIRO\x08\0\0\0", 8, ERR_UNSUPPORTED, "ORF" },
        { "BA\x28\0\0\0\0\0\0\0\0\0\0\0", 14, ERR_UNSUPPORTED, "OS/2" },
        { "\0\0\0\x20" "ftypavif", 12, ERR_UNSUPPORTED, "AVIF" },
        { "\0\0\0\x20" "ftypheic", 12, ERR_UNSUPPORTED, "HEIC" },
        { "II*\0\x08\0\0\0", 8, ERR_UNSUPPORTED, "TIFF" },
        { "\x1f\x8b\x08\0\0\0\0\0", 8, ERR_UNSUPPORTED, "gunzip" },
        { "\0\0\0\0\0\0\0\0\0\0", 10, ERR_INPUT, "zero bytes" },
        { "\x01\x02\x03\x04\x05", 5, ERR_INPUT, "no picture" },
        { "\x89PNG\n\x1a\n\0\0\0", 10, ERR_INPUT, "text mode" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        made_refused(odd[i].bytes, odd[i].size, odd[i].kind, odd[i].word);
}

/* A TIFF folder of these entries, then a text at its end. */
static size_t tiff(uint8_t *t, int n, const uint16_t (*entry)[2], const char *text)
{
    size_t at = 10 + 12 * (size_t)n + 4;

    memset(t, 0, at);
    memcpy(t, "MM\0*\0\0\0\x08\0", 9);
    t[9] = (uint8_t)n;
    for (int i = 0; i < n; i++) {
        uint8_t *e = t + 10 + 12 * i;

        e[0] = (uint8_t)(entry[i][0] >> 8);
        e[1] = (uint8_t)entry[i][0];
        e[3] = 2;
        e[7] = (uint8_t)entry[i][1];
        e[11] = (uint8_t)at;
    }
    memcpy(t + at, text, strlen(text));
    return at + strlen(text);
}

static void raw_files_are_told_from_tiff(void **state)
{
    static const struct { uint16_t entry[2][2]; const char *make, *word; } c[] = {
        { { { 0x10f, 18 }, { 0x14a, 1 } }, "NIKON CORPORATION.", "NEF" },
        { { { 0x10f, 5 }, { 0x14a, 1 } }, "SONY.", "ARW" },
        { { { 0x10f, 7 }, { 0x14a, 1 } }, "PENTAX.", "PEF" },
        { { { 0x10f, 18 }, { 0x14b, 1 } }, "NIKON CORPORATION.", "TIFF is not read" },
        { { { 0x10f, 18 }, { 0x14a, 1 } }, "NIKON", "TIFF is not read" },       /* cut */
        { { { 0x10f, 5 }, { 0xc612, 4 } }, "LEICA", "DNG" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        uint8_t t[100];

        made_refused(t, tiff(t, 2, c[i].entry, c[i].make), ERR_UNSUPPORTED, c[i].word);
    }
}

static void bombs_are_refused_at_once(void **state)
{
    size_t n;
    uint8_t *bytes = made_jpeg(64, 48, 6, &n), *sof = memmem(bytes, n, "\xff\xc0", 2);
    clock_t start = clock();

    (void)state;
    assert_non_null(sof);
    memcpy(sof + 5, "\xea\x60\xea\x60", 4);                     /* 60000 x 60000 */
    made_refused(bytes, n, ERR_INPUT, "60000 x 60000");
    free(bytes);
    bytes = made_png(60000, 60000, 8, 6, NULL, 0, NULL, 0, &n);
    made_refused(bytes, n, ERR_INPUT, "cannot hold");
    free(bytes);
    bytes = made_png(0x7fffffff, 0x7fffffff, 16, 6, NULL, 0, NULL, 0, &n);
    made_refused(bytes, n, ERR_INPUT, "cannot hold");
    free(bytes);
    bytes = made_png(7000, 7000, 8, 6, NULL, 0, NULL, 0, &n); /* within the limits, but no pixels */
    made_refused(bytes, n, ERR_INPUT, "cannot hold");
    free(bytes);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 1);
}

static void limits_are_kept(void **state)
{
    struct data_decode how = data_decode_default;
    struct data_limits *l = &how.limits;
    struct data_image m;
    struct err err;
    size_t n;
    uint8_t *bytes = made_jpeg(64, 48, 7, &n);

    (void)state;
    l->pixels = 64 * 48;
    l->side = 64;
    l->file_bytes = n;
    assert_true(data_image_decode(bytes, n, &how, &m, &err));
    data_image_release(&m);
    l->pixels--;
    assert_false(data_image_decode(bytes, n, &how, &m, &err));
    l->pixels++;
    l->side--;
    assert_false(data_image_decode(bytes, n, &how, &m, &err));
    l->side++;
    l->file_bytes--;
    assert_false(data_image_decode(bytes, n, &how, &m, &err));
    l->file_bytes++;
    l->decode_bytes = 4096;
    assert_false(data_image_decode(bytes, n, &how, &m, &err));
    assert_non_null(strstr(err.msg, "to decode"));
    free(bytes);
}

/* Changes bytes of a file; whatever comes out must be a picture or an error. */
static void damage(const uint8_t *bytes, size_t n, int rounds)
{
    struct data_decode how = { .limits = { 1 << 20, 1 << 20, 4096, 16 << 20 } };
    uint8_t *copy = malloc(n);

    for (int i = 0; i < rounds; i++) {
        uint64_t at = (uint64_t)i * 16, stream = rng_stream(RNG_TEST, 2);
        int changes = 1 + (int)rng_below(9, stream, at++, 4);
        struct data_image m;
        struct err err = { 0 };

        memcpy(copy, bytes, n);
        for (int k = 0; k < changes; k++) {
            uint32_t where = rng_below(9, stream, at++, (uint32_t)n);

            copy[where] = (uint8_t)rng_u32(9, stream, at++);
        }
        if (data_image_decode(copy, n, &how, &m, &err))
            assert_true(m.pixel && m.width > 0 && m.height > 0);
        else
            assert_true(!m.pixel && err.kind != ERR_NONE && err.msg[0]);
        data_image_release(&m);
    }
    free(copy);
}

static void random_damage_does_no_harm(void **state)
{
    struct data_image m = made_image(24, 24, 10);
    size_t n;
    uint8_t *bytes = made_jpeg(24, 24, 10, &n);

    (void)state;
    damage(bytes, n, 2000);
    free(bytes);
    bytes = data_stb_png(m.pixel, 24, 24, &n);
    damage(bytes, n, 500);
    free(bytes);
    damage(gif, sizeof gif, 2000);
    data_image_release(&m);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void errors_of_files_name_the_path(void **state)
{
    struct made_folder f;
    struct data_image m;
    struct err err;

    (void)state;
    made_open(&f);
    made_text(&f, "note.jpg", "not a picture");
    assert_false(read_file(made_path(&f, "note.jpg"), &m, &err));
    assert_non_null(strstr(err.msg, "note.jpg: text"));
    assert_false(read_file(made_path(&f, "gone.jpg"), &m, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, "gone.jpg"));
    assert_int_equal(mkfifo(made_path(&f, "pipe.jpg"), 0600), 0);
    assert_false(read_file(made_path(&f, "pipe.jpg"), &m, &err));
    assert_false(read_file(f.path, &m, &err));
    made_close(&f);
}

/* ---- resampling ------------------------------------------------------------------------------ */

static void whole_parts_are_copied(void **state)
{
    struct data_image m = made_image(20, 14, 11);
    uint8_t out[6 * 5 * 3];
    struct err err;

    (void)state;
    assert_true(data_image_resample(&m, 3 + 1e-9, 7, 6 - 1e-9, 5, 6, 5, out, &err));
    for (int y = 0; y < 5; y++)
        assert_memory_equal(out + y * 18, m.pixel + ((7 + y) * 20 + 3) * 3, 18);
    data_image_release(&m);
}

static void any_part_of_one_colour_keeps_it(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 500; k++) {
        uint64_t s = rng_stream(RNG_TEST, 4), at = k * 16;
        int w = 1 + (int)rng_below(1, s, at++, 90), h = 1 + (int)rng_below(1, s, at++, 90);
        int out_w = 1 + (int)rng_below(1, s, at++, 60), out_h = 1 + (int)rng_below(1, s, at++, 60);
        double x = rng_f64(1, s, at++) * (w - 0.5), y = rng_f64(1, s, at++) * (h - 0.5);
        struct data_image m = { w, h, malloc((size_t)(w * h) * 3) };
        uint8_t *out = malloc((size_t)(out_w * out_h) * 3);
        struct err err;

        memset(m.pixel, 77, (size_t)(w * h) * 3);
        assert_true(data_image_resample(&m, x, y, w - x, h - y, out_w, out_h, out, &err));
        for (int i = 0; i < out_w * out_h * 3; i++)
            assert_int_equal(out[i], 77);
        free(out);
        data_image_release(&m);
    }
}

static void parts_outside_are_errors(void **state)
{
    struct data_image m = made_image(10, 10, 13);
    uint8_t out[12];
    struct err err;

    (void)state;
    assert_false(data_image_resample(&m, -1, 0, 5, 5, 2, 2, out, &err));
    assert_false(data_image_resample(&m, 6, 0, 5, 5, 2, 2, out, &err));
    assert_false(data_image_resample(&m, 0, 0, 0, 5, 2, 2, out, &err));
    assert_false(data_image_resample(&m, 0, 0, (double)NAN, 5, 2, 2, out, &err));
    data_image_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_round_trip_is_exact),
        cmocka_unit_test(bmp_decodes),
        cmocka_unit_test(gif_decodes_over_white),
        cmocka_unit_test(alpha_is_over_white),
        cmocka_unit_test(background_shows_through_every_kind_of_alpha),
        cmocka_unit_test(grey_and_palette_of_1_2_and_4_bits),
        cmocka_unit_test(sixteen_bits_grey_and_palette_become_rgb),
        cmocka_unit_test(orientations_turn_and_mirror),
        cmocka_unit_test(cut_or_changed_png_is_refused),
        cmocka_unit_test(what_is_no_picture_is_named),
        cmocka_unit_test(raw_files_are_told_from_tiff),
        cmocka_unit_test(bombs_are_refused_at_once),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(random_damage_does_no_harm),
        cmocka_unit_test(errors_of_files_name_the_path),
        cmocka_unit_test(whole_parts_are_copied),
        cmocka_unit_test(any_part_of_one_colour_keeps_it),
        cmocka_unit_test(parts_outside_are_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
