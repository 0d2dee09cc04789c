/*
 * onnx_check_more -- see onnx_check_ops.h: parts, products, sums along dimensions, choices
 *
 * As onnx_check_ops.c: from ONNX's words, slowly.  True and false are the floats 1 and 0.
 */
#include "nn/io/onnx_check_ops.h"

#include <math.h>
#include <string.h>

static double number(const struct nn_onnx_value *v, int64_t i)
{
    return v->type == NN_ONNX_INT64 ? (double)((const int64_t *)v->data)[i]
                                    : (double)((const float *)v->data)[i];
}

/* y of x[0]'s type. */
static void *make_like(struct nn_onnx_job *j, int rank, const int64_t *dim)
{
    int64_t *whole;

    if (j->x[0].type != NN_ONNX_INT64)
        return nn_onnx_job_make(j, rank, dim);
    if (!nn_onnx_job_make(j, rank, dim))
        return NULL;
    whole = arena_array(j->mem, (size_t)shape_count(&j->y->shape) + 1, sizeof *whole);
    j->y->type = NN_ONNX_INT64;
    j->y->data = whole;
    if (!whole)
        err_set(j->err, ERR_MEMORY, "no memory");
    return whole;
}

/* y[i] = x[0][from], or a number where from < 0. */
static void put(struct nn_onnx_job *j, void *y, int64_t i, int64_t from, double otherwise)
{
    if (j->x[0].type == NN_ONNX_INT64)
        ((int64_t *)y)[i] = ((const int64_t *)j->x[0].data)[from];
    else
        ((float *)y)[i] = from < 0 ? (float)otherwise : ((const float *)j->x[0].data)[from];
}

static void steps_of(const struct shape *s, int64_t *step)
{
    int64_t n = 1;

    for (int d = s->rank - 1; d >= 0; n *= s->dim[d--])
        step[d] = n;
}

/* Input i is so many whole numbers. */
static bool is_list(const struct nn_onnx_job *j, int i, int64_t n)
{
    return i < j->n_in && j->x[i].data && j->x[i].type == NN_ONNX_INT64 &&
           shape_count(&j->x[i].shape) == n;
}

bool nn_onnx_check_shape(struct nn_onnx_job *j)
{
    int64_t n = j->x[0].shape.rank, *y = arena_array(j->mem, (size_t)n + 1, sizeof *y);

    if (!y)
        return err_set(j->err, ERR_MEMORY, "no memory");
    memcpy(y, j->x[0].shape.dim, (size_t)n * sizeof *y);
    j->y->type = NN_ONNX_INT64;
    j->y->shape = (struct shape){ 1, { n } };
    j->y->data = y;
    return true;
}

/* One dimension, as slices are written here. */
bool nn_onnx_check_slice(struct nn_onnx_job *j)
{
    const struct shape *s = &j->x[0].shape;
    int64_t step[SHAPE_MAX_RANK], start, end, by = 1, axis = 0, n, count;
    struct shape out = *s;
    void *y;

    if (!is_list(j, 1, 1) || !is_list(j, 2, 1) || (j->n_in > 3 && !is_list(j, 3, 1)) ||
        (j->n_in > 4 && !is_list(j, 4, 1)))
        return nn_onnx_job_misfit(j);
    start = *(const int64_t *)j->x[1].data;
    end = *(const int64_t *)j->x[2].data;
    if (j->n_in > 3)
        axis = *(const int64_t *)j->x[3].data;
    if (j->n_in > 4)
        by = *(const int64_t *)j->x[4].data;
    if (axis < 0 || axis >= s->rank || by == 0 || by == INT64_MIN)
        return nn_onnx_job_misfit(j);
    n = s->dim[axis];
    if (start < 0 || start >= n)
        return nn_onnx_job_misfit(j);
    end = end > n ? n : end < 0 ? -1 : end;
    count = by > 0 ? (end - start + by - 1) / by : (start - end - by - 1) / -by;
    if (count < 1)
        return nn_onnx_job_misfit(j);
    out.dim[axis] = count;
    steps_of(s, step);
    y = make_like(j, out.rank, out.dim);
    for (int64_t i = 0; y && i < shape_count(&out); i++) {
        int64_t left = i, at = 0;

        for (int d = out.rank - 1; d >= 0; left /= out.dim[d--])
            at += (d == axis ? start + left % out.dim[d] * by : left % out.dim[d]) * step[d];
        put(j, y, i, at, 0);
    }
    return y;
}

