/*
 * start -- see start.h
 */
#include "train/start.h"

#include "train/whiten.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED = 4 }; /* layers that a note names */

void train_start_draw(struct nn_params *p, const struct nn_graph *g, const struct train_cfg *cfg)
{
    static const enum nn_init rule[] = {
        [TRAIN_WEIGHTS_HE] = NN_INIT_HE,
        [TRAIN_WEIGHTS_GLOROT] = NN_INIT_GLOROT,
        [TRAIN_WEIGHTS_LECUN] = NN_INIT_LECUN,
        [TRAIN_WEIGHTS_TRUNC] = NN_INIT_TRUNC,
        [TRAIN_WEIGHTS_ORTHOGONAL] = NN_INIT_ORTHOGONAL,
        [TRAIN_WEIGHTS_DIRAC] = NN_INIT_DIRAC,
    };

    if (cfg->weights)
        nn_params_init_by(p, g, (uint64_t)cfg->seed, rule[cfg->weights]);
    else
        nn_params_init(p, g, (uint64_t)cfg->seed);
}

/* ---- values of a model ----------------------------------------------------------------------- */

/* The layer that a parameter belongs to: its name up to the last dot. */
static int layer_length(const char *name)
{
    const char *dot = strrchr(name, '.');

    return (int)(dot ? dot - name : (ptrdiff_t)strlen(name));
}

static bool same_layer(const char *a, const char *b)
{
    int n = layer_length(a);

    return n == layer_length(b) && !memcmp(a, b, (size_t)n);
}

/* The last layer of both networks, as far as their rows can be told apart by labels. */
struct head {
    int weight, bias;           /* nodes of g, -1 */
    int from_weight, from_bias; /* of the model's graph */
    int inputs;
    int *of;                    /* of each label the model's label of the same name, -1 */
    int known;                  /* labels that have one */
};

static int param_input(const struct nn_graph *g, int node, int i)
{
    if (node < 0 || g->node[node].op != &nn_op_linear || i >= g->node[node].n_in)
        return -1;
    node = g->node[node].in[i];
    return g->node[node].op == &nn_op_param ? node : -1;
}

/* False: memory is out.  h->weight is -1 where the last layers are not of one kind. */
static bool find_head(struct head *h, const struct nn_graph *g, int n_labels,
                      const char *const *label, const struct infer_model *from)
{
    int to = nn_graph_find_output(g, "logits"), out = nn_graph_find_output(from->graph, "logits");

    *h = (struct head){ .weight = param_input(g, to, 1), .bias = param_input(g, to, 2),
                        .from_weight = param_input(from->graph, out, 1),
                        .from_bias = param_input(from->graph, out, 2) };
    if (h->weight < 0 || h->from_weight < 0 ||
        strcmp(g->node[h->weight].name, from->graph->node[h->from_weight].name) != 0 ||
        g->node[h->weight].type.dim[0].n != from->graph->node[h->from_weight].type.dim[0].n) {
        h->weight = -1;
        return true;
    }
    h->inputs = g->node[h->weight].type.dim[0].n;
    h->of = malloc(((size_t)n_labels + 1) * sizeof *h->of);
    if (!h->of)
        return false;
    for (int l = 0; l < n_labels; l++) {
        h->of[l] = infer_model_label(from, label[l]);
        h->known += h->of[l] >= 0;
    }
    return true;
}

static real *value_of(const struct nn_params *p, int node)
{
    return p->value + p->offset[p->entry[node]];
}

/* The numbers of the labels that both know, of rows[inputs + 1 for the bias][labels]. */
static void copy_labels(struct nn_params *p, const struct head *h, int n_labels,
                        const struct infer_model *from)
{
    for (int l = 0; l < n_labels; l++) {
        if (h->of[l] < 0)
            continue;
        for (int64_t i = 0; i < h->inputs; i++)
            value_of(p, h->weight)[i * n_labels + l] =
                value_of(from->params, h->from_weight)[i * from->n_labels + h->of[l]];
        if (h->bias >= 0 && h->from_bias >= 0)
            value_of(p, h->bias)[l] = value_of(from->params, h->from_bias)[h->of[l]];
    }
}

