/*
 * preflight -- see preflight.h
 *
 * Forward is run step by step, and each output is looked at when it was just made: its buffer may
 * be another's afterwards.  When the logits were made, they are put to 0 for a moment and the rest
 * of the steps run: that is the loss of a network that knows nothing, whatever the loss is.
 */
#include "train/preflight.h"

#include "nn/exec.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Bounds of health.  The architectures, drawn by any rule, show deviations of 0.2 to 3 in all
 * layers, no channel that is the same for all pictures, and a loss of at most 1.5 times what is
 * expected; a chain of 30 layers without norms, drawn as suits it, 0.1 to 3.  What gradients can
 * still mend lies within a few hundred times of that, so a bound is not crossed by chance.
 */
#define LEAST_DEVIATION 1e-4
#define MOST_DEVIATION 1e3
#define MOST_DEAD 0.5    /* share of the channels */
#define MOST_PIXEL 100   /* pictures' numbers, in deviations; what is chosen here stays below 20 */
#define LOSS_TIMES 3     /* what is expected, */
#define LOSS_MORE 3      /* and so much more */

enum problem { LOSS, LARGE, SMALL, DEAD, NO_GRADIENT, PROBLEMS };

/* What an output or a gradient was. */
struct look {
    bool seen, zero, constant; /* constant: nothing trained lies before it */
    bool scaled;               /* by a factor of a channel that begins small on purpose */
    bool padded;               /* has zeros that pad put there, nothing learnt behind them */
    double deviation, dead;    /* dead: share of the channels */
};

struct preflight {
    const struct train_preflight_options *opt;
    const struct nn_graph *g;
    struct nn_params *p; /* a copy */
    struct nn_plan *plan;
    struct nn_exec *exec;
    int n;
    struct look *look; /* of each node's output; of a parameter: its gradient's */
    bool *closed;      /* 0 now, and open after the first step */
    bool *behind;      /* all that it says goes through such */
    double loss, expected;
    int first[PROBLEMS], others[PROBLEMS]; /* node, -1; how many more */
};

/* ---- looking --------------------------------------------------------------------------------- */

/* Of x[rows,width]: deviation of all, and how many columns are the same in all rows. */
static void look_at(struct look *l, const real *x, int64_t rows, int64_t width)
{
    enum { AT_ONCE = 16 }; /* columns: what lies in a line of cache */
    double sum = 0, squares = 0, n = (double)(rows * width);
    int64_t dead = 0;

    l->seen = l->zero = true;
    for (int64_t first = 0; first < width; first += AT_ONCE) {
        int columns = (int)(width - first < AT_ONCE ? width - first : AT_ONCE);
        bool same[AT_ONCE];

        memset(same, true, sizeof same);
        for (int64_t r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++) {
                real v = x[r * width + first + c];

                sum += (double)v;
                squares += (double)v * (double)v;
                same[c] &= v == x[first + c];
                l->zero &= v == 0;
            }
        for (int c = 0; c < columns; c++)
            dead += same[c];
    }
    l->deviation = sqrt(fmax(squares / n - sum / n * (sum / n), 0));
    l->dead = (double)dead / (double)width;
}

static void look_at_tensor(struct look *l, const struct tensor *t)
{
    int64_t width = t->shape.rank ? t->shape.dim[t->shape.rank - 1] : 1;

    if (t->dtype == DTYPE_F32 && width)
        look_at(l, t->data, shape_count(&t->shape) / width, width);
}

static void run_step(struct preflight *f, int step, struct nn_call *c)
{
    nn_exec_call(f->exec, step, c);
    nn_op_forward(f->g->node[f->plan->step[step].node].op, c);
}

static double loss_now(const struct preflight *f)
{
    return (double)*(const real *)nn_exec_output(f->exec, "loss").data;
}

/* The loss of logits that are all 0, by the steps from `step` on.  Puts the logits back. */
static bool expect(struct preflight *f, int step, const struct tensor *logits)
{
    size_t bytes = (size_t)shape_count(&logits->shape) * sizeof(real);
    void *kept = malloc(bytes ? bytes : 1);
    struct nn_call c;

    if (!kept)
        return false;
    memcpy(kept, logits->data, bytes);
    memset(logits->data, 0, bytes);
    for (int i = step; i < f->plan->n_forward; i++)
        run_step(f, i, &c);
    f->expected = loss_now(f);
    memcpy(logits->data, kept, bytes);
    free(kept);
    return true;
}

static void fill(const struct preflight *f, const char *input, const float *from)
{
    struct tensor t = nn_exec_input(f->exec, input);
    int64_t n = shape_count(&t.shape);

    for (int64_t i = 0; i < n; i++)
        ((real *)t.data)[i] = from[i];
}

