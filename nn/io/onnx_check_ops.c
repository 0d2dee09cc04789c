/*
 * onnx_check_ops -- see onnx_check_ops.h
 *
 * Written from https://github.com/onnx/onnx/blob/main/docs/Operators.md, opsets 13 to 17: NCHW,
 * sums in double, no thought of speed but that sums of a convolution run along rows.
 */
#include "nn/io/onnx_check_ops.h"

#include <math.h>
#include <string.h>

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory");
}

bool nn_onnx_job_misfit(const struct nn_onnx_job *j)
{
    return err_set(j->err, ERR_INPUT, "%s of these shapes or attributes is not written here",
                   j->node->op_type);
}

float *nn_onnx_job_make(const struct nn_onnx_job *j, int rank, const int64_t *dim)
{
    size_t bytes;
    float *data = NULL;

    j->y->type = NN_ONNX_FLOAT;
    j->y->shape = (struct shape){ .rank = rank };
    memcpy(j->y->shape.dim, dim, (size_t)rank * sizeof *dim);
    if (shape_bytes(&j->y->shape, DTYPE_F32, &bytes) && bytes < (size_t)INT32_MAX)
        data = arena_array(j->mem, (size_t)shape_count(&j->y->shape), sizeof *data);
    j->y->data = data;
    if (!data)
        no_memory(j->err);
    return data;
}

/* Numbers before dimension `axis`, in it, and behind it. */
static void around(const struct shape *s, int axis, int64_t *outer, int64_t *n, int64_t *inner)
{
    *outer = *inner = 1;
    *n = s->dim[axis];
    for (int d = 0; d < s->rank; d++) {
        if (d < axis)
            *outer *= s->dim[d];
        else if (d > axis)
            *inner *= s->dim[d];
    }
}

/* ---- attributes ------------------------------------------------------------------------------ */

const Onnx__AttributeProto *nn_onnx_job_attribute(const struct nn_onnx_job *j, const char *name)
{
    for (size_t i = 0; i < j->node->n_attribute; i++)
        if (!strcmp(j->node->attribute[i]->name, name))
            return j->node->attribute[i];
    return NULL;
}

int64_t nn_onnx_job_int(const struct nn_onnx_job *j, const char *name, int64_t otherwise)
{
    const Onnx__AttributeProto *a = nn_onnx_job_attribute(j, name);

    return a && a->has_i ? a->i : otherwise;
}

static double get_float(const struct nn_onnx_job *j, const char *name, double otherwise)
{
    const Onnx__AttributeProto *a = nn_onnx_job_attribute(j, name);

    return a && a->has_f ? (double)a->f : otherwise;
}

bool nn_onnx_job_ints(const struct nn_onnx_job *j, const char *name, int n, int64_t otherwise,
                      int64_t *out)
{
    const Onnx__AttributeProto *a = nn_onnx_job_attribute(j, name);

    for (int i = 0; i < n; i++)
        out[i] = a && a->n_ints == (size_t)n ? a->ints[i] : otherwise;
    return !a || a->n_ints == (size_t)n || nn_onnx_job_misfit(j);
}

/* A dimension, counted from the end where it is negative; -1: none of x[0]'s. */
static int get_axis(const struct nn_onnx_job *j, int64_t axis)
{
    int rank = j->x[0].shape.rank;

    axis += axis < 0 ? rank : 0;
    return axis >= 0 && axis < rank ? (int)axis : -1;
}

/* ---- numbers one by one ---------------------------------------------------------------------- */

/* The place in v of number `at` of a row of the result: 0 in a dimension that v has once. */
static bool steps(const struct nn_onnx_value *v, const struct shape *out,
                  int64_t step[SHAPE_MAX_RANK])
{
    int64_t count = 1;
    int off = out->rank - v->shape.rank;

    for (int d = out->rank - 1; d >= 0; d--) {
        int64_t n = d >= off ? v->shape.dim[d - off] : 1;

        if (n != 1 && n != out->dim[d])
            return false;
        step[d] = n == 1 ? 0 : count;
        count *= n;
    }
    return true;
}

