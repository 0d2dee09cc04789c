/*
 * model_read -- model files read and checked (model.h); every check: docs/format.md
 */
#include "infer/foreign/address.h"
#include "infer/foreign/kind.h"
#include "infer/model.h"
#include "infer/model_file.h"
#include "nn/base/record.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char training_key[] = "discern.training";
static const char *const keys[] = { "discern.format",   "discern.graph", "discern.prep",
                                    "discern.labels",   "discern.task",  "discern.arch",
                                    "discern.provenance", "discern.calibration",
                                    "discern.sums",     training_key,    NULL };

struct infer_file {
    struct st_file *st;
    json_t *sums;               /* NULL: the file has none */
    char *path;                 /* NULL: from memory */
};
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
            "discern.graph; \"discern import\" makes one of it",
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
    if (strcmp(format, MODEL_FORMAT))
        return err_set(err, ERR_UNSUPPORTED,
                       "discern.format is \"%.20s\"; this version reads " MODEL_FORMAT, format);
    for (int i = 0; i < f->n_meta; i++) {
        const char *key = f->meta[i].key;
        int k = 0;

        if (strncmp(key, MODEL_PREFIX, sizeof MODEL_PREFIX - 1))
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

static bool is_training(const char *name)
{
    return !strncmp(name, MODEL_TRAINING, sizeof MODEL_TRAINING - 1);
}

/* One tensor for each parameter and none beside, but for those of a checkpoint.  All are checked
 * before memory is taken for any: it is not more than the file's own size. */
static bool check_tensors(const struct st_file *f, const struct nn_graph *g, struct err *err)
{
    bool *wanted = calloc((size_t)f->n + 1, sizeof *wanted);
    bool training = st_meta(f, training_key);
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
        if (!wanted[i] && !(training && is_training(f->entry[i].name)))
            ok = err_set(err, ERR_INPUT, "tensor \"%.200s\" belongs to no parameter of the graph",
                         f->entry[i].name);
    free(wanted);
    return ok;
}

/* A value in a file. */
struct stored {
    struct nn_value value;
    const struct infer_file *file;
    const struct st_entry *entry;
    const struct nn_graph *g;
    int node;
    atomic_bool made;
};

/* Bytes of a value that are worth a call to the system. */
enum { LEAVE = 256 << 10 };

/* Foreign files have numbers of other kinds, and anywhere. */
static bool lies_ready(const struct st_entry *e)
{
    return e->tensor.dtype == DTYPE_F32 && (uintptr_t)e->tensor.data % sizeof(float) == 0;
}

static bool make_stored(const struct nn_value *v, real *out, struct err *err)
{
    struct stored *s = (struct stored *)(uintptr_t)v;
    float *room = NULL;
    bool ok = infer_sums_check(s->file->sums, s->entry, err);

    if (ok && !lies_ready(s->entry)) {
        room = malloc((size_t)v->count * sizeof *room);
        ok = room ? st_floats(s->entry, room, err)
                  : err_set(err, ERR_MEMORY, "no memory for a tensor of %lld numbers",
                            (long long)v->count);
    }
    if (ok)
        nn_params_from_file(s->g, s->node, room ? room : s->entry->tensor.data, out);
    free(room);
    if (st_bytes(s->entry) >= LEAVE)
        st_used(s->file->st, s->entry);
    atomic_store(&s->made, true);
    return ok;
}

static bool add_values(const struct infer_file *f, const struct nn_graph *g, struct nn_values *v,
                       struct err *err)
{
    for (int i = 0; i < g->n; i++) {
        struct stored *s;

        if (!has_values(&g->node[i]))
            continue;
        s = arena_alloc(v->mem, sizeof *s);
        if (!s)
            return err_set(err, ERR_MEMORY, "no memory for a model");
        *s = (struct stored){ .value = { .make = make_stored }, .file = f, .g = g, .node = i,
                              .entry = st_find(f->st, g->node[i].name) };
        s->value.count = shape_count(&s->entry->tensor.shape);
        v->of[i] = &s->value;
    }
    return true;
}

bool infer_file_values(const struct infer_file *f, const struct nn_graph *g, struct arena *mem,
                       struct nn_values *v, struct err *err)
{
    return nn_values_new(g, mem, v, err) && add_values(f, g, v, err);
}

bool infer_file_check(const struct infer_file *f, const struct nn_graph *g,
                      const struct nn_values *v, struct err *err)
{
    for (int i = 0; i < g->n; i++) {
        const struct stored *s = (const struct stored *)v->of[i];

        if (s && !atomic_load(&s->made) && !infer_sums_check(f->sums, s->entry, err))
            return false;
    }
    return true;
}

static struct nn_params *read_params(const struct infer_file *file, const struct nn_graph *g,
                                     struct err *err)
{
    struct arena *mem = arena_new();
    struct nn_params *p = NULL;
    struct nn_values v;

    if (!mem)
        err_set(err, ERR_MEMORY, "no memory for a model");
    else if (infer_file_values(file, g, mem, &v, err))
        p = nn_params_of(g, &v, err);
    arena_free(mem);
    return p;
}

/* Provenance and calibration, which a file may be without. */
static bool read_rest(const struct st_file *f, struct infer_model *m, struct err *err)
{
    const char *provenance = st_meta(f, "discern.provenance"),
               *calibration = st_meta(f, "discern.calibration");

    if (provenance) {
        json_t *json = parse_meta(f, "discern.provenance", JSON_OBJECT, err);

        if (!json)
            return false;
        json_decref(json);
        m->provenance = arena_str(m->mem, provenance);
        if (!m->provenance)
            return err_set(err, ERR_MEMORY, "no memory for a model");
    }
    if (!calibration)
        return true;
    m->calibration = infer_calibration_parse(calibration, m->n_labels, m->mem, err);
    return m->calibration || err_in(err, "discern.calibration");
}

static struct infer_model *read_model(const struct infer_file *file, bool values, struct err *err)
{
    const struct st_file *f = file->st;
    const char *text, *arch = st_meta(f, "discern.arch");
    struct arena *mem = arena_new();
    struct infer_model *m = NULL;
    struct nn_graph *g = NULL;
    struct nn_params *p = NULL;
    struct data_prep prep = { 0 };
    enum data_task task = DATA_SINGLE;
    const char **label;
    int n_labels = 0;

    if (!mem) {
        err_set(err, ERR_MEMORY, "no memory for a model");
        goto out;
    }
    if (!read_prep(f, &prep, mem, err) || !read_task(f, &task, err))
        goto out;
    label = read_labels(f, &n_labels, mem, err);
    if (!label)
        goto out;
    text = st_meta(f, "discern.graph");
    g = nn_graph_read(text, strlen(text), 0, NULL, err);
    if (!g) {
        err_in(err, "discern.graph");
        goto out;
    }
    if (!check_tensors(f, g, err))
        goto out;
    p = values ? read_params(file, g, err) : NULL;
    if (values && !p)
        goto out;
    m = infer_model_new(g, p, &prep, task, n_labels, label, arch ? arch : "unknown", err);
    if (!m)
        goto out;
    g = NULL;
    p = NULL;
    if (!read_rest(f, m, err)) {
        infer_model_free(m);
        m = NULL;
    }
out:
    nn_graph_free(g);
    nn_params_free(p);
    arena_free(mem);
    return m;
}

/* ---- files ----------------------------------------------------------------------------------- */

static struct infer_file *open_file(struct st_file *st, const char *path, struct err *err)
{
    struct infer_file *f = st ? calloc(1, sizeof *f) : NULL;
    bool ok = false;

    if (!st)
        return NULL;
    if (!f || (path && !(f->path = strdup(path)))) {
        err_set(err, ERR_MEMORY, "no memory for a model");
        goto out;
    }
    ok = check_meta(st, err) && infer_sums_open(st, &f->sums, err);
out:
    if (ok) {
        f->st = st;
        return f;
    }
    if (path)
        err_in(err, "%s", path);
    infer_file_close(f);
    st_close(st);
    return NULL;
}

struct infer_file *infer_file_open(const char *path, struct err *err)
{
    struct st_file *st = infer_address_refuse(path, err) ? st_open(path, err) : NULL;

    if (!st)
        infer_kind_tell(path, err);
    return open_file(st, path, err);
}

struct infer_file *infer_file_parse(const void *data, size_t size, struct err *err)
{
    return open_file(st_parse(data, size, err), NULL, err);
}

void infer_file_close(struct infer_file *f)
{
    if (!f)
        return;
    st_close(f->st);
    json_decref(f->sums);
    free(f->path);
    free(f);
}

bool infer_file_fault(const struct infer_file *f, struct err *err)
{
    return f->path ? err_in(err, "%s", f->path) : false;
}

struct infer_model *infer_file_model(const struct infer_file *f, struct err *err)
{
    struct infer_model *m = read_model(f, true, err);

    if (!m)
        infer_file_fault(f, err);
    return m;
}

struct infer_model *infer_file_head(const struct infer_file *f, struct err *err)
{
    struct infer_model *m = read_model(f, false, err);

    if (!m)
        infer_file_fault(f, err);
    return m;
}

const char *infer_file_training(const struct infer_file *f)
{
    return st_meta(f->st, training_key);
}

static bool read_array(const struct infer_file *f, const char *name, int64_t count, float *out,
                       struct err *err)
{
    const struct st_entry *e = is_training(name) ? st_find(f->st, name) : NULL;

    if (!e)
        return err_set(err, ERR_INPUT, "tensor \"%.200s\" is missing", name);
    if (shape_count(&e->tensor.shape) != count)
        return err_set(err, ERR_INPUT, "tensor \"%.200s\" has %lld numbers, not %lld", name,
                       (long long)shape_count(&e->tensor.shape), (long long)count);
    return infer_sums_check(f->sums, e, err) && st_floats(e, out, err);
}

bool infer_file_array(const struct infer_file *f, const char *name, int64_t count, float *out,
                      struct err *err)
{
    return read_array(f, name, count, out, err) || infer_file_fault(f, err);
}

struct infer_model *infer_model_open(const char *path, struct err *err)
{
    struct infer_file *f = infer_file_open(path, err);
    struct infer_model *m = f ? infer_file_model(f, err) : NULL;

    infer_file_close(f);
    return m;
}

struct infer_model *infer_model_parse(const void *data, size_t size, struct err *err)
{
    struct infer_file *f = infer_file_parse(data, size, err);
    struct infer_model *m = f ? infer_file_model(f, err) : NULL;

    infer_file_close(f);
    return m;
}
