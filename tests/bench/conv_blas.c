/*
 * conv, im2col + OpenBLAS -- the road of those who have a matrix product and nothing else
 */
#include "tests/bench/conv.h"

#include "nn/kernel/cpu.h"
#include "nn/op.h"

#include <stdlib.h>

struct conv_side {
    struct conv_layer layer;
    enum conv_pass pass;
    const struct nn_kernels *k;
    struct nn_window window;
    bool direct;                /* a 1x1 window: the picture is the matrix */
    float *x, *w, *y, *col;
};

static float *numbers(int64_t n)
{
    size_t bytes = ((size_t)n * sizeof(float) + 63) / 64 * 64;
    float *x = aligned_alloc(64, bytes);

    if (x)
        conv_fill(x, bytes, false);
    return x;
}

struct conv_side *conv_blas_new(const struct conv_layer *l, enum conv_pass pass)
{
    const int size[2] = { l->size, l->size }, stride[2] = { l->stride, l->stride };
    const int pad[4] = { l->pad, l->pad, l->pad, l->pad };
    struct conv_side *s = l->groups == 1 ? calloc(1, sizeof *s) : NULL;
    struct err err;
    int64_t pixels, depth = (int64_t)l->size * l->size * l->c;

    if (!s)
        return NULL;
    s->layer = *l;
    s->pass = pass;
    s->k = nn_kernels_get("auto", &err);
    s->window = nn_window_of(l->h, l->w, l->c, size, stride, NULL, pad);
    s->direct = l->size == 1 && l->stride == 1 && !l->pad;
    pixels = (int64_t)s->window.oh * s->window.ow;
    s->x = numbers((int64_t)l->batch * l->h * l->w * l->c);
    s->w = numbers(depth * l->k);
    s->y = numbers(l->batch * pixels * l->k);
    s->col = numbers(pixels * depth);
    if (s->x && s->w && s->y && s->col)
        return s;
    conv_blas_free(s);
    return NULL;
}

void conv_blas_run(void *side)
{
    struct conv_side *s = side;
    const struct conv_layer *l = &s->layer;
    int m = s->window.oh * s->window.ow, k = l->size * l->size * l->c;

    for (int n = 0; n < l->batch; n++) {
        float *x = s->x + (int64_t)n * l->h * l->w * l->c, *y = s->y + (int64_t)n * m * l->k;
        float *a = s->direct ? x : s->col;

        if (!s->direct && s->pass != CONV_DATA)
            s->k->im2row_f32(&s->window, x, 0, m, 0, k, a);
        if (s->pass == CONV_FORWARD)
            nn_gemm_f32_blas(false, false, m, l->k, k, a, k, s->w, l->k, false, y, l->k);
        else if (s->pass == CONV_WEIGHTS)
            nn_gemm_f32_blas(true, false, k, l->k, m, a, k, y, l->k, true, s->w, l->k);
        else
            nn_gemm_f32_blas(false, true, m, k, l->k, y, l->k, s->w, l->k, false, a, k);
        if (!s->direct && s->pass == CONV_DATA)
            s->k->row2im_f32(&s->window, a, 0, m, x);
    }
}

void conv_blas_free(struct conv_side *s)
{
    if (!s)
        return;
    free(s->x);
    free(s->w);
    free(s->y);
    free(s->col);
    free(s);
}
