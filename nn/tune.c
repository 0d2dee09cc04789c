/*
 * tune -- see tune.h
 */
#include "nn/tune.h"

#include "nn/base/block.h"
#include "nn/base/clock.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROUNDS = 16, LEAST = 5,     /* rounds of turns, at most and at least */
    NOISE = 4096,               /* numbers that are drawn; arrays repeat them */
};

#define RUN 2e-3                /* seconds of a turn, at least */
#define TIME 40e-3              /* of all turns of a variant, about */
#define WORTH 0.97              /* of the rule's time: what is slower than that is noise */
#define HOPELESS 1.5            /* times the fastest, at a first look: no turns */

/* What is measured of: the nodes that make the same call. */
struct same {
    double work;                /* flops of all of them, forward */
    int node, steps;            /* the first; how many */
    char *call;
};

struct tuning {
    const struct nn_plan *p;
    const struct nn_tune_options *how;
    struct arena *mem;
    struct same *same;
    int n;
    struct str *table;
    bool stopped;               /* by who hears of it */
    struct err *err;
};

/* ---- which calls there are ------------------------------------------------------------------- */

static int by_work(const void *a, const void *b)
{
    const struct same *x = a, *y = b;

    return (x->work < y->work) - (x->work > y->work);
}

static bool has_choice(const struct nn_op *op, const struct nn_call *c)
{
    for (const struct nn_choice *k = op->choices; k && k->name; k++)
        if (nn_variants_of(k, c) > 1)
            return true;
    return false;
}

static struct same *same_as(struct tuning *t, const char *call)
{
    for (int i = 0; i < t->n; i++)
        if (!strcmp(t->same[i].call, call))
            return &t->same[i];
    t->same[t->n].call = arena_str(t->mem, call);
    return t->same[t->n].call ? &t->same[t->n++] : NULL;
}

static bool find_calls(struct tuning *t)
{
    const struct nn_plan *p = t->p;
    struct str call = { 0 };
    bool ok = (t->same = arena_array(t->mem, (size_t)p->n_forward + 1, sizeof *t->same));

    for (int s = 0; ok && s < p->n_forward; s++) {
        int node = p->step[s].node;
        const struct nn_op *op = p->graph->node[node].op;
        struct nn_call c = nn_plan_call(p, node);
        struct same *same;

        if (!has_choice(op, &c))
            continue;
        str_clear(&call);
        nn_variants_add_call(op, &c, &call);
        same = call.failed ? NULL : same_as(t, str_text(&call));
        ok = same;
        if (ok) {
            same->node = same->steps++ ? same->node : node;
            same->work += (double)nn_op_flops(op, &c);
        }
    }
    str_release(&call);
    if (ok)
        qsort(t->same, (size_t)t->n, sizeof *t->same, by_work);
    return ok || err_set(t->err, ERR_MEMORY, "no memory to measure with");
}

/* ---- a call by itself ------------------------------------------------------------------------ */

static size_t bytes_of(const struct tensor *t)
{
    return (size_t)shape_count(&t->shape) * dtype_size(t->dtype);
}

