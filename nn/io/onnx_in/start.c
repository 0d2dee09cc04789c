/*
 * start -- names of an ONNX file, its weights and inputs: import.h
 */
#include "nn/io/onnx_in/import.h"

#include "nn/op/input.h"

#include <limits.h>
#include <string.h>

enum { NODES_MAX = 100000, RESULTS_MAX = 4096 };

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory");
}

/* ---- names ----------------------------------------------------------------------------------- */

static struct nn_onnx_entry *slot(const nn_onnx_names *n, const char *name)
{
    uint32_t h = 2166136261u;
    size_t i;

    for (const char *p = name; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    for (i = h & (n->size - 1); n->entry[i].name && strcmp(n->entry[i].name, name);)
        i = (i + 1) & (n->size - 1);
    return &n->entry[i];
}

struct nn_onnx_entry *nn_onnx_lookup(const nn_onnx_names *n, const char *name)
{
    struct nn_onnx_entry *e = name && *name ? slot(n, name) : NULL;

    return e && e->name ? e : NULL;
}

int nn_onnx_maker(const nn_onnx_names *n, const char *name)
{
    const struct nn_onnx_entry *e = nn_onnx_lookup(n, name);

    return e ? e->maker : -1;
}

nn_onnx_val *nn_onnx_known(const nn_onnx_names *n, const char *name)
{
    const struct nn_onnx_entry *e = nn_onnx_lookup(n, name);

    return e && e->val && nn_onnx_is_const(e->val) ? e->val : NULL;
}

struct nn_onnx_entry *nn_onnx_define(struct nn_onnx_import *m, const char *name, int maker)
{
    struct nn_onnx_entry *e = slot(&m->names, name);

