/*
 * splitfile -- a split as a table: name,split
 *
 * One row a picture, its name as reports print it, and train, val or test.  Other columns may
 * stand there and are passed over, so that people can keep notes beside.
 */
#include "data/split.h"

#include "data/csv.h"
#include "nn/base/arena.h"
#include "nn/base/file.h"
#include "nn/base/str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FILE_MAX = 1 << 30 };

bool data_split_write(const struct data_index *x, const char *path, struct err *err)
{
    struct str out = { 0 };
    bool ok;

    str_add(&out, "name,split\n");
    for (int i = 0; i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];

        if (s->split == DATA_UNSPLIT)
            continue;
        data_csv_put(&out, s->name);
        str_printf(&out, ",%s\n", data_split_names[s->split]);
    }
    ok = out.failed ? err_set(err, ERR_MEMORY, "%s: cannot hold %d names", path, x->n)
                    : file_replace(path, out.data, out.len, err);
    str_release(&out);
    return ok;
}

static int by_name(const void *pa, const void *pb)
{
    const struct data_sample *const *a = pa, *const *b = pb;

    return strcmp((*a)->name, (*b)->name);
}

struct table {
    struct data_index *x;
    struct data_sample **sorted;        /* [x->n] by name */
    unsigned char *named;               /* [x->n]: the part that the table says */
    int name, split;                    /* columns */
    int known, gone;
};

static bool read_header(struct table *t, const struct data_csv *c, struct err *err)
{
    t->name = t->split = -1;
    for (int i = 0; i < c->n; i++) {
        if (!strcasecmp(c->cell[i], "name"))
            t->name = i;
        if (!strcasecmp(c->cell[i], "split"))
            t->split = i;
    }
    return (t->name >= 0 && t->split >= 0) ||
           err_set(err, ERR_INPUT,
                   "line %d: a table with columns name and split is needed, as "
                   "`discern data split` writes it", c->line);
}

static bool read_row(struct table *t, const struct data_csv *c, struct err *err)
{
    const char *word = t->split < c->n ? c->cell[t->split] : "";
    enum data_split split = data_index_split(word);
    struct data_sample key, *wanted = &key, **found;

    if (t->name >= c->n || split == DATA_UNSPLIT)
        return err_set(err, ERR_INPUT, "line %d: split '%.40s': train, val or test is needed",
                       c->line, word);
    key.name = c->cell[t->name];
    found = bsearch(&wanted, t->sorted, (size_t)t->x->n, sizeof *t->sorted, by_name);
    if (!found) {
        t->gone++;
        return true;
    }
    if (t->named[found - t->sorted] && t->named[found - t->sorted] != split)
        return err_set(err, ERR_INPUT, "line %d: '%.200s' is in two parts", c->line,
                       (*found)->name);
    t->named[found - t->sorted] = (unsigned char)split;
    t->known++;
    return true;
}

static bool read_table(struct table *t, char *text, size_t bytes, struct err *err)
{
    struct data_csv c;
    int more;

    if (!data_csv_open(&c, text, bytes, err))
        return false;
    more = data_csv_next(&c, err);
    if (more == 0)
        err_set(err, ERR_INPUT, "empty: a table with columns name and split is needed");
    if (more == 1 && !read_header(t, &c, err))
        more = -1;
    while (more == 1 && (more = data_csv_next(&c, err)) == 1)
        if (!read_row(t, &c, err))
            more = -1;
    data_csv_close(&c);
    if (more == 0 && !t->known && t->gone)
        return err_set(err, ERR_INPUT,
                       "not one of its %d names is among the %d pictures: it was written for "
                       "other data, or for another folder of them", t->gone, t->x->n);
    return more == 0 && t->name >= 0;
}

bool data_split_read(struct data_index *x, const char *path, int *gone, struct err *err)
{
    struct table t = { .x = x, .name = -1 };
    size_t bytes;
    char *text = (char *)file_read(path, FILE_MAX, &bytes, err);
    bool ok = false;

    if (!text)
        return false;
    t.sorted = malloc(((size_t)x->n + 1) * sizeof *t.sorted);
    t.named = calloc((size_t)x->n + 1, 1);
    if (!t.sorted || !t.named) {
        err_set(err, ERR_MEMORY, "%s: cannot hold %d names", path, x->n);
        goto out;
    }
    for (int i = 0; i < x->n; i++)
        t.sorted[i] = &x->sample[i];
    qsort(t.sorted, (size_t)x->n, sizeof *t.sorted, by_name);
    ok = read_table(&t, text, bytes, err) || err_in(err, "%s", path);
    for (int i = 0; ok && i < x->n; i++)
        if (t.named[i])
            t.sorted[i]->split = (enum data_split)t.named[i];
    if (ok && gone)
        *gone = t.gone;
out:
    free(t.sorted);
    free(t.named);
    free(text);
    return ok;
}
