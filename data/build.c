/*
 * build -- an index in the making: facts as sources tell them
 *
 * A label that is yes and stands alone, which is all that folders tell, lies in its sample.  All
 * else is a log of marks, in runs of one sample each that are chained; rules.c reads them.  While
 * the index is made, a sample's hash is the head of its chain.
 */
#include "data/facts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- labels ---------------------------------------------------------------------------------- */

static const char *label_name(const void *ctx, int i)
{
    return ((const struct data_build *)ctx)->label[i].name;
}

static const char *sample_name(const void *ctx, int i)
{
    return ((const struct data_build *)ctx)->x->sample[i].name;
}

static int add_label(struct data_build *b, const char *name, bool left_out, struct err *err)
{
    struct data_build_label *p = b->label;

    if (!data_index_check_label(name, err))
        return -1;
    if (b->n_labels == b->label_cap) {
        int cap = b->label_cap ? 2 * b->label_cap : 64;

        p = cap <= DATA_BUILD_LABELS ? realloc(b->label, (size_t)cap * sizeof *p) : NULL;
        if (!p) {
            err_set(err, ERR_MEMORY, "more than %d labels", b->n_labels);
            return -1;
        }
        b->label = p;
        b->label_cap = cap;
    }
    p[b->n_labels] = (struct data_build_label){ arena_str(b->x->mem, name), left_out, -1,
                                                       0, NULL };
    if (!p[b->n_labels].name || !data_lookup_add(&b->labels, b->n_labels++)) {
        err_set(err, ERR_MEMORY, "memory is out for label %d", b->n_labels);
        return -1;
    }
    return b->n_labels - 1;
}

/* The file of classes: the first labels. */
static bool read_classes(struct data_build *b, const char *path, struct err *err)
{
    enum { CLASSES_MAX = 64 << 20 };
    size_t size;
    char *text = (char *)file_read(path, CLASSES_MAX, &size, err), *p = text, *end;
    int line = 0;
    bool ok = false;

    if (!text)
        return false;
    if (memchr(text, 0, size)) {
        err_set(err, ERR_INPUT, "%s: not a text of class names, one a line", path);
        goto out;
    }
    if (!strncmp(p, "\xef\xbb\xbf", 3))
        p += 3;
    for (; *p; p = end) {
        end = p + strcspn(p, "\n");
        if (*end)
            *end++ = 0;
        p[strcspn(p, "\r")] = 0;
        line++;
        if (!*p)
            continue;
        if (data_lookup_find(&b->labels, p) >= 0) {
            err_set(err, ERR_INPUT, "%s: line %d: '%.80s' stands there twice", path, line, p);
            goto out;
        }
        if (add_label(b, p, false, err) < 0) {
            err_in(err, "%s: line %d", path, line);
            goto out;
        }
    }
    ok = b->n_labels > 0 || err_set(err, ERR_INPUT, "%s: no class names in it", path);
out:
    free(text);
    return ok;
}

/* A model's labels; of them, those that the file of classes lacks are left out. */
static bool use_labels(struct data_build *b, struct err *err)
{
    int chosen = b->n_labels;

    for (int i = 0; i < b->opt.n_labels; i++) {
        int at = data_lookup_find(&b->labels, b->opt.labels[i]);

        if (at < 0)
            at = add_label(b, b->opt.labels[i], chosen > 0, err);
        if (at < 0)
            return err_in(err, "label %d of the model", i);
        b->label[at].at = i;
    }
    for (int i = 0; i < chosen; i++) {
        if (b->label[i].at < 0)
            return err_set(err, ERR_INPUT, "%s: '%.80s' is not among the %d labels of the model",
                           b->opt.classes, b->label[i].name, b->opt.n_labels);
    }
    return true;
}

int data_build_label(struct data_build *b, const char *name, struct err *err)
{
    int at = data_lookup_find(&b->labels, name);

    if (at >= 0)
        return at;
    if (b->opt.labels && !b->opt.classes) {
        err_set(err, ERR_INPUT, "class '%.80s' is not among the %d labels of the model", name,
                b->opt.n_labels);
        return -1;
    }
    return add_label(b, name, b->opt.classes != NULL, err);
}

/* ---- new and free ---------------------------------------------------------------------------- */

static bool walk_picture(void *ctx, const char *path, struct err *err);

static bool walk_skip(void *ctx, const char *path, const char *why, struct err *err)
{
    return data_build_skip(ctx, path, why, err);
}