/* Add, Sub, Mul, Div, with ONNX's broadcasting of either side. */
static bool two(struct nn_onnx_job *j)
{
    const struct nn_onnx_value *a = &j->x[0], *b = &j->x[1];
    const struct shape *longer = &(a->shape.rank >= b->shape.rank ? a : b)->shape;
    const struct shape *other = longer == &a->shape ? &b->shape : &a->shape;
    struct shape s = *longer;
    int64_t sa[SHAPE_MAX_RANK], sb[SHAPE_MAX_RANK];
    const float *x = a->data, *z = b->data;
    char op = j->node->op_type[0];
    float *y;

    for (int d = 0; d < other->rank; d++)
        if (s.dim[s.rank - 1 - d] == 1)
            s.dim[s.rank - 1 - d] = other->dim[other->rank - 1 - d];
    if (!steps(a, &s, sa) || !steps(b, &s, sb))
        return nn_onnx_job_misfit(j);
    y = nn_onnx_job_make(j, s.rank, s.dim);
    for (int64_t i = 0; y && i < shape_count(&s); i++) {
        int64_t left = i, ia = 0, ib = 0;
        double p, q;

        for (int d = s.rank - 1; d >= 0; left /= s.dim[d--]) {
            ia += left % s.dim[d] * sa[d];
            ib += left % s.dim[d] * sb[d];
        }
        p = x[ia];
        q = z[ib];
        y[i] = (float)(op == 'A' ? p + q : op == 'S' ? p - q : op == 'M' ? p * q : p / q);
    }
    return y;
}

static double relu(double x, double a, double b) { (void)a; (void)b; return x < 0 ? 0 : x; }
static double sigmoid(double x, double a, double b) { (void)a; (void)b; return 1 / (1 + exp(-x)); }
static double tanh_of(double x, double a, double b) { (void)a; (void)b; return tanh(x); }
static double erf_of(double x, double a, double b) { (void)a; (void)b; return erf(x); }
static double exp_of(double x, double a, double b) { (void)a; (void)b; return exp(x); }
static double log_of(double x, double a, double b) { (void)a; (void)b; return log(x); }
static double minus(double x, double a, double b) { (void)a; (void)b; return -x; }
static double over(double x, double a, double b) { (void)a; (void)b; return 1 / x; }
static double root(double x, double a, double b) { (void)a; (void)b; return sqrt(x); }
static double leaky(double x, double a, double b) { (void)b; return x < 0 ? a * x : x; }
static double same(double x, double a, double b) { (void)a; (void)b; return x; }
static double sin_of(double x, double a, double b) { (void)a, (void)b; return sin(x); }
static double cos_of(double x, double a, double b) { (void)a, (void)b; return cos(x); }
static double abs_of(double x, double a, double b) { (void)a, (void)b; return fabs(x); }
static double clip(double x, double a, double b) { return x < a ? a : x > b ? b : x; }
static double hard(double x, double a, double b) { return clip(a * x + b, 0, 1); }

static bool one(struct nn_onnx_job *j)
{
    static const struct {
        const char *name;
        double (*f)(double x, double a, double b);
        double alpha, beta;     /* where the node does not say */
    } known[] = {
        { "Relu", relu, 0, 0 },
        { "Sigmoid", sigmoid, 0, 0 },
        { "Tanh", tanh_of, 0, 0 },
        { "Erf", erf_of, 0, 0 },
        { "Sqrt", root, 0, 0 },
        { "Exp", exp_of, 0, 0 },
        { "Log", log_of, 0, 0 },
        { "Neg", minus, 0, 0 },
        { "Sin", sin_of, 0, 0 },
        { "Cos", cos_of, 0, 0 },
        { "Abs", abs_of, 0, 0 },
        { "Reciprocal", over, 0, 0 },
        { "LeakyRelu", leaky, 0.01, 0 },
        { "HardSigmoid", hard, 0.2, 0.5 },
        { "Clip", clip, -INFINITY, INFINITY },
        { "Identity", same, 0, 0 },
    };
    const float *x = j->x[0].data;
    size_t i = 0;
    double a, b;
    float *y = nn_onnx_job_make(j, j->x[0].shape.rank, j->x[0].shape.dim);

    while (strcmp(known[i].name, j->node->op_type) != 0)
        i++;
    a = get_float(j, "alpha", known[i].alpha);
    b = get_float(j, "beta", known[i].beta);
    if (known[i].f == clip) {
        if (j->x[1].data)
            a = *(const float *)j->x[1].data;
        if (j->x[2].data)
            b = *(const float *)j->x[2].data;
    }
    for (int64_t k = 0; y && k < shape_count(&j->y->shape); k++)
        y[k] = (float)known[i].f(x[k], a, b);
    return y;
}

