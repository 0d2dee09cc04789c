/*
 * onnx_write -- see onnx.h
 *
 * Builds the protobuf messages of ONNX's onnx.proto in an arena and packs them with protobuf-c.
 * Values keep the names of our nodes.
 * https://github.com/onnx/onnx/blob/main/docs/IR.md
 */
#include "nn/io/onnx_out.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)INT32_MAX)      /* what protobuf allows a message */

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
    Onnx__ValueInfoProto *v = nn_onnx_take(o, 1, sizeof *v);
    Onnx__TypeProto *t = nn_onnx_take(o, 1, sizeof *t);
    Onnx__TypeProto__Tensor *tensor = nn_onnx_take(o, 1, sizeof *tensor);
    Onnx__TensorShapeProto *shape = nn_onnx_take(o, 1, sizeof *shape);
    Onnx__TensorShapeProto__Dimension *dim = nn_onnx_take(o, (size_t)type->rank, sizeof *dim);
    Onnx__TensorShapeProto__Dimension **dims = nn_onnx_take(o, (size_t)type->rank, sizeof *dims);

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
    v->name = nn_onnx_copy(o, name);
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
    float *value = nn_onnx_take(o, (size_t)p->count[entry], sizeof *value);
    struct shape shape;

    if (!value)
        return false;
    memcpy(attr.perm, perm, sizeof attr.perm);
    node.attr = &attr;
    shape = nn_params_file_shape(&one, 0);
    nn_params_to_file(&one, 0, p->value + p->offset[entry], value);
    return nn_onnx_initializer(o, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, shape.rank, shape.dim,
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

    if (!name || !nn_onnx_initializer(o, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 4,
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
    const char **name = nn_onnx_take(o, (size_t)g->n, sizeof *name);

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
    bool *needed = nn_onnx_take(o, (size_t)g->n, sizeof *needed);
    bool leaf = g->node[output].op->flags & NN_OP_LEAF;
    const char **name = value_names(o, input, leaf ? -1 : output);
    Onnx__ValueInfoProto **port = nn_onnx_take(o, 2, sizeof *port);

    o->written = nn_onnx_take(o, (size_t)g->n, sizeof *o->written);
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
    out->name = nn_onnx_copy(o, "discern");
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
    Onnx__StringStringEntryProto *meta = nn_onnx_take(o, (size_t)o->opt->n_meta, sizeof *meta);
    Onnx__StringStringEntryProto **metas = nn_onnx_take(o, (size_t)o->opt->n_meta, sizeof *metas);

    if (!meta || !metas)
        return false;
    for (int i = 0; i < o->opt->n_meta; i++) {
        onnx__string_string_entry_proto__init(&meta[i]);
        meta[i].key = nn_onnx_copy(o, o->opt->meta[i][0]);
        meta[i].value = nn_onnx_copy(o, o->opt->meta[i][1]);
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
