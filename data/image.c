/*
 * image -- pictures of 8-bit samples: decode within limits, resize, crop
 *
 * Size of the file, format by content, structure, size of the picture (all header.h), then the
 * format's decoder (format.h) under a budget of memory that follows from the size, then alpha,
 * orientation.
 */
#include "data/image.h"

#include "data/format.h"
#include "data/resize.h"
#include "data/sandbox.h"
#include "data/stb.h"
#include "nn/base/arena.h"
#include "nn/base/file.h"

#include <stdlib.h>
#include <string.h>

const struct data_decode data_decode_default = {
    .limits = { .file_bytes = (size_t)256 << 20, .pixels = 50000000, .side = 65535,
                .decode_bytes = (size_t)1 << 30 },
    .background = { 255, 255, 255 },
};

const char data_decoders[] = "stb"
#ifdef WITH_TURBOJPEG
    " turbojpeg"
#endif
#ifdef WITH_WEBP
    " webp"
#endif
    ;

void data_image_release(struct data_image *image)
{
    free(image->pixel);
    memset(image, 0, sizeof *image);
}

/* One sample over one of the background. */
static uint8_t over(unsigned sample, unsigned alpha, unsigned below)
{
    return (uint8_t)((sample * alpha + below * (255 - alpha) + 127) / 255);
}

/* In place: grey, grey and alpha, RGB or RGBA to RGB over the background. */
static void flatten(uint8_t *pixel, size_t n, int channels, const uint8_t *below)
{
    uint8_t *out = pixel;

    if (channels == 1) {                /* grows: from the end */
        for (size_t i = n; i-- > 0;)
            pixel[3 * i] = pixel[3 * i + 1] = pixel[3 * i + 2] = pixel[i];
    } else if (channels == 2) {
        for (size_t i = n; i-- > 0;) {
            unsigned grey = pixel[2 * i], alpha = pixel[2 * i + 1];

            for (int c = 0; c < 3; c++)
                pixel[3 * i + (size_t)c] = over(grey, alpha, below[c]);
        }
    } else if (channels == 4) {
        for (const uint8_t *p = pixel; n-- > 0; p += 4, out += 3) {
            for (int c = 0; c < 3; c++)
                out[c] = over(p[c], p[3], below[c]);
        }
    }
}

/* Turns and mirrors as EXIF says.  Pixel (x,y) comes from first + x * right + y * down. */
static bool turn(struct data_image *m, int orientation, struct err *err)
{
    ptrdiff_t w = m->width, h = m->height, first = 0, right = 1, down = w;
    uint8_t *out, *o;

    switch (orientation) {
    case 2: first = w - 1;           right = -1; down = w;  break;
    case 3: first = w * h - 1;       right = -1; down = -w; break;
    case 4: first = w * (h - 1);     right = 1;  down = -w; break;
    case 5: first = 0;               right = w;  down = 1;  break;
    case 6: first = w * (h - 1);     right = -w; down = 1;  break;
    case 7: first = w * h - 1;       right = -w; down = -1; break;
    case 8: first = w - 1;           right = w;  down = -1; break;
    default: return true;
    }
    if (orientation >= 5) {
        m->width = (int)h;
        m->height = (int)w;
    }
    o = out = malloc((size_t)(w * h) * 3);
    if (!out)
        return err_set(err, ERR_MEMORY, "cannot hold %d x %d pixels", m->width, m->height);
    for (int y = 0; y < m->height; y++) {
        const uint8_t *p = m->pixel + 3 * (first + y * down);

        for (int x = 0; x < m->width; x++, o += 3, p += 3 * right) {
            o[0] = p[0];
            o[1] = p[1];
            o[2] = p[2];
        }
    }
    free(m->pixel);
    m->pixel = out;
    return true;
}

/* The most that any format takes to decode: coefficients, planes, samples of 16 bits, pixels. */
static size_t budget_of(const struct data_header *head, size_t size,
                        const struct data_limits *limits)
{
    size_t need = ((size_t)head->width + 64) * ((size_t)head->height + 64) * 24 + 4 * size +
                  ((size_t)1 << 20);

    return need < limits->decode_bytes ? need : limits->decode_bytes;
}