static void walk_others(void *ctx, const char *folder, int n, const char *one)
{
    struct data_build *b = ctx;
    struct data_build_label *l = b->walk.tag >= 0 ? &b->label[b->walk.tag] : NULL;

    if (l && !l->other)
        l->other = arena_printf(b->x->mem, "%s/%s", folder, one);
    if (l)
        l->n_others = l->n_others > INT_MAX - n ? INT_MAX : l->n_others + n;
    data_build_others(b, n, b->x->other ? NULL
                                        : arena_printf(b->x->mem, "%s/%s", folder, one));
}

struct data_build *data_build_new(const char *root, const struct data_source_options *opt,
                                  struct err *err)
{
    struct data_build *b = calloc(1, sizeof *b);
    struct arena *mem = arena_new();

    if (b && mem) {
        b->x = arena_alloc(mem, sizeof *b->x);
        b->root = arena_str(mem, root);
    }
    if (!b || !b->root) {
        err_set(err, ERR_MEMORY, "%s: memory is out", root);
        free(b);
        arena_free(mem);
        return NULL;
    }
    b->x->mem = mem;
    if (opt)
        b->opt = *opt;
    if (!b->opt.n_labels)
        b->opt.labels = NULL;
    b->labels = (struct data_lookup){ .name = label_name, .ctx = b };
    b->names = (struct data_lookup){ .name = sample_name, .ctx = b };
    b->walk = (struct data_walk){ .mem = mem, .picture = walk_picture, .skip = walk_skip,
                                  .others = walk_others, .ctx = b };
    if ((!b->opt.classes || read_classes(b, b->opt.classes, err)) &&
        (!b->opt.labels || use_labels(b, err)))
        return b;
    data_build_free(b);
    return NULL;
}

void data_build_free(struct data_build *b)
{
    if (!b)
        return;
    data_walk_release(&b->walk);
    data_lookup_release(&b->labels);
    data_lookup_release(&b->names);
    data_index_free(b->x);
    free(b->label);
    free(b->run);
    free(b->mark);
    free(b);
}

struct arena *data_build_arena(struct data_build *b)
{
    return b->x->mem;
}

/* ---- samples --------------------------------------------------------------------------------- */

/* Adds what is told of a sample once more. */
static bool merge(struct data_sample *s, const struct data_sample *facts, struct arena *mem,
                  struct err *err)
{
    if (s->split == DATA_UNSPLIT)
        s->split = facts->split;
    if (facts->split != DATA_UNSPLIT && facts->split != s->split)
        return err_set(err, ERR_INPUT, "'%.200s' stands in two parts, %s and %s", s->name,
                       data_split_names[s->split], data_split_names[facts->split]);
    if (facts->group && s->group && strcmp(facts->group, s->group))
        return err_set(err, ERR_INPUT, "'%.200s' stands in two groups, '%.60s' and '%.60s'",
                       s->name, s->group, facts->group);
    if (facts->group && !s->group) {
        s->group = arena_str(mem, facts->group);
        if (!s->group)
            return err_set(err, ERR_MEMORY, "memory is out");
    }
    return true;
}

static bool look_up_all(struct data_build *b)
{
    for (int i = (int)b->names.n; i < b->x->n; i++) {
        if (!data_lookup_add(&b->names, i))
            return false;
    }
    return true;
}

int data_build_sample(struct data_build *b, const struct data_sample *facts, struct err *err)
{
    struct data_sample s = { .raw = facts->raw, .offset = facts->offset, .label = -1,
                             .split = facts->split };
    struct arena *mem = b->x->mem;
    size_t n, m;
    int at;

    if (!look_up_all(b))
        goto no_memory;
    at = data_lookup_find(&b->names, facts->name);
    if (at >= 0)
        return merge(&b->x->sample[at], facts, mem, err) ? at : -1;
    s.path = arena_str(mem, facts->path);
    if (!s.path)
        goto no_memory;
    n = strlen(facts->path);
    m = strlen(facts->name);
    s.name = n >= m && !strcmp(s.path + n - m, facts->name) ? s.path + n - m
                                                            : arena_str(mem, facts->name);
    s.group = facts->group ? arena_str(mem, facts->group) : NULL;
    if (!s.name || (facts->group && !s.group))
        goto no_memory;
    if (!data_index_add(b->x, s, err))
        return -1;
    if (look_up_all(b))
        return b->x->n - 1;
no_memory:
    err_set(err, ERR_MEMORY, "memory is out for picture %d", b->x->n);
    return -1;
}

