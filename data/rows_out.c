/*
 * rows_out -- what tables and JSON say of pictures, out of an index
 */
#include "data/rows.h"

#include "nn/base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- what can be said ------------------------------------------------------------------------ */

static bool can_sample(const struct data_index *x, const struct data_sample *s, unsigned cannot,
                       struct err *err)
{
    if (s->raw)
        return err_set(err, ERR_INPUT,
                       "%.200s: pixels inside a file have no file name to list: write folders "
                       "first (--to folder)", s->path);
    if ((cannot & DATA_ROWS_NO_SPLIT) && s->split != DATA_UNSPLIT)
        return err_set(err, ERR_INPUT, "%.200s is in the %s part, which this form cannot say",
                       s->name, data_split_names[s->split]);
    if ((cannot & DATA_ROWS_UTF8) && (!str_is_utf8(s->name) || !str_is_utf8(s->path)))
        return err_set(err, ERR_INPUT, "the name %.200s is not UTF-8, which JSON must be: rename "
                       "it, or write a table (--to csv)", s->name);
    for (int j = 0; (cannot & DATA_ROWS_NO_UNKNOWN) && j < x->n_labels; j++) {
        if (data_rows_mark_of(s, j) < 0)
            return err_set(err, ERR_INPUT,
                           "whether %.200s shows '%.60s' is unknown, which this form cannot say "
                           "(csv, long and jsonl can)", s->name, x->label[j]);
    }
    return true;
}

/* Whether x can be said without what `cannot` lists; the error says what is in the way. */
static bool can(const struct data_index *x, unsigned cannot, struct err *err)
{
    bool *seen = calloc((size_t)x->n_labels + 1, 1), ok = true;

    if (!seen)
        return err_set(err, ERR_MEMORY, "cannot hold %d labels", x->n_labels);
    for (int i = 0; ok && i < x->n; i++) {
        ok = can_sample(x, &x->sample[i], cannot, err);
        for (int j = 0; j < x->n_labels; j++)
            seen[j] |= data_rows_mark_of(&x->sample[i], j) == 1;
    }
    for (int j = 0; ok && (cannot & DATA_ROWS_NO_LONE) && j < x->n_labels; j++) {
        if (!seen[j])
            ok = err_set(err, ERR_INPUT, "no picture has the label '%.60s', which this form cannot "
                         "say (csv, long and jsonl can)", x->label[j]);
    }
    free(seen);
    return ok;
}

const char *data_rows_split_word(enum data_split split)
{
    return split == DATA_UNSPLIT ? "" : data_split_names[split];
}

static bool any_split(const struct data_index *x)
{
    for (int i = 0; i < x->n; i++) {
        if (x->sample[i].split != DATA_UNSPLIT)
            return true;
    }
    return false;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_file(struct data_rows_out *o, const char *folder, const char *name,
                    const struct stat *want)
{
    struct stat st;

    str_clear(&o->name);
    str_printf(&o->name, "%s%s%s", *name == '/' ? "" : o->folder, folder, name);
    return !o->name.failed && stat(str_text(&o->name), &st) == 0 && st.st_dev == want->st_dev &&
           st.st_ino == want->st_ino;
}

/* The absolute path of the folder that `path` lies in, without a slash at its end but for "/". */
static char *real_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + (slash == path) : 0;
    char *folder = n ? strndup(path, n) : strdup("."), *real = folder ? realpath(folder, NULL)
                                                                     : NULL;

    free(folder);
    return real;
}

/* From folder `from` to file `name` in folder `to`, both absolute: "../../to/name". */
static void way(struct str *out, const char *from, const char *to, const char *name)
{
    size_t same = 0;

    for (size_t i = 0;; i++) {
        bool ends_from = !from[i] || from[i] == '/', ends_to = !to[i] || to[i] == '/';

        if (ends_from && ends_to)
            same = i;
        if (from[i] != to[i] || !from[i])
            break;
    }
    for (const char *p = from + same; *p; p++) {
        if (*p == '/' && p[1])
            str_add(out, "../");
    }
    to += same + (to[same] == '/');
    str_printf(out, "%s%s%s", to, *to ? "/" : "", name);
}

static const char *name_of(struct data_rows_out *o, const struct data_sample *s)
{
    const char *slash = strrchr(s->path, '/'), *base = slash ? slash + 1 : s->path;
    size_t n = (size_t)(base - s->path);
    struct stat want;

    if (stat(s->path, &want) || is_file(o, "", s->name, &want) ||
        (*s->name != '/' && is_file(o, "images/", s->name, &want)))
        return s->name;
    if (!o->from)
        o->from = real_folder(o->folder);
    if (!o->of || o->of_bytes != n || memcmp(o->of, s->path, n)) {
        free(o->to);
        o->to = real_folder(s->path);
        o->of = s->path;
        o->of_bytes = n;
    }
    if (!o->from || !o->to)
        return s->path;
    str_clear(&o->name);
    way(&o->name, o->from, o->to, base);
    return o->name.failed ? NULL : str_text(&o->name);
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool flush(struct data_rows_out *o, bool all, struct err *err)
{
    enum { GOOD_DEAL = 1 << 18 };

    if (o->text.failed)
        return err_set(err, ERR_MEMORY, "memory is out");
    if (!o->text.len || (!all && o->text.len < GOOD_DEAL))
        return true;
    if (!file_write(o->file, o->text.data, o->text.len, err))
        return false;
    str_clear(&o->text);
    return true;
}

static bool put_all(struct data_rows_out *o, const struct data_index *x,
                    const struct data_rows_form *form, struct err *err)
{
    if (form->put_head)
        form->put_head(o, x);
    for (int i = 0; i < x->n; i++) {
        const char *name = name_of(o, &x->sample[i]);

        if (name)
            form->put(o, x, i, name);
        o->text.failed |= !name || o->scratch.failed;
        if (!flush(o, false, err))
            return false;
    }
    if (form->put_tail)
        form->put_tail(o, x);
    return flush(o, true, err);
}

bool data_rows_write(const struct data_index *x, const char *path,
                     const struct data_rows_form *form, struct err *err)
{
    struct data_rows_out o = { .mem = arena_new(), .splits = any_split(x) };
    const char *slash = strrchr(path, '/');
    struct err ignored;
    bool ok;

    o.folder = o.mem ? arena_printf(o.mem, "%.*s", slash ? (int)(slash + 1 - path) : 0, path)
                     : NULL;
    ok = o.folder || err_set(err, ERR_MEMORY, "%s: memory is out", path);
    ok = ok && ((can(x, form->cannot, err) && (!form->check || form->check(x, err))) ||
                err_in(err, "%s", path));
    if (ok) {
        o.all = !can(x, DATA_ROWS_NO_UNKNOWN | DATA_ROWS_NO_LONE, &ignored);
        o.file = file_create(path, err);
        ok = o.file && put_all(&o, x, form, err);
    }
    if (ok)
        ok = file_commit(o.file, err);
    else
        file_abandon(o.file);
    str_release(&o.text);
    str_release(&o.name);
    str_release(&o.scratch);
    free(o.from);
    free(o.to);
    arena_free(o.mem);
    return ok;
}
