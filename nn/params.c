/*
 * params -- see params.h
 */
#include "nn/params.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN_NUMBERS = 16 };
#define MOST_NUMBERS ((int64_t)1 << 40)

static bool has_value(const struct nn_node *node)
{
    return node->op == &nn_op_param || node->op == &nn_op_const;
}

static const struct nn_param *param_attr(const struct nn_graph *g, int node)
{
    return g->node[node].attr;
}

/* Numbers of node i's value, and with what keeps the next one aligned; false: too many. */
static bool count_of(const struct nn_graph *g, int i, int64_t *count, int64_t *padded)
{
    struct shape shape;

    if (!nn_type_shape(&g->node[i].type, 1, &shape))
        return false;
    *count = shape_count(&shape);
    *padded = (*count + ALIGN_NUMBERS - 1) / ALIGN_NUMBERS * ALIGN_NUMBERS;
    return true;
}

int64_t nn_params_numbers(const struct nn_graph *g)
{
    int64_t total = 0, count, padded;

    for (int i = 0; i < g->n; i++) {
        if (!has_value(&g->node[i]))
            continue;
        if (!count_of(g, i, &count, &padded) || total > MOST_NUMBERS - padded)
            return -1;
        total += padded;
    }
    return total;
}

/* One zeroed block of p->total numbers. */
static real *new_block(int64_t total)
{
    size_t bytes = ((size_t)total * sizeof(real) + 63) / 64 * 64;
    real *block = aligned_alloc(64, bytes ? bytes : 64);

    if (block)
        memset(block, 0, bytes);
    return block;
}

/* Pages that nobody touches, of what is not trained, are none: so it is not cleared by hand. */
static void new_gradient(struct nn_params *p)
{
    size_t bytes = (size_t)p->total * sizeof(real);

    p->grad_block = calloc(bytes + 64, 1);
    if (p->grad_block)
        p->grad = (real *)(((uintptr_t)p->grad_block + 63) / 64 * 64);
}

static struct nn_params *new_params(const struct nn_graph *g, bool with_grad, const bool *without,
                                    struct err *err)
{
    struct nn_params *p = calloc(1, sizeof *p);
    size_t n = (size_t)g->n + 1;

    if (!p)
        goto fail;
    p->node = calloc(n, sizeof *p->node);
    p->entry = calloc(n, sizeof *p->entry);
    p->offset = calloc(n, sizeof *p->offset);
    p->count = calloc(n, sizeof *p->count);
    p->trained = calloc(n, sizeof *p->trained);
    if (!p->node || !p->entry || !p->offset || !p->count || !p->trained)
        goto fail;
    for (int i = 0; i < g->n; i++) {
        int64_t padded;

        p->entry[i] = -1;
        if (!has_value(&g->node[i]) || (without && without[i]))
            continue;
        if (!count_of(g, i, &p->count[p->n], &padded) || p->total > MOST_NUMBERS - padded) {
            err_set(err, ERR_MEMORY, "parameter \"%s\" is too large", g->node[i].name);
            nn_params_free(p);
            return NULL;
        }
        p->entry[i] = p->n;
        p->node[p->n] = i;
        p->offset[p->n] = p->total;
        p->trained[p->n] = g->node[i].op == &nn_op_param && !param_attr(g, i)->buffer;
        p->total += padded;
        p->n++;
    }
    p->value = new_block(p->total);
    if (with_grad)
        new_gradient(p);
    if (p->value && (p->grad || !with_grad))
        return p;
fail:
    err_set(err, ERR_MEMORY, "no memory for %lld parameters", p ? (long long)p->total : 0);
    nn_params_free(p);
    return NULL;
}

struct nn_params *nn_params_new(const struct nn_graph *g, bool with_grad, struct err *err)
{
    return new_params(g, with_grad, NULL, err);
}

struct nn_params *nn_params_some(const struct nn_graph *g, const bool *without, struct err *err)
{
    return new_params(g, false, without, err);
}

