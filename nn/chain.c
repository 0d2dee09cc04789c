/*
 * chain -- see chain.h
 *
 * A piece of work is a run of rows of the last step of one picture.  It goes over them band by
 * band: what rows of each value the next one sees is asked from the end, those that the window has
 * already move to its begin, the others are computed.  Only at the begin of a piece are rows
 * computed that another piece has, too.
 */
#include "nn/chain.h"
#include "nn/planner.h"

#include <string.h>

enum {
    ROOM = 512 << 10,           /* bytes of all windows of a thread: half of a second cache */
    WORTH = 64 << 10,           /* of values that need not be whole, at least */
    THIN = 64,                  /* flops a number read or written: below, memory is what counts */
    LEAST = 3,                  /* rows of a piece: those that two pieces compute are that many */
    LINE = 64,
};

/* ---- which there are ------------------------------------------------------------------------- */

static int host(const struct nn_planner *w, int t)
{
    return w->p->step[t].node;
}

/* Whether step t makes rows of one picture by themselves. */
static bool makes_rows(const struct nn_planner *w, int t)
{
    const struct nn_plan *p = w->p;
    int i = host(w, t), residual = p->fused.residual[i], tail = p->fused.tail[i];
    const struct nn_op *op = w->g->node[i].op;
    struct nn_call c = nn_plan_call(p, i);
    int64_t from, end;

    return op->rows && p->shape[tail].rank == 4 && op->sees(&c, 0, 1, &from, &end) &&
           (residual < 0 || p->dtype[residual] == p->dtype[tail]);
}

/* Nobody but step t + 1 reads what step t writes, and that as its picture. */
static bool is_linked(const struct nn_planner *w, int t)
{
    const struct nn_plan *p = w->p;
    int tail = p->fused.tail[host(w, t)], next = t + 1 < p->n_forward ? host(w, t + 1) : -1;

    return next >= 0 && p->fused.reader[tail] == next && w->g->node[next].in[0] == tail &&
           makes_rows(w, t) && makes_rows(w, t + 1);
}

/* Rows of x that n rows of y see, somewhere in the middle. */
static int64_t seen_by(const struct nn_planner *w, int t, int n)
{
    struct nn_call c = nn_plan_call(w->p, host(w, t));
    int64_t from, end;

    w->g->node[host(w, t)].op->sees(&c, 0, n, &from, &end);
    return end - from;
}

/* A step that moves much for what it computes, and sees more than one row for one. */
static bool is_thin(const struct nn_planner *w, int t)
{
    struct nn_call c = nn_plan_call(w->p, host(w, t));
    int64_t numbers = shape_count(&c.x[0].shape) + shape_count(&c.y.shape);

    return makes_rows(w, t) && seen_by(w, t, 1) > 1 &&
           nn_op_flops(w->g->node[host(w, t)].op, &c) < THIN * numbers;
}

static int64_t rows_of(const struct nn_planner *w, int t)
{
    return w->p->shape[w->p->fused.tail[host(w, t)]].dim[1];
}

/* Windows for bands of so many rows; bytes of a thread's. */
static size_t set_windows(const struct nn_planner *w, struct nn_chain *c, int band)
{
    const struct nn_plan *p = w->p;

    c->room = 0;
    c->band = c->rows[c->n - 1] = band;
    for (int k = c->n - 2; k >= 0; k--) {
        int tail = p->fused.tail[host(w, c->first + k)];
        int64_t rows = seen_by(w, c->first + k + 1, c->rows[k + 1]);
        const int64_t *dim = p->shape[tail].dim;

        c->rows[k] = (int)(rows < dim[1] ? rows : dim[1]);
        c->bytes[k] = (size_t)(dim[2] * dim[3]) * dtype_size(p->dtype[tail]);
        c->at[k] = c->room;
        c->room += (c->bytes[k] * (size_t)c->rows[k] + LINE - 1) / LINE * LINE;
    }
    return c->room;
}

/* Pieces of a picture: none but where there are fewer pictures than threads could take. */
static int parts_of(const struct nn_planner *w, const struct nn_chain *c)
{
    const struct nn_plan *p = w->p;
    int64_t rows = rows_of(w, c->first + c->n - 1);

    if (p->opt.batch >= 4 * (int64_t)p->opt.threads || p->opt.threads == 1)
        return 1;
    return rows / p->opt.threads >= LEAST ? p->opt.threads : p->opt.batch >= p->opt.threads;
}

/* Bytes of one picture's values that become windows. */
static int64_t spared(const struct nn_planner *w, const struct nn_chain *c)
{
    int64_t bytes = 0;

    for (int t = c->first; t < c->first + c->n - 1; t++) {
        int tail = w->p->fused.tail[host(w, t)];

        bytes += shape_count(&w->p->shape[tail]) / w->p->opt.batch *
                 (int64_t)dtype_size(w->p->dtype[tail]);
    }
    return bytes;
}

/* The rest of a chain whose steps are known; false: it is not worth it. */
static bool complete(const struct nn_planner *w, struct nn_chain *c)
{
    int most, band;

    c->parts = parts_of(w, c);
    if (c->n < 2 || !c->parts || spared(w, c) < WORTH || set_windows(w, c, 1) > ROOM)
        return false;
    most = (int)((rows_of(w, c->first + c->n - 1) + c->parts - 1) / c->parts);
    for (band = most; band > 1 && set_windows(w, c, band) > ROOM; band--)
        ;
    set_windows(w, c, (most + (most + band - 1) / band - 1) / ((most + band - 1) / band));
    return true;
}

