/*
 * cluster -- see cluster.h: k-means, silhouettes, agreement
 */
#include "infer/embed/cluster.h"

#include "nn/base/arena.h"
#include "nn/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 128,                /* rows of a piece of work */
    COLUMNS = 32,               /* of a centre that a piece adds up */
    LANES = 16,
};

double infer_distance2(const float *a, const float *b, int width)
{
    float lane[LANES] = { 0 };
    double sum = 0;
    int i = 0;

    for (; i + LANES <= width; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (a[i + l] - b[i + l]) * (a[i + l] - b[i + l]);
    for (int l = 0; l < LANES; l++)
        sum += (double)lane[l];
    for (; i < width; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum;
}

static int blocks_of(int n)
{
    return (n + BLOCK - 1) / BLOCK;
}

/* The end of a block of n rows that begins at row `first`. */
static int block_end(int first, int n)
{
    return first + BLOCK < n ? first + BLOCK : n;
}

/* ---- clusters in order ----------------------------------------------------------------------- */

void infer_clusters_release(struct infer_clusters *c)
{
    free(c->of);
    free(c->count);
    free(c->centre);
    free(c->distance);
    *c = (struct infer_clusters){ 0 };
}

struct rank {
    int n, first, at;           /* rows, the first of them; the cluster */
};

static int by_size(const void *pa, const void *pb)
{
    const struct rank *a = pa, *b = pb;

    return a->n != b->n ? (a->n > b->n ? -1 : 1) : (a->first > b->first) - (a->first < b->first);
}

/* New numbers; clusters without a row go. */
static bool renumber(struct infer_clusters *c)
{
    struct rank *rank = calloc((size_t)c->k + 1, sizeof *rank);
    int *to = calloc((size_t)c->k + 1, sizeof *to), k = 0;

    for (int i = c->n - 1; rank && i >= 0; i--)
        if (c->of[i] >= 0) {
            rank[c->of[i]].n++;
            rank[c->of[i]].first = i;
        }
    for (int i = 0; rank && i < c->k; i++)
        rank[i].at = i;
    if (rank)
        qsort(rank, (size_t)c->k, sizeof *rank, by_size);
    for (int i = 0; rank && to && i < c->k; i++) {
        to[rank[i].at] = i;
        k += rank[i].n > 0;
    }
    for (int i = 0; to && i < c->n; i++)
        c->of[i] = c->of[i] < 0 ? -1 : to[c->of[i]];
    free(to);
    free(rank);
    c->k = k;
    return rank && to;
}

bool infer_clusters_finish(const struct infer_points *x, struct infer_clusters *c, struct err *err)
{
    size_t width = (size_t)x->width;
    double *sum = NULL;
    bool ok = renumber(c);

    c->count = calloc((size_t)c->k + 1, sizeof *c->count);
    c->centre = calloc((size_t)c->k * width + 1, sizeof *c->centre);
    c->distance = calloc((size_t)c->n + 1, sizeof *c->distance);
    sum = calloc((size_t)c->k * width + 1, sizeof *sum);
    c->sum = 0;
    ok = ok && c->count && c->centre && c->distance && sum;
    for (int i = 0; ok && i < c->n; i++) {
        if (c->of[i] < 0)
            continue;
        c->count[c->of[i]]++;
        for (size_t j = 0; j < width; j++)
            sum[(size_t)c->of[i] * width + j] += (double)infer_point(x, i)[j];
    }
    for (int k = 0; ok && k < c->k; k++)
        for (size_t j = (size_t)k * width; j < (size_t)(k + 1) * width; j++)
            c->centre[j] = (float)(sum[j] / c->count[k]);
    for (int i = 0; ok && i < c->n; i++) {
        double d = INFINITY;

        if (c->of[i] >= 0) {
            d = infer_distance2(infer_point(x, i), c->centre + (size_t)c->of[i] * width, x->width);
            c->sum += d;
        }
        c->distance[i] = (float)sqrt(d);
    }
    free(sum);
    return ok || err_set(err, ERR_MEMORY, "no memory for clusters of %d pictures", c->n);
}

/* ---- k-means --------------------------------------------------------------------------------- */

struct kmeans {
    const struct infer_points *x;
    int k;
    float *centre;              /* [k,width] */
    double *near;               /* [n] squared distance from the centre that is nearest */
    int *of, *count;            /* [n], [k] */
    int drawn;                  /* centres that there are, while they are drawn */
    struct pool *pool;
};

/* near[] of a block, now that there is one centre more. */
static void draw_near(void *arg, int piece, int worker)
{
    struct kmeans *m = arg;
    const float *c = m->centre + (size_t)(m->drawn - 1) * (size_t)m->x->width;

    (void)worker;
    for (int i = piece * BLOCK; i < block_end(piece * BLOCK, m->x->n); i++) {
        double d = infer_distance2(infer_point(m->x, i), c, m->x->width);

        if (m->drawn == 1 || d < m->near[i])
            m->near[i] = d;
    }
}

/* k-means++. */
static void draw(struct kmeans *m, uint64_t seed, int restart)
{
    uint64_t stream = rng_stream(RNG_CLUSTER, (uint32_t)restart);
    int n = m->x->n, next = (int)rng_below(seed, stream, 0, (uint32_t)n);

    for (m->drawn = 1;; m->drawn++) {
        double sum = 0, lot;

        memcpy(m->centre + (size_t)(m->drawn - 1) * (size_t)m->x->width, infer_point(m->x, next),
               (size_t)m->x->width * sizeof *m->centre);
        if (m->drawn == m->k)
            return;
        pool_for(m->pool, blocks_of(n), draw_near, m);
        for (int i = 0; i < n; i++)
            sum += m->near[i];
        lot = rng_f64(seed, stream, (uint64_t)m->drawn) * sum;
        for (int i = 0; i < n; i++) {
            lot -= m->near[i];
            if (m->near[i] > 0)         /* what is a centre already has no chance */
                next = i;
            if (lot < 0 && m->near[i] > 0)
                break;
        }
    }
}

static void assign_block(void *arg, int piece, int worker)
{
    struct kmeans *m = arg;

    (void)worker;
    for (int i = piece * BLOCK; i < block_end(piece * BLOCK, m->x->n); i++) {
        m->near[i] = INFINITY;
        for (int c = 0; c < m->k; c++) {
            double d = infer_distance2(infer_point(m->x, i),
                                       m->centre + (size_t)c * (size_t)m->x->width, m->x->width);

            if (d < m->near[i]) {
                m->near[i] = d;
                m->of[i] = c;
            }
        }
    }
}

/* COLUMNS of each centre: sums go over the rows in their order. */
static void mean_columns(void *arg, int piece, int worker)
{
    struct kmeans *m = arg;
    int width = m->x->width, from = piece * COLUMNS;
    int to = from + COLUMNS < width ? from + COLUMNS : width;

    (void)worker;
    for (int c = 0; c < m->k; c++) {
        double sum[COLUMNS] = { 0 };
        float *centre = m->centre + (size_t)c * (size_t)width;

        if (!m->count[c])
            continue;
        for (int i = 0; i < m->x->n; i++)
            if (m->of[i] == c)
                for (int j = from; j < to; j++)
                    sum[j - from] += (double)infer_point(m->x, i)[j];
        for (int j = from; j < to; j++)
            centre[j] = (float)(sum[j - from] / m->count[c]);
    }
}

static void count_rows(struct kmeans *m)
{
    memset(m->count, 0, (size_t)m->k * sizeof *m->count);
    for (int i = 0; i < m->x->n; i++)
        m->count[m->of[i]]++;
}

/* A centre that no row is near goes to the row that is farthest from its own. */
static void fill_empty(struct kmeans *m)
{
    for (int c = 0; c < m->k; c++) {
        int far = -1;

        if (m->count[c])
            continue;
        for (int i = 0; i < m->x->n; i++)
            if (m->count[m->of[i]] > 1 && m->near[i] > 0 && (far < 0 || m->near[i] > m->near[far]))
                far = i;
        if (far < 0)
            return;             /* fewer different rows than centres */
        m->count[m->of[far]]--;
        m->count[c]++;
        m->of[far] = c;
        m->near[far] = 0;
    }
}

/* Lloyd's rounds until less than one row in a thousand changes its centre, since what is left
 * moves little and takes most of the rounds; the sum of squared distances. */
static double settle(struct kmeans *m, int *before)
{
    size_t bytes = (size_t)m->x->n * sizeof *before;
    double sum = 0;

    memset(before, -1, bytes);
    for (int round = 0; round < INFER_KMEANS_ROUNDS; round++) {
        int changed = 0;

        pool_for(m->pool, blocks_of(m->x->n), assign_block, m);
        count_rows(m);
        fill_empty(m);
        for (int i = 0; i < m->x->n; i++)
            changed += before[i] != m->of[i];
        if (changed <= m->x->n / 1000)
            break;
        memcpy(before, m->of, bytes);
        pool_for(m->pool, (m->x->width + COLUMNS - 1) / COLUMNS, mean_columns, m);
    }
    for (int i = 0; i < m->x->n; i++)
        sum += m->near[i];
    return sum;
}

/* Restarts: the best one's clusters to of[n]. */
static bool kmeans(const struct infer_points *x, int k, int restarts, uint64_t seed,
                   struct pool *pool, int *of, struct err *err)
{
    size_t n = (size_t)x->n;
    struct kmeans m = { .x = x, .k = k, .pool = pool };
    int *before = malloc((n + 1) * sizeof *before);
    double best = INFINITY;
    bool ok;

    m.centre = malloc(((size_t)k * (size_t)x->width + 1) * sizeof *m.centre);
    m.near = malloc((n + 1) * sizeof *m.near);
    m.of = calloc(n + 1, sizeof *m.of);
    m.count = malloc(((size_t)k + 1) * sizeof *m.count);
    ok = before && m.centre && m.near && m.of && m.count;
    for (int r = 0; ok && r < restarts; r++) {
        double sum;

        draw(&m, seed, r);
        sum = settle(&m, before);
        if (sum < best) {
            best = sum;
            memcpy(of, m.of, n * sizeof *of);
        }
    }
    free(m.centre);
    free(m.near);
    free(m.of);
    free(m.count);
    free(before);
    return ok || err_set(err, ERR_MEMORY, "no memory for clusters of %d pictures", x->n);
}

bool infer_kmeans(const struct infer_points *x, int k, uint64_t seed, struct pool *pool,
                  struct infer_clusters *out, struct err *err)
{
    *out = (struct infer_clusters){ .n = x->n, .k = k };
    out->of = calloc((size_t)x->n + 1, sizeof *out->of);
    if (!out->of)
        return err_set(err, ERR_MEMORY, "no memory for clusters of %d pictures", x->n);
    if (kmeans(x, k, INFER_KMEANS_RESTARTS, seed, pool, out->of, err) &&
        infer_clusters_finish(x, out, err))
        return true;
    infer_clusters_release(out);
    return false;
}

/* ---- silhouettes ----------------------------------------------------------------------------- */

struct silhouette {
    const struct infer_points *x;
    float *distance;            /* [n,n] */
};

static void distances_of(void *arg, int i, int worker)
{
    struct silhouette *s = arg;
    size_t n = (size_t)s->x->n;

    (void)worker;
    for (int j = 0; j < s->x->n; j++)
        s->distance[(size_t)i * n + (size_t)j] =
            (float)sqrt(infer_distance2(infer_point(s->x, i), infer_point(s->x, j), s->x->width));
}

static bool measure_all(struct silhouette *s, struct pool *pool, struct err *err)
{
    size_t cells;

    s->distance = size_mul((size_t)s->x->n, (size_t)s->x->n, &cells) && cells < SIZE_MAX / 8
                      ? malloc((cells + 1) * sizeof *s->distance) : NULL;
    if (!s->distance)
        return err_set(err, ERR_MEMORY, "no memory for the distances of %d pictures", s->x->n);
    pool_for(pool, s->x->n, distances_of, s);
    return true;
}

/* Of row i, whose distances are given; sum[k] and count[k] are of the clusters. */
static double width_of(const int *of, int k, int i, const double *sum, const int *count)
{
    double a, b = INFINITY;

    if (count[of[i]] < 2)
        return 0;
    a = sum[of[i]] / (count[of[i]] - 1);
    for (int c = 0; c < k; c++)
        if (c != of[i] && count[c])
            b = fmin(b, sum[c] / count[c]);
    return a > 0 || b > 0 ? (b - a) / fmax(a, b) : 0;
}

static bool silhouette(const struct silhouette *s, const int *of, int k, double *out,
                       struct err *err)
{
    double *sum = malloc(((size_t)k + 1) * sizeof *sum), total = 0;
    int *count = calloc((size_t)k + 1, sizeof *count), n = s->x->n, in = 0, clusters = 0;
    bool ok = sum && count;

    for (int i = 0; ok && i < n; i++)
        if (of[i] >= 0 && !count[of[i]]++)
            clusters++;
    for (int i = 0; ok && i < n; i++) {
        if (of[i] < 0)
            continue;
        memset(sum, 0, (size_t)k * sizeof *sum);
        for (int j = 0; j < n; j++)
            if (of[j] >= 0)
                sum[of[j]] += (double)s->distance[(size_t)i * (size_t)n + (size_t)j];
        total += width_of(of, k, i, sum, count);
        in++;
    }
    *out = clusters > 1 ? total / in : NAN;
    free(sum);
    free(count);
    return ok || err_set(err, ERR_MEMORY, "no memory for %d clusters", k);
}

bool infer_silhouette(const struct infer_points *x, const int *of, int k, struct pool *pool,
                      double *out, struct err *err)
{
    struct silhouette s = { .x = x };
    bool ok = measure_all(&s, pool, err) && silhouette(&s, of, k, out, err);

    free(s.distance);
    return ok;
}

/* ---- how many -------------------------------------------------------------------------------- */

/* At most INFER_COUNT_ROWS of the rows, copied. */
static float *sample_rows(const struct infer_points *x, uint64_t seed, struct infer_points *some)
{
    uint32_t *order = malloc(((size_t)x->n + 1) * sizeof *order);
    float *row;

    *some = (struct infer_points){ .n = x->n < INFER_COUNT_ROWS ? x->n : INFER_COUNT_ROWS,
                                 .width = x->width };
    row = order ? malloc(((size_t)some->n * (size_t)x->width + 1) * sizeof *row) : NULL;
    if (row)
        rng_shuffle(seed, rng_stream(RNG_CLUSTER, UINT32_MAX), (uint32_t)x->n, order);
    for (int i = 0; row && i < some->n; i++)
        memcpy(row + (size_t)i * (size_t)x->width, infer_point(x, (int)order[i]),
               (size_t)x->width * sizeof *row);
    free(order);
    some->row = row;
    return row;
}

bool infer_cluster_count(const struct infer_points *x, int most, uint64_t seed, struct pool *pool,
                         int *k, double *best, struct err *err)
{
    struct infer_points some;
    float *row = sample_rows(x, seed, &some);
    struct silhouette s = { .x = &some };
    int *of = malloc(((size_t)some.n + 1) * sizeof *of);
    bool ok = (row && of) ||
              err_set(err, ERR_MEMORY, "no memory for clusters of %d pictures", x->n);

    most = most < some.n - 1 ? most : some.n - 1;
    *k = 1;
    *best = NAN;
    ok = ok && measure_all(&s, pool, err);
    for (int try = 2; ok && try <= most; try += try < 12 ? 1 : try / 5) {
        double now;

        ok = kmeans(&some, try, INFER_KMEANS_RESTARTS, seed, pool, of, err) &&
             silhouette(&s, of, try, &now, err);
        if (ok && !isnan(now) && !(now <= *best)) {
            *best = now;
            *k = try;
        }
    }
    free(s.distance);
    free(row);
    free(of);
    return ok;
}

/* ---- agreement with labels ------------------------------------------------------------------- */

static double pairs(double n)
{
    return n * (n - 1) / 2;
}

static double entropy_term(double n, double all)
{
    return n > 0 ? -n / all * log(n / all) : 0;
}

bool infer_agree(int n, const int *of, int k, const int *label, int n_labels,
                 struct infer_agreement *out, struct err *err)
{
    size_t labels = (size_t)n_labels, cells = (size_t)k * labels;
    double *both = calloc(cells + 1, sizeof *both), *row = calloc((size_t)k + 1, sizeof *row),
           *column = calloc(labels + 1, sizeof *column);
    double all = 0, pure = 0, together = 0, in_row = 0, in_column = 0, h = 0, h_row = 0,
           h_column = 0, expected, mean;
    bool ok = both && row && column;

    for (int i = 0; ok && i < n; i++)
        if (of[i] >= 0 && label[i] >= 0) {
            both[(size_t)of[i] * labels + (size_t)label[i]]++;
            row[of[i]]++;
            column[label[i]]++;
            all++;
        }
    for (int c = 0; ok && c < k; c++) {
        double most = 0;

        for (size_t l = 0; l < labels; l++) {
            double x = both[(size_t)c * labels + l];

            most = fmax(most, x);
            together += pairs(x);
            h += entropy_term(x, all);
        }
        pure += most;
        in_row += pairs(row[c]);
        h_row += entropy_term(row[c], all);
    }
    for (size_t l = 0; ok && l < labels; l++) {
        in_column += pairs(column[l]);
        h_column += entropy_term(column[l], all);
    }
    expected = all > 1 ? in_row * in_column / pairs(all) : 0;
    mean = (in_row + in_column) / 2;
    *out = (struct infer_agreement){
        .n = (int)all,
        .purity = all > 0 ? pure / all : NAN,
        .information = h_row + h_column > 0 ? fmax(0, 2 * (h_row + h_column - h) /
                                                      (h_row + h_column)) : 1,
        .rand = mean > expected ? (together - expected) / (mean - expected) : 1,
    };
    free(both);
    free(row);
    free(column);
    return ok || err_set(err, ERR_MEMORY, "no memory for %d clusters of %d labels", k, n_labels);
}
