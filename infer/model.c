/*
 * model -- see model.h; the file's metadata, tensors and every check: docs/format.md
 */
#include "infer/model.h"
#include "nn/base/record.h"
#include "nn/io/safetensors.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT "1"

static const char prefix[] = "discern.";
static const char *const keys[] = { "discern.format",     "discern.graph",
                                    "discern.prep",       "discern.labels",
                                    "discern.task",       "discern.arch",
                                    "discern.provenance", NULL };

/* ---- what makes a model, wherever it comes from ---------------------------------------------- */

static int by_text(const void *pa, const void *pb)
{
    const char *const *a = pa, *const *b = pb;

    return strcmp(*a, *b);
}

static bool is_utf8(const char *text, struct err *err)
{
    struct str clean = { 0 };
    bool same;

    str_utf8(&clean, text);
    same = !strcmp(str_text(&clean), text);
    if (clean.failed)
        err_set(err, ERR_MEMORY, "no memory to check a text");
    else if (!same)
        err_set(err, ERR_INPUT, "\"%.100s\" is not UTF-8", str_text(&clean));
    str_release(&clean);
    return same;
}

static bool check_labels(int n, const char *const *label, enum data_task task, struct err *err)
{
    const char **sorted;
    bool ok = true;

    if (n < (task == DATA_MULTI ? 1 : 2))
        return err_set(err, ERR_INPUT, "%d labels: a model needs %s", n,
                       task == DATA_MULTI ? "one" : "two");
    for (int i = 0; i < n; i++) {
        if (!label[i][0])
            return err_set(err, ERR_INPUT, "label %d is empty", i);
        if (!is_utf8(label[i], err))
            return err_in(err, "label %d", i);
    }
    sorted = malloc((size_t)n * sizeof *sorted);
    if (!sorted)
        return err_set(err, ERR_MEMORY, "no memory for %d labels", n);
    memcpy(sorted, label, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    for (int i = 1; ok && i < n; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            ok = err_set(err, ERR_INPUT, "two labels are called \"%.100s\"", sorted[i]);
    free(sorted);
    return ok;
}

static bool check_type(const struct nn_graph *g, int node, const struct nn_type *want,
                       const char *what, struct err *err)
{
    struct str is = { 0 }, should = { 0 };

    if (nn_type_equal(&g->node[node].type, want))
        return true;
    nn_type_text(&g->node[node].type, &is);
    nn_type_text(want, &should);
    err_set(err, ERR_INPUT, "graph: %s is %s, should be %s", what, str_text(&is),
            str_text(&should));
    str_release(&is);
    str_release(&should);
    return false;
}

/* The graph takes the pictures that the preparation makes, and answers for every label. */
static bool check_graph(const struct nn_graph *g, const struct data_prep *prep, int n_labels,
                        struct err *err)
{
    struct nn_type image = { DTYPE_F32,
                             4,
                             { { 1, 1 },
                               { prep->size[0], 0 },
                               { prep->size[1], 0 },
                               { data_prep_channels(prep), 0 } } };
    struct nn_type logits = { DTYPE_F32, 2, { { 1, 1 }, { n_labels, 0 } } };
    int in = nn_graph_find_input(g, "image"), out = nn_graph_find_output(g, "logits");

    if (in < 0)
        return err_set(err, ERR_INPUT, "graph: has no input \"image\"");
    if (out < 0)
        return err_set(err, ERR_INPUT, "graph: has no output \"logits\"");
    for (int i = 0; i < g->n; i++) {
        if (g->node[i].op == &nn_op_input && i != in)
            return err_set(err, ERR_INPUT, "graph: \"%.100s\" is a second input", g->node[i].name);
        if (g->node[i].op->flags & NN_OP_LOSS)
            return err_set(err, ERR_INPUT,
                           "graph: \"%.100s\" is a loss, which is for training only",
                           g->node[i].name);
    }
    return check_type(g, in, &image, "input \"image\"", err) &&
           check_type(g, out, &logits, "output \"logits\"", err);
}

struct infer_model *infer_model_new(struct nn_graph *graph, struct nn_params *params,
                                    const struct data_prep *prep, enum data_task task, int n_labels,
                                    const char *const *label, const char *arch, struct err *err)
{
    struct infer_model *m = NULL;

    if (!field_check(data_prep_fields, prep, err)) {
        err_in(err, "preparation");
        return NULL;
    }
    if (!check_labels(n_labels, label, task, err) || !check_graph(graph, prep, n_labels, err))
        return NULL;
    if (!is_utf8(arch, err)) {
        err_in(err, "architecture");
        return NULL;
    }
    m = calloc(1, sizeof *m);
    if (m)
        m->mem = arena_new();
    if (!m || !m->mem)
        goto fail;
    m->prep = *prep;
    m->task = task;
    m->n_labels = n_labels;
    m->label = arena_array(m->mem, (size_t)n_labels, sizeof *m->label);
    m->arch = arena_str(m->mem, arch);
    m->provenance = "{}";
    if (!m->label || !m->arch)
        goto fail;
    for (int i = 0; i < n_labels; i++) {
        m->label[i] = arena_str(m->mem, label[i]);
        if (!m->label[i])
            goto fail;
    }
    m->graph = graph;
    m->params = params;
    return m;
fail:
    infer_model_free(m);
    err_set(err, ERR_MEMORY, "no memory for a model");
    return NULL;
}

void infer_model_free(struct infer_model *m)
{
    if (!m)
        return;
    nn_graph_free(m->graph);
    nn_params_free(m->params);
    arena_free(m->mem);
    free(m);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A safetensors file of someone else: says what it is. */
static bool foreign(const struct st_file *f, struct err *err)
{
    struct str first = { 0 };

    if (f->n) {
        const struct tensor *t = &f->entry[0].tensor;

        str_printf(&first, ", the first \"%.60s\" %s", f->entry[0].name, dtype_name(t->dtype));
        for (int i = 0; i < t->shape.rank; i++)
            str_printf(&first, "%s%lld", i ? "x" : " ", (long long)t->shape.dim[i]);
    }
    err_set(err, ERR_UNSUPPORTED,
            "a safetensors file of %d tensors%s, but no discern model: its metadata have no "
            "discern.graph",
            f->n, str_text(&first));
    str_release(&first);
    return false;
}

/* Metadata of another version, or that we do not know, may change what the model means. */
static bool check_meta(const struct st_file *f, struct err *err)
{
    const char *format = st_meta(f, "discern.format");

    if (!format || !st_meta(f, "discern.graph"))
        return foreign(f, err);
    if (strcmp(format, FORMAT))
        return err_set(err, ERR_UNSUPPORTED,
                       "discern.format is \"%.20s\"; this version reads " FORMAT, format);
    for (int i = 0; i < f->n_meta; i++) {
        const char *key = f->meta[i].key;
        int k = 0;

        if (strncmp(key, prefix, sizeof prefix - 1))
            continue;
        while (keys[k] && strcmp(keys[k], key))
            k++;
        if (!keys[k])
            return err_set(err, ERR_UNSUPPORTED, "metadata \"%.100s\" is not known to this version",
                           key);
    }
    return true;
}

/* The metadata value called key, parsed; an object or an array as asked. */
static json_t *parse_meta(const struct st_file *f, const char *key, json_type type, struct err *err)
{
    const char *text = st_meta(f, key);
    json_t *json;

    if (!text) {
        err_set(err, ERR_INPUT, "%s is missing", key);
        return NULL;
    }
    json = record_parse(text, strlen(text), err);
    if (!json) {
        err_in(err, "%s", key);
        return NULL;
    }
    if (json_typeof(json) != type) {
        err_set(err, ERR_INPUT, "%s: no JSON %s", key, type == JSON_OBJECT ? "object" : "array");
        json_decref(json);
        return NULL;
    }
    return json;
}

/* What models did not say before there was a choice; its default is what they meant. */
static bool came_later(const char *name)
{
    static const char *const later[] = { "color", "filter", "background" };

    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (!strcmp(name, later[i]))
            return true;
    return false;
}

/* Every other member must be there in full: a default would silently prepare pictures otherwise
 * than the trainer did. */
static bool read_prep(const struct st_file *f, struct data_prep *prep, struct arena *mem,
                      struct err *err)
{
    json_t *json = parse_meta(f, "discern.prep", JSON_OBJECT, err);
    bool ok = json;

    field_defaults(data_prep_fields, prep);
    for (const struct field *m = data_prep_fields; ok && m->name; m++) {
        const json_t *value = json_object_get(json, m->name);

        if (!value)
            ok = came_later(m->name) ||
                 err_set(err, ERR_INPUT, "discern.prep: \"%s\" is missing", m->name);
        else if (json_is_array(value) && json_array_size(value) != (size_t)m->count)
            ok = err_set(err, ERR_INPUT, "discern.prep: \"%s\" has %zu numbers, not %d", m->name,
                         json_array_size(value), m->count);
    }
    if (ok && !record_from_json(data_prep_fields, prep, json, mem, err))
        ok = err_in(err, "discern.prep");
    json_decref(json);
    return ok;
}

static const char **read_labels(const struct st_file *f, int *n, struct arena *mem, struct err *err)
{
    json_t *json = parse_meta(f, "discern.labels", JSON_ARRAY, err), *item;
    const char **label = NULL;
    size_t i;

    if (!json)
        return NULL;
    label = arena_array(mem, json_array_size(json), sizeof *label);
    if (!label)
        err_set(err, ERR_MEMORY, "no memory for %zu labels", json_array_size(json));
    json_array_foreach(json, i, item) {
        if (!label)
            break;
        if (!json_is_string(item)) {
            err_set(err, ERR_INPUT, "discern.labels: label %zu is no string", i);
            label = NULL;
        } else if (!(label[i] = arena_str(mem, json_string_value(item)))) {
            err_set(err, ERR_MEMORY, "no memory for %zu labels", json_array_size(json));
            label = NULL;
        }
    }
    *n = (int)json_array_size(json);    /* the header's 16 MiB keep it small */
    json_decref(json);
    return label;
}

static bool read_task(const struct st_file *f, enum data_task *task, struct err *err)
{
    const char *name = st_meta(f, "discern.task");

    if (!name)
        return err_set(err, ERR_INPUT, "discern.task is missing");
    for (int i = 0; data_task_names[i]; i++)
        if (!strcmp(name, data_task_names[i])) {
            *task = (enum data_task)i;
            return true;
        }
    return err_set(err, ERR_INPUT, "discern.task: there is no task \"%.40s\"", name);
}

static bool has_values(const struct nn_node *node)
{
    return node->op == &nn_op_param || node->op == &nn_op_const;
}

static bool check_tensor(const struct nn_graph *g, int node, const struct st_entry *e,
                         struct err *err)
{
    struct shape want = nn_params_file_shape(g, node);
    struct str is = { 0 }, should = { 0 };

    if (!e)
        return err_set(err, ERR_INPUT, "tensor \"%.200s\" is missing", g->node[node].name);
    if (shape_equal(&e->tensor.shape, &want))
        return true;
    for (int i = 0; i < e->tensor.shape.rank; i++)
        str_printf(&is, "%s%lld", i ? "x" : "", (long long)e->tensor.shape.dim[i]);
    for (int i = 0; i < want.rank; i++)
        str_printf(&should, "%s%lld", i ? "x" : "", (long long)want.dim[i]);
    err_set(err, ERR_INPUT, "tensor \"%.200s\" is %s, the graph needs %s", e->name, str_text(&is),
            str_text(&should));
    str_release(&is);
    str_release(&should);
    return false;
}

/* One tensor for each parameter and none beside.  All are checked before memory is taken for any:
 * it is not more than the file's own size. */
static bool check_tensors(const struct st_file *f, const struct nn_graph *g, struct err *err)
{
    bool *wanted = calloc((size_t)f->n + 1, sizeof *wanted);
    bool ok = wanted || err_set(err, ERR_MEMORY, "no memory to check %d tensors", f->n);

    for (int i = 0; ok && i < g->n; i++) {
        const struct st_entry *e;

        if (!has_values(&g->node[i]))
            continue;
        e = st_find(f, g->node[i].name);
        ok = check_tensor(g, i, e, err);
        if (ok)
            wanted[e - f->entry] = true;
    }
    for (int i = 0; ok && i < f->n; i++)
        if (!wanted[i])
            ok = err_set(err, ERR_INPUT, "tensor \"%.200s\" belongs to no parameter of the graph",
                         f->entry[i].name);
    free(wanted);
    return ok;
}

static struct nn_params *read_params(const struct st_file *f, const struct nn_graph *g,
                                     struct err *err)
{
    struct nn_params *p = NULL;
    float *buffer = NULL;
    int64_t longest = 1;
    bool ok = false;

    if (!check_tensors(f, g, err))
        return NULL;
    p = nn_params_new(g, false, err);
    if (!p)
        return NULL;
    for (int i = 0; i < p->n; i++)
        longest = p->count[i] > longest ? p->count[i] : longest;
    buffer = malloc((size_t)longest * sizeof *buffer);
    if (!buffer) {
        err_set(err, ERR_MEMORY, "no memory for a tensor of %lld numbers", (long long)longest);
        goto out;
    }
    for (int i = 0; i < p->n; i++) {
        if (!st_floats(st_find(f, g->node[p->node[i]].name), buffer, err))
            goto out;
        nn_params_from_file(g, p->node[i], buffer, p->value + p->offset[i]);
    }
    ok = true;
out:
    free(buffer);
    if (!ok) {
        nn_params_free(p);
        return NULL;
    }
    return p;
}

static struct infer_model *read_model(const struct st_file *f, struct err *err)
{
    const char *text, *arch = st_meta(f, "discern.arch"),
                      *provenance = st_meta(f, "discern.provenance");
    struct arena *mem = arena_new();
    struct infer_model *m = NULL;
    struct nn_graph *g = NULL;
    struct nn_params *p = NULL;
    struct data_prep prep = { 0 };
    enum data_task task = DATA_SINGLE;
    const char **label;
    int n_labels = 0;
    json_t *json;

    if (!mem) {
        err_set(err, ERR_MEMORY, "no memory for a model");
        goto out;
    }
    if (!check_meta(f, err) || !read_prep(f, &prep, mem, err) || !read_task(f, &task, err))
        goto out;
    label = read_labels(f, &n_labels, mem, err);
    if (!label)
        goto out;
    if (provenance) {
        json = parse_meta(f, "discern.provenance", JSON_OBJECT, err);
        if (!json)
            goto out;
        json_decref(json);
    }
    text = st_meta(f, "discern.graph");
    g = nn_graph_read(text, strlen(text), 0, NULL, err);
    if (!g) {
        err_in(err, "discern.graph");
        goto out;
    }
    p = read_params(f, g, err);
    if (!p)
        goto out;
    m = infer_model_new(g, p, &prep, task, n_labels, label, arch ? arch : "unknown", err);
    if (!m)
        goto out;
    g = NULL;
    p = NULL;
    m->provenance = arena_str(m->mem, provenance ? provenance : "{}");
    if (!m->provenance) {
        err_set(err, ERR_MEMORY, "no memory for a model");
        infer_model_free(m);
        m = NULL;
    }
out:
    nn_graph_free(g);
    nn_params_free(p);
    arena_free(mem);
    return m;
}

struct infer_model *infer_model_open(const char *path, struct err *err)
{
    struct st_file *f = st_open(path, err);
    struct infer_model *m;

    if (!f)
        return NULL;
    m = read_model(f, err);
    if (!m)
        err_in(err, "%s", path);
    st_close(f);
    return m;
}

struct infer_model *infer_model_parse(const void *data, size_t size, struct err *err)
{
    struct st_file *f = st_parse(data, size, err);
    struct infer_model *m = f ? read_model(f, err) : NULL;

    st_close(f);
    return m;
}

/* ---- writing --------------------------------------------------------------------------------- */

static char *labels_json(const struct infer_model *m)
{
    json_t *json = json_array();
    char *text = NULL;
    bool ok = json;

    for (int i = 0; ok && i < m->n_labels; i++)
        ok = !json_array_append_new(json, json_string(m->label[i]));
    if (ok)
        text = record_dump(json);
    json_decref(json);
    return text;
}

static char *prep_json(const struct infer_model *m)
{
    json_t *json = record_to_json(data_prep_fields, &m->prep);
    char *text = json ? record_dump(json) : NULL;

    json_decref(json);
    return text;
}

static bool check_provenance(const char *text, struct err *err)
{
    json_t *json = record_parse(text, strlen(text), err);
    bool ok = json_is_object(json);

    if (!json)
        err_in(err, "provenance");
    else if (!ok)
        err_set(err, ERR_INPUT, "provenance: no JSON object");
    json_decref(json);
    return ok;
}

bool infer_model_write(const struct infer_model *m, const char *path, struct err *err)
{
    const struct nn_params *p = m->params;
    char *prep = prep_json(m), *labels = labels_json(m);
    struct st_entry *entry = calloc((size_t)p->n + 1, sizeof *entry);
    float *value = malloc(((size_t)p->total + 1) * sizeof *value);
    struct str graph = { 0 };
    bool ok = false;

    if (!prep || !labels || !entry || !value || !nn_graph_write(m->graph, &graph)) {
        err_set(err, ERR_MEMORY, "%s: no memory to write a model", path);
        goto out;
    }
    if (!check_provenance(m->provenance, err)) {
        err_in(err, "%s", path);
        goto out;
    }
    for (int i = 0; i < p->n; i++) {
        float *at = value + p->offset[i];

        nn_params_to_file(m->graph, p->node[i], p->value + p->offset[i], at);
        entry[i].name = m->graph->node[p->node[i]].name;
        entry[i].tensor =
            (struct tensor){ DTYPE_F32, nn_params_file_shape(m->graph, p->node[i]), at };
    }

    struct st_meta meta[] = {
        { "format", "pt" },
        { "discern.format", FORMAT },
        { "discern.arch", m->arch },
        { "discern.task", data_task_names[m->task] },
        { "discern.labels", labels },
        { "discern.prep", prep },
        { "discern.provenance", m->provenance },
        { "discern.graph", str_text(&graph) },
    };

    ok = st_write(path, p->n, entry, sizeof meta / sizeof *meta, meta, err);
out:
    free(prep);
    free(labels);
    free(entry);
    free(value);
    str_release(&graph);
    return ok;
}