/* Which entries of p were taken. */
struct taken {
    bool *entry;
    int n, weights; /* weights: of rank 2 and more, which are what was learnt */
};

/* nn_params_copy, the last layer left out where labels say what of it is taken. */
static bool take(struct taken *t, struct nn_params *p, const struct nn_graph *g,
                 const struct head *h, const struct infer_model *from)
{
    int64_t head = h->weight < 0 ? 0 : p->count[p->entry[h->weight]];
    int64_t bias = h->weight < 0 || h->bias < 0 ? 0 : p->count[p->entry[h->bias]];
    real *kept = malloc((size_t)(head + bias + 1) * sizeof *kept);

    t->entry = calloc((size_t)p->n + 1, sizeof *t->entry);
    if (!kept || !t->entry) {
        free(kept);
        return false;
    }
    if (head)
        memcpy(kept, value_of(p, h->weight), (size_t)head * sizeof *kept);
    if (bias)
        memcpy(kept + head, value_of(p, h->bias), (size_t)bias * sizeof *kept);
    nn_params_copy(p, g, from->params, from->graph);
    if (head)
        memcpy(value_of(p, h->weight), kept, (size_t)head * sizeof *kept);
    if (bias)
        memcpy(value_of(p, h->bias), kept + head, (size_t)bias * sizeof *kept);
    free(kept);
    for (int e = 0; e < p->n; e++) {
        int node = p->node[e];
        bool of_head = h->weight >= 0 && (node == h->weight || node == h->bias);

        t->entry[e] = of_head ? h->known > 0 : nn_params_find(from->graph, g, node) >= 0;
        t->n += t->entry[e];
        t->weights += t->entry[e] && g->node[node].type.rank > 1;
    }
    return true;
}

/* "; fc, stage1.widen.conv and 3 more begin anew" */
static void add_left(struct str *out, const struct taken *t, const struct nn_params *p,
                     const struct nn_graph *g)
{
    const char *last = NULL;
    int layers = 0;

    for (int e = 0; e < p->n; e++) {
        const char *name = g->node[p->node[e]].name;

        if (t->entry[e] || (last && same_layer(last, name)))
            continue;
        last = name;
        if (layers++ < NAMED)
            str_printf(out, "%s%.*s",
                       layers == 1 ? "; not in it, or of another shape or other labels: " : ", ",
                       layer_length(name), name);
    }
    if (layers > NAMED)
        str_printf(out, " and %d more layers", layers - NAMED);
}

static void add_note(struct str *out, const struct taken *t, const struct head *h, int n_labels,
                     const char *const *label, const struct nn_params *p, const struct nn_graph *g,
                     const char *path)
{
    int missing = 0;

    str_printf(out, "init %s: %d of %d parameters taken", path, t->n, p->n);
    add_left(out, t, p, g);
    for (int l = 0; h->known && l < n_labels; l++)
        if (h->of[l] < 0 && missing++ < NAMED)
            str_printf(out, "%s\"%s\"", missing == 1 ? "; it does not know the labels " : ", ",
                       label[l]);
    if (missing > NAMED)
        str_printf(out, " and %d more", missing - NAMED);
}

bool train_start_take(struct nn_params *p, const struct nn_graph *g, int n_labels,
                      const char *const *label, const struct infer_model *from, const char *path,
                      train_say_fn *say, void *ctx, struct err *err)
{
    struct taken t = { 0 };
    struct str note = { 0 };
    struct head h;
    bool ok = find_head(&h, g, n_labels, label, from) && take(&t, p, g, &h, from);

    if (!ok) {
        err_set(err, ERR_MEMORY, "no memory to take over the values of %s", path);
    } else if (!t.weights) {
        ok = err_set(err, ERR_INPUT,
                     "%s: none of its weights fits: it is a %s, and by names and shapes they are "
                     "another network's; --arch says which one is trained", path, from->arch);
    } else {
        if (h.weight >= 0)
            copy_labels(p, &h, n_labels, from);
        add_note(&note, &t, &h, n_labels, label, p, g, path);
        say(ctx, str_text(&note));
    }
    str_release(&note);
    free(t.entry);
    free(h.of);
    return ok;
}

