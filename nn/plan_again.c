/*
 * plan, again -- which values are kept from forward to backward, and which are made once more
 *
 * A value that backward reads can be kept, or made again from what is kept just before its first
 * reader there (nn_call.again): the same bits, for memory against work.  As long as the plan takes
 * more than it should, the value is given up that lives at the fullest moment, not yet read
 * there, and costs the least work for a byte.  What it is made of and was not kept either is made
 * again with it, so that a run of given-up values is worked through once, from one kept value on
 * (Chen et al., "Training deep nets with sublinear memory cost", arXiv:1604.06174).
 *
 * Work is counted in bytes moved, FLOPS_A_BYTE operations taking as long as one.  Even where
 * memory is no matter, what costs next to nothing is not kept: as long as it is FREE of the work of
 * a step, and a share of the plan's bytes that is WORTH times its share of the work.  So networks
 * full of arithmetic give up something, and those that only move bytes nothing.
 */
#include "nn/planner.h"

#include <math.h>

/* Of the processors at hand: 14 in fp32, 28 in bf16 of vectors.  The order of what is given up
 * hardly depends on it: norms and activations are far below, convolutions far above. */
#define FLOPS_A_BYTE 16.0
#define FREE 0.01
#define WORTH 8
#define STEP_OF_FORWARD 3       /* work of a whole step, in forward passes */

struct chooser {
    struct nn_planner *w;
    double *work;               /* of node i's forward step */
    bool *refused;              /* not to be given up: the plan would take more */
    int *mark, marks;           /* nodes that were visited this time */
    size_t *live;               /* bytes at each step */
    size_t most;                /* of them */
    int at;                     /* that step */
    double budget, least;       /* work that may still be spent; bytes that a unit must save */
};

static double bytes_of(const struct nn_planner *w, int i)
{
    size_t bytes = 0;

    shape_bytes(&w->p->shape[i], w->p->dtype[i], &bytes);
    return (double)bytes;
}

static void measure_work(struct chooser *c)
{
    const struct nn_planner *w = c->w;

    for (int i = 0; i < w->g->n; i++) {
        struct nn_call call;

        if (w->forward_step[i] < 0)
            continue;
        call = nn_plan_call(w->p, i);
        c->work[i] = bytes_of(w, w->p->fused.tail[i]) +
                     (double)nn_op_flops(w->g->node[i].op, &call) / FLOPS_A_BYTE;
        for (int k = 0; k < nn_planner_reads(w, i); k++)
            c->work[i] += bytes_of(w, nn_planner_read(w, i, k));
    }
}

/* Bytes that live at each step, and where they are the most. */
static void find_fullest(struct chooser *c)
{
    const struct nn_plan *p = c->w->p;
    size_t now = 0;

    for (int t = 0; t <= p->n_step; t++)
        c->live[t] = 0;
    for (int b = 0; b < p->n_buffer; b++) {
        const struct nn_buffer *q = &p->buffer[b];

        c->live[q->first < 0 ? 0 : q->first] += q->bytes;
        if (q->last < p->n_step)
            c->live[q->last + 1] -= q->bytes;           /* wraps, and back when summed */
    }
    c->most = 0;
    for (int t = 0; t < p->n_step; t++) {
        c->live[t] = now += c->live[t];
        if (now > c->most) {
            c->most = now;
            c->at = t;
        }
    }
}

/* Work of making node i's value again, with what else is not there then. */
static double work_of(struct chooser *c, int i)
{
    struct nn_planner *w = c->w;
    double work = 0;
    int n = 0;

    c->mark[w->stack[n++] = w->p->fused.host[i]] = ++c->marks;
    for (int at = 0; at < n; at++) {
        work += c->work[w->stack[at]];
        for (int k = 0; k < nn_planner_reads(w, w->stack[at]); k++) {
            int x = nn_planner_read(w, w->stack[at], k), host = w->p->fused.host[x];

            if (w->carried[x] || w->again_step[host] >= 0 || c->mark[host] == c->marks)
                continue;
            c->mark[w->stack[n++] = host] = c->marks;
        }
    }
    return work;
}

/* The value whose memory at the fullest step costs the least, and no more than there is to spend;
 * -1: there is none. */
