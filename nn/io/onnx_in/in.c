/*
 * in -- see nn/io/onnx_in.h
 *
 * In four rounds over the nodes, which ONNX has in an order in which each reads earlier ones: are
 * they known, what is constant, what is needed and where patterns end, then each in turn.
 * https://github.com/onnx/onnx/blob/main/docs/IR.md
 */
#include "nn/io/onnx_in/lift.h"
#include "nn/io/onnx_in/tidy.h"

#include "nn/op/input.h"
#include "nn/pass/pass.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_MAX = 100000, RESULTS_MAX = 4096 };

/* A name of the file. */
struct entry {
    const char *name;
    int maker;                  /* node; -1: an input or a weight */
    nn_onnx_val *val;           /* NULL: not yet */
    bool given;                 /* it is a weight, or known before */
};

struct nn_onnx_names {
    struct entry *entry;        /* a hash table */
    size_t size;                /* a power of two */
};

struct import {
    nn_onnx_reader r;
    const Onnx__GraphProto *g;
    struct nn_onnx_names names;
    bool *needed;               /* by node */
    struct nn_onnx_lift *lift;
    struct nn_onnx_net *net;
};

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory");
}

/* ---- names ----------------------------------------------------------------------------------- */

static struct entry *slot(const nn_onnx_names *n, const char *name)
{
    uint32_t h = 2166136261u;
    size_t i;

    for (const char *p = name; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    for (i = h & (n->size - 1); n->entry[i].name && strcmp(n->entry[i].name, name);)
        i = (i + 1) & (n->size - 1);
    return &n->entry[i];
}

static struct entry *lookup(const nn_onnx_names *n, const char *name)
{
    struct entry *e = name && *name ? slot(n, name) : NULL;

    return e && e->name ? e : NULL;
}

int nn_onnx_maker(const nn_onnx_names *n, const char *name)
{
    const struct entry *e = lookup(n, name);

    return e ? e->maker : -1;
}

nn_onnx_val *nn_onnx_known(const nn_onnx_names *n, const char *name)
{
    const struct entry *e = lookup(n, name);

    return e && e->val && nn_onnx_is_const(e->val) ? e->val : NULL;
}

/* A new name; NULL and an error where it is there. */
static struct entry *define(struct import *m, const char *name, int maker)
{
    struct entry *e = slot(&m->names, name);

