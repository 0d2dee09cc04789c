/*
 * lora -- see lora.h
 */
#include "train/lora.h"

#include "nn/op/attention.h"
#include "nn/op/linear.h"
#include "nn/op/math.h"
#include "nn/op/matmul.h"
#include "train/freeze.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { X, WEIGHT }; /* inputs of a linear layer */

/* A layer, by nodes: W of the model; A and B of what is trained. */
struct layer {
    int weight, a, b;
};

struct train_lora {
    struct train_lora_options opt;
    struct nn_graph *graph;
    struct layer *layer;
    int layers;
    int *of;           /* of each node of the model that of the graph */
    struct str freeze;
};

/* ---- which layers ---------------------------------------------------------------------------- */

static bool is_leaf(const struct nn_graph *g, int i)
{
    return g->node[i].op->flags & NN_OP_LEAF && g->node[i].op != &nn_op_input;
}

/* A linear layer of tokens or pixels, whose weight it has to itself. */
static bool is_layer(const struct nn_graph *g, const int *uses, int i)
{
    const struct nn_node *node = &g->node[i];

    return node->op == &nn_op_linear && g->node[node->in[WEIGHT]].op == &nn_op_param &&
           uses[node->in[WEIGHT]] == 1;
}

/* Its inputs that are no parameters and no constants. */
static int count_values(const struct nn_graph *g, int i)
{
    int n = 0;

    for (int k = 0; k < g->node[i].n_in; k++)
        n += !is_leaf(g, g->node[i].in[k]);
    return n;
}

static bool attends(const struct nn_graph *g, int i)
{
    return g->node[i].op == &nn_op_attention ||
           (g->node[i].op == &nn_op_matmul && count_values(g, i) == 2);
}

/* Where node i is reached: a layer is chosen, and what passes one value on is gone through. */
static void reach(const struct nn_graph *g, const int *uses, int i, bool *chosen, bool *through)
{
    if (g->node[i].op == &nn_op_linear)
        chosen[i] |= is_layer(g, uses, i);
    else if (!attends(g, i) && count_values(g, i) == 1)
        through[i] = true;
}

/* The layers that the inputs of what attends come from; through[g->n], zeroed. */
static void choose_before(const struct nn_graph *g, const int *uses, bool *chosen, bool *through)
{
    for (int i = g->n - 1; i >= 0; i--)
        for (int k = 0; (attends(g, i) || through[i]) && k < g->node[i].n_in; k++)
            if (!is_leaf(g, g->node[i].in[k]))
                reach(g, uses, g->node[i].in[k], chosen, through);
}

