/*
 * decode -- pictures a second and core: data_image_decode against plain stb_image
 *
 * The pictures are flowers as they are (JPEG), and as PNG, made here.  What ours does more (limits,
 * the walk over the file, checksums, a budget of zeroed memory) must cost less than 5 %.
 */
#include "tests/bench/decode.h"

#include "data/image.h"
#include "data/stb.h"
#include "nn/base/file.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { PICTURES = 24 };

struct set {
    uint8_t *bytes[PICTURES];
    size_t size[PICTURES];
    int n;
};

static void ours(void *ctx)
{
    const struct set *s = ctx;

    for (int i = 0; i < s->n; i++) {
        struct data_image m;
        struct err err;

        if (!data_image_decode(s->bytes[i], s->size[i], NULL, &m, &err))
            abort();
        data_image_release(&m);
    }
}

static void plain(void *ctx)
{
    const struct set *s = ctx;

    for (int i = 0; i < s->n; i++) {
        int w, h;
        uint8_t *pixel = decode_plain(s->bytes[i], s->size[i], &w, &h);

        if (!pixel)
            abort();
        free(pixel);
    }
}

/* The first files of a folder of flowers. */
static bool read_jpegs(const char *root, struct set *s, struct err *err)
{
    char folder[600], path[1024], **name;
    int n;

    snprintf(folder, sizeof folder, "%s/train/roses", root);
    n = file_list(folder, &name, err);
    for (int i = 0; i < n && s->n < PICTURES; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, name[i]);
        s->bytes[s->n] = file_read(path, 1 << 24, &s->size[s->n], err);
        if (!s->bytes[s->n])
            n = -1;
        else
            s->n++;
    }
    if (n >= 0)
        free(name);
    return n >= 0;
}

static bool make_pngs(const struct set *jpeg, struct set *png, struct err *err)
{
    for (int i = 0; i < jpeg->n; i++) {
        struct data_image m;

        if (!data_image_decode(jpeg->bytes[i], jpeg->size[i], NULL, &m, err))
            return false;
        png->bytes[i] = data_stb_png(m.pixel, m.width, m.height, &png->size[i]);
        data_image_release(&m);
        if (!png->bytes[i])
            return err_set(err, ERR_MEMORY, "cannot hold a PNG");
        png->n++;
    }
    return true;
}

static void compare(const char *what, struct set *s)
{
    const struct bench_side side[] = {
        { "ours", ours, s }, { "plain stb", plain, s },
    };

    bench_sides(what, s->n, "pictures", side, 2);
}

bool bench_decode(struct err *err)
{
    const char *root = bench_dataset("flowers");
    struct set jpeg = { .n = 0 }, png = { .n = 0 };
    bool ok = true;

    if (root) {
        ok = read_jpegs(root, &jpeg, err) && make_pngs(&jpeg, &png, err);
        if (ok) {
            printf("  decoders: %s\n", data_decoders);
            compare("JPEG", &jpeg);
            compare("PNG", &png);
        }
    }
    for (int i = 0; i < jpeg.n; i++) {
        free(jpeg.bytes[i]);
        free(png.bytes[i]);
    }
    return ok;
}