bool nn_onnx_check_pad(struct nn_onnx_job *j)
{
    const Onnx__AttributeProto *mode = nn_onnx_job_attribute(j, "mode");
    const struct shape *s = &j->x[0].shape;
    const int64_t *pad = j->x[1].data;
    char how = mode && mode->s.len ? (char)mode->s.data[0] : 'c';
    double fill = j->n_in > 2 ? number(&j->x[2], 0) : 0;
    int64_t step[SHAPE_MAX_RANK];
    struct shape out = *s;
    void *y;

    if (!is_list(j, 1, 2 * (int64_t)s->rank) || j->x[0].type != NN_ONNX_FLOAT)
        return nn_onnx_job_misfit(j);
    for (int d = 0; d < s->rank; d++) {
        if (pad[d] < 0 || pad[d] > 1 << 20 || pad[s->rank + d] < 0 || pad[s->rank + d] > 1 << 20)
            return nn_onnx_job_misfit(j);
        out.dim[d] += pad[d] + pad[s->rank + d];
    }
    steps_of(s, step);
    y = make_like(j, out.rank, out.dim);
    for (int64_t i = 0; y && i < shape_count(&out); i++) {
        int64_t left = i, at = 0;
        bool outside = false;

        for (int d = out.rank - 1; d >= 0; left /= out.dim[d--]) {
            int64_t n = s->dim[d], k = left % out.dim[d] - pad[d];

            while (how == 'r' && n > 1 && (k < 0 || k >= n))
                k = k < 0 ? -k : 2 * n - 2 - k;
            if (how != 'c')
                k = k < 0 || n == 1 ? 0 : k >= n ? n - 1 : k;
            outside |= k < 0 || k >= n;
            at += k * step[d];
        }
        put(j, y, i, outside ? -1 : at, fill);
    }
    return y;
}

/* The shape of values that are repeated to one; false: there is none. */
static bool broadcast(const struct nn_onnx_value *const *v, int n, struct shape *out)
{
    *out = (struct shape){ .rank = 0 };
    for (int i = 0; i < n; i++)
        out->rank = v[i]->shape.rank > out->rank ? v[i]->shape.rank : out->rank;
    for (int d = 0; d < out->rank; d++) {
        out->dim[d] = 1;
        for (int i = 0; i < n; i++) {
            int k = d - (out->rank - v[i]->shape.rank);
            int64_t size = k < 0 ? 1 : v[i]->shape.dim[k];

            if (size != 1 && out->dim[d] != 1 && size != out->dim[d])
                return false;
            out->dim[d] = size == 1 ? out->dim[d] : size;
        }
    }
    return true;
}

/* Where number i of the result lies in v. */
static int64_t under(const struct nn_onnx_value *v, const struct shape *out, int64_t i)
{
    int64_t at = 0, step = 1;

    for (int d = out->rank - 1; d >= 0; i /= out->dim[d--]) {
        int k = d - (out->rank - v->shape.rank);

        if (k < 0 || v->shape.dim[k] == 1)
            continue;
        at += i % out->dim[d] * step;
        step *= v->shape.dim[k];
    }
    return at;
}

bool nn_onnx_check_expand(struct nn_onnx_job *j)
{
    struct nn_onnx_value to = { .type = NN_ONNX_INT64 };
    const struct nn_onnx_value *both[2] = { &j->x[0], &to };
    int64_t n = shape_count(&j->x[1].shape);
    struct shape out;
    float *y;

    if (n > SHAPE_MAX_RANK || !is_list(j, 1, n) || j->x[0].type != NN_ONNX_FLOAT)
        return nn_onnx_job_misfit(j);
    to.shape.rank = (int)n;
    memcpy(to.shape.dim, j->x[1].data, (size_t)n * sizeof(int64_t));
    for (int64_t d = 0; d < n; d++)
        if (to.shape.dim[d] < 1)
            return nn_onnx_job_misfit(j);
    if (!broadcast(both, 2, &out))
        return nn_onnx_job_misfit(j);
    y = nn_onnx_job_make(j, out.rank, out.dim);
    for (int64_t i = 0; y && i < shape_count(&out); i++)
        y[i] = (float)number(&j->x[0], under(&j->x[0], &out, i));
    return y;
}