void data_build_grouped(struct data_build *b)
{
    b->grouped = true;
}

bool data_build_columns(struct data_build *b, const char *columns, const char *passed,
                        struct err *err)
{
    if (b->x->columns)
        return true;
    b->x->columns = arena_str(b->x->mem, columns);
    b->x->passed = passed ? arena_str(b->x->mem, passed) : NULL;
    return (b->x->columns && (!passed || b->x->passed)) ||
           err_set(err, ERR_MEMORY, "memory is out");
}

/* ---- marks ----------------------------------------------------------------------------------- */

/* A new run of the sample. */
static bool add_run(struct data_build *b, struct data_sample *s, struct err *err)
{
    if (b->n_runs == b->run_cap) {
        size_t cap = b->run_cap ? 2 * b->run_cap : 256;
        struct data_build_run *p = cap < UINT32_MAX ? realloc(b->run, cap * sizeof *p) : NULL;

        if (!p)
            return err_set(err, ERR_MEMORY, "too many labels of pictures");
        b->run = p;
        b->run_cap = cap;
    }
    b->run[b->n_runs++] = (struct data_build_run){ .prev = data_build_run_of(s),
                                                   .first = b->n_marks };
    s->hash = (s->hash & DATA_BUILD_REST) | b->n_runs;
    return true;
}

bool data_build_mark(struct data_build *b, int sample, int label, int value, struct err *err)
{
    struct data_sample *s = &b->x->sample[sample];

    if (value == 1 && s->label < 0) {
        s->label = label;
        return true;
    }
    if (b->n_marks == b->mark_cap) {
        size_t cap = b->mark_cap ? 2 * b->mark_cap : 1024;
        uint32_t *p = realloc(b->mark, cap * sizeof *p);

        if (!p)
            return err_set(err, ERR_MEMORY, "too many labels of pictures");
        b->mark = p;
        b->mark_cap = cap;
    }
    if ((!data_build_run_of(s) || data_build_run_of(s) != b->n_runs) && !add_run(b, s, err))
        return false;
    b->mark[b->n_marks++] = (uint32_t)label << 2 | (uint32_t)(value + 1);
    b->run[b->n_runs - 1].n++;
    return true;
}

void data_build_rest(struct data_build *b, int sample, int value)
{
    struct data_sample *s = &b->x->sample[sample];

    s->hash = value < 0 ? s->hash | DATA_BUILD_REST : s->hash & ~DATA_BUILD_REST;
}

/* ---- folders --------------------------------------------------------------------------------- */

bool data_build_skip(struct data_build *b, const char *path, const char *why, struct err *err)
{
    char *p = arena_str(b->x->mem, path), *w = p ? arena_str(b->x->mem, why) : NULL;

    return w ? data_index_skip(b->x, p, w, err)
             : err_set(err, ERR_MEMORY, "%s: memory is out", path);
}

void data_build_others(struct data_build *b, int n, const char *one)
{
    if (!b->x->other && one)
        b->x->other = arena_str(b->x->mem, one);
    b->x->n_others = b->x->n_others > INT_MAX - n ? INT_MAX : b->x->n_others + n;
}

static bool walk_picture(void *ctx, const char *path, struct err *err)
{
    struct data_build *b = ctx;
    struct data_sample s = { .path = path, .name = path + b->skip, .label = b->walk.tag,
                             .split = b->split };

    return data_index_add(b->x, s, err);
}

bool data_build_folder(struct data_build *b, const char *folder, size_t skip, int label,
                       enum data_split split, struct err *err)
{
    const struct data_entered *before;
    char *why;

    before = data_walk_before(&b->walk, folder);
    if (before && before->tag != label && before->tag != DATA_WALK_ABOVE)
        return err_set(err, ERR_INPUT, "%s: the same folder as %s, by a link, but another class: "
                       "remove one of them", folder, before->path);
    if (before) {
        why = arena_printf(b->x->mem, "the same folder as %s, by a link", before->path);
        return why ? data_build_skip(b, folder, why, err)
                   : err_set(err, ERR_MEMORY, "%s: memory is out", folder);
    }
    if (label >= 0 && b->label[label].left_out)
        return data_build_skip(b, folder, "its class is not among those asked for", err);
    b->skip = skip;
    b->split = split;
    b->walk.tag = label;
    return data_walk(&b->walk, folder, err);
}