bool nn_params_values(const struct nn_params *p, const struct nn_graph *g, struct arena *mem,
                      struct nn_values *v, struct err *err)
{
    if (!nn_values_new(g, mem, v, err))
        return false;
    for (int e = 0; e < p->n; e++) {
        v->of[p->node[e]] = nn_value_of(mem, p->count[e], p->value + p->offset[e]);
        if (!v->of[p->node[e]])
            return err_set(err, ERR_MEMORY, "no memory for the values of %d parameters", p->n);
    }
    return true;
}

struct nn_params *nn_params_of(const struct nn_graph *g, const struct nn_values *v,
                               struct err *err)
{
    struct nn_params *p = nn_params_new(g, false, err);

    for (int e = 0; p && e < p->n; e++)
        if (!nn_value_make(v->of[p->node[e]], p->value + p->offset[e], err)) {
            nn_params_free(p);
            p = NULL;
        }
    return p;
}

void nn_params_free(struct nn_params *p)
{
    if (!p)
        return;
    free(p->node);
    free(p->entry);
    free(p->offset);
    free(p->count);
    free(p->trained);
    free(p->value);
    free(p->grad_block);
    free(p);
}

int nn_params_find(const struct nn_graph *g, const struct nn_graph *like, int node)
{
    int found = nn_graph_find(g, like->node[node].name);

    if (found < 0 || !has_value(&g->node[found]) ||
        !nn_type_equal(&g->node[found].type, &like->node[node].type))
        return -1;
    return found;
}

int nn_params_copy(struct nn_params *to, const struct nn_graph *to_graph,
                   const struct nn_params *from, const struct nn_graph *from_graph)
{
    int copied = 0;

    for (int e = 0; e < to->n; e++) {
        int node = nn_params_find(from_graph, to_graph, to->node[e]);

        if (node < 0)
            continue;
        memcpy(to->value + to->offset[e], from->value + from->offset[from->entry[node]],
               (size_t)to->count[e] * sizeof(real));
        copied++;
    }
    return copied;
}

int64_t nn_params_trained(const struct nn_params *p)
{
    int64_t n = 0;

    for (int e = 0; e < p->n; e++)
        n += p->trained[e] ? p->count[e] : 0;
    return n;
}

/* perm[i] as given, or i when the order is the same. */
static void file_order(const struct nn_param *a, int rank, int *perm)
{
    bool same = true;

    for (int i = 0; i < rank; i++)
        same &= a->perm[i] == 0;
    for (int i = 0; i < rank; i++)
        perm[i] = same ? i : a->perm[i];
}

struct shape nn_params_file_shape(const struct nn_graph *g, int node)
{
    const struct nn_type *t = &g->node[node].type;
    struct shape s = { .rank = t->rank };
    int perm[SHAPE_MAX_RANK];

    file_order(param_attr(g, node), t->rank, perm);
    for (int i = 0; i < t->rank; i++)
        s.dim[i] = t->dim[perm[i]].n;
    return s;
}

/* A parameter between memory and file: numbers, and those of memory from each place of the file's
 * first dimension, and of the rest, to the next. */
struct move {
    struct shape file;
    int64_t stride[SHAPE_MAX_RANK];     /* in memory, of each dimension of the file */
    int64_t rows, rest;                 /* numbers of the first dimension, of the others */
};

static struct move move_of(const struct nn_graph *g, int node)
{
    struct move m = { .file = nn_params_file_shape(g, node), .rows = 1 };
    int64_t stride[SHAPE_MAX_RANK];
    int perm[SHAPE_MAX_RANK];

    file_order(param_attr(g, node), m.file.rank, perm);
    for (int64_t i = m.file.rank - 1, step = 1; i >= 0; i--) {
        stride[i] = step;
        step *= g->node[node].type.dim[i].n;
    }
    for (int i = 0; i < m.file.rank; i++)
        m.stride[i] = stride[perm[i]];
    if (m.file.rank)
        m.rows = m.file.dim[0];
    m.rest = m.rows ? shape_count(&m.file) / m.rows : 0;
    return m;
}

