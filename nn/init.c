/*
 * init -- the first values of parameters; the rules are described at enum nn_init
 *
 * Number i of entry e is drawn at place i of stream e, so that no value depends on another's rule.
 * Values are floats, in a tree of doubles too: networks begin alike.
 */
#include "nn/params.h"

#include <math.h>

/* An entry of nn_params, as a matrix [fan_in, fan_out] in memory. */
struct entry {
    const struct nn_param *attr;
    real *v;
    int64_t fan_in, fan_out;
    int groups;                 /* divides fan_out */
    uint64_t seed, stream;
};

static int rank_of(const struct nn_param *a)
{
    int rank = 0;

    while (rank < SHAPE_MAX_RANK && a->shape[rank])
        rank++;
    return rank;
}

static real rounded(double x)
{
    return (real)(float)x;
}

static void fill(const struct entry *e, double value)
{
    for (int64_t i = 0; i < e->fan_in * e->fan_out; i++)
        e->v[i] = rounded(value);
}

static void normal(const struct entry *e, double deviation)
{
    for (int64_t i = 0; i < e->fan_in * e->fan_out; i++)
        e->v[i] = rounded(deviation * rng_normal(e->seed, e->stream, (uint64_t)i));
}

static void truncated(const struct entry *e, double deviation)
{
    for (int64_t i = 0; i < e->fan_in * e->fan_out; i++) {
        double x = rng_normal(e->seed, e->stream, (uint64_t)i);

        for (uint64_t again = 1; fabs(x) > 2; again++)          /* entries are below 2^40 */
            x = rng_normal(e->seed, e->stream, (uint64_t)i + (again << 40));
        e->v[i] = rounded(deviation * x);
    }
}

/* Of a filter [h,w,channels,filters] the middle of its window; the rest is 0. */
static void pass_on(const struct entry *e, int64_t filter, int64_t channel)
{
    const int *dim = e->attr->shape;
    int64_t middle = (int64_t)(dim[0] / 2) * dim[1] + dim[1] / 2;

    for (int64_t i = 0; i < e->fan_in; i++)
        e->v[i * e->fan_out + filter] = i == middle * dim[2] + channel;
}

static void dirac(const struct entry *e)
{
    int64_t of_group = e->fan_out / e->groups;

    normal(e, sqrt(2 / (double)e->fan_in));
    for (int64_t k = 0; k < e->fan_out && rank_of(e->attr) == 4; k++)
        if (k % of_group < e->attr->shape[2])
            pass_on(e, k, k % of_group);
}

/* Gram-Schmidt on the n columns of a[rows][ld], each taken off those behind it. */
static void orthonormal_columns(real *a, int64_t rows, int64_t n, int64_t ld)
{
    enum { CHUNK = 256 };

    for (int64_t j = 0; j < n; j++) {
        double norm = 0;

        for (int64_t r = 0; r < rows; r++)
            norm += (double)a[r * ld + j] * (double)a[r * ld + j];
        for (int64_t r = 0; r < rows; r++)
            a[r * ld + j] = (real)(a[r * ld + j] / sqrt(norm));
        for (int64_t first = j + 1; first < n; first += CHUNK) {
            int m = n - first < CHUNK ? (int)(n - first) : CHUNK;
            double dot[CHUNK] = { 0 };

            for (int64_t r = 0; r < rows; r++)
                for (int k = 0; k < m; k++)
                    dot[k] += (double)a[r * ld + j] * (double)a[r * ld + first + k];
            for (int64_t r = 0; r < rows; r++)
                for (int k = 0; k < m; k++)
                    a[r * ld + first + k] -= (real)(dot[k] * a[r * ld + j]);
        }
    }
}

/* The same for its rows. */
static void orthonormal_rows(real *a, int64_t rows, int64_t n, int64_t ld)
{
    for (int64_t j = 0; j < rows; j++) {
        double norm = 0;
        real *x = a + j * ld;

        for (int64_t c = 0; c < n; c++)
            norm += (double)x[c] * (double)x[c];
        for (int64_t c = 0; c < n; c++)
            x[c] = (real)(x[c] / sqrt(norm));
        for (real *y = x + ld; y < a + rows * ld; y += ld) {
            double dot = 0;

            for (int64_t c = 0; c < n; c++)
                dot += (double)x[c] * (double)y[c];
            for (int64_t c = 0; c < n; c++)
                y[c] -= (real)(dot * x[c]);
        }
    }
}

static void orthogonal(const struct entry *e)
{
    int64_t of_group = e->fan_out / e->groups;

    normal(e, 1);
    for (int g = 0; g < e->groups; g++) {
        if (of_group <= e->fan_in)
            orthonormal_columns(e->v + g * of_group, e->fan_in, of_group, e->fan_out);
        else
            orthonormal_rows(e->v + g * of_group, e->fan_in, of_group, e->fan_out);
    }
    for (int64_t i = 0; i < e->fan_in * e->fan_out; i++)
        e->v[i] = rounded(e->v[i]);
}

static void first_values(const struct entry *e, enum nn_init rule)
{
    double in = (double)e->fan_in, out = (double)e->fan_out;

    switch (rule) {
    case NN_INIT_ZEROS:
        fill(e, 0);
        break;
    case NN_INIT_ONES:
        fill(e, 1);
        break;
    case NN_INIT_CONSTANT:
        fill(e, e->attr->value);
        break;
    case NN_INIT_HE:
        normal(e, sqrt(2 / in));
        break;
    case NN_INIT_GLOROT:
        normal(e, sqrt(2 / (in + out)));
        break;
    case NN_INIT_LECUN:
        normal(e, sqrt(1 / in));
        break;
    case NN_INIT_TRUNC:
        truncated(e, 0.02);
        break;
    case NN_INIT_ORTHOGONAL:
        orthogonal(e);
        break;
    case NN_INIT_DIRAC:
        dirac(e);
        break;
    }
}

/* Entry i, whose node has these attributes. */
static struct entry entry_of(const struct nn_param *attr, int i, uint64_t seed, real *v)
{
    struct entry e = { .attr = attr, .v = v, .fan_in = 1, .seed = seed,
                       .stream = rng_stream(RNG_INIT, (uint32_t)i) };
    int last = rank_of(attr) - 1;

    for (int d = 0; d < last; d++)
        e.fan_in *= attr->shape[d];
    e.fan_out = attr->shape[last];
    e.groups = e.fan_out % attr->groups ? 1 : attr->groups;
    return e;
}

void nn_params_init_one(const struct nn_graph *g, int node, int i, uint64_t seed, real *out)
{
    struct entry e = entry_of(g->node[node].attr, i, seed, out);

    first_values(&e, (enum nn_init)e.attr->init);
}

void nn_params_init(struct nn_params *p, const struct nn_graph *g, uint64_t seed)
{
    for (int i = 0; i < p->n; i++)
        if (g->node[p->node[i]].op == &nn_op_param)
            nn_params_init_one(g, p->node[i], i, seed, p->value + p->offset[i]);
}

void nn_params_init_by(struct nn_params *p, const struct nn_graph *g, uint64_t seed,
                       enum nn_init rule)
{
    nn_params_init(p, g, seed);
    for (int i = 0; i < p->n; i++)
        if (p->trained[i] && g->node[p->node[i]].type.rank > 1) {
            struct entry e = entry_of(g->node[p->node[i]].attr, i, seed,
                                      p->value + p->offset[i]);

            first_values(&e, rule);
        }
}