void nn_chain_find(struct nn_planner *w)
{
    struct nn_plan *p = w->p;
    int end = 0;                /* of the chain before */

    if (p->opt.mode != NN_INFER || p->opt.bare || p->opt.single || p->opt.apart)
        return;
    p->chain = arena_array(p->mem, (size_t)p->n_forward / 2 + 1, sizeof *p->chain);
    for (int t = 0; p->chain && t < p->n_forward; t++) {
        struct nn_chain c = { .first = t, .n = 1 };

        if (t < end || !is_thin(w, t))
            continue;
        if (t > end && is_linked(w, t - 1)) {
            c.first--;
            c.n++;
        }
        if (is_linked(w, t) && seen_by(w, t + 1, 1) == 1 && seen_by(w, t + 1, 2) == 2)
            c.n++;
        for (int k = 0; k < c.n; k++)
            c.op[k] = w->g->node[host(w, c.first + k)].op;
        if (complete(w, &c)) {
            p->chain[p->n_chain++] = c;
            p->room = c.room > p->room ? c.room : p->room;
            end = c.first + c.n;
        }
    }
}

static const struct nn_chain *chain_of(const struct nn_chain *chain, int n, int t)
{
    for (int i = 0; i < n; i++)
        if (t >= chain[i].first && t < chain[i].first + chain[i].n)
            return &chain[i];
    return NULL;
}

int nn_chain_begin(const struct nn_chain *chain, int n, int t)
{
    const struct nn_chain *c = chain_of(chain, n, t);

    return c ? c->first : t;
}

int nn_chain_end(const struct nn_chain *chain, int n, int t)
{
    const struct nn_chain *c = chain_of(chain, n, t);

    return c ? c->first + c->n - 1 : t;
}

/* ---- running --------------------------------------------------------------------------------- */

/* Rows [from,end) of a value. */
struct held {
    int64_t from, end;
};

/* A piece of work under way: the thread's calls, and its windows and what they hold. */
struct work {
    const struct nn_chain *chain;
    struct nn_call call[NN_CHAIN];
    char *window[NN_CHAIN];
    struct held held[NN_CHAIN];
    int64_t picture;
    int worker;
};

/* Where number 0 of value k would lie, were it whole: rows from held[k].from on are there. */
static void *whole(const struct work *w, int k)
{
    int64_t rows = w->call[k].y.shape.dim[1];

    return (void *)((uintptr_t)w->window[k] -
                    (size_t)(w->picture * rows + w->held[k].from) * w->chain->bytes[k]);
}

/* What each value must hold for rows [from,end) of the last one. */
static void find_need(const struct work *w, int from, int end, struct held need[NN_CHAIN])
{
    int n = w->chain->n;

    need[n - 1] = (struct held){ from, end };
    for (int k = n - 1; k > 0; k--) {
        struct held *x = &need[k - 1];
        int64_t rows = w->call[k - 1].y.shape.dim[1];

        w->chain->op[k]->sees(&w->call[k], (int)need[k].from, (int)(need[k].end - need[k].from),
                            &x->from, &x->end);
        x->from = x->from < 0 ? 0 : x->from < rows ? x->from : rows - 1;
        x->end = x->end > rows ? rows : x->end > x->from ? x->end : x->from + 1;
    }
}

static void make_band(struct work *w, int from, int end)
{
    int n = w->chain->n;
    struct held need[NN_CHAIN];

    find_need(w, from, end, need);
    for (int k = 0; k < n; k++) {
        struct nn_call *c = &w->call[k];
        struct held *held = &w->held[k];
        int64_t first = need[k].from;

        if (k < n - 1) {
            if (held->end > first) {            /* these are there */
                memmove(w->window[k], w->window[k] + (size_t)(first - held->from) *
                        w->chain->bytes[k], (size_t)(held->end - first) * w->chain->bytes[k]);
                first = held->end;
            }
            *held = need[k];
            c->y.data = whole(w, k);
        }
        if (k > 0)
            c->x[0].data = whole(w, k - 1);
        if (need[k].end > first)
            w->chain->op[k]->rows(c, w->picture, (int)first, (int)(need[k].end - first),
                                  w->worker);
    }
}

struct run {
    const struct nn_chain *chain;
    const struct nn_call *call;
    char *room;
    size_t bytes;
};

static void run_piece(void *arg, int i, int worker)
{
    const struct run *run = arg;
    const struct nn_chain *c = run->chain;
    struct work w = { .chain = c, .picture = i / c->parts, .worker = worker };
    int64_t rows = run->call[c->n - 1].y.shape.dim[1];
    int from = (int)(rows * (i % c->parts) / c->parts);
    int end = (int)(rows * (i % c->parts + 1) / c->parts);

    memcpy(w.call, run->call, (size_t)c->n * sizeof *w.call);
    for (int k = 0; k < c->n - 1; k++)
        w.window[k] = run->room + (size_t)worker * run->bytes + c->at[k];
    for (int row = from; row < end; row += c->band)
        make_band(&w, row, row + c->band < end ? row + c->band : end);
}

void nn_chain_run(const struct nn_chain *chain, const struct nn_call *call, char *room,
                  size_t bytes, struct pool *pool)
{
    struct run run = { chain, call, room, bytes };
    int64_t pictures = call[chain->n - 1].y.shape.dim[0];

    pool_for(pool, (int)(pictures * chain->parts), run_piece, &run);
}
