/*
 * list -- a text of paths, one a line, as find and Darknet write them
 *
 * With zero bytes in it (find -print0) these end the paths, which may then hold newlines.  The
 * label is the folder that a picture lies in; the folder above it may name the part (train, val,
 * test).  Paths count from the list's folder, or from one that this lies in, whichever has the
 * first picture, or from the `images` option.
 *
 * A .data file is Darknet's (github.com/AlexeyAB/darknet): key = value, where train, valid and test
 * name lists and labels (or names) a file of classes.  Darknet takes a class for a picture's when
 * it stands anywhere in the path, so that "rain" is in ".../train/..."; here it must be a folder of
 * the path, the nearest to the picture, or else a word of its file name ("46263_bird.png"), cut at
 * '_', '-', '.' and spaces.
 */
#include "data/source.h"

#include "data/lookup.h"
#include "data/walk.h"
#include "nn/base/arena.h"
#include "nn/base/str.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 1 << 30, NAMES_MAX = 64 << 20 };

/* Classes that a path is searched for; n = 0: its folder is its class. */
struct classes {
    struct data_build *b;
    const char **name;
    int n;
    struct data_lookup lookup;
};

struct list {
    struct classes *classes;
    const char *path;           /* of the list */
    char *base;                 /* what its paths count from, with '/', or "" */
    enum data_split split;      /* UNSPLIT: as the paths say */
};

/* ---- the class of a path --------------------------------------------------------------------- */

static const char *class_name(const void *ctx, int i)
{
    return ((const struct classes *)ctx)->name[i];
}

/* The class called text[0..n), or -1. */
static int find_class(const struct classes *c, const char *text, size_t n)
{
    char word[256];

    if (!n || n >= sizeof word)
        return -1;
    memcpy(word, text, n);
    word[n] = 0;
    return data_lookup_find(&c->lookup, word);
}

/* The only class among the words of the file name; -1: none, -2: several. */
static int class_of_words(const struct classes *c, const char *name)
{
    int found = -1;

    for (size_t n; *name; name += n + (name[n] != 0)) {
        int at;

        n = strcspn(name, "_-. ");
        at = find_class(c, name, n);
        if (at >= 0 && found >= 0 && at != found)
            return -2;
        found = at >= 0 ? at : found;
    }
    return found;
}

/* The folder nearest to the picture that is a class, else a word of its name. */
static bool known_class(const struct classes *c, const char *path, int *label, struct err *err)
{
    const char *slash = strrchr(path, '/');
    int at = -1;

    for (const char *end = slash, *start; end && at < 0; end = start > path ? start - 1 : NULL) {
        start = end;
        while (start > path && start[-1] != '/')
            start--;
        at = find_class(c, start, (size_t)(end - start));
    }
    if (at < 0)
        at = class_of_words(c, slash ? slash + 1 : path);
    if (at < 0)
        return err_set(err, ERR_INPUT, at == -2 ? "'%.200s' names several of the %d classes"
                       : "'%.200s' names none of the %d classes, neither as a folder nor as a word",
                       path, c->n);
    *label = data_build_label(c->b, c->name[at], err);
    return *label >= 0;
}

/* The part that a folder text[0..n) stands for. */
static enum data_split part_of(const char *text, size_t n)
{
    char word[16];

    if (n >= sizeof word)
        return DATA_UNSPLIT;
    memcpy(word, text, n);
    word[n] = 0;
    return data_index_split(word);
}

/* The folder that it lies in; *split, the one above it. */
static bool folder_class(const struct classes *c, char *path, int *label, enum data_split *split,
                         struct err *err)
{
    char *end = strrchr(path, '/'), *start = end, *above;