/* ---- rows, planes and products --------------------------------------------------------------- */

static bool softmax(struct nn_onnx_job *j)
{
    int axis = get_axis(j, nn_onnx_job_int(j, "axis", -1));
    const float *x = j->x[0].data;
    int64_t outer, n, inner;
    float *y;

    if (axis < 0)
        return nn_onnx_job_misfit(j);
    around(&j->x[0].shape, axis, &outer, &n, &inner);
    y = nn_onnx_job_make(j, j->x[0].shape.rank, j->x[0].shape.dim);
    for (int64_t i = 0; y && i < outer * inner; i++) {
        int64_t at = i / inner * n * inner + i % inner;
        double most = -INFINITY, sum = 0;

        for (int64_t k = 0; k < n; k++)
            most = fmax(most, x[at + k * inner]);
        for (int64_t k = 0; k < n; k++)
            sum += exp(x[at + k * inner] - most);
        for (int64_t k = 0; k < n; k++)
            y[at + k * inner] = (float)(exp(x[at + k * inner] - most) / sum);
    }
    return y;
}

/* GlobalAveragePool, over the dimensions of the picture. */
static bool mean(struct nn_onnx_job *j)
{
    const struct shape *s = &j->x[0].shape;
    const float *x = j->x[0].data;
    struct shape out = *s;
    int64_t n;
    float *y;

    if (s->rank != 4)
        return nn_onnx_job_misfit(j);
    n = s->dim[2] * s->dim[3];
    out.dim[2] = out.dim[3] = 1;
    y = nn_onnx_job_make(j, out.rank, out.dim);
    for (int64_t i = 0; y && i < s->dim[0] * s->dim[1]; i++) {
        double sum = 0;

        for (int64_t k = 0; k < n; k++)
            sum += x[i * n + k];
        y[i] = (float)(sum / (double)n);
    }
    return y;
}

/* InstanceNormalization by the statistics of each channel of each picture, BatchNormalization by
 * those given. */
static bool normalize(struct nn_onnx_job *j)
{
    const struct shape *s = &j->x[0].shape;
    const float *x = j->x[0].data, *scale = j->x[1].data, *shift = j->x[2].data;
    const float *means = j->x[3].data, *vars = j->x[4].data;
    double eps = get_float(j, "epsilon", 1e-5);
    int64_t outer, n, inner;
    float *y;

    if (s->rank < 2 || (!means != !strcmp(j->node->op_type, "InstanceNormalization")))
        return nn_onnx_job_misfit(j);
    around(s, 1, &outer, &n, &inner);
    for (int i = 1; i < j->n_in; i++)
        if (shape_count(&j->x[i].shape) != n)
            return nn_onnx_job_misfit(j);
    y = nn_onnx_job_make(j, s->rank, s->dim);
    for (int64_t i = 0; y && i < outer * n; i++, x += inner, y += inner) {
        double m = 0, v = 0;

        for (int64_t k = 0; k < inner; k++)
            m += x[k] / (double)inner;
        for (int64_t k = 0; k < inner; k++)
            v += (x[k] - m) * (x[k] - m) / (double)inner;
        if (means) {
            m = means[i % n];
            v = vars[i % n];
        }
        for (int64_t k = 0; k < inner; k++)
            y[k] = (float)((x[k] - m) / sqrt(v + eps) * scale[i % n] + shift[i % n]);
    }
    return y;
}

