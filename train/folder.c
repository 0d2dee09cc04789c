/*
 * folder -- see folder.h
 */
#include "train/folder.h"

#include "nn/base/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_RUNS = 1000000, OWNER_BYTES = 200 };

static const char top[] = "runs";

/* ---- the lock -------------------------------------------------------------------------------- */

static char *lock_path(const struct train_folder *f, struct err *err)
{
    return file_in(str_text(&f->path), ".lock", err);
}

/* Who has the lock, as it stands in the file: "process 12 on HOST". */
static bool refuse(const struct train_folder *f, int fd, struct err *err)
{
    char owner[OWNER_BYTES];
    ssize_t n = pread(fd, owner, sizeof owner - 1, 0);

    owner[n > 0 ? n : 0] = 0;
    owner[strcspn(owner, "\n")] = 0;
    return err_set(err, ERR_IO, "%s: a training is under way in it: %s", str_text(&f->path),
                   owner[0] ? owner : "another process");
}

static void sign(int fd)
{
    char host[100] = "", owner[OWNER_BYTES];
    int n;

    gethostname(host, sizeof host - 1);
    n = snprintf(owner, sizeof owner, "process %ld on %s\n", (long)getpid(), host);
    if (ftruncate(fd, 0) || pwrite(fd, owner, (size_t)n, 0) != n)
        return; /* the lock holds all the same, without a name */
}

/* Whether the file that was opened is still the one under that name: its owner may have taken it
 * away between our open and our lock. */
static bool same_file(int fd, const char *path)
{
    struct stat a, b;

    return !fstat(fd, &a) && !stat(path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Where locks are not known (some network file systems) there is none, which is no failure. */
static bool lock(struct train_folder *f, struct err *err)
{
    char *path = lock_path(f, err);
    int rc;

    f->lock = -1;
    while (path && f->lock < 0) {
        f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (f->lock < 0) {
            err_errno(err, path, "make");
            break;
        }
        do
            rc = flock(f->lock, LOCK_EX | LOCK_NB);
        while (rc && errno == EINTR);
        if (rc && errno == EWOULDBLOCK) {
            refuse(f, f->lock, err);
            close(f->lock);
            f->lock = -1;
            break;
        }
        if (!rc && !same_file(f->lock, path)) {
            close(f->lock);
            f->lock = -1;
        }
    }
    free(path);
    if (f->lock < 0)
        return false;
    sign(f->lock);
    return true;
}

/* ---- what is in it --------------------------------------------------------------------------- */

/* "NAME.tmp-12" or "NAME.tmp-12-3", as nn/base/file.h has it, of a kind of file that a run has:
 * --force may have been given for any folder. */
static bool is_rest(const char *name)
{
    static const char *const endings[] = { ".safetensors", ".json", ".jsonl", ".csv", ".html" };
    static const char events[] = "events.out.tfevents.";
    const char *tmp = strstr(name, ".tmp-");
    bool ours = !strncmp(name, events, sizeof events - 1);

    if (!tmp || !isdigit((unsigned char)tmp[5]) ||
        tmp[5 + strspn(tmp + 5, "0123456789-")])
        return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t len = strlen(endings[i]);

        ours |= (size_t)(tmp - name) > len && !memcmp(tmp - len, endings[i], len);
    }
    return ours;
}

/* How many things are in it, without hidden ones and without what killed processes left, which
 * goes.  -1 on failure. */
static int clean(const struct train_folder *f, struct err *err)
{
    char **names;
    int n = file_list(str_text(&f->path), &names, err), left = n;

    for (int i = 0; i < n; i++) {
        struct err ignored;
        char *path;

        if (!is_rest(names[i]))
            continue;
        path = file_in(str_text(&f->path), names[i], &ignored);
        left -= path && !unlink(path);
        free(path);
    }
    free(names);
    return left;
}

/* ---- open and close -------------------------------------------------------------------------- */

static bool make_numbered(struct train_folder *f, struct err *err)
{
    f->made_top = file_kind(top) == FILE_NONE;
    if (!file_mkdir(top, err))
        return false;
    for (int i = 1; i < MAX_RUNS; i++) {
        str_clear(&f->path);
        str_printf(&f->path, "%s/train-%d", top, i);
        if (f->path.failed)
            return err_set(err, ERR_MEMORY, "no memory to name a folder");
        f->made = !mkdir(str_text(&f->path), 0777);
        if (f->made)
            return true;
        if (errno != EEXIST)
            return err_errno(err, str_text(&f->path), "make");
    }
    return err_set(err, ERR_IO, "%s: there are %d already", top, MAX_RUNS);
}

static bool make_named(struct train_folder *f, const char *out, struct err *err)
{
    str_add(&f->path, out);
    if (f->path.failed)
        return err_set(err, ERR_MEMORY, "no memory to name a folder");
    f->made = file_kind(out) == FILE_NONE;
    return !f->made || file_mkdir(out, err);
}

/* Locks it, and counts what is in it; closed on failure. */
static bool take(struct train_folder *f, int *n, struct err *err)
{
    *n = lock(f, err) ? clean(f, err) : -1;
    if (*n >= 0)
        return true;
    train_folder_close(f);
    return false;
}

bool train_folder_open(struct train_folder *f, const char *out, bool force, struct err *err)
{
    int n;

    *f = (struct train_folder){ .lock = -1 };
    if (!(out ? make_named(f, out, err) : make_numbered(f, err))) {
        train_folder_close(f);
        return false;
    }
    if (!take(f, &n, err))
        return false;
    if (!n || force)
        return true;
    err_set(err, ERR_INPUT, "%s: is not empty; --force writes into it", str_text(&f->path));
    train_folder_close(f);
    return false;
}

bool train_folder_enter(struct train_folder *f, const char *path, struct err *err)
{
    int n;

    *f = (struct train_folder){ .lock = -1 };
    if (file_kind(path) != FILE_FOLDER)
        return err_set(err, ERR_INPUT, "%s: is no folder of a training", path);
    str_add(&f->path, path);
    if (f->path.failed)
        return err_set(err, ERR_MEMORY, "no memory to name a folder");
    return take(f, &n, err);
}

void train_folder_close(struct train_folder *f)
{
    struct err ignored;
    char **names = NULL, *path = NULL;
    bool held = f->path.len && f->lock >= 0;

    if (held && file_list(str_text(&f->path), &names, &ignored) == 0) {
        path = lock_path(f, &ignored);
        if (path)
            unlink(path);
    }
    free(names);
    free(path);
    /* Neither goes while there is anything in it. */
    if (f->made && !rmdir(str_text(&f->path)) && f->made_top)
        rmdir(top);
    if (held)
        close(f->lock);
    str_release(&f->path);
    *f = (struct train_folder){ .lock = -1 };
}
