/*
 * conv, ours -- the calls of conv2d in a plan
 *
 * A net of little else: a picture, a factor a channel (so that the gradient of the picture is
 * wanted; the pictures of a net's first layer get none, and here neither), the layer, the mean, a
 * linear layer and the loss.
 */
#include "tests/bench/conv.h"

#include "nn/build.h"
#include "nn/exec.h"
#include "nn/kernel/cpu.h"
#include "nn/op/conv2d.h"
#include "nn/op/input.h"
#include "nn/op/linear.h"

#include <stdlib.h>
#include <string.h>

struct conv_side {
    struct nn_graph *graph;
    struct nn_plan *plan;
    struct nn_params *params;
    struct nn_exec *exec;
    const struct nn_op *op;
    struct nn_call call;
    bool backward;
};

enum { LABELS = 10 };

static struct nn_graph *make_graph(const struct conv_layer *l, enum conv_pass pass,
                                   struct err *err)
{
    struct nn_build b = nn_build_begin(err);
    int x = nn_input(&b, "image", 3, (int[]){ l->h, l->w, l->c });

    if (pass == CONV_DATA)
        x = nn_scale(&b, "factor", x, 1);
    x = nn_conv(&b, "layer", x, (struct nn_conv2d){
        .channels = l->k, .size = NN_BOTH(l->size), .stride = NN_BOTH(l->stride),
        .pad = NN_ALL(l->pad), .groups = l->groups, .bias = pass == CONV_FORWARD });
    if (pass == CONV_FORWARD) {
        nn_build_output(&b, "logits", x);
        return nn_build_end(&b);
    }
    x = nn_dense(&b, "last", nn_meanpool(&b, x), (struct nn_linear){ .width = LABELS });
    x = nn_build_node(&b, &nn_op_xent, "loss", NULL, 2, (int[]){
        x, nn_input(&b, "target", 1, (int[]){ LABELS }) });
    nn_build_output(&b, "loss", x);
    return nn_build_end(&b);
}

static void fill_input(struct tensor t)
{
    if (t.data)
        conv_fill(t.data, (size_t)shape_count(&t.shape) * dtype_size(t.dtype),
                  t.dtype == DTYPE_BF16);
}

/* The step of the layer; what it is not to compute is not wanted. */
static void find_call(struct conv_side *s, enum conv_pass pass)
{
    int node = nn_graph_find(s->graph, "layer");

    s->backward = pass != CONV_FORWARD;
    s->op = s->graph->node[node].op;
    for (int t = 0; t < s->plan->n_step; t++)
        if (s->plan->step[t].node == node &&
            (s->plan->step[t].kind == NN_STEP_BACKWARD) == s->backward)
            nn_exec_call(s->exec, t, &s->call);
    if (pass == CONV_DATA)
        s->call.dx[1].data = NULL;
    if (s->backward)
        fill_input(s->call.dy);
}

struct conv_side *conv_ours_new(const struct conv_layer *l, enum conv_pass pass, bool half,
                                const char *isa)
{
    struct err err;
    struct conv_side *s = calloc(1, sizeof *s);
    bool train = pass != CONV_FORWARD;
    struct nn_plan_options opt = { .mode = train ? NN_TRAIN : NN_INFER, .batch = l->batch,
                                   .kernels = nn_kernels_get(isa, &err), .apart = true };

    if (!s || !opt.kernels || half) {
        free(s);
        return NULL;
    }
    s->graph = make_graph(l, pass, &err);
    s->plan = s->graph ? nn_plan_new(s->graph, &opt, &err) : NULL;
    s->params = s->plan ? nn_params_new(s->graph, train, &err) : NULL;
    if (s->params)
        nn_params_init(s->params, s->graph, 1);
    s->exec = s->params ? nn_exec_new(s->plan, s->params, NULL, &err) : NULL;
    if (!s->exec) {
        conv_ours_free(s);
        return NULL;
    }
    fill_input(nn_exec_input(s->exec, "image"));
    fill_input(nn_exec_input(s->exec, "target"));
    nn_exec_forward(s->exec);
    if (train)
        nn_exec_backward(s->exec);
    find_call(s, pass);
    return s;
}

void conv_ours_run(void *side)
{
    struct conv_side *s = side;

    (s->backward ? s->op->backward : s->op->forward)(&s->call);
}

void conv_ours_free(struct conv_side *s)
{
    if (!s)
        return;
    nn_exec_free(s->exec);
    nn_params_free(s->params);
    nn_plan_free(s->plan);
    nn_graph_free(s->graph);
    free(s);
}
