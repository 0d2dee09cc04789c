/*
 * table -- labels in a CSV: filename, and a column of 1, 0 or -1 (unknown) for each label
 */
#include "data/source/table.h"

#include "data/csv.h"
#include "data/source.h"
#include "nn/base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct table {
    struct data_csv csv;
    struct data_build *b;
    int *label;                 /* of each column; -1 = none */
    int columns, split, rows;   /* split: that column's number, -1 = none */
    char *folder;               /* of the CSV, with '/', or "" */
    char *first;                /* name in the first row */
    bool any_file;
};

static bool one_of(const char *word, const char *const *list)
{
    for (; *list; list++) {
        if (!strcasecmp(word, *list))
            return true;
    }
    return false;
}

static bool read_header(struct table *t, struct err *err)
{
    static const char *const first[] = {
        "filename", "file_name", "image", "path", "file", "fname", NULL
    };
    struct data_csv *c = &t->csv;
    int got = data_csv_next(c, err), labels = 0;

    if (got < 0)
        return false;
    if (!got)
        return err_set(err, ERR_INPUT, "empty file");
    if (!one_of(c->cell[0], first))
        return err_set(err, ERR_INPUT,
                       "line %d: the first column must be called filename "
                       "(or image, path, file, fname), not '%.60s'", c->line, c->cell[0]);
    t->columns = c->n;
    t->split = -1;
    t->label = arena_array(data_build_arena(t->b), (size_t)c->n, sizeof *t->label);
    if (!t->label)
        return err_set(err, ERR_MEMORY, "cannot hold %d labels", c->n);
    t->label[0] = -1;
    for (int i = 1; i < c->n; i++) {
        t->label[i] = -1;
        if (!strcasecmp(c->cell[i], "split")) {
            if (t->split >= 0)
                return err_set(err, ERR_INPUT, "line %d: two columns are called split", c->line);
            t->split = i;
            continue;
        }
        if (!c->cell[i][0])
            return err_set(err, ERR_INPUT, "line %d: column %d has no name", c->line, i + 1);
        t->label[i] = data_build_label(t->b, c->cell[i], err);
        if (t->label[i] < 0)
            return err_in(err, "line %d", c->line);
        for (int j = 1; j < i; j++) {
            if (t->label[i] == t->label[j])
                return err_set(err, ERR_INPUT, "line %d: two columns are called '%.60s'", c->line,
                               c->cell[i]);
        }
        labels++;
    }
    return labels || err_set(err, ERR_INPUT, "line %d: no column for a label", c->line);
}

static bool read_mark(const char *cell, int *mark)
{
    if (!strcmp(cell, "0") || !strcmp(cell, "0.0"))
        *mark = 0;
    else if (!strcmp(cell, "1") || !strcmp(cell, "1.0"))
        *mark = 1;
    else if (!*cell || !strcmp(cell, "-1") || !strcmp(cell, "-1.0"))
        *mark = -1;
    else
        return false;
    return true;
}

/* Beside the CSV, else in images/ beside it; when it is nowhere, where it should be. */
static char *find_file(struct table *t, const char *name)
{
    struct arena *mem = data_build_arena(t->b);
    char *path = *name == '/' ? arena_str(mem, name) : arena_printf(mem, "%s%s", t->folder, name);
    char *other;

    if (!path || file_kind(path) == FILE_REGULAR) {
        t->any_file = true;
        return path;
    }
    other = *name == '/' ? NULL : arena_printf(mem, "%simages/%s", t->folder, name);
    if (other && file_kind(other) == FILE_REGULAR) {
        t->any_file = true;
        return other;
    }
    return path;
}

static bool read_row(struct table *t, struct err *err)
{
    struct data_csv *c = &t->csv;
    struct data_sample s = { .name = c->cell[0] };
    int at;

    if (c->n != t->columns)
        return err_set(err, ERR_INPUT, "line %d: %d cells where the first line has %d", c->line,
                       c->n, t->columns);
    if (!c->cell[0][0])
        return err_set(err, ERR_INPUT, "line %d: no file name", c->line);
    if (t->split >= 0) {
        s.split = data_index_split(c->cell[t->split]);
        if (s.split == DATA_UNSPLIT && c->cell[t->split][0])
            return err_set(err, ERR_INPUT, "line %d: split '%.60s' is not train, val or test",
                           c->line, c->cell[t->split]);
    }
    s.path = find_file(t, s.name);
    if (!t->first)
        t->first = arena_str(data_build_arena(t->b), s.name);
    if (!s.path || !t->first)
        return err_set(err, ERR_MEMORY, "line %d: memory is out", c->line);
    at = data_build_sample(t->b, &s, err);
    if (at < 0)
        return err_in(err, "line %d", c->line);
    data_build_rest(t->b, at, -1);
    t->rows++;
    for (int i = 1; i < c->n; i++) {
        int mark;

        if (i == t->split)
            continue;
        if (!read_mark(c->cell[i], &mark))
            return err_set(err, ERR_INPUT,
                           "line %d: column %d holds '%.60s': a label's column may hold "
                           "1, 0, -1 or nothing (unknown)", c->line, i + 1, c->cell[i]);
        if (!data_build_mark(t->b, at, t->label[i], mark, err))
            return err_in(err, "line %d", c->line);
    }
    return true;
}

static bool read_table(struct table *t, struct err *err)
{
    int got;

    if (!read_header(t, err))
        return false;
    while ((got = data_csv_next(&t->csv, err)) > 0) {
        if (!read_row(t, err))
            return false;
    }
    if (got < 0)
        return false;
    return !t->rows || t->any_file ||
           err_set(err, ERR_INPUT, "none of the %d files is there: %s is neither beside the CSV "
                   "nor in images/ beside it", t->rows, t->first);
}

bool data_table_read(char *text, size_t bytes, const char *path, struct data_build *b,
                     struct err *err)
{
    const char *slash = strrchr(path, '/');
    struct table t = { .b = b };
    size_t n = slash ? (size_t)(slash + 1 - path) : 0;
    bool ok;

    t.folder = arena_copy(data_build_arena(b), path, n + 1);
    if (!t.folder)
        return err_set(err, ERR_MEMORY, "%s: memory is out", path);
    t.folder[n] = 0;
    ok = data_csv_open(&t.csv, text, bytes, err) && read_table(&t, err);
    data_csv_close(&t.csv);
    return ok || err_in(err, "%s", path);
}

static bool probe(const struct data_probe *p)
{
    return p->kind == FILE_REGULAR;
}

static bool read_file(const char *path, const struct data_source_options *opt,
                      struct data_build *b, struct err *err)
{
    enum { TABLE_MAX = 1 << 30 };
    size_t size;
    char *text = (char *)file_read(path, TABLE_MAX, &size, err);
    bool ok = text && data_table_read(text, size, path, b, err);

    (void)opt;
    free(text);
    return ok;
}

const struct data_source data_source_table = {
    .name = "table", .doc = "CSV: a file name, and a column of 1, 0 or -1 for each label",
    .probe = probe, .read = read_file,
};