static bool over_budget(const struct data_header *head, size_t budget, struct err *err)
{
    return err_set(err, ERR_INPUT, "%s of %d x %d pixels wants more than %zu bytes to decode",
                   data_format_names[head->format], head->width, head->height, budget);
}

static bool no_memory(const struct data_header *head, struct err *err)
{
    return err_set(err, ERR_MEMORY, "cannot hold %s of %d x %d pixels",
                   data_format_names[head->format], head->width, head->height);
}

uint8_t *data_format_pixels(const struct data_header *header, int channels, size_t also,
                            size_t budget, struct err *err)
{
    size_t n = (size_t)header->width * (size_t)header->height, bytes;
    uint8_t *pixel;

    if (!size_mul(n, (size_t)channels, &bytes) || !size_add(bytes, also, &also) || also > budget) {
        over_budget(header, budget, err);
        return NULL;
    }
    pixel = calloc(1, bytes);
    if (!pixel)
        no_memory(header, err);
    return pixel;
}

uint8_t *data_format_stb(const uint8_t *bytes, size_t size, const struct data_header *header,
                         size_t budget, int *channels, struct err *err)
{
    const char *format = data_format_names[header->format], *why = "";
    int w = 0, h = 0;
    bool over = false;
    uint8_t *pixel = data_stb_decode(bytes, size, budget, &w, &h, channels, &why, &over);

    if (!pixel && over)
        over_budget(header, budget, err);
    else if (!pixel && !strcmp(why, "outofmem"))
        no_memory(header, err);
    else if (!pixel)
        err_set(err, ERR_INPUT, "broken %s: %s; copy or download it again", format, why);
    if (pixel && (w != header->width || h != header->height)) {
        err_set(err, ERR_INPUT, "broken %s: its parts do not agree about its size", format);
        free(pixel);
        return NULL;
    }
    return pixel;
}

bool data_image_decode(const uint8_t *bytes, size_t size, const struct data_decode *how,
                       struct data_image *image, struct err *err)
{
    const struct data_limits *limits;
    struct data_header head;
    uint8_t *pixel, *rgb;
    int channels = 0;
    size_t n;

    how = how ? how : &data_decode_default;
    limits = &how->limits;
    memset(image, 0, sizeof *image);
    if (how->sandbox)
        return data_sandbox_decode(how->sandbox, bytes, size, how, image, err);
    if (size > limits->file_bytes)
        return err_set(err, ERR_INPUT, "file of %zu bytes is over the limit of %zu", size,
                       limits->file_bytes);
    if (!data_header_read(bytes, size, &head, err))
        return false;
    if (head.width > limits->side || head.height > limits->side ||
        (int64_t)head.width * head.height > limits->pixels)
        return err_set(err, ERR_INPUT,
                       "%s of %d x %d pixels is over the limit of %lld pixels, %d a side: "
                       "shrink it first", data_format_names[head.format], head.width, head.height,
                       (long long)limits->pixels, limits->side);
    pixel = data_format_reader(head.format)->decode(bytes, size, &head,
                                                    budget_of(&head, size, limits), &channels, err);
    if (!pixel)
        return false;
    n = (size_t)head.width * (size_t)head.height;
    if (channels < 3) {
        rgb = realloc(pixel, n * 3);
        if (!rgb) {
            free(pixel);
            return no_memory(&head, err);
        }
        pixel = rgb;
    }
    flatten(pixel, n, channels, how->background);
    *image = (struct data_image){ head.width, head.height, pixel };
    if (!turn(image, head.orientation, err)) {
        data_image_release(image);
        return false;
    }
    return true;
}

bool data_image_resample(const struct data_image *image, double x, double y, double w, double h,
                         int out_w, int out_h, uint8_t *out, struct err *err)
{
    struct data_resize_job r = { image->pixel, image->width, image->height,
                                 (size_t)image->width * 3, x, y, w, h, DATA_BILINEAR, out_w, out_h,
                                 0 };

    return data_resize(&r, out, err);
}

bool data_image_write_png(const char *path, const struct data_image *image, struct err *err)
{
    size_t size = 0;
    uint8_t *png = data_stb_png(image->pixel, image->width, image->height, &size);
    bool ok;

    if (!png)
        return err_set(err, ERR_MEMORY, "%s: cannot write %d x %d pixels as PNG", path,
                       image->width, image->height);
    ok = file_replace(path, png, size, err);
    free(png);
    return ok;
}