    while (start && start > path && start[-1] != '/')
        start--;
    if (!end || start == end)
        return err_set(err, ERR_INPUT, "'%.200s' lies in no folder that would be its class", path);
    *end = 0;
    *label = data_build_label(c->b, start, err);
    *end = '/';
    above = start > path ? start - 1 : start;
    for (end = above; above > path && above[-1] != '/';)
        above--;
    *split = part_of(above, (size_t)(end - above));
    return *label >= 0;
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* *next: behind the entry; the entry, ended by 0 in place, without blanks around it. */
static char *entry(char *p, char *end, bool zeros, char **next)
{
    char *stop = zeros ? memchr(p, 0, (size_t)(end - p)) : memchr(p, '\n', (size_t)(end - p));

    if (!stop)
        stop = end;
    *stop = 0;
    *next = stop < end ? stop + 1 : end;
    if (zeros)
        return p;
    while (stop > p && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
        *--stop = 0;
    return p + strspn(p, " \t");
}

static bool is_there(const char *base, const char *path)
{
    struct str whole = { 0 };
    bool yes;

    str_printf(&whole, "%s%s", *path == '/' ? "" : base, path);
    yes = !whole.failed && file_kind(str_text(&whole)) == FILE_REGULAR;
    str_release(&whole);
    return yes;
}

/* Finds what the paths count from by one of them: the list's folder, those above it, the current
 * one. */
static bool find_base(struct list *l, const char *path, const char *images, struct err *err)
{
    struct arena *mem = data_build_arena(l->classes->b);
    char *slash;

    if (images) {
        l->base = arena_printf(mem, "%s/", images);
        return l->base || err_set(err, ERR_MEMORY, "memory is out");
    }
    l->base = arena_str(mem, l->path);
    if (!l->base)
        return err_set(err, ERR_MEMORY, "memory is out");
    while ((slash = strrchr(l->base, '/'))) {
        slash[1] = 0;
        if (is_there(l->base, path))
            return true;
        *slash = 0;
    }
    l->base[0] = 0;
    return is_there("", path) ||
           err_set(err, ERR_INPUT, "'%.200s' is not there, counted from the list's folder, one "
                   "above it, or the current one (--images says from where)", path);
}

static bool add_entry(struct list *l, char *path, struct err *err)
{
    struct data_build *b = l->classes->b;
    struct data_sample s = { .split = l->split };
    enum data_split part = DATA_UNSPLIT;
    struct str whole = { 0 };
    int label = -1, at = -1;

    while (path[0] == '.' && path[1] == '/')
        path += 2 + strspn(path + 2, "/");
    s.name = path;
    if (!data_walk_is_picture(path)) {
        data_build_others(b, 1, path);
        return true;
    }
    if (!(l->classes->n ? known_class(l->classes, path, &label, err)
                        : folder_class(l->classes, path, &label, &part, err)))
        return false;
    if (s.split == DATA_UNSPLIT)
        s.split = part;
    str_printf(&whole, "%s%s", *path == '/' ? "" : l->base, path);
    s.path = str_text(&whole);
    if (whole.failed)
        err_set(err, ERR_MEMORY, "memory is out");
    else
        at = data_build_sample(b, &s, err);
    str_release(&whole);
    return at >= 0 && data_build_mark(b, at, label, 1, err);
}

static bool read_list(struct list *l, const char *images, struct err *err)
{
    size_t size;
    char *text = (char *)file_read(l->path, LIST_MAX, &size, err), *end, *p, *next;
    bool zeros, ok = text != NULL;
    int line = 0;

    if (!ok)
        return false;
    end = text + size;
    zeros = memchr(text, 0, size) != NULL;
    p = size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? text + 3 : text;
    for (; ok && p < end; p = next) {
        char *path = entry(p, end, zeros, &next);

        line++;
        if (!*path)
            continue;
        ok = (l->base || find_base(l, path, images, err)) && add_entry(l, path, err);
        if (!ok)
            err_in(err, "%s: %s %d", l->path, zeros ? "path" : "line", line);
    }
    free(text);
    return ok;
}

/* ---- Darknet's .data ------------------------------------------------------------------------- */

struct darknet {
    char *train, *valid, *test, *names;
};

static bool read_settings(struct darknet *d, struct arena *mem, const char *path, struct err *err)
{
    size_t size;
    char *text = (char *)file_read(path, NAMES_MAX, &size, err), *p = text, *next;
    bool ok = text != NULL;

    for (; ok && p < text + size; p = next) {
        char *line = entry(p, text + size, false, &next), *value = strchr(line, '='), *key_end;
        char **to = NULL;

        if (*line == '#' || !value)
            continue;
        for (key_end = value; key_end > line && (key_end[-1] == ' ' || key_end[-1] == '\t');)
            key_end--;
        *key_end = 0;
        value += 1 + strspn(value + 1, " \t");
        to = !strcmp(line, "train") ? &d->train : !strcmp(line, "valid") ? &d->valid
             : !strcmp(line, "test") ? &d->test : !strcmp(line, "labels") ? &d->names
             : !strcmp(line, "names") && !d->names ? &d->names : NULL;
        if (to && *value) {
            *to = arena_str(mem, value);
            ok = *to || err_set(err, ERR_MEMORY, "%s: memory is out", path);
        }
    }
    free(text);
    return ok;
}

/* A file that the .data file names: beside it, above it, or from the current folder. */
static bool find_named(struct list *l, const char *name, const char *data, struct err *err)
{
    l->path = data;
    l->base = NULL;
    if (!find_base(l, name, NULL, err))
        return err_in(err, "%s", data);
    l->path = *name == '/' ? name
                           : arena_printf(data_build_arena(l->classes->b), "%s%s", l->base, name);
    l->base = NULL;
    return l->path || err_set(err, ERR_MEMORY, "%s: memory is out", data);
}

static bool read_names(struct classes *c, const char *path, struct err *err)
{
    size_t size;
    char *text = (char *)file_read(path, NAMES_MAX, &size, err), *copy, *p, *next;
    int cap = 1;

    if (!text)
        return false;
    for (size_t i = 0; i < size; i++)
        cap += text[i] == '\n';
    copy = arena_copy(data_build_arena(c->b), text, size + 1);
    free(text);
    c->name = arena_array(data_build_arena(c->b), (size_t)cap, sizeof *c->name);
    if (!copy || !c->name)
        return err_set(err, ERR_MEMORY, "%s: memory is out", path);
    for (p = copy; p < copy + size; p = next) {
        const char *name = entry(p, copy + size, false, &next);

        if (!*name || data_lookup_find(&c->lookup, name) >= 0)
            continue;
        c->name[c->n++] = name;
        if (!data_lookup_add(&c->lookup, c->n - 1))
            return err_set(err, ERR_MEMORY, "%s: memory is out", path);
    }
    return c->n || err_set(err, ERR_INPUT, "%s: no class names in it", path);
}

static bool read_darknet(const char *path, const struct data_source_options *opt,
                         struct classes *c, struct err *err)
{
    struct darknet d = { 0 };
    struct list l = { .classes = c };
    bool ok = read_settings(&d, data_build_arena(c->b), path, err);

    if (ok && !d.train && !d.valid && !d.test)
        ok = err_set(err, ERR_INPUT, "%s: names no list (train = ..., valid = ..., test = ...)",
                     path);
    if (ok && d.names)
        ok = find_named(&l, d.names, path, err) && read_names(c, l.path, err);
    for (int i = 0; ok && i < 3; i++) {
        const char *name = i == 0 ? d.train : i == 1 ? d.valid : d.test;

        if (!name)
            continue;
        ok = find_named(&l, name, path, err);
        l.split = i == 0 ? DATA_TRAIN : i == 1 ? DATA_VAL : DATA_TEST;
        ok = ok && read_list(&l, opt->images, err);
    }
    return ok;
}

/* ---- the source ------------------------------------------------------------------------------ */

static const char *ending_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot && !strchr(dot, '/') ? dot + 1 : "";
}

static bool read_any(const char *path, const struct data_source_options *opt, struct data_build *b,
                     struct err *err)
{
    struct classes c = { .b = b, .lookup = { .name = class_name, .ctx = &c } };
    struct list l = { .classes = &c, .path = path };
    bool ok = !strcmp(ending_of(path), "data") ? read_darknet(path, opt, &c, err)
                                               : read_list(&l, opt->images, err);

