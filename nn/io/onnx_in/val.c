/*
 * val -- see val.h: constants, and nodes of our graph
 */
#include "nn/io/onnx_in/val.h"

#include "nn/op/reshape.h"
#include "nn/op/transpose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONST_MOST ((int64_t)1 << 31)           /* numbers of one constant */
/* Of all that are computed: 2 GB (of VGG-19 1.1), but of a file that has few itself, which blows
 * them up, so many and some for each of its own. */
#define CONST_ALL ((int64_t)1 << 28)
#define CONST_FEW ((int64_t)1 << 24)
enum { CONST_EACH = 4 };

static void *no_memory(nn_onnx_reader *r)
{
    err_set(r->err, ERR_MEMORY, "no memory");
    return NULL;
}

/* ---- constants ------------------------------------------------------------------------------- */

bool nn_onnx_is_const(const nn_onnx_val *v)
{
    return v->node < 0;
}

bool nn_onnx_is_float(int type)
{
    return type == NN_ONNX_T_FLOAT || type == NN_ONNX_T_FLOAT16 || type == NN_ONNX_T_BFLOAT16 ||
           type == NN_ONNX_T_DOUBLE;
}

int64_t nn_onnx_count(int rank, const int64_t *dim)
{
    int64_t n = 1;
    bool none = false;

    for (int d = 0; d < rank; d++) {
        if (dim[d] < 0 || (dim[d] && __builtin_mul_overflow(n, dim[d], &n)))
            return -1;
        none |= !dim[d];
    }
    return none ? 0 : n;
}

static nn_onnx_val *new_val(nn_onnx_reader *r, int type, int rank, const int64_t *dim)
{
    nn_onnx_val *v;

    if (rank > SHAPE_MAX_RANK - 1) {
        err_set(r->err, ERR_UNSUPPORTED, "%d dimensions are more than %d", rank,
                SHAPE_MAX_RANK - 1);
        return NULL;
    }
    v = arena_alloc(r->mem, sizeof *v);
    if (!v)
        return no_memory(r);
    v->type = type;
    v->rank = rank;
    v->node = -1;
    for (int d = 0; d < rank; d++)
        v->dim[d] = dim[d];
    return v;
}

static int64_t most_computed(const nn_onnx_reader *r)
{
    return r->loaded < (CONST_ALL - CONST_FEW) / CONST_EACH ? CONST_FEW + CONST_EACH * r->loaded
                                                           : CONST_ALL;
}

nn_onnx_val *nn_onnx_new_const(nn_onnx_reader *r, int type, int rank, const int64_t *dim,
                               double **d)
{
    nn_onnx_val *v = new_val(r, type, rank, dim);
    int64_t n = v ? nn_onnx_count(rank, dim) : 0;

    if (!v)
        return NULL;
    if (n < 0 || n > most_computed(r) - r->computed) {
        err_set(r->err, ERR_MEMORY, "computes constants of more than %lld numbers in all",
                (long long)most_computed(r));
        return NULL;
    }
    r->computed += n;
    v->d = *d = arena_array(r->mem, (size_t)n + 1, sizeof **d);
    return v->d ? v : no_memory(r);
}

nn_onnx_val *nn_onnx_v_scalar(nn_onnx_reader *r, int type, double number)
{
    double *d;
    nn_onnx_val *v = nn_onnx_new_const(r, type, 0, NULL, &d);

    if (v)
        *d = number;
    return v;
}

nn_onnx_val *nn_onnx_new_node(nn_onnx_reader *r, int type, int rank, const int64_t *dim, int node,
                              int n_ax, const int8_t *ax)
{
    nn_onnx_val *v = node < 0 ? NULL : new_val(r, type, rank, dim);

    if (!v)
        return NULL;
    v->node = node;
    v->n_ax = n_ax;
    memcpy(v->ax, ax, (size_t)n_ax * sizeof *ax);
    return v;
}

/* Bytes of a number in raw_data; 0: a kind that is not read. */
static size_t raw_size(int type)
{
    switch (type) {
    case NN_ONNX_T_UINT8: case NN_ONNX_T_INT8: case NN_ONNX_T_BOOL:
        return 1;
    case NN_ONNX_T_UINT16: case NN_ONNX_T_INT16: case NN_ONNX_T_FLOAT16: case NN_ONNX_T_BFLOAT16:
        return 2;
    case NN_ONNX_T_FLOAT: case NN_ONNX_T_INT32: case NN_ONNX_T_UINT32:
        return 4;
    case NN_ONNX_T_INT64: case NN_ONNX_T_UINT64: case NN_ONNX_T_DOUBLE:
        return 8;
    default:
        return 0;
    }
}

