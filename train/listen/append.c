/*
 * append -- see append.h
 */
#include "train/listen/append.h"

#include "nn/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 4096 };

bool train_write_all(int fd, const void *data, size_t bytes)
{
    const char *p = data;

    while (bytes) {
        ssize_t n = write(fd, p, bytes);

        if (n < 0 && errno != EINTR)
            return false;
        p += n > 0 ? n : 0;
        bytes -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Bytes up to the end of the last whole line of a file of `size`; -1 with errno. */
static int64_t whole_lines(int fd, int64_t size)
{
    char block[BLOCK];

    while (size > 0) {
        int64_t from = size > BLOCK ? size - BLOCK : 0;
        ssize_t n = pread(fd, block, (size_t)(size - from), from);
        const char *end;

        if (n != size - from)
            return -1;
        end = memrchr(block, '\n', (size_t)n);
        if (end)
            return from + (end - block) + 1;
        size = from;
    }
    return 0;
}

static bool open_old(struct train_append *a, struct err *err)
{
    struct stat st;

    /* A FIFO does not block: it is refused below. */
    a->fd = open(a->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (a->fd < 0 || fstat(a->fd, &st))
        return err_errno(err, a->path, "open");
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INPUT, "%s: is no regular file", a->path);
    a->bytes = whole_lines(a->fd, st.st_size);
    if (a->bytes < 0)
        return err_errno(err, a->path, "read");
    if (a->bytes < st.st_size && ftruncate(a->fd, a->bytes))
        return err_errno(err, a->path, "write");
    return true;
}

bool train_append_open(struct train_append *a, const char *dir, const char *name, bool keep,
                       struct err *err)
{
    *a = (struct train_append){ .fd = -1, .wanted = keep, .path = file_in(dir, name, err) };
    if (!a->path)
        return false;
    if ((keep || file_replace(a->path, "", 0, err)) && open_old(a, err))
        return true;
    train_append_close(a);
    return false;
}

bool train_append(struct train_append *a, const void *data, size_t bytes, struct err *err)
{
    if (train_write_all(a->fd, data, bytes)) {
        a->bytes += (int64_t)bytes;
        return true;
    }
    err_errno(err, a->path, "write");
    return ftruncate(a->fd, a->bytes) ? err_in(err, "a piece of a line is left") : false;
}

bool train_append_str(struct train_append *a, struct str *text, struct err *err)
{
    bool ok = text->failed ? err_set(err, ERR_MEMORY, "%s: no memory to write it", a->path)
                           : train_append(a, str_text(text), text->len, err);

    str_clear(text);
    return ok;
}

void train_append_hear(struct train_append *a, const struct train_event *e)
{
    a->wanted |= e->kind == TRAIN_EVENT_EPOCH || e->kind == TRAIN_EVENT_SAVED ||
                 e->kind == TRAIN_EVENT_END;
}

bool train_append_sync(struct train_append *a, struct err *err)
{
    return !fsync(a->fd) || err_errno(err, a->path, "write");
}

void train_append_close(struct train_append *a)
{
    if (a->path && a->fd >= 0) {
        close(a->fd);
        if (!a->wanted)
            unlink(a->path);
    }
    free(a->path);
    *a = (struct train_append){ .fd = -1 };
}
