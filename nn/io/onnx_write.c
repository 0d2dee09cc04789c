/*
 * onnx_write -- see onnx.h
 *
 * Builds the protobuf messages of ONNX's onnx.proto in an arena and packs them with protobuf-c.
 * Values keep the names of our nodes.
 * https://github.com/onnx/onnx/blob/main/docs/IR.md
 */
#include "nn/io/onnx.h"
#include "nn/base/arena.h"

#include "onnx.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)INT32_MAX)      /* what protobuf allows a message */

/* A growing list of pointers to messages. */
struct list {
    void **item;
    size_t n;
};

struct nn_onnx_out {
    const struct nn_graph *graph;
    const struct nn_params *params;
    const struct nn_onnx_options *opt;
    struct arena *mem;
    bool failed;                        /* memory ran out */
    struct list node, initializer;
    Onnx__NodeProto *current;           /* takes the attributes */
    struct list attribute;              /* of current */
    bool *written;                      /* a parameter, in its own order */
    int made_names;
};

/* ---- memory: what runs out is remembered ----------------------------------------------------- */

static void *take(struct nn_onnx_out *o, size_t count, size_t size)
{
    void *p = o->failed ? NULL : arena_array(o->mem, count, size);

    o->failed |= !p;
    return p;
}

static char *copy_name(struct nn_onnx_out *o, const char *s)
{
    char *p = o->failed ? NULL : arena_str(o->mem, s);

    o->failed |= !p;
    return p;
}

