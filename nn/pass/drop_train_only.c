/*
 * drop_dropout -- dropout passes its input on when nobody trains
 */
#include "nn/pass/pass.h"
#include "nn/pass/rewrite.h"

static bool run(const struct nn_graph *g, const struct nn_params *p, struct nn_graph **g2,
                struct nn_params **p2, struct err *err)
{
    struct nn_rewrite w;

    if (!nn_rewrite_begin(&w, g, p, err))
        return false;
    for (int i = 0; i < g->n; i++) {
        if (g->node[i].op == &nn_op_dropout)
            w.map[i] = w.map[g->node[i].in[0]];
        else
            nn_rewrite_copy(&w, i);
    }
    return nn_rewrite_end(&w, g2, p2);
}

const struct nn_pass nn_pass_drop_dropout = {
    .name = "drop_dropout", .doc = "dropout passes its input on", .run = run,
};
