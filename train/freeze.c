/*
 * freeze -- see freeze.h
 */
#include "train/freeze.h"

#include "nn/op/batchnorm.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static bool is_param(const struct nn_node *node)
{
    return node->op == &nn_op_param;
}

static bool is_trained(const struct nn_node *node)
{
    return is_param(node) && !((const struct nn_param *)node->attr)->buffer;
}

/* Names of trained parameters, cut to as many parts as the pattern has: "layer1.0.conv1.weight" is
 * "layer1" for "layr1*". */
struct names {
    const struct nn_graph *g;
    struct arena *mem;
    int parts;
};

static const char *cut_name(int i, const void *ctx)
{
    const struct names *n = ctx;
    char *name, *end;

    if (!is_trained(&n->g->node[i]))
        return NULL;
    end = name = arena_str(n->mem, n->g->node[i].name);
    for (int parts = 0; end && (end = strchr(end, '.')) && ++parts < n->parts;)
        end++;
    if (end)
        *end = 0;
    return name;
}

/* ": there are stem*, stage1*, fc*": the first parts of the names that a pattern can begin with. */
static void add_first_parts(struct str *out, const struct nn_graph *g)
{
    enum { SHOWN = 8 };
    const char *before = "";
    size_t length = 0;
    int n = 0;

    for (int i = 0; i < g->n && n < SHOWN; i++) {
        const char *name = g->node[i].name;
        size_t first = strcspn(name, ".");

        if (!is_trained(&g->node[i]) || (first == length && !strncmp(name, before, first)))
            continue;
        str_printf(out, "%s%.*s*", n++ ? ", " : ": there are ", (int)first, name);
        before = name;
        length = first;
    }
}

static bool fits_nothing(const struct nn_graph *g, const char *pattern, struct err *err)
{
    struct names names = { .g = g, .mem = arena_new(), .parts = 1 };
    char word[NN_MAX_NAME + 1];
    struct str instead = { 0 };
    const char *near = NULL;

    snprintf(word, sizeof word, "%s", pattern);
    word[strcspn(word, "*?[")] = 0;
    for (char *dot = word; (dot = strchr(dot, '.')); dot++)
        names.parts++;
    if (names.mem)
        near = str_nearest(word, g->n, cut_name, &names);
    if (near)
        str_printf(&instead, ": did you mean \"%s%s\"?", near, strchr(pattern, '*') ? "*" : "");
    else
        add_first_parts(&instead, g);
    err_set(err, ERR_USAGE, "freeze: no parameter is called \"%s\"%s", pattern,
            str_text(&instead));
    str_release(&instead);
    arena_free(names.mem);
    return false;
}

/* Node i of the training copy is trained no more. */
static bool freeze_node(struct nn_graph *g, int i, struct err *err)
{
    struct nn_param *attr = arena_copy(g->mem, g->node[i].attr, sizeof *attr);

    if (!attr)
        return err_set(err, ERR_MEMORY, "no memory to freeze parameters");
    attr->buffer = true;
    g->node[i].attr = attr;
    return true;
}

static bool is_frozen(const struct nn_graph *g, int node)
{
    return is_param(&g->node[node]) && !is_trained(&g->node[node]);
}

/* Batch-norm i of the training copy goes by the statistics that it has. */
static bool keep_norm(struct nn_graph *g, int i, struct err *err)
{
    struct nn_bn *attr = arena_copy(g->mem, g->node[i].attr, sizeof *attr);

    if (!attr)
        return err_set(err, ERR_MEMORY, "no memory to freeze parameters");
    attr->frozen = true;
    g->node[i].attr = attr;
    return true;
}

bool train_keep_norms(struct nn_graph *g, struct err *err)
{
    for (int i = 0; i < g->n; i++)
        if (g->node[i].op == &nn_op_batchnorm && !keep_norm(g, i, err))
            return false;
    return true;
}

/* What follows a frozen batch-norm must meet the numbers that it met before. */
static bool freeze_norms(struct nn_graph *g, struct err *err)
{
    enum { WEIGHT = 1, BIAS = 2 };

    for (int i = 0; i < g->n; i++)
        if (g->node[i].op == &nn_op_batchnorm && is_frozen(g, g->node[i].in[WEIGHT]) &&
            is_frozen(g, g->node[i].in[BIAS]) && !keep_norm(g, i, err))
            return false;
    return true;
}

/* frozen[g->n]: whether what is trained shall be no more. */
static bool mark(const struct nn_graph *g, const char *pattern, bool *frozen, struct err *err)
{
    bool found = false, stays = *pattern != '!';

    pattern += !stays;
    for (int i = 0; i < g->n; i++)
        if (is_param(&g->node[i]) && !fnmatch(pattern, g->node[i].name, 0)) {
            found = true;
            frozen[i] = stays;
        }
    return found || fits_nothing(g, pattern, err);
}

const char *train_pattern_next(const char **p, size_t *n)
{
    const char *at = *p;

    if (!at || !*at)
        return NULL;
    *n = strcspn(at, ",");
    *p = at + *n + (at[*n] == ',');
    return at;
}

/* By patterns in order: what a later one says counts. */
bool train_freeze_find(const struct nn_graph *g, const char *patterns, bool *frozen,
                       struct err *err)
{
    char pattern[NN_MAX_NAME + 2];
    const char *p;
    size_t n;

    while ((p = train_pattern_next(&patterns, &n))) {
        if (n >= sizeof pattern)
            return err_set(err, ERR_USAGE, "freeze: a pattern of %zu letters is too long", n);
        memcpy(pattern, p, n);
        pattern[n] = 0;
        if (n && !mark(g, pattern, frozen, err))
            return false;
    }
    return true;
}

bool train_freeze(struct nn_graph *g, const char *patterns, struct err *err)
{
    bool *frozen = calloc((size_t)g->n + 1, sizeof *frozen);
    bool ok = frozen || err_set(err, ERR_MEMORY, "no memory to freeze parameters"), left = false;

    ok = ok && train_freeze_find(g, patterns, frozen, err);
    for (int i = 0; ok && i < g->n; i++)
        if (is_trained(&g->node[i])) {
            left |= !frozen[i];
            ok = !frozen[i] || freeze_node(g, i, err);
        }
    free(frozen);
    if (ok && !left)
        return err_set(err, ERR_USAGE, "freeze: \"%s\" leaves nothing to train", patterns);
    return ok && freeze_norms(g, err);
}