static double half_number(uint16_t h)
{
    int exponent = h >> 10 & 31, fraction = h & 1023;
    double x = exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
               : exponent     ? ldexp(1024 + fraction, exponent - 25)
                              : ldexp(fraction, -24);

    return h >> 15 ? -x : x;
}

static double raw_number(int type, const uint8_t *at)
{
    uint64_t u = 0;
    float f;
    double d;

    for (size_t i = 0; i < raw_size(type); i++)
        u |= (uint64_t)at[i] << (8 * i);
    switch (type) {
    case NN_ONNX_T_INT8: return (int8_t)u;
    case NN_ONNX_T_INT16: return (int16_t)u;
    case NN_ONNX_T_INT32: return (int32_t)u;
    case NN_ONNX_T_INT64: return (double)(int64_t)u;
    case NN_ONNX_T_BOOL: return u != 0;
    case NN_ONNX_T_FLOAT16: return half_number((uint16_t)u);
    case NN_ONNX_T_BFLOAT16: return (double)bf16_float((bf16)u);
    case NN_ONNX_T_FLOAT:
        memcpy(&f, &(uint32_t){ (uint32_t)u }, sizeof f);
        return (double)f;
    case NN_ONNX_T_DOUBLE:
        memcpy(&d, &u, sizeof d);
        return d;
    default:
        return (double)u;
    }
}

/* How many numbers lie in the list of a type; -1: it has none. */
static int64_t typed_count(const Onnx__TensorProto *t)
{
    switch (t->data_type) {
    case NN_ONNX_T_FLOAT:
        return (int64_t)t->n_float_data;
    case NN_ONNX_T_DOUBLE:
        return (int64_t)t->n_double_data;
    case NN_ONNX_T_INT64:
        return (int64_t)t->n_int64_data;
    case NN_ONNX_T_UINT32: case NN_ONNX_T_UINT64:
        return (int64_t)t->n_uint64_data;
    case NN_ONNX_T_STRING:
        return -1;
    default:
        return (int64_t)t->n_int32_data;
    }
}

static double typed_number(const Onnx__TensorProto *t, int64_t i)
{
    switch (t->data_type) {
    case NN_ONNX_T_FLOAT: return (double)t->float_data[i];
    case NN_ONNX_T_DOUBLE: return t->double_data[i];
    case NN_ONNX_T_INT64: return (double)t->int64_data[i];
    case NN_ONNX_T_UINT32: return (double)(uint32_t)t->uint64_data[i];
    case NN_ONNX_T_UINT64: return (double)t->uint64_data[i];
    case NN_ONNX_T_FLOAT16: return half_number((uint16_t)t->int32_data[i]);
    case NN_ONNX_T_BFLOAT16: return (double)bf16_float((bf16)t->int32_data[i]);
    default: return t->int32_data[i];
    }
}

nn_onnx_val *nn_onnx_of_tensor(nn_onnx_reader *r, const Onnx__TensorProto *t)
{
    const char *name = nn_onnx_text(t->name);
    size_t one = raw_size(t->data_type);
    int64_t count = 1;
    nn_onnx_val *v;

    if (t->n_dims > SHAPE_MAX_RANK - 1 || !one || t->segment) {
        err_set(r->err, ERR_UNSUPPORTED,
                t->n_dims > SHAPE_MAX_RANK - 1 ? "tensor \"%.100s\" has %d dimensions"
                : one ? "tensor \"%.100s\" is in segments (%d)"
                      : "tensor \"%.100s\" has data type %d, which is not read",
                name, one && !t->segment ? (int)t->n_dims : t->data_type);
        return NULL;
    }
    for (size_t d = 0; d < t->n_dims; d++)
        if (t->dims[d] < 0 || __builtin_mul_overflow(count, t->dims[d], &count) ||
            count > CONST_MOST) {
            err_set(r->err, ERR_INPUT, "tensor \"%.100s\" has a shape of too many numbers", name);
            return NULL;
        }
    if (!nn_onnx_is_external(t) &&
        (t->has_raw_data ? t->raw_data.len != (size_t)count * one : typed_count(t) != count)) {
        err_set(r->err, ERR_INPUT, "tensor \"%.100s\" has not the %lld numbers of its shape", name,
                (long long)count);
        return NULL;
    }
    v = new_val(r, t->data_type, (int)t->n_dims, t->dims);
    if (v) {
        v->name = name;
        v->tensor = t;
    }
    return v;
}

