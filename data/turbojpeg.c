/*
 * turbojpeg -- JPEG by libjpeg-turbo, in builds with WITH_TURBOJPEG=1
 *
 * After the same walk and under the same limits as stb_image.  Accurate transform and smooth
 * upsampling, as stb has them; a warning of the library is an error, since it means that pixels
 * were made up.  CMYK and YCCK as Adobe stores them, inverted.
 */
#include "data/format.h"

#ifdef WITH_TURBOJPEG

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

/* In place: [n,4] of 255 - C, M, Y, K to [n,3] of RGB: (255 - C) * (255 - K) / 255. */
static void cmyk_to_rgb(uint8_t *p, size_t n)
{
    uint8_t *out = p;

    for (; n-- > 0; p += 4, out += 3) {
        unsigned k = p[3];

        for (int c = 0; c < 3; c++)
            out[c] = (uint8_t)((p[c] * k + 127) / 255);
    }
}

/* Whether the library reads this kind at all; the bytes have been walked, so that nothing else can
 * be wrong with their header. */
static bool known(tjhandle t, const uint8_t *bytes, size_t size, const struct data_header *header,
                  int *space)
{
    int w, h, sampling;

    return !tjDecompressHeader3(t, bytes, size, &w, &h, &sampling, space) &&
           w == header->width && h == header->height;
}

uint8_t *data_format_turbojpeg(const uint8_t *bytes, size_t size, const struct data_header *header,
                               size_t budget, int *channels, struct err *err)
{
    size_t n = (size_t)header->width * (size_t)header->height;
    tjhandle t = tjInitDecompress();
    uint8_t *pixel = NULL;
    int space, kind;

    if (!t) {
        err_set(err, ERR_MEMORY, "cannot set up libjpeg-turbo");
        return NULL;
    }
    if (!known(t, bytes, size, header, &space)) {
        tjDestroy(t);
        return data_format_stb(bytes, size, header, budget, channels, err);
    }
    kind = space == TJCS_GRAY ? TJPF_GRAY
         : space == TJCS_CMYK || space == TJCS_YCCK ? TJPF_CMYK : TJPF_RGB;
    *channels = tjPixelSize[kind];
    /* Beside the pixels it holds the coefficients of a progressive picture: two bytes of each. */
    pixel = data_format_pixels(header, *channels, 12 * n, budget, err);
    if (pixel && tjDecompress2(t, bytes, size, pixel, header->width, 0, header->height, kind,
                               TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING)) {
        data_format_broken("JPEG", tjGetErrorStr2(t), err);
        free(pixel);
        pixel = NULL;
    }
    tjDestroy(t);
    if (pixel && kind == TJPF_CMYK) {
        cmyk_to_rgb(pixel, n);
        *channels = 3;
    }
    return pixel;
}

#endif
