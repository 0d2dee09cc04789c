/*
 * rows -- what tables and JSON say of pictures, a row at a time, into a build
 *
 * Whether two rows say the same of a picture is told by a sum of hashes: of its part, its group,
 * and each label with its value.  The sum does not depend on their order.
 */
#include "data/rows.h"

#include "data/walk.h"
#include "nn/base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <xxhash.h>

enum { NAME_BYTES_MAX = 4096, TAILS_MAX = 16 };

/* What was told of a sample. */
struct data_rows_told {
    uint64_t base, facts;       /* its part and group; its labels */
    int line;                   /* 0: nothing yet */
};

/* ---- words ----------------------------------------------------------------------------------- */

bool data_rows_split(const char *word, enum data_split *split)
{
    *split = data_index_split(word);
    return *split != DATA_UNSPLIT || !*word || !strcasecmp(word, "unassigned") ||
           !strcasecmp(word, data_split_names[DATA_UNSPLIT]);
}

bool data_rows_value(const char *cell, int *value)
{
    static const struct { const char *word; int value; } words[] = {
        { "1", 1 }, { "0", 0 }, { "-1", -1 }, { "", -1 }, { "1.0", 1 }, { "0.0", 0 },
        { "-1.0", -1 }, { "true", 1 }, { "false", 0 }, { "nan", -1 },
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!strcasecmp(cell, words[i].word)) {
            *value = words[i].value;
            return true;
        }
    }
    return false;
}

/* Behind "scheme://", or NULL. */
static const char *address(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

    return n && !strncmp(name + n, "://", 3) ? name + n + 3 : NULL;
}

bool data_rows_is_picture(const char *name)
{
    return data_walk_is_picture(name) || address(name);
}

/* ---- begin and end --------------------------------------------------------------------------- */

/* text[0..bytes) and a slash in the build's arena; "" stays "". */
static const char *folder_of(struct data_rows *r, const char *text, size_t bytes)
{
    const char *slash = bytes && text[bytes - 1] != '/' ? "/" : "";

    return bytes > NAME_BYTES_MAX ? NULL
                                  : arena_printf(data_build_arena(r->b), "%.*s%s", (int)bytes, text,
                                                 slash);
}

bool data_rows_init(struct data_rows *r, const char *path, const char *part,
                    const struct data_source_options *opt, struct data_build *b, struct err *err)
{
    static const struct data_source_options none;
    struct arena *mem = data_build_arena(b);
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash + 1 - path) : 0;

    *r = (struct data_rows){ .b = b, .opt = opt ? opt : &none, .path = path, .n_folders = 1 };
    r->folder[0] = r->opt->images ? folder_of(r, r->opt->images, strlen(r->opt->images))
                                  : folder_of(r, path, n);
    if (r->folder[0] && !r->opt->images) {
        r->folder[1] = arena_printf(mem, "%simages/", r->folder[0]);
        r->n_folders = 2;
    }
    if (part) {
        r->prefix = arena_printf(mem, "%s/", part);
        r->split = data_index_split(part);
    }
    if (!r->folder[0] || !r->folder[r->n_folders - 1] || (part && !r->prefix))
        return err_set(err, ERR_MEMORY, "%s: memory is out", path);
    return true;
}

void data_rows_release(struct data_rows *r)
{
    free(r->told);
    str_release(&r->try);
    str_release(&r->name);
    r->told = NULL;
}