bool nn_onnx_load(nn_onnx_reader *r, nn_onnx_val *v)
{
    const Onnx__TensorProto *t = v->tensor;
    int64_t n = nn_onnx_count(v->rank, v->dim);
    size_t one = raw_size(v->type);
    bool floats = v->type == NN_ONNX_T_FLOAT;
    const uint8_t *raw;
    uint8_t *read = NULL;
    void *to;

    if (v->f || v->d)
        return true;
    if (!t)
        return err_set(r->err, ERR_UNSUPPORTED, "a value is wanted that is not known before");
    if (nn_onnx_is_external(t)) {
        read = nn_onnx_external(r->file, t, (size_t)n * one, r->err);
        if (!read)
            return err_in(r->err, "tensor \"%.100s\"", nn_onnx_text(t->name));
    }
    r->loaded += n;
    raw = read ? read : t->has_raw_data ? t->raw_data.data : NULL;
    to = arena_array(r->mem, (size_t)n + 1, floats ? sizeof(float) : sizeof(double));
    for (int64_t i = 0; to && i < n; i++) {
        double x = raw ? raw_number(v->type, raw + (size_t)i * one) : typed_number(t, i);

        if (floats)
            ((float *)to)[i] = (float)x;
        else
            ((double *)to)[i] = x;
    }
    free(read);
    if (floats)
        v->f = to;
    else
        v->d = to;
    return to || no_memory(r);
}

int64_t nn_onnx_whole(double x)
{
    return isnan(x) ? 0 : x >= 9.2e18 ? INT64_MAX : x <= -9.2e18 ? INT64_MIN : (int64_t)x;
}

int nn_onnx_ints_of(nn_onnx_reader *r, nn_onnx_val *v, int most, int64_t *out)
{
    int64_t n = nn_onnx_count(v->rank, v->dim);

    if (!nn_onnx_is_const(v)) {
        err_set(r->err, ERR_UNSUPPORTED,
                "\"%.100s\" depends on the picture, and has to be known before",
                nn_onnx_text(v->name));
        return -1;
    }
    if (!nn_onnx_load(r, v))
        return -1;
    if (n > most) {
        err_set(r->err, ERR_INPUT, "\"%.100s\" has %lld numbers, more than %d",
                nn_onnx_text(v->name), (long long)n, most);
        return -1;
    }
    for (int64_t i = 0; i < n; i++)
        out[i] = nn_onnx_whole(nn_onnx_num(v, i));
    return (int)n;
}

/* ---- our graph ------------------------------------------------------------------------------- */

enum { NAME_MOST = 200, NUMBER_MOST = 16 };

/* Whether no node has the name once "_k" (for 1 nothing) is written at its end. */
static bool is_free(const nn_onnx_reader *r, const char *name, char *end, int k)
{
    snprintf(end, NUMBER_MOST, k > 1 ? "_%d" : "", k);
    return nn_graph_find(r->g, name) < 0;
}

const char *nn_onnx_new_name(nn_onnx_reader *r, const char *want)
{
    char name[2 + NAME_MOST + NUMBER_MOST] = "x_", *own = name + 2, *at;
    size_t n = strnlen(want, NAME_MOST);
    int taken = 0, k = 1;
    const char *result;

    while (n && ((unsigned char)want[n] & 0xC0) == 0x80)
        n--;                    /* not within a letter */
    memcpy(own, want, n);
    for (at = own; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 127 || *at == '=' || *at == '#')
            *at = '_';
    if (!str_is_utf8(own))
        for (at = own; *at; at++)
            if ((unsigned char)*at > 127)
                *at = '_';
    if (!*own || !strcmp(own, "image") || !strncmp(own, "training.", 9))
        own = name;
    /* One node of a file may make thousands: its numbers are doubled, then halved between one that
     * is taken and one that is free. */
    for (; !is_free(r, own, at, k); k *= 2) {
        if (k > NN_MAX_NODES) {
            *at = '\0';
            err_set(r->err, ERR_INPUT, "no name is left for what \"%.100s\" makes", own);
            return NULL;
        }
        taken = k;
    }
    while (k - taken > 1) {
        int half = taken + (k - taken) / 2;

        if (is_free(r, own, at, half))
            k = half;
        else
            taken = half;
    }
    is_free(r, own, at, k);
    result = arena_str(r->mem, own);
    return result ? result : no_memory(r);
}

