/*
 * in -- see nn/io/onnx_in.h
 *
 * In four rounds over the nodes, which ONNX has in an order in which each reads earlier ones: are
 * they known, what is constant, what is needed and where patterns end, then each in turn.
 * https://github.com/onnx/onnx/blob/main/docs/IR.md
 */
#include "nn/io/onnx_in/import.h"
#include "nn/io/onnx_in/tidy.h"

#include "nn/pass/pass.h"

#include <stdlib.h>
#include <string.h>

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory");
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static const char *node_name(const Onnx__NodeProto *node)
{
    const char *name = nn_onnx_text(node->name);

    return !*name && node->n_output ? nn_onnx_text(node->output[0]) : name;
}

static bool in_node(struct nn_onnx_import *m, const Onnx__NodeProto *node)
{
    return err_in(m->r.err, "node \"%.100s\" (%.40s)", node_name(node),
                  nn_onnx_text(node->op_type));
}

/* Every result has one maker and is made before it is read. */
static bool define_results(struct nn_onnx_import *m)
{
    for (size_t i = 0; i < m->g->n_node; i++) {
        const Onnx__NodeProto *node = m->g->node[i];

        for (size_t k = 0; k < node->n_input; k++)
            if (*nn_onnx_text(node->input[k]) && !nn_onnx_lookup(&m->names, node->input[k])) {
                err_set(m->r.err, ERR_INPUT, "reads \"%.100s\", which nothing before it makes",
                        node->input[k]);
                return in_node(m, node);
            }
        for (size_t k = 0; k < node->n_output; k++)
            if (*nn_onnx_text(node->output[k]) && !nn_onnx_define(m, node->output[k], (int)i))
                return in_node(m, node);
    }
    return true;
}

/* All operators that nobody knows, at once. */
static bool check_known(struct nn_onnx_import *m)
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
static bool lower(struct nn_onnx_import *m, size_t i, const struct nn_onnx_lift *lift)
{
    const Onnx__NodeProto *node = m->g->node[i];
    nn_onnx_at a = { .r = &m->r, .node = node, .n_in = lift ? 1 : (int)node->n_input,
                     .n_out = (int)node->n_output };
    const struct nn_onnx_entry *e;
    bool ok;

    a.x = arena_array(m->r.mem, (size_t)a.n_in + 1, sizeof *a.x);
    a.y = arena_array(m->r.mem, (size_t)a.n_out + 1, sizeof *a.y);
    if (!a.x || !a.y)
        return no_memory(m->r.err);
    for (int k = 0; k < a.n_in; k++) {
        e = nn_onnx_lookup(&m->names, lift ? lift->x : node->input[k]);
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
        struct nn_onnx_entry *out = nn_onnx_lookup(&m->names, node->output[k]);

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
static void fold(struct nn_onnx_import *m)
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

static void need(struct nn_onnx_import *m, const char *name)
{
    int maker = nn_onnx_maker(&m->names, name);

    if (maker >= 0 && !nn_onnx_known(&m->names, name))
        m->needed[maker] = true;
}

/* From the last to the first: a pattern needs what goes into it. */
static void find_needed(struct nn_onnx_import *m)
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

static bool lower_all(struct nn_onnx_import *m)
{
    for (size_t i = 0; i < m->g->n_node; i++)
        if (m->needed[i] && !lower(m, i, m->lift[i].lower ? &m->lift[i] : NULL))
            return in_node(m, m->g->node[i]);
    return true;
}

/* ---- outputs --------------------------------------------------------------------------------- */

static bool define_output(struct nn_onnx_import *m, const char *name, nn_onnx_val *v)
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
static const char *answer_name(const struct nn_onnx_import *m)
{
    const char *want = m->r.opt->output;

    for (size_t i = 0; i < m->g->n_output; i++)
        if (!want || !strcmp(nn_onnx_text(m->g->output[i]->name), want))
            return nn_onnx_text(m->g->output[i]->name);
    err_set(m->r.err, ERR_INPUT, "there is no output \"%.100s\"", want ? want : "");
    return NULL;
}

/* [N,labels] before softmax or sigmoid. */
static bool define_answer(struct nn_onnx_import *m)
{
    const char *name = answer_name(m);
    nn_onnx_val *v = name ? nn_onnx_lookup(&m->names, name)->val : NULL;
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

static bool define_outputs(struct nn_onnx_import *m)
{
    m->net->output = arena_array(m->net->mem, m->g->n_output + 1, sizeof *m->net->output);
    if (!m->net->output)
        return no_memory(m->r.err);
    if (m->r.opt->classifier)
        return define_answer(m) || err_in(m->r.err, "output");
    for (size_t i = 0; i < m->g->n_output; i++) {
        const char *name = nn_onnx_text(m->g->output[i]->name);
        struct nn_onnx_entry *e = nn_onnx_lookup(&m->names, name);
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

static bool need_outputs(struct nn_onnx_import *m)
{
    const char *one = m->r.opt->classifier && m->g->n_output ? answer_name(m) : NULL;

    if (!m->g->n_output || (m->r.opt->classifier && !one))
        return m->g->n_output || err_set(m->r.err, ERR_INPUT, "it has no output");
    for (size_t i = 0; i < m->g->n_output; i++) {
        const char *name = nn_onnx_text(m->g->output[i]->name);

        if (!nn_onnx_lookup(&m->names, name))
            return err_set(m->r.err, ERR_INPUT, "output \"%.100s\" is made by nothing", name);
        if (!one || !strcmp(name, one))
            need(m, name);
    }
    return true;
}

/* What no output needs goes, and the numbers are made. */
static bool finish(struct nn_onnx_import *m)
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

static bool import(struct nn_onnx_import *m)
{
    if (!nn_onnx_get_opset(m) || !nn_onnx_make_table(m) || !check_known(m) ||
        !nn_onnx_define_weights(m) || !nn_onnx_define_inputs(m) || !define_results(m))
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
    struct nn_onnx_import m = {
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
