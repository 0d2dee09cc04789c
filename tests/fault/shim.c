/*
 * shim -- a library to be preloaded that lets the k-th call on a folder's files fail, or ends there
 *
 * FAULT_DIR  the folder, as the program names it; without it nothing is touched
 * FAULT_K    counted from 1: the call to fall on; 0, or not said: none
 * FAULT_HOW  what happens then: "exit" (the process is gone before the call), "torn" (after half of
 *            a write, else as exit), "lost" (as exit, and what was written since the last fsync of
 *            a file is gone from some byte on, or is zeros), or the call fails: ENOSPC, EIO
 * FAULT_LOG  a file that gets a line a call: NUMBER CALL NAME [NAME], names within the folder
 *
 * Calls that are counted: open to write, write, pwrite, fallocate, ftruncate, fsync, fdatasync,
 * close, rename, renameat2, link, symlink, unlink, mkdir, rmdir.  The system is asked directly, so
 * that what the shim itself does is not counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

enum { PATH = 4096, FILES = 64, GONE = 137 };

/* A file that something was written to: how much of it would survive. */
struct written {
    dev_t dev;
    ino_t ino;
    int fd; /* ours */
    off_t safe;
};

static atomic_int calls;
static struct written file[FILES];
static int n_files;

static long number_of(const char *name)
{
    const char *text = getenv(name);

    return text ? strtol(text, NULL, 10) : 0;
}

/* The name of path within the folder, "." for the folder itself; NULL: it lies elsewhere. */
static const char *inside(const char *path)
{
    const char *dir = getenv("FAULT_DIR");
    size_t len = dir ? strlen(dir) : 0;

    if (!len || strncmp(path, dir, len) != 0 || (path[len] && path[len] != '/'))
        return NULL;
    return path[len] && path[len + 1] ? path + len + 1 : ".";
}

/* The same of an open file; buffer has PATH bytes. */
static const char *inside_fd(int fd, char *buffer)
{
    char link[64];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, buffer, PATH - 1);
    buffer[n > 0 ? n : 0] = 0;
    return n > 0 ? inside(buffer) : NULL;
}

static void tell(int k, const char *call, const char *name, const char *other)
{
    const char *log = getenv("FAULT_LOG");
    char line[2 * PATH + 100];
    int fd, n;

    if (!log)
        return;
    n = snprintf(line, sizeof line, "%d %s %s%s%s\n", k, call, name, other ? " " : "",
                 other ? other : "");
    fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0) {
        syscall(SYS_write, fd, line, (size_t)n);
        syscall(SYS_close, fd);
    }
}

/* ---- what a machine that stops would lose ---------------------------------------------------- */

/* Of the file open as fd; made where it is not there.  NULL: no more room, or no file. */
static struct written *written_of(int fd)
{
    struct stat st;

    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return NULL;
    for (int i = 0; i < n_files; i++)
        if (file[i].dev == st.st_dev && file[i].ino == st.st_ino)
            return &file[i];
    if (n_files == FILES)
        return NULL;
    file[n_files] = (struct written){ st.st_dev, st.st_ino, fcntl(fd, F_DUPFD_CLOEXEC, 100),
                                      st.st_size };
    return &file[n_files++];
}

static void is_safe(int fd)
{
    struct written *w = written_of(fd);
    struct stat st;

    if (w && !fstat(fd, &st))
        w->safe = st.st_size;
}

static void lose(int k)
{
    for (int i = 0; i < n_files; i++) {
        struct stat st;
        off_t some;

        if (file[i].fd < 0 || fstat(file[i].fd, &st) || st.st_size <= file[i].safe)
            continue;
        some = file[i].safe + (off_t)(k * 2654435761u) % (st.st_size - file[i].safe + 1);
        syscall(SYS_ftruncate, file[i].fd, some);
        if (k % 2)
            syscall(SYS_ftruncate, file[i].fd, st.st_size);
    }
}

/* ---- the k-th call --------------------------------------------------------------------------- */

/* Counts a call; true: it is to fail, and errno says how. */
static bool falls(const char *call, const char *name, const char *other)
{
    const char *how = getenv("FAULT_HOW");
    int k = atomic_fetch_add(&calls, 1) + 1;

    tell(k, call, name, other);
    if (!how || k != number_of("FAULT_K"))
        return false;
    if (!strcmp(how, "ENOSPC") || !strcmp(how, "EIO")) {
        errno = how[1] == 'N' ? ENOSPC : EIO;
        return true;
    }
    if (!strcmp(how, "lost"))
        lose(k);
    syscall(SYS_exit_group, GONE);
    return true;
}

