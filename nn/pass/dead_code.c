/*
 * dead_code -- leaves out what no output needs
 */
#include "nn/pass/pass.h"
#include "nn/pass/rewrite.h"

static bool run(const struct nn_graph *g, const struct nn_values *v, struct nn_graph **g2,
                struct nn_values *v2, struct err *err)
{
    struct nn_rewrite w;
    bool *need;

    if (!nn_rewrite_begin(&w, g, v, err))
        return false;
    need = arena_array(w.mem, (size_t)g->n + 1, sizeof *need);
    if (!need)
        w.failed = !err_set(err, ERR_MEMORY, "no memory");
    for (int i = 0; need && i < g->n_output; i++)
        need[g->output[i].node] = true;
    for (int i = g->n - 1; need && i >= 0; i--)
        for (int k = 0; need[i] && k < g->node[i].n_in; k++)
            need[g->node[i].in[k]] = true;
    for (int i = 0; need && i < g->n; i++)
        if (need[i] || g->node[i].op == &nn_op_input)
            nn_rewrite_copy(&w, i);
    return nn_rewrite_end(&w, g2, v2);
}

const struct nn_pass nn_pass_dead_code = {
    .name = "dead_code", .doc = "leaves out nodes that no output needs", .run = run,
};
