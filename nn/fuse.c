/*
 * fuse -- see fuse.h
 *
 * Hosts are visited in the order of their steps.  A residual must have been computed before the
 * host runs: of the two operands of a sum the later one is the host.
 */
#include "nn/fuse.h"

static void find_readers(const struct nn_graph *g, const bool *need, int *reader)
{
    enum { NONE = -2, MANY = -1 };

    for (int i = 0; i < g->n; i++)
        reader[i] = NONE;
    for (int j = 0; j < g->n; j++)
        for (int k = 0; need[j] && k < g->node[j].n_in; k++) {
            int *r = &reader[g->node[j].in[k]];

            *r = *r == NONE ? j : MANY;
        }
    for (int o = 0; o < g->n_output; o++)
        reader[g->output[o].node] = MANY;
    for (int i = 0; i < g->n; i++)
        if (reader[i] == NONE)
            reader[i] = MANY;
}

/* The step of `host` writes node `next` instead of what it wrote. */
static void take(const struct nn_fusion *f, int host, int next)
{
    f->host[f->tail[host]] = -1;
    f->tail[next] = -1;
    f->tail[host] = next;
    f->host[next] = host;
}

/* The other operand, where node i is a sum that the step of `host` can make; -1: it is none. */
static int other_operand(const struct nn_graph *g, const struct nn_fusion *f, int host, int i)
{
    const struct nn_node *sum = &g->node[i];
    int other, made;

    if (sum->op != &nn_op_add)
        return -1;
    other = sum->in[0] == f->tail[host] ? sum->in[1] : sum->in[0];
    made = f->host[other];
    return made >= 0 && (made < host || g->node[other].op->flags & NN_OP_LEAF) ? other : -1;
}

static void fuse_behind(const struct nn_graph *g, const struct nn_fusion *f, int host)
{
    int next = f->reader[host], other = next < 0 ? -1 : other_operand(g, f, host, next);

    if (other >= 0) {
        f->residual[host] = other;
        take(f, host, next);
        next = f->reader[next];
    }
    if (next >= 0 && g->node[next].op->cut) {
        f->cut[host] = next;
        take(f, host, next);
    }
}

void nn_fuse_none(const struct nn_graph *g, const struct nn_fusion *f)
{
    for (int i = 0; i < g->n; i++) {
        f->tail[i] = f->host[i] = i;
        f->residual[i] = f->cut[i] = -1;
    }
}

void nn_fuse(const struct nn_graph *g, enum nn_mode mode, const bool *need,
             const struct nn_fusion *f)
{
    int flag = mode == NN_TRAIN ? NN_OP_AFTER_TRAIN : NN_OP_AFTER;

    nn_fuse_none(g, f);
    find_readers(g, need, f->reader);
    for (int i = 0; i < g->n; i++)
        if (need[i] && f->tail[i] == i && g->node[i].op->flags & flag)
            fuse_behind(g, f, i);
}
