/*
 * made -- pictures and folders that the tests of data/ make for themselves
 */
#ifndef TESTS_DATA_MADE_H
#define TESTS_DATA_MADE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "data/index.h"
#include "data/stb.h"
#include "nn/base/file.h"
#include "nn/base/rng.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- folders --------------------------------------------------------------------------------- */

struct made_folder {
    char path[64];
};

static inline void made_open(struct made_folder *f)
{
    snprintf(f->path, sizeof f->path, "/tmp/discern-test-XXXXXX");
    assert_non_null(mkdtemp(f->path));
}

static inline int made_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline void made_close(struct made_folder *f)
{
    assert_int_equal(nftw(f->path, made_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* The path of `name` in the folder; valid for a few calls. */
static inline const char *made_path(const struct made_folder *f, const char *name)
{
    static char path[4][512];
    static int i;

    i = (i + 1) % 4;
    snprintf(path[i], sizeof path[i], "%s/%s", f->path, name);
    return path[i];
}

/* Writes a file, and the folders that it lies in. */
static inline void made_file(const struct made_folder *f, const char *name, const void *data,
                             size_t size)
{
    const char *path = made_path(f, name);
    char folder[512];
    struct err err;
    FILE *out;

    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    assert_true(file_mkdir(folder, &err));
    out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

static inline void made_text(const struct made_folder *f, const char *name, const char *text)
{
    made_file(f, name, text, strlen(text));
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* Smooth, no two pixels alike, no symmetry. */
static inline struct data_image made_image(int width, int height, uint64_t seed)
{
    struct data_image m = { width, height, malloc((size_t)width * (size_t)height * 3) };
    int base = (int)rng_below(seed, rng_stream(RNG_TEST, 1), 0, 64);

    assert_non_null(m.pixel);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            uint8_t *p = m.pixel + 3 * ((size_t)y * (size_t)width + (size_t)x);

            p[0] = (uint8_t)(base + 150 * x / width);
            p[1] = (uint8_t)(base + 150 * y / height);
            p[2] = (uint8_t)(base + 70 * (x + 2 * y) / (width + 2 * height));
        }
    }
    return m;
}

/* Like a photo: soft patches of light, all over, and some grain.  Seeds give unlike pictures; the
 * same seed in another size the same picture. */
static inline struct data_image made_scene(int width, int height, uint64_t seed)
{
    enum { WAVES = 12 };
    struct data_image m = { width, height, malloc((size_t)width * (size_t)height * 3) };
    double wave[WAVES][5];

    assert_non_null(m.pixel);
    for (int i = 0; i < WAVES; i++) {
        double *w = wave[i];

        for (int k = 0; k < 5; k++)
            w[k] = rng_f32(seed, rng_stream(RNG_TEST, 3), (uint64_t)(5 * i + k));
        w[0] = (w[0] - 0.5) * 40;
        w[1] = (w[1] - 0.5) * 40;
        w[2] *= 6.2832;
    }
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            uint8_t *p = m.pixel + 3 * ((size_t)y * (size_t)width + (size_t)x);
            double c[3] = { 128, 128, 128 };

            for (int i = 0; i < WAVES; i++) {
                const double *w = wave[i];
                double v = 18 * sin(w[0] * (x + 0.5) / width + w[1] * (y + 0.5) / height + w[2]);

                c[0] += v;
                c[1] += v * w[3];
                c[2] += v * w[4];
            }
            for (int k = 0; k < 3; k++)
                p[k] = (uint8_t)fmin(255, fmax(0, c[k]));
        }
    }
    return m;
}

/* Writes and releases it. */
static inline void made_keep_jpeg(const struct made_folder *f, const char *name,
                                  struct data_image m, int quality)
{
    size_t size;
    uint8_t *bytes = data_stb_jpeg(m.pixel, m.width, m.height, quality, &size);

    assert_non_null(bytes);
    made_file(f, name, bytes, size);
    free(bytes);
    data_image_release(&m);
}

static inline void made_scene_file(const struct made_folder *f, const char *name, int side,
                                   uint64_t seed, int quality)
{
    made_keep_jpeg(f, name, made_scene(side, side, seed), quality);
}

static inline uint8_t *made_jpeg(int width, int height, uint64_t seed, size_t *size)
{
    struct data_image m = made_image(width, height, seed);
    uint8_t *bytes = data_stb_jpeg(m.pixel, width, height, 95, size);

    assert_non_null(bytes);
    data_image_release(&m);
    return bytes;
}

static inline void made_jpeg_file(const struct made_folder *f, const char *name, int width,
                                  int height, uint64_t seed)
{
    made_keep_jpeg(f, name, made_image(width, height, seed), 95);
}

/* A TIFF structure with nothing but an orientation, of 26 bytes. */
static inline void made_exif(uint8_t *t, int orientation, bool little)
{
    static const uint8_t big[26] = "MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\0\0\0\0\0\0";
    static const uint8_t small[26] = "II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\0\0\0\0\0\0\0";

    memcpy(t, little ? small : big, 26);
    t[little ? 18 : 19] = (uint8_t)orientation;
}

/* ---- PNG of any kind, stored without compression --------------------------------------------- */

static inline size_t made_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
    return 4;
}

