/*
 * graph -- construction, invariants, lookup; the text form is in graph_text.c
 */
#include "nn/graph.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a: short names, no adversary worth more. */
static uint32_t name_hash(const char *s)
{
    uint32_t h = 2166136261u;

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

/* Where a name is or would be in the table. */
static int find_slot(const struct nn_graph *g, const char *name)
{
    int i = (int)(name_hash(name) & (uint32_t)(g->n_slot - 1));

    while (g->slot[i] >= 0 && strcmp(g->node[g->slot[i]].name, name))
        i = (i + 1) & (g->n_slot - 1);
    return i;
}

/* Room for one more node and its name. */
static bool grow(struct nn_graph *g, struct err *err)
{
    if (g->n == g->cap) {
        int cap = g->cap ? 2 * g->cap : 64;
        struct nn_node *node = realloc(g->node, (size_t)cap * sizeof *node);

        if (!node)
            return err_set(err, ERR_MEMORY, "graph: no memory for %d nodes", cap);
        g->node = node;
        g->cap = cap;
    }
    if (2 * (g->n + 1) > g->n_slot) {
        int n_slot = g->n_slot ? 2 * g->n_slot : 128;
        int *slot = malloc((size_t)n_slot * sizeof *slot);

        if (!slot)
            return err_set(err, ERR_MEMORY, "graph: no memory for %d names", n_slot);
        free(g->slot);
        g->slot = slot;
        g->n_slot = n_slot;
        for (int i = 0; i < n_slot; i++)
            slot[i] = -1;
        for (int i = 0; i < g->n; i++)
            slot[find_slot(g, g->node[i].name)] = i;
    }
    return true;
}

struct nn_graph *nn_graph_new(struct err *err)
{
    struct nn_graph *g = calloc(1, sizeof *g);

    if (g)
        g->mem = arena_new();
    if (!g || !g->mem || !grow(g, err)) {
        nn_graph_free(g);
        err_set(err, ERR_MEMORY, "graph: no memory");
        return NULL;
    }
    return g;
}

void nn_graph_free(struct nn_graph *g)
{
    if (!g)
        return;
    arena_free(g->mem);
    free(g->node);
    free(g->slot);
    free(g);
}

static bool good_name(const char *name)
{
    bool ok = *name && strlen(name) <= NN_MAX_NAME && str_is_utf8(name);

    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 127 || *p == '=' || *p == '#')
            ok = false;
    return ok;
}

/* A copy of the attributes in the graph's memory: defaults filled in, ranges checked. */
static void *copy_attr(struct nn_graph *g, const struct nn_op *op, const void *attr,
                       struct err *err)
{
    void *copy = arena_alloc(g->mem, op->attr_size);

    if (!copy) {
        err_set(err, ERR_MEMORY, "graph: no memory");
        return NULL;
    }
    if (attr)
        memcpy(copy, attr, op->attr_size);
    for (const struct field *f = op->attrs; f && f->name; f++) {
        const char **s = field_at(f, copy);

        if (f->kind == FIELD_KIND_STRING && *s && !(*s = arena_str(g->mem, *s))) {
            err_set(err, ERR_MEMORY, "graph: no memory");
            return NULL;
        }
    }
    field_fill(op->attrs, copy);
    if (!field_check(op->attrs, copy, err)) {
        err_in(err, "%s", op->name);
        return NULL;
    }
    return copy;
}

/* The type of a node from those of its inputs:
 * all that nn_graph_add and nn_graph_check ask of an operator. */
static bool infer_type(const struct nn_graph *g, const struct nn_op *op, const void *attr, int n_in,
                       const int *in, struct nn_type *type, struct err *err)
{
    struct nn_type in_type[NN_MAX_IN];

    if (n_in < op->in_min || n_in > op->in_max)
        return op->in_min == op->in_max
                   ? err_set(err, ERR_INPUT, "%s: has %d inputs, needs %d", op->name, n_in,
                             op->in_min)
                   : err_set(err, ERR_INPUT, "%s: has %d inputs, needs %d to %d", op->name, n_in,
                             op->in_min, op->in_max);
    for (int i = 0; i < n_in; i++)
        in_type[i] = g->node[in[i]].type;
    *type = (struct nn_type){ 0 };
    return op->type(attr, n_in, in_type, type, err);
}

int nn_graph_add(struct nn_graph *g, const struct nn_op *op, const char *name, const void *attr,
                 int n_in, const int *in, struct err *err)
{
    struct nn_node node = { .op = op, .n_in = n_in };
    void *copy;

    for (int i = 0; i < n_in; i++)
        if (in[i] < 0 || in[i] >= g->n) {
            err_set(err, ERR_INPUT, "%s: input %d is no earlier node", op->name, i);
            return -1;
        }
    if (n_in > NN_MAX_IN || g->n >= NN_MAX_NODES) {
        err_set(err, ERR_INPUT, "%s: more than %d %s", op->name,
                n_in > NN_MAX_IN ? NN_MAX_IN : NN_MAX_NODES, n_in > NN_MAX_IN ? "inputs" : "nodes");
        return -1;
    }
    if (name && !good_name(name)) {
        err_set(err, ERR_INPUT, "%s: a name is 1 to %d characters without spaces, '=' and '#'",
                op->name, NN_MAX_NAME);
        return -1;
    }
    if (name && nn_graph_find(g, name) >= 0) {
        err_set(err, ERR_INPUT, "%s: the name \"%s\" is taken", op->name, name);
        return -1;
    }
    if (!grow(g, err))
        return -1;
    if (name) {
        node.name = arena_str(g->mem, name);
    } else {
        node.name = arena_printf(g->mem, "%s%d", op->name, g->n);
        for (int k = 2; node.name && nn_graph_find(g, node.name) >= 0; k++)
            node.name = arena_printf(g->mem, "%s%d_%d", op->name, g->n, k);
    }
    node.attr = copy = copy_attr(g, op, attr, err);
    if (!copy)
        return -1;
    node.in = n_in ? arena_copy(g->mem, in, (size_t)n_in * sizeof *in) : NULL;
    if (!node.name || (n_in && !node.in)) {
        err_set(err, ERR_MEMORY, "graph: no memory");
        return -1;
    }
    if (!infer_type(g, op, node.attr, n_in, in, &node.type, err))
        return -1;
    g->slot[find_slot(g, node.name)] = g->n;
    g->node[g->n] = node;
    return g->n++;
}