static bool falls_fd(const char *call, int fd)
{
    char buffer[PATH];
    const char *name = inside_fd(fd, buffer);

    return name && falls(call, name, NULL);
}

/* Before a write: half of it is made where that is what is to happen. */
static void tear(int fd, const void *data, size_t bytes)
{
    const char *how = getenv("FAULT_HOW");
    char buffer[PATH];

    if (!inside_fd(fd, buffer))
        return;
    written_of(fd);
    if (how && !strcmp(how, "torn") && atomic_load(&calls) + 1 == number_of("FAULT_K"))
        syscall(SYS_write, fd, data, bytes / 2);
}

/* ---- the calls ------------------------------------------------------------------------------- */

static int open_at(int at, const char *path, int flags, mode_t mode)
{
    const char *name = flags & (O_WRONLY | O_RDWR | O_CREAT) ? inside(path) : NULL;

    return name && falls("open", name, NULL) ? -1 : (int)syscall(SYS_openat, at, path, flags, mode);
}

SHOWN int open(const char *path, int flags, ...)
{
    va_list ap;
    mode_t mode;

    va_start(ap, flags);
    mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return open_at(AT_FDCWD, path, flags, mode);
}

SHOWN int openat(int at, const char *path, int flags, ...)
{
    va_list ap;
    mode_t mode;

    va_start(ap, flags);
    mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return open_at(at, path, flags, mode);
}

SHOWN ssize_t write(int fd, const void *data, size_t bytes)
{
    tear(fd, data, bytes);
    return falls_fd("write", fd) ? -1 : syscall(SYS_write, fd, data, bytes);
}

SHOWN ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at)
{
    return falls_fd("pwrite", fd) ? -1 : syscall(SYS_pwrite64, fd, data, bytes, at);
}

SHOWN int fallocate(int fd, int mode, off_t at, off_t bytes)
{
    return falls_fd("fallocate", fd) ? -1 : (int)syscall(SYS_fallocate, fd, mode, at, bytes);
}

SHOWN int ftruncate(int fd, off_t bytes)
{
    return falls_fd("ftruncate", fd) ? -1 : (int)syscall(SYS_ftruncate, fd, bytes);
}

SHOWN int fsync(int fd)
{
    int rc = falls_fd("fsync", fd) ? -1 : (int)syscall(SYS_fsync, fd);

    if (!rc)
        is_safe(fd);
    return rc;
}

SHOWN int fdatasync(int fd)
{
    int rc = falls_fd("fdatasync", fd) ? -1 : (int)syscall(SYS_fdatasync, fd);

    if (!rc)
        is_safe(fd);
    return rc;
}

/* A close that fails has closed all the same, as on Linux. */
SHOWN int close(int fd)
{
    bool fails = falls_fd("close", fd);
    int code = errno, rc = (int)syscall(SYS_close, fd);

    if (!fails)
        return rc;
    errno = code;
    return -1;
}

SHOWN int rename(const char *from, const char *to)
{
    const char *name = inside(from), *other = inside(to);

    if (name && falls("rename", name, other))
        return -1;
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

SHOWN int renameat2(int at, const char *from, int to_at, const char *to, unsigned flags)
{
    const char *name = inside(from), *other = inside(to);

    if (name && falls("renameat2", name, other))
        return -1;
    return (int)syscall(SYS_renameat2, at, from, to_at, to, flags);
}

SHOWN int symlink(const char *target, const char *to)
{
    const char *name = inside(to);

    if (name && falls("symlink", name, NULL))
        return -1;
    return (int)syscall(SYS_symlinkat, target, AT_FDCWD, to);
}

SHOWN int link(const char *from, const char *to)
{
    const char *name = inside(from), *other = inside(to);

    if (name && falls("link", name, other))
        return -1;
    return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

SHOWN int unlink(const char *path)
{
    const char *name = inside(path);

    return name && falls("unlink", name, NULL) ? -1
                                               : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

SHOWN int mkdir(const char *path, mode_t mode)
{
    const char *name = inside(path);

    return name && falls("mkdir", name, NULL) ? -1
                                              : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

SHOWN int rmdir(const char *path)
{
    const char *name = inside(path);

    return name && falls("rmdir", name, NULL)
               ? -1
               : (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}
