/*
 * err -- the one error type
 *
 * A function that can fail takes `struct err *err` last (never NULL), leaves it alone on success,
 * and returns bool, a pointer, or an id >= 0 with -1 for failure.  The cause is set where it is
 * known; callers add the place on the way up.  Only the commands turn a kind into an exit status.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err_kind {
    ERR_NONE,
    ERR_MEMORY,         /* an allocation failed or would be absurd */
    ERR_IO,             /* the system refused: no space, no permission */
    ERR_INPUT,          /* bytes, files or values from outside are wrong; also a missing path */
    ERR_UNSUPPORTED,    /* well formed, but nothing that we can do */
    ERR_CANCELLED,      /* the user asked to stop */
    ERR_DIVERGED,       /* training left the finite numbers */
    ERR_USAGE,          /* a command line that makes no sense */
};

struct err {
    enum err_kind kind;
    char msg[512];      /* one line, no trailing newline; cut short if it does not fit */
};

/* Sets kind and message.  Returns false: `return err_set(err, ERR_INPUT, ...)`. */
bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts the place and ": " before the message.  Returns false. */
bool err_in(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sets the error of a failed system call on `path` from errno: ENOENT, ENOTDIR, EISDIR, ELOOP
 * and ENAMETOOLONG are ERR_INPUT, ENOMEM is ERR_MEMORY, all else ERR_IO.  `what` is the verb:
 * "open", "write".  Returns false. */
bool err_errno(struct err *err, const char *path, const char *what);

#endif
