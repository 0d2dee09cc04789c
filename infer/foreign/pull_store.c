/*
 * pull_store -- see pull_store.h
 */
#include "infer/foreign/pull_store.h"

#include "nn/base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory for a download");
}

const char *infer_pull_path(struct infer_pull_job *p, const char *name)
{
    const char *path = arena_printf(p->mem, "%s/snapshots/%s%s%s", p->store, p->commit,
                                    name ? "/" : "", name ? name : "");

    if (!path)
        no_memory(p->err);
    return path;
}

/* The folders above a file. */
static bool make_folders(const char *path, struct err *err)
{
    char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
    bool ok = folder || no_memory(err);

    if (slash) {
        *slash = '\0';
        ok = file_mkdir(folder, err);
    }
    free(folder);
    return ok;
}

bool infer_pull_add(struct infer_pull_job *p, const char *name, int64_t came, bool checked)
{
    const char *path = infer_pull_path(p, name);
    struct infer_pulled_file *more;
    struct stat st;

    if (!path)
        return false;
    if (stat(path, &st))
        return err_errno(p->err, path, "look at");
    if (p->out->n == p->room) {
        more = arena_array(p->mem, 2 * (size_t)p->room + 8, sizeof *more);
        if (!more)
            return no_memory(p->err);
        if (p->out->n)
            memcpy(more, p->out->file, (size_t)p->out->n * sizeof *more);
        p->out->file = more;
        p->room = 2 * p->room + 8;
    }
    p->out->file[p->out->n++] = (struct infer_pulled_file){ name, path, st.st_size, came, checked };
    return true;
}

bool infer_pull_has(struct infer_pull_job *p, const char *name)
{
    const char *path = infer_pull_path(p, name);

    return path && file_kind(path) == FILE_REGULAR;
}

bool infer_pull_add_old(struct infer_pull_job *p, const char *name)
{
    const char *path = infer_pull_path(p, name), *sum = p->o->sha256;
    enum infer_digest kind = sum ? INFER_DIGEST_SHA256 : INFER_DIGEST_NONE;
    char to[PATH_MAX];
    ssize_t n = path && !p->at.url ? readlink(path, to, sizeof to - 1) : 0;
    bool wrong = false;

    if (!path)
        return false;
    if (n > 0) {
        to[n] = '\0';
        sum = strrchr(to, '/') ? strrchr(to, '/') + 1 : to;
        for (enum infer_digest k = INFER_DIGEST_SHA256; k <= INFER_DIGEST_GIT; k++)
            if (infer_digest_is(k, sum, strlen(sum)))
                kind = k;
    }
    if (kind && !infer_pull_check(path, name, kind, sum, &p->o->hooks, &wrong, p->err))
        return wrong ? err_set(p->err, ERR_INPUT, "%s: has gone bad on this disk: %s; without "
                               "--offline it comes anew", name, p->err->msg) : false;
    return infer_pull_add(p, name, 0, kind);
}

bool infer_pull_read_ref(struct infer_pull_job *p)
{
    struct err none = { 0 };
    size_t n = 0;
    char *text = (char *)file_read(p->ref, INFER_DIGEST_HEX, &n, &none);
    bool ok = text && infer_digest_is(INFER_DIGEST_GIT, text, n);

    if (ok)
        memcpy(p->commit, text, n + 1);
    free(text);
    return ok;
}

bool infer_pull_link(struct infer_pull_job *p, const char *name, const char *key)
{
    const char *path = infer_pull_path(p, name), *tmp;
    struct str to = { 0 };
    bool ok;

    if (!path || !make_folders(path, p->err))
        return false;
    tmp = arena_printf(p->mem, "%s.tmp-%ld", path, (long)getpid());
    str_add(&to, "../../");
    for (const char *c = name; *c; c++)
        if (*c == '/')
            str_add(&to, "../");
    str_printf(&to, "blobs/%s", key);
    if (!tmp || to.failed) {
        str_release(&to);
        return no_memory(p->err);
    }
    unlink(tmp);
    ok = !symlink(str_text(&to), tmp) && !rename(tmp, path);
    if (!ok) {
        file_cannot(p->err, path, "create");
        unlink(tmp);
    }
    str_release(&to);
    return ok;
}

bool infer_pull_write_refs(struct infer_pull_job *p)
{
    const char *own = arena_printf(p->mem, "%s/refs/%s", p->store, p->commit);
    size_t n = strlen(p->commit);

    if (!own)
        return no_memory(p->err);
    return make_folders(p->ref, p->err) && file_replace(p->ref, p->commit, n, p->err) &&
           (p->at.url || file_replace(own, p->commit, n, p->err));
}
