/*
 * kept -- see kept.h
 */
#include "data/kept.h"

#include "data/source.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool data_kept_is_table(const char *path)
{
    size_t n = strlen(path);

    return n > 4 && !strcasecmp(path + n - 4, ".csv");
}

/* A path a line, from the root, so that the list may lie anywhere. */
static bool write_list(const struct data_index *x, const char *path, struct err *err)
{
    struct str out = { 0 };
    bool ok = true;

    for (int i = 0; ok && i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];
        char *full = realpath(s->path, NULL);

        if (s->raw)
            ok = err_set(err, ERR_UNSUPPORTED,
                         "%s: its pictures are no files of their own: a list cannot name them",
                         s->path);
        else if (strpbrk(full ? full : s->path, "\r\n"))
            ok = err_set(err, ERR_UNSUPPORTED,
                         "%s: a line of a list cannot hold this name: rename it, or write a .csv",
                         s->path);
        str_add(&out, full ? full : s->path);
        str_addc(&out, '\n');
        free(full);
    }
    if (ok && out.failed)
        ok = err_set(err, ERR_MEMORY, "%s: cannot hold %d paths", path, x->n);
    ok = ok && file_replace(path, str_text(&out), out.len, err);
    str_release(&out);
    return ok;
}

bool data_kept_write(const struct data_index *x, const bool *keep, const char *path,
                     struct err *err)
{
    const struct data_source *csv = data_kept_is_table(path) ? data_source_find("csv", err) : NULL;
    struct data_index kept = *x;
    bool ok = false;

    if (data_kept_is_table(path) && !csv)
        return false;
    if (csv && !csv->write)
        return err_set(err, ERR_UNSUPPORTED, "%s: tables cannot be written; give a list, .txt",
                       path);
    kept.sample = malloc(((size_t)x->n + 1) * sizeof *kept.sample);
    if (!kept.sample)
        return err_set(err, ERR_MEMORY, "%s: cannot hold %d pictures", path, x->n);
    kept.n = 0;
    for (int i = 0; i < x->n; i++)
        if (keep[i])
            kept.sample[kept.n++] = x->sample[i];
    ok = csv ? csv->write(&kept, path, err) : write_list(&kept, path, err);
    free(kept.sample);
    return ok;
}