/* Places of one dimension, or numbers of x. */
bool nn_onnx_check_gather(struct nn_onnx_job *j)
{
    const struct shape *s = &j->x[0].shape, *index = &j->x[1].shape;
    int64_t axis = nn_onnx_job_int(j, "axis", 0), n = shape_count(index), inner = 1, size;
    struct shape out = { .rank = 0 };
    void *y;

    if (axis < 0 || axis >= s->rank || j->x[1].type != NN_ONNX_INT64 ||
        s->rank + index->rank - 1 > SHAPE_MAX_RANK)
        return nn_onnx_job_misfit(j);
    size = s->dim[axis];
    for (int d = 0; d < axis; d++)
        out.dim[out.rank++] = s->dim[d];
    for (int d = 0; d < index->rank; d++)
        out.dim[out.rank++] = index->dim[d];
    for (int d = (int)axis + 1; d < s->rank; d++) {
        out.dim[out.rank++] = s->dim[d];
        inner *= s->dim[d];
    }
    y = make_like(j, out.rank, out.dim);
    for (int64_t i = 0; y && i < shape_count(&out); i++) {
        int64_t k = ((const int64_t *)j->x[1].data)[i / inner % n];

        if (k < 0 || k >= size)
            return nn_onnx_job_misfit(j);
        put(j, y, i, (i / inner / n * size + k) * inner + i % inner, 0);
    }
    return y;
}

bool nn_onnx_check_matmul(struct nn_onnx_job *j)
{
    struct nn_onnx_value lead[2] = { j->x[0], j->x[1] };
    const struct nn_onnx_value *both[2] = { &lead[0], &lead[1] };
    const struct shape *a = &j->x[0].shape, *b = &j->x[1].shape;
    int64_t m, n, k;
    struct shape out;
    float *y;

    if (a->rank < 2 || b->rank < 2 || a->dim[a->rank - 1] != b->dim[b->rank - 2])
        return nn_onnx_job_misfit(j);
    m = a->dim[a->rank - 2];
    k = a->dim[a->rank - 1];
    n = b->dim[b->rank - 1];
    lead[0].shape.rank -= 2;
    lead[1].shape.rank -= 2;
    if (!broadcast(both, 2, &out))
        return nn_onnx_job_misfit(j);
    {
        struct shape all = out;

        all.dim[all.rank++] = m;
        all.dim[all.rank++] = n;
        y = nn_onnx_job_make(j, all.rank, all.dim);
    }
    for (int64_t i = 0; y && i < shape_count(&j->y->shape); i++) {
        int64_t which = i / m / n, row = i / n % m, column = i % n;
        const float *x = (const float *)j->x[0].data + (under(&lead[0], &out, which) * m + row) * k;
        const float *w = (const float *)j->x[1].data + under(&lead[1], &out, which) * k * n;
        double sum = 0;

        for (int64_t q = 0; q < k; q++)
            sum += (double)x[q] * w[q * n + column];
        y[i] = (float)sum;
    }
    return y;
}

/* Which dimensions go: an attribute's, or of ReduceSum an input's. */
static bool get_axes(const struct nn_onnx_job *j, unsigned *set)
{
    const Onnx__AttributeProto *p = nn_onnx_job_attribute(j, "axes");
    const int64_t *axes = p ? p->ints : j->n_in > 1 ? j->x[1].data : NULL;
    int64_t n = p ? (int64_t)p->n_ints : j->n_in > 1 ? shape_count(&j->x[1].shape) : 0;
    int64_t one = nn_onnx_job_int(j, "axis", 0);

    if (nn_onnx_job_attribute(j, "axis")) {
        axes = &one;
        n = 1;
    }
    if (!axes || n < 1 || (j->n_in > 1 && j->x[1].type != NN_ONNX_INT64))
        return nn_onnx_job_misfit(j);
    *set = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t d = axes[i] + (axes[i] < 0 ? j->x[0].shape.rank : 0);

        if (d < 0 || d >= j->x[0].shape.rank)
            return nn_onnx_job_misfit(j);
        *set |= 1u << d;
    }
    return true;
}

