/*
 * foreign_file -- see foreign_file.h
 *
 * An index is Hugging Face's model.safetensors.index.json: {"weight_map": {TENSOR: FILE}}.  Its
 * files are names beside it and nothing else: no index reaches out of its folder.
 */
#include "infer/foreign/foreign_file.h"

#include "infer/foreign/address.h"
#include "infer/foreign/kind.h"
#include "nn/base/file.h"
#include "nn/base/record.h"

#include <stdlib.h>
#include <string.h>

enum { INDEX_BYTES = 16 << 20, FILES = 1024 };

static bool ends(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);

    return n >= m && !strcasecmp(path + n - m, end);
}

bool infer_tensors_meant(const char *path)
{
    struct err err = { 0 };
    struct st_file *f;
    bool meant;

    if (infer_address_meant(path) || infer_other_meant(path) || ends(path, INFER_INDEX_END))
        return true;
    if (file_kind(path) == FILE_FOLDER) {
        char *in = file_in(path, INFER_WEIGHTS_NAME, &err);
        char *index = file_in(path, INFER_INDEX_NAME, &err);

        meant = in && index &&
                (file_kind(in) == FILE_REGULAR || file_kind(index) == FILE_REGULAR);
        free(in);
        free(index);
        return meant;
    }
    f = file_kind(path) == FILE_REGULAR ? st_open(path, &err) : NULL;
    meant = f && !st_meta(f, "discern.format");
    st_close(f);
    return meant;
}

static struct st_file *open_one(struct infer_tensors *t, const char *path, struct err *err)
{
    struct st_file *f = t->n_files < FILES ? st_open(path, err) : NULL;

    if (f)
        t->file[t->n_files++] = f;
    else if (t->n_files == FILES)
        err_set(err, ERR_INPUT, "%s: more than %d files", path, FILES);
    else
        infer_kind_tell(path, err);
    return f;
}

static bool open_file(struct infer_tensors *t, const char *path, struct err *err)
{
    struct st_file *f = open_one(t, path, err);

    if (!f)
        return false;
    if (st_meta(f, "discern.format"))
        return err_set(err, ERR_INPUT, "%s: is a model of discern already: predict, eval, export "
                       "and train --init take it as it is", path);
    t->tensor = arena_array(t->mem, (size_t)f->n + 1, sizeof(struct st_entry *));
    if (!t->tensor)
        return err_set(err, ERR_MEMORY, "no memory for %d tensors", f->n);
    for (int i = 0; i < f->n; i++)
        t->tensor[t->n++] = &f->entry[i];
    return true;
}

/* ---- several files --------------------------------------------------------------------------- */

/* The file that an index gives a tensor; NULL: err says why not. */
static const char *file_of(const char *tensor, const json_t *value, struct err *err)
{
    const char *name = json_string_value(value);

    if (!name)
        err_set(err, ERR_INPUT, "\"%.100s\": its file is no string", tensor);
    else if (!infer_address_file(name, false))
        err_set(err, ERR_INPUT, "names the file \"%.100s\": one beside it is wanted", name);
    else
        return name;
    return NULL;
}

/* Which of n names it is; n: a new one. */
static int find_name(const char *const *names, int n, const char *name)
{
    int i = 0;

    while (i < n && strcmp(names[i], name) != 0)
        i++;
    return i;
}

/* The file that an index calls `name`, opened once: names[i] is that of t->file[i]. */
static struct st_file *shard(struct infer_tensors *t, const char **names, const char *name,
                             struct err *err)
{
    int i = find_name(names, t->n_files, name);
    struct st_file *f;
    char *path;

    if (i < t->n_files)
        return t->file[i];
    path = file_in(t->folder, name, err);
    f = path ? open_one(t, path, err) : NULL;
    free(path);
    if (f)
        names[i] = name;
    return f;
}

static bool take_map(struct infer_tensors *t, json_t *map, struct err *err)
{
    const char *names[FILES], *key;
    json_t *value;

    t->tensor = arena_array(t->mem, json_object_size(map) + 1, sizeof(struct st_entry *));
    if (!t->tensor)
        return err_set(err, ERR_MEMORY, "no memory for %zu tensors", json_object_size(map));
    json_object_foreach(map, key, value) {
        const char *name = file_of(key, value, err);
        struct st_file *f = name ? shard(t, names, name, err) : NULL;

        if (!f)
            return false;
        t->tensor[t->n] = st_find(f, key);
        if (!t->tensor[t->n++])
            return err_set(err, ERR_INPUT, "tensor \"%.100s\" is not in %.100s", key, name);
    }
    return true;
}

