/*
 * pass -- see pass.h
 */
#include "nn/pass/pass.h"

static const struct nn_pass *const passes[] = {
#define NN_PASS(name) &nn_pass_##name,
#include "nn/pass/passes.def"
#undef NN_PASS
};

bool nn_pass_infer_values(const struct nn_graph *g, const struct nn_values *v,
                          struct nn_graph **g2, struct nn_values *v2, struct err *err)
{
    struct nn_graph *graph = NULL;
    struct nn_values values = *v;

    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
        struct nn_graph *next = NULL;
        struct nn_values of_next;
        bool ok = passes[i]->run(graph ? graph : g, &values, &next, &of_next, err);

        nn_graph_free(graph);
        if (!ok)
            return err_in(err, "pass %s", passes[i]->name);
        graph = next;
        values = of_next;
    }
    *g2 = graph;
    *v2 = values;
    return true;
}

bool nn_pass_infer(const struct nn_graph *g, const struct nn_params *p, struct nn_graph **g2,
                   struct nn_params **p2, struct err *err)
{
    struct arena *mem = arena_new();
    struct nn_graph *graph = NULL;
    struct nn_values v, of_graph;
    bool ok = mem || err_set(err, ERR_MEMORY, "pass: no memory");

    ok = ok && nn_params_values(p, g, mem, &v, err) &&
         nn_pass_infer_values(g, &v, &graph, &of_graph, err) &&
         (*p2 = nn_params_of(graph, &of_graph, err));
    if (ok)
        *g2 = graph;
    else
        nn_graph_free(graph);
    arena_free(mem);
    return ok;
}