/* And those that its result goes into. */
static void choose_behind(const struct nn_graph *g, const int *uses, bool *chosen, bool *through)
{
    for (int i = 0; i < g->n; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (attends(g, g->node[i].in[k]) || through[g->node[i].in[k]])
                reach(g, uses, i, chosen, through);
}

/* Whether name fits one of the patterns. */
static bool fits(const char *patterns, const char *name)
{
    char pattern[NN_MAX_NAME + 1];
    const char *p;
    size_t n;

    while ((p = train_pattern_next(&patterns, &n))) {
        snprintf(pattern, sizeof pattern, "%.*s", (int)n, p);
        if (n && !fnmatch(pattern, name, 0))
            return true;
    }
    return false;
}

static bool has_params(const struct nn_graph *g, int i)
{
    for (int k = 0; k < g->node[i].n_in; k++)
        if (g->node[g->node[i].in[k]].op == &nn_op_param)
            return true;
    return false;
}

/* The layers that answer: behind them there are no parameters.  They are trained whole. */
static void find_heads(const struct nn_graph *g, bool *head)
{
    head[nn_graph_find_output(g, "logits")] = true;
    for (int i = g->n - 1; i >= 0; i--) {
        if (!head[i] || has_params(g, i))
            continue;
        head[i] = false;
        for (int k = 0; k < g->node[i].n_in; k++)
            head[g->node[i].in[k]] = true;
    }
}

/* ": its linear layers are blocks.0.attn.qkv, ..." */
static void add_layers(struct str *out, const struct nn_graph *g, const int *uses)
{
    enum { SHOWN = 6 };
    int n = 0;

    for (int i = 0; i < g->n; i++)
        if (is_layer(g, uses, i) && n++ < SHOWN)
            str_printf(out, "%s%s", n == 1 ? ": its linear layers are " : ", ", g->node[i].name);
    if (n > SHOWN)
        str_printf(out, " and %d more", n - SHOWN);
}

static bool nothing_chosen(const struct nn_graph *g, const int *uses, const char *layers,
                           struct err *err)
{
    struct str text = { 0 };

    add_layers(&text, g, uses);
    if (layers && *layers)
        err_set(err, ERR_USAGE, "lora-layers: none but the last is called \"%.80s\"%s", layers,
                str_text(&text));
    else
        err_set(err, ERR_USAGE,
                "lora: the network has no linear layers at an attention; --lora-layers PATTERNS "
                "names others%s", str_text(&text));
    str_release(&text);
    return false;
}

/* ---- the graph ------------------------------------------------------------------------------- */

/* The thin matrix `name` of the layer called so. */
static int add_matrix(struct train_lora *l, const char *layer, const char *name, int rows,
                      int columns, enum nn_init init, struct err *err)
{
    struct nn_param attr = { .shape = { rows, columns }, .perm = { 1, 0 }, .init = init };
    const char *text = arena_printf(l->graph->mem, "%s.%s", layer, name);

    if (text)
        return nn_graph_add(l->graph, &nn_op_param, text, &attr, 0, NULL, err);
    err_set(err, ERR_MEMORY, "no memory for a layer's name");
    return -1;
}

/* All matrices first: what is trained lies together in memory. */
static bool add_matrices(struct train_lora *l, const struct nn_graph *g, const bool *chosen,
                         struct err *err)
{
    bool ok = true;

    for (int i = 0; ok && i < g->n; i++) {
        struct layer *add = &l->layer[l->layers];
        const struct nn_type *w;

        if (!chosen[i])
            continue;
        add->weight = g->node[i].in[WEIGHT];
        w = &g->node[add->weight].type;
        add->a = add_matrix(l, g->node[i].name, "lora_a", w->dim[0].n, l->opt.rank, NN_INIT_LECUN,
                            err);
        add->b = add->a < 0 ? -1
                            : add_matrix(l, g->node[i].name, "lora_b", l->opt.rank, w->dim[1].n,
                                         NN_INIT_ZEROS, err);
        ok = add->b >= 0;
        l->layers++;
    }
    return ok;
}

/* A node LAYER.SUFFIX over a, and b unless it is -1; -1 on failure, and where there is no a. */
static int put(struct train_lora *l, const char *layer, const char *suffix, const struct nn_op *op,
               const void *attr, int a, int b, struct err *err)
{
    const char *name = arena_printf(l->graph->mem, "%s.%s", layer, suffix);
    int in[2] = { a, b };

    return a < 0 ? -1 : nn_graph_add(l->graph, op, name, attr, 1 + (b >= 0), in, err);
}

/* y + s (x A) B of layer k, whose input and output the graph has; -1 on failure. */
static int add_product(struct train_lora *l, int k, int x, int y, struct err *err)
{
    const struct layer *at = &l->layer[k];
    const char *name = l->graph->node[y].name;
    struct nn_linear thin = { .width = l->opt.rank };
    struct nn_linear wide = { .width = l->graph->node[at->b].type.dim[1].n };
    struct nn_math scale = { .kind = NN_MATH_affine, .a = l->opt.alpha / l->opt.rank };

    x = put(l, name, "lora_xa", &nn_op_linear, &thin, x, at->a, err);
    x = put(l, name, "lora_sxa", &nn_op_math, &scale, x, -1, err);
    x = put(l, name, "lora_sxab", &nn_op_linear, &wide, x, at->b, err);
    return put(l, name, "lora", &nn_op_add, NULL, x, y, err);
}

/* Node by node, with the products behind the layers that are chosen. */
static bool add_nodes(struct train_lora *l, const struct nn_graph *g, const bool *chosen,
                      struct err *err)
{
    int *map = malloc(((size_t)g->n + 1) * sizeof *map), k = 0;
    bool ok = map || err_set(err, ERR_MEMORY, "no memory for %d nodes", g->n);

    for (int i = 0; ok && i < g->n; i++) {
        const struct nn_node *node = &g->node[i];
        int in[NN_MAX_IN];

        for (int j = 0; j < node->n_in; j++)
            in[j] = map[node->in[j]];
        map[i] = l->of[i] =
            nn_graph_add(l->graph, node->op, node->name, node->attr, node->n_in, in, err);
        if (map[i] >= 0 && chosen[i])
            map[i] = add_product(l, k++, in[X], map[i], err);
        ok = map[i] >= 0;
    }
    for (int i = 0; ok && i < g->n_output; i++)
        ok = nn_graph_output(l->graph, g->output[i].name, map[g->output[i].node], err);
    free(map);
    return ok && nn_graph_check(l->graph, err);
}

/* All, then not what is trained. */
static void add_freeze(struct train_lora *l, const struct nn_graph *g, const bool *head)
{
    str_add(&l->freeze, "*,!*.lora_a,!*.lora_b");
    for (int i = 0; i < g->n; i++)
        for (int k = 0; head[i] && k < g->node[i].n_in; k++)
            if (g->node[g->node[i].in[k]].op == &nn_op_param)
                str_printf(&l->freeze, ",!%s", g->node[g->node[i].in[k]].name);
}

static bool build(struct train_lora *l, const struct nn_graph *g, struct err *err)
{
    size_t n = (size_t)g->n + 1;
    int *uses = malloc(n * sizeof *uses), found = 0;
    bool *chosen = calloc(n, sizeof *chosen), *through = calloc(n, sizeof *through);
    bool *head = calloc(n, sizeof *head), ok;
    const char *layers = l->opt.layers;

    l->layer = calloc(n, sizeof *l->layer);
    l->of = calloc(n, sizeof *l->of);
    ok = (uses && chosen && through && head && l->layer && l->of) ||
         err_set(err, ERR_MEMORY, "no memory to look at %d nodes", g->n);
    if (ok) {
        nn_graph_uses(g, uses);
        find_heads(g, head);
        if (!layers || !*layers) {
            choose_before(g, uses, chosen, through);
            memset(through, 0, n * sizeof *through);
            choose_behind(g, uses, chosen, through);
        }
        for (int i = 0; i < g->n; i++) {
            if (layers && *layers)
                chosen[i] = is_layer(g, uses, i) && fits(layers, g->node[i].name);
            chosen[i] &= !head[i];
            found += chosen[i];
        }
        add_freeze(l, g, head);
        ok = (found || nothing_chosen(g, uses, layers, err)) &&
             (!l->freeze.failed || err_set(err, ERR_MEMORY, "no memory for names")) &&
             (l->graph = nn_graph_new(err)) && add_matrices(l, g, chosen, err) &&
             add_nodes(l, g, chosen, err);
    }
    free(uses);
    free(chosen);
    free(through);
    free(head);
    return ok;
}

/* ---- from outside ---------------------------------------------------------------------------- */

struct train_lora *train_lora_new(const struct nn_graph *g, const struct train_lora_options *opt,
                                  struct err *err)
{
    struct train_lora *l = calloc(1, sizeof *l);

    if (!l) {
        err_set(err, ERR_MEMORY, "no memory for thin matrices");
        return NULL;
    }
    l->opt = *opt;
    if (build(l, g, err)) {
        l->opt.layers = NULL;
        return l;
    }
    train_lora_free(l);
    return NULL;
}

void train_lora_free(struct train_lora *l)
{
    if (!l)
        return;
    nn_graph_free(l->graph);
    free(l->layer);
    free(l->of);
    str_release(&l->freeze);
    free(l);
}

const struct nn_graph *train_lora_graph(const struct train_lora *l)
{
    return l->graph;
}

const char *train_lora_freeze(const struct train_lora *l)
{
    return str_text(&l->freeze);
}

int train_lora_layers(const struct train_lora *l)
{
    return l->layers;
}

/* Of each node of the graph whether the patterns freeze it; the caller's to free. */
static bool *find_frozen(const struct train_lora *l, const char *patterns, struct err *err)
{
    bool *frozen = calloc((size_t)l->graph->n + 1, sizeof *frozen);

    if (frozen && train_freeze_find(l->graph, patterns, frozen, err))
        return frozen;
    if (!frozen)
        err_set(err, ERR_MEMORY, "no memory to freeze parameters");
    free(frozen);
    return NULL;
}

/* B begins at 0, so that where it stays, nothing learns; A may stay as it was drawn. */
static bool learns(const struct train_lora *l, int k, const bool *frozen)
{
    return !frozen[l->layer[k].b];
}

bool train_lora_check(const struct train_lora *l, const char *patterns, const char *asked,
                      struct err *err)
{
    bool *frozen = find_frozen(l, patterns, err);
    bool left = false, ok = frozen;

    for (int k = 0; frozen && k < l->layers; k++)
        left |= learns(l, k, frozen);
    free(frozen);
    if (ok && !left)
        return err_set(err, ERR_USAGE,
                       "freeze %s: means the thin matrices of --lora too, all of them, and leaves "
                       "none to learn: without it everything but these and the last layer stays "
                       "already", asked);
    return ok;
}

void train_lora_tell(const struct train_lora *l, const char *patterns, struct str *out)
{
    enum { SHOWN = 3 };
    struct err ignored;
    bool *frozen = find_frozen(l, patterns, &ignored);
    int n = 0, most = 0;

    for (int k = 0; frozen && k < l->layers; k++)
        n += learns(l, k, frozen);
    str_printf(out, "lora %d: beside the last layer %d linear layer%s learn%s, by matrices of rank "
               "%d: ", l->opt.rank, n, str_plural(n), n == 1 ? "s" : "", l->opt.rank);
    n = 0;
    for (int k = 0; frozen && k < l->layers; k++) {
        const struct nn_graph *g = l->graph;
        int in = g->node[l->layer[k].a].type.dim[0].n, to = g->node[l->layer[k].b].type.dim[1].n;
        const char *name = g->node[l->layer[k].a].name;

        if (!learns(l, k, frozen))
            continue;
        most = most > (in < to ? in : to) ? most : in < to ? in : to;
        if (n++ < SHOWN)
            str_printf(out, "%s%.*s", n > 1 ? ", " : "", (int)(strrchr(name, '.') - name), name);
    }
    if (n > SHOWN)
        str_printf(out, " and %d more", n - SHOWN);
    if (l->opt.rank > most)
        str_printf(out, "; none of them has a rank above %d, so more than that is of no use", most);
    free(frozen);
}

/* w[n,m] += s a[n,rank] b[rank,m], in this order. */
static void merge(int64_t n, int64_t m, int rank, double s, const real *a, const real *b, real *w)
{
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < rank; k++) {
            real factor = (real)(s * (double)a[i * rank + k]);

            for (int64_t j = 0; j < m; j++)
                w[i * m + j] += factor * b[k * m + j];
        }
}

void train_lora_values(const struct train_lora *l, const struct train_net *net,
                       struct nn_params *p)
{
    for (int e = 0; e < p->n; e++)
        memcpy(p->value + p->offset[e], train_net_value(net, l->of[p->node[e]]),
               (size_t)p->count[e] * sizeof *p->value);
    for (int k = 0; k < l->layers; k++) {
        const struct layer *at = &l->layer[k];
        int64_t n = l->graph->node[at->a].type.dim[0].n, m = l->graph->node[at->b].type.dim[1].n;

        merge(n, m, l->opt.rank, l->opt.alpha / l->opt.rank, train_net_value(net, at->a),
              train_net_value(net, at->b), p->value + p->offset[p->entry[at->weight]]);
    }
}
