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

struct nn_params *nn_params_new(const struct nn_graph *g, bool with_grad, struct err *err)
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
        if (!has_value(&g->node[i]))
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
    p->grad = with_grad ? new_block(p->total) : NULL;
    if (p->value && (p->grad || !with_grad))
        return p;
fail:
    err_set(err, ERR_MEMORY, "no memory for %lld parameters", p ? (long long)p->total : 0);
    nn_params_free(p);
    return NULL;
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
    free(p->grad);
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

/* Moves every number between memory and file: walks the file's order with the memory's strides. */
static void move_all(const struct nn_graph *g, int node, real *value, float *file, bool to_file)
{
    struct shape s = nn_params_file_shape(g, node);
    int64_t stride_mem[SHAPE_MAX_RANK], stride[SHAPE_MAX_RANK];
    int64_t index[SHAPE_MAX_RANK] = { 0 }, place = 0;
    int64_t total = shape_count(&s);
    int perm[SHAPE_MAX_RANK];

    file_order(param_attr(g, node), s.rank, perm);
    for (int64_t i = s.rank - 1, step = 1; i >= 0; i--) {
        stride_mem[i] = step;
        step *= g->node[node].type.dim[i].n;
    }
    for (int i = 0; i < s.rank; i++)
        stride[i] = stride_mem[perm[i]];
    for (int64_t k = 0; k < total; k++) {
        if (to_file)
            file[k] = (float)value[place];
        else
            value[place] = (real)file[k];
        for (int i = s.rank - 1; i >= 0; i--) {
            place += stride[i];
            if (++index[i] < s.dim[i])
                break;
            place -= stride[i] * s.dim[i];
            index[i] = 0;
        }
    }
}

void nn_params_to_file(const struct nn_graph *g, int node, const real *value, float *out)
{
    move_all(g, node, (real *)(uintptr_t)value, out, true);
}

void nn_params_from_file(const struct nn_graph *g, int node, const float *in, real *value)
{
    move_all(g, node, value, (float *)(uintptr_t)in, false);
}