/* {"weight_map": {...}}: the index of text; json_decref it.  NULL: it has none. */
static json_t *parse_index(const char *text, size_t bytes, struct err *err)
{
    json_t *json = record_parse(text, bytes, err);

    if (!json || json_object_size(json_object_get(json, "weight_map")))
        return json;
    err_set(err, ERR_INPUT, "has no \"weight_map\" of tensors");
    json_decref(json);
    return NULL;
}

static bool take_index(struct infer_tensors *t, const char *text, size_t bytes, struct err *err)
{
    json_t *json = parse_index(text, bytes, err);
    bool ok = json && take_map(t, json_object_get(json, "weight_map"), err);

    json_decref(json);
    return ok;
}

static bool open_index(struct infer_tensors *t, const char *path, struct err *err)
{
    size_t bytes;
    char *text = (char *)file_read(path, INDEX_BYTES, &bytes, err);
    bool ok = text && (take_index(t, text, bytes, err) || err_in(err, "%s", path));

    free(text);
    return ok;
}

static bool list_files(json_t *map, struct arena *mem, const char ***name, int *n, struct err *err)
{
    const char *key, *file;
    json_t *value;

    *n = 0;
    *name = arena_array(mem, FILES, sizeof **name);
    if (!*name)
        return err_set(err, ERR_MEMORY, "no memory for names");
    json_object_foreach(map, key, value) {
        int i;

        file = file_of(key, value, err);
        if (!file)
            return false;
        i = find_name(*name, *n, file);
        if (i == FILES)
            return err_set(err, ERR_INPUT, "more than %d files", FILES);
        if (i == *n && !((*name)[(*n)++] = arena_str(mem, file)))
            return err_set(err, ERR_MEMORY, "no memory for names");
    }
    return true;
}

bool infer_index_files(const char *path, struct arena *mem, const char ***name, int *n,
                       struct err *err)
{
    size_t bytes;
    char *text = (char *)file_read(path, INDEX_BYTES, &bytes, err);
    json_t *json = text ? parse_index(text, bytes, err) : NULL;
    bool ok = json && list_files(json_object_get(json, "weight_map"), mem, name, n, err);

    json_decref(json);
    free(text);
    return ok || (text ? err_in(err, "%s", path) : false);
}

/* ---- any of them ----------------------------------------------------------------------------- */

static bool open_folder(struct infer_tensors *t, const char *path, struct err *err)
{
    char *one = file_in(path, INFER_WEIGHTS_NAME, err);
    char *index = file_in(path, INFER_INDEX_NAME, err);
    bool ok = false;

    if (one && index && file_kind(one) == FILE_REGULAR)
        ok = open_file(t, one, err);
    else if (one && index && file_kind(index) == FILE_REGULAR)
        ok = open_index(t, index, err);
    else if (one && index)
        err_set(err, ERR_INPUT, "%s: a folder without %s and without %s", path, INFER_WEIGHTS_NAME,
                INFER_INDEX_NAME);
    free(one);
    free(index);
    return ok;
}

static bool begin(struct infer_tensors *t, struct err *err)
{
    *t = (struct infer_tensors){ .mem = arena_new() };
    if (t->mem)
        t->file = arena_array(t->mem, FILES, sizeof(struct st_file *));
    return t->file || err_set(err, ERR_MEMORY, "no memory for files of weights");
}

bool infer_tensors_open(const char *path, struct infer_tensors *t, struct err *err)
{
    bool folder = file_kind(path) == FILE_FOLDER, ok;
    const char *slash = strrchr(path, '/');

    *t = (struct infer_tensors){ .mem = NULL };
    if (!infer_address_refuse(path, err) || !infer_other_refuse(path, err))
        return false;
    ok = begin(t, err);
    if (ok) {
        t->folder = folder  ? arena_str(t->mem, path)
                    : slash ? arena_printf(t->mem, "%.*s", (int)(slash - path + 1), path)
                            : ".";
        ok = t->folder || err_set(err, ERR_MEMORY, "no memory for a path");
    }
    ok = ok && (folder                        ? open_folder(t, path, err)
                : ends(path, INFER_INDEX_END) ? open_index(t, path, err)
                                              : open_file(t, path, err));
    if (!ok)
        infer_tensors_close(t);
    return ok;
}

bool infer_tensors_parse(const char *index, size_t bytes, const char *folder,
                         struct infer_tensors *t, struct err *err)
{
    bool ok = begin(t, err);

    t->folder = folder;
    ok = ok && take_index(t, index, bytes, err);
    if (!ok)
        infer_tensors_close(t);
    return ok;
}

void infer_tensors_close(struct infer_tensors *t)
{
    for (int i = 0; i < t->n_files; i++)
        st_close(t->file[i]);
    arena_free(t->mem);
    *t = (struct infer_tensors){ .mem = NULL };
}