/* y[m,n] = x[m,k] w[n,k] + c[n] */
static bool gemm(struct nn_onnx_job *j)
{
    const struct shape *a = &j->x[0].shape, *b = &j->x[1].shape;
    const float *x = j->x[0].data, *w = j->x[1].data, *c = j->x[2].data;
    float *y;

    if (a->rank != 2 || b->rank != 2 || a->dim[1] != b->dim[1] ||
        nn_onnx_job_int(j, "transB", 0) != 1 ||
        (c && shape_count(&j->x[2].shape) != b->dim[0]))
        return nn_onnx_job_misfit(j);
    y = nn_onnx_job_make(j, 2, (const int64_t[]){ a->dim[0], b->dim[0] });
    for (int64_t i = 0; y && i < a->dim[0] * b->dim[0]; i++) {
        const float *row = x + i / b->dim[0] * a->dim[1], *weight = w + i % b->dim[0] * b->dim[1];
        double sum = c ? (double)c[i % b->dim[0]] : 0;

        for (int64_t k = 0; k < a->dim[1]; k++)
            sum += (double)row[k] * weight[k];
        y[i] = (float)sum;
    }
    return y;
}

/* ---- other orders and shapes ----------------------------------------------------------------- */

static bool transpose(struct nn_onnx_job *j)
{
    const struct shape *s = &j->x[0].shape;
    int64_t perm[SHAPE_MAX_RANK], dim[SHAPE_MAX_RANK], step[SHAPE_MAX_RANK], count = 1;
    const float *x = j->x[0].data;
    unsigned seen = 0;
    float *y;

    if (!nn_onnx_job_attribute(j, "perm") || !nn_onnx_job_ints(j, "perm", s->rank, 0, perm))
        return nn_onnx_job_misfit(j);
    for (int d = 0; d < s->rank; d++) {
        if (perm[d] < 0 || perm[d] >= s->rank || seen & 1u << perm[d])
            return nn_onnx_job_misfit(j);
        seen |= 1u << perm[d];
        dim[d] = s->dim[perm[d]];
    }
    for (int d = s->rank - 1; d >= 0; count *= s->dim[d--])
        step[d] = count;
    y = nn_onnx_job_make(j, s->rank, dim);
    for (int64_t i = 0; y && i < count; i++) {
        int64_t left = i, at = 0;

        for (int d = s->rank - 1; d >= 0; left /= dim[d--])
            at += left % dim[d] * step[perm[d]];
        y[i] = x[at];
    }
    return y;
}

/* Lists of whole numbers, n in all: shapes. */
static bool concat_list(struct nn_onnx_job *j, int64_t n)
{
    int64_t *y = arena_array(j->mem, (size_t)n + 1, sizeof *y), at = 0;

    if (!y)
        return no_memory(j->err);
    for (int i = 0; i < j->n_in; i++) {
        if (j->x[i].type != NN_ONNX_INT64 || j->x[i].shape.rank != 1)
            return nn_onnx_job_misfit(j);
        memcpy(y + at, j->x[i].data, (size_t)j->x[i].shape.dim[0] * sizeof *y);
        at += j->x[i].shape.dim[0];
    }
    j->y->type = NN_ONNX_INT64;
    j->y->shape = (struct shape){ 1, { n } };
    j->y->data = y;
    return true;
}

static bool concat(struct nn_onnx_job *j)
{
    int axis = get_axis(j, nn_onnx_job_int(j, "axis", INT64_MAX));
    struct shape s = j->x[0].shape;
    int64_t outer, n, inner, from = 0;
    float *y;

    if (axis < 0)
        return nn_onnx_job_misfit(j);
    for (int i = 1; i < j->n_in; i++) {
        struct shape other = j->x[i].shape;

        n = other.rank == s.rank ? other.dim[axis] : 0;
        other.dim[axis] = s.dim[axis];
        if (!shape_equal(&other, &s))
            return nn_onnx_job_misfit(j);
        s.dim[axis] += n;
    }
    if (j->x[0].type == NN_ONNX_INT64)
        return concat_list(j, s.dim[0]);
    y = nn_onnx_job_make(j, s.rank, s.dim);
    for (int i = 0; y && i < j->n_in; i++) {
        const float *x = j->x[i].data;

        if (j->x[i].type != NN_ONNX_FLOAT)
            return nn_onnx_job_misfit(j);
        around(&j->x[i].shape, axis, &outer, &n, &inner);
        for (int64_t k = 0; k < outer; k++)
            memcpy(y + (k * s.dim[axis] + from) * inner, x + k * n * inner,
                   (size_t)(n * inner) * sizeof *y);
        from += n;
    }
    return y;
}

