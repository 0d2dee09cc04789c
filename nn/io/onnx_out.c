/*
 * onnx_out -- see onnx_out.h, and onnx.h for what operators' hooks write with
 */
#include "nn/io/onnx_out.h"

#include <assert.h>
#include <string.h>

/* ---- memory: what runs out is remembered ----------------------------------------------------- */

void *nn_onnx_take(struct nn_onnx_out *o, size_t count, size_t size)
{
    void *p = o->failed ? NULL : arena_array(o->mem, count, size);

    o->failed |= !p;
    return p;
}

char *nn_onnx_copy(struct nn_onnx_out *o, const char *s)
{
    char *p = o->failed ? NULL : arena_str(o->mem, s);

    o->failed |= !p;
    return p;
}

bool nn_onnx_push(struct nn_onnx_out *o, struct nn_onnx_list *l, void *item)
{
    if (!(l->n & (l->n - 1))) { /* full at every power of two */
        void **bigger = nn_onnx_take(o, l->n ? 2 * l->n : 1, sizeof *bigger);

        if (!bigger)
            return false;
        if (l->n)
            memcpy(bigger, l->item, l->n * sizeof *bigger);
        l->item = bigger;
    }
    l->item[l->n++] = item;
    return true;
}

/* ---- for hooks ------------------------------------------------------------------------------- */

bool nn_onnx_begin(struct nn_onnx_out *o, const char *op_type, int n_in, const char *const *in,
                   const char *out)
{
    Onnx__NodeProto *node = nn_onnx_take(o, 1, sizeof *node);
    char **names = nn_onnx_take(o, (size_t)n_in + 1, sizeof *names);

    if (!node || !names)
        return false;
    onnx__node_proto__init(node);
    for (int i = 0; i < n_in; i++)
        names[i] = nn_onnx_copy(o, in[i]);
    names[n_in] = nn_onnx_copy(o, out);
    node->n_input = (size_t)n_in;
    node->input = names;
    node->n_output = 1;
    node->output = names + n_in;
    node->name = names[n_in];
    node->op_type = nn_onnx_copy(o, op_type);
    o->current = node;
    o->attribute = (struct nn_onnx_list){ 0 };
    return !o->failed && nn_onnx_push(o, &o->node, node);
}

static Onnx__AttributeProto *new_attribute(struct nn_onnx_out *o, const char *name)
{
    Onnx__AttributeProto *a = nn_onnx_take(o, 1, sizeof *a);

    if (!a)
        return NULL;
    onnx__attribute_proto__init(a);
    a->name = nn_onnx_copy(o, name);
    if (o->failed || !nn_onnx_push(o, &o->attribute, a))
        return NULL;
    o->current->n_attribute = o->attribute.n;
    o->current->attribute = (Onnx__AttributeProto **)o->attribute.item;
    a->has_type = true;
    return a;
}

bool nn_onnx_int(struct nn_onnx_out *o, const char *name, int64_t value)
{
    Onnx__AttributeProto *a = new_attribute(o, name);

    if (!a)
        return false;
    a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    a->has_i = true;
    a->i = value;
    return true;
}

bool nn_onnx_float(struct nn_onnx_out *o, const char *name, double value)
{
    Onnx__AttributeProto *a = new_attribute(o, name);

    if (!a)
        return false;
    a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    a->has_f = true;
    a->f = (float)value;
    return true;
}

bool nn_onnx_word(struct nn_onnx_out *o, const char *name, const char *value)
{
    Onnx__AttributeProto *a = new_attribute(o, name);

    if (!a || !(a->s.data = (uint8_t *)nn_onnx_copy(o, value)))
        return false;
    a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
    a->has_s = true;
    a->s.len = strlen(value);
    return true;
}

bool nn_onnx_ints(struct nn_onnx_out *o, const char *name, int n, const int *value)
{
    Onnx__AttributeProto *a = new_attribute(o, name);
    int64_t *ints = nn_onnx_take(o, (size_t)n, sizeof *ints);

    if (!a || !ints)
        return false;
    for (int i = 0; i < n; i++)
        ints[i] = value[i];
    a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    a->n_ints = (size_t)n;
    a->ints = ints;
    return true;
}

bool nn_onnx_fields(struct nn_onnx_out *o, const struct nn_onnx_node *node)
{
    for (const struct field *f = node->graph->node[node->id].op->attrs; f && f->name; f++) {
        const void *at = field_at(f, node->attr);
        bool ok = true;

        if (!f->onnx)
            continue;
        if (f->kind == FIELD_KIND_BOOL)
            ok = nn_onnx_int(o, f->onnx, *(const bool *)at);
        else if (f->kind == FIELD_KIND_INT)
            ok = nn_onnx_int(o, f->onnx, *(const int *)at);
        else if (f->kind == FIELD_KIND_FLOAT)
            ok = nn_onnx_float(o, f->onnx, *(const double *)at);
        else if (f->kind == FIELD_KIND_INTS)
            ok = nn_onnx_ints(o, f->onnx, f->count, at);
        if (!ok)
            return false;
    }
    return true;
}

static bool is_taken(const struct nn_onnx_out *o, const char *name)
{
    return nn_graph_find(o->graph, name) >= 0 || !strcmp(name, o->opt->input) ||
           !strcmp(name, o->opt->output);
}

