/*
 * few_graph -- see few.h: a head for few pictures as nodes of a network
 *
 * norm: layernorm; then linear: what every exporter knows.
 */
#include "infer/embed/cut.h"
#include "infer/embed/few.h"
#include "nn/op/layernorm.h"
#include "nn/op/linear.h"
#include "nn/pass/pass.h"
#include "nn/pass/rewrite.h"

#include <string.h>

/* Input i of a node of op that is to come, of x: its numbers in the order of files, or NULL: as its
 * rule begins them. */
static int add_param(struct nn_rewrite *w, const struct nn_op *op, const void *attr, int x, int i,
                     const char *name, const float *number)
{
    struct nn_param p;
    real *numbers;
    int64_t count = 1;
    int id;

    if (w->failed)
        return -1;
    op->param(attr, &w->g2->node[x].type, i, &p);
    for (int d = 0; d < SHAPE_MAX_RANK && p.shape[d]; d++)
        count *= p.shape[d];
    numbers = arena_array(w->mem, (size_t)count, sizeof *numbers);
    id = numbers ? nn_rewrite_add(w, &nn_op_param, name, &p, 0, NULL,
                                  nn_value_of(w->mem, count, numbers)) : -1;
    if (!numbers || (id >= 0 && !w->value[id])) {
        w->failed = true;
        err_set(w->err, ERR_MEMORY, "no memory for %lld numbers", (long long)count);
        return -1;
    }
    if (id >= 0 && number)
        nn_params_from_file(w->g2, id, number, numbers);
    for (int64_t k = 0; !number && k < count; k++)
        numbers[k] = p.init == NN_INIT_ONES;
    return id;
}

/* What nodes of a head begin with: "few", or "few2" ... where the network was made from few
 * pictures itself, and what is left of that head has the name.  NULL: memory is out. */
static const char *find_name(const struct nn_graph *g, struct arena *mem)
{
    const char *name = "few";
    bool taken = true;

    for (int k = 2; name && taken; k++) {
        size_t n = strlen(name);

        taken = false;
        for (int i = 0; i < g->n; i++)
            taken |= g->node[i].name && !strncmp(g->node[i].name, name, n) &&
                     (!g->node[i].name[n] || g->node[i].name[n] == '.');
        if (taken)
            name = arena_printf(mem, "few%d", k);
    }
    return name;
}

/* HEAD.SUFFIX */
static const char *name_of(struct nn_rewrite *w, const char *head, const char *suffix)
{
    const char *name = arena_printf(w->mem, "%s.%s", head, suffix);

    if (!name && !w->failed)
        w->failed = !err_set(w->err, ERR_MEMORY, "no memory for a name");
    return name;
}

static int add_linear(struct nn_rewrite *w, const char *name, int x, int width, const float *weight,
                      const float *bias)
{
    const struct nn_linear attr = { .width = width, .bias = true };
    int in[3] = { x, add_param(w, &nn_op_linear, &attr, x, 1, name_of(w, name, "weight"), weight),
                  add_param(w, &nn_op_linear, &attr, x, 2, name_of(w, name, "bias"), bias) };

    return nn_rewrite_add(w, &nn_op_linear, name, &attr, 3, in, NULL);
}

static int add_norm(struct nn_rewrite *w, const char *name, int x)
{
    static const struct nn_layernorm attr = { .epsilon = 1e-5 };
    int in[3] = { x, add_param(w, &nn_op_layernorm, &attr, x, 1, name_of(w, name, "weight"), NULL),
                  add_param(w, &nn_op_layernorm, &attr, x, 2, name_of(w, name, "bias"), NULL) };

    return nn_rewrite_add(w, &nn_op_layernorm, name, &attr, 3, in, NULL);
}

static int add_head(struct nn_rewrite *w, const struct infer_few *f, const char *name, int x)
{
    if (f->norm)
        x = add_norm(w, name_of(w, name, "norm"), x);
    return add_linear(w, name, x, f->n_labels, f->weight, f->bias);
}

/* The same values with the new head, the old one and what only it needed left out. */
static bool rewrite(const struct infer_few *f, const struct nn_graph *g, const struct nn_values *v,
                    struct nn_graph **g2, struct nn_values *v2, struct err *err)
{
    struct nn_graph *whole = NULL;
    struct nn_values values;
    struct infer_cut cut;
    struct nn_rewrite w;
    const char *name;
    bool ok;

    if (!infer_cut_find(g, &cut, err) || !nn_rewrite_begin(&w, g, v, err))
        return false;
    for (int i = 0; i < g->n; i++)
        nn_rewrite_copy(&w, i);
    name = find_name(g, w.mem);
    if (!name && !w.failed)
        w.failed = !err_set(err, ERR_MEMORY, "no memory for a name");
    w.map[nn_graph_find_output(g, "logits")] = add_head(&w, f, name, infer_cut_add(&w, &cut));
    if (!nn_rewrite_end(&w, &whole, &values))
        return false;
    ok = nn_pass_dead_code.run(whole, &values, g2, v2, err);
    nn_graph_free(whole);
    return ok;
}

/* The last layer's new values, where the head is one. */
static bool put(const struct infer_few *f, const struct nn_graph *g, const struct nn_params *p,
                struct nn_graph **g2, struct nn_params **p2, struct err *err)
{
    struct infer_probe head = { .width = f->width, .n_labels = f->n_labels, .weight = f->weight,
                                .bias = f->bias };

    *p2 = nn_params_new(g, false, err);
    if (!*p2)
        return false;
    nn_params_copy(*p2, g, p, g);
    *g2 = infer_probe_put(&head, g, *p2, err) ? nn_graph_copy(g, err) : NULL;
    if (!*g2) {
        nn_params_free(*p2);
        *p2 = NULL;
    }
    return *g2;
}

bool infer_few_graph(const struct infer_few *f, const struct nn_graph *g, const struct nn_params *p,
                     struct nn_graph **g2, struct nn_params **p2, struct err *err)
{
    struct arena *mem = arena_new();
    struct infer_cut cut;
    struct nn_values v, v2;
    bool ok;

    *g2 = NULL;
    *p2 = NULL;
    ok = mem || err_set(err, ERR_MEMORY, "no memory for a head");
    ok = ok && infer_cut_find(g, &cut, err);
    if (ok && cut.alone && !f->norm) {
        ok = put(f, g, p, g2, p2, err);
    } else if (ok) {
        ok = nn_params_values(p, g, mem, &v, err) && rewrite(f, g, &v, g2, &v2, err) &&
             (*p2 = nn_params_of(*g2, &v2, err));
        if (!*p2) {
            nn_graph_free(*g2);
            *g2 = NULL;
        }
    }
    arena_free(mem);
    return ok;
}
