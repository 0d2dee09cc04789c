/*
 * run -- see run.h
 */
#include "train/run.h"

#include "nn/base/file.h"
#include "nn/base/pool.h"
#include "train/arch.h"
#include "train/clock.h"
#include "train/environment.h"
#include "train/recipe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SCHEMA "discern.run/1"

enum { FILE_BYTES = 1 << 26, ARGUMENTS = 1000 };

const char *const train_run_states[] = { "running", "stopped", "finished", "failed", NULL };

static const struct field state_field = {
    .name = "state", .kind = FIELD_KIND_ENUM, .count = 1, .names = train_run_states,
    .offset = offsetof(struct train_run_file, state),
};

static const struct field source_fields[] = {
    DATA_SOURCE_FIELDS(struct train_run_file, source),
    FIELDS_END
};

void train_run_release(struct train_run_file *f)
{
    json_decref(f->json);
    arena_free(f->mem);
    *f = (struct train_run_file){ 0 };
}

/* ---- read ------------------------------------------------------------------------------------ */

/* The member called key; NULL when it is not there, or is null.  False: it is of another type. */
static bool member(const json_t *o, const char *key, json_type type, const json_t **out,
                   struct err *err)
{
    static const char *const names[] = { [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",
                                         [JSON_STRING] = "a text" };

    *out = json_object_get(o, key);
    if (json_is_null(*out))
        *out = NULL;
    if (!*out || json_typeof(*out) == type)
        return true;
    return err_set(err, ERR_INPUT, "%s: is not %s", key, names[type]);
}

static bool parse_fingerprint(const char *text, uint64_t *out, struct err *err)
{
    char *end;

    *out = strtoull(text, &end, 16);
    if (strlen(text) == 16 && !*end && strspn(text, "0123456789abcdef") == 16)
        return true;
    return err_set(err, ERR_INPUT, "fingerprint: \"%.80s\" is not 16 hexadecimal digits", text);
}

static bool parse_data(struct train_run_file *f, const json_t *data, struct err *err)
{
    const json_t *path, *options, *print;

    if (!member(data, "path", JSON_STRING, &path, err) ||
        !member(data, "options", JSON_OBJECT, &options, err) ||
        !member(data, "fingerprint", JSON_STRING, &print, err))
        return false;
    if (path && !(f->data = arena_str(f->mem, json_string_value(path))))
        return err_set(err, ERR_MEMORY, "no memory for a path");
    return (!options || record_from_json(source_fields, f, options, f->mem, err)) &&
           (!print || parse_fingerprint(json_string_value(print), &f->fingerprint, err));
}

static bool parse_members(struct train_run_file *f, struct err *err)
{
    struct train_cfg cfg = { 0 };
    const json_t *schema, *settings, *data, *state;

    if (!json_is_object(f->json))
        return err_set(err, ERR_INPUT, "is not the " TRAIN_RUN_NAME " of a training");
    if (!member(f->json, "schema", JSON_STRING, &schema, err))
        return false;
    if (!schema || strcmp(json_string_value(schema), SCHEMA))
        return err_set(err, ERR_INPUT,
                       "is not the " TRAIN_RUN_NAME " of a training: its schema is %s%.40s, not "
                       SCHEMA, schema ? "" : "missing", schema ? json_string_value(schema) : "");
    if (!member(f->json, "settings", JSON_OBJECT, &settings, err) ||
        !member(f->json, "data", JSON_OBJECT, &data, err) ||
        !member(f->json, "state", JSON_STRING, &state, err))
        return false;
    if (!settings)
        return err_set(err, ERR_INPUT, "has no settings");
    train_cfg_rename(json_object_get(f->json, "settings"));
    field_defaults(train_cfg_fields, &cfg);
    if (!train_run_settings(f, &cfg, err))
        return err_in(err, "settings");
    f->by_epochs = !cfg.steps && cfg.time <= 0;
    f->threads = cfg.threads;
    f->state = TRAIN_STOPPED;
    if (state && !field_set(&state_field, f, json_string_value(state), NULL, err))
        return false;
    return !data || parse_data(f, data, err) || err_in(err, "data");
}

bool train_run_parse(struct train_run_file *f, const char *text, size_t bytes, struct err *err)
{
    *f = (struct train_run_file){ .mem = arena_new() };
    f->json = f->mem ? record_parse(text, bytes, err) : NULL;
    if (!f->mem)
        err_set(err, ERR_MEMORY, "no memory to read it");
    if (f->json && parse_members(f, err))
        return true;
    train_run_release(f);
    return false;
}

bool train_run_read(struct train_run_file *f, const char *path, struct err *err)
{
    size_t bytes;
    char *text = (char *)file_read(path, FILE_BYTES, &bytes, err);
    bool ok;

    *f = (struct train_run_file){ 0 };
    if (!text)
        return false;
    ok = train_run_parse(f, text, bytes, err) || err_in(err, "%s", path);
    free(text);
    return ok;
}

bool train_run_settings(const struct train_run_file *f, struct train_cfg *cfg, struct err *err)
{
    json_t *settings = json_object_get(f->json, "settings");
    bool said[TRAIN_SAID] = { false };

    if (!record_from_json(train_cfg_fields, cfg, settings, f->mem, err))
        return false;
    for (int i = 0; train_cfg_fields[i].name; i++)
        said[i] = json_object_get(settings, train_cfg_fields[i].name);
    train_layer(cfg, said);
    return true;
}

/* ---- new ------------------------------------------------------------------------------------- */

/* Whether the value is a path: help calls it so, or it is an architecture that has no name. */
static bool names_path(const struct field *f, const char *value)
{
    return strcmp(f->name, "arch") ? field_is_path(f) : !train_arch_named(value);
}

bool train_run_paths(struct train_cfg *cfg, struct arena *mem, struct err *err)
{
    bool ok = true;

    for (const struct field *f = train_cfg_fields; ok && f->name; f++) {
        struct str value = { 0 };
        char *path;

        if (f->kind != FIELD_KIND_STRING || field_is_default(f, cfg))
            continue;
        field_text(f, cfg, &value);
        path = names_path(f, str_text(&value)) ? realpath(str_text(&value), NULL) : NULL;
        ok = !value.failed || err_set(err, ERR_MEMORY, "no memory for a path");
        ok = ok && (!path || field_set(f, cfg, path, mem, err));
        str_release(&value);
        free(path);
    }
    return ok;
}

/* Puts absolute paths where paths are; what is not there stays as it is. */
static bool make_absolute(const struct field *table, json_t *o)
{
    for (const struct field *f = table; f->name; f++) {
        const char *value = json_string_value(json_object_get(o, f->name));
        char *path = f->kind == FIELD_KIND_STRING && value && names_path(f, value)
                         ? realpath(value, NULL)
                         : NULL;
        struct str text = { 0 };
        bool ok;

        if (!path)
            continue;
        str_utf8(&text, path);
        free(path);
        ok = !text.failed && !json_object_set_new(o, f->name, json_string(str_text(&text)));
        str_release(&text);
        if (!ok)
            return false;
    }
    return true;
}

static json_t *about_source(const struct data_source_options *source)
{
    struct train_run_file holder = { .source = *source };
    json_t *o = record_to_json(source_fields, &holder);

    if (o && make_absolute(source_fields, o))
        return o;
    json_decref(o);
    return NULL;
}

static json_t *about_data(const struct train_run_file *f, const struct data_index *x)
{
    json_t *o = json_object();
    int count[4] = { 0 };
    char print[17];
    bool ok;

    snprintf(print, sizeof print, "%016" PRIx64, f->fingerprint);
    for (int i = 0; i < x->n; i++)
        count[x->sample[i].split]++;
    ok = o && !json_object_set_new(o, "path", f->data ? json_string(f->data) : json_null()) &&
         !json_object_set_new(o, "options", about_source(&f->source)) &&
         !json_object_set_new(o, "task", json_string(data_task_names[x->task])) &&
         !json_object_set_new(o, "labels", json_integer(x->n_labels)) &&
         !json_object_set_new(o, "taught", json_boolean(x->taught));
    for (int i = DATA_TRAIN; ok && i <= DATA_TEST; i++)
        ok = !json_object_set_new(o, data_split_names[i], json_integer(count[i]));
    if (ok && !json_object_set_new(o, "fingerprint", json_string(print)))
        return o;
    json_decref(o);
    return NULL;
}

static json_t *about_arguments(int argc, char *const *argv)
{
    json_t *list = json_array();
    bool ok = list;

    for (int i = 0; ok && i < argc && i < ARGUMENTS; i++) {
        struct str text = { 0 };

        str_utf8(&text, argv[i]);
        ok = !text.failed && !json_array_append_new(list, json_string(str_text(&text)));
        str_release(&text);
    }
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *about_now(void)
{
    char date[TRAIN_DATE];

    return json_string(train_date((double)time(NULL), date));
}

/* Where the pictures are, as an absolute path in UTF-8 that lives as long as f. */
static bool set_path(struct train_run_file *f, const char *data)
{
    char *path = data ? realpath(data, NULL) : NULL;
    struct str text = { 0 };

    if (!data)
        return true;
    str_utf8(&text, path ? path : data);
    free(path);
    f->data = text.failed ? NULL : arena_str(f->mem, str_text(&text));
    str_release(&text);
    return f->data;
}

bool train_run_new(struct train_run_file *f, const struct train_run_facts *facts,
                   struct err *err)
{
    const struct train_cfg *cfg = facts->cfg;
    json_t *notes = f->json ? json_incref(json_object_get(f->json, "notes")) : json_array();

    train_run_release(f);
    *f = (struct train_run_file){
        .mem = arena_new(),
        .json = json_object(),
        .source = *facts->source,
        .fingerprint = data_index_fingerprint(facts->index),
        .by_epochs = !cfg->steps && cfg->time <= 0,
        .threads = cfg->threads,
    };
    if (f->mem && f->json && set_path(f, facts->data) &&
        !json_object_set_new(f->json, "schema", json_string(SCHEMA)) &&
        !json_object_set_new(f->json, "state", json_string(train_run_states[TRAIN_RUNNING])) &&
        !json_object_set_new(f->json, "argv", about_arguments(facts->argc, facts->argv)) &&
        !json_object_set_new(f->json, "started", about_now()) &&
        !json_object_set_new(f->json, "settings", json_null()) &&
        !json_object_set_new(f->json, "data", about_data(f, facts->index)) &&
        !json_object_set_new(f->json, "environment",
                             train_environment(cfg->threads ? cfg->threads : pool_cpus())) &&
        !json_object_set_new(f->json, "notes", json_incref(notes)) &&
        !json_object_set_new(f->json, "result", json_null())) {
        json_decref(notes);
        return true;
    }
    json_decref(notes);
    train_run_release(f);
    return err_set(err, ERR_MEMORY, "no memory to describe the training");
}

void train_run_note(struct train_run_file *f, const char *text)
{
    json_t *notes, *new;
    struct str clean = { 0 };
    const json_t *old;
    size_t i;

    if (!f->json)
        f->json = json_object();
    notes = json_object_get(f->json, "notes");
    if (!json_is_array(notes)) {
        notes = json_array();
        json_object_set_new(f->json, "notes", notes);
    }
    str_utf8(&clean, text);
    new = json_string(str_text(&clean));
    str_release(&clean);
    json_array_foreach(notes, i, old) {
        if (json_equal(old, new)) {
            json_decref(new);
            return;
        }
    }
    json_array_append_new(notes, new);
}

bool train_run_resume(struct train_run_file *f)
{
    json_t *dates = json_object_get(f->json, "resumed");

    if (!json_is_array(dates)) {
        dates = json_array();
        if (json_object_set_new(f->json, "resumed", dates))
            return false;
    }
    return !json_array_append_new(dates, about_now());
}

/* ---- write ----------------------------------------------------------------------------------- */

json_t *train_run_settled(const struct train_run_file *f, const struct train_cfg *cfg)
{
    struct train_cfg c = *cfg;
    json_t *o;

    c.threads = f->threads;
    c.time = 0;
    if (f->by_epochs)
        c.steps = 0;
    else
        c.epochs = 0;
    o = record_to_json(train_cfg_fields, &c);
    if (o && make_absolute(train_cfg_fields, o))
        return o;
    json_decref(o);
    return NULL;
}

bool train_run_write(struct train_run_file *f, const char *dir, const struct train_cfg *cfg,
                     enum train_run_state state, json_t *result, struct err *err)
{
    char *path = file_in(dir, TRAIN_RUN_NAME, err), *text = NULL;
    bool ok = !json_object_set_new(f->json, "result", result ? result : json_null()) &&
              !json_object_set_new(f->json, "settings", train_run_settled(f, cfg)) &&
              !json_object_set_new(f->json, "state", json_string(train_run_states[state]));

    f->state = state;
    if (ok && path)
        text = record_dump_lines(f->json);
    ok = text ? file_replace(path, text, strlen(text), err)
              : err_set(err, ERR_MEMORY, "no memory to write " TRAIN_RUN_NAME);
    free(text);
    free(path);
    return ok;
}

void train_run_remove(const char *dir)
{
    struct err ignored;
    char *path = file_in(dir, TRAIN_RUN_NAME, &ignored);

    if (path)
        unlink(path);
    free(path);
}
