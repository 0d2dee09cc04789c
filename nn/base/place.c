/*
 * place -- see place.h
 */
#include "nn/base/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 16 };

static enum place cannot(const char *path, const char *what, struct err *err)
{
    int error = errno;

    if (error == EXDEV)
        return PLACE_ELSEWHERE;
    err_errno(err, path, what);
    return error == EEXIST ? PLACE_TAKEN : PLACE_FAILED;
}

bool place_taken(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* By two names for a while; or, where a file system knows but one, after a look. */
static int rename_by_link(const char *from, const char *to)
{
    if (!link(from, to))
        return unlink(from);
    if (errno != EPERM && errno != ENOTSUP && errno != EMLINK)
        return -1;
    if (place_taken(to)) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

enum place place_rename(const char *from, const char *to, struct err *err)
{
    int rc = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);

    if (rc && (errno == EINVAL || errno == ENOSYS))
        rc = rename_by_link(from, to);
    if (!rc)
        return PLACE_DONE;
    /* Of the two names the one that is at fault. */
    return cannot(errno == ENOENT && !place_taken(from) ? from : to, "move a file to", err);
}

enum place place_link(const char *target, const char *to, struct err *err)
{
    return symlink(target, to) ? cannot(to, "link", err) : PLACE_DONE;
}

/* -1: errno of reading stays; -2: of writing. */
static int pour(int from, int to)
{
    char block[BLOCK];
    ssize_t n;

    while ((n = read(from, block, sizeof block)) > 0 || (n < 0 && errno == EINTR)) {
        for (ssize_t done = 0, w; n > 0 && done < n; done += w) {
            w = write(to, block + done, (size_t)(n - done));
            if (w < 0 && errno == EINTR)
                w = 0;
            else if (w <= 0)
                return -2;
        }
    }
    return n < 0 ? -1 : 0;
}

static bool fill(int in, const char *from, const char *part, bool durable, struct err *err)
{
    struct stat st;
    int out, rc;

    if (fstat(in, &st))
        return err_errno(err, from, "read");
    unlink(part);
    out = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        return err_errno(err, part, "write");
    rc = pour(in, out);
    if (rc == 0 && (fchmod(out, st.st_mode & 0777) ||
                    futimens(out, (struct timespec[]){ st.st_atim, st.st_mtim }) ||
                    (durable && fsync(out))))
        rc = -2;
    if (rc)
        err_errno(err, rc == -1 ? from : part, rc == -1 ? "read" : "write");
    if (close(out) && !rc && errno != EINTR) {
        rc = -2;
        err_errno(err, part, "write");
    }
    return !rc;
}

enum place place_copy(const char *from, const char *part, const char *to, bool durable,
                      struct err *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum place done = PLACE_FAILED;

    if (in < 0) {
        err_errno(err, from, "open");
        return PLACE_FAILED;
    }
    if (fill(in, from, part, durable, err))
        done = place_rename(part, to, err);
    close(in);
    if (done != PLACE_DONE)
        unlink(part);
    return done;
}

static size_t read_block(int fd, char *block)
{
    size_t n = 0;
    ssize_t got;

    while (n < BLOCK && ((got = read(fd, block + n, BLOCK - n)) > 0 || (got < 0 && errno == EINTR)))
        n += got > 0 ? (size_t)got : 0;
    return n;
}

bool place_same(const char *a, const char *b)
{
    int fa = open(a, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int fb = open(b, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char block[2][BLOCK];
    struct stat sa, sb, link;
    bool same = fa >= 0 && fb >= 0 && !fstat(fa, &sa) && !fstat(fb, &sb) && !lstat(a, &link) &&
                S_ISREG(sa.st_mode) && S_ISREG(sb.st_mode) && sa.st_size == sb.st_size &&
                !(S_ISLNK(link.st_mode) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino);
    off_t left = same ? sa.st_size : 0;

    while (same && left > 0) {
        size_t n = read_block(fa, block[0]), m = read_block(fb, block[1]);

        same = n > 0 && n == m && !memcmp(block[0], block[1], n);
        left -= (off_t)n;
    }
    if (fa >= 0)
        close(fa);
    if (fb >= 0)
        close(fb);
    return same;
}

bool place_is_link(const char *to, const char *target)
{
    char text[PATH_MAX];
    ssize_t n = readlink(to, text, sizeof text);

    return n >= 0 && (size_t)n < sizeof text && (size_t)n == strlen(target) &&
           !memcmp(text, target, (size_t)n);
}