bool data_rows_finish(struct data_rows *r, struct err *err)
{
    if (r->try.failed)
        return err_set(err, ERR_MEMORY, "memory is out");
    if (!r->n)
        return err_set(err, ERR_INPUT, "no pictures are listed");
    if (r->missing < r->n)
        return true;
    if (r->opt->images)
        return err_set(err, ERR_INPUT, "none of the %d files is there: '%.200s' is not in %s", r->n,
                       r->first_missing, r->folder[0]);
    return err_set(err, ERR_INPUT,
                   "none of the %d files is there: '%.200s' is neither beside it nor in images/ "
                   "beside it: say with --images where they are", r->n, r->first_missing);
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *const endings[] = {
    "", ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".JPG", ".JPEG", ".PNG",
};
enum { ENDINGS = sizeof endings / sizeof *endings };

static enum file_kind try_file(struct data_rows *r, int place, const char *name, int ending)
{
    str_clear(&r->try);
    str_printf(&r->try, "%s%s%s", *name == '/' ? "" : r->folder[place], name, endings[ending]);
    return r->try.failed ? FILE_NONE : file_kind(str_text(&r->try));
}

/* Looks for the name in every place, with every ending where it has none: what was right the last
 * time comes first.  r->try is the path. */
static bool find_file(struct data_rows *r, const char *name)
{
    int n_endings = data_walk_is_picture(name) ? 1 : ENDINGS;
    int n = (*name == '/' ? 1 : r->n_folders) * n_endings;
    int last = r->place * n_endings + (r->ending < n_endings ? r->ending : 0);

    if (last < n && try_file(r, last / n_endings, name, last % n_endings) == FILE_REGULAR)
        return true;
    for (int i = 0; i < n; i++) {
        if (i != last && try_file(r, i / n_endings, name, i % n_endings) == FILE_REGULAR) {
            r->place = i / n_endings;
            r->ending = n_endings > 1 ? i % n_endings : r->ending;
            return true;
        }
    }
    return false;
}

/* An address "gs://bucket/a/b.jpg" is the file a/b.jpg, or the end of that: b.jpg.  So is the path
 * of another machine, "/data/a/b.jpg". */
static bool find_address(struct data_rows *r, const char **name)
{
    const char *whole = *name, *at;

    for (int i = 0; i < TAILS_MAX; i++) {
        if (find_file(r, *name))
            return true;
        at = strchr(*name, '/');
        if (!at || !at[1])
            break;
        *name = at + 1;
    }
    *name = whole;
    return false;
}

/* The name that a cell means; false: there is no such file.  r->try is the path either way. */
static bool find_picture(struct data_rows *r, const char *cell, const char **name)
{
    const char *at = address(cell);
    bool found;

    *name = cell;
    if (at) {
        bool local = !strncasecmp(cell, "file://", 7);
        const char *rest = local ? at : strchr(at, '/');

        *name = !rest ? at : local ? rest : rest + 1;
        found = local ? find_file(r, *name) : find_address(r, name);
    } else {
        while (!strncmp(*name, "./", 2))
            *name += 2;
        found = find_file(r, *name);
        if (!found && **name == '/') {
            *name += strspn(*name, "/");
            found = find_address(r, name);
            *name = found ? *name : cell;
        }
    }
    if (!found)
        try_file(r, 0, *name, 0);
    return found;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static uint64_t fact(int what, const void *data, size_t bytes)
{
    return XXH3_64bits_withSeed(data, bytes, (XXH64_hash_t)what);
}

static struct data_rows_told *told(struct data_rows *r, struct err *err)
{
    if (r->sample >= r->cap) {
        int cap = r->sample < 1024 ? 2048 : 2 * r->sample;
        struct data_rows_told *p = realloc(r->told, (size_t)cap * sizeof *p);

        if (!p) {
            err_set(err, ERR_MEMORY, "cannot hold %d pictures", r->sample);
            return NULL;
        }
        memset(p + r->cap, 0, (size_t)(cap - r->cap) * sizeof *p);
        r->told = p;
        r->cap = cap;
    }
    return &r->told[r->sample];
}

static bool skip_missing(struct data_rows *r, const char *name, struct err *err)
{
    const char *path = str_text(&r->try);
    bool strange = file_kind(path) != FILE_NONE;

    if (!r->missing++)
        r->first_missing = arena_str(data_build_arena(r->b), name);
    if (!r->first_missing)
        return err_set(err, ERR_MEMORY, "memory is out");
    return data_build_skip(r->b, path, strange ? "no regular file" : DATA_SKIP_MISSING,
                           err);
}

static bool say_conflict(struct data_rows *r, int before, struct err *err)
{
    return err_set(err, ERR_INPUT, "'%.200s' is told otherwise in line %d%s", str_text(&r->try),
                   before, r->gather ? "" : " (--format long: if each row adds a label)");
}

/* Makes the sample of the file that was found as `found`; its part and group are told once. */
static bool tell_sample(struct data_rows *r, const char *found, enum data_split split,
                        const char *group, struct err *err)
{
    struct data_sample s = { .label = -1, .path = str_text(&r->try) };
    const char *below = *found == '/' ? s.path : s.path + strlen(r->folder[r->place]);
    struct data_rows_told *t;

    if (r->prefix && *below != '/') {
        str_clear(&r->name);
        str_printf(&r->name, "%s%s", r->prefix, below);
        below = str_text(&r->name);
    }
    s.name = below;
    r->sample = r->try.failed || r->name.failed ? -1 : data_build_sample(r->b, &s, err);
    if (r->try.failed || r->name.failed)
        return err_set(err, ERR_MEMORY, "memory is out");
    t = r->sample < 0 ? NULL : told(r, err);
    if (!t)
        return false;
    s.split = split == DATA_UNSPLIT ? r->split : split;
    s.group = group && *group ? group : NULL;
    r->base = fact(1, &s.split, sizeof s.split) + (s.group ? fact(2, group, strlen(group)) : 0);
    r->facts = 0;
    if (t->line)
        return t->base == r->base || say_conflict(r, t->line, err);
    t->base = r->base;
    return (s.split == DATA_UNSPLIT && !s.group) || data_build_sample(r->b, &s, err) >= 0;
}

int data_rows_begin(struct data_rows *r, int line, const char *name, enum data_split split,
                    const char *group, struct err *err)
{
    const char *found;
    bool ok;

    r->line = line;
    r->n++;
    if (!*name || strlen(name) > NAME_BYTES_MAX) {
        err_set(err, ERR_INPUT, *name ? "line %d: a file name of more than %d bytes"
                                      : "line %d: no file name", line, NAME_BYTES_MAX);
        return -1;
    }
    if (!find_picture(r, name, &found)) {
        ok = skip_missing(r, name, err);
        if (ok)
            return 0;
    } else {
        ok = tell_sample(r, found, split, group, err);
    }
    if (!ok)
        err_in(err, "line %d", line);
    return ok ? 1 : -1;
}

int data_rows_label(struct data_rows *r, const char *name, size_t bytes, struct err *err)
{
    int label;

    while (bytes && strchr(" \t\r\n", name[bytes - 1]))
        bytes--;
    while (bytes && strchr(" \t\r\n", *name)) {
        name++;
        bytes--;
    }
    str_clear(&r->name);
    str_addn(&r->name, name, bytes);
    if (r->name.failed) {
        err_set(err, ERR_MEMORY, "line %d: memory is out", r->line);
        return -1;
    }
    label = data_build_label(r->b, str_text(&r->name), err);
    if (label < 0)
        err_in(err, "line %d", r->line);
    return label;
}

bool data_rows_mark(struct data_rows *r, int label, int value, struct err *err)
{
    int64_t what = (int64_t)label * 3 + value;

    r->facts += fact(3, &what, sizeof what);
    return data_build_mark(r->b, r->sample, label, value, err) || err_in(err, "line %d", r->line);
}

bool data_rows_labels(struct data_rows *r, const char *cell, const char *separator,
                      struct err *err)
{
    size_t n = strlen(separator);

    while (*cell) {
        const char *end = n ? strstr(cell, separator) : NULL;
        size_t bytes = end ? (size_t)(end - cell) : strlen(cell);

        if (strspn(cell, " \t\r\n") < bytes) {
            int label = data_rows_label(r, cell, bytes, err);

            if (label < 0 || !data_rows_mark(r, label, 1, err))
                return false;
        }
        cell += bytes + (end ? n : 0);
    }
    return true;
}

bool data_rows_end(struct data_rows *r, struct err *err)
{
    struct data_rows_told *t = &r->told[r->sample];

    if (t->line && !r->gather && t->facts != r->facts)
        return say_conflict(r, t->line, err) || err_in(err, "line %d", r->line);
    if (!t->line) {
        t->line = r->line;
        t->facts = r->facts;
    }
    return true;
}
