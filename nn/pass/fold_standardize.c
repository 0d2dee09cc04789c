/*
 * fold_standardize -- filters that are standardized become what they are standardized to
 *
 * Where standardize reads a parameter: its values are the new parameter's, under the same name.
 * Runs before batch-norms are folded, which then find filters.
 */
#include "nn/op/standardize.h"
#include "nn/pass/pass.h"
#include "nn/pass/rewrite.h"

struct standardized {
    struct nn_value value;
    const struct nn_value *of;
    int columns;
    double epsilon;
};

static bool make(const struct nn_value *v, real *out, struct err *err)
{
    const struct standardized *s = (const struct standardized *)v;

    if (!nn_value_make(s->of, out, err))
        return false;
    nn_standardize_columns(v->count / s->columns, s->columns, s->epsilon, out, out);
    return true;
}

/* Node i with its values made so; what it reads is left to dead_code. */
static int fold(struct nn_rewrite *w, int i)
{
    const struct nn_node *node = &w->g->node[i];
    const struct nn_node *filters = &w->g->node[node->in[0]];
    struct standardized *s = arena_alloc(w->mem, sizeof *s);
    const char *name = arena_printf(w->mem, "%s.standardized", filters->name);

    if (!s || !name) {
        w->failed = !err_set(w->err, ERR_MEMORY, "no memory");
        return -1;
    }
    *s = (struct standardized){
        .value = { .count = w->v->of[node->in[0]]->count, .make = make },
        .of = w->v->of[node->in[0]], .columns = node->type.dim[3].n,
        .epsilon = ((const struct nn_standardize *)node->attr)->epsilon };
    return nn_rewrite_add(w, &nn_op_param, name, filters->attr, 0, NULL, &s->value);
}

static bool run(const struct nn_graph *g, const struct nn_values *v, struct nn_graph **g2,
                struct nn_values *v2, struct err *err)
{
    struct nn_rewrite w;

    if (!nn_rewrite_begin(&w, g, v, err))
        return false;
    for (int i = 0; i < g->n; i++) {
        if (g->node[i].op == &nn_op_standardize && v->of[g->node[i].in[0]])
            w.map[i] = fold(&w, i);
        else
            nn_rewrite_copy(&w, i);
    }
    return nn_rewrite_end(&w, g2, v2);
}

const struct nn_pass nn_pass_fold_standardize = {
    .name = "fold_standardize", .run = run,
    .doc = "filters that are standardized become what they are standardized to",
};