    data_lookup_release(&c.lookup);
    return ok;
}

/* Its first lines are names of pictures, and neither cells nor tags. */
static bool probe_lines(const struct data_probe *p)
{
    enum { LINES = 8, PATH_BYTES = 4096 };
    const char *text = (const char *)p->head, *end = text + p->head_bytes;
    bool zeros = memchr(text, 0, p->head_bytes) != NULL;
    char line[PATH_BYTES];
    int n = 0;

    while (n < LINES && text < end) {
        const char *stop = memchr(text, zeros ? 0 : '\n', (size_t)(end - text));
        size_t size = (size_t)((stop ? stop : end) - text);

        if (!stop && p->bytes > p->head_bytes)
            break;
        if (size >= sizeof line)
            return false;
        memcpy(line, text, size);
        while (size && (line[size - 1] == '\r' || line[size - 1] == ' '))
            size--;
        line[size] = 0;
        text = stop ? stop + 1 : end;
        if (!size)
            continue;
        if (!data_walk_is_picture(line) || (!zeros && strpbrk(line, ",;\t|<>{\"")))
            return false;
        n++;
    }
    return n > 0;
}

static bool probe(const struct data_probe *p)
{
    if (p->kind != FILE_REGULAR || !p->head_bytes)
        return false;
    if (!strcmp(p->ending, "data"))
        return !memchr(p->head, 0, p->head_bytes) && memchr(p->head, '=', p->head_bytes);
    return strcmp(p->ending, "csv") && probe_lines(p);
}

const struct data_source data_source_list = {
    .name = "list", .doc = "a text of paths, one a line; or Darknet's .data with its lists",
    .probe = probe, .read = read_any,
};