/* ReduceSum, Mean, Max, Min, Prod; ArgMax and ArgMin of one dimension. */
bool nn_onnx_check_reduce(struct nn_onnx_job *j)
{
    const char *op = j->node->op_type;
    const struct shape *s = &j->x[0].shape;
    bool keep = nn_onnx_job_int(j, "keepdims", 1), arg = op[0] == 'A';
    bool mean = !strcmp(op, "ReduceMean");
    bool last = nn_onnx_job_int(j, "select_last_index", 0), least = strstr(op, "Min");
    char kind = arg || strstr(op, "Max") || least ? 'x' : strstr(op, "Prod") ? 'p' : 's';
    int64_t step[SHAPE_MAX_RANK], count = 1, outer = 1;
    struct shape out = { .rank = 0 };
    unsigned set = 0;
    float *y;

    if (j->x[0].type != NN_ONNX_FLOAT || !get_axes(j, &set))
        return nn_onnx_job_misfit(j);
    steps_of(s, step);
    for (int d = 0; d < s->rank; d++) {
        if (set >> d & 1)
            count *= s->dim[d];
        else
            outer *= s->dim[d];
        if (keep || !(set >> d & 1))
            out.dim[out.rank++] = set >> d & 1 ? 1 : s->dim[d];
    }
    y = nn_onnx_job_make(j, out.rank, out.dim);
    for (int64_t i = 0; y && i < outer; i++) {
        double sum = kind == 'p' ? 1 : 0, best = 0;

        for (int64_t k = 0; k < count; k++) {
            int64_t a = i, b = k, at = 0;
            double v;

            for (int d = s->rank - 1; d >= 0; d--) {
                int64_t *from = set >> d & 1 ? &b : &a;

                at += *from % s->dim[d] * step[d];
                *from /= s->dim[d];
            }
            v = number(&j->x[0], at);
            if (kind == 'x' && (k == 0 || (least ? v < sum : v > sum) || (last && v == sum))) {
                sum = v;
                best = (double)k;
            } else if (kind == 's') {
                sum += v;
            } else if (kind == 'p') {
                sum *= v;
            }
        }
        y[i] = (float)(arg ? best : mean ? sum / (double)count : sum);
    }
    return y;
}

bool nn_onnx_check_where(struct nn_onnx_job *j)
{
    const struct nn_onnx_value *all[3] = { &j->x[0], &j->x[1], &j->x[2] };
    struct shape out;
    float *y;

    if (!broadcast(all, 3, &out))
        return nn_onnx_job_misfit(j);
    y = nn_onnx_job_make(j, out.rank, out.dim);
    for (int64_t i = 0; y && i < shape_count(&out); i++) {
        int k = number(all[0], under(all[0], &out, i)) != 0 ? 1 : 2;

        y[i] = (float)number(all[k], under(all[k], &out, i));
    }
    return y;
}

static double of_two(const char *op, double a, double b)
{
    if (!strcmp(op, "Pow")) return pow(a, b);
    if (!strcmp(op, "Min")) return a < b ? a : b;
    if (!strcmp(op, "Max")) return a > b ? a : b;
    if (!strcmp(op, "PRelu")) return a < 0 ? a * b : a;
    if (!strcmp(op, "Mod")) return fmod(a, b);
    if (!strcmp(op, "Less")) return a < b;
    if (!strcmp(op, "LessOrEqual")) return a <= b;
    if (!strcmp(op, "Equal")) return a == b;
    if (!strcmp(op, "And")) return a != 0 && b != 0;
    if (!strcmp(op, "Or")) return a != 0 || b != 0;
    return (a != 0) != (b != 0);        /* Xor */
}

bool nn_onnx_check_binary(struct nn_onnx_job *j)
{
    const struct nn_onnx_value *both[2] = { &j->x[0], &j->x[1] };
    struct shape out;
    float *y;

    if (!broadcast(both, 2, &out))
        return nn_onnx_job_misfit(j);
    y = nn_onnx_job_make(j, out.rank, out.dim);
    for (int64_t i = 0; y && i < shape_count(&out); i++)
        y[i] = (float)of_two(j->node->op_type, number(both[0], under(both[0], &out, i)),
                             number(both[1], under(both[1], &out, i)));
    return y;
}

/* To whole numbers, to true and false, or back. */
bool nn_onnx_check_cast(struct nn_onnx_job *j)
{
    int64_t to = nn_onnx_job_int(j, "to", 0), n = shape_count(&j->x[0].shape), *whole;
    float *y = nn_onnx_job_make(j, j->x[0].shape.rank, j->x[0].shape.dim);

    if (!y || (to != NN_ONNX_FLOAT && to != NN_ONNX_INT64 && to != 9))
        return y && nn_onnx_job_misfit(j);
    for (int64_t i = 0; i < n; i++) {
        double v = j->x[0].type == NN_ONNX_UINT8 ? ((const uint8_t *)j->x[0].data)[i]
                                                 : number(&j->x[0], i);

        y[i] = (float)(to == 9 ? v != 0 : to == NN_ONNX_INT64 ? trunc(v) : v);
    }
    if (to != NN_ONNX_INT64)
        return true;
    whole = arena_array(j->mem, (size_t)n + 1, sizeof *whole);
    if (!whole)
        return err_set(j->err, ERR_MEMORY, "no memory");
    for (int64_t i = 0; i < n; i++)
        whole[i] = fabs((double)y[i]) < 9e18 ? (int64_t)y[i] : 0;
    j->y->type = NN_ONNX_INT64;
    j->y->data = whole;
    return true;
}

