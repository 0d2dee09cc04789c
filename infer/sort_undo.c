/*
 * sort_undo -- sorted files back to where they came from (sort_into.h)
 *
 * From the log's end to its beginning, so that a link goes before what it leads to.  An entry that
 * was never done, or is undone already, is found so: it can be ended and begun again at any time.
 */
#include "infer/sort_into.h"
#include "nn/base/file.h"
#include "nn/base/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool remove_file(const char *path, struct err *err)
{
    return !unlink(path) || errno == ENOENT || err_errno(err, path, "remove");
}

static bool undo_copy(const struct infer_sort_entry *e, const char *to, struct err *err)
{
    if (!place_same(e->from, to))
        return err_set(err, ERR_INPUT, "%s: stays, it is not the same as %s any more", to, e->from);
    return remove_file(to, err);
}

static bool undo_link(const struct infer_sort_entry *e, const char *to, struct err *err)
{
    if (!place_is_link(to, e->from))
        return err_set(err, ERR_INPUT, "%s: stays, it is no longer the link that was made", to);
    return remove_file(to, err);
}

/* The folder that a file came from may have gone when it was empty. */
static bool make_parents(const char *path, struct err *err)
{
    char *folder = strdup(path);
    bool ok;

    if (!folder)
        return err_set(err, ERR_MEMORY, "no memory for a path");
    *strrchr(folder, '/') = 0;
    ok = !*folder || file_mkdir(folder, err);
    free(folder);
    return ok;
}

static bool copy_back(const struct infer_sort_entry *e, const char *to, struct err *err)
{
    struct str part = { 0 };
    bool ok;

    str_printf(&part, "%s.discern-part", e->from);
    ok = part.failed ? err_set(err, ERR_MEMORY, "no memory for a path")
                     : place_copy(to, part.data, e->from, true, err) == PLACE_DONE &&
                           remove_file(to, err);
    str_release(&part);
    return ok;
}

static bool undo_move(const struct infer_sort_entry *e, const char *to, struct err *err)
{
    enum place done;

    if (place_taken(e->from)) {
        if (place_same(e->from, to))    /* it was on its way to another file system */
            return remove_file(to, err);
        return err_set(err, ERR_INPUT, "%s: stays, there is another file at %s", to, e->from);
    }
    if (!make_parents(e->from, err))
        return false;
    done = place_rename(to, e->from, err);
    return done == PLACE_DONE || (done == PLACE_ELSEWHERE && copy_back(e, to, err));
}

static bool undo(const struct infer_sort_entry *e, const char *to, struct err *err)
{
    if (!place_taken(to)) {
        if (e->act != INFER_MOVE || place_taken(e->from))
            return true;
        return err_set(err, ERR_INPUT, "%s: is gone, and so is %s", to, e->from);
    }
    return e->act == INFER_COPY ? undo_copy(e, to, err)
           : e->act == INFER_MOVE ? undo_move(e, to, err) : undo_link(e, to, err);
}

/* Label folders that nothing is left in, and a copy that never became whole. */
static void sweep(const struct infer_sort_log *l, const char *folder)
{
    struct str path = { 0 };

    for (int i = 0; i < l->n; i++) {
        const char *to = l->entry[i].to;
        int n = (int)strcspn(to, "/");

        if (i && !strncmp(to, l->entry[i - 1].to, (size_t)n + 1))
            continue;
        str_clear(&path);
        str_printf(&path, "%s/%.*s/.discern-part", folder, n, to);
        if (path.failed)
            break;
        unlink(path.data);
        *strrchr(path.data, '/') = 0;
        rmdir(path.data);       /* only when it is empty */
    }
    str_release(&path);
}

static void undo_all(struct infer_sort_log *l, const char *folder, infer_sort_tell_fn *tell,
                     void *ctx, bool *keep, struct infer_sort_counts *counts)
{
    struct str to = { 0 };

    for (int i = l->n - 1; i >= 0; i--) {
        struct err why = { 0 };

        str_clear(&to);
        str_printf(&to, "%s/%s", folder, l->entry[i].to);
        keep[i] = to.failed ? !err_set(&why, ERR_MEMORY, "no memory for a path")
                            : !undo(&l->entry[i], to.data, &why);
        counts->sorted += !keep[i];
        counts->left += keep[i];
        if (keep[i])
            tell(ctx, &why);
    }
    str_release(&to);
}

bool infer_sort_undo(const char *folder, infer_sort_tell_fn *tell, void *ctx,
                     struct infer_sort_counts *counts, struct err *err)
{
    struct infer_sort_log l;
    bool *keep, ok;

    *counts = (struct infer_sort_counts){ 0 };
    if (!infer_sort_log_open(&l, folder, -1, false, err))
        return false;
    keep = calloc((size_t)l.n + 1, sizeof *keep);
    ok = keep || err_set(err, ERR_MEMORY, "no memory for a log");
    if (ok) {
        undo_all(&l, folder, tell, ctx, keep, counts);
        sweep(&l, folder);
        ok = counts->left ? infer_sort_log_cut(&l, keep, err) : remove_file(l.path, err);
        if (ok && !counts->left && l.made)
            rmdir(folder);
    }
    free(keep);
    infer_sort_log_close(&l);
    return ok;
}
