/*
 * roboflow -- a folder for each part, with its pictures and a table _classes.csv
 *
 *     train/_classes.csv      filename, cat, dog
 *                             a.jpg, 1, 0
 *
 * The table is that of csv.c.  One such folder, or its table, is a set without parts.  Source: the
 * multi-label exports of Roboflow.
 */
#include "data/table.h"

#include "nn/base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char table_name[] = "_classes.csv";

/* The table in folder/part, or in folder itself; NULL: there is none, or no memory. */
static char *table_in(const char *folder, const char *part)
{
    struct str path = { 0 };

    str_printf(&path, "%s/%s%s%s", folder, part ? part : "", part ? "/" : "", table_name);
    if (!path.failed && file_kind(str_text(&path)) == FILE_REGULAR)
        return path.data;
    str_release(&path);
    return NULL;
}

static bool has_table(const char *folder, const char *part)
{
    char *path = table_in(folder, part);

    free(path);
    return path != NULL;
}

static bool probe(const struct data_probe *p)
{
    const char *slash = strrchr(p->path, '/');

    if (p->kind == FILE_REGULAR)
        return !strcmp(slash ? slash + 1 : p->path, table_name);
    if (p->kind != FILE_FOLDER)
        return false;
    for (int i = 0; i < p->n; i++) {
        if (data_index_split(p->names[i]) != DATA_UNSPLIT && has_table(p->path, p->names[i]))
            return true;
    }
    return has_table(p->path, NULL);
}

static bool read_table(const char *folder, const char *part, const struct data_source_options *opt,
                       struct data_build *b, int *tables, struct err *err)
{
    char *path = table_in(folder, part);
    bool ok = !path || data_table_read(path, part, opt, b, &data_table_marks, err);

    *tables += path != NULL;
    free(path);
    return ok;
}

static bool read_set(const char *path, const struct data_source_options *opt, struct data_build *b,
                 struct err *err)
{
    char **names = NULL;
    int n, tables = 0;
    bool ok = true;

    if (file_kind(path) != FILE_FOLDER)
        return data_table_read(path, NULL, opt, b, &data_table_marks, err);
    n = file_list(path, &names, err);
    if (n < 0)
        return false;
    for (int i = 0; ok && i < n; i++)
        ok = data_index_split(names[i]) == DATA_UNSPLIT ||
             read_table(path, names[i], opt, b, &tables, err);
    free(names);
    if (ok && !tables)
        ok = read_table(path, NULL, opt, b, &tables, err);
    return ok && (tables || err_set(err, ERR_INPUT, "%s: no %s in it, nor in train, valid or test",
                                    path, table_name));
}

/* ---- writing --------------------------------------------------------------------------------- */

static const char *const part_names[] = { NULL, "train", "valid", "test" };

static bool write_part(const struct data_index *x, const char *folder, enum data_split split,
                       struct err *err)
{
    struct data_index *part = data_index_part(x, split, err);
    struct str path = { 0 };
    bool ok = part != NULL;

    str_printf(&path, "%s%s%s", folder, split ? "/" : "", split ? part_names[split] : "");
    for (int i = 0; ok && i < part->n; i++)
        part->sample[i].split = DATA_UNSPLIT;
    if (ok && part->n) {
        ok = (!path.failed || err_set(err, ERR_MEMORY, "memory is out")) &&
             file_mkdir(str_text(&path), err);
        str_printf(&path, "/%s", table_name);
        ok = ok && data_table_write(part, str_text(&path), &data_table_marks, err);
    }
    str_release(&path);
    data_index_free(part);
    return ok;
}

static void remove_parts(const char *folder)
{
    for (int k = DATA_UNSPLIT; k <= DATA_TEST; k++) {
        char *path = table_in(folder, part_names[k]);

        if (!path)
            continue;
        unlink(path);
        *strrchr(path, '/') = 0;
        rmdir(path);
        free(path);
    }
    rmdir(folder);
}

static bool check_parts(const struct data_index *x, struct err *err)
{
    int count[DATA_TEST + 1] = { 0 };

    for (int i = 0; i < x->n; i++)
        count[x->sample[i].split]++;
    return !count[DATA_UNSPLIT] || count[DATA_UNSPLIT] == x->n ||
           err_set(err, ERR_INPUT, "%d of %d pictures are in no part, which folders called train, "
                   "valid and test cannot say", count[DATA_UNSPLIT], x->n);
}

static bool write_set(const struct data_index *x, const char *path, struct err *err)
{
    struct str beside = { 0 };
    size_t n = strlen(path);
    bool ok = false;

    while (n > 1 && path[n - 1] == '/')
        n--;
    str_addn(&beside, path, n);
    str_printf(&beside, ".tmp-%ld", (long)getpid());
    if (beside.failed)
        err_set(err, ERR_MEMORY, "%s: memory is out", path);
    else if (file_kind(path) != FILE_NONE)
        err_set(err, ERR_INPUT, "%s is there already: name a new folder", path);
    else if (check_parts(x, err) && file_mkdir(str_text(&beside), err)) {
        ok = true;
        for (int k = DATA_UNSPLIT; ok && k <= DATA_TEST; k++)
            ok = write_part(x, str_text(&beside), (enum data_split)k, err);
        if (ok && rename(str_text(&beside), path))
            ok = err_errno(err, path, "write");
        if (!ok)
            remove_parts(str_text(&beside));
    }
    str_release(&beside);
    return ok;
}

const struct data_source data_source_roboflow = {
    .name = "roboflow", .doc = "a folder for each part, with its pictures and _classes.csv",
    .probe = probe, .read = read_set, .write = write_set,
};
