/*
 * foreign -- see foreign.h
 *
 * For every dialect that the file may be in (its mark is there) and every network that the dialect
 * is of: how many parameters have a tensor of their name and shape?  The network that all tensors
 * fit is taken; of several the first.  The last layer is what changes with the number of labels.
 */
#include "infer/foreign/foreign.h"

#include "infer/foreign/foreign_file.h"
#include "infer/foreign/foreign_names.h"
#include "nn/base/file.h"
#include "nn/base/record.h"
#include "nn/model/model.h"
#include "nn/op/batchnorm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 8, LABELS = 1 << 20 };

/* A tensor under the name that it has with us. */
struct item {
    const char *name;
    const struct st_entry *entry;
    int part[2];                /* which of how many, one behind another in dimension 0 */
};

struct import {
    const struct infer_foreign_options *o;
    struct infer_tensors tensors;
    struct infer_config config;
    const char *named;          /* our network that config.json names; NULL: none is */
    struct item *item;          /* by name and part */
    int n;
    struct arena *mem;
    struct str *told;
    struct err *err;
};

/* How a network fits the items: items i ... of a parameter, and what does not fit. */
struct fit {
    const struct nn_model *model;
    const struct infer_dialect *dialect;
    struct nn_graph *graph;
    int labels;                 /* as the last layer has them; 0: it is not there */
    int matched, missing, misshapen, left;
    bool usual;                 /* held against pictures of its usual size: of the size that is */
    struct err why;             /* wanted it cannot be, why says so */
};

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory for the weights of others");
}

/* ---- names ----------------------------------------------------------------------------------- */

static int by_name(const void *pa, const void *pb)
{
    const struct item *a = pa, *b = pb;
    int order = strcmp(a->name, b->name);

    return order ? order : a->part[0] - b->part[0];
}

static bool marked(const struct import *m, const struct infer_dialect *d)
{
    for (int i = 0; i < m->tensors.n; i++)
        if (d->mark && infer_name_fits(d->mark, m->tensors.tensor[i]->name))
            return true;
    return !d->mark;
}

/* "module.": what PyTorch's DataParallel puts before every name. */
static const char *bare(const struct import *m, const char *name)
{
    static const char prefix[] = "module.";

    for (int i = 0; i < m->tensors.n; i++)
        if (strncmp(m->tensors.tensor[i]->name, prefix, sizeof prefix - 1) != 0)
            return name;
    return name + sizeof prefix - 1;
}

/* The items in the words of a dialect. */
static bool rename_all(struct import *m, const struct infer_dialect *d)
{
    m->n = 0;
    m->item = arena_array(m->mem, (size_t)m->tensors.n + 1, sizeof *m->item);
    if (!m->item)
        return no_memory(m->err);
    for (int i = 0; i < m->tensors.n; i++) {
        struct item *item = &m->item[m->n];
        struct str name = { 0 };
        bool ok = true;

        item->entry = m->tensors.tensor[i];
        if (infer_rename(d, bare(m, item->entry->name), &name, item->part)) {
            item->name = name.failed ? NULL : arena_str(m->mem, str_text(&name));
            ok = item->name;
            m->n++;
        }
        str_release(&name);
        if (!ok)
            return no_memory(m->err);
    }
    qsort(m->item, (size_t)m->n, sizeof *m->item, by_name);
    return true;
}

