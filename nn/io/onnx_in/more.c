/*
 * more -- sizes of pictures, local norms, pixels as channels: ops.h
 */
#include "nn/io/onnx_in/ops.h"

#include "nn/op/lrn.h"
#include "nn/op/resize.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* ---- resize ---------------------------------------------------------------------------------- */

/* One of the words of an attribute, -1: another one. */
static int word_of(const nn_onnx_at *a, const char *name, const char *const *words,
                   const char *otherwise)
{
    for (int i = 0; words[i]; i++)
        if (nn_onnx_at_is(a, name, words[i], otherwise))
            return i;
    return -1;
}

static bool get_resize(nn_onnx_at *a, struct nn_resize *z)
{
    bool old = a->r->opset < 11;

    *z = (struct nn_resize){
        .mode = word_of(a, "mode", nn_resize_modes, "nearest"),
        .place = word_of(a, "coordinate_transformation_mode", nn_resize_places, "half_pixel"),
        .round = word_of(a, "nearest_mode", nn_resize_rounds, "round_prefer_floor"),
        .cubic = nn_onnx_at_float(a, "cubic_coeff_a", -0.75),
        .inside = nn_onnx_at_int(a, "exclude_outside", 0) };
    if (old) {                  /* there was no choice before */
        z->place = NN_RESIZE_ASYMMETRIC;
        z->round = NN_RESIZE_FLOOR;
        z->mode = nn_onnx_at_is(a, "mode", "linear", "nearest") ? NN_RESIZE_LINEAR
                                                                : NN_RESIZE_NEAREST;
    }
    return (z->mode >= 0 && z->place >= 0 && z->round >= 0) ||
           nn_onnx_at_cannot(a, "a mode that is not known");
}

/* Factors of n dimensions, as numbers of an input or an attribute; -1 on failure. */
static int get_scales(nn_onnx_at *a, int i, double *scale)
{
    const Onnx__AttributeProto *p = nn_onnx_attribute(a->node, "scales");
    nn_onnx_val *v = i < a->n_in ? a->x[i] : NULL;
    int n = 0;

    if (v && nn_onnx_is_const(v) && nn_onnx_load(a->r, v)) {
        n = nn_onnx_count(v->rank, v->dim) > SHAPE_MAX_RANK
                ? -1 : (int)nn_onnx_count(v->rank, v->dim);
        for (int k = 0; k < n; k++)
            scale[k] = nn_onnx_num(v, k);
    } else if (v) {
        nn_onnx_at_cannot(a, "a size that depends on the picture");
        return -1;
    } else if (p && p->n_floats <= SHAPE_MAX_RANK) {
        n = (int)p->n_floats;
        for (int k = 0; k < n; k++)
            scale[k] = (double)p->floats[k];
    }
    for (int k = 0; k < n; k++)
        if (!(scale[k] > 0 && scale[k] < 1e6)) {
            err_set(a->r->err, ERR_INPUT, "a factor of %g", scale[k]);
            return -1;
        }
    return n;
}

