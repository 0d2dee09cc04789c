/*
 * resize -- one dimension at another size
 *
 * Place i of the new size is place p of the old: half_pixel p = (i + 0.5) / scale - 0.5, asymmetric
 * p = i / scale, align_corners p = i (n - 1) / (scale n - 1), pytorch_half_pixel as half_pixel but
 * 0 where the size is 1, half_pixel_symmetric as half_pixel about the middle.  The value is that
 * of the nearest place, linear between two, or cubic between four (Keys 1981, coefficient a); the
 * edge is repeated.  As ONNX Resize-18, an axis at a time.
 */
#include "nn/op/resize.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <limits.h>
#include <math.h>

const char *const nn_resize_modes[] = { "nearest", "linear", "cubic", NULL };
const char *const nn_resize_places[] = { "half_pixel", "pytorch_half_pixel", "asymmetric",
                                         "align_corners", "half_pixel_symmetric", NULL };
const char *const nn_resize_rounds[] = { "round_prefer_floor", "round_prefer_ceil", "floor",
                                         "ceil", NULL };

static const struct field attrs[] = {
    FIELD_INT(struct nn_resize, axis, NULL, -1, -1, SHAPE_MAX_RANK - 1,
              "dimension, from 1; -1 is the last"),
    FIELD_INT(struct nn_resize, size, NULL, 0, 1, INT_MAX, "its new size"),
    FIELD_FLOAT(struct nn_resize, scale, NULL, 0, 0, 1e6,
                "by which places are counted; 0: the new size over the old"),
    FIELD_ENUM(struct nn_resize, mode, nn_resize_modes, NN_RESIZE_NEAREST, "between places"),
    FIELD_ENUM(struct nn_resize, place, nn_resize_places, NN_RESIZE_HALF_PIXEL,
               "which place of the old size one of the new is"),
    FIELD_ENUM(struct nn_resize, round, nn_resize_rounds, NN_RESIZE_PREFER_FLOOR,
               "nearest: which of two places"),
    FIELD_FLOAT(struct nn_resize, cubic, NULL, -0.75, -10, 10, "cubic: its coefficient"),
    FIELD_BOOL(struct nn_resize, inside, "cubic: places outside weigh nothing"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_resize *a = attr;
    int axis = nn_op_axis(a->axis, in[0].rank);

    (void)n_in;
    if (!nn_type_axis(&nn_op_resize, a->axis, &in[0], err))
        return false;
    *out = in[0];
    out->dim[axis].n = a->size;
    return nn_type_fits(&nn_op_resize, out, err);
}

static double place(const struct nn_resize *a, int64_t n, int64_t i)
{
    double scale = a->scale > 0 ? a->scale : (double)a->size / (double)n, middle = (double)n / 2;
    double half = ((double)i + 0.5) / scale - 0.5;

    switch (a->place) {
    case NN_RESIZE_ASYMMETRIC:
        return (double)i / scale;
    case NN_RESIZE_ALIGN_CORNERS:
        return a->size == 1 ? 0 : (double)i * (double)(n - 1) / ((double)n * scale - 1);
    case NN_RESIZE_PYTORCH:
        return a->size == 1 ? 0 : half;
    case NN_RESIZE_SYMMETRIC:
        return middle * (1 - (double)a->size / ((double)n * scale)) + half;
    default:
        return half;
    }
}

static double rounded(int how, double p)
{
    switch (how) {
    case NN_RESIZE_FLOOR: return floor(p);
    case NN_RESIZE_CEIL: return ceil(p);
    case NN_RESIZE_PREFER_CEIL: return floor(p + 0.5);
    default: return ceil(p - 0.5);
    }
}

static double cubic(double a, double x)
{
    x = fabs(x);
    return x <= 1  ? ((a + 2) * x - (a + 3)) * x * x + 1
           : x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
                   : 0;
}

struct nn_resize_taps nn_resize_taps(const struct nn_resize *a, int64_t n, int64_t i)
{
    struct nn_resize_taps t = { .n = a->mode == NN_RESIZE_NEAREST  ? 1
                                     : a->mode == NN_RESIZE_LINEAR ? 2
                                                                   : 4 };
    double p = place(a, n, i), from = floor(p), sum = 0;

    if (a->mode == NN_RESIZE_NEAREST)
        from = rounded(a->round, p);
    if (a->mode == NN_RESIZE_CUBIC)
        from--;
    for (int k = 0; k < t.n; k++) {
        double at = from + k, w = t.n == 1   ? 1
                                  : t.n == 2 ? 1 - fabs(p - at)
                                             : cubic(a->cubic, p - at);

        if (a->inside && (at < 0 || at > (double)(n - 1)))
            w = 0;
        t.at[k] = at < 0 ? 0 : at > (double)(n - 1) ? n - 1 : (int64_t)at;
        t.weight[k] = w;
        sum += w;
    }
    for (int k = 0; a->inside && sum != 0 && k < t.n; k++)
        t.weight[k] /= sum;
    return t;
}

static int64_t inner_of(const struct nn_call *c)
{
    return nn_op_behind(&c->y.shape, ((const struct nn_resize *)c->attr)->axis);
}

static void forward_rows(const struct nn_call *c, int64_t first, int64_t rows)
{
    const struct nn_resize *a = c->attr;
    int64_t inner = inner_of(c), n = c->x[0].shape.dim[nn_op_axis(a->axis, c->y.shape.rank)];

    for (int64_t r = first; r < first + rows; r++) {
        struct nn_resize_taps t = nn_resize_taps(a, n, r % a->size);
        const real *x = (const real *)c->x[0].data + r / a->size * n * inner;
        real *y = (real *)c->y.data + r * inner;

        for (int64_t i = 0; i < inner; i++)
            y[i] = (real)t.weight[0] * x[t.at[0] * inner + i];
        for (int k = 1; k < t.n; k++)
            for (int64_t i = 0; i < inner; i++)
                y[i] += (real)t.weight[k] * x[t.at[k] * inner + i];
    }
}

static void forward(const struct nn_call *c)
{
    int64_t inner = inner_of(c);

    nn_each_rows(c, shape_count(&c->y.shape) / inner, inner, forward_rows);
}

/* Several rows of dy are of one of dx: those of one run of the dimension go to one thread. */
static void backward_runs(const struct nn_call *c, int64_t first, int64_t runs)
{
    const struct nn_resize *a = c->attr;
    int64_t inner = inner_of(c), n = c->x[0].shape.dim[nn_op_axis(a->axis, c->y.shape.rank)];

    for (int64_t r = first * a->size; r < (first + runs) * a->size; r++) {
        struct nn_resize_taps t = nn_resize_taps(a, n, r % a->size);
        const real *dy = (const real *)c->dy.data + r * inner;
        real *dx = (real *)c->dx[0].data + r / a->size * n * inner;

        for (int k = 0; k < t.n; k++)
            for (int64_t i = 0; i < inner; i++)
                dx[t.at[k] * inner + i] += (real)t.weight[k] * dy[i];
    }
}

static void backward(const struct nn_call *c)
{
    int64_t run = inner_of(c) * ((const struct nn_resize *)c->attr)->size;

    if (c->dx[0].data)
        nn_each_rows(c, shape_count(&c->y.shape) / run, run, backward_runs);
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_resize *a = node->attr;
    const struct nn_graph *g = node->graph;
    const struct nn_type *x = &g->node[g->node[node->id].in[0]].type;
    int axis = nn_op_axis(a->axis, x->rank), n = x->dim[axis].n;
    float scale[SHAPE_MAX_RANK], own = (float)(a->scale > 0 ? a->scale : (double)a->size / n);
    const char *in[3] = { node->in[0], "" };

    for (int d = 0; d < x->rank; d++)
        scale[d] = d == nn_onnx_axis(x->rank, axis) ? own : 1;
    if ((int)floorf(own * (float)n) != a->size)
        return err_set(err, ERR_UNSUPPORTED, "resize: %d places to %d by no exact factor", n,
                       a->size);
    in[2] = nn_onnx_floats(o, "scales", x->rank, scale);
    return nn_onnx_begin(o, "Resize", 3, in, node->out) &&
           nn_onnx_word(o, "mode", nn_resize_modes[a->mode]) &&
           nn_onnx_word(o, "coordinate_transformation_mode", nn_resize_places[a->place]) &&
           nn_onnx_word(o, "nearest_mode", nn_resize_rounds[a->round]) &&
           (a->mode != NN_RESIZE_CUBIC ||
            (nn_onnx_float(o, "cubic_coeff_a", a->cubic) &&
             nn_onnx_int(o, "exclude_outside", a->inside)));
}

const struct nn_op nn_op_resize = {
    .name = "resize", .onnx = "Resize", .doc = "one dimension at another size",
    .in_min = 1, .in_max = 1,
    .attr_size = sizeof(struct nn_resize), .attrs = attrs,
    .type = type, .forward = forward, .backward = backward, .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "axis=1 size=6 place=asymmetric round=floor", "2x3x2x4", NULL },
        { "axis=2 size=5 mode=linear", "2x3x3x2", NULL },
        { "axis=1 size=7 mode=linear place=align_corners", "1x4x3x2", NULL },
        { "axis=2 size=2 mode=linear place=pytorch_half_pixel", "2x2x5x3", NULL },
        { "size=9 mode=cubic", "2x4", NULL },
        { "size=9 mode=cubic inside=true cubic=-0.5 place=half_pixel_symmetric scale=2.3", "2x4",
          NULL },
        { "size=3 round=ceil", "2x7", NULL }, { "size=4 round=round_prefer_ceil", "3x2x7", NULL },
        { NULL, NULL, NULL }
    },
};
