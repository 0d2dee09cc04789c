/*
 * onnx_check_window -- see onnx_check_ops.h: Conv, MaxPool, AveragePool
 *
 * As onnx_check_ops.c: from ONNX's words, NCHW, sums in double.
 */
#include "nn/io/onnx_check_ops.h"

#include <math.h>
#include <string.h>

struct window {
    int64_t size[2], stride[2], dilation[2], pad[4]; /* pad: begins, ends */
    int64_t in[2], out[2];
};

static bool get_window(const struct nn_onnx_job *j, struct window *w)
{
    enum { MOST = 1 << 14 };

    if (j->x[0].shape.rank != 4 || !nn_onnx_job_attribute(j, "kernel_shape") ||
        !nn_onnx_job_ints(j, "kernel_shape", 2, 1, w->size) ||
        !nn_onnx_job_ints(j, "strides", 2, 1, w->stride) ||
        !nn_onnx_job_ints(j, "dilations", 2, 1, w->dilation) ||
        !nn_onnx_job_ints(j, "pads", 4, 0, w->pad))
        return nn_onnx_job_misfit(j);
    for (int d = 0; d < 2; d++) {
        int64_t span, room;

        if (w->size[d] < 1 || w->size[d] > MOST || w->stride[d] < 1 || w->dilation[d] < 1 ||
            w->dilation[d] > MOST || w->pad[d] < 0 || w->pad[d] > MOST || w->pad[d + 2] < 0 ||
            w->pad[d + 2] > MOST)
            return nn_onnx_job_misfit(j);
        span = (w->size[d] - 1) * w->dilation[d] + 1;
        w->in[d] = j->x[0].shape.dim[2 + d];
        room = w->in[d] + w->pad[d] + w->pad[d + 2] - span;
        if (room < 0)
            return nn_onnx_job_misfit(j);
        w->out[d] = room / w->stride[d] + 1;
    }
    return true;
}

/* Where tap t of the window at place i lies in the input; -1: in the padding. */
static int64_t under(const struct window *w, int d, int64_t i, int64_t t)
{
    int64_t at = i * w->stride[d] - w->pad[d] + t * w->dilation[d];

    return at >= 0 && at < w->in[d] ? at : -1;
}

/* sum[out] += weight * what lies under tap (r,s), of one channel of one picture. */
static void add_tap(const struct window *w, const float *x, double weight, int64_t r, int64_t s,
                    double *sum)
{
    int64_t first = 0, end = w->out[1], stride = w->stride[1];

    while (first < end && under(w, 1, first, s) < 0)
        first++;
    while (end > first && under(w, 1, end - 1, s) < 0)
        end--;
    for (int64_t i = 0; i < w->out[0]; i++) {
        int64_t row = under(w, 0, i, r);
        const float *from;

        if (row < 0 || first == end)
            continue;
        from = x + row * w->in[1] + under(w, 1, first, s);
        for (int64_t k = first; k < end; k++)
            sum[i * w->out[1] + k] += weight * from[(k - first) * stride];
    }
}

bool nn_onnx_check_conv(struct nn_onnx_job *j)
{
    const struct shape *x = &j->x[0].shape, *w = &j->x[1].shape;
    int64_t groups = nn_onnx_job_int(j, "group", 1), each, filters, pixels, taps, plane;
    const float *from = j->x[0].data, *weight = j->x[1].data, *bias = j->x[2].data;
    struct window win = { 0 };
    double *sum;
    float *y;

    if (!get_window(j, &win))
        return false;
    if (w->rank != 4 || groups < 1 || w->dim[0] % groups || x->dim[1] % groups ||
        w->dim[1] != x->dim[1] / groups || w->dim[2] != win.size[0] || w->dim[3] != win.size[1] ||
        (bias && shape_count(&j->x[2].shape) != w->dim[0]))
        return nn_onnx_job_misfit(j);
    each = w->dim[1];
    filters = w->dim[0] / groups;
    taps = w->dim[2] * w->dim[3];
    y = nn_onnx_job_make(j, 4, (const int64_t[]){ x->dim[0], w->dim[0], win.out[0], win.out[1] });
    pixels = win.out[0] * win.out[1];
    plane = win.in[0] * win.in[1];
    sum = y ? arena_array(j->mem, (size_t)pixels, sizeof *sum) : NULL;
    if (!sum)
        return err_set(j->err, ERR_MEMORY, "no memory");
    for (int64_t n = 0; n < x->dim[0] * w->dim[0]; n++) {
        int64_t k = n % w->dim[0], channel = n / w->dim[0] * x->dim[1] + k / filters * each;

        for (int64_t i = 0; i < pixels; i++)
            sum[i] = bias ? (double)bias[k] : 0;
        for (int64_t t = 0; t < each * taps; t++)
            add_tap(&win, from + (channel + t / taps) * plane, weight[k * each * taps + t],
                    t % taps / win.size[1], t % win.size[1], sum);
        for (int64_t i = 0; i < pixels; i++)
            y[n * pixels + i] = (float)sum[i];
    }
    return true;
}

/* The largest, or the mean, under the window at (oi,oj) of one channel. */
static double pooled(const struct window *w, const float *x, int64_t oi, int64_t oj, bool mean,
                     bool whole)
{
    double sum = 0, most = -INFINITY;
    int64_t seen = 0;

    for (int64_t r = 0; r < w->size[0]; r++)
        for (int64_t s = 0; s < w->size[1]; s++) {
            int64_t row = under(w, 0, oi, r), column = under(w, 1, oj, s);
            double v;

            if (row < 0 || column < 0)
                continue;
            v = x[row * w->in[1] + column];
            sum += v;
            most = v > most || isnan(v) ? v : most;
            seen++;
        }
    return mean ? sum / (double)(whole ? w->size[0] * w->size[1] : seen) : most;
}

bool nn_onnx_check_pool(struct nn_onnx_job *j)
{
    const struct shape *s = &j->x[0].shape;
    bool mean = !strcmp(j->node->op_type, "AveragePool");
    bool whole = nn_onnx_job_int(j, "count_include_pad", 0);
    struct window w = { 0 };
    const float *x = j->x[0].data;
    float *y;

    if (!get_window(j, &w))
        return false;
    y = nn_onnx_job_make(j, 4, (const int64_t[]){ s->dim[0], s->dim[1], w.out[0], w.out[1] });
    for (int64_t n = 0; y && n < s->dim[0] * s->dim[1]; n++, x += w.in[0] * w.in[1])
        for (int64_t i = 0; i < w.out[0]; i++)
            for (int64_t k = 0; k < w.out[1]; k++)
                *y++ = (float)pooled(&w, x, i, k, mean, whole);
    return y;
}