/* New sizes and factors of all dimensions. */
static bool get_sizes(nn_onnx_at *a, const nn_onnx_val *x, int64_t *size, double *scale)
{
    bool upsample = !strcmp(a->node->op_type, "Upsample"), old = upsample || a->r->opset < 11;
    double given[SHAPE_MAX_RANK], keep = 0;
    int64_t axes[SHAPE_MAX_RANK], want[SHAPE_MAX_RANK];
    int n = get_scales(a, old ? 1 : 2, given), m = 0, k;
    bool larger = nn_onnx_at_is(a, "keep_aspect_ratio_policy", "not_smaller", "stretch");
    bool smaller = nn_onnx_at_is(a, "keep_aspect_ratio_policy", "not_larger", "stretch");

    if (n < 0)
        return false;
    if (!n && a->n_in > 3 && a->x[3] &&
        (m = nn_onnx_ints_of(a->r, a->x[3], SHAPE_MAX_RANK, want)) < 0)
        return false;
    k = nn_onnx_at_ints(a, "axes", SHAPE_MAX_RANK, axes);
    if (k == -2)
        return false;
    for (int i = 0; k == -1 && i < x->rank; i++)
        axes[i] = i;
    k = k == -1 ? x->rank : k;
    if (n + m != k)
        return err_set(a->r->err, ERR_INPUT, "%d sizes of %d dimensions", n + m, k);
    for (int d = 0; d < x->rank; d++) {
        size[d] = x->dim[d];
        scale[d] = 1;
    }
    for (int i = 0; i < m && (larger || smaller); i++) {
        int d = nn_onnx_at_axis(a, axes[i], x->rank);
        double s = d < 0 ? 1 : (double)want[i] / (double)x->dim[d];

        keep = !i ? s : larger ? fmax(keep, s) : fmin(keep, s);
    }
    for (int i = 0; i < k; i++) {
        int d = nn_onnx_at_axis(a, axes[i], x->rank);

        if (d < 0)
            return false;
        if (m && keep == 0 && (x->dim[d] == want[i] ||
                               (a->r->batch != 1 && x->dim[d] == a->r->batch &&
                                want[i] == a->r->said)))
            continue;
        scale[d] = n ? given[i] : keep > 0 ? keep : (double)want[i] / (double)x->dim[d];
        size[d] = n          ? nn_onnx_whole(floor((double)x->dim[d] * scale[d]))
                  : keep > 0 ? nn_onnx_whole(floor((double)x->dim[d] * scale[d] + 0.5))
                             : want[i];
        if (size[d] < 1 || (size[d] > INT_MAX && scale[d] != 1))
            return err_set(a->r->err, ERR_INPUT, "a size of %lld", (long long)size[d]);
    }
    return true;
}

bool nn_onnx_lower_resize(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    int64_t size[SHAPE_MAX_RANK];
    double scale[SHAPE_MAX_RANK];
    struct nn_resize z;

    if (!x)
        return false;
    if (nn_onnx_is_const(x))
        return nn_onnx_at_cannot(a, "a constant at another size");
    if (!get_resize(a, &z) || !get_sizes(a, x, size, scale))
        return false;
    for (int d = 0; x && d < x->rank; d++) {
        int64_t dim[SHAPE_MAX_RANK];

        if (size[d] == x->dim[d] && scale[d] == 1)
            continue;
        if (nn_onnx_at_int(a, "antialias", 0) && scale[d] < 1 && z.mode != NN_RESIZE_NEAREST)
            return nn_onnx_at_cannot(a, "a smaller size with antialias");
        if (x->ax[0] == d && !(x = nn_onnx_apart(a->r, x)))
            return false;
        memcpy(dim, x->dim, sizeof dim);
        dim[d] = size[d];
        z.axis = nn_onnx_ours_of(x, d);
        z.size = (int)size[d];
        z.scale = (double)size[d] == (double)x->dim[d] * scale[d] ? 0 : scale[d];
        x = nn_onnx_new_node(a->r, x->type, x->rank, dim,
                             nn_onnx_emit(a->r, &nn_op_resize, &z, 1, &x->node), x->n_ax, x->ax);
    }
    return nn_onnx_at_done(a, x);
}

/* ---- norms ----------------------------------------------------------------------------------- */

bool nn_onnx_lower_lrn(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0);
    struct nn_lrn l = { .size = (int)nn_onnx_at_int(a, "size", 0),
                        .alpha = nn_onnx_at_float(a, "alpha", 1e-4),
                        .beta = nn_onnx_at_float(a, "beta", 0.75),
                        .bias = nn_onnx_at_float(a, "bias", 1) };
    int8_t ax[SHAPE_MAX_RANK];
    int n;

    if (!x)
        return false;
    if (nn_onnx_is_const(x) || x->rank < 3 || l.size < 1)
        return nn_onnx_at_cannot(a, "of no picture");
    n = nn_onnx_last_channels(x->rank, ax);
    x = nn_onnx_placed(a->r, x, n, ax);
    return x && nn_onnx_at_done(a, nn_onnx_v_each(a->r, &nn_op_lrn, &l, x));
}

