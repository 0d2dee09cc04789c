/*
 * cache_folder -- see cache_folder.h
 */
#include "data/cache_folder.h"

#include "nn/base/arena.h"
#include "nn/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX ".pixels"
#define TMP SUFFIX ".tmp-"

enum { KEY_DIGITS = 16, TMP_TRIES = 100, OPEN = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY };

/* A complete cache, or one that somebody fills. */
struct tenant {
    char *path;
    bool whole;
    uint64_t bytes;
    struct timespec used;
};

struct house {
    struct tenant *tenant;
    int n;
    uint64_t bytes, filling;    /* of all; of those that are being filled */
};

/* Ours are 16 hex digits and a suffix; all else in the folder is left alone. */
static bool is_ours(const char *name, bool *whole)
{
    const char *rest = name + KEY_DIGITS;

    if (strspn(name, "0123456789abcdef") != KEY_DIGITS)
        return false;
    *whole = !strcmp(rest, SUFFIX);
    return *whole || !strncmp(rest, TMP, sizeof TMP - 1);
}

static char *path_of(const char *dir, const char *name)
{
    size_t size = strlen(dir) + strlen(name) + 2;
    char *path = malloc(size);

    if (path)
        snprintf(path, size, "%s/%s", dir, name);
    return path;
}

/* Opens the file when nobody else holds it; -1 when somebody does, or it is gone. */
static int open_free(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | OPEN);

    if (fd >= 0 && !fstat(fd, st) && S_ISREG(st->st_mode) && !flock(fd, LOCK_EX | LOCK_NB))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Notes one file of the folder; a temporary that nobody holds is removed instead. */
static void look_at(struct house *h, const char *path, bool whole)
{
    struct stat st;
    int fd;

    if (lstat(path, &st) || !S_ISREG(st.st_mode))
        return;
    if (!whole) {
        fd = open_free(path, &st);
        if (fd >= 0) {
            unlink(path);
            close(fd);
            return;
        }
    }

    struct tenant *t = &h->tenant[h->n];

    *t = (struct tenant){ strdup(path), whole, (uint64_t)st.st_blocks * 512, st.st_mtim };
    h->bytes += t->bytes;
    h->filling += whole ? 0 : t->bytes;
    h->n += t->path != NULL;
}

static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const struct tenant *)a)->used,
                          *y = &((const struct tenant *)b)->used;

    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static bool look_around(const char *dir, struct house *h, struct err *err)
{
    char **names = NULL;
    int n = file_list(dir, &names, err);

    if (n < 0)
        return false;
    h->tenant = calloc((size_t)n + 1, sizeof *h->tenant);
    for (int i = 0; h->tenant && i < n; i++) {
        bool whole;
        char *path = is_ours(names[i], &whole) ? path_of(dir, names[i]) : NULL;

        if (path)
            look_at(h, path, whole);
        free(path);
    }
    free(names);
    if (!h->tenant)
        return err_set(err, ERR_MEMORY, "%s: cannot hold its %d names", dir, n);
    qsort(h->tenant, (size_t)h->n, sizeof *h->tenant, by_use);
    return true;
}

static void house_release(struct house *h)
{
    for (int i = 0; i < h->n; i++)
        free(h->tenant[i].path);
    free(h->tenant);
}

/* What nobody can use because somebody reads it now stays. */
static uint64_t held(const struct house *h)
{
    uint64_t bytes = h->filling;

    for (int i = 0; i < h->n; i++) {
        struct stat st;
        int fd;

        if (!h->tenant[i].whole)
            continue;
        fd = open_free(h->tenant[i].path, &st);
        if (fd >= 0)
            close(fd);
        else
            bytes += h->tenant[i].bytes;
    }
    return bytes;
}

bool data_cache_make_room(const char *dir, double share, uint64_t bytes, struct err *err)
{
    struct house h = { 0 };
    struct statvfs disk;
    double limit;
    bool ok = file_mkdir(dir, err) && look_around(dir, &h, err);

    if (ok && statvfs(dir, &disk))
        ok = err_errno(err, dir, "look at its disk");
    if (!ok) {
        house_release(&h);
        return false;
    }
    limit = share * ((double)disk.f_bavail * (double)disk.f_frsize + (double)h.bytes);
    if ((double)held(&h) + (double)bytes > limit)
        ok = err_set(err, ERR_IO,
                     "%s: the pixels would take %.3g GB, and %.2g %% of the free disk is %.3g GB",
                     dir, 1e-9 * (double)bytes, 100 * share, 1e-9 * limit);
    for (int i = 0; ok && i < h.n && (double)h.bytes + (double)bytes > limit; i++) {
        struct tenant *t = &h.tenant[i];
        struct stat st;
        int fd = t->whole ? open_free(t->path, &st) : -1;

        if (fd >= 0 && !unlink(t->path))
            h.bytes -= t->bytes;
        if (fd >= 0)
            close(fd);
    }
    house_release(&h);
    return ok;
}

int data_cache_create(const char *dir, const char *name, char **path, struct err *err)
{
    size_t size = strlen(dir) + strlen(name) + 64;
    struct stat st;

    *path = malloc(size);
    if (!*path) {
        err_set(err, ERR_MEMORY, "%s: no memory to make a cache", dir);
        return -1;
    }
    for (int i = 0; i < TMP_TRIES; i++) {
        int fd, code;

        snprintf(*path, size, i ? "%s/%s.tmp-%ld-%d" : "%s/%s.tmp-%ld", dir, name, (long)getpid(),
                 i);
        fd = open(*path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0)
            break;
        errno = 0;
        if (!flock(fd, LOCK_EX | LOCK_NB) && !fstat(fd, &st) && st.st_nlink)
            return fd;
        code = errno;
        close(fd);
        /* Who cleans up may have taken it for a dead one's before it was locked: again. */
        if (code && code != EWOULDBLOCK) {
            unlink(*path);
            errno = code;
            break;
        }
    }
    err_errno(err, dir, "make a file in it");
    free(*path);
    *path = NULL;
    return -1;
}

int data_cache_lend(const char *path, uint64_t *size, struct err *err)
{
    int fd = open(path, O_RDONLY | OPEN);
    struct stat st;

    if (fd < 0 && errno == ENOENT)
        return -1;
    if (fd < 0 && errno != ELOOP && errno != ENXIO) {   /* a link, a socket */
        err_errno(err, path, "open");
        return -1;
    }
    if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
        flock(fd, LOCK_SH | LOCK_NB);   /* a moment too late it is removed, which harms no reader */
        (void)!futimens(fd, NULL);      /* used: it is the last to make room */
        *size = (uint64_t)st.st_size;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    data_cache_remove(path, err);
    return -1;
}

bool data_cache_remove(const char *path, struct err *err)
{
    return !unlink(path) || errno == ENOENT || err_errno(err, path, "remove");
}
