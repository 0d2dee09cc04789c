/*
 * cut -- see cut.h
 */
#include "infer/embed/cut.h"

#include "nn/op/concat.h"
#include "nn/op/conv2d.h"
#include "nn/op/linear.h"
#include "nn/op/reshape.h"

#include <stdlib.h>

enum { X, WEIGHT, BIAS };       /* inputs of a layer */

static bool is_layer(const struct nn_node *node)
{
    return node->op == &nn_op_linear || node->op == &nn_op_conv2d;
}

/* Numbers of a picture's features that come of a node's value: of a picture or of tokens its
 * channels, else all. */
static int width_of(const struct nn_type *t)
{
    int n = 1;

    for (int d = t->rank == 3 || t->rank == 4 ? t->rank - 1 : 1; d < t->rank; d++)
        n *= t->dim[d].n;
    return n;
}

/* Whether a layer gives each picture a row: linear, or a convolution of a picture of one pixel. */
static bool gives_row(const struct nn_graph *g, const struct nn_node *layer)
{
    const struct nn_type *x = &g->node[layer->in[X]].type;
    const struct nn_conv2d *conv = layer->attr;
    const struct nn_linear *linear = layer->attr;

    if (g->node[layer->in[WEIGHT]].op != &nn_op_param)
        return false;
    if (layer->op == &nn_op_linear)
        return x->rank == 2 && linear->bias && g->node[layer->in[BIAS]].op == &nn_op_param;
    return x->dim[1].n == 1 && x->dim[2].n == 1 && conv->size[0] == 1 && conv->size[1] == 1 &&
           conv->groups == 1 && conv->bias && g->node[layer->in[BIAS]].op == &nn_op_param;
}

static bool is_alone(const struct nn_graph *g, int logits, int layer)
{
    int i = logits;

    while (i != layer && (g->node[i].op == &nn_op_flatten || g->node[i].op == &nn_op_reshape))
        i = g->node[i].in[X];
    return i == layer && gives_row(g, &g->node[i]) &&
           g->node[i].type.dim[g->node[i].type.rank - 1].n == g->node[logits].type.dim[1].n;
}

static void take(const struct nn_graph *g, struct infer_cut *cut, int node)
{
    for (int i = 0; i < cut->n_from; i++)
        if (cut->from[i] == node)
            return;
    cut->from[cut->n_from++] = node;
    cut->width += width_of(&g->node[node].type);
}

bool infer_cut_find(const struct nn_graph *g, struct infer_cut *cut, struct err *err)
{
    int logits = nn_graph_find_output(g, "logits"), found = 0;
    bool *on = calloc((size_t)logits + 1, sizeof *on);      /* a way to logits, behind no layer */

    *cut = (struct infer_cut){ 0 };
    if (!on)
        return err_set(err, ERR_MEMORY, "no memory to look for the last layer");
    on[logits] = true;
    for (int i = logits; i >= 0; i--) {
        if (!on[i])
            continue;
        if (is_layer(&g->node[i])) {
            if (found < INFER_CUT_MOST)
                cut->layer[INFER_CUT_MOST - 1 - found] = i;
            found++;
            continue;
        }
        for (int k = 0; k < g->node[i].n_in; k++)
            on[g->node[i].in[k]] = true;
    }
    free(on);
    cut->n = found > INFER_CUT_MOST ? 0 : found;
    for (int i = 0; i < cut->n; i++) {
        cut->layer[i] = cut->layer[INFER_CUT_MOST - cut->n + i];
        take(g, cut, g->node[cut->layer[i]].in[X]);
    }
    if (!cut->n)
        take(g, cut, g->node[logits].n_in ? g->node[logits].in[X] : logits);
    cut->alone = cut->n == 1 && is_alone(g, logits, cut->layer[0]);
    return true;
}

/* A value as a row a picture: of pixels and of tokens the mean. */
static int add_row(struct nn_rewrite *w, int id)
{
    const struct nn_type *t = w->failed ? NULL : &w->g2->node[id].type;

    if (!t || t->rank == 2)
        return id;
    if (t->rank == 3 && t->dim[1].n > 1) {
        struct nn_reshape pixels = { .shape = { t->dim[1].n, 1, t->dim[2].n } };

        id = nn_rewrite_add(w, &nn_op_reshape, NULL, &pixels, 1, &id, NULL);
        return nn_rewrite_add(w, &nn_op_meanpool, NULL, NULL, 1, &id, NULL);
    }
    if (t->rank == 4 && (t->dim[1].n > 1 || t->dim[2].n > 1))
        return nn_rewrite_add(w, &nn_op_meanpool, NULL, NULL, 1, &id, NULL);
    return nn_rewrite_add(w, &nn_op_flatten, NULL, NULL, 1, &id, NULL);
}

int infer_cut_add(struct nn_rewrite *w, const struct infer_cut *cut)
{
    struct nn_concat behind = { .axis = 1 };
    int row[INFER_CUT_MOST];

    for (int i = 0; i < cut->n_from; i++)
        row[i] = add_row(w, w->map[cut->from[i]]);
    return cut->n_from == 1
               ? row[0]
               : nn_rewrite_add(w, &nn_op_concat, NULL, &behind, cut->n_from, row, NULL);
}

void infer_cut_tell(const struct nn_graph *g, const struct infer_cut *cut, struct str *out)
{
    str_add(out, cut->n ? "what goes into " : "no last layer: what stands before the logits");
    for (int i = 0; i < cut->n; i++)
        str_printf(out, "%s%s", i == 0 ? "" : i < cut->n - 1 ? ", " : " and ",
                   g->node[cut->layer[i]].name);
    str_printf(out, " (%d number%s)", cut->width, cut->width == 1 ? "" : "s");
}