/* A number a group as one a channel. */
static nn_onnx_val *per_channel(nn_onnx_at *a, nn_onnx_val *p, int64_t channels)
{
    int64_t n = nn_onnx_count(p->rank, p->dim);
    nn_onnx_val *v;
    double *d;

    if (n == channels || n < 1 || channels % n || !nn_onnx_is_const(p))
        return p;
    if (!nn_onnx_load(a->r, p))
        return NULL;
    v = nn_onnx_new_const(a->r, p->type, 1, &channels, &d);
    for (int64_t i = 0; v && i < channels; i++)
        d[i] = nn_onnx_num(p, i / (channels / n));
    return v;
}

bool nn_onnx_lower_group_norm(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *gamma = nn_onnx_at_in(a, 1), *beta = nn_onnx_at_in(a, 2);
    int64_t groups = nn_onnx_at_int(a, "num_groups", 0);

    if (!x || !gamma || !beta)
        return false;
    if (nn_onnx_is_const(x) || x->rank < 2 || groups < 1 || groups > INT_MAX)
        return nn_onnx_at_cannot(a, "of no picture");
    gamma = per_channel(a, gamma, x->dim[1]);
    beta = per_channel(a, beta, x->dim[1]);
    return gamma && beta &&
           nn_onnx_at_done(a, nn_onnx_group_normed(a->r, x, (int)groups, gamma, beta,
                                                   nn_onnx_at_float(a, "epsilon", 1e-5)));
}

/* ---- pixels and channels --------------------------------------------------------------------- */

bool nn_onnx_lower_space(nn_onnx_at *a)
{
    static const int64_t to_depth[6] = { 0, 3, 5, 1, 2, 4 }, dcr[6] = { 0, 3, 4, 1, 5, 2 },
                         crd[6] = { 0, 1, 4, 2, 5, 3 };
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *y;
    int64_t b = nn_onnx_at_int(a, "blocksize", 0), c, h, w;
    bool depth = !strcmp(a->node->op_type, "DepthToSpace");
    bool is_crd = nn_onnx_at_is(a, "mode", "CRD", "DCR");

    if (!x)
        return false;
    if (x->rank != 4 || b < 1 || b > 4096)
        return nn_onnx_at_cannot(a, "of no picture");
    c = x->dim[1];
    h = x->dim[2];
    w = x->dim[3];
    if (depth ? c % (b * b) : h % b || w % b)
        return err_set(a->r->err, ERR_INPUT, "blocks of %lld do not fit", (long long)b);
    if (!depth)
        y = nn_onnx_v_reshape(a->r, x, 6, (int64_t[]){ x->dim[0], c, h / b, b, w / b, b });
    else if (is_crd)
        y = nn_onnx_v_reshape(a->r, x, 6, (int64_t[]){ x->dim[0], c / (b * b), b, b, h, w });
    else
        y = nn_onnx_v_reshape(a->r, x, 6, (int64_t[]){ x->dim[0], b, b, c / (b * b), h, w });
    y = y ? nn_onnx_v_transpose(a->r, y, !depth ? to_depth : is_crd ? crd : dcr) : NULL;
    if (!y)
        return false;
    return nn_onnx_at_done(a, depth ? nn_onnx_v_reshape(a->r, y, 4, (int64_t[]){
                                          x->dim[0], c / (b * b), h * b, w * b })
                                    : nn_onnx_v_reshape(a->r, y, 4, (int64_t[]){
                                          x->dim[0], c * b * b, h / b, w / b }));
}