/* An array of noise in [-1/2, 1/2). */
static bool make(struct tensor *t, const struct nn_kernels *k)
{
    real noise[NOISE];
    bf16 half[NOISE];
    const void *from = t->dtype == DTYPE_BF16 ? (void *)half : noise;
    size_t bytes = bytes_of(t), some = NOISE * dtype_size(t->dtype);

    t->data = block_new(bytes + 64);
    if (!t->data || (t->dtype != DTYPE_BF16 && t->dtype != DTYPE_F32))
        return t->data;
    for (int i = 0; i < NOISE; i++)
        noise[i] = (real)(rng_f32(1, rng_stream(RNG_TEST, 0), (uint64_t)i) - 0.5f);
    k->to_bf16(NOISE, noise, half);
    for (size_t at = 0; at < bytes; at += some)
        memcpy((char *)t->data + at, from, bytes - at < some ? bytes - at : some);
    return true;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Room for every variant of every choice, each beside the rule's others. */
static bool make_room(const struct nn_op *op, struct nn_call *c)
{
    size_t stash = 64, scratch = 64, packed = 64;

    for (int k = 0; op->choices[k].name; k++)
        for (int v = 0; op->choices[k].variant[v]; v++) {
            struct nn_call other = *c;
            size_t s = 0, r = 0;

            if (!op->choices[k].can(c, v))
                continue;
            other.variant[k] = (unsigned char)v;
            if (op->space)
                op->space(&other, &s, &r);
            stash = larger(stash, s);
            scratch = larger(scratch, r);
            packed = larger(packed, op->pack ? op->packed(&other) : 0);
        }
    c->stash = block_new(stash);
    c->scratch = block_new(scratch);
    c->packed = block_new(packed);
    return c->stash && c->scratch && c->packed;
}

static bool open_call(const struct tuning *t, int node, struct nn_call *c)
{
    const struct nn_plan *p = t->p;
    const struct nn_node *at = &p->graph->node[node];
    bool ok;

    *c = nn_plan_call(p, node);
    ok = make_room(at->op, c) && make(&c->y, c->k);
    c->dy = c->y;               /* one array for both, as never both are needed */
    for (int k = 0; k < c->n_in; k++) {
        c->dx[k] = c->x[k];
        ok = ok && make(&c->x[k], c->k) &&
             (!p->wants_grad[at->in[k]] || at->op->no_grad >> k & 1 || make(&c->dx[k], c->k));
    }
    c->fresh = p->fresh[node];
    c->pool = t->how->pool;
    c->seed = 1;
    return ok || err_set(t->err, ERR_MEMORY, "no memory to measure with");
}

static void close_call(struct nn_call *c)
{
    block_free(c->stash);
    block_free(c->scratch);
    block_free(c->packed);
    block_free(c->y.data);
    for (int k = 0; k < c->n_in; k++) {
        block_free(c->x[k].data);
        block_free(c->dx[k].data);
    }
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* Seconds of a run of what the choice is of; c wants no other gradient. */
static double run(const struct nn_op *op, const struct nn_choice *choice, const struct nn_call *c,
                  int times)
{
    double begun = clock_now();

    for (int i = 0; i < times; i++)
        if (choice->of == NN_FORWARD)
            nn_op_forward(op, c);
        else
            op->backward(c);
    return (clock_now() - begun) / times;
}

static int clamp(double x, int lo, int hi)
{
    return x < lo ? lo : x > hi ? hi : (int)x;
}

/* The turns of the variants of a choice. */
struct turns {
    double second[NN_VARIANTS][ROUNDS], shortest[NN_VARIANTS]; /* shortest 0: cannot be */
    int n[NN_VARIANTS];         /* rounds; none where the first looks showed it to be slow */
};

static void take_turns(struct turns *t, const struct nn_op *op, int k, const struct nn_call *rule)
{
    const struct nn_choice *choice = &op->choices[k];
    double fastest = 0;
    struct nn_call c = *rule;
    int rounds, times;

    for (int i = 0; i < c.n_in; i++)
        c.dx[i].data = i == choice->of ? c.dx[i].data : NULL;
    for (int v = 0; choice->variant[v]; v++) {
        if (!choice->can(rule, v))
            continue;
        c.variant[k] = (unsigned char)v;
        run(op, choice, &c, 1);
        t->shortest[v] = run(op, choice, &c, 1);
        fastest = fastest > 0 && fastest < t->shortest[v] ? fastest : t->shortest[v];
    }
    times = clamp(RUN / fastest, 1, 1000);
    rounds = clamp(TIME / (times * fastest), LEAST, ROUNDS);
    for (int r = 0; r < rounds; r++)
        for (int v = 0; choice->variant[v]; v++)
            if (t->shortest[v] > 0 && (v == rule->variant[k] ||
                                       t->shortest[v] < HOPELESS * fastest)) {
                double *s = &t->second[v][t->n[v]++];

                c.variant[k] = (unsigned char)v;
                *s = run(op, choice, &c, times);
                t->shortest[v] = *s < t->shortest[v] ? *s : t->shortest[v];
            }
}

/* Of all rounds most were shorter than the rule's, and the shortest clearly. */
static bool is_better(const struct turns *t, int v, int rule)
{
    int won = 0;

    for (int r = 0; r < t->n[v] && r < t->n[rule]; r++)
        won += t->second[v][r] < t->second[rule][r];
    return 4 * won >= 3 * t->n[rule] && t->shortest[v] < WORTH * t->shortest[rule];
}

static int best_of(const struct turns *t, int rule)
{
    int best = rule;

    for (int v = 0; v < NN_VARIANTS; v++)
        if (t->n[v] && is_better(t, v, rule) && t->shortest[v] < t->shortest[best])
            best = v;
    return best;
}

/* Of one call all choices, and its entry in the table. */
static bool tune_call(struct tuning *t, int i)
{
    const struct same *same = &t->same[i];
    const struct nn_op *op = t->p->graph->node[same->node].op;
    struct nn_call c;
    bool ok = open_call(t, same->node, &c), any = false;

    for (int k = 0; ok && !t->stopped && op->choices[k].name; k++) {
        const struct nn_choice *choice = &op->choices[k];
        struct nn_tuned d = { .call = same->call, .choice = choice, .steps = same->steps,
                              .rule = c.variant[k], .done = i, .all = t->n };
        struct turns turns = { .n = { 0 } };

        if (nn_variants_of(choice, &c) < 2 ||
            (choice->of != NN_FORWARD && !c.dx[choice->of].data))
            continue;
        take_turns(&turns, op, k, &c);
        memcpy(d.seconds, turns.shortest, sizeof d.seconds);
        d.taken = best_of(&turns, d.rule);
        if (d.taken != d.rule) {
            if (!any)
                str_printf(t->table, "; %s:", same->call);
            str_printf(t->table, " %s=%s", choice->name, choice->variant[d.taken]);
            any = true;
        }
        t->stopped = t->how->tell && !t->how->tell(t->how->ctx, &d);
    }
    close_call(&c);
    return ok;
}

bool nn_tune(const struct nn_plan *p, const struct nn_tune_options *how, struct str *table,
             struct err *err)
{
    struct tuning t = { .p = p, .how = how, .table = table, .err = err, .mem = arena_new() };
    double begun = clock_now();
    bool ok = t.mem ? find_calls(&t) : err_set(err, ERR_MEMORY, "no memory to measure with");

    nn_variants_add_kernels(p->opt.kernels, table);
    for (int i = 0; ok && !t.stopped && i < t.n && clock_now() - begun < how->seconds; i++)
        ok = tune_call(&t, i);
    arena_free(t.mem);
    return ok && (!table->failed || err_set(err, ERR_MEMORY, "no memory for what was measured"));
}