int nn_onnx_emit(nn_onnx_reader *r, const struct nn_op *op, const void *attr, int n_in,
                 const int *in)
{
    const char *name = NULL;

    for (int i = 0; i < n_in; i++)
        if (in[i] < 0)
            return -1;
    if (r->hint) {
        name = nn_onnx_new_name(r, r->hint);
        if (!name)
            return -1;
    }
    return nn_graph_add(r->g, op, name, attr, n_in, in, r->err);
}

int nn_onnx_param(nn_onnx_reader *r, const char *name, const struct nn_param *p, int64_t count,
                  const float *number)
{
    real *value;
    int id;

    name = nn_onnx_new_name(r, name);
    id = name ? nn_graph_add(r->g, &nn_op_param, name, p, 0, NULL, r->err) : -1;
    if (id < 0)
        return -1;
    value = arena_array(r->mem, (size_t)count + 1, sizeof *value);
    if (!value) {
        no_memory(r);
        return -1;
    }
    nn_params_from_file(r->g, id, number, value);
    r->number[id] = value;
    return id;
}

/* A constant's numbers as floats. */
static const float *floats_of(nn_onnx_reader *r, nn_onnx_val *v)
{
    int64_t n = nn_onnx_count(v->rank, v->dim);
    float *f;

    if (!nn_onnx_load(r, v))
        return NULL;
    if (v->f)
        return v->f;
    f = arena_array(r->mem, (size_t)n + 1, sizeof *f);
    for (int64_t i = 0; f && i < n; i++)
        f[i] = (float)v->d[i];
    return f ? f : no_memory(r);
}

int nn_onnx_const_node(nn_onnx_reader *r, nn_onnx_val *v, const struct nn_param *p, int64_t n)
{
    const float *number = floats_of(r, v);
    const char *name = v->name && *v->name ? v->name : "constant";
    real *value;
    int id;

    if (!number)
        return -1;
    if (v->type == NN_ONNX_T_FLOAT)
        return nn_onnx_param(r, name, p, n, number);
    name = nn_onnx_new_name(r, name);
    id = name ? nn_graph_add(r->g, &nn_op_const, name, p, 0, NULL, r->err) : -1;
    value = id < 0 ? NULL : arena_array(r->mem, (size_t)n + 1, sizeof *value);
    if (!value) {
        if (id >= 0)
            no_memory(r);
        return -1;
    }
    for (int64_t i = 0; i < n; i++)
        value[i] = (real)number[i];
    r->number[id] = value;
    return id;
}

int nn_onnx_op_param(nn_onnx_reader *r, const struct nn_op *op, const void *attr, int x, int i,
                     const char *node, nn_onnx_val *v)
{
    struct nn_param p = { 0 };
    const char *suffix = x < 0 ? NULL : op->param(attr, &r->g->node[x].type, i, &p);
    const float *number;
    int64_t want = 1;
    char *name;

    if (!suffix)
        return -1;
    if (!nn_onnx_is_const(v)) {
        err_set(r->err, ERR_UNSUPPORTED, "its %s is computed: only stored ones are read", suffix);
        return -1;
    }
    for (int d = 0; d < SHAPE_MAX_RANK && p.shape[d]; d++)
        if (__builtin_mul_overflow(want, (int64_t)p.shape[d], &want))
            want = -1;
    if (want != nn_onnx_count(v->rank, v->dim)) {
        err_set(r->err, ERR_INPUT, "its %s has %lld numbers, %lld are wanted", suffix,
                (long long)nn_onnx_count(v->rank, v->dim), (long long)want);
        return -1;
    }
    number = floats_of(r, v);
    name = arena_printf(r->mem, "%s.%s", node, suffix);
    if (!number || !name) {
        if (number)
            no_memory(r);
        return -1;
    }
    return nn_onnx_param(r, name, &p, want, number);
}

/* ---- orders ---------------------------------------------------------------------------------- */

int nn_onnx_ours_of(const nn_onnx_val *v, int axis)
{
    for (int i = 0; i < v->n_ax; i++)
        if (v->ax[i] == axis)
            return i;
    return -1;
}

int nn_onnx_last_channels(int rank, int8_t *ax)
{
    int n = 0;

    ax[n++] = 0;
    for (int d = 2; d < rank; d++)
        ax[n++] = (int8_t)d;
    if (rank > 1)
        ax[n++] = 1;
    return n;
}

int nn_onnx_natural(const nn_onnx_val *v, int8_t *ax)
{
    int n = 0;

    ax[n++] = v->ax[0];
    for (int d = 0; d < v->rank; d++)
        if (d != v->ax[0])
            ax[n++] = (int8_t)d;
    return n;
}

