/*
 * weights -- see weights.h
 *
 * A value that is packed is made in a room of the thread that packs it, one after another, so that
 * no more than the result and a value a thread is ever there.
 */
#include "nn/weights.h"

#include "nn/base/block.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct making {
    const struct nn_plan *plan;
    const struct nn_values *v;
    struct nn_weights *w;
    bool *without;              /* nodes that are there packed alone */
    int *job, n_jobs;           /* nodes: parameters to make, operators to pack for */
    real **room;                /* of each thread */
    pthread_mutex_t mutex;
    int failed;                 /* the first of the jobs that failed, and why */
    struct err why;
};

static size_t packed_bytes(const struct nn_plan *p, int i)
{
    const struct nn_op *op = p->graph->node[i].op;
    struct nn_call c;

    if (!op->pack || p->fused.tail[i] < 0)
        return 0;
    c = nn_plan_call(p, i);
    return op->packed(&c);
}

/* Node i has a step that reads its input k packed. */
static bool reads_packed(const struct nn_plan *p, int i, int k)
{
    return p->graph->node[i].op->packs >> k & 1 && packed_bytes(p, i);
}

static void find_packed_alone(struct making *m)
{
    const struct nn_graph *g = m->plan->graph;

    for (int i = 0; i < g->n; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (m->v->of[g->node[i].in[k]] && reads_packed(m->plan, i, k))
                m->without[g->node[i].in[k]] = true;
    for (int i = 0; i < g->n; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (!reads_packed(m->plan, i, k))
                m->without[g->node[i].in[k]] = false;
    for (int o = 0; o < g->n_output; o++)
        m->without[g->output[o].node] = false;
}

/* Notes a failure; of several that of the lowest number is told, whoever came first. */
static void fail(struct making *m, int job, const struct err *why)
{
    pthread_mutex_lock(&m->mutex);
    if (job < m->failed) {
        m->failed = job;
        m->why = *why;
    }
    pthread_mutex_unlock(&m->mutex);
}

static bool pack(struct making *m, int i, real *room, struct err *err)
{
    const struct nn_plan *p = m->plan;
    const struct nn_node *node = &p->graph->node[i];
    struct nn_call c = nn_plan_call(p, i);

    for (int k = 0; k < node->n_in; k++) {
        const struct nn_value *v = m->v->of[node->in[k]];

        if (!(node->op->packs >> k & 1))
            continue;
        c.x[k].data = (void *)(uintptr_t)nn_value_at(v, room, err);
        if (!c.x[k].data)
            return false;
        room += v->numbers ? 0 : v->count;
    }
    c.packed = m->w->packed + p->packed_at[i];
    node->op->pack(&c);
    return true;
}

static void do_job(void *arg, int job, int worker)
{
    struct making *m = arg;
    struct nn_params *p = m->w->params;
    int i = m->job[job], entry = p->entry[i];
    struct err err = { 0 };

    if (!(entry >= 0 ? nn_value_make(m->v->of[i], p->value + p->offset[entry], &err)
                     : pack(m, i, m->room[worker], &err)))
        fail(m, job, &err);
}

/* Numbers that a node's packed inputs are made of, where they do not lie somewhere. */
static int64_t room_of(const struct making *m, int i)
{
    const struct nn_node *node = &m->plan->graph->node[i];
    int64_t n = 0;

    for (int k = 0; k < node->n_in; k++)
        if (node->op->packs >> k & 1 && !m->v->of[node->in[k]]->numbers)
            n += m->v->of[node->in[k]]->count;
    return n;
}

static bool make_all(struct making *m, struct pool *pool, struct err *err)
{
    const struct nn_plan *p = m->plan;
    int threads = pool_threads(pool);
    int64_t most = 0;

    for (int i = 0; i < p->graph->n; i++) {
        bool packs = packed_bytes(p, i);

        if (packs || m->w->params->entry[i] >= 0)
            m->job[m->n_jobs++] = i;
        if (packs && room_of(m, i) > most)
            most = room_of(m, i);
    }
    for (int t = 0; most && t < threads; t++) {
        m->room[t] = block_new((size_t)most * sizeof(real));
        if (!m->room[t])
            return err_set(err, ERR_MEMORY, "no memory for a value of %lld numbers",
                           (long long)most);
    }
    m->failed = m->n_jobs;
    pool_for(pool, m->n_jobs, do_job, m);
    if (m->failed < m->n_jobs)
        *err = m->why;
    return m->failed == m->n_jobs;
}

static bool make(struct making *m, struct pool *pool, struct err *err)
{
    const struct nn_plan *p = m->plan;
    struct nn_weights *w = m->w;

    find_packed_alone(m);
    w->params = nn_params_some(p->graph, m->without, err);
    if (!w->params)
        return false;
    w->packed = p->packed_bytes ? block_new(p->packed_bytes) : NULL;
    if (p->packed_bytes && !w->packed)
        return err_set(err, ERR_MEMORY, "no memory for %zu MB of weights", p->packed_bytes >> 20);
    w->bytes = p->packed_bytes + (size_t)w->params->total * sizeof(real);
    return make_all(m, pool, err);
}

struct nn_weights *nn_weights_new(const struct nn_plan *plan, const struct nn_values *v,
                                  struct pool *pool, struct err *err)
{
    struct making m = { .plan = plan, .v = v, .w = calloc(1, sizeof *m.w) };
    struct arena *mem = arena_new();
    size_t n = (size_t)plan->graph->n + 1, threads = (size_t)pool_threads(pool);
    bool ok;

    pthread_mutex_init(&m.mutex, NULL);
    if (mem) {
        m.without = arena_array(mem, n, sizeof *m.without);
        m.job = arena_array(mem, n, sizeof *m.job);
        m.room = arena_array(mem, threads, sizeof *m.room);
    }
    ok = (m.w && m.without && m.job && m.room) ||
         err_set(err, ERR_MEMORY, "no memory for a network's weights");
    ok = ok && make(&m, pool, err);
    for (size_t t = 0; m.room && t < threads; t++)
        block_free(m.room[t]);
    pthread_mutex_destroy(&m.mutex);
    arena_free(mem);
    if (ok)
        return m.w;
    nn_weights_free(m.w);
    return NULL;
}

void nn_weights_free(struct nn_weights *w)
{
    if (!w)
        return;
    nn_params_free(w->params);
    block_free(w->packed);
    free(w);
}