static int find_cheapest(struct chooser *c, double *work)
{
    struct nn_planner *w = c->w;
    double best = c->least;
    int found = -1;

    for (int i = 0; i < w->g->n; i++) {
        double cost, bytes;

        if (!w->carried[i] || c->refused[i] || w->late_first[i] <= c->at || w->last[i] >= c->at)
            continue;
        cost = work_of(c, i);
        bytes = bytes_of(w, i);
        if (cost > c->budget || bytes / cost <= best)
            continue;
        best = bytes / cost;
        found = i;
        *work = cost;
    }
    return found;
}

/* The value of node i is not carried any more; it stays as it was where that takes more memory.
 * False: memory is out. */
static bool give_up(struct chooser *c, int i)
{
    struct nn_planner *w = c->w;
    size_t most = c->most;

    w->carried[i] = false;
    if (!nn_planner_lay_out(w))
        return false;
    find_fullest(c);
    if (c->most <= most)
        return true;
    c->refused[i] = w->carried[i] = true;
    if (!nn_planner_lay_out(w))
        return false;
    find_fullest(c);
    return true;
}

static bool fits(struct chooser *c, size_t limit)
{
    return c->most <= limit && nn_planner_map(c->w) && c->w->p->bytes <= limit;
}

/* What may be spent, and on what: all for a limit, without one hardly anything. */
static void set_terms(struct chooser *c)
{
    double step = 0;

    for (int i = 0; i < c->w->g->n; i++)
        step += STEP_OF_FORWARD * c->work[i];
    c->budget = c->w->p->opt.limit ? INFINITY : FREE * step;
    c->least = c->w->p->opt.limit ? 0 : WORTH * (double)c->most / step;
}

/* Gives up what must be for the limit, or without one what costs next to nothing. */
static bool choose(struct chooser *c)
{
    struct nn_planner *w = c->w;
    size_t limit = w->p->opt.limit;
    double work = 0;
    int i;

    find_fullest(c);
    set_terms(c);
    while (!(limit && fits(c, limit)) && (i = find_cheapest(c, &work)) >= 0) {
        if (!give_up(c, i))
            return false;
        c->budget -= w->carried[i] ? 0 : work;
    }
    return true;
}

/* Leaves and outputs always stay; of the others what backward reads. */
static void carry_all(struct nn_planner *w)
{
    for (int i = 0; i < w->g->n; i++)
        w->carried[i] = nn_planner_leaf(w, i);
    for (int o = 0; o < w->g->n_output; o++)
        w->carried[w->g->output[o].node] = true;
    for (int b = 0; b < w->n_back; b++) {
        int i = w->back[b];

        for (int k = 0; k < w->g->node[i].n_in; k++)
            w->carried[w->g->node[i].in[k]] |= nn_planner_keeps_x(w, i, k);
        w->carried[w->p->fused.tail[i]] |= nn_planner_keeps_y(w, i);
    }
}

static void count(struct nn_planner *w)
{
    struct nn_plan *p = w->p;

    for (int i = 0; i < w->g->n; i++)
        if (p->value[i] >= 0 && w->late_last[i] >= 0)
            *(w->carried[i] ? &p->kept_bytes : &p->again_bytes) += (size_t)bytes_of(w, i);
    for (int t = p->n_forward; t < p->n_step; t++) {
        struct nn_call c = nn_plan_call(p, p->step[t].node);

        if (p->step[t].kind == NN_STEP_AGAIN)
            p->again_flops += nn_op_flops(p->graph->node[p->step[t].node].op, &c);
    }
}

bool nn_planner_choose(struct nn_planner *w)
{
    size_t n = (size_t)w->g->n + 1;
    struct chooser c = { .w = w };
    bool ok;

    carry_all(w);
    if (!nn_planner_lay_out(w))
        return false;
    if (w->p->opt.mode != NN_TRAIN)
        return true;
    c.work = arena_array(w->p->mem, n, sizeof *c.work);
    c.refused = arena_array(w->p->mem, n, sizeof *c.refused);
    c.mark = arena_array(w->p->mem, n, sizeof *c.mark);
    c.live = arena_array(w->p->mem, 3 * n, sizeof *c.live);
    ok = c.work && c.refused && c.mark && c.live;
    if (!ok)
        return err_set(w->err, ERR_MEMORY, "plan: no memory");
    measure_work(&c);
    for (int i = 0; i < w->g->n; i++)
        c.refused[i] = nn_planner_leaf(w, i) || w->last[i] == w->p->n_step;     /* an output */
    ok = w->p->opt.apart || choose(&c);
    count(w);
    return ok;
}