/* The numbers stay where they are. */
static bool reshape(struct nn_onnx_job *j)
{
    const struct shape *s = &j->x[0].shape;
    int64_t count = shape_count(s), known = 1, outer, n, inner,
            axis = nn_onnx_job_int(j, "axis", 1);
    const int64_t *want = j->x[1].data;
    struct shape out = { .rank = 2 };
    int open = -1;

    if (!strcmp(j->node->op_type, "Flatten")) {
        if (axis != 1 || s->rank < 1)
            return nn_onnx_job_misfit(j);
        around(s, 0, &outer, &n, &inner);
        out.dim[0] = n;
        out.dim[1] = inner;
    } else {
        out.rank = (int)shape_count(&j->x[1].shape);
        if (j->x[1].type != NN_ONNX_INT64 || out.rank > SHAPE_MAX_RANK)
            return nn_onnx_job_misfit(j);
        for (int d = 0; d < out.rank; d++) {
            if (want[d] < -1 || (want[d] == -1 && open >= 0) || (want[d] == 0 && d >= s->rank))
                return nn_onnx_job_misfit(j);
            out.dim[d] = want[d] ? want[d] : s->dim[d];
            if (want[d] == -1)
                open = d;
            else if (out.dim[d] > count || (known *= out.dim[d]) > count)
                return nn_onnx_job_misfit(j);
        }
        if (open >= 0)
            out.dim[open] = count / known;
    }
    j->y->type = j->x[0].type;
    j->y->shape = out;
    j->y->data = j->x[0].data;
    return shape_count(&out) == count || nn_onnx_job_misfit(j);
}

/* ---- which there are ------------------------------------------------------------------------- */