/* The first of the items of that name, which all are there; NULL: none, or not all. */
static const struct item *find(const struct import *m, const char *name)
{
    const struct item key = { .name = name };
    const struct item *found = m->n ? bsearch(&key, m->item, (size_t)m->n, sizeof key, by_name)
                                    : NULL;

    if (!found)
        return NULL;
    if (found + found->part[1] > m->item + m->n)
        return NULL;
    for (int p = 0; p < found->part[1]; p++)
        if (strcmp(found[p].name, name) != 0 || found[p].part[0] != p ||
            found[p].part[1] != found->part[1])
            return NULL;
    return found;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

/* The shape of all parts together. */
static bool whole(const struct item *item, struct shape *out)
{
    *out = item->entry->tensor.shape;
    for (int p = 1; p < item->part[1]; p++) {
        const struct shape *s = &item[p].entry->tensor.shape;

        if (s->rank != out->rank || !s->rank)
            return false;
        for (int d = 1; d < s->rank; d++)
            if (s->dim[d] != out->dim[d])
                return false;
        out->dim[0] += s->dim[0];
    }
    return true;
}

/* Alike but for dimensions of 1, which some write and some do not.  *labels: dimension 0, where
 * `head` says that it counts labels; 0: nobody has said. */
static bool same(struct shape a, struct shape b, bool head, int *labels)
{
    struct shape s[2] = { a, b };

    if (head && a.rank && b.rank) {
        if ((*labels && *labels != b.dim[0]) || b.dim[0] < 1 || b.dim[0] > LABELS)
            return false;
        *labels = (int)b.dim[0];
        s[0].dim[0] = s[1].dim[0];
    }
    for (int k = 0; k < 2; k++) {
        struct shape thin = { .rank = 0 };

        for (int d = 0; d < s[k].rank; d++)
            if (s[k].dim[d] != 1)
                thin.dim[thin.rank++] = s[k].dim[d];
        s[k] = thin;
    }
    return shape_equal(&s[0], &s[1]);
}

/* For pictures of its usual size, or of what is wanted. */
static struct nn_graph *build(const struct import *m, const struct nn_model *model, bool usual,
                              int labels, struct err *err)
{
    static const int none[2] = { 0, 0 };
    const int *said = usual ? none : m->config.prep.size;       /* --size is in it */
    struct nn_model_args args = {
        .height = said[0] ? said[0] : model->size,
        .width = said[1] ? said[1] : model->size,
        .channels = data_prep_channels(&m->config.prep), .labels = labels };

    return nn_model_build(model, &args, err);
}

/* Which parameters of f's graph are the last layer's: their shapes change with the labels. */
static bool find_heads(const struct import *m, const struct fit *f, bool *head, struct err *err)
{
    const struct nn_graph *g = f->graph;
    struct nn_graph *more = build(m, f->model, f->usual, 3, err);

    for (int i = 0; more && i < g->n; i++)
        head[i] = g->node[i].op == &nn_op_param &&
                  !nn_type_equal(&g->node[i].type, &more->node[i].type);
    nn_graph_free(more);
    return more;
}

/* ---- which network --------------------------------------------------------------------------- */

static bool take_fit(const struct import *m, struct fit *f, struct str *told)
{
    const struct nn_graph *g = f->graph;
    bool *head = calloc((size_t)g->n + 1, sizeof *head), *used = calloc((size_t)m->n + 1, 1);
    bool ok = head && used ? find_heads(m, f, head, m->err) : no_memory(m->err);

    for (int i = 0; ok && i < g->n; i++) {
        const struct item *item;
        struct shape is, want;

        if (g->node[i].op != &nn_op_param)
            continue;
        item = find(m, g->node[i].name);
        want = nn_params_file_shape(g, i);
        for (int p = 0; item && p < item->part[1]; p++)
            used[item - m->item + p] = true;
        if (item && whole(item, &is) && same(want, is, head[i], &f->labels)) {
            f->matched++;
        } else if (item) {
            f->misshapen++;
            if (told)
                str_printf(told, "of another shape: %s\n", g->node[i].name);
        } else if (!head[i] || !m->o->to_train) {
            f->missing++;
            if (told)
                str_printf(told, "missing: %s\n", g->node[i].name);
        }
    }
    for (int i = 0; ok && i < m->n; i++) {
        f->left += !used[i];
        if (told && !used[i])
            str_printf(told, "left over: %s\n", m->item[i].entry->name);
    }
    free(head);
    free(used);
    return ok;
}

static bool perfect(const struct fit *f)
{
    return f->model && !f->usual && !f->missing && !f->misshapen && !f->left;
}

static int score(const struct fit *f)
{
    return f->matched - f->missing - f->misshapen - f->left;
}

/* Keeps the better one of *best and a network in the dialect whose names the items have.  One that
 * cannot be of the size wanted is tried all the same: of what the weights are it says more than the
 * next one that can. */
static bool try_model(struct import *m, const struct infer_dialect *d, const struct nn_model *model,
                      struct fit *best)
{
    struct fit f = { .model = model, .dialect = d };

    f.graph = build(m, model, false, 2, &f.why);
    f.usual = !f.graph && f.why.kind != ERR_MEMORY;
    if (f.usual)
        f.graph = build(m, model, true, 2, &f.why);
    if (!f.graph) {
        *m->err = f.why;
        return f.why.kind != ERR_MEMORY;
    }
    if (!take_fit(m, &f, NULL)) {
        nn_graph_free(f.graph);
        return false;
    }
    if (!best->model || score(&f) > score(best) ||
        (score(&f) == score(best) && best->usual && !f.usual)) {
        nn_graph_free(best->graph);
        *best = f;
    } else {
        nn_graph_free(f.graph);
    }
    return true;
}

/* --arch says which network, or config.json does. */
static bool wanted(const struct import *m, const struct infer_dialect *d,
                   const struct nn_model *model)
{
    const char *arch = m->o->arch ? m->o->arch : m->named;

    return infer_name_fits(d->archs, model->name) && (!arch || !strcmp(arch, model->name));
}

/* What config.json says of the network: m->named is ours of that name.  False: it is none of ours,
 * though its tensors may fit one, and --arch has not said to take it for one all the same. */
static bool take_named(struct import *m, const char *path)
{
    const char *arch = m->config.arch;

    if (m->o->arch)
        return true;
    if (m->config.other)
        return err_set(m->err, ERR_UNSUPPORTED, "%s: " INFER_CONFIG_MODEL ": %s; --arch NAME takes "
                       "the weights all the same", path, m->config.other);
    m->named = arch ? infer_config_network(arch) : NULL;
    return !arch || m->named ||
           err_set(m->err, ERR_UNSUPPORTED, "%s: " INFER_CONFIG_MODEL " says that it is \"%.60s\", "
                   "which is no network of ours; --arch NAME takes the weights for one", path,
                   arch);
}

/* What fits is named in full. */
static bool tell_misfit(struct import *m, const struct fit *f, const char *path)
{
    struct fit again = *f;

    again.matched = again.missing = again.misshapen = again.left = again.labels = 0;
    if (!rename_all(m, f->dialect) || !take_fit(m, &again, m->told))
        return false;
    return err_set(m->err, ERR_INPUT,
                   "%s: no network of ours has these weights%s%s%s; the nearest is %s, as %s calls "
                   "its tensors: %d fit, %d missing, %d of another shape, %d left over", path,
                   m->config.kind ? " of a \"" : "", m->config.kind ? m->config.kind : "",
                   m->config.kind ? "\"" : "", f->model->name, f->dialect->name, f->matched,
                   f->missing, f->misshapen, f->left);
}

static bool recognise(struct import *m, struct fit *best, const char *path)
{
    bool ok = true;

    for (const struct infer_dialect *d = infer_dialects; ok && d->name && !perfect(best); d++) {
        if (!marked(m, d))
            continue;
        ok = rename_all(m, d);
        for (int i = 0; ok && i < nn_model_count() && !perfect(best); i++)
            if (wanted(m, d, nn_model_at(i)))
                ok = try_model(m, d, nn_model_at(i), best);
    }
    if (!ok)
        return false;
    if (!best->model && !m->err->kind)
        return err_set(m->err, ERR_INPUT, "%s: %s has none of these names of tensors", path,
                       m->o->arch ? m->o->arch : m->named ? m->named : "no network of ours");
    if (!best->model)           /* none is for that size, or none of it could be built */
        return err_in(m->err, "%s", path);
    if (best->usual && !best->missing && !best->misshapen && !best->left) {
        *m->err = best->why;
        return err_in(m->err, "%s", path);
    }
    if (!perfect(best))
        return tell_misfit(m, best, path);
    *m->err = (struct err){ .kind = ERR_NONE };
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool all_finite(const float *x, int64_t n, const char *name, struct err *err)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return err_set(err, ERR_INPUT, "tensor \"%s\": number %lld is not finite", name,
                           (long long)i);
    return true;
}

/* What the numbers of a running variance lack for the epsilon that the dialect's norms add: with it
 * in them the answers are the same.  0 of all other parameters. */
static double lacks(const struct infer_dialect *d, const struct nn_graph *g, int param)
{
    for (int i = 0; d->epsilon > 0 && i < g->n; i++) {
        const struct nn_node *node = &g->node[i];

        if (node->op == &nn_op_batchnorm && node->in[node->n_in - 1] == param)
            return d->epsilon - ((const struct nn_bn *)node->attr)->epsilon;
    }
    return 0;
}

static bool read_values(const struct import *m, const struct fit *f, const struct nn_graph *g,
                        struct nn_params *p)
{
    bool ok = true;

    for (int e = 0; ok && e < p->n; e++) {
        const struct item *item = find(m, g->node[p->node[e]].name);
        float *x = item ? malloc((size_t)p->count[e] * sizeof *x) : NULL, *at = x;
        double more = lacks(f->dialect, g, p->node[e]);

        if (!item)
            continue;           /* the last layer, to be trained */
        ok = x || no_memory(m->err);
        for (int k = 0; ok && k < item->part[1]; k++) {
            int64_t n = shape_count(&item[k].entry->tensor.shape);

            if (n > p->count[e] - (at - x))
                ok = err_set(m->err, ERR_INPUT, "tensor \"%s\": more numbers than its parameter",
                             item[k].entry->name);
            ok = ok && st_floats(item[k].entry, at, m->err) &&
                 all_finite(at, n, item[k].entry->name, m->err);
            at += n;
        }
        if (ok && at - x != p->count[e])
            ok = err_set(m->err, ERR_INPUT, "tensor \"%s\": fewer numbers than its parameter",
                         item->entry->name);
        for (int64_t i = 0; ok && more != 0 && i < p->count[e]; i++)
            x[i] = (float)((double)x[i] + more);
        if (ok)
            nn_params_from_file(g, p->node[e], x, p->value + p->offset[e]);
        free(x);
    }
    return ok;
}

/* ---- labels and preparation ------------------------------------------------------------------ */

/* Names for n labels: as said, else numbers. */
static bool name_labels(struct import *m, int n)
{
    struct infer_config *c = &m->config;

    if (c->names.n && c->names.n != n) {
        if (m->o->labels || !m->o->to_train)
            return err_set(m->err, ERR_INPUT, "%s has %d names, the network answers with %d",
                           m->o->labels ? m->o->labels : "config.json", c->names.n, n);
        c->names.n = 0;
    }
    return c->names.n ||
           infer_names_number(n, m->mem, &c->names, m->o->to_train ? NULL : m->told, m->err);
}

/* Networks from TensorFlow have the tensors of the plain ones, so that nothing tells which it is
 * where nobody says. */
static void tell_twin(struct import *m, const struct fit *f)
{
    char twin[64];
    struct err none;

    snprintf(twin, sizeof twin, "tf_%s", f->model->name);
    if (!m->o->arch && !m->named && nn_model_find(twin, &none))
        str_printf(m->told, "%s has the same tensors, and computes something else: --arch %s, if "
                   "it is that\n", twin, twin);
}

static void tell(struct import *m, const struct fit *f, const struct infer_prep_said *said)
{
    const struct data_prep *p = &m->config.prep;

    str_printf(m->told, "%s: all %d tensors fit, as %s calls them\n", f->model->name, f->matched,
               f->dialect->name);
    tell_twin(m, f);
    infer_config_tell(&m->config, m->told);
    if (!f->labels)
        str_add(m->told, "the last layer is not there and begins anew\n");
    infer_prep_tell(p, said, ", as weights of this network mostly have them", m->told);
}

static struct infer_model *make(struct import *m, struct fit *f)
{
    int n = f->labels ? f->labels : 2;
    struct nn_graph *g = NULL;
    struct nn_params *p = NULL;
    struct infer_model *model = NULL;
    struct infer_prep_said said;

    if (!name_labels(m, n))
        return NULL;
    g = build(m, f->model, false, n, m->err);
    p = g ? nn_params_new(g, false, m->err) : NULL;
    if (p && read_values(m, f, g, p)) {
        said = infer_config_fill(&m->config, f->model->name, f->model->size);
        model = infer_model_new(g, p, &m->config.prep,
                                m->config.several ? DATA_MULTI : DATA_SINGLE, n,
                                m->config.names.name, f->model->name, m->err);
        if (model)
            tell(m, f, &said);
    }
    if (!model) {
        nn_graph_free(g);
        nn_params_free(p);
    }
    return model;
}

struct infer_model *infer_foreign_open(const char *path, const struct infer_foreign_options *o,
                                       struct str *told, struct err *err)
{
    struct import m = { .o = o, .told = told, .err = err, .mem = arena_new() };
    struct infer_model *model = NULL;
    struct fit best = { .model = NULL };

    m.config.mem = m.mem;
    if (!m.mem) {
        no_memory(err);
        return NULL;
    }
    if (o->arch && !nn_model_find(o->arch, err)) {
        arena_free(m.mem);
        return NULL;
    }
    if (infer_tensors_open(path, &m.tensors, err) &&
        infer_config_read(&m.config, m.tensors.folder, err) &&
        (!o->labels || infer_names_file(o->labels, m.mem, &m.config.names, err))) {
        infer_config_normalize(&m.config, o->normalize);
        for (int d = 0; d < 2 && o->size; d++)
            m.config.prep.size[d] = o->size;
        if (o->crop > 0)
            m.config.prep.crop = o->crop;
        if (take_named(&m, path) && recognise(&m, &best, path)) {
            model = make(&m, &best);
            if (!model)
                err_in(err, "%s", path);
        }
    }
    nn_graph_free(best.graph);
    infer_tensors_close(&m.tensors);
    arena_free(m.mem);
    return model;
}
