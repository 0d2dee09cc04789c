/*
 * pass -- see pass.h
 */
#include "nn/pass/pass.h"

static const struct nn_pass *const passes[] = {
#define NN_PASS(name) &nn_pass_##name,
#include "nn/pass/passes.def"
#undef NN_PASS
};

bool nn_pass_infer(const struct nn_graph *g, const struct nn_params *p, struct nn_graph **g2,
                   struct nn_params **p2, struct err *err)
{
    struct nn_graph *graph = NULL;
    struct nn_params *params = NULL;

    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
        struct nn_graph *next_graph = NULL;
        struct nn_params *next_params = NULL;
        bool ok = passes[i]->run(graph ? graph : g, params ? params : p,
                                 &next_graph, &next_params, err);

        nn_graph_free(graph);
        nn_params_free(params);
        if (!ok)
            return err_in(err, "pass %s", passes[i]->name);
        graph = next_graph;
        params = next_params;
    }
    *g2 = graph;
    *p2 = params;
    return true;
}
