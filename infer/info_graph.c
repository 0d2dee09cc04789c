/*
 * info_graph -- a network's plan as a table, and its graph for Graphviz
 */
#include "infer/info.h"

#include "nn/base/cli.h"

#include <string.h>

enum { NAME_COLUMNS = 18, OP_COLUMNS = 12, SHAPE_COLUMNS = 14 };

int64_t infer_info_flops(const struct nn_plan *p, int step)
{
    int node = p->step[step].node;
    struct nn_call c = nn_plan_call(p, node);

    return nn_op_flops(p->graph->node[node].op, &c);
}

int64_t infer_info_bytes(const struct nn_plan *p, int step)
{
    int buffer = p->value[p->step[step].node];

    return buffer < 0 ? 0 : (int64_t)p->buffer[buffer].bytes;
}

/* "64x64x32": without the batch. */
static void add_shape(struct str *out, const struct shape *s)
{
    for (int i = 1; i < s->rank; i++)
        str_printf(out, "%s%lld", i > 1 ? "x" : "", (long long)s->dim[i]);
    if (s->rank < 2)
        str_addc(out, '1');
}

static void add_row(const struct nn_plan *p, int step, struct str *out)
{
    const struct nn_node *node = &p->graph->node[p->step[step].node];
    double flops = (double)infer_info_flops(p, step);
    struct str shape = { 0 }, bytes = { 0 }, cost = { 0 };

    add_shape(&shape, &p->shape[p->step[step].node]);
    infer_info_rounded(&bytes, (double)infer_info_bytes(p, step), "B");
    infer_info_rounded(&cost, flops, "flop");
    str_printf(out, "%4d  ", step + 1);
    cli_column(out, node->op->name, OP_COLUMNS, false);
    cli_column(out, node->name, NAME_COLUMNS, false);
    str_addc(out, ' ');
    cli_column(out, str_text(&shape), SHAPE_COLUMNS, true);
    str_printf(out, "%9s %11s %5.1f %%\n", str_text(&bytes), str_text(&cost),
               p->flops ? 100 * flops / (double)p->flops : 0);
    str_release(&shape);
    str_release(&bytes);
    str_release(&cost);
}

void infer_info_plan(const struct infer_info *f, struct str *out)
{
    const struct nn_plan *p = f->plan;

    str_printf(out, "%4s  %-*s%-*s %*s%9s %11s %7s\n", "step", OP_COLUMNS, "operator", NAME_COLUMNS,
               "name", SHAPE_COLUMNS, "gives", "bytes", "cost", "share");
    for (int i = 0; i < p->n_forward; i++)
        add_row(p, i, out);
    str_printf(out, "%d steps, ", p->n_forward);
    infer_info_rounded(out, (double)p->flops, "flop");
    str_add(out, " a picture; values share ");
    infer_info_rounded(out, (double)p->bytes, "B");
    str_add(out, ", weights take ");
    infer_info_rounded(out, (double)f->weight_bytes, "B");
    str_addc(out, '\n');
}

/* ---- dot ------------------------------------------------------------------------------------- */

/* As it stands between quotes of Graphviz's; what a terminal obeys is cleaned away. */
static void add_escaped(struct str *out, const char *text)
{
    struct str clean = { 0 };

    cli_clean(&clean, text);
    for (const char *p = str_text(&clean); *p; p++) {
        if (*p == '"' || *p == '\\')
            str_addc(out, '\\');
        str_addc(out, *p);
    }
    out->failed |= clean.failed;
    str_release(&clean);
}

/* "64x64x3" of a type, the batch left out. */
static void add_type(struct str *out, const struct nn_type *t)
{
    bool any = false;

    for (int i = 0; i < t->rank; i++) {
        if (t->dim[i].batch)
            continue;
        str_printf(out, "%s%d", any ? "x" : "", t->dim[i].n);
        any = true;
    }
}

static bool is_shown(const struct nn_node *node)
{
    return !(node->op->flags & NN_OP_LEAF) || !strcmp(node->op->name, "input");
}

static void add_node(const struct nn_graph *g, int i, struct str *out)
{
    const struct nn_node *node = &g->node[i];

    str_printf(out, "  n%d [label=\"%s\\n", i, node->op->name);
    add_escaped(out, node->name);
    str_addc(out, ' ');
    add_type(out, &node->type);
    str_printf(out, "\"%s];\n", node->op->flags & NN_OP_LEAF ? ", shape=ellipse" : "");
    for (int k = 0; k < node->n_in; k++)
        if (is_shown(&g->node[node->in[k]]))
            str_printf(out, "  n%d -> n%d;\n", node->in[k], i);
}

void infer_info_dot(const struct nn_graph *g, struct str *out)
{
    str_add(out, "digraph discern {\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (int i = 0; i < g->n; i++)
        if (is_shown(&g->node[i]))
            add_node(g, i, out);
    for (int i = 0; i < g->n_output; i++) {
        str_printf(out, "  o%d [shape=ellipse, label=\"", i);
        add_escaped(out, g->output[i].name);
        str_printf(out, "\"];\n  n%d -> o%d;\n", g->output[i].node, i);
    }
    str_add(out, "}\n");
}