    if (e->name) {
        err_set(m->r.err, ERR_INPUT, "\"%.100s\" is made twice", name);
        return NULL;
    }
    *e = (struct nn_onnx_entry){ .name = name, .maker = maker };
    return e;
}

/* ---- what the file is ------------------------------------------------------------------------ */

bool nn_onnx_get_opset(struct nn_onnx_import *m)
{
    const Onnx__ModelProto *model = m->r.file->model;
    int64_t opset = 0;

    for (size_t i = 0; i < model->n_opset_import; i++) {
        const char *domain = nn_onnx_text(model->opset_import[i]->domain);

        if (!*domain || !strcmp(domain, "ai.onnx"))
            opset = model->opset_import[i]->version;
    }
    m->r.opset = opset > INT_MAX ? INT_MAX : (int)opset;
    if (opset < NN_ONNX_IN_OPSET_MIN || (opset > NN_ONNX_IN_OPSET_MAX && !m->r.opt->newer))
        return err_set(m->r.err, ERR_UNSUPPORTED, "its operators are those of opset %lld; %d to %d "
                       "are read", (long long)opset, NN_ONNX_IN_OPSET_MIN, NN_ONNX_IN_OPSET_MAX);
    return true;
}

bool nn_onnx_make_table(struct nn_onnx_import *m)
{
    size_t n = 16 + m->g->n_input + m->g->n_initializer, size = 64;

    if (m->g->n_node > NODES_MAX)
        return err_set(m->r.err, ERR_INPUT, "more than %d nodes", NODES_MAX);
    for (size_t i = 0; i < m->g->n_node; i++) {
        if (m->g->node[i]->n_output > RESULTS_MAX || m->g->node[i]->n_input > RESULTS_MAX)
            return err_set(m->r.err, ERR_INPUT,
                           "node \"%.100s\" has more than %d inputs or results",
                           nn_onnx_text(m->g->node[i]->name), RESULTS_MAX);
        n += m->g->node[i]->n_output;
    }
    while (size < 2 * n)
        size *= 2;
    m->names.size = size;
    m->names.entry = arena_array(m->r.mem, size, sizeof *m->names.entry);
    m->needed = arena_array(m->r.mem, m->g->n_node + 1, sizeof *m->needed);
    m->lift = arena_array(m->r.mem, m->g->n_node + 1, sizeof *m->lift);
    m->r.number = arena_array(m->r.mem, NN_MAX_NODES + 1, sizeof *m->r.number);
    return (m->names.entry && m->needed && m->lift && m->r.number) || no_memory(m->r.err);
}

bool nn_onnx_define_weights(struct nn_onnx_import *m)
{
    for (size_t i = 0; i < m->g->n_initializer; i++) {
        const Onnx__TensorProto *t = m->g->initializer[i];
        struct nn_onnx_entry *e = nn_onnx_define(m, nn_onnx_text(t->name), -1);

        if (!e || !(e->val = nn_onnx_of_tensor(&m->r, t)))
            return false;
        e->given = true;
    }
    for (int i = 0; i < m->r.opt->n_given; i++) {
        const struct nn_onnx_given *given = &m->r.opt->given[i];
        Onnx__TensorProto *t;
        struct nn_onnx_entry *e = nn_onnx_define(m, given->name, -1);

        if (!e || !nn_onnx_walk(given->tensor, given->bytes, &onnx__tensor_proto__descriptor,
                                m->r.err))
            return false;
        t = onnx__tensor_proto__unpack(NULL, given->bytes, given->tensor);
        if (!t)
            return no_memory(m->r.err);
        e->val = nn_onnx_of_tensor(&m->r, t);
        if (e->val && !nn_onnx_load(&m->r, e->val))
            e->val = NULL;
        if (e->val) {
            e->val->tensor = NULL;
            e->val->name = given->name;
        }
        onnx__tensor_proto__free_unpacked(t, NULL);
        if (!e->val)
            return false;
        e->given = true;
    }
    return true;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static const Onnx__TypeProto__Tensor *tensor_type(const Onnx__ValueInfoProto *v)
{
    return v->type && v->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
               ? v->type->tensor_type
               : NULL;
}

/* Its declared shape, -1 where it is open; its rank, -1: none is declared, or too many. */
static int declared(const Onnx__ValueInfoProto *v, int64_t *dim)
{
    const Onnx__TypeProto__Tensor *t = tensor_type(v);

    if (!t || !t->shape || t->shape->n_dim > SHAPE_MAX_RANK - 1)
        return -1;
    for (size_t d = 0; d < t->shape->n_dim; d++) {
        const Onnx__TensorShapeProto__Dimension *p = t->shape->dim[d];

        dim[d] = p->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
                         p->dim_value >= 0 ? p->dim_value : -1;
    }
    return (int)t->shape->n_dim;
}

static bool is_weight(const Onnx__GraphProto *g, const char *name)
{
    for (size_t i = 0; i < g->n_initializer; i++)
        if (!strcmp(nn_onnx_text(g->initializer[i]->name), name))
            return true;
    return false;
}

static enum nn_onnx_numbers numbers_of(int32_t type)
{
    switch (type) {
    case NN_ONNX_T_UINT8:
    case NN_ONNX_T_UINT16:
    case NN_ONNX_T_INT16:
    case NN_ONNX_T_INT32:
    case NN_ONNX_T_INT64:
        return NN_ONNX_WHOLE;
    case NN_ONNX_T_INT8:
    case NN_ONNX_T_STRING:
    case NN_ONNX_T_BOOL:
        return NN_ONNX_NO_PIXELS;
    default:
        return NN_ONNX_NUMBERS;
    }
}

bool nn_onnx_first_input(const struct nn_onnx_file *f, const char **name, int *rank,
                         int64_t dim[SHAPE_MAX_RANK], enum nn_onnx_numbers *numbers)
{
    const Onnx__GraphProto *g = f->model->graph;

    for (size_t i = 0; i < g->n_input; i++) {
        const Onnx__TypeProto__Tensor *t = tensor_type(g->input[i]);

        if (is_weight(g, nn_onnx_text(g->input[i]->name)))
            continue;
        *name = nn_onnx_text(g->input[i]->name);
        *rank = declared(g->input[i], dim);
        *numbers = t ? numbers_of(t->elem_type) : NN_ONNX_NUMBERS;
        return true;
    }
    return false;
}

/* Sizes that the file leaves open, and the batch. */
static bool fill_shape(struct nn_onnx_import *m, const char *name, bool first, int rank,
                       int64_t *dim)
{
    const struct nn_onnx_in_options *o = m->r.opt;
    int h = o->nhwc ? 1 : 2;

    if (m->r.batch != 1) {
        if (!rank)
            return err_set(m->r.err, ERR_UNSUPPORTED, "input \"%.100s\" has no batch", name);
        if (first)
            m->r.said = dim[0] < 0 ? 0 : dim[0];
        dim[0] = m->r.batch;
    }
    if (rank == 4 && o->height && dim[h] < 0)
        dim[h] = o->height;
    if (rank == 4 && o->width && dim[h + 1] < 0)
        dim[h + 1] = o->width;
    for (int d = 0; d < rank; d++) {
        if (dim[d] < 0)
            return err_set(m->r.err, ERR_INPUT, "input \"%.100s\" leaves dimension %d open: say "
                           "which size of picture is meant", name, d);
        if (dim[d] > INT_MAX || !dim[d])
            return err_set(m->r.err, ERR_INPUT, "input \"%.100s\" has a dimension of %lld", name,
                           (long long)dim[d]);
    }
    if (rank == 4 && o->height && (dim[h] != o->height || dim[h + 1] != o->width))
        return err_set(m->r.err, ERR_INPUT, "input \"%.100s\" is for pictures of %lldx%lld, not "
                       "%dx%d", name, (long long)dim[h], (long long)dim[h + 1], o->height,
                       o->width);
    return true;
}

static nn_onnx_val *make_input(struct nn_onnx_import *m, const char *name, int type, int rank,
                               const int64_t *dim, bool first)
{
    static const int8_t nchw[4] = { 0, 2, 3, 1 };
    struct nn_input a = { .shape = { 0 } };
    int8_t ax[SHAPE_MAX_RANK];
    bool batch = m->r.batch != 1;
    nn_onnx_val *v;
    int n = 0, id;

    ax[n++] = batch ? 0 : -1;
    for (int d = batch; d < rank; d++)
        ax[n++] = (int8_t)d;
    if (batch && rank == 4 && !(first && m->r.opt->nhwc))
        memcpy(ax, nchw, sizeof nchw);
    for (int i = 1; i < n; i++)
        a.shape[i - 1] = (int)dim[ax[i]];
    if (n == 1) {               /* an input of ours has a dimension at least */
        a.shape[0] = 1;
        ax[n++] = 0;
    }
    name = m->r.opt->classifier && first ? "image" : nn_onnx_new_name(&m->r, name);
    id = name ? nn_graph_add(m->r.g, &nn_op_input, name, &a, 0, NULL, m->r.err) : -1;
    if (n == 2 && rank == !!batch) {
        v = nn_onnx_new_node(&m->r, type, rank + 1, (int64_t[]){ batch ? dim[0] : 1, 1 }, id, 2,
                             batch ? (int8_t[]){ 0, 1 } : (int8_t[]){ -1, 0 });
        return v ? nn_onnx_v_reshape(&m->r, v, rank, dim) : NULL;
    }
    return nn_onnx_new_node(&m->r, type, rank, dim, id, n, ax);
}

bool nn_onnx_define_inputs(struct nn_onnx_import *m)
{
    struct nn_onnx_net *net = m->net;

    net->input = arena_array(net->mem, m->g->n_input + 1, sizeof *net->input);
    if (!net->input)
        return no_memory(m->r.err);
    for (size_t i = 0; i < m->g->n_input; i++) {
        const char *name = nn_onnx_text(m->g->input[i]->name);
        const Onnx__TypeProto__Tensor *t = tensor_type(m->g->input[i]);
        struct nn_onnx_result *in = &net->input[net->n_input];
        struct nn_onnx_entry *e = nn_onnx_lookup(&m->names, name);

        if (e && e->given)
            continue;
        in->rank = declared(m->g->input[i], in->dim);
        if (in->rank < 0 || !*name)
            return err_set(m->r.err, ERR_UNSUPPORTED,
                           "input \"%.100s\" is no tensor of a shape that is said", name);
        if (m->r.opt->classifier && net->n_input)
            return err_set(m->r.err, ERR_UNSUPPORTED, "\"%.100s\" is a second input", name);
        if (!fill_shape(m, name, !net->n_input, in->rank, in->dim) ||
            !(e = nn_onnx_define(m, name, -1)) ||
            !(e->val = make_input(m, name, t->elem_type, in->rank, in->dim, !net->n_input)))
            return err_in(m->r.err, "input \"%.100s\"", name);
        e->val->name = name;
        if (!m->r.first)
            m->r.first = e->val;
        for (int k = 0; k < m->r.g->n; k++)
            if (m->r.g->node[k].op == &nn_op_input)
                in->name = m->r.g->node[k].name;        /* the last one */
        in->name = arena_str(net->mem, in->name);
        if (!in->name)
            return no_memory(m->r.err);
        net->n_input++;
    }
    return true;
}
