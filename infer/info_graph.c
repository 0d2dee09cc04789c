/*
 * info_graph -- a network's plan as a table, and its graph for Graphviz
 */
#include "infer/info.h"

#include "nn/base/cli.h"
#include "nn/base/clock.h"
#include "nn/base/order.h"
#include "nn/exec.h"
#include "nn/op/bce.h"
#include "nn/op/input.h"
#include "nn/op/xent.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMNS = 16, OP_COLUMNS = 15, SHAPE_COLUMNS = 12, STEP_COLUMNS = 20, RUNS = 9,
       VARIANT_COLUMNS = 32 };

int infer_info_tail(const struct nn_plan *p, int step)
{
    return p->fused.tail[p->step[step].node];
}

void infer_info_operators(const struct nn_plan *p, int step, struct str *out)
{
    int node = p->step[step].node, cut = p->fused.cut[node];

    str_add(out, p->graph->node[node].op->name);
    if (p->fused.residual[node] >= 0)
        str_add(out, "+add");
    if (cut >= 0)
        str_printf(out, "+%s", p->graph->node[cut].op->name);
}

/* The model's graph with a loss; NULL where it has no logits to learn. */
static struct nn_graph *training_graph(const struct infer_model *m, struct err *err)
{
    struct nn_graph *g = nn_graph_copy(m->graph, err);
    int in[2] = { g ? nn_graph_find_output(g, "logits") : -1, -1 }, loss = -1;

    if (in[0] >= 0) {
        struct nn_input target = { .shape = { m->n_labels } };

        in[1] = nn_graph_add(g, &nn_op_input, "target", &target, 0, NULL, err);
    }
    if (in[1] >= 0 && m->task == DATA_SINGLE)
        loss = nn_graph_add(g, &nn_op_xent, "loss", &(struct nn_xent){ 0 }, 2, in, err);
    else if (in[1] >= 0)
        loss = nn_graph_add(g, &nn_op_bce, "loss", &(struct nn_bce){ 0 }, 2, in, err);
    if (loss >= 0 && nn_graph_output(g, "loss", loss, err))
        return g;
    nn_graph_free(g);
    return NULL;
}

static struct infer_info_step training_step(const struct nn_graph *g,
                                            const struct nn_kernels *kernels, size_t limit)
{
    struct nn_plan_options opt = { .mode = NN_TRAIN, .batch = INFER_INFO_BATCH, .limit = limit,
                                   .kernels = kernels };
    struct err ignored = { 0 };
    struct nn_plan *p = nn_plan_new(g, &opt, &ignored);
    struct infer_info_step step = { 0 };

    if (p)
        step = (struct infer_info_step){
            .bytes = p->bytes, .kept = p->kept_bytes, .again = p->again_bytes,
            .more = (double)p->again_flops / (3 * (double)p->flops) };
    nn_plan_free(p);
    return step;
}

/* Whether a model can be trained is no error of one that answers. */
static void look_at_training(struct infer_info *f)
{
    struct err ignored = { 0 };
    struct nn_graph *g = training_graph(f->m, &ignored);

    if (g) {
        f->step = training_step(g, f->kernels, 0);
        f->least = training_step(g, f->kernels, 1);
    }
    nn_graph_free(g);
}

bool infer_info_measure(struct infer_info *f, struct err *err)
{
    struct nn_exec *e = nn_exec_new(f->plan, f->params, NULL, err);
    double run[RUNS];

    if (!e)
        return false;
    f->seconds = calloc((size_t)f->plan->n_step + 1, sizeof *f->seconds);
    if (!f->seconds) {
        nn_exec_free(e);
        return err_set(err, ERR_MEMORY, "no memory to measure with");
    }
    nn_exec_forward(e);         /* packs the weights */
    for (int i = 0; i < f->plan->n_forward; i++) {
        for (int r = 0; r < RUNS; r++) {
            run[r] = clock_now();
            nn_exec_step(e, i);
            run[r] = clock_now() - run[r];
        }
        qsort(run, RUNS, sizeof *run, order_doubles);
        f->seconds[i] = run[RUNS / 2];
    }
    look_at_training(f);
    nn_exec_free(e);
    return true;
}

int64_t infer_info_flops(const struct nn_plan *p, int step)
{
    int node = p->step[step].node;
    struct nn_call c = nn_plan_call(p, node);

    return nn_op_flops(p->graph->node[node].op, &c);
}