/* What is known: attributes with spaces around them; others are refused. */
static const struct known {
    const char *name;
    bool (*compute)(struct nn_onnx_job *j);
    int in_min, in_max;
    const char *attributes;
} ops[] = {
    { "Abs", one, 1, 1, "" },
    { "Add", two, 2, 2, "" },
    { "AveragePool", nn_onnx_check_pool, 1, 1, " kernel_shape strides pads count_include_pad " },
    { "BatchNormalization", normalize, 5, 5, " epsilon " },
    { "And", nn_onnx_check_binary, 2, 2, "" },
    { "ArgMax", nn_onnx_check_reduce, 1, 1, " axis keepdims select_last_index " },
    { "ArgMin", nn_onnx_check_reduce, 1, 1, " axis keepdims select_last_index " },
    { "Cast", nn_onnx_check_cast, 1, 1, " to " },
    { "Clip", one, 1, 3, "" },
    { "Concat", concat, 1, NN_ONNX_CHECK_IN, " axis " },
    { "Conv", nn_onnx_check_conv, 2, 3, " kernel_shape strides dilations pads group " },
    { "Cos", one, 1, 1, "" },
    { "Div", two, 2, 2, "" },
    { "Equal", nn_onnx_check_binary, 2, 2, "" },
    { "Erf", one, 1, 1, "" },
    { "Exp", one, 1, 1, "" },
    { "Expand", nn_onnx_check_expand, 2, 2, "" },
    { "Flatten", reshape, 1, 1, " axis " },
    { "Gather", nn_onnx_check_gather, 2, 2, " axis " },
    { "Gemm", gemm, 2, 3, " transB " },
    { "GlobalAveragePool", mean, 1, 1, "" },
    { "HardSigmoid", one, 1, 1, " alpha beta " },
    { "Identity", one, 1, 1, "" },
    { "InstanceNormalization", normalize, 3, 3, " epsilon " },
    { "LRN", nn_onnx_check_lrn, 1, 1, " size alpha beta bias " },
    { "LeakyRelu", one, 1, 1, " alpha " },
    { "Less", nn_onnx_check_binary, 2, 2, "" },
    { "LessOrEqual", nn_onnx_check_binary, 2, 2, "" },
    { "Log", one, 1, 1, "" },
    { "MatMul", nn_onnx_check_matmul, 2, 2, "" },
    { "Max", nn_onnx_check_binary, 2, 2, "" },
    { "MaxPool", nn_onnx_check_pool, 1, 1, " kernel_shape strides pads " },
    { "Min", nn_onnx_check_binary, 2, 2, "" },
    { "Mod", nn_onnx_check_binary, 2, 2, " fmod " },
    { "Mul", two, 2, 2, "" },
    { "Neg", one, 1, 1, "" },
    { "Or", nn_onnx_check_binary, 2, 2, "" },
    { "PRelu", nn_onnx_check_binary, 2, 2, "" },
    { "Pad", nn_onnx_check_pad, 2, 3, " mode " },
    { "Pow", nn_onnx_check_binary, 2, 2, "" },
    { "Reciprocal", one, 1, 1, "" },
    { "ReduceMax", nn_onnx_check_reduce, 1, 1, " axes keepdims " },
    { "ReduceMean", nn_onnx_check_reduce, 1, 1, " axes keepdims " },
    { "ReduceMin", nn_onnx_check_reduce, 1, 1, " axes keepdims " },
    { "ReduceProd", nn_onnx_check_reduce, 1, 1, " axes keepdims " },
    { "ReduceSum", nn_onnx_check_reduce, 2, 2, " keepdims " },
    { "Relu", one, 1, 1, "" },
    { "Reshape", reshape, 2, 2, "" },
    { "Resize", nn_onnx_check_resize, 1, 3,
      " mode coordinate_transformation_mode nearest_mode " },
    { "Shape", nn_onnx_check_shape, 1, 1, "" },
    { "Sigmoid", one, 1, 1, "" },
    { "Sin", one, 1, 1, "" },
    { "Slice", nn_onnx_check_slice, 3, 5, "" },
    { "Softmax", softmax, 1, 1, " axis " },
    { "Sqrt", one, 1, 1, "" },
    { "Sub", two, 2, 2, "" },
    { "Tanh", one, 1, 1, "" },
    { "Transpose", transpose, 1, 1, " perm " },
    { "Where", nn_onnx_check_where, 3, 3, "" },
    { "Xor", nn_onnx_check_binary, 2, 2, "" },
};

static const struct known *find_op(const Onnx__NodeProto *node, struct err *err)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (strcmp(ops[i].name, node->op_type) != 0)
            continue;
        for (size_t k = 0; k < node->n_attribute; k++) {
            char word[64];

            snprintf(word, sizeof word, " %.60s ", node->attribute[k]->name);
            if (!strstr(ops[i].attributes, word)) {
                err_set(err, ERR_INPUT, "%s with \"%.60s\" is not written here", ops[i].name,
                        node->attribute[k]->name);
                return NULL;
            }
        }
        return &ops[i];
    }
    err_set(err, ERR_INPUT, "the operator \"%.60s\" is not written here", node->op_type);
    return NULL;
}

/* Those that look at types themselves. */
static bool is_open(const struct known *op)
{
    bool (*const closed[])(struct nn_onnx_job *) = { two, one, softmax, mean, normalize, gemm,
                                                     transpose, nn_onnx_check_conv,
                                                     nn_onnx_check_pool, nn_onnx_check_matmul,
                                                     nn_onnx_check_binary };

    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        if (op->compute == closed[i])
            return false;
    return true;
}

bool nn_onnx_check_node(struct nn_onnx_job *j)
{
    const struct known *op = find_op(j->node, j->err);

    if (!op)
        return false;
    if (j->n_in < op->in_min || j->n_in > op->in_max)
        return nn_onnx_job_misfit(j);
    for (int i = 0; i < j->n_in; i++) {
        bool other_type = is_open(op);

        if ((i < op->in_min && !j->x[i].name) ||
            (j->x[i].name && j->x[i].type != NN_ONNX_FLOAT && !other_type) ||
            (j->x[i].name && j->x[i].type == NN_ONNX_UINT8 && op->compute != nn_onnx_check_cast))
            return nn_onnx_job_misfit(j);
    }
    return op->compute(j);
}
