/*
 * resize, stb_image_resize -- the yardstick
 */
#include "tests/bench/resize.h"

#define STBIR_ASSERT(x)         ((void)0)
#define STB_IMAGE_RESIZE_STATIC
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb/stb_image_resize.h>

bool bench_resize_stb(const struct data_resize_job *r, uint8_t *out)
{
    double scale_x = r->out_w / r->w, scale_y = r->out_h / r->h;
    stbir_filter filter =
        r->filter == DATA_BICUBIC ? STBIR_FILTER_CATMULLROM : STBIR_FILTER_TRIANGLE;

    return stbir_resize_subpixel(r->src, r->width, r->height, (int)r->stride, out, r->out_w,
                                 r->out_h, 0, STBIR_TYPE_UINT8, 3, STBIR_ALPHA_CHANNEL_NONE, 0,
                                 STBIR_EDGE_CLAMP, STBIR_EDGE_CLAMP, filter, filter,
                                 STBIR_COLORSPACE_LINEAR, NULL, (float)scale_x, (float)scale_y,
                                 (float)(r->x * scale_x), (float)(r->y * scale_y));
}