/* Size of dimension `axis` of the file in our node, where it is not the first. */
static int size_of(const nn_onnx_val *v, int axis)
{
    return v->dim[axis] > INT32_MAX ? 0 : (int)v->dim[axis];
}

/* A reshape of v's node: first dimension `batch` (0: as it is), then the axes. */
static int reshape_to(nn_onnx_reader *r, const nn_onnx_val *v, int64_t batch, int n,
                      const int8_t *ax)
{
    struct nn_reshape a = { .batch = (int)batch };

    if (batch > INT32_MAX) {
        err_set(r->err, ERR_INPUT, "a dimension of %lld", (long long)batch);
        return -1;
    }
    for (int i = 0; i < n; i++)
        a.shape[i] = size_of(v, ax[i]);
    return nn_onnx_emit(r, &nn_op_reshape, &a, 1, &v->node);
}

/* v's dimensions behind the first in another order. */
static int permute(nn_onnx_reader *r, const nn_onnx_val *v, const int8_t *ax)
{
    struct nn_transpose a = { .perm = { 0 } };
    bool same = true, moves = false;
    int last = 0;

    for (int i = 1; i < v->n_ax; i++) {
        int from = nn_onnx_ours_of(v, ax[i]);

        a.perm[i - 1] = from;
        same &= from == i;
        if (size_of(v, ax[i]) != 1) {
            moves |= from < last;
            last = from;
        }
    }
    if (same)
        return v->node;
    if (!moves)
        return reshape_to(r, v, 0, v->n_ax - 1, ax + 1);
    return nn_onnx_emit(r, &nn_op_transpose, &a, 1, &v->node);
}

static void *mixes(nn_onnx_reader *r)
{
    err_set(r->err, ERR_UNSUPPORTED,
            "it mixes the pictures of a batch, or the batch is not the first dimension");
    return NULL;
}

nn_onnx_val *nn_onnx_apart(nn_onnx_reader *r, nn_onnx_val *v)
{
    int8_t ax[SHAPE_MAX_RANK];

    if (nn_onnx_is_const(v) || v->ax[0] < 0)
        return v;
    if (r->batch != 1)
        return mixes(r);
    ax[0] = -1;
    memcpy(ax + 1, v->ax, (size_t)v->n_ax);
    return nn_onnx_new_node(r, v->type, v->rank, v->dim, reshape_to(r, v, 1, v->n_ax, v->ax),
                            v->n_ax + 1, ax);
}

/* A value without a dimension for the batch, where one of a single number is to be it. */
static nn_onnx_val *joined(nn_onnx_reader *r, nn_onnx_val *v, int axis)
{
    int8_t ax[SHAPE_MAX_RANK], *rest = ax + 1;
    int n = 0, node;

    if (v->n_ax == 1 || (r->batch != 1 && v->dim[axis] != 1))
        return mixes(r);
    ax[0] = -1;
    rest[n++] = (int8_t)axis;
    for (int i = 1; i < v->n_ax; i++)
        if (v->ax[i] != axis)
            rest[n++] = v->ax[i];
    node = permute(r, v, ax);
    v = nn_onnx_new_node(r, v->type, v->rank, v->dim, node, v->n_ax, ax);
    if (!v)
        return NULL;
    node = reshape_to(r, v, r->batch == 1 ? v->dim[axis] : 0, n - 1, rest + 1);
    return nn_onnx_new_node(r, v->type, v->rank, v->dim, node, n, rest);
}

nn_onnx_val *nn_onnx_placed(nn_onnx_reader *r, const nn_onnx_val *v, int n_ax, const int8_t *ax)
{
    nn_onnx_val *at = arena_copy(r->mem, v, sizeof *v);

    if (!at)
        return no_memory(r);
    if (at->ax[0] != ax[0] && at->ax[0] >= 0)
        at = nn_onnx_apart(r, at);
    if (at && at->ax[0] != ax[0])
        at = joined(r, at, ax[0]);
    if (!at)
        return NULL;
    return nn_onnx_new_node(r, v->type, v->rank, v->dim, permute(r, at, ax), n_ax, ax);
}

int nn_onnx_place(nn_onnx_reader *r, const nn_onnx_val *v, int n_ax, const int8_t *ax)
{
    const nn_onnx_val *at = nn_onnx_placed(r, v, n_ax, ax);

    return at ? at->node : -1;
}