void train_start_cfg(const struct infer_model *from, struct train_cfg *cfg)
{
    if (!cfg->size && from->prep.size[0] == from->prep.size[1])
        cfg->size = from->prep.size[0];
    if (!cfg->channels)
        cfg->channels = TRAIN_RGB + from->prep.color;
    if (!cfg->resize)
        cfg->resize = TRAIN_CROP + from->prep.resize;
}

bool train_start_prep(const struct infer_model *from, struct data_prep *prep)
{
    if (prep->color != from->prep.color)
        return false;
    memcpy(prep->mean, from->prep.mean, sizeof prep->mean);
    memcpy(prep->std, from->prep.std, sizeof prep->std);
    prep->crop = from->prep.crop;
    return true;
}

/* ---- residual branches ----------------------------------------------------------------------- */

/* The most operators between an input of g and each node; NULL when memory is out. */
static int *depths(const struct nn_graph *g)
{
    int *depth = calloc((size_t)g->n + 1, sizeof *depth);

    for (int i = 0; depth && i < g->n; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (depth[g->node[i].in[k]] >= depth[i])
                depth[i] = depth[g->node[i].in[k]] + 1;
    return depth;
}

bool train_start_zero_gamma(struct nn_params *p, const struct nn_graph *g, train_say_fn *say,
                            void *ctx, struct err *err)
{
    int *depth = depths(g), *uses = malloc(((size_t)g->n + 1) * sizeof *uses), n = 0;
    bool ok = depth && uses;
    char text[120];

    if (ok)
        nn_graph_uses(g, uses);
    else
        err_set(err, ERR_MEMORY, "no memory to look for residual branches");
    for (int i = 0; ok && i < g->n; i++) {
        const struct nn_node *node = &g->node[i];
        int branch, gamma;

        if (node->op != &nn_op_add)
            continue;
        branch = node->in[depth[node->in[1]] >= depth[node->in[0]]];
        while (g->node[branch].op->flags & NN_OP_TRAIN_ONLY && uses[branch] == 1)
            branch = g->node[branch].in[0];
        if (!(g->node[branch].op->flags & NN_OP_SCALES) || uses[branch] != 1)
            continue;
        gamma = g->node[branch].in[1];
        if (p->entry[gamma] < 0)
            continue;
        memset(value_of(p, gamma), 0, (size_t)p->count[p->entry[gamma]] * sizeof(real));
        n++;
    }
    free(depth);
    free(uses);
    if (!ok)
        return false;
    snprintf(text, sizeof text, n ? "zero-gamma: %d residual branch%s begin%s at 0"
                                  : "zero-gamma: no residual branch of this network ends in a norm",
             n, n == 1 ? "" : "es", n == 1 ? "s" : "");
    say(ctx, text);
    return true;
}

/* ---- filters from pictures ------------------------------------------------------------------- */

bool train_start_whiten(struct nn_params *p, const struct nn_graph *g, int n, const float *image,
                        train_say_fn *say, void *ctx, struct err *err)
{
    int node = train_whiten_find(g, err), filters, directions;
    char text[200];

    if (node < 0)
        return false;
    directions = train_whiten(p, g, node, n, image, err);
    if (directions < 0)
        return false;
    filters = g->node[node].type.dim[3].n;
    snprintf(text, sizeof text, "whiten: %d of the %d filters of %s are the %d directions in which "
             "patches vary most, and their negatives", 2 * directions, filters,
             g->node[node].name, directions);
    say(ctx, text);
    return true;
}
