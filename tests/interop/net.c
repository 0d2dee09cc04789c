/*
 * net -- what a network computes of somebody's weights, for who compares it with another's
 *
 *     net ARCH WEIGHTS IN OUT
 *
 * WEIGHTS as discern import takes them, which must say ARCH ("-": any).  IN has image [N,3,H,H] and
 * target [N,labels], rows of probabilities.  OUT gets logits [N,labels] as answered, with the
 * network in inference form; of a training step trained [N,labels], the loss, and grad:NAME of
 * every parameter, in the order and shape of files; and new:NAME of what the step itself moved.
 * Without target there is no step.
 */
#include "infer/foreign/foreign.h"
#include "nn/exec.h"
#include "nn/io/safetensors.h"
#include "nn/kernel/cpu.h"
#include "nn/op/input.h"
#include "nn/op/xent.h"
#include "nn/pass/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 8192, THREADS = 2 };

struct out {
    struct st_entry entry[MOST];
    int n;
    struct arena *mem;
};

/* An entry of this shape; its numbers are the caller's to fill. */
static float *add(struct out *o, const char *prefix, const char *name, const struct shape *shape)
{
    float *x = arena_array(o->mem, (size_t)shape_count(shape), sizeof *x);

    if (o->n == MOST || !x)
        abort();
    o->entry[o->n++] = (struct st_entry){
        .name = arena_printf(o->mem, "%s%s", prefix, name),
        .tensor = { .dtype = DTYPE_F32, .shape = *shape, .data = x } };
    return x;
}

static void add_output(struct out *o, const char *as, struct nn_exec *e, const char *name)
{
    struct tensor t = nn_exec_output(e, name);
    float *x = add(o, "", as, &t.shape);

    for (int64_t i = 0; i < shape_count(&t.shape); i++)
        x[i] = (float)((const real *)t.data)[i];
}

/* image [N,C,H,W] into a tensor [N,H,W,C]; targets as they are. */
static bool put(struct tensor to, const struct st_entry *from, struct err *err)
{
    int64_t n = shape_count(&to.shape), c = to.shape.rank == 4 ? to.shape.dim[3] : 1;
    int64_t pixels = to.shape.rank == 4 ? to.shape.dim[1] * to.shape.dim[2] : n;
    float *x = malloc((size_t)n * sizeof *x);
    bool ok = x && shape_count(&from->tensor.shape) == n && st_floats(from, x, err);

    for (int64_t i = 0; ok && i < n; i++)
        ((real *)to.data)[i] = x[(i / (c * pixels) * c + i % c) * pixels + i / c % pixels];
    free(x);
    return ok || err_set(err, ERR_INPUT, "%s is of another shape", from->name);
}

static bool feed(struct nn_exec *e, const struct st_file *in, struct err *err)
{
    struct tensor target = nn_exec_input(e, "target");

    return put(nn_exec_input(e, "image"), st_find(in, "image"), err) &&
           (!target.data || put(target, st_find(in, "target"), err));
}

static struct nn_plan *plan_of(const struct nn_graph *g, enum nn_mode mode, int batch,
                               struct err *err)
{
    struct nn_plan_options opt = { .mode = mode, .batch = batch, .threads = THREADS,
                                   .precision = NN_PRECISION_FP32,
                                   .kernels = nn_kernels_get("auto", err) };

    return opt.kernels ? nn_plan_new(g, &opt, err) : NULL;
}

static bool answer(const struct infer_model *m, const struct st_file *in, int batch,
                   struct pool *pool, struct out *out, struct err *err)
{
    struct nn_graph *g = NULL;
    struct nn_params *p = NULL;
    struct nn_plan *plan = NULL;
    struct nn_exec *e = NULL;
    bool ok;

    if (nn_pass_infer(m->graph, m->params, &g, &p, err) &&
        (plan = plan_of(g, NN_INFER, batch, err)))
        e = nn_exec_new(plan, p, pool, err);
    ok = e && feed(e, in, err);
    if (ok) {
        nn_exec_forward(e);
        add_output(out, "logits", e, "logits");
    }
    nn_exec_free(e);
    nn_plan_free(plan);
    nn_params_free(p);
    nn_graph_free(g);
    return ok;
}

static bool add_loss(struct nn_graph *g, int labels, struct err *err)
{
    int in[2] = { nn_graph_find_output(g, "logits") }, loss;

    in[1] = nn_graph_add(g, &nn_op_input, "target", &(struct nn_input){ { labels } }, 0, NULL, err);
    loss = in[1] < 0 ? -1 : nn_graph_add(g, &nn_op_xent, "loss", NULL, 2, in, err);
    return loss >= 0 && nn_graph_output(g, "loss", loss, err);
}

static bool step(const struct infer_model *m, const struct st_file *in, int batch,
                 struct pool *pool, struct out *out, struct err *err)
{
    struct nn_graph *g = nn_graph_copy(m->graph, err);
    struct nn_params *p = g && add_loss(g, m->n_labels, err) ? nn_params_new(g, true, err) : NULL;
    struct nn_plan *plan = p ? plan_of(g, NN_TRAIN, batch, err) : NULL;
    struct nn_exec *e = plan ? nn_exec_new(plan, p, pool, err) : NULL;
    bool ok;

    if (e)
        nn_params_copy(p, g, m->params, m->graph);
    ok = e && feed(e, in, err);
    if (ok) {
        nn_exec_forward(e);
        nn_exec_backward(e);
        add_output(out, "trained", e, "logits");
        add_output(out, "loss", e, "loss");
    }
    for (int i = 0; ok && i < p->n; i++) {
        struct shape shape = nn_params_file_shape(g, p->node[i]);
        const char *name = g->node[p->node[i]].name;

        nn_params_to_file(g, p->node[i], (p->trained[i] ? p->grad : p->value) + p->offset[i],
                          add(out, p->trained[i] ? "grad:" : "new:", name, &shape));
    }
    nn_exec_free(e);
    nn_plan_free(plan);
    nn_params_free(p);
    nn_graph_free(g);
    return ok;
}

static bool run(char **path, struct err *err)
{
    struct st_file *in = st_open(path[2], err);
    struct infer_foreign_options how = { .arch = strcmp(path[0], "-") != 0 ? path[0] : NULL };
    struct pool *pool = in ? pool_new(THREADS, err) : NULL;
    struct out *out = calloc(1, sizeof *out);
    struct str told = { 0 };
    struct infer_model *m = NULL;
    bool ok = pool && out && (out->mem = arena_new()) && st_find(in, "image");
    const int64_t *dim = ok ? st_find(in, "image")->tensor.shape.dim : NULL;

    how.size = ok ? (int)dim[2] : 0;
    m = ok ? infer_foreign_open(path[1], &how, &told, err) : NULL;
    fputs(str_text(&told), stderr);
    ok = m && answer(m, in, (int)dim[0], pool, out, err) &&
         (!st_find(in, "target") || step(m, in, (int)dim[0], pool, out, err)) &&
         st_write(path[3], out->n, out->entry, 0, NULL, err);
    str_release(&told);
    infer_model_free(m);
    if (out)
        arena_free(out->mem);
    free(out);
    pool_free(pool);
    st_close(in);
    return ok;
}

int main(int argc, char **argv)
{
    struct err err = { 0 };

    if (argc != 5) {
        fputs("usage: net ARCH WEIGHTS IN OUT\n", stderr);
        return 2;
    }
    if (run(argv + 1, &err))
        return 0;
    fprintf(stderr, "net: %s\n", err.kind ? err.msg : "no image, or no memory");
    return 1;
}
