/*
 * drop_train_only -- what is there for the training alone (dropout) passes its input on
 */
#include "nn/pass/pass.h"
#include "nn/pass/rewrite.h"

static bool run(const struct nn_graph *g, const struct nn_values *v, struct nn_graph **g2,
                struct nn_values *v2, struct err *err)
{
    struct nn_rewrite w;

    if (!nn_rewrite_begin(&w, g, v, err))
        return false;
    for (int i = 0; i < g->n; i++) {
        if (g->node[i].op->flags & NN_OP_TRAIN_ONLY)
            w.map[i] = w.map[g->node[i].in[0]];
        else
            nn_rewrite_copy(&w, i);
    }
    return nn_rewrite_end(&w, g2, v2);
}

const struct nn_pass nn_pass_drop_train_only = {
    .name = "drop_train_only", .doc = "dropout and its like pass their input on", .run = run,
};
