/*
 * remake -- see remake.h
 */
#include "train/remake.h"

#include "infer/embed/cut.h"
#include "nn/op/conv2d.h"
#include "nn/op/linear.h"

struct nn_graph *train_remake(const struct nn_graph *g, train_attr_fn *attr, void *ctx,
                              struct err *err)
{
    struct nn_graph *copy = nn_graph_new(err);
    bool ok = copy;

    for (int i = 0; ok && i < g->n; i++) {
        const struct nn_node *node = &g->node[i];

        ok = nn_graph_add(copy, node->op, node->name, attr(ctx, g, i), node->n_in, node->in,
                          err) >= 0;
    }
    for (int i = 0; ok && i < g->n_output; i++)
        ok = nn_graph_output(copy, g->output[i].name, g->output[i].node, err);
    if (ok)
        return copy;
    nn_graph_free(copy);
    return NULL;
}

/* ---- the last layer -------------------------------------------------------------------------- */

struct head {
    struct infer_cut cut;
    int labels;
    union {
        struct nn_linear linear;
        struct nn_conv2d conv;
        struct nn_param param;
    } attr;
};

/* The attributes of layer `node` with as many answers as labels. */
static const void *layer_attr(struct head *h, const struct nn_node *node)
{
    if (node->op == &nn_op_conv2d) {
        h->attr.conv = *(const struct nn_conv2d *)node->attr;
        h->attr.conv.channels = h->labels;
        return &h->attr.conv;
    }
    h->attr.linear = *(const struct nn_linear *)node->attr;
    h->attr.linear.width = h->labels;
    return &h->attr.linear;
}

/* Node i as input k of one of the last layers has the shape that this one asks for. */
static const void *head_attr(void *ctx, const struct nn_graph *g, int i)
{
    struct head *h = ctx;

    for (int l = 0; l < h->cut.n; l++) {
        const struct nn_node *layer = &g->node[h->cut.layer[l]];

        if (h->cut.layer[l] == i)
            return layer_attr(h, layer);
        for (int k = 1; k < layer->n_in; k++) {
            struct nn_param p;

            if (layer->in[k] != i || g->node[i].op != &nn_op_param)
                continue;
            layer->op->param(layer_attr(h, layer), &g->node[layer->in[0]].type, k, &p);
            h->attr.param = p;
            return &h->attr.param;
        }
    }
    return g->node[i].attr;
}

struct nn_graph *train_remake_head(const struct nn_graph *g, int labels, struct err *err)
{
    struct head h = { .labels = labels };
    struct nn_graph *copy = NULL;
    int logits;

    if (!infer_cut_find(g, &h.cut, err))
        return NULL;
    if (h.cut.n)
        copy = train_remake(g, head_attr, &h, err);
    logits = copy ? nn_graph_find_output(copy, "logits") : -1;
    if (copy && copy->node[logits].type.rank == 2 && copy->node[logits].type.dim[1].n == labels)
        return copy;
    nn_graph_free(copy);
    err_set(err, ERR_UNSUPPORTED, "its last layer cannot be made anew for %d labels: \"logits\" is "
            "not what a linear layer or a convolution says", labels);
    return NULL;
}