bool nn_graph_output(struct nn_graph *g, const char *name, int node, struct err *err)
{
    struct nn_port *port = &g->output[g->n_output];

    if (node < 0 || node >= g->n || !good_name(name))
        return err_set(err, ERR_INPUT, "output: needs a name and a node");
    for (int i = 0; i < g->n_output; i++)
        if (!strcmp(g->output[i].name, name)) {
            g->output[i].node = node;
            return true;
        }
    if (g->n_output == NN_MAX_OUTPUTS)
        return err_set(err, ERR_INPUT, "output: more than %d", NN_MAX_OUTPUTS);
    port->name = arena_str(g->mem, name);
    port->node = node;
    if (!port->name)
        return err_set(err, ERR_MEMORY, "graph: no memory");
    g->n_output++;
    return true;
}

struct nn_graph *nn_graph_copy(const struct nn_graph *g, struct err *err)
{
    struct nn_graph *copy = nn_graph_new(err);

    if (!copy)
        return NULL;
    for (int i = 0; i < g->n; i++) {
        const struct nn_node *node = &g->node[i];

        if (nn_graph_add(copy, node->op, node->name, node->attr, node->n_in, node->in, err) < 0)
            goto fail;
    }
    for (int i = 0; i < g->n_output; i++)
        if (!nn_graph_output(copy, g->output[i].name, g->output[i].node, err))
            goto fail;
    return copy;
fail:
    nn_graph_free(copy);
    return NULL;
}

int nn_graph_find(const struct nn_graph *g, const char *name)
{
    return g->slot[find_slot(g, name)];
}

int nn_graph_find_output(const struct nn_graph *g, const char *name)
{
    for (int i = 0; i < g->n_output; i++)
        if (!strcmp(g->output[i].name, name))
            return g->output[i].node;
    return -1;
}

int nn_graph_find_input(const struct nn_graph *g, const char *name)
{
    int i = nn_graph_find(g, name);

    return i >= 0 && g->node[i].op == &nn_op_input ? i : -1;
}

int nn_graph_first_input(const struct nn_graph *g)
{
    for (int i = 0; i < g->n; i++)
        if (g->node[i].op == &nn_op_input)
            return i;
    return -1;
}

bool nn_graph_check(const struct nn_graph *g, struct err *err)
{
    if (!g->n_output)
        return err_set(err, ERR_INPUT, "graph: has no output");
    for (int i = 0; i < g->n; i++) {
        const struct nn_node *node = &g->node[i];
        struct nn_type type;

        if (!good_name(node->name) || nn_graph_find(g, node->name) != i)
            return err_set(err, ERR_INPUT, "node %d: its name is bad or taken", i);
        for (int k = 0; k < node->n_in; k++)
            if (node->in[k] < 0 || node->in[k] >= i)
                return err_set(err, ERR_INPUT, "node \"%s\": input %d is no earlier node",
                               node->name, k);
        if (!field_check(node->op->attrs, node->attr, err) ||
            !infer_type(g, node->op, node->attr, node->n_in, node->in, &type, err))
            return err_in(err, "node \"%s\"", node->name);
        if (!nn_type_equal(&type, &node->type))
            return err_set(err, ERR_INPUT, "node \"%s\": its type is not what its operator says",
                           node->name);
    }
    for (int i = 0; i < g->n_output; i++)
        if (g->output[i].node < 0 || g->output[i].node >= g->n)
            return err_set(err, ERR_INPUT, "output \"%s\": no such node", g->output[i].name);
    return true;
}

void nn_graph_uses(const struct nn_graph *g, int *uses)
{
    memset(uses, 0, (size_t)g->n * sizeof *uses);
    for (int i = 0; i < g->n; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            uses[g->node[i].in[k]]++;
    for (int i = 0; i < g->n_output; i++)
        uses[g->output[i].node]++;
}

bool nn_node_equal(const struct nn_node *a, const struct nn_node *b, bool answers)
{
    return a->op == b->op && a->n_in == b->n_in && !strcmp(a->name, b->name) &&
           nn_type_equal(&a->type, &b->type) &&
           (!a->n_in || !memcmp(a->in, b->in, (size_t)a->n_in * sizeof *a->in)) &&
           ((answers && (a->op->flags & NN_OP_TRAIN_ONLY)) ||
            field_equal(a->op->attrs, a->attr, b->attr));
}

bool nn_graph_equal(const struct nn_graph *a, const struct nn_graph *b)
{
    if (a->n != b->n || a->n_output != b->n_output)
        return false;
    for (int i = 0; i < a->n; i++)
        if (!nn_node_equal(&a->node[i], &b->node[i], false))
            return false;
    for (int i = 0; i < a->n_output; i++)
        if (strcmp(a->output[i].name, b->output[i].name) || a->output[i].node != b->output[i].node)
            return false;
    return true;
}
