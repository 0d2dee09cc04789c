/*
 * whiten -- see whiten.h
 */
#include "train/whiten.h"

#include "nn/op/conv2d.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 5e-4 /* added to a variance: what hardly varies is noise, and stays small */

enum {
    SWEEPS = 30,
    PATCHES = 1 << 16, /* that are looked at, and enough */
};

/* One rotation that makes a[p,q] 0. */
static void rotate(int n, double *a, double *v, int p, int q)
{
    double apq = a[p * n + q], theta, t, c, s;

    if (apq == 0)
        return;
    theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
    t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    c = 1 / sqrt(t * t + 1);
    s = t * c;
    for (int k = 0; k < n; k++) {
        double x = a[k * n + p], y = a[k * n + q];

        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for (int k = 0; k < n; k++) {
        double x = a[p * n + k], y = a[q * n + k];

        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
        x = v[p * n + k];
        y = v[q * n + k];
        v[p * n + k] = c * x - s * y;
        v[q * n + k] = s * x + c * y;
    }
}

static double off_diagonal(int n, const double *a)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            sum += a[i * n + j] * a[i * n + j];
    return sum;
}

/* Descending by value, and each vector's sign by its largest number. */
static void order(int n, double *value, double *vector)
{
    for (int i = 0; i < n; i++) {
        int best = i, largest = 0;
        double *v = vector + (size_t)i * (size_t)n;

        for (int k = i + 1; k < n; k++)
            best = value[k] > value[best] ? k : best;
        for (int k = 0; k < n && best != i; k++) {
            double x = v[k];

            v[k] = vector[best * n + k];
            vector[best * n + k] = x;
        }
        if (best != i) {
            double x = value[i];

            value[i] = value[best];
            value[best] = x;
        }
        for (int k = 1; k < n; k++)
            largest = fabs(v[k]) > fabs(v[largest]) ? k : largest;
        if (v[largest] < 0)
            for (int k = 0; k < n; k++)
                v[k] = -v[k];
    }
}

void train_eigen(int n, double *a, double *value, double *vector)
{
    double scale = 0;

    for (int i = 0; i < n * n; i++) {
        scale += a[i] * a[i];
        vector[i] = i / n == i % n;
    }
    for (int sweep = 0; sweep < SWEEPS && off_diagonal(n, a) > 1e-24 * scale; sweep++)
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++)
                rotate(n, a, vector, p, q);
    for (int i = 0; i < n; i++)
        value[i] = a[i * n + i];
    order(n, value, vector);
}

/* ---- the first convolution ------------------------------------------------------------------- */

int train_whiten_find(const struct nn_graph *g, struct err *err)
{
    int image = nn_graph_find_input(g, "image"), found = -1, readers = 0, numbers = 0;

    for (int i = 0; i < g->n; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] == image) {
                found = i;
                readers++;
            }
    if (readers == 1 && g->node[found].op == &nn_op_conv2d) {
        const struct nn_conv2d *a = g->node[found].attr;

        numbers = a->size[0] * a->size[1] * g->node[image].type.dim[3].n;
        if (a->groups == 1 && a->channels >= 2 && numbers <= TRAIN_WHITEN_MOST)
            return found;
    }
    err_set(err, ERR_UNSUPPORTED,
            "whiten: needs a network whose pictures go into one convolution without groups, of "
            "windows of %d numbers at most", TRAIN_WHITEN_MOST);
    return -1;
}

/* Where patches of a picture lie. */
struct patches {
    const struct nn_conv2d *a;
    int h, w, c, rows, columns; /* rows, columns: places of a window within the picture */
    int numbers;
};

static struct patches patches_of(const struct nn_graph *g, int node)
{
    const struct nn_type *t = &g->node[g->node[node].in[0]].type;
    struct patches p = { .a = g->node[node].attr, .h = t->dim[1].n, .w = t->dim[2].n,
                         .c = t->dim[3].n };

    p.rows = p.h - (p.a->size[0] - 1) * p.a->dilation[0];
    p.columns = p.w - (p.a->size[1] - 1) * p.a->dilation[1];
    p.numbers = p.a->size[0] * p.a->size[1] * p.c;
    return p;
}

static void get_patch(const struct patches *p, const float *picture, int64_t place, double *out)
{
    int64_t y = place / p->columns, x = place % p->columns;

    for (int r = 0; r < p->a->size[0]; r++)
        for (int s = 0; s < p->a->size[1]; s++)
            for (int c = 0; c < p->c; c++)
                *out++ = (double)picture[((y + r * p->a->dilation[0]) * p->w + x +
                                          s * p->a->dilation[1]) * p->c + c];
}

/* cov[numbers,numbers] = the mean of x x^T over patches x, evenly spread. */
static void covariance(const struct patches *p, int n, const float *image, double *patch,
                       double *cov)
{
    int64_t places = (int64_t)p->rows * p->columns, all = n * places, seen = 0;
    int64_t step = all / PATCHES + 1;
    size_t numbers = (size_t)p->numbers;

    memset(cov, 0, numbers * numbers * sizeof *cov);
    for (int64_t i = 0; i < all; i += step, seen++) {
        get_patch(p, image + i / places * p->h * p->w * p->c, i % places, patch);
        for (size_t r = 0; r < numbers; r++)
            for (size_t s = 0; s < numbers; s++)
                cov[r * numbers + s] += patch[r] * patch[s];
    }
    for (size_t i = 0; i < numbers * numbers; i++)
        cov[i] /= (double)seen;
}

/* Filters 2d and 2d+1 are direction d and its negative.  Returns how many directions. */
static int set_filters(const struct patches *p, const double *value, const double *vector,
                       real *weight)
{
    int filters = p->a->channels, n = filters / 2 < p->numbers ? filters / 2 : p->numbers;

    for (int d = 0; d < n; d++) {
        double scale = 1 / sqrt(fmax(value[d], 0) + LEAST);

        for (int i = 0; i < p->numbers; i++) {
            real v = (real)(float)(scale * vector[d * p->numbers + i]);

            weight[(int64_t)i * filters + 2 * d] = v;
            weight[(int64_t)i * filters + 2 * d + 1] = -v;
        }
    }
    return n;
}

int train_whiten(struct nn_params *p, const struct nn_graph *g, int node, int n,
                 const float *image, struct err *err)
{
    struct patches of = patches_of(g, node);
    size_t numbers = (size_t)of.numbers, square = numbers * numbers;
    double *memory;
    int weight = p->entry[g->node[node].in[1]], directions;

    if (of.rows < 1 || of.columns < 1) {
        err_set(err, ERR_UNSUPPORTED, "whiten: pictures of %dx%d have no whole window", of.w, of.h);
        return -1;
    }
    memory = malloc((2 * square + 2 * numbers) * sizeof *memory);
    if (!memory) {
        err_set(err, ERR_MEMORY, "no memory to whiten patches of %zu numbers", numbers);
        return -1;
    }
    covariance(&of, n, image, memory + 2 * square, memory);
    train_eigen(of.numbers, memory, memory + 2 * square + numbers, memory + square);
    directions = set_filters(&of, memory + 2 * square + numbers, memory + square,
                             p->value + p->offset[weight]);
    free(memory);
    return directions;
}
