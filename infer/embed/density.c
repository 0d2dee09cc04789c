/*
 * density -- see cluster.h: HDBSCAN*, clusters where rows lie densely
 *
 * core(i) = distance from row i to the row that is the `neighbours`-th nearest, itself the first;
 * reach(i,j) = max(core(i), core(j), |x_i - x_j|).  The least spanning tree of reach, cut from its
 * longest edge down, is a tree of splits.  A split into two parts of `least` rows or more makes two
 * clusters; smaller parts fall out of the cluster, which goes on.  With lambda = 1 / reach,
 *
 *     stability = sum over a cluster's rows of (lambda where the row leaves - lambda of its birth)
 *
 * and those clusters are taken, none within another and never the whole, whose stabilities come to
 * most (Campello et al. 2013, sec. 5; "excess of mass").  Where no split makes two, the copies that
 * are left of the whole when all else has fallen out are one: copies are no chance.  There is one
 * setting that people can answer, and clusters may be of different densities: DBSCAN wants one
 * distance for all, and in many dimensions the curve of k-distances that it is read from has no
 * bend.
 */
#include "infer/embed/cluster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 256 };           /* rows of a piece of work */

struct edge {
    double length;
    int a, b;
};

struct density {
    const struct infer_points *x;
    int neighbours, least;
    struct pool *pool;
    double *core;               /* [n] */
    /* Prim's algorithm: of rows that are not in the tree yet */
    double *reach;              /* [n] least reach from the tree */
    int *from;                  /* [n] the row that has it */
    bool *in;                   /* [n] */
    int last;                   /* the row that joined last */
    struct edge *edge;          /* [n-1] */
};

/* ---- core distances -------------------------------------------------------------------------- */