    if (e->name) {
        err_set(m->r.err, ERR_INPUT, "\"%.100s\" is made twice", name);
        return NULL;
    }
    *e = (struct entry){ .name = name, .maker = maker };
    return e;
}

/* ---- what the file is ------------------------------------------------------------------------ */

static bool get_opset(struct import *m)
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

static bool make_table(struct import *m)
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

static const char *node_name(const Onnx__NodeProto *node)
{
    const char *name = nn_onnx_text(node->name);

    return !*name && node->n_output ? nn_onnx_text(node->output[0]) : name;
}

static bool in_node(struct import *m, const Onnx__NodeProto *node)
{
    return err_in(m->r.err, "node \"%.100s\" (%.40s)", node_name(node),
                  nn_onnx_text(node->op_type));
}

static bool define_weights(struct import *m)
{
    for (size_t i = 0; i < m->g->n_initializer; i++) {
        const Onnx__TensorProto *t = m->g->initializer[i];
        struct entry *e = define(m, nn_onnx_text(t->name), -1);

        if (!e || !(e->val = nn_onnx_of_tensor(&m->r, t)))
            return false;
        e->given = true;
    }
    for (int i = 0; i < m->r.opt->n_given; i++) {
        const struct nn_onnx_given *given = &m->r.opt->given[i];
        Onnx__TensorProto *t;
        struct entry *e = define(m, given->name, -1);

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
static bool fill_shape(struct import *m, const char *name, bool first, int rank, int64_t *dim)
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

static nn_onnx_val *make_input(struct import *m, const char *name, int type, int rank,
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

static bool define_inputs(struct import *m)
{
    struct nn_onnx_net *net = m->net;

    net->input = arena_array(net->mem, m->g->n_input + 1, sizeof *net->input);
    if (!net->input)
        return no_memory(m->r.err);
    for (size_t i = 0; i < m->g->n_input; i++) {
        const char *name = nn_onnx_text(m->g->input[i]->name);
        const Onnx__TypeProto__Tensor *t = tensor_type(m->g->input[i]);
        struct nn_onnx_result *in = &net->input[net->n_input];
        struct entry *e = lookup(&m->names, name);

        if (e && e->given)
            continue;
        in->rank = declared(m->g->input[i], in->dim);
        if (in->rank < 0 || !*name)
            return err_set(m->r.err, ERR_UNSUPPORTED,
                           "input \"%.100s\" is no tensor of a shape that is said", name);
        if (m->r.opt->classifier && net->n_input)
            return err_set(m->r.err, ERR_UNSUPPORTED, "\"%.100s\" is a second input", name);
        if (!fill_shape(m, name, !net->n_input, in->rank, in->dim) || !(e = define(m, name, -1)) ||
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

/* ---- nodes ----------------------------------------------------------------------------------- */

/* Every result has one maker and is made before it is read. */
static bool define_results(struct import *m)
{
    for (size_t i = 0; i < m->g->n_node; i++) {
        const Onnx__NodeProto *node = m->g->node[i];

        for (size_t k = 0; k < node->n_input; k++)
            if (*nn_onnx_text(node->input[k]) && !lookup(&m->names, node->input[k])) {
                err_set(m->r.err, ERR_INPUT, "reads \"%.100s\", which nothing before it makes",
                        node->input[k]);
                return in_node(m, node);
            }
        for (size_t k = 0; k < node->n_output; k++)
            if (*nn_onnx_text(node->output[k]) && !define(m, node->output[k], (int)i))
                return in_node(m, node);
    }
    return true;
}

/* All operators that nobody knows, at once. */
static bool check_known(struct import *m)
{
    struct str list = { 0 };
    int kinds = 0;

    for (size_t i = 0; i < m->g->n_node; i++) {
        const char *type = nn_onnx_text(m->g->node[i]->op_type);
        const char *domain = nn_onnx_text(m->g->node[i]->domain);
        bool seen = false;
        int n = 0;

        if (nn_onnx_lower_find(m->g->node[i]))
            continue;
        for (size_t k = 0; k < m->g->n_node; k++)
            if (!strcmp(nn_onnx_text(m->g->node[k]->op_type), type) &&
                !strcmp(nn_onnx_text(m->g->node[k]->domain), domain)) {
                seen |= k < i;
                n++;
            }
        if (seen)
            continue;
        str_printf(&list, "%s%.40s%s%.40s (%d)", kinds++ ? ", " : "", domain, *domain ? "." : "",
                   type, n);
        if (kinds == 40)
            break;
    }
    if (kinds)
        err_set(m->r.err, ERR_UNSUPPORTED, "operators that are not known: %s", str_text(&list));
    str_release(&list);
    return !kinds;
}

/* Node i with what it reads; lift NULL: as it is. */
static bool lower(struct import *m, size_t i, const struct nn_onnx_lift *lift)
{
    const Onnx__NodeProto *node = m->g->node[i];
    nn_onnx_at a = { .r = &m->r, .node = node, .n_in = lift ? 1 : (int)node->n_input,
                     .n_out = (int)node->n_output };
    const struct entry *e;
    bool ok;

    a.x = arena_array(m->r.mem, (size_t)a.n_in + 1, sizeof *a.x);
    a.y = arena_array(m->r.mem, (size_t)a.n_out + 1, sizeof *a.y);
    if (!a.x || !a.y)
        return no_memory(m->r.err);
    for (int k = 0; k < a.n_in; k++) {
        e = lookup(&m->names, lift ? lift->x : node->input[k]);
        if (e && !e->val)
            return err_set(m->r.err, ERR_INPUT, "reads \"%.100s\", which is not there", e->name);
        a.x[k] = e ? e->val : NULL;
    }
    m->r.hint = lift && lift->name ? lift->name
                : a.n_out          ? nn_onnx_text(node->output[0])
                                   : NULL;
    ok = lift ? lift->lower(&a, lift) : nn_onnx_lower_find(node)(&a);
    m->r.hint = NULL;
    for (int k = 0; ok && k < a.n_out; k++) {
        struct entry *out = lookup(&m->names, node->output[k]);

        if (!out || !a.y[k])
            continue;
        out->val = arena_copy(m->r.mem, a.y[k], sizeof *a.y[k]);
        if (!out->val)
            return no_memory(m->r.err);
        if (!nn_onnx_is_const(out->val) || !out->val->name)
            out->val->name = out->name;
    }
    return ok;
}

/* What depends on constants alone; what cannot be computed so is tried again in its turn. */
static void fold(struct import *m)
{
    struct err *err = m->r.err, ignored;

    m->r.err = &ignored;
    for (size_t i = 0; i < m->g->n_node; i++) {
        const Onnx__NodeProto *node = m->g->node[i];
        bool known = true;

        for (size_t k = 0; known && k < node->n_input; k++)
            known = !*nn_onnx_text(node->input[k]) || nn_onnx_known(&m->names, node->input[k]);
        if (known && strcmp(nn_onnx_text(node->op_type), "ConstantOfShape"))
            lower(m, i, NULL);
    }
    m->r.err = err;
}

static void need(struct import *m, const char *name)
{
    int maker = nn_onnx_maker(&m->names, name);

    if (maker >= 0 && !nn_onnx_known(&m->names, name))
        m->needed[maker] = true;
}

/* From the last to the first: a pattern needs what goes into it. */
static void find_needed(struct import *m)
{
    for (size_t i = m->g->n_node; i-- > 0;) {
        const Onnx__NodeProto *node = m->g->node[i];

        if (!m->needed[i])
            continue;
        if (nn_onnx_lift_find(&m->r, &m->names, m->g, node, &m->lift[i]))
            need(m, m->lift[i].x);
        else
            m->lift[i].lower = NULL;
        for (size_t k = 0; !m->lift[i].lower && k < node->n_input; k++)
            need(m, node->input[k]);
    }
}

static bool lower_all(struct import *m)
{
    for (size_t i = 0; i < m->g->n_node; i++)
        if (m->needed[i] && !lower(m, i, m->lift[i].lower ? &m->lift[i] : NULL))
            return in_node(m, m->g->node[i]);
    return true;
}

/* ---- outputs --------------------------------------------------------------------------------- */

static bool define_output(struct import *m, const char *name, nn_onnx_val *v)
{
    struct nn_onnx_result *out = &m->net->output[m->net->n_output++];
    int8_t ax[SHAPE_MAX_RANK];
    double *d;
    int n;

    *out = (struct nn_onnx_result){ .rank = v->rank };
    out->name = arena_str(m->net->mem, name);
    if (!out->name)
        return no_memory(m->r.err);
    for (int i = 0; i < v->rank; i++)
        out->dim[i] = m->r.batch != 1 && v->dim[i] % m->r.batch == 0 ? v->dim[i] / m->r.batch
                                                                      : v->dim[i];
    if (nn_onnx_is_const(v)) {
        int64_t count = nn_onnx_count(v->rank, v->dim);

        if (!nn_onnx_load(&m->r, v))
            return false;
        out->number = d = arena_array(m->net->mem, (size_t)count + 1, sizeof *d);
        for (int64_t i = 0; d && i < count; i++)
            d[i] = nn_onnx_num(v, i);
        return d || no_memory(m->r.err);
    }
    if (v->rank != 4) {
        n = nn_onnx_natural(v, ax);
        v = nn_onnx_placed(&m->r, v, n, ax);
        if (!v)
            return false;
    }
    out->n_axis = v->n_ax;
    for (int i = 0; i < v->n_ax; i++)
        out->axis[i] = v->ax[i];
    return nn_graph_output(m->r.g, name, v->node, m->r.err);
}

/* Which output of a classifier is meant. */
static const char *answer_name(const struct import *m)
{
    const char *want = m->r.opt->output;

    for (size_t i = 0; i < m->g->n_output; i++)
        if (!want || !strcmp(nn_onnx_text(m->g->output[i]->name), want))
            return nn_onnx_text(m->g->output[i]->name);
    err_set(m->r.err, ERR_INPUT, "there is no output \"%.100s\"", want ? want : "");
    return NULL;
}

/* [N,labels] before softmax or sigmoid. */
static bool define_answer(struct import *m)
{
    const char *name = answer_name(m);
    nn_onnx_val *v = name ? lookup(&m->names, name)->val : NULL;
    const struct nn_node *node;
    static const int8_t rows[2] = { 0, 1 };

    if (!name)
        return false;
    if (!v)
        return err_set(m->r.err, ERR_UNSUPPORTED, "output \"%.100s\" is not computed", name);
    if (nn_onnx_is_const(v) || v->rank < 2 || v->ax[0] != 0 || v->dim[0] != m->r.batch ||
        nn_onnx_count(v->rank, v->dim) != v->dim[0] * v->dim[1])
        return err_set(m->r.err, ERR_UNSUPPORTED, "output \"%.100s\" is no number a label, "
                       "[N,labels]: this is no classifier, or another output is meant", name);
    node = &m->r.g->node[v->node];
    if (node->op == &nn_op_softmax || node->op == &nn_op_sigmoid) {
        m->net->end = node->op == &nn_op_softmax ? NN_ONNX_END_SOFTMAX : NN_ONNX_END_SIGMOID;
        v = arena_copy(m->r.mem, v, sizeof *v);
        if (!v)
            return no_memory(m->r.err);
        v->node = node->in[0];
    }
    v = nn_onnx_v_reshape(&m->r, v, 2, v->dim);
    v = v ? nn_onnx_placed(&m->r, v, 2, rows) : NULL;
    return v && define_output(m, "logits", v);
}

static bool define_outputs(struct import *m)
{
    m->net->output = arena_array(m->net->mem, m->g->n_output + 1, sizeof *m->net->output);
    if (!m->net->output)
        return no_memory(m->r.err);
    if (m->r.opt->classifier)
        return define_answer(m) || err_in(m->r.err, "output");
    for (size_t i = 0; i < m->g->n_output; i++) {
        const char *name = nn_onnx_text(m->g->output[i]->name);
        struct entry *e = lookup(&m->names, name);
        const char *ours = arena_printf(m->r.mem, "output%zu", i);

        if (!ours)
            return no_memory(m->r.err);
        if (!e->val)
            return err_set(m->r.err, ERR_UNSUPPORTED, "output \"%.100s\" is not computed", name);
        if (!define_output(m, ours, e->val))
            return err_in(m->r.err, "output \"%.100s\"", name);
    }
    return true;
}

static bool need_outputs(struct import *m)
{
    const char *one = m->r.opt->classifier && m->g->n_output ? answer_name(m) : NULL;

    if (!m->g->n_output || (m->r.opt->classifier && !one))
        return m->g->n_output || err_set(m->r.err, ERR_INPUT, "it has no output");
    for (size_t i = 0; i < m->g->n_output; i++) {
        const char *name = nn_onnx_text(m->g->output[i]->name);

        if (!lookup(&m->names, name))
            return err_set(m->r.err, ERR_INPUT, "output \"%.100s\" is made by nothing", name);
        if (!one || !strcmp(name, one))
            need(m, name);
    }
    return true;
}

/* What no output needs goes, and the numbers are made. */
static bool finish(struct import *m)
{
    struct nn_values v, v2, v3;
    struct nn_graph *tidy;
    bool any = false, ok;

    for (int i = 0; i < m->net->n_output; i++)
        any |= !m->net->output[i].number;
    if (!any)
        return true;
    if (!nn_values_new(m->r.g, m->r.mem, &v, m->r.err))
        return false;
    for (int i = 0; i < m->r.g->n; i++) {
        struct shape s;

        if (!m->r.number[i])
            continue;
        if (!nn_type_shape(&m->r.g->node[i].type, 1, &s))
            return no_memory(m->r.err);
        v.of[i] = nn_value_of(m->r.mem, shape_count(&s), m->r.number[i]);
        if (!v.of[i])
            return no_memory(m->r.err);
    }
    if (!nn_onnx_tidy(m->r.g, &v, &tidy, &v2, m->r.err))
        return false;
    ok = nn_pass_dead_code.run(tidy, &v2, &m->net->graph, &v3, m->r.err) &&
         (m->net->params = nn_params_of(m->net->graph, &v3, m->r.err));
    nn_graph_free(tidy);
    return ok;
}

static bool import(struct import *m)
{
    if (!get_opset(m) || !make_table(m) || !check_known(m) || !define_weights(m) ||
        !define_inputs(m) || !define_results(m))
        return false;
    fold(m);
    if (!need_outputs(m))
        return false;
    find_needed(m);
    return lower_all(m) && define_outputs(m) && finish(m);
}

struct nn_onnx_net *nn_onnx_in(const struct nn_onnx_file *f, const struct nn_onnx_in_options *opt,
                               struct err *err)
{
    struct import m = {
        .r = { .file = f, .opt = opt, .err = err, .batch = opt->whole ? 1 : NN_ONNX_BATCH,
               .mem = arena_new() },
        .g = f->model->graph, .net = calloc(1, sizeof *m.net) };
    bool ok = m.r.mem && m.net && (m.net->mem = arena_new()) && (m.r.g = nn_graph_new(err));

    if (!ok)
        no_memory(err);
    else
        ok = import(&m);
    nn_graph_free(m.r.g);
    arena_free(m.r.mem);
    if (ok)
        return m.net;
    if (f->path)
        err_in(err, "%s", f->path);
    nn_onnx_net_free(m.net);
    return NULL;
}

void nn_onnx_net_free(struct nn_onnx_net *n)
{
    if (!n)
        return;
    nn_graph_free(n->graph);
    nn_params_free(n->params);
    arena_free(n->mem);
    free(n);
}