/* The next place of all dimensions but the first. */
static int64_t step(const struct move *m, int64_t index[SHAPE_MAX_RANK], int64_t place)
{
    for (int i = m->file.rank - 1; i > 0; i--) {
        place += m->stride[i];
        if (++index[i] < m->file.dim[i])
            break;
        place -= m->stride[i] * m->file.dim[i];
        index[i] = 0;
    }
    return place;
}

void nn_params_to_file(const struct nn_graph *g, int node, const real *value, float *out)
{
    struct move m = move_of(g, node);

    for (int64_t row = 0; row < m.rows; row++) {
        int64_t index[SHAPE_MAX_RANK] = { 0 }, place = 0;

        for (int64_t k = 0; k < m.rest; k++) {
            *out++ = (float)value[row * m.stride[0] + place];
            place = step(&m, index, place);
        }
    }
}

enum { AHEAD = 8 };
enum { SIDE = 16 };             /* of a square of numbers: lines of them are read and written */

/* Four rows of four as columns. */
typedef float four __attribute__((vector_size(16)));

static void turn_four(const float *in, float *out)
{
    four a, b, c, d;

    memcpy(&a, in, sizeof a);
    memcpy(&b, in + SIDE, sizeof b);
    memcpy(&c, in + 2 * SIDE, sizeof c);
    memcpy(&d, in + 3 * SIDE, sizeof d);
    const four ac = __builtin_shufflevector(a, c, 0, 4, 1, 5);
    const four bd = __builtin_shufflevector(b, d, 0, 4, 1, 5);
    const four ca = __builtin_shufflevector(a, c, 2, 6, 3, 7);
    const four db = __builtin_shufflevector(b, d, 2, 6, 3, 7);
    const four t[4] = { __builtin_shufflevector(ac, bd, 0, 4, 1, 5),
                        __builtin_shufflevector(ac, bd, 2, 6, 3, 7),
                        __builtin_shufflevector(ca, db, 0, 4, 1, 5),
                        __builtin_shufflevector(ca, db, 2, 6, 3, 7) };

    for (int i = 0; i < 4; i++)
        memcpy(out + i * SIDE, &t[i], sizeof t[i]);
}

static void turn(float square[SIDE][SIDE], float turned[SIDE][SIDE])
{
    for (int r = 0; r < SIDE; r += 4)
        for (int c = 0; c < SIDE; c += 4)
            turn_four(&square[r][c], &turned[c][r]);
}

/* n rows of `width` numbers, `apart` numbers from one to the next; whole ones are no calls. */
static void load(int64_t n, int64_t width, const float *in, int64_t apart, float square[SIDE][SIDE])
{
    for (int64_t r = 0; r < n; r++)
        if (width == SIDE) {
            __builtin_prefetch(in + r * apart + AHEAD * SIDE);
            memcpy(square[r], in + r * apart, sizeof square[r]);
        } else
            for (int64_t i = 0; i < width; i++)
                square[r][i] = in[r * apart + i];
}

static void store(int64_t n, const float *row, int64_t apart, real *to)
{
    if (apart == 1 && n == SIDE)
        for (int i = 0; i < SIDE; i++)
            to[i] = (real)row[i];
    else
        for (int64_t i = 0; i < n; i++)
            to[i * apart] = (real)row[i];
}

/* What the file has first, outputs, lies last in memory. */
void nn_params_from_file(const struct nn_graph *g, int node, const float *in, real *value)
{
    struct move m = move_of(g, node);
    float square[SIDE][SIDE] = { { 0 } }, turned[SIDE][SIDE];

    for (int64_t row = 0; row < m.rows; row += SIDE) {
        int64_t rows = m.rows - row < SIDE ? m.rows - row : SIDE;
        int64_t index[SHAPE_MAX_RANK] = { 0 }, place = 0;

        for (int64_t k = 0; k < m.rest; k += SIDE) {
            int64_t n = m.rest - k < SIDE ? m.rest - k : SIDE;

            load(rows, n, in + row * m.rest + k, m.rest, square);
            turn(square, turned);
            for (int64_t i = 0; i < n; i++) {
                store(rows, turned[i], m.stride[0], value + row * m.stride[0] + place);
                place = step(&m, index, place);
            }
        }
    }
}