static bool is_word(const struct nn_onnx_job *j, const char *name, const char *word)
{
    const Onnx__AttributeProto *a = nn_onnx_job_attribute(j, name);

    return a && a->s.len == strlen(word) && !memcmp(a->s.data, word, a->s.len);
}

/* Place i of m of a dimension of n, in the old ones. */
static double old_place(const struct nn_onnx_job *j, double scale, int64_t n, int64_t m, int64_t i)
{
    static const char mode[] = "coordinate_transformation_mode";

    if (is_word(j, mode, "asymmetric"))
        return (double)i / scale;
    if (is_word(j, mode, "align_corners"))
        return m == 1 ? 0 : (double)i * (double)(n - 1) / ((double)n * scale - 1);
    if (is_word(j, mode, "pytorch_half_pixel") && m == 1)
        return 0;
    return ((double)i + 0.5) / scale - 0.5;
}

/* Resize of one dimension by a factor, nearest or linear. */
bool nn_onnx_check_resize(struct nn_onnx_job *j)
{
    const struct shape *s = &j->x[0].shape;
    const float *scale = j->x[2].data, *x = j->x[0].data;
    bool linear = is_word(j, "mode", "linear"), floors = is_word(j, "nearest_mode", "floor");
    struct shape out = *s;
    int64_t inner = 1, n;
    int axis = -1;
    float *y;

    if (j->n_in != 3 || !scale || j->x[2].type != NN_ONNX_FLOAT || j->x[0].type != NN_ONNX_FLOAT ||
        shape_count(&j->x[2].shape) != s->rank || (!linear && !is_word(j, "mode", "nearest")) ||
        (!floors && !is_word(j, "nearest_mode", "round_prefer_floor")) ||
        is_word(j, "coordinate_transformation_mode", "half_pixel_symmetric"))
        return nn_onnx_job_misfit(j);
    for (int d = 0; d < s->rank; d++) {
        if (!(scale[d] > 0 && scale[d] < 1e4f) || (scale[d] != 1 && axis >= 0))
            return nn_onnx_job_misfit(j);
        if (scale[d] != 1)
            axis = d;
    }
    axis = axis < 0 ? 0 : axis;
    n = s->dim[axis];
    out.dim[axis] = (int64_t)floorf(scale[axis] * (float)n);
    if (out.dim[axis] < 1)
        return nn_onnx_job_misfit(j);
    for (int d = axis + 1; d < s->rank; d++)
        inner *= s->dim[d];
    y = nn_onnx_job_make(j, out.rank, out.dim);
    for (int64_t i = 0; y && i < shape_count(&out); i++) {
        int64_t m = out.dim[axis], k = i / inner % m, row = i / inner / m * n;
        double p = old_place(j, (double)scale[axis], n, m, k);
        double from = linear || floors ? floor(p) : ceil(p - 0.5), share = linear ? p - from : 0;
        int64_t a = (int64_t)fmin(fmax(from, 0), (double)(n - 1));
        int64_t b = (int64_t)fmin(fmax(from + 1, 0), (double)(n - 1));

        y[i] = (float)((1 - share) * (double)x[(row + a) * inner + i % inner] +
                       share * (double)x[(row + b) * inner + i % inner]);
    }
    return y;
}

static double get_number(const struct nn_onnx_job *j, const char *name, double otherwise)
{
    const Onnx__AttributeProto *a = nn_onnx_job_attribute(j, name);

    return a && a->has_f ? (double)a->f : otherwise;
}

bool nn_onnx_check_lrn(struct nn_onnx_job *j)
{
    const struct shape *s = &j->x[0].shape;
    const float *x = j->x[0].data;
    int64_t size = nn_onnx_job_int(j, "size", 0), inner = 1, c = s->rank > 1 ? s->dim[1] : 0;
    double alpha = get_number(j, "alpha", 1e-4), beta = get_number(j, "beta", 0.75);
    double bias = get_number(j, "bias", 1);
    float *y;

    if (s->rank < 2 || size < 1 || size > 1 << 14 || j->x[0].type != NN_ONNX_FLOAT)
        return nn_onnx_job_misfit(j);
    for (int d = 2; d < s->rank; d++)
        inner *= s->dim[d];
    y = nn_onnx_job_make(j, s->rank, s->dim);
    for (int64_t i = 0; y && i < shape_count(s); i++) {
        int64_t at = i / inner % c;
        double sum = 0;

        for (int64_t k = at - (size - 1) / 2; k <= at + size / 2; k++)
            if (k >= 0 && k < c)
                sum += pow((double)x[i + (k - at) * inner], 2);
        y[i] = (float)((double)x[i] / pow(bias + alpha / (double)size * sum, beta));
    }
    return y;
}
