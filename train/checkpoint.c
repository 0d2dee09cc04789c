/*
 * checkpoint -- see checkpoint.h
 */
#include "train/checkpoint.h"

#include "nn/base/file.h"
#include "nn/base/record.h"
#include "train/progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "training."
static const char *const names[] = { TRAIN_LAST, TRAIN_PREVIOUS }; /* the newest first */
enum { NAME = 64, N_NAMES = sizeof names / sizeof *names };

/* Settings that change no result, or that progress itself changes. */
static const char *const free_settings[] = { "threads", "memory", "time", "epochs",
                                             "shortened" };

static bool is_free(const struct field *f)
{
    for (size_t i = 0; i < sizeof free_settings / sizeof *free_settings; i++)
        if (!strcmp(f->name, free_settings[i]))
            return true;
    return false;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Files hold floats; so do arrays, but where all is built with doubles, to be compared. */
static const float *as_floats(const struct train_block *b)
{
    float *copy;

    if (sizeof(real) == sizeof(float))
        return (const float *)(const void *)b->data;
    copy = malloc(((size_t)b->count + 1) * sizeof *copy);
    for (int64_t i = 0; copy && i < b->count; i++)
        copy[i] = (float)b->data[i];
    return copy;
}

static char *state_text(const struct train_state *s)
{
    json_t *o = json_object();
    bool ok = o && !json_object_set_new(o, "settings", record_to_json(train_cfg_fields, s->cfg)) &&
              !json_object_set_new(o, "progress",
                                   record_to_json(train_progress_fields, s->progress)) &&
              !json_object_set_new(o, "plateau",
                                   record_to_json(train_plateau_fields, &s->progress->plateau)) &&
              !json_object_set_new(o, "method", record_to_json(s->method_fields, s->method_state));
    char *text = ok ? record_dump(o) : NULL;

    json_decref(o);
    return text;
}

bool train_checkpoint_write(const char *dir, const struct infer_model *m,
                            const struct train_state *s, struct err *err)
{
    struct infer_array array[TRAIN_MAX_BLOCKS] = { 0 };
    char name[TRAIN_MAX_BLOCKS][NAME];
    struct str kept = { 0 };
    char *last = file_in(dir, TRAIN_LAST, err), *previous = file_in(dir, TRAIN_PREVIOUS, err);
    char *target = last ? file_target(last, err) : NULL, *text = state_text(s);
    bool ok = false, copied = true;

    for (int i = 0; i < s->n_blocks; i++) {
        snprintf(name[i], sizeof name[i], PREFIX "%s", s->block[i].name);
        array[i] = (struct infer_array){ name[i], s->block[i].count, as_floats(&s->block[i]) };
        copied &= array[i].value != NULL;
    }
    str_printf(&kept, "%s/" TRAIN_PREVIOUS ".tmp-%ld", dir, (long)getpid());
    if (!text || !copied || !target || !previous || kept.failed) {
        err_set(err, ERR_MEMORY, "no memory to write %s/" TRAIN_LAST, dir);
    } else {
        bool linked = !link(target, str_text(&kept));

        ok = infer_model_write(m, last, &(struct infer_extra){ text, s->n_blocks, array }, err);
        if (linked && (!ok || rename(str_text(&kept), previous)))
            unlink(str_text(&kept));
    }
    str_release(&kept);
    free(last);
    free(target);
    free(previous);
    free(text);
    for (int i = 0; sizeof(real) != sizeof(float) && i < s->n_blocks; i++)
        free((void *)(uintptr_t)array[i].value);
    return ok;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The settings of the file are those of s. */
static bool same_settings(json_t *o, const struct train_state *s, struct arena *mem,
                          struct err *err)
{
    struct train_cfg cfg = *s->cfg;

    train_cfg_rename(o);
    if (!record_from_json(train_cfg_fields, &cfg, o, mem, err))
        return false;
    for (const struct field *f = train_cfg_fields; f->name; f++) {
        struct field one[] = { *f, FIELDS_END };
        struct str here = { 0 }, there = { 0 };

        if (is_free(f) || field_equal(one, &cfg, s->cfg))
            continue;
        field_text(f, &cfg, &there);
        field_text(f, s->cfg, &here);
        err_set(err, ERR_USAGE, "is of a training with %s %.100s, and this one has %.100s", f->name,
                str_text(&there), str_text(&here));
        str_release(&here);
        str_release(&there);
        return false;
    }
    memcpy(s->cfg->shortened, cfg.shortened, sizeof cfg.shortened);
    return true;
}

static bool read_text(const char *text, const struct train_state *s, struct err *err)
{
    struct arena *mem = arena_new();
    json_t *o = mem ? record_parse(text, strlen(text), err) : NULL;
    bool ok = false;

    if (!mem)
        err_set(err, ERR_MEMORY, "no memory to read settings");
    else if (o)
        ok = same_settings(json_object_get(o, "settings"), s, mem, err) &&
             record_from_json(train_progress_fields, s->progress, json_object_get(o, "progress"),
                              mem, err) &&
             record_from_json(train_plateau_fields, &s->progress->plateau,
                              json_object_get(o, "plateau"), mem, err) &&
             record_from_json(s->method_fields, s->method_state, json_object_get(o, "method"), mem,
                              err);
    json_decref(o);
    arena_free(mem);
    return ok;
}

static bool read_array(const struct infer_file *f, const char *name, const struct train_block *b,
                       struct err *err)
{
    float *in = malloc(((size_t)b->count + 1) * sizeof *in);
    bool ok = in ? infer_file_array(f, name, b->count, in, err)
                 : err_set(err, ERR_MEMORY, "no memory for %lld numbers", (long long)b->count);

    for (int64_t i = 0; ok && i < b->count; i++) {
        real value = in[i];

        if (memcmp(&b->data[i], &value, sizeof value) != 0) /* 0s of what is frozen take no page */
            b->data[i] = value;
    }
    free(in);
    return ok;
}

/* Its model, in which nothing is missing either; NULL on failure. */
static struct infer_model *read_one(const char *path, const struct train_state *s, struct err *err)
{
    struct infer_file *f = infer_file_open(path, err);
    struct infer_model *m = f ? infer_file_model(f, err) : NULL;
    const char *text = m ? infer_file_training(f) : NULL;
    bool ok = text;
    char name[NAME];

    if (m && !text)
        err_set(err, ERR_INPUT, "%s: is a model without the state of its training", path);
    if (ok && !read_text(text, s, err))
        ok = err_in(err, "%s", path);
    if (ok && !nn_graph_equal(m->graph, s->graph))
        ok = err_set(err, ERR_USAGE, "%s: is of another network than arch %.100s makes", path,
                     s->cfg->arch);
    for (int i = 0; ok && i < s->n_blocks; i++) {
        snprintf(name, sizeof name, PREFIX "%s", s->block[i].name);
        ok = read_array(f, name, &s->block[i], err);
    }
    infer_file_close(f);
    if (ok)
        return m;
    infer_model_free(m);
    return NULL;
}

/* One that is damaged must not become the previous one, and who reads on wants the last one. */
static bool replace_last(const char *dir, struct err *err)
{
    char *last = file_in(dir, TRAIN_LAST, err), *previous = file_in(dir, TRAIN_PREVIOUS, err);
    bool ok = last && previous && (!rename(previous, last) || err_errno(err, last, "replace"));

    free(last);
    free(previous);
    return ok;
}

struct infer_model *train_checkpoint_model(const char *dir)
{
    struct infer_model *m = NULL;
    struct err ignored;

    for (int i = 0; i < N_NAMES && !m; i++) {
        char *path = file_in(dir, names[i], &ignored);

        m = path ? infer_model_open(path, &ignored) : NULL;
        free(path);
    }
    return m;
}

enum train_found train_checkpoint_read(const char *dir, const struct train_state *s,
                                       struct infer_model **model, train_say_fn *say, void *ctx,
                                       struct err *err)
{
    enum train_found found = TRAIN_FOUND_NOTHING;
    struct err first = { 0 };

    *model = NULL;
    for (int i = 0; i < N_NAMES && found != TRAIN_FOUND; i++) {
        struct str text = { 0 };
        struct err why = { 0 };
        char *path = file_in(dir, names[i], &why);

        if (!path || file_kind(path) == FILE_NONE) {
            free(path);
            continue;
        }
        *model = read_one(path, s, &why);
        if (!*model) {
            first = found == TRAIN_FOUND_BAD ? first : why;
            found = TRAIN_FOUND_BAD;
            i = why.kind == ERR_USAGE ? N_NAMES : i; /* whole, but of another training */
        } else {
            if (i) {
                str_printf(&text, "going on from %s: %s", path,
                           found == TRAIN_FOUND_BAD ? first.msg : "there is no " TRAIN_LAST);
                say(ctx, str_text(&text));
            }
            found = !i || replace_last(dir, &first) ? TRAIN_FOUND : TRAIN_FOUND_BAD;
            i = N_NAMES;
        }
        free(path);
        str_release(&text);
    }
    if (found != TRAIN_FOUND_BAD)
        return found;
    infer_model_free(*model);
    *model = NULL;
    *err = first;
    return found;
}

/* In the order in which what an earlier training left is removed. */
static const char *const written[] = { TRAIN_PREVIOUS, TRAIN_LAST, TRAIN_BEST };

bool train_checkpoint_forget(const char *dir, struct err *err)
{
    bool ok = true;

    for (size_t i = 0; ok && i < sizeof written / sizeof *written; i++) {
        char *path = file_in(dir, written[i], err);

        ok = path && (!unlink(path) || errno == ENOENT || err_errno(err, path, "remove"));
        free(path);
    }
    return ok;
}

bool train_checkpoint_writes(const char *dir, const char *path)
{
    char *folder = realpath(dir, NULL);
    bool found = false;

    for (size_t i = 0; folder && !found && i < sizeof written / sizeof *written; i++) {
        struct err ignored;
        char *one = file_in(folder, written[i], &ignored);

        found = one && !strcmp(one, path);
        free(one);
    }
    free(folder);
    return found;
}