/* Forward and backward, everything looked at.  False: memory is out. */
static bool run(struct preflight *f, const float *image, const float *target)
{
    int logits = nn_graph_find_output(f->g, "logits");
    struct nn_call c;

    fill(f, "image", image);
    fill(f, "target", target);
    nn_exec_seed(f->exec, f->opt->seed, 0);
    for (int i = 0; i < f->plan->n_forward; i++) {
        int node = f->plan->step[i].node;

        run_step(f, i, &c);
        if (node <= logits)
            look_at_tensor(&f->look[node], &c.y);
        if (node == logits && !expect(f, i + 1, &c.y))
            return false;
    }
    f->loss = loss_now(f);
    nn_exec_backward(f->exec);
    for (int e = 0; e < f->p->n; e++)
        if (f->p->trained[e])
            look_at(&f->look[f->p->node[e]], f->p->grad + f->p->offset[e], 1, f->p->count[e]);
    return true;
}

/* ---- judging --------------------------------------------------------------------------------- */

/* All the parameters of a node that are trained have a gradient, and one of them is 0 still. */
static bool opens(const struct preflight *f, int node)
{
    bool zero = false;

    for (int k = 0; k < f->g->node[node].n_in; k++) {
        int in = f->g->node[node].in[k], e = f->p->entry[in];
        const real *v;
        bool all = true;

        if (e < 0 || !f->p->trained[e])
            continue;
        if (f->look[in].zero)
            return false;
        v = f->p->value + f->p->offset[e];
        for (int64_t i = 0; i < f->p->count[e] && all; i++)
            all = v[i] == 0;
        zero |= all && f->g->node[in].op == &nn_op_param;
    }
    return zero;
}

/* Which nodes are 0 on purpose, what passes their 0 on, and what is heard through them alone. */
static void find_closed(struct preflight *f)
{
    for (int i = 0; i < f->g->n; i++) {
        const struct nn_node *node = &f->g->node[i];
        bool passed = node->n_in > 0, trained = false, layer = false, padded = false;

        for (int k = 0; k < node->n_in; k++) {
            int in = node->in[k];

            passed &= f->closed[in];
            layer |= f->p->entry[in] >= 0;
            padded |= f->look[in].padded;
            trained |= (f->p->entry[in] >= 0 && f->p->trained[f->p->entry[in]]) ||
                       (f->p->entry[in] < 0 && f->look[in].seen && !f->look[in].constant);
        }
        if (f->p->entry[i] < 0)
            f->look[i].constant = !trained;
        f->look[i].scaled = node->op == &nn_op_scale ||
                            (node->n_in == 1 && f->look[node->in[0]].scaled);
        f->look[i].padded = node->op == &nn_op_pad || (padded && !layer);
        f->closed[i] = f->look[i].zero && f->p->entry[i] < 0 && (passed || opens(f, i));
    }
    for (int i = 0; i < f->g->n; i++)
        for (int k = 0; k < f->g->node[i].n_in; k++)
            f->behind[f->g->node[i].in[k]] = true;
    for (int i = f->g->n - 1; i >= 0; i--)
        for (int k = 0; k < f->g->node[i].n_in; k++)
            f->behind[f->g->node[i].in[k]] &= f->behind[i] || f->closed[i];
}

static void count(struct preflight *f, enum problem problem, int node)
{
    if (f->first[problem] < 0)
        f->first[problem] = node;
    else
        f->others[problem]++;
}

static void judge(struct preflight *f)
{
    bool silent = f->expected == 0; /* no label of these pictures is known */

    for (int i = 0; i < f->g->n; i++) {
        const struct look *l = &f->look[i];
        int e = f->p->entry[i];

        if (!l->seen || l->constant)
            continue;
        if (e >= 0 && l->zero && !f->behind[i] && !silent)
            count(f, NO_GRADIENT, i);
        if (e >= 0 || f->closed[i])
            continue;
        if (!(l->deviation <= MOST_DEVIATION))
            count(f, LARGE, i);
        else if (l->deviation < LEAST_DEVIATION && !l->scaled)
            count(f, SMALL, i);
        else if (l->dead > MOST_DEAD && !l->padded)
            count(f, DEAD, i);
    }
    if (!silent && f->loss > LOSS_TIMES * f->expected + LOSS_MORE)
        count(f, LOSS, f->plan->loss);
}

/* ---- telling --------------------------------------------------------------------------------- */

/* "conv1", "conv1.weight", "relu after bn1": a place that the user has seen a name of. */
static void add_place(struct str *out, const struct preflight *f, int i)
{
    const struct nn_node *node = &f->g->node[i];
    int named = i;

    while (f->p->entry[named] < 0 && f->g->node[named].n_in) {
        for (int k = 1; k < f->g->node[named].n_in; k++)
            if (f->p->entry[f->g->node[named].in[k]] >= 0) {
                str_printf(out, "%s%s", named == i ? "" : " after ", f->g->node[named].name);
                return;
            }
        if (named == i)
            str_add(out, node->op->name);
        named = f->g->node[named].in[0];
    }
    if (named == i)
        str_add(out, node->name);
}

