/*
 * network -- see network.h
 */
#include "infer/network.h"

#include "infer/embed/cut.h"
#include "nn/kernel/cpu.h"
#include "nn/pass/pass.h"
#include "nn/pass/rewrite.h"

#include <stdlib.h>

/* One picture in, a row of numbers out: that is a classifier. */
static bool check_form(const struct nn_graph *g, struct err *err)
{
    int in = nn_graph_first_input(g), out = nn_graph_find_output(g, "logits");
    const struct nn_type *x, *y;

    if (in < 0)
        return err_set(err, ERR_INPUT, "the network has no input");
    if (out < 0)
        return err_set(err, ERR_INPUT, "the network has no output \"logits\"");
    x = &g->node[in].type;
    y = &g->node[out].type;
    if (x->rank != 4 || !x->dim[0].batch || (x->dim[3].n != 3 && x->dim[3].n != 1))
        return err_set(err, ERR_INPUT,
                       "the network's input is not a picture [N,height,width,3], or 1 for grey");
    if (y->rank != 2 || !y->dim[0].batch || y->dim[1].batch)
        return err_set(err, ERR_INPUT, "the network's output \"logits\" is not [N,labels]");
    return true;
}

static int add_calibration(struct nn_rewrite *w, const struct infer_calibration *c, int n,
                           int logits)
{
    int in[] = { logits, -1 };

    if (c->scale)
        return nn_rewrite_affine(w, NULL, logits, n, c->scale, c->shift);
    in[1] = nn_rewrite_numbers(w, NULL, n, NULL, 1 / c->temperature);
    return nn_rewrite_add(w, &nn_op_scale, NULL, NULL, 2, in, NULL);
}

/* infer_answer_graph, of values and to values. */
static bool answer_graph(const struct nn_graph *g, const struct nn_values *v, enum data_task task,
                         const struct infer_calibration *calibration, bool features,
                         struct nn_graph **g2, struct nn_values *v2, struct err *err)
{
    const struct nn_op *op = task == DATA_SINGLE ? &nn_op_softmax : &nn_op_sigmoid;
    struct nn_graph *graph = NULL;
    struct nn_values values;
    struct infer_cut cut;
    struct nn_rewrite w;
    int logits, id, row = -1;
    bool ok = false;

    *g2 = NULL;
    if (!check_form(g, err) || !nn_pass_infer_values(g, v, &graph, &values, err))
        return false;
    if (!nn_rewrite_begin(&w, graph, &values, err))
        goto out;
    for (int i = 0; i < graph->n; i++)
        nn_rewrite_copy(&w, i);
    logits = w.map[nn_graph_find_output(graph, "logits")];
    if (calibration)
        logits = add_calibration(&w, calibration,
                                 graph->node[nn_graph_find_output(graph, "logits")].type.dim[1].n,
                                 logits);
    id = nn_rewrite_add(&w, op, NULL, NULL, 1, &logits, NULL);
    if (features) {
        w.failed |= !w.failed && !infer_cut_find(graph, &cut, err);
        row = w.failed ? -1 : infer_cut_add(&w, &cut);
    }
    if (!nn_rewrite_end(&w, g2, v2))
        goto out;
    ok = nn_graph_output(*g2, "probability", id, err) &&
         (!features || nn_graph_output(*g2, "features", row, err));
    if (!ok) {
        nn_graph_free(*g2);
        *g2 = NULL;
    }
out:
    nn_graph_free(graph);
    return ok;
}

bool infer_answer_graph(const struct nn_graph *g, const struct nn_params *p, enum data_task task,
                        const struct infer_calibration *calibration, struct nn_graph **g2,
                        struct nn_params **p2, struct err *err)
{
    struct arena *mem = arena_new();
    struct nn_values v, answers;
    bool ok = mem || err_set(err, ERR_MEMORY, "predict: no memory");

    *g2 = NULL;
    *p2 = NULL;
    ok = ok && nn_params_values(p, g, mem, &v, err) &&
         answer_graph(g, &v, task, calibration, false, g2, &answers, err) &&
         (*p2 = nn_params_of(*g2, &answers, err));
    if (!ok) {
        nn_graph_free(*g2);
        *g2 = NULL;
    }
    arena_free(mem);
    return ok;
}

/* ---- networks -------------------------------------------------------------------------------- */

struct infer_network *infer_network_new(const struct nn_graph *g, const struct nn_values *v,
                                        const struct infer_network_options *o, struct err *err)
{
    struct infer_network *n = calloc(1, sizeof *n);
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = 1, .precision = o->precision };
    struct nn_plan *plan = NULL;
    struct nn_values values;

    if (!n) {
        err_set(err, ERR_MEMORY, "predict: no memory");
        return NULL;
    }
    n->kernels = opt.kernels = nn_kernels_get(o->isa, err);
    if (n->kernels &&
        answer_graph(g, v, o->task, o->calibration, o->features, &n->graph, &values, err))
        plan = nn_plan_new(n->graph, &opt, err);
    if (plan) {
        n->precision = plan->opt.precision;
        if (o->features)
            n->width = n->graph->node[nn_graph_find_output(n->graph, "features")].type.dim[1].n;
        n->weights = nn_weights_new(plan, &values, o->pool, err);
    }
    nn_plan_free(plan);
    if (n->weights)
        return n;
    infer_network_free(n);
    return NULL;
}

struct infer_network *infer_network_of(const struct nn_graph *g, const struct nn_params *p,
                                       const struct infer_network_options *o, struct err *err)
{
    struct arena *mem = arena_new();
    struct infer_network *n = NULL;
    struct nn_values v;

    if (!mem)
        err_set(err, ERR_MEMORY, "predict: no memory");
    else if (nn_params_values(p, g, mem, &v, err))
        n = infer_network_new(g, &v, o, err);
    arena_free(mem);
    return n;
}

void infer_network_free(struct infer_network *n)
{
    if (!n)
        return;
    nn_weights_free(n->weights);
    nn_graph_free(n->graph);
    free(n);
}

/* The network of a file's model, whose graph is left out of it then. */
static struct infer_network *network_of(const struct infer_file *f, struct infer_model *m,
                                        const struct infer_network_options *o, struct err *err)
{
    struct infer_network_options own = *o;
    struct arena *mem = arena_new();
    struct infer_network *n = NULL;
    struct nn_values v;

    own.task = m->task;
    own.calibration = m->calibration;
    if (!mem)
        err_set(err, ERR_MEMORY, "predict: no memory");
    else if (infer_file_values(f, m->graph, mem, &v, err))
        n = infer_network_new(m->graph, &v, &own, err);
    if (n && !infer_file_check(f, m->graph, &v, err)) {
        infer_network_free(n);
        n = NULL;
    }
    if (!n)
        infer_file_fault(f, err);
    arena_free(mem);
    nn_graph_free(m->graph);
    m->graph = NULL;
    return n;
}

struct infer_network *infer_network_open(const struct infer_file *f, bool raw,
                                         const struct infer_network_options *o,
                                         struct infer_model **m, struct err *err)
{
    struct infer_model *model = infer_file_head(f, err);
    struct infer_network *n = NULL;

    if (model && (!raw || infer_model_calibrate(model, NULL, err)))
        n = network_of(f, model, o, err);
    if (n) {
        *m = model;
        return n;
    }
    infer_model_free(model);
    return NULL;
}