int64_t infer_info_bytes(const struct nn_plan *p, int step)
{
    int buffer = p->value[infer_info_tail(p, step)];

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

static void add_row(const struct infer_info *f, int step, struct str *out)
{
    const struct nn_plan *p = f->plan;
    const struct nn_node *node = &p->graph->node[p->step[step].node];
    struct str shape = { 0 }, bytes = { 0 }, cost = { 0 }, ops = { 0 };

    add_shape(&shape, &p->shape[infer_info_tail(p, step)]);
    infer_info_operators(p, step, &ops);
    infer_info_rounded(&bytes, (double)infer_info_bytes(p, step), "B");
    infer_info_rounded(&cost, (double)infer_info_flops(p, step), "flop");
    str_printf(out, "%4d  ", step + 1);
    cli_column(out, str_text(&ops), OP_COLUMNS, false);
    cli_column(out, node->name, NAME_COLUMNS, false);
    str_addc(out, ' ');
    cli_column(out, str_text(&shape), SHAPE_COLUMNS, true);
    str_printf(out, "%9s %11s", str_text(&bytes), str_text(&cost));
    if (nn_chain_begin(p->chain, p->n_chain, step) < step)
        str_printf(out, "%9s\n", "with it");
    else
        str_printf(out, "%9.3f\n", 1e3 * f->seconds[step]);
    str_release(&ops);
    str_release(&shape);
    str_release(&bytes);
    str_release(&cost);
}

const char *infer_info_variant(const struct nn_plan *p, int step, const struct nn_choice *choice)
{
    int node = p->step[step].node;
    const struct nn_choice *all = p->graph->node[node].op->choices;
    struct nn_call c = nn_plan_call(p, node);

    return (choice->of == NN_FORWARD || p->opt.mode == NN_TRAIN) && nn_variants_of(choice, &c) > 1
               ? choice->variant[c.variant[choice - all]] : NULL;
}

/* Whether that step chose that variant. */
static bool takes(const struct nn_plan *p, int step, const struct nn_op *op,
                  const struct nn_choice *choice, int variant)
{
    return p->graph->node[p->step[step].node].op == op &&
           infer_info_variant(p, step, choice) == choice->variant[variant];
}

/* "1-3, 7": the forward steps that take it. */
static void add_steps(const struct nn_plan *p, const struct nn_op *op,
                      const struct nn_choice *choice, int variant, struct str *out)
{
    for (int i = 0; i < p->n_forward; i++) {
        int first = i;

        while (i < p->n_forward && takes(p, i, op, choice, variant))
            i++;
        if (i > first)
            str_printf(out, "%s%d", out->len ? ", " : "", first + 1);
        if (i > first + 1)
            str_printf(out, "-%d", i);
    }
}

void infer_info_variants(const struct nn_plan *p, struct str *out)
{
    bool any = false;

    for (int o = 0; o < nn_op_count(); o++) {
        const struct nn_op *op = nn_op_at(o);

        for (int k = 0; op->choices && op->choices[k].name; k++)
            for (int v = 0; op->choices[k].variant[v]; v++) {
                struct str name = { 0 }, steps = { 0 };

                str_printf(&name, "%s %s=%s", op->name, op->choices[k].name,
                           op->choices[k].variant[v]);
                add_steps(p, op, &op->choices[k], v, &steps);
                if (steps.len) {
                    if (!any)
                        str_add(out, "ways to compute, where there are several, and the steps "
                                     "that go by each\n");
                    any = true;
                    cli_column(out, str_text(&name), VARIANT_COLUMNS, false);
                    cli_wrap(out, str_text(&steps), VARIANT_COLUMNS, VARIANT_COLUMNS);
                }
                str_release(&name);
                str_release(&steps);
            }
    }
}

/* kept: from forward to backward. */
static void add_step(const struct infer_info_step *s, const char *how, struct str *out)
{
    const size_t bytes[] = { s->bytes, s->kept, s->again };

    cli_column(out, how, STEP_COLUMNS, false);
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        struct str text = { 0 };

        infer_info_rounded(&text, (double)bytes[i], "B");
        str_printf(out, "%12s", str_text(&text));
        str_release(&text);
    }
    str_printf(out, "%10.2g %%\n", 100 * s->more);
}

void infer_info_plan(const struct infer_info *f, struct str *out)
{
    const struct nn_plan *p = f->plan;
    double seconds = 0;

    str_printf(out, "%4s  %-*s%-*s %*s%9s %11s%9s\n", "step", OP_COLUMNS, "operator", NAME_COLUMNS,
               "name", SHAPE_COLUMNS, "gives", "bytes", "cost", "ms");
    for (int i = 0; i < p->n_forward; i++) {
        add_row(f, i, out);
        seconds += f->seconds[i];
    }
    str_printf(out, "%d steps, ", p->n_forward);
    infer_info_rounded(out, (double)p->flops, "flop");
    str_add(out, " a picture; values share ");
    infer_info_rounded(out, (double)p->bytes, "B");
    str_add(out, ", weights take ");
    infer_info_rounded(out, (double)f->weight_bytes, "B");
    str_printf(out, ";\n%.3g ms on one thread\n", 1e3 * seconds);
    infer_info_variants(p, out);
    if (!f->step.bytes)
        return;
    str_printf(out, "\ntraining step of %-3d%12s%12s%12s%12s\n", INFER_INFO_BATCH, "values", "kept",
               "made again", "more work");
    add_step(&f->step, "as it is", out);
    add_step(&f->least, "least memory", out);
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