static void tell(const struct preflight *f, enum problem problem, train_say_fn *say, void *ctx)
{
    int node = f->first[problem], others = f->others[problem];
    struct str s = { 0 };

    if (node < 0)
        return;
    str_add(&s, "check before the first step: ");
    if (problem != LOSS)
        add_place(&s, f, node);
    if (problem != LOSS && others)
        str_printf(&s, " (and %d more)", others);
    switch (problem) {
    case LOSS:
        str_printf(&s, "the loss is %.4g, and answering every label alike has %.4g: the first "
                       "steps will be wild; a smaller --lr or a longer --warmup may help", f->loss,
                   f->expected);
        break;
    case LARGE:
        str_printf(&s, ": numbers of deviation %.3g, of 1 or so in healthy networks: a norm after "
                       "it, or weights by another rule (--weights lecun) make them smaller",
                   f->look[node].deviation);
        break;
    case SMALL:
        str_printf(&s, ": numbers of deviation %.3g: hardly anything passes; a norm after it, or "
                       "weights by another rule (--weights he) make them larger",
                   f->look[node].deviation);
        break;
    case DEAD:
        str_printf(&s, ": %.0f %% of its channels are the same for all of %d pictures, and will "
                       "not learn: biases before it may be far too low, or the pictures all alike",
                   100 * f->look[node].dead, f->n);
        break;
    default:
        str_add(&s, ": no gradient arrives, it will not learn: something behind it is all 0, or "
                    "nothing reads it");
    }
    if (!s.failed)
        say(ctx, str_text(&s));
    str_release(&s);
}

/* Whether pictures are what a network can look at. */
static void tell_pictures(const struct preflight *f, const float *image, int64_t n,
                          train_say_fn *say, void *ctx)
{
    double most = 0;
    bool same = true;
    char text[240];

    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)image[i]));
        same &= image[i] == image[0];
    }
    if (same)
        snprintf(text, sizeof text,
                 "check before the first step: all pixels of %d pictures are the same", f->n);
    else if (most > MOST_PIXEL)
        snprintf(text, sizeof text,
                 "check before the first step: the pictures' numbers reach %.3g, where a few are "
                 "usual: mean and deviation do not fit them", most);
    else
        return;
    say(ctx, text);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool all_finite(const struct preflight *f, struct err *err)
{
    if (!isfinite(f->loss))
        return err_set(err, ERR_DIVERGED,
                       "before the first step the loss is no finite number already: the initial "
                       "weights are too large, or the pictures not normalised");
    for (int64_t i = 0; i < f->p->total; i++)
        if (!isfinite(f->p->grad[i]))
            return err_set(err, ERR_DIVERGED,
                           "before the first step a gradient is no finite number already: the "
                           "initial weights are too large, or the pictures not normalised");
    return true;
}

static bool prepare(struct preflight *f, struct err *err)
{
    struct nn_plan_options plan = {
        .mode = NN_TRAIN,
        .batch = f->n,
        .threads = pool_threads(f->opt->pool),
        .kernels = f->opt->kernels,
        .precision = NN_PRECISION_FP32,
        .limit = (size_t)f->opt->limit,
        .single = true,
    };
    size_t n = (size_t)f->g->n + 1;

    f->look = calloc(n, sizeof *f->look);
    f->closed = calloc(n, sizeof *f->closed);
    f->behind = calloc(n, sizeof *f->behind);
    if (!f->look || !f->closed || !f->behind)
        return err_set(err, ERR_MEMORY, "no memory to check the network before the first step");
    f->p = nn_params_new(f->g, true, err);
    if (!f->p)
        return false;
    assert(f->p->total == f->opt->values->total);
    memcpy(f->p->value, f->opt->values->value, (size_t)f->p->total * sizeof *f->p->value);
    f->plan = nn_plan_new(f->g, &plan, err);
    while (f->plan && plan.limit && f->plan->bytes > plan.limit && f->n > 2) {
        nn_plan_free(f->plan);
        plan.batch = f->n = f->n / 2 > 2 ? f->n / 2 : 2;
        f->plan = nn_plan_new(f->g, &plan, err);
    }
    f->exec = f->plan ? nn_exec_new(f->plan, f->p, f->opt->pool, err) : NULL;
    return f->exec;
}

bool train_preflight(const struct train_preflight_options *opt, int n, const float *image,
                     const float *target, train_say_fn *say, void *ctx, struct err *err)
{
    struct preflight f = { .opt = opt, .g = opt->graph,
                           .n = n < TRAIN_PREFLIGHT_MOST ? n : TRAIN_PREFLIGHT_MOST };
    bool ok;

    for (int i = 0; i < PROBLEMS; i++)
        f.first[i] = -1;
    ok = prepare(&f, err);
    if (ok && !run(&f, image, target))
        ok = err_set(err, ERR_MEMORY, "no memory to check the network before the first step");
    if (ok && all_finite(&f, err)) {
        struct tensor in = nn_exec_input(f.exec, "image");

        find_closed(&f);
        judge(&f);
        tell_pictures(&f, image, shape_count(&in.shape), say, ctx);
        for (int i = 0; i < PROBLEMS; i++)
            tell(&f, (enum problem)i, say, ctx);
    } else {
        ok = false;
    }
    nn_exec_free(f.exec);
    nn_plan_free(f.plan);
    nn_params_free(f.p);
    free(f.look);
    free(f.closed);
    free(f.behind);
    return ok;
}
