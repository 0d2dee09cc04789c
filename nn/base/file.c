/*
 * file -- read whole, map, replace atomically, walk sorted
 */
#include "nn/base/file.h"

#include "nn/base/arena.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

bool file_cannot(struct err *err, const char *path, const char *what)
{
    err_errno(err, path, what);
    if (err->kind == ERR_INPUT)
        err->kind = ERR_IO;
    return false;
}

/* Opens a regular file to read.  O_NONBLOCK: a FIFO without a writer would block for ever. */
static int open_regular(const char *path, struct stat *st, struct err *err)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    if (fd < 0 && (errno == ENXIO || errno == ENODEV)) { /* a socket, a device that is not there */
        err_set(err, ERR_INPUT, "%s: is not a regular file", path);
        return -1;
    }
    if (fd < 0) {
        err_errno(err, path, "open");
        return -1;
    }
    if (fstat(fd, st)) {
        err_errno(err, path, "look at");
        goto fail;
    }
    if (!S_ISREG(st->st_mode)) {
        err_set(err, ERR_INPUT, "%s: is %s", path,
                S_ISDIR(st->st_mode) ? "a folder, not a file" : "not a regular file");
        goto fail;
    }
    return fd;
fail:
    close(fd);
    return -1;
}

/* Up to n bytes, fewer only at the end of the file; -1 on failure. */
static ssize_t read_full(int fd, uint8_t *data, size_t n)
{
    size_t got = 0;

    while (got < n) {
        ssize_t r = read(fd, data + got, n - got);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

/* From fd to its end; path is what errors call it. */
static uint8_t *read_all(int fd, const char *path, uint64_t likely, size_t max_bytes, size_t *size,
                         struct err *err)
{
    uint8_t *data = NULL;

    if (max_bytes > PTRDIFF_MAX - 2)
        max_bytes = PTRDIFF_MAX - 2;

    /* The likely size is where to start: files grow, and those in /proc say 0.  One byte more than
     * expected is asked for, to see the end; one more is for the terminator. */
    size_t expected = likely < max_bytes ? (size_t)likely : max_bytes;
    size_t len = likely > max_bytes ? max_bytes + 1 : 0, room = expected + 1;

    while (len <= max_bytes) {
        uint8_t *more = realloc(data, room + 1);

        if (!more) {
            err_set(err, ERR_MEMORY, "%s: cannot hold %zu bytes", path, room);
            break;
        }
        data = more;

        ssize_t got = read_full(fd, data + len, room - len);

        if (got < 0) {
            err_errno(err, path, "read");
            break;
        }
        len += (size_t)got;
        if (len < room) {
            data[len] = 0;
            *size = len;
            return data;
        }
        room = room > max_bytes / 2 ? max_bytes + 1 : room < 2048 ? 4096 : room * 2;
        if (room > max_bytes + 1)
            room = max_bytes + 1;
    }
    if (len > max_bytes)
        err_set(err, ERR_INPUT, "%s: is larger than %zu bytes", path, max_bytes);
    free(data);
    return NULL;
}

uint8_t *file_read(const char *path, size_t max_bytes, size_t *size, struct err *err)
{
    struct stat st;
    uint8_t *data;
    int fd = open_regular(path, &st, err);

    if (fd < 0)
        return NULL;
    data = read_all(fd, path, (uint64_t)st.st_size, max_bytes, size, err);
    close(fd);
    return data;
}

uint8_t *file_read_input(size_t max_bytes, size_t *size, struct err *err)
{
    return read_all(STDIN_FILENO, "standard input", 0, max_bytes, size, err);
}

uint8_t *file_head(const char *path, size_t most, size_t *size, uint64_t *whole, struct err *err)
{
    struct stat st;
    uint8_t *data;
    ssize_t got = -1;
    int fd = open_regular(path, &st, err);

    if (fd < 0)
        return NULL;
    most = (uint64_t)st.st_size < most ? (size_t)st.st_size : most;
    data = malloc(most + 1);
    if (!data)
        err_set(err, ERR_MEMORY, "%s: cannot hold %zu bytes", path, most);
    else if ((got = read_full(fd, data, most)) < 0)
        err_errno(err, path, "read");
    close(fd);
    if (got < 0) {
        free(data);
        return NULL;
    }
    data[got] = 0;
    *size = (size_t)got;
    *whole = (uint64_t)st.st_size;
    return data;
}

const uint8_t *file_map(const char *path, size_t *size, struct err *err)
{
    struct stat st;
    void *data = MAP_FAILED;
    int fd = open_regular(path, &st, err);

    if (fd < 0)
        return NULL;
    if (st.st_size == 0)
        err_set(err, ERR_INPUT, "%s: is empty", path);
    else if ((uint64_t)st.st_size > PTRDIFF_MAX)
        err_set(err, ERR_MEMORY, "%s: cannot map %lld bytes", path, (long long)st.st_size);
    else if ((data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
        err_errno(err, path, "map");
    close(fd);
    if (data == MAP_FAILED)
        return NULL;
    *size = (size_t)st.st_size;
    return data;
}

void file_unmap(const uint8_t *data, size_t size)
{
    if (data)
        munmap((void *)(uintptr_t)data, size);
}

void file_leave(const void *data, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)data + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)data + size) / page * page;

    if (first < end)
        madvise((void *)first, end - first, MADV_DONTNEED);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct file_out {
    int fd;
    bool failed;                    /* a write did: nothing may be put in place */
    uint64_t need;                  /* bytes in all; 0: nobody said */
    char *path, *tmp;
};

/* PID_MOST: no process of Linux has a higher number (proc(5), pid_max). */
enum { TMP_TRIES = 100, LINKS = 40, PID_MOST = 1 << 22 };

char *file_target(const char *path, struct err *err)
{
    char *at = strdup(path), to[PATH_MAX];
    int links = 0;
    ssize_t n;

    while (at && (n = readlink(at, to, sizeof to)) > 0) {
        const char *slash = strrchr(at, '/');
        size_t folder = to[0] == '/' || !slash ? 0 : (size_t)(slash + 1 - at);
        char *next = malloc(folder + (size_t)n + 1);

        if (next) {
            memcpy(next, at, folder);
            memcpy(next + folder, to, (size_t)n);
            next[folder + (size_t)n] = 0;
        }
        free(at);
        at = next;
        if (++links > LINKS || n == sizeof to) {
            errno = ELOOP;
            file_cannot(err, path, "follow");
            free(at);
            return NULL;
        }
    }
    if (!at)
        err_set(err, ERR_MEMORY, "%s: no memory to write it", path);
    return at;
}

/* The file beside f->path; false, and errno, where there can be none. */
static bool open_tmp(struct file_out *f, size_t size)
{
    /* The plain name may be taken: by another thread, or by a killed run that had our number. */
    for (int i = 0; i < TMP_TRIES && f->fd < 0; i++) {
        struct stat st;

        snprintf(f->tmp, size, i ? "%s.tmp-%ld-%d" : "%s.tmp-%ld", f->path, (long)getpid(), i);
        f->fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (f->fd < 0 && errno != EEXIST)
            break;
        /* Who cannot see our process may have swept it away before it was locked: again. */
        if (f->fd >= 0 && !flock(f->fd, LOCK_EX | LOCK_NB) && !fstat(f->fd, &st) && !st.st_nlink) {
            close(f->fd);
            f->fd = -1;
        }
    }
    return f->fd >= 0;
}

/* A number as printf writes it, from 1 to most, at *p, which it moves on; 0: there is none. */
static long number_at(const char **p, long most)
{
    char *end;
    long n = **p >= '1' && **p <= '9' ? strtol(*p, &end, 10) : 0;

    if (n < 1 || n > most)
        return 0;
    *p = end;
    return n;
}

/* The process of "BASE.tmp-PID" or "BASE.tmp-PID-1", as open_tmp calls them; 0: it is called
 * otherwise, and whose it is nobody knows. */
static pid_t writer_of(const char *name, const char *base)
{
    static const char between[] = ".tmp-";
    size_t n = strlen(base), m = sizeof between - 1;
    const char *p;
    long id;

    if (strncmp(name, base, n) != 0 || strncmp(name + n, between, m) != 0)
        return 0;
    p = name + n + m;
    id = number_at(&p, PID_MOST);
    if (id && *p == '-' && (p++, !number_at(&p, TMP_TRIES - 1)))
        return 0;
    return *p ? 0 : (pid_t)id;
}

void file_sweep(const char *path)
{
    struct err ignored = { 0 };
    char *target = file_target(path, &ignored), *slash = target ? strrchr(target, '/') : NULL;
    const char *base = slash ? slash + 1 : target;
    DIR *dir = NULL;
    struct dirent *d;

    if (slash) {
        char end = slash[1];    /* "/" stays */

        slash[1] = 0;
        dir = opendir(target);
        slash[1] = end;
    } else if (target) {
        dir = opendir(".");
    }
    while (dir && (d = readdir(dir))) {
        pid_t pid = writer_of(d->d_name, base);
        struct stat st, now;
        int fd;

        if (!pid || !kill(pid, 0) || errno != ESRCH)
            continue;
        fd = openat(dirfd(dir), d->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        /* The name may be another's by the time that it is locked. */
        if (!fstat(fd, &st) && S_ISREG(st.st_mode) && !flock(fd, LOCK_EX | LOCK_NB) &&
            !fstatat(dirfd(dir), d->d_name, &now, AT_SYMLINK_NOFOLLOW) && now.st_dev == st.st_dev &&
            now.st_ino == st.st_ino)
            unlinkat(dirfd(dir), d->d_name, 0);
        close(fd);
    }
    if (dir)
        closedir(dir);
    free(target);
}

struct file_out *file_create(const char *path, struct err *err)
{
    struct stat st;
    bool exists = stat(path, &st) == 0;
    size_t len = strlen(path), tmp_size;
    struct file_out *f;

    /* rename would replace a device by a file, and fail on a folder only when all is written. */
    if (exists && !S_ISREG(st.st_mode)) {
        err_set(err, ERR_INPUT, "%s: is %s", path,
                S_ISDIR(st.st_mode) ? "a folder, not a file" : "not a regular file");
        return NULL;
    }
    if (len == 0 || path[len - 1] == '/') {
        err_set(err, ERR_INPUT, "\"%s\" is no name of a file", path);
        return NULL;
    }
    f = calloc(1, sizeof *f);
    if (!f) {
        err_set(err, ERR_MEMORY, "%s: no memory to write it", path);
        return NULL;
    }
    f->fd = -1;
    f->path = file_target(path, err);
    tmp_size = f->path ? strlen(f->path) + 48 : 0;
    f->tmp = f->path ? malloc(tmp_size) : NULL;
    if (f->path && !f->tmp)
        err_set(err, ERR_MEMORY, "%s: no memory to write it", path);
    if (!f->tmp || (!open_tmp(f, tmp_size) && !file_cannot(err, path, "create"))) {
        free(f->path);
        free(f->tmp);
        free(f);
        return NULL;
    }
    if (exists)
        (void)!fchmod(f->fd, st.st_mode & 0777);        /* what was private stays private */
    return f;
}

/* A write that failed, from errno; where the disk is full, what it would have taken. */
static bool cannot_write(const struct file_out *f, struct err *err)
{
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

    err_errno(err, f->path, "write");
    if (full && f->need)
        err_set(err, err->kind, "%s; %llu bytes are needed", err->msg, (unsigned long long)f->need);
    return false;
}

bool file_room(int fd, uint64_t bytes, uint64_t leave)
{
    struct statvfs disk;
    uint64_t least, unit;

    if (fstatvfs(fd, &disk) || !disk.f_blocks)
        return true;
    unit = disk.f_frsize ? disk.f_frsize : disk.f_bsize;
    least = disk.f_blocks / 16 < leave / unit ? disk.f_blocks / 16 : leave / unit;
    if (disk.f_bavail >= least && bytes / unit <= disk.f_bavail - least)
        return true;
    errno = ENOSPC;
    return false;
}

/* Not posix_fallocate, which where the file system has no such call writes to every block.  The
 * length stays 0, so that a file cut short by a kill looks cut short.  The disk is asked first:
 * what fallocate got before it failed stays taken (ext4), and others would find nothing left. */
bool file_reserve(struct file_out *f, uint64_t bytes, struct err *err)
{
    int rc, why;

    f->need = bytes;
    if (bytes == 0 || bytes > INT64_MAX)
        return true;
    if (!file_room(f->fd, bytes, 0)) {
        f->failed = true;
        return cannot_write(f, err);
    }
    do
        rc = fallocate(f->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes);
    while (rc && errno == EINTR);
    if (!rc || (errno != ENOSPC && errno != EDQUOT && errno != EFBIG))
        return true;
    why = errno;
    (void)!ftruncate(f->fd, 0);     /* gives back what lies behind the end */
    errno = why;
    f->failed = true;
    return cannot_write(f, err);
}

/* At the offset, or where the last write ended when it is -1. */
static bool put(struct file_out *f, off_t offset, const void *data, size_t bytes, struct err *err)
{
    const uint8_t *p = data;

    while (bytes > 0) {
        ssize_t n = offset < 0 ? write(f->fd, p, bytes) : pwrite(f->fd, p, bytes, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n == 0)
                errno = ENOSPC;
            f->failed = true;
            return cannot_write(f, err);
        }
        p += n;
        bytes -= (size_t)n;
        offset += offset < 0 ? 0 : n;
    }
    return true;
}

bool file_write(struct file_out *f, const void *data, size_t bytes, struct err *err)
{
    return put(f, -1, data, bytes, err);
}

bool file_write_over(struct file_out *f, uint64_t offset, const void *data, size_t bytes,
                     struct err *err)
{
    return put(f, (off_t)offset, data, bytes, err);
}

void file_abandon(struct file_out *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    if (f->tmp)
        unlink(f->tmp);
    free(f->tmp);
    free(f->path);
    free(f);
}

/* Makes the new name last.  A folder that cannot be opened to read, or a file system that cannot
 * sync folders, is none of our business: the file itself is safe. */
static bool sync_folder(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    char *folder = len ? strndup(path, len) : strdup(slash ? "/" : ".");
    bool ok = true;

    if (!folder)
        return err_set(err, ERR_MEMORY, "%s: no memory to write it", path);

    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        if (fsync(fd) && (errno == EIO || errno == ENOSPC || errno == EDQUOT))
            ok = err_errno(err, folder, "sync");
        close(fd);
    }
    free(folder);
    return ok;
}

bool file_commit(struct file_out *f, struct err *err)
{
    bool ok = false;

    if (f->failed) {
        err_set(err, ERR_IO, "%s: cannot write: an earlier part failed", f->path);
        goto out;
    }
    if (fsync(f->fd)) {
        cannot_write(f, err);
        goto out;
    }

    int rc = close(f->fd);

    f->fd = -1;
    if (rc && errno != EINTR) {
        cannot_write(f, err);
        goto out;
    }
    if (rename(f->tmp, f->path)) {
        file_cannot(err, f->path, "replace");
        goto out;
    }
    free(f->tmp);
    f->tmp = NULL;
    ok = sync_folder(f->path, err);
out:
    file_abandon(f);
    return ok;
}

bool file_replace(const char *path, const void *data, size_t bytes, struct err *err)
{
    struct file_out *f = file_create(path, err);

    if (!f)
        return false;
    if (!file_reserve(f, bytes, err) || !file_write(f, data, bytes, err)) {
        file_abandon(f);
        return false;
    }
    return file_commit(f, err);
}

/* ---- folders --------------------------------------------------------------------------------- */

static bool make_one(const char *path, struct err *err)
{
    if (mkdir(path, 0777) == 0)
        return true;

    int code = errno;

    /* Not only EEXIST: a parent on a read-only file system is EROFS. */
    if (file_kind(path) == FILE_FOLDER)
        return true;
    errno = code == EEXIST ? ENOTDIR : code;
    return file_cannot(err, path, "make the folder");
}

char *file_in(const char *dir, const char *name, struct err *err)
{
    size_t size = strlen(dir) + strlen(name) + 2;
    char *path = malloc(size);

    if (path)
        snprintf(path, size, "%s/%s", dir, name);
    else
        err_set(err, ERR_MEMORY, "%s/%s: no memory for the path", dir, name);
    return path;
}

bool file_mkdir(const char *path, struct err *err)
{
    char *part = strdup(path);
    bool ok = true;

    if (!part)
        return err_set(err, ERR_MEMORY, "%s: no memory to make it", path);
    for (char *p = part; *p && ok; p++) {
        if (*p != '/' || p == part || p[-1] == '/')
            continue;
        *p = 0;
        ok = make_one(part, err);
        *p = '/';
    }
    ok = ok && make_one(path, err);
    free(part);
    return ok;
}

enum file_kind file_kind(const char *path)
{
    struct stat st;

    if (stat(path, &st))
        return FILE_NONE;
    return S_ISREG(st.st_mode) ? FILE_REGULAR : S_ISDIR(st.st_mode) ? FILE_FOLDER : FILE_OTHER;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int file_list(const char *path, char ***names, struct err *err)
{
    char *text = NULL, **list = NULL;
    size_t len = 0, cap = 0, n = 0, table, bytes;
    int result = -1;
    DIR *dir = opendir(path);

    *names = NULL;
    if (!dir) {
        err_errno(err, path, "list");
        return -1;
    }

    for (;;) {
        errno = 0;

        struct dirent *e = readdir(dir);

        if (!e && errno) {
            err_errno(err, path, "list");
            goto out;
        }
        if (!e)
            break;
        if (e->d_name[0] == '.')
            continue;

        size_t size = strlen(e->d_name) + 1;

        if (size > cap - len) {
            cap = cap * 2 > len + size ? cap * 2 : len + size + 4096;

            char *more = realloc(text, cap);

            if (!more)
                goto no_memory;
            text = more;
        }
        memcpy(text + len, e->d_name, size);
        len += size;
        n++;
    }
    if (n > INT_MAX || !size_mul(n, sizeof *list, &table) || !size_add(table, len + 1, &bytes))
        goto no_memory;
    list = malloc(bytes);
    if (!list)
        goto no_memory;
    if (n > 0) {
        char *p = memcpy((char *)list + table, text, len);

        for (size_t i = 0; i < n; i++, p += strlen(p) + 1)
            list[i] = p;
        qsort(list, n, sizeof *list, by_bytes);
    }
    *names = list;
    result = (int)n;
    goto out;

no_memory:
    err_set(err, ERR_MEMORY, "%s: cannot hold its %zu names", path, n);
out:
    free(text);
    closedir(dir);
    return result;
}
