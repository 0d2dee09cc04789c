/*
 * source -- layouts that labelled pictures come in: the table, the choice, and opening
 */
#include "data/source.h"

#include "data/walk.h"
#include "nn/base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct data_source *const sources[] = {
#define DATA_SOURCE(name) &data_source_##name,
#include "data/source/sources.def"
#undef DATA_SOURCE
};

int data_source_count(void)
{
    return (int)(sizeof sources / sizeof *sources);
}

const struct data_source *data_source_at(int i)
{
    return sources[i];
}

static const char *name_at(int i, const void *ctx)
{
    (void)ctx;
    return sources[i]->name;
}

const struct data_source *data_source_find(const char *name, struct err *err)
{
    const char *nearest;

    for (int i = 0; i < data_source_count(); i++) {
        if (!strcmp(sources[i]->name, name))
            return sources[i];
    }
    nearest = str_nearest(name, data_source_count(), name_at, NULL);
    err_set(err, ERR_USAGE, nearest ? "'%.60s' is no layout of data; did you mean '%s'?"
                                    : "'%.60s' is no layout of data%s", name,
            nearest ? nearest : ": discern data import --formats lists them");
    return NULL;
}

/* ---- looking at a path ----------------------------------------------------------------------- */

enum { HEAD_MAX = 64 << 10, ENDING_MAX = 15 };

/* What a probe points to. */
struct looked {
    struct data_probe p;
    char *path, **names;
    char ending[ENDING_MAX + 1];
    uint8_t *head;
};

static void set_ending(struct looked *l)
{
    const char *slash = strrchr(l->path, '/'), *name = slash ? slash + 1 : l->path;
    const char *dot = strrchr(name, '.');
    size_t n = dot && dot != name ? strlen(dot + 1) : 0;

    for (size_t i = 0; n <= ENDING_MAX && i < n; i++)
        l->ending[i] = (char)tolower((unsigned char)dot[1 + i]);
    l->p.ending = l->ending;
}

static bool look(struct looked *l, const char *path, const struct data_source_options *opt,
                 struct err *err)
{
    static const struct data_source_options defaults;
    size_t n = strlen(path);

    memset(l, 0, sizeof *l);
    l->p.opt = opt ? opt : &defaults;
    while (n > 1 && path[n - 1] == '/')
        n--;
    l->path = strndup(path, n);
    if (!l->path)
        return err_set(err, ERR_MEMORY, "%s: memory is out", path);
    l->p.path = l->path;
    l->p.ending = l->ending;
    l->p.kind = file_kind(path);
    switch (l->p.kind) {
    case FILE_FOLDER:
        l->p.n = file_list(l->path, &l->names, err);
        l->p.names = l->names;
        return l->p.n >= 0;
    case FILE_REGULAR:
        set_ending(l);
        l->head = file_head(l->path, HEAD_MAX, &l->p.head_bytes, &l->p.bytes, err);
        l->p.head = l->head;
        return l->head != NULL;
    case FILE_NONE:
        return err_set(err, ERR_INPUT, "%s: no such folder or file", path);
    default:
        return err_set(err, ERR_INPUT, "%s: neither a folder nor a file", path);
    }
}

static void release(struct looked *l)
{
    free(l->path);
    free(l->names);
    free(l->head);
}

/* ---- the choice ------------------------------------------------------------------------------ */

/* Files that hold sets of pictures, but not as they are. */
static bool check_packed(const struct data_probe *p, struct err *err)
{
    static const struct { const char *magic; size_t n; } packed[] = {
        { "PK\3\4", 4 }, { "\x1f\x8b", 2 }, { "BZh", 3 }, { "\xfd" "7zXZ", 5 },
        { "\x28\xb5\x2f\xfd", 4 }, { "7z\xbc\xaf", 4 }, { "Rar!", 4 },
    };

    if ((!strcmp(p->ending, "xlsx") || !strcmp(p->ending, "xls") || !strcmp(p->ending, "ods") ||
         !strcmp(p->ending, "numbers")) && p->kind == FILE_REGULAR)
        return err_set(err, ERR_INPUT, "%s: a spreadsheet: save it as CSV in UTF-8, and give that",
                       p->path);
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) {
        if (p->head_bytes >= packed[i].n && !memcmp(p->head, packed[i].magic, packed[i].n))
            return err_set(err, ERR_INPUT, "%s: compressed: unpack it first (unzip, tar -xf, "
                           "gunzip), and give what was in it", p->path);
    }
    if (p->head_bytes > 262 && !memcmp(p->head + 257, "ustar", 5))
        return err_set(err, ERR_INPUT, "%s: an archive: unpack it first (tar -xf), and give what "
                       "was in it", p->path);
    if (p->kind == FILE_REGULAR && data_walk_is_picture(p->path))
        return err_set(err, ERR_INPUT, "%s: one picture; a folder of class folders or a table of "
                       "labels is needed", p->path);
    return true;
}

static const struct data_source *choose(const struct data_probe *p, struct err *err)
{
    if (!check_packed(p, err))
        return NULL;
    for (int i = 0; i < data_source_count(); i++) {
        if (sources[i]->probe(p))
            return sources[i];
    }
    err_set(err, ERR_INPUT, "%s: none of the layouts that are known: a folder of class folders, "
            "a table of labels as CSV or JSON, a list of paths, MNIST or CIFAR files "
            "(--format says which)", p->path);
    return NULL;
}

const struct data_source *data_source_of(const char *path, struct err *err)
{
    const struct data_source *source = NULL;
    struct looked l;

    if (look(&l, path, NULL, err))
        source = choose(&l.p, err);
    release(&l);
    return source;
}

/* ---- opening --------------------------------------------------------------------------------- */

struct data_index *data_index_open(const char *path, const struct data_source_options *opt,
                                   struct err *err)
{
    const struct data_source *source = NULL;
    struct data_build *b = NULL;
    struct data_index *x = NULL;
    struct looked l;

    if (look(&l, path, opt, err))
        source = l.p.opt->format ? data_source_find(l.p.opt->format, err) : choose(&l.p, err);
    if (source)
        b = data_build_new(l.path, l.p.opt, err);
    if (b && source->read(l.path, l.p.opt, b, err))
        x = data_build_finish(b, err);
    if (x)
        x->source = source->name;
    if (x && l.p.opt->label && !x->columns) {
        err_set(err, ERR_INPUT, "%s: --label %.60s names a column of a table or a key of JSON "
                "lines, and the layout %s has neither", path, l.p.opt->label, source->name);
        data_index_free(x);
        x = NULL;
    }
    data_build_free(b);
    release(&l);
    return x;
}
