/*
 * stb -- the one door to stb_image and stb_image_write
 *
 * Built without warnings and with wrapping arithmetic (FLAGS_stb in the Makefile): the code is not
 * ours, and JPEG data do overflow its ints.  Left out: HDR, PNM, PSD, PIC and TGA (endless loops,
 * reads past the end), BMP and GIF (bmp.c and gif.c read more kinds), standard I/O.  Its assertions
 * are about the data, not about its callers, hence off.
 */
#include "data/stb.h"

#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* What the decoder of this thread holds.  stb's allocation hooks take no context,
 * so it must be found by thread. */
static _Thread_local struct {
    size_t live, budget;
    bool over, out;                     /* of the budget; of memory */
} heap;

/* The size of a block is asked from libc, so that stb's pixels stay free()able. */
static void *heap_malloc(size_t bytes)
{
    void *p;

    if (bytes > heap.budget || heap.live > heap.budget - bytes) {
        heap.over = true;
        return NULL;
    }
    p = calloc(1, bytes ? bytes : 1);
    if (p)
        heap.live += malloc_usable_size(p);
    else
        heap.out = true;
    return p;
}

static void heap_free(void *p)
{
    size_t bytes = p ? malloc_usable_size(p) : 0;

    heap.live -= bytes < heap.live ? bytes : heap.live;
    free(p);
}

static void *heap_realloc(void *old, size_t bytes)
{
    void *p = heap_malloc(bytes);
    size_t had = old ? malloc_usable_size(old) : 0;

    if (!p)
        return NULL;
    if (old)
        memcpy(p, old, had < bytes ? had : bytes);
    heap_free(old);
    return p;
}

#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_MAX_DIMENSIONS 65536
#define STBI_MALLOC(bytes)      heap_malloc(bytes)
#define STBI_REALLOC(p, bytes)  heap_realloc(p, bytes)
#define STBI_FREE(p)            heap_free(p)
#define STBI_ASSERT(x)          ((void)0)
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

uint8_t *data_stb_decode(const uint8_t *bytes, size_t size, size_t budget, int *width, int *height,
                         int *channels, const char **why, bool *over)
{
    uint8_t *pixel;

    heap.live = 0;
    heap.budget = budget;
    heap.over = heap.out = false;
    stbi__g_failure_reason = NULL;
    pixel = size <= INT_MAX
                ? stbi_load_from_memory(bytes, (int)size, width, height, channels, 0) : NULL;
    /* stb says it too, but takes a picture for none of its kinds where it cannot look for lack of
     * memory. */
    *why = heap.out ? "outofmem"
           : stbi__g_failure_reason ? stbi__g_failure_reason : "no picture in it";
    *over = heap.over;
    return pixel;
}

/* stb_image_write counts in int. */
static bool fits_int(int width, int height)
{
    return width > 0 && height > 0 && ((int64_t)width * 3 + 1) * height < INT_MAX / 2;
}

uint8_t *data_stb_png(const uint8_t *pixel, int width, int height, size_t *size)
{
    int len = 0;
    uint8_t *png;

    if (!fits_int(width, height))
        return NULL;
    png = stbi_write_png_to_mem(pixel, width * 3, width, height, 3, &len);
    *size = (size_t)len;
    return png;
}

struct grown {
    uint8_t *data;
    size_t size, cap;
    bool failed;
};

static void grow(void *ctx, void *data, int n)
{
    struct grown *g = ctx;

    if (g->failed || n <= 0)
        return;
    if (g->size + (size_t)n > g->cap) {
        size_t cap = 2 * g->cap + (size_t)n + 4096;
        uint8_t *p = realloc(g->data, cap);

        if (!p) {
            g->failed = true;
            return;
        }
        g->data = p;
        g->cap = cap;
    }
    memcpy(g->data + g->size, data, (size_t)n);
    g->size += (size_t)n;
}

uint8_t *data_stb_jpeg(const uint8_t *pixel, int width, int height, int quality, size_t *size)
{
    struct grown g = { NULL, 0, 0, false };

    if (!fits_int(width, height) ||
        !stbi_write_jpg_to_func(grow, &g, width, height, 3, pixel, quality) || g.failed) {
        free(g.data);
        return NULL;
    }
    *size = g.size;
    return g.data;
}