static bool push(struct nn_onnx_out *o, struct list *l, void *item)
{
    if (!(l->n & (l->n - 1))) {         /* full at every power of two */
        void **bigger = take(o, l->n ? 2 * l->n : 1, sizeof *bigger);

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
    Onnx__NodeProto *node = take(o, 1, sizeof *node);
    char **names = take(o, (size_t)n_in + 1, sizeof *names);

    if (!node || !names)
        return false;
    onnx__node_proto__init(node);
    for (int i = 0; i < n_in; i++)
        names[i] = copy_name(o, in[i]);
    names[n_in] = copy_name(o, out);
    node->n_input = (size_t)n_in;
    node->input = names;
    node->n_output = 1;
    node->output = names + n_in;
    node->name = names[n_in];
    node->op_type = copy_name(o, op_type);
    o->current = node;
    o->attribute = (struct list){ 0 };
    return !o->failed && push(o, &o->node, node);
}

static Onnx__AttributeProto *new_attribute(struct nn_onnx_out *o, const char *name)
{
    Onnx__AttributeProto *a = take(o, 1, sizeof *a);

    if (!a)
        return NULL;
    onnx__attribute_proto__init(a);
    a->name = copy_name(o, name);
    if (o->failed || !push(o, &o->attribute, a))
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

bool nn_onnx_ints(struct nn_onnx_out *o, const char *name, int n, const int *value)
{
    Onnx__AttributeProto *a = new_attribute(o, name);
    int64_t *ints = take(o, (size_t)n, sizeof *ints);

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
static bool add_initializer(struct nn_onnx_out *o, const char *name, int type, int rank,
                            const int64_t *dim, const void *data, size_t bytes)
{
    Onnx__TensorProto *t = take(o, 1, sizeof *t);
    int64_t *dims = take(o, (size_t)rank, sizeof *dims);

    if (!t || !dims)
        return false;
    onnx__tensor_proto__init(t);
    if (rank)
        memcpy(dims, dim, (size_t)rank * sizeof *dims);
    t->name = copy_name(o, name);
    t->n_dims = (size_t)rank;
    t->dims = dims;
    t->has_data_type = true;
    t->data_type = type;
    t->has_raw_data = true;
    t->raw_data.len = bytes;
    t->raw_data.data = (uint8_t *)(uintptr_t)data;
    return !o->failed && push(o, &o->initializer, t);
}

static const char *add_small(struct nn_onnx_out *o, const char *base, int type, int rank, int n,
                             const void *value, size_t size)
{
    const char *name = nn_onnx_name(o, base);
    void *copy = take(o, (size_t)n, size);

    if (!name || !copy)
        return NULL;
    memcpy(copy, value, (size_t)n * size);
    if (!add_initializer(o, name, type, rank, &(int64_t){ n }, copy, (size_t)n * size))
        return NULL;
    return name;
}

const char *nn_onnx_repeat(struct nn_onnx_out *o, const char *base, int n, double value)
{
    float *x = take(o, (size_t)n, sizeof *x);

    for (int i = 0; x && i < n; i++)
        x[i] = (float)value;
    return x ? add_small(o, base, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 1, n, x, sizeof *x) : NULL;
}

const char *nn_onnx_scalar(struct nn_onnx_out *o, const char *base, double value)
{
    float x = (float)value;

    return add_small(o, base, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 0, 1, &x, sizeof x);
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

bool nn_onnx_affine(struct nn_onnx_out *o, const char *from, const char *scale, const char *shift,
                    const char *out)
{
    const char *scaled = nn_onnx_name(o, out);

    return scaled && nn_onnx_begin(o, "Mul", 2, (const char *[]){ from, scale }, scaled) &&
           nn_onnx_begin(o, "Add", 2, (const char *[]){ scaled, shift }, out);
}

const char *nn_onnx_to_nhwc(struct nn_onnx_out *o, const char *from, const struct nn_type *type)
{
    const char *name;

    if (type->rank != 4 || (type->dim[1].n == 1 && type->dim[2].n == 1))
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

/* ---- the file -------------------------------------------------------------------------------- */

static bool out_of_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "onnx: no memory");
}

/* What the input or output is in the file: dense, rank 4 as NCHW or NHWC. */
static Onnx__ValueInfoProto *value_info(struct nn_onnx_out *o, const char *name,
                                        const struct nn_type *type, bool nhwc, int elem_type)
{
    static const int nchw[4] = { 0, 3, 1, 2 };
    Onnx__ValueInfoProto *v = take(o, 1, sizeof *v);
    Onnx__TypeProto *t = take(o, 1, sizeof *t);
    Onnx__TypeProto__Tensor *tensor = take(o, 1, sizeof *tensor);
    Onnx__TensorShapeProto *shape = take(o, 1, sizeof *shape);
    Onnx__TensorShapeProto__Dimension *dim = take(o, (size_t)type->rank, sizeof *dim);
    Onnx__TensorShapeProto__Dimension **dims = take(o, (size_t)type->rank, sizeof *dims);

    if (o->failed)
        return NULL;
    onnx__value_info_proto__init(v);
    onnx__type_proto__init(t);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    for (int i = 0; i < type->rank; i++) {
        const struct nn_dim *d = &type->dim[type->rank == 4 && !nhwc ? nchw[i] : i];

        onnx__tensor_shape_proto__dimension__init(&dim[i]);
        if (d->batch && !o->opt->batch) {
            dim[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim[i].dim_param = (char *)(uintptr_t)(d->n == 1 ? "N" : "M"); /* M: some multiple */
        } else {
            dim[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim[i].dim_value = d->batch ? (int64_t)d->n * o->opt->batch : d->n;
        }
        dims[i] = &dim[i];
    }
    shape->n_dim = (size_t)type->rank;
    shape->dim = dims;
    tensor->has_elem_type = true;
    tensor->elem_type = elem_type;
    tensor->shape = shape;
    t->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    t->tensor_type = tensor;
    v->name = copy_name(o, name);
    v->type = t;
    return o->failed ? NULL : v;
}

/* needed[i]: the output depends on node i. */
static void find_needed(const struct nn_graph *g, int output, bool *needed)
{
    needed[output] = true;
    for (int i = output; i >= 0; i--)
        for (int k = 0; needed[i] && k < g->node[i].n_in; k++)
            needed[g->node[i].in[k]] = true;
}

/* An initializer with a parameter's values, in the order of files that `perm` says (struct
 * nn_param). */
static bool write_param(struct nn_onnx_out *o, int id, const int *perm, const char *name)
{
    const struct nn_params *p = o->params;
    struct nn_param attr = *(const struct nn_param *)o->graph->node[id].attr;
    struct nn_node node = o->graph->node[id];
    struct nn_graph one = { .node = &node, .n = 1 };
    int entry = p->entry[id];
    float *value = take(o, (size_t)p->count[entry], sizeof *value);
    struct shape shape;

    if (!value)
        return false;
    memcpy(attr.perm, perm, sizeof attr.perm);
    node.attr = &attr;
    shape = nn_params_file_shape(&one, 0);
    nn_params_to_file(&one, 0, p->value + p->offset[entry], value);
    return add_initializer(o, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, shape.rank, shape.dim,
                           value, (size_t)p->count[entry] * sizeof *value);
}

/* Input i of a node, which is a parameter: written when first used, in the order that the
 * operator's files have (OIHW for a convolution).  A weight that stands in the graph by itself may
 * be stored in another one. */
static const char *use_param(struct nn_onnx_out *o, const struct nn_node *node, int i,
                             const char *name)
{
    int id = node->in[i], rank = o->graph->node[id].type.rank;
    const struct nn_param *own = o->graph->node[id].attr;
    struct nn_param want = { 0 };

    if (!node->op->param ||
        !node->op->param(node->attr, &o->graph->node[node->in[0]].type, i, &want))
        memcpy(want.perm, own->perm, sizeof want.perm);
    if (memcmp(want.perm, own->perm, (size_t)rank * sizeof *want.perm)) {
        name = nn_onnx_name(o, name);
        return write_param(o, id, want.perm, name) ? name : NULL;
    }
    if (!o->written[id] && !write_param(o, id, own->perm, name))
        return NULL;
    o->written[id] = true;
    return name;
}

static bool write_node(struct nn_onnx_out *o, int id, const char *const *name, struct err *err)
{
    const struct nn_node *node = &o->graph->node[id];
    const char *in[NN_MAX_IN];
    struct nn_onnx_node n = { .graph = o->graph,
                              .id = id,
                              .attr = node->attr,
                              .n_in = node->n_in,
                              .in = in,
                              .out = name[id] };
    bool ok = true;

    for (int i = 0; ok && i < node->n_in; i++) {
        in[i] = name[node->in[i]];
        if (o->params->entry[node->in[i]] >= 0)
            in[i] = use_param(o, node, i, in[i]);
        else if (i && node->op->param)
            ok = err_set(err, ERR_UNSUPPORTED, "%s: a weight that is computed has no form in ONNX",
                         node->op->name);
    }
    if (ok && node->op->onnx_write)
        ok = node->op->onnx_write(o, &n, err);
    else if (ok && node->op->onnx)
        ok = nn_onnx_begin(o, node->op->onnx, n.n_in, n.in, n.out) && nn_onnx_fields(o, &n);
    else if (ok)
        ok = err_set(err, ERR_UNSUPPORTED, "%s has no form in ONNX", node->op->name);
    if (o->failed)
        return out_of_memory(err);
    return ok || err_in(err, "onnx: node \"%.100s\"", node->name);
}

/* An initializer [1,n,1,1]: what a picture's channels are multiplied with, or added to them. */
static const char *channel_row(struct nn_onnx_out *o, const char *base, int n, const float *value)
{
    const char *name = nn_onnx_name(o, base);

    if (!name || !add_initializer(o, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 4,
                                  (const int64_t[]){ 1, n, 1, 1 }, value,
                                  (size_t)n * sizeof *value))
        return NULL;
    return name;
}

/* What stands between the file's input and the graph's: the name of the latter's value. */
static const char *write_input(struct nn_onnx_out *o, const struct nn_type *type)
{
    const struct nn_onnx_options *opt = o->opt;
    const char *x = opt->input, *scale, *shift, *next;

    if (opt->scale) {
        next = nn_onnx_name(o, "pixels");
        if (!next || !nn_onnx_begin(o, "Cast", 1, &x, next) ||
            !nn_onnx_int(o, "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT))
            return NULL;
        x = next;
    }
    if (opt->nhwc) {
        next = nn_onnx_name(o, "nchw");
        if (!next || !nn_onnx_from_nhwc(o, x, type, next))
            return NULL;
        x = next;
    }
    if (!opt->scale)
        return x;
    next = nn_onnx_name(o, "normalized");
    scale = channel_row(o, "scale", type->dim[3].n, opt->scale);
    shift = channel_row(o, "shift", type->dim[3].n, opt->shift);
    return next && scale && shift && nn_onnx_affine(o, x, scale, shift, next) ? next : NULL;
}

/* The names of values in the file: our nodes', but for the input's and the output's. */
static const char **value_names(struct nn_onnx_out *o, int input, int output)
{
    const struct nn_graph *g = o->graph;
    const char **name = take(o, (size_t)g->n, sizeof *name);

    for (int i = 0; name && i < g->n; i++) {
        if (i == input)
            name[i] = o->opt->input;
        else if (i == output)
            name[i] = o->opt->output;
        else if (!strcmp(g->node[i].name, o->opt->input) ||
                 !strcmp(g->node[i].name, o->opt->output))
            name[i] = nn_onnx_name(o, g->node[i].name);
        else
            name[i] = g->node[i].name;
    }
    return o->failed ? NULL : name;
}

static bool write_graph(struct nn_onnx_out *o, Onnx__GraphProto *out, struct err *err)
{
    const struct nn_graph *g = o->graph;
    int input = nn_graph_first_input(g), output = o->opt->node;
    bool *needed = take(o, (size_t)g->n, sizeof *needed);
    bool leaf = g->node[output].op->flags & NN_OP_LEAF;
    const char **name = value_names(o, input, leaf ? -1 : output);
    Onnx__ValueInfoProto **port = take(o, 2, sizeof *port);

    o->written = take(o, (size_t)g->n, sizeof *o->written);
    if (o->failed)
        return out_of_memory(err);
    find_needed(g, output, needed);
    if (input < 0 || !needed[input])
        return err_set(err, ERR_UNSUPPORTED, "onnx: the output does not depend on an input");
    if ((o->opt->scale || o->opt->nhwc) && g->node[input].type.rank != 4)
        return err_set(err, ERR_UNSUPPORTED, "onnx: the input is no picture");
    name[input] = write_input(o, &g->node[input].type);
    if (!name[input])
        return out_of_memory(err);
    for (int i = 0; i < g->n; i++) {
        if (!needed[i] || i == input)
            continue;
        if (o->params->entry[i] >= 0)
            continue;                   /* with the first node that uses it */
        if (g->node[i].op->flags & NN_OP_LEAF)
            return err_set(err, ERR_UNSUPPORTED, "onnx: \"%.100s\" is a second input",
                           g->node[i].name);
        if (!write_node(o, i, name, err))
            return false;
    }
    if (leaf && !nn_onnx_begin(o, "Identity", 1, &name[output], o->opt->output))
        return out_of_memory(err);
    port[0] = value_info(o, o->opt->input, &g->node[input].type, o->opt->nhwc,
                         o->opt->scale ? ONNX__TENSOR_PROTO__DATA_TYPE__UINT8
                                       : ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    port[1] = value_info(o, o->opt->output, &g->node[output].type, false,
                         ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    out->name = copy_name(o, "discern");
    if (o->failed)
        return out_of_memory(err);
    out->n_input = out->n_output = 1;
    out->input = &port[0];
    out->output = &port[1];
    out->n_node = o->node.n;
    out->node = (Onnx__NodeProto **)o->node.item;
    out->n_initializer = o->initializer.n;
    out->initializer = (Onnx__TensorProto **)o->initializer.item;
    return true;
}

static bool write_meta(struct nn_onnx_out *o, Onnx__ModelProto *model)
{
    Onnx__StringStringEntryProto *meta = take(o, (size_t)o->opt->n_meta, sizeof *meta);
    Onnx__StringStringEntryProto **metas = take(o, (size_t)o->opt->n_meta, sizeof *metas);

    if (!meta || !metas)
        return false;
    for (int i = 0; i < o->opt->n_meta; i++) {
        onnx__string_string_entry_proto__init(&meta[i]);
        meta[i].key = copy_name(o, o->opt->meta[i][0]);
        meta[i].value = copy_name(o, o->opt->meta[i][1]);
        metas[i] = &meta[i];
    }
    model->n_metadata_props = (size_t)o->opt->n_meta;
    model->metadata_props = metas;
    return !o->failed;
}

static uint8_t *pack(const Onnx__ModelProto *model, size_t *size, struct err *err)
{
    uint8_t *data;

    *size = onnx__model_proto__get_packed_size(model);
    if (*size > FILE_BYTES_MAX) {
        err_set(err, ERR_UNSUPPORTED,
                "onnx: would be %zu bytes, the format holds less than 2 GiB", *size);
        return NULL;
    }
    data = malloc(*size);
    if (data)
        onnx__model_proto__pack(model, data);
    else
        out_of_memory(err);
    return data;
}

/* The version of the container that came with the opset, which older readers ask for:
 * https://github.com/onnx/onnx/blob/main/docs/Versioning.md#released-versions */
static int ir_version(int opset)
{
    return opset < 15 ? 7 : 8;
}

uint8_t *nn_onnx_pack(const struct nn_graph *g, const struct nn_params *p,
                      const struct nn_onnx_options *opt, size_t *size, struct err *err)
{
    struct nn_onnx_out o = { .graph = g, .params = p, .opt = opt, .mem = arena_new() };
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets = &opset;
    Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    uint8_t *data = NULL;

    assert(opt->opset >= NN_ONNX_OPSET_MIN && opt->opset <= NN_ONNX_OPSET_MAX);
    if (!o.mem) {
        out_of_memory(err);
        goto out;
    }
    if (!write_graph(&o, &graph, err))
        goto out;
    if (!write_meta(&o, &model)) {
        out_of_memory(err);
        goto out;
    }
    opset.domain = (char *)(uintptr_t)"";
    opset.has_version = true;
    opset.version = opt->opset;
    model.has_ir_version = true;
    model.ir_version = ir_version(opt->opset);
    model.producer_name = (char *)(uintptr_t)"discern";
    model.n_opset_import = 1;
    model.opset_import = &opsets;
    model.graph = &graph;
    data = pack(&model, size, err);
out:
    arena_free(o.mem);
    return data;
}
