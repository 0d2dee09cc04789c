/*
 * depth -- see depth.h
 */
#include "train/depth.h"

bool train_is_weight(const struct nn_graph *g, int node)
{
    const struct nn_node *n = &g->node[node];

    return n->op == &nn_op_param && !((const struct nn_param *)n->attr)->buffer &&
           n->type.rank > 1;
}

static bool is_value(const struct nn_graph *g, int node)
{
    return g->node[node].op != &nn_op_param && g->node[node].op != &nn_op_const;
}

static bool has_weight(const struct nn_graph *g, const struct nn_node *node)
{
    for (int k = 0; k < node->n_in; k++)
        if (train_is_weight(g, node->in[k]))
            return true;
    return false;
}

/* last[i]: the last node that reads node i on its way to `end`; -1: none does. */
static void last_readers(const struct nn_graph *g, int end, int *last)
{
    for (int i = 0; i < g->n; i++)
        last[i] = i == end ? end : -1;
    for (int i = end; i >= 0; i--)
        for (int k = 0; last[i] >= 0 && k < g->node[i].n_in; k++)
            if (last[g->node[i].in[k]] < i)
                last[g->node[i].in[k]] = i;
}

int train_depths(const struct nn_graph *g, int *depth)
{
    int end = nn_graph_find_output(g, "logits"), groups = 0, far = -1;
    bool passed = true; /* through one value, since the last weight */

    last_readers(g, end, depth);
    for (int i = 0; i < g->n; i++) { /* from here on the number of the group, from 1; 0: none */
        int reader = depth[i];

        depth[i] = 0;
        if (reader < 0 || !is_value(g, i))
            continue;
        if (has_weight(g, &g->node[i])) {
            groups += passed;
            passed = false;
        }
        depth[i] = groups;
        passed |= far <= i;
        far = reader > far ? reader : far;
    }
    for (int i = g->n - 1; i >= 0; i--)
        for (int k = 0; is_value(g, i) && depth[i] && k < g->node[i].n_in; k++)
            if (!is_value(g, g->node[i].in[k]))
                depth[g->node[i].in[k]] = depth[i];
    for (int i = 0; i < g->n; i++)
        depth[i] = depth[i] ? groups - depth[i] : 0;
    return groups;
}