static inline size_t made_chunk(uint8_t *p, const char *type, const uint8_t *body, size_t n)
{
    uint32_t crc = 0xffffffff;

    made_be32(p, (uint32_t)n);
    memcpy(p + 4, type, 4);
    if (n)
        memcpy(p + 8, body, n);
    for (size_t i = 4; i < n + 8; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    made_be32(p + 8 + n, ~crc);
    return n + 12;
}

/* data[height,row]: the samples as PNG has them, without filter bytes; at most 65,535 bytes with
 * them.  `colour` as in PNG: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.  extra: chunks
 * between header and data, may be NULL. */
static inline uint8_t *made_png(uint32_t width, uint32_t height, int bits, int colour,
                                const uint8_t *data, size_t row, const uint8_t *extra,
                                size_t extra_size, size_t *size)
{
    size_t rows = data ? height : 0, n = rows * (row + 1), at = 0;
    uint8_t *out = malloc(n + extra_size + 200), *body = malloc(n + 32), head[13] = { 0 };
    uint32_t a = 1, b = 0;

    assert_true(out && body && n < 65536);
    memcpy(out, "\x89PNG\r\n\x1a\n", 8);
    at = 8;
    made_be32(head, width);
    made_be32(head + 4, height);
    head[8] = (uint8_t)bits;
    head[9] = (uint8_t)colour;
    at += made_chunk(out + at, "IHDR", head, 13);
    if (extra)
        memcpy(out + at, extra, extra_size);
    at += extra_size;
    memcpy(body, "\x78\x01\x01", 3);
    body[3] = (uint8_t)n;
    body[4] = (uint8_t)(n >> 8);
    body[5] = (uint8_t)~body[3];
    body[6] = (uint8_t)~body[4];
    for (size_t y = 0; y < rows; y++) {
        body[7 + y * (row + 1)] = 0;
        memcpy(body + 8 + y * (row + 1), data + y * row, row);
    }
    for (size_t i = 0; i < n; i++) {
        a = (a + body[7 + i]) % 65521;
        b = (b + a) % 65521;
    }
    made_be32(body + 7 + n, b << 16 | a);
    at += made_chunk(out + at, "IDAT", body, n + 11);
    at += made_chunk(out + at, "IEND", NULL, 0);
    free(body);
    *size = at;
    return out;
}

/* ---- reading --------------------------------------------------------------------------------- */

static inline struct data_image made_decoded(const uint8_t *bytes, size_t size)
{
    struct data_image m;
    struct err err = { 0 };

    if (!data_image_decode(bytes, size, NULL, &m, &err))
        fail_msg("%s", err.msg);
    return m;
}

/* The bytes are no picture: an error of this kind, with the word in it. */
static inline void made_refused(const void *bytes, size_t size, enum err_kind kind,
                                const char *word)
{
    struct data_image m;
    struct err err = { 0 };

    assert_false(data_image_decode(bytes, size, NULL, &m, &err));
    assert_null(m.pixel);
    if (err.kind != kind || !strstr(err.msg, word))
        fail_msg("kind %d, \"%s\" lacks \"%s\"", err.kind, err.msg, word);
}

/* The same size, and the same values but for that much on the average. */
static inline void made_near(const struct data_image *a, const struct data_image *b,
                             double mean)
{
    double sum = 0;
    size_t n = (size_t)a->width * (size_t)a->height * 3;

    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    for (size_t i = 0; i < n; i++)
        sum += abs(a->pixel[i] - b->pixel[i]);
    assert_true(sum / (double)n <= mean);
}

static inline struct data_index *made_opened(const char *path,
                                             const struct data_source_options *opt)
{
    struct err err = { 0 };
    struct data_index *x = data_index_open(path, opt, &err);

    if (!x)
        fail_msg("%s", err.msg);
    return x;
}

/* ---- data sets of the machine ---------------------------------------------------------------- */

/* Where the archives are: $DISCERN_DATASETS or ../shared/datasets; NULL, and a line on stdout,
 * when `file` is not there. */
static inline const char *made_dataset(const char *file)
{
    static char path[512];
    const char *folder = getenv("DISCERN_DATASETS");

    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/datasets", file);
    if (file_kind(path) == FILE_REGULAR)
        return path;
    printf("skipped: %s is not there (set DISCERN_DATASETS)\n", path);
    return NULL;
}

static inline void made_unpack(const struct made_folder *f, const char *archive)
{
    char command[1200];

    snprintf(command, sizeof command, "tar -xzf '%s' -C '%s'", archive, f->path);
    assert_int_equal(system(command), 0);
}

#endif