/* The number differs in every name that is made, and ends it: two are never alike. */
const char *nn_onnx_name(struct nn_onnx_out *o, const char *base)
{
    char *name;

    do {
        name = o->failed ? NULL : arena_printf(o->mem, "%s_%d", base, ++o->made_names);
        o->failed |= !name;
    } while (name && is_taken(o, name));
    return name;
}

/* An initializer; its data are lent until the file is written. */
bool nn_onnx_initializer(struct nn_onnx_out *o, const char *name, int type, int rank,
                         const int64_t *dim, const void *data, size_t bytes)
{
    Onnx__TensorProto *t = nn_onnx_take(o, 1, sizeof *t);
    int64_t *dims = nn_onnx_take(o, (size_t)rank, sizeof *dims);

    if (!t || !dims)
        return false;
    onnx__tensor_proto__init(t);
    if (rank)
        memcpy(dims, dim, (size_t)rank * sizeof *dims);
    t->name = nn_onnx_copy(o, name);
    t->n_dims = (size_t)rank;
    t->dims = dims;
    t->has_data_type = true;
    t->data_type = type;
    t->has_raw_data = true;
    t->raw_data.len = bytes;
    t->raw_data.data = (uint8_t *)(uintptr_t)data;
    return !o->failed && nn_onnx_push(o, &o->initializer, t);
}

static const char *add_small(struct nn_onnx_out *o, const char *base, int type, int rank, int n,
                             const void *value, size_t size)
{
    const char *name = nn_onnx_name(o, base);
    void *copy = nn_onnx_take(o, (size_t)n, size);

    if (!name || !copy)
        return NULL;
    memcpy(copy, value, (size_t)n * size);
    if (!nn_onnx_initializer(o, name, type, rank, &(int64_t){ n }, copy, (size_t)n * size))
        return NULL;
    return name;
}

const char *nn_onnx_repeat(struct nn_onnx_out *o, const char *base, int n, double value)
{
    float *x = nn_onnx_take(o, (size_t)n, sizeof *x);

    for (int i = 0; x && i < n; i++)
        x[i] = (float)value;
    return x ? add_small(o, base, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 1, n, x, sizeof *x) : NULL;
}

const char *nn_onnx_scalar(struct nn_onnx_out *o, const char *base, double value)
{
    float x = (float)value;

    return add_small(o, base, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 0, 1, &x, sizeof x);
}

const char *nn_onnx_floats(struct nn_onnx_out *o, const char *base, int n, const float *value)
{
    return add_small(o, base, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 1, n, value, sizeof *value);
}

const char *nn_onnx_int64s(struct nn_onnx_out *o, const char *base, int n, const int64_t *value)
{
    return add_small(o, base, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, 1, n, value, sizeof *value);
}

/* A picture's channels are dimension 1 there: [C] becomes [C,1,1]. */
const char *nn_onnx_channels(struct nn_onnx_out *o, const struct nn_onnx_node *node, int i)
{
    const char *name = nn_onnx_name(o, node->in[i]), *shape;

    if (node->graph->node[node->id].type.rank != 4)
        return node->in[i];
    shape = nn_onnx_int64s(o, "shape", 3, (const int64_t[]){ -1, 1, 1 });
    if (!name || !shape ||
        !nn_onnx_begin(o, "Reshape", 2, (const char *[]){ node->in[i], shape }, name))
        return NULL;
    return name;
}

bool nn_onnx_cast(struct nn_onnx_out *o, const char *from, int to, const char *out)
{
    return nn_onnx_begin(o, "Cast", 1, &from, out) && nn_onnx_int(o, "to", to);
}

bool nn_onnx_affine(struct nn_onnx_out *o, const char *from, const char *scale, const char *shift,
                    const char *out)
{
    const char *scaled = nn_onnx_name(o, out);

    return scaled && nn_onnx_begin(o, "Mul", 2, (const char *[]){ from, scale }, scaled) &&
           nn_onnx_begin(o, "Add", 2, (const char *[]){ scaled, shift }, out);
}

int nn_onnx_axis(int rank, int ours)
{
    static const int nchw[4] = { 0, 2, 3, 1 };

    return rank == 4 ? nchw[ours] : ours;
}

int nn_onnx_ours(int rank, int axis)
{
    static const int nhwc[4] = { 0, 3, 1, 2 };

    return rank == 4 ? nhwc[axis] : axis;
}

const char *nn_onnx_to_nhwc(struct nn_onnx_out *o, const char *from, const struct nn_type *type)
{
    bool pixel = type->rank == 4 && type->dim[1].n == 1 && type->dim[2].n == 1;

    return pixel ? from : nn_onnx_turned(o, from, type);
}

const char *nn_onnx_turned(struct nn_onnx_out *o, const char *from, const struct nn_type *type)
{
    const char *name;

    if (type->rank != 4)
        return from;
    name = nn_onnx_name(o, from);
    if (!name || !nn_onnx_begin(o, "Transpose", 1, &from, name) ||
        !nn_onnx_ints(o, "perm", 4, (int[]){ 0, 2, 3, 1 }))
        return NULL;
    return name;
}

bool nn_onnx_from_nhwc(struct nn_onnx_out *o, const char *from, const struct nn_type *type,
                       const char *out)
{
    if (type->rank != 4)
        return nn_onnx_begin(o, "Identity", 1, &from, out);
    return nn_onnx_begin(o, "Transpose", 1, &from, out) &&
           nn_onnx_ints(o, "perm", 4, (int[]){ 0, 3, 1, 2 });
}
