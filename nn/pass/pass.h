/*
 * pass -- rewrites of a graph and its values
 *
 * A pass reads a graph and its values and makes new ones; nn_graph_check runs after each.  It makes
 * no numbers: its values say how they are made of those before, which must outlive them.
 */
#ifndef NN_PASS_H
#define NN_PASS_H

#include "nn/params.h"

struct nn_pass {
    const char *name, *doc;
    bool (*run)(const struct nn_graph *g, const struct nn_values *v, struct nn_graph **g2,
                struct nn_values *v2, struct err *err);
};

#define NN_PASS(name) extern const struct nn_pass nn_pass_##name;
#include "nn/pass/passes.def"
#undef NN_PASS

/* All of passes.def in order: the form in which a trained network answers.  *g2 is new and the
 * caller's; *v2 is in v->mem; g and v stay as they are. */
bool nn_pass_infer_values(const struct nn_graph *g, const struct nn_values *v,
                          struct nn_graph **g2, struct nn_values *v2, struct err *err);
/* The same with the numbers made: *p2 is new and the caller's, too. */
bool nn_pass_infer(const struct nn_graph *g, const struct nn_params *p, struct nn_graph **g2,
                   struct nn_params **p2, struct err *err);

#endif