/* The k least of what is put in, the largest of them at the top of a heap. */
static void keep_least(double *heap, int k, int *n, double d)
{
    int i;

    if (*n < k) {
        for (i = (*n)++; i > 0 && heap[(i - 1) / 2] < d; i = (i - 1) / 2)
            heap[i] = heap[(i - 1) / 2];
        heap[i] = d;
        return;
    }
    if (d >= heap[0])
        return;
    for (i = 0; 2 * i + 1 < k;) {
        int child = 2 * i + 1;

        child += child + 1 < k && heap[child + 1] > heap[child];
        if (heap[child] <= d)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = d;
}

enum { NEIGHBOURS_MOST = 256 };

static void core_of(void *arg, int i, int worker)
{
    struct density *d = arg;
    double heap[NEIGHBOURS_MOST];
    int n = 0;

    (void)worker;
    for (int j = 0; j < d->x->n; j++)
        keep_least(heap, d->neighbours, &n,
                   infer_distance2(infer_point(d->x, i), infer_point(d->x, j), d->x->width));
    d->core[i] = sqrt(heap[0]);
}

/* ---- the least spanning tree ----------------------------------------------------------------- */

static void reach_block(void *arg, int piece, int worker)
{
    struct density *d = arg;
    int end = (piece + 1) * PIECE < d->x->n ? (piece + 1) * PIECE : d->x->n;
    const float *last = infer_point(d->x, d->last);

    (void)worker;
    for (int i = piece * PIECE; i < end; i++) {
        double r;

        if (d->in[i])
            continue;
        r = fmax(d->core[i], d->core[d->last]);
        if (r >= d->reach[i])
            continue;
        r = fmax(r, sqrt(infer_distance2(infer_point(d->x, i), last, d->x->width)));
        if (r < d->reach[i]) {
            d->reach[i] = r;
            d->from[i] = d->last;
        }
    }
}

static void span(struct density *d)
{
    int n = d->x->n;

    for (int i = 0; i < n; i++)
        d->reach[i] = INFINITY;
    d->in[0] = true;
    for (int e = 0; e < n - 1; e++) {
        int next = -1;

        pool_for(d->pool, (n + PIECE - 1) / PIECE, reach_block, d);
        for (int i = 0; i < n; i++)
            if (!d->in[i] && (next < 0 || d->reach[i] < d->reach[next]))
                next = i;
        d->edge[e] = (struct edge){ d->reach[next], d->from[next], next };
        d->in[next] = true;
        d->last = next;
    }
}

static int by_length(const void *pa, const void *pb)
{
    const struct edge *a = pa, *b = pb;

    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    return a->b != b->b ? (a->b < b->b ? -1 : 1) : (a->a > b->a) - (a->a < b->a);
}

/* ---- the tree of splits ---------------------------------------------------------------------- */

/* Rows are nodes 0 to n-1; node n + i joins two earlier ones by the i-th shortest edge. */
struct tree {
    int n;
    int *left, *right, *size;   /* [2n-1] */
    double *lambda;             /* [2n-1] where it splits */
    double copies;              /* the lambda of copies, the largest there is */
    int *top;                   /* [2n-1] union-find, while it is made */
    /* Clusters, each a number later than the one that it is of; 0 is the whole. */
    int *cluster;               /* [2n-1] of every node: which it is, or fell out of */
    double *fell;               /* [2n-1] the lambda at which it fell out; 0: it did not */
    int *parent;                /* [2n] of cluster c */
    double *birth, *stability;  /* [2n] */
    bool *taken;                /* [2n] */
    int *as;                    /* [2n] the taken cluster that c is, or lies in; -1 */
    int clusters;
};

static int top_of(struct tree *t, int node)
{
    while (t->top[node] != node) {
        t->top[node] = t->top[t->top[node]];
        node = t->top[node];
    }
    return node;
}

/* Lengths below a thousandth of the longest count as that: copies lie at distance 0. */
static void join(struct tree *t, const struct edge *edge)
{
    double least = edge[t->n - 2].length / 1000;

    t->copies = least > 0 ? 1 / least : 1;
    for (int i = 0; i < 2 * t->n - 1; i++) {
        t->top[i] = i;
        t->size[i] = 1;
    }
    for (int i = 0; i < t->n - 1; i++) {
        int node = t->n + i, a = top_of(t, edge[i].a), b = top_of(t, edge[i].b);

        t->left[node] = a;
        t->right[node] = b;
        t->size[node] = t->size[a] + t->size[b];
        t->lambda[node] = edge[i].length > least ? 1 / edge[i].length : t->copies;
        t->top[a] = t->top[b] = node;
    }
}

static void begin_cluster(struct tree *t, int node, int parent, double lambda)
{
    int c = t->clusters++;

    t->cluster[node] = c;
    t->parent[c] = parent;
    t->birth[c] = lambda;
}

/* A part of `rows` rows leaves cluster c at lambda. */
static void leave(struct tree *t, int c, int rows, double lambda)
{
    t->stability[c] += rows * (lambda - t->birth[c]);
}

static void split(struct tree *t, int node, int least)
{
    int c = t->cluster[node], part[2] = { t->left[node], t->right[node] };
    double lambda = t->lambda[node];
    bool copies = lambda >= t->copies;      /* which are not torn */
    bool large[2] = { !copies && t->size[part[0]] >= least,
                      !copies && t->size[part[1]] >= least };

    for (int i = 0; i < 2; i++) {
        t->cluster[part[i]] = c;
        t->fell[part[i]] = t->fell[node];
        if (t->fell[node] > 0 || (large[i] && !large[!i]))
            continue;
        leave(t, c, t->size[part[i]], lambda);
        if (large[i])
            begin_cluster(t, part[i], c, lambda);
        else
            t->fell[part[i]] = lambda;
    }
}

/* From the whole down: nodes later are above. */
static void condense(struct tree *t, int least)
{
    begin_cluster(t, 2 * t->n - 2, -1, 0);
    for (int node = 2 * t->n - 2; node >= t->n; node--)
        split(t, node, least);
}

/* Of each cluster either it, or what is taken of those in it; then in which of them each is. */
static void take(struct tree *t)
{
    double *below = t->lambda;  /* no longer needed: stabilities of what lies in each */

    memset(below, 0, (size_t)t->clusters * sizeof *below);
    for (int c = t->clusters - 1; c > 0; c--) {
        t->taken[c] = t->stability[c] >= below[c];
        below[t->parent[c]] += t->taken[c] ? t->stability[c] : below[c];
    }
    t->as[0] = -1;
    for (int c = 1; c < t->clusters; c++)
        t->as[c] = t->as[t->parent[c]] >= 0 ? t->as[t->parent[c]] : t->taken[c] ? c : -1;
}

/* The whole, which nothing has split, as one of the copies in it. */
static void take_copies(struct tree *t, int least, int *of)
{
    int n = 0;

    for (int i = 0; i < t->n; i++)
        n += t->fell[i] >= t->copies;
    for (int i = 0; i < t->n && n >= least; i++)
        if (t->fell[i] >= t->copies)
            of[i] = 0;
}

static bool make_tree(struct tree *t, int n)
{
    size_t nodes = 2 * (size_t)n;

    t->n = n;
    t->left = calloc(nodes, sizeof *t->left);
    t->right = calloc(nodes, sizeof *t->right);
    t->size = calloc(nodes, sizeof *t->size);
    t->lambda = calloc(nodes, sizeof *t->lambda);
    t->top = calloc(nodes, sizeof *t->top);
    t->cluster = calloc(nodes, sizeof *t->cluster);
    t->fell = calloc(nodes, sizeof *t->fell);
    t->parent = calloc(nodes, sizeof *t->parent);
    t->birth = calloc(nodes, sizeof *t->birth);
    t->stability = calloc(nodes, sizeof *t->stability);
    t->taken = calloc(nodes, sizeof *t->taken);
    t->as = calloc(nodes, sizeof *t->as);
    return t->left && t->right && t->size && t->lambda && t->top && t->cluster && t->fell &&
           t->parent && t->birth && t->stability && t->taken && t->as;
}

static void free_tree(struct tree *t)
{
    void *const all[] = { t->left, t->right, t->size, t->lambda, t->top, t->cluster, t->fell,
                          t->parent, t->birth, t->stability, t->taken, t->as };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* of[n] from the edges, shortest first. */
static bool cut(struct density *d, int *of)
{
    struct tree t = { 0 };
    bool ok = make_tree(&t, d->x->n);

    if (ok) {
        join(&t, d->edge);
        condense(&t, d->least);
        take(&t);
        for (int i = 0; i < d->x->n; i++)
            of[i] = t.as[t.cluster[i]];
        if (t.clusters == 1)
            take_copies(&t, d->least, of);
    }
    free_tree(&t);
    return ok;
}

static bool find(struct density *d, int *of)
{
    size_t n = (size_t)d->x->n;
    bool ok;

    d->core = calloc(n, sizeof *d->core);
    d->reach = calloc(n, sizeof *d->reach);
    d->from = calloc(n, sizeof *d->from);
    d->in = calloc(n, sizeof *d->in);
    d->edge = calloc(n, sizeof *d->edge);
    ok = d->core && d->reach && d->from && d->in && d->edge;
    if (ok) {
        pool_for(d->pool, d->x->n, core_of, d);
        span(d);
        qsort(d->edge, n - 1, sizeof *d->edge, by_length);
        ok = cut(d, of);
    }
    free(d->core);
    free(d->reach);
    free(d->from);
    free(d->in);
    free(d->edge);
    return ok;
}

bool infer_density(const struct infer_points *x, int least, int neighbours, struct pool *pool,
                   struct infer_clusters *out, struct err *err)
{
    struct density d = { .x = x, .least = least < 2 ? 2 : least, .pool = pool };
    bool ok;

    if (x->n > INFER_DENSITY_MOST)
        return err_set(err, ERR_INPUT, "%d pictures: clusters by density compare each with each, "
                       "%d at most; --clusters takes any number", x->n, INFER_DENSITY_MOST);
    neighbours = neighbours < NEIGHBOURS_MOST ? neighbours : NEIGHBOURS_MOST;
    d.neighbours = neighbours < x->n ? neighbours : x->n;
    *out = (struct infer_clusters){ .n = x->n, .k = 2 * x->n };
    out->of = calloc((size_t)x->n + 1, sizeof *out->of);
    for (int i = 0; out->of && i < x->n; i++)
        out->of[i] = -1;
    ok = (out->of && (x->n < 2 || find(&d, out->of))) ||
         err_set(err, ERR_MEMORY, "no memory for clusters of %d pictures", x->n);
    if (ok && infer_clusters_finish(x, out, err))
        return true;
    infer_clusters_release(out);
    return false;
}
