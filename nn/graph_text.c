/*
 * graph_text -- the readable form of a graph: what a model file holds and --arch FILE reads
 *
 *     # anything after '#' is a comment
 *     image = input shape=32x32x3
 *     c1 = conv2d image channels=16 size=3 pad=1
 *     r1 = relu c1
 *     output logits = fc
 *
 * A line a node: `name = op inputs key=value ...`.  Inputs are names of earlier lines.  Parameters
 * that the operator derives from its attributes and its first input are made by the reader (called
 * c1.weight) and left out by the writer when they are just what the reader would make.
 * docs/format.md is the specification.
 */
#include "nn/build.h"
#include "nn/graph.h"

#include <stdlib.h>
#include <string.h>

/* The first input from which on all are parameters that the reader would derive,
 * standing where it would put them. */
static int first_derived(const struct nn_graph *g, int id, const int *uses)
{
    const struct nn_node *node = &g->node[id];
    struct nn_param want;
    int k = node->n_in;

    if (!node->op->param || !node->n_in ||
        node->op->param(node->attr, &g->node[node->in[0]].type, k, &want))
        return k;
    while (k > 1) {
        const struct nn_node *p = &g->node[node->in[k - 1]];
        const char *suffix;
        size_t len = strlen(node->name);

        want = (struct nn_param){ 0 };
        suffix = node->op->param(node->attr, &g->node[node->in[0]].type, k - 1, &want);
        if (suffix)
            field_fill(nn_op_param.attrs, &want);
        if (!suffix || p->op != &nn_op_param || node->in[k - 1] != id - node->n_in + k - 1 ||
            uses[node->in[k - 1]] != 1 || strncmp(p->name, node->name, len) ||
            p->name[len] != '.' || strcmp(p->name + len + 1, suffix) ||
            !field_equal(nn_op_param.attrs, p->attr, &want))
            break;
        k--;
    }
    return k;
}

static void write_node(const struct nn_node *node, int n_in, const struct nn_graph *g,
                       struct str *out)
{
    str_printf(out, "%s = %s", node->name, node->op->name);
    for (int k = 0; k < n_in; k++)
        str_printf(out, " %s", g->node[node->in[k]].name);
    for (const struct field *f = node->op->attrs; f && f->name; f++)
        if (!field_is_default(f, node->attr)) {
            str_printf(out, " %s=", f->name);
            field_text(f, node->attr, out);
        }
    str_addc(out, '\n');
}

bool nn_graph_write(const struct nn_graph *g, struct str *out)
{
    int *uses = malloc(((size_t)g->n + 1) * sizeof *uses);
    int *explicit_in = malloc(((size_t)g->n + 1) * sizeof *explicit_in);
    bool *left_out = calloc((size_t)g->n + 1, sizeof *left_out);
    bool ok = uses && explicit_in && left_out;

    if (ok) {
        nn_graph_uses(g, uses);
        for (int i = 0; i < g->n; i++) {
            explicit_in[i] = first_derived(g, i, uses);
            for (int k = explicit_in[i]; k < g->node[i].n_in; k++)
                left_out[g->node[i].in[k]] = true;
        }
        for (int i = 0; i < g->n; i++)
            if (!left_out[i])
                write_node(&g->node[i], explicit_in[i], g, out);
        for (int i = 0; i < g->n_output; i++)
            str_printf(out, "output %s = %s\n", g->output[i].name, g->node[g->output[i].node].name);
    }
    free(uses);
    free(explicit_in);
    free(left_out);
    return ok && !out->failed;
}

enum { MAX_WORDS = 64 };

/* Splits a line at blanks, in place, up to a comment.  -1: too many words. */
static int split(char *line, char **word)
{
    char *save = NULL;
    int n = 0;

    line[strcspn(line, "#")] = '\0';
    for (char *w = strtok_r(line, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
        if (n == MAX_WORDS)
            return -1;
        word[n++] = w;
    }
    return n;
}

static int find_node(const struct nn_graph *g, const char *name, struct err *err)
{
    int i = nn_graph_find(g, name);

    if (i < 0)
        err_set(err, ERR_INPUT, "there is no node \"%.100s\" above", name);
    return i;
}

/* One `key=value`. */
static bool read_attr(const struct nn_op *op, void *attr, char *word, int n_vars,
                      const struct nn_var *vars, struct arena *mem, struct err *err)
{
    char *value = strchr(word, '=');
    const struct field *f;
    char number[16];

    *value++ = '\0';
    f = field_find(op->attrs, word);
    if (!f) {
        const char *near = field_nearest(op->attrs, word);

        return err_set(err, ERR_INPUT, "%s has no attribute \"%.100s\"%s%s%s", op->name, word,
                       near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    for (int i = 0; i < n_vars; i++)
        if (!strcmp(value, vars[i].name)) {
            snprintf(number, sizeof number, "%d", vars[i].value);
            value = number;
            break;
        }
    return field_set(f, attr, value, mem, err) || err_in(err, "%s", op->name);
}

static bool read_line(struct nn_build *b, char *line, int n_vars, const struct nn_var *vars,
                      struct arena *mem, struct err *err)
{
    char *word[MAX_WORDS];
    int n = split(line, word), n_in = 0, in[NN_MAX_IN];
    const struct nn_op *op;
    void *attr;

    if (n == 0)
        return true;
    if (n < 0)
        return err_set(err, ERR_INPUT, "more than %d words", MAX_WORDS);
    if (n == 4 && !strcmp(word[0], "output") && !strcmp(word[2], "=")) {
        int node = find_node(b->g, word[3], err);

        return node >= 0 && nn_graph_output(b->g, word[1], node, err);
    }
    if (n < 3 || strcmp(word[1], "="))
        return err_set(err, ERR_INPUT,
                       "expected \"name = operator inputs key=value\" or \"output name = node\"");
    op = nn_op_find(word[2], err);
    if (!op)
        return false;
    attr = arena_alloc(mem, op->attr_size);
    if (!attr)
        return err_set(err, ERR_MEMORY, "no memory");
    for (int i = 3; i < n; i++) {
        if (strchr(word[i], '=')) {
            if (!read_attr(op, attr, word[i], n_vars, vars, mem, err))
                return false;
        } else {
            if (n_in == NN_MAX_IN)
                return err_set(err, ERR_INPUT, "more than %d inputs", NN_MAX_IN);
            in[n_in] = find_node(b->g, word[i], err);
            if (in[n_in++] < 0)
                return false;
        }
    }
    return nn_build_node(b, op, word[0], attr, n_in, in) >= 0;
}

struct nn_graph *nn_graph_read(const char *text, size_t bytes, int n_vars,
                               const struct nn_var *vars, struct err *err)
{
    struct arena *mem = arena_new();
    struct nn_build b = { 0 };
    struct nn_graph *g = NULL;
    char *copy = mem ? arena_alloc(mem, bytes + 1) : NULL, *line, *next;
    int number = 1;

    if (!copy) {
        err_set(err, ERR_MEMORY, "graph: no memory");
        goto out;
    }
    memcpy(copy, text, bytes);
    if (memchr(copy, 0, bytes)) {
        err_set(err, ERR_INPUT, "graph: holds a 0 byte: no text");
        goto out;
    }
    b = nn_build_begin(err);
    for (line = copy; b.g && line; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (!read_line(&b, line, n_vars, vars, mem, err)) {
            err_in(err, "line %d", number);
            goto out;
        }
    }
    g = nn_build_end(&b);
    b.g = NULL;
out:
    nn_graph_free(b.g);
    arena_free(mem);
    return g;
}
