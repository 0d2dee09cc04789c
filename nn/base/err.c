/*
 * err -- the one error type
 */
#include "nn/base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Takes a UTF-8 sequence off the end that was cut in its middle. */
static void trim_utf8(char *s)
{
    size_t len = strlen(s), i = len;

    while (i > 0 && len - i < 3 && ((unsigned char)s[i - 1] & 0xC0) == 0x80)
        i--;
    if (i == 0)
        return;

    unsigned char lead = (unsigned char)s[i - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;

    if (len - (i - 1) < want)
        s[i - 1] = 0;
}

/* The arguments may point into err->msg itself, hence the second buffer. */
static void format(struct err *err, const char *fmt, va_list ap, const char *rest)
{
    char msg[sizeof err->msg];
    int n = vsnprintf(msg, sizeof msg, fmt, ap);
    size_t len = n < 0 ? 0 : strlen(msg);

    msg[len] = 0;
    if (rest && n < (int)sizeof msg)
        n = snprintf(msg + len, sizeof msg - len, ": %s", rest) + (int)len;
    if (n >= (int)sizeof msg)
        trim_utf8(msg);
    for (char *c = msg; *c; c++)        /* names from outside may hold any byte */
        if (*c == '\n')
            *c = '?';
    memcpy(err->msg, msg, strlen(msg) + 1);
}

bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    format(err, fmt, ap, NULL);
    va_end(ap);
    err->kind = kind;
    return false;
}

bool err_in(struct err *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    format(err, fmt, ap, err->msg);
    va_end(ap);
    return false;
}

static enum err_kind kind_of(int code)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return ERR_INPUT;
    case ENOMEM:
        return ERR_MEMORY;
    default:
        return ERR_IO;
    }
}

bool err_errno(struct err *err, const char *path, const char *what)
{
    int code = errno;
    char buf[128], why[128];

    /* "No such file" in the middle of a line reads better small; "RPC ..." stays. */
    snprintf(why, sizeof why, "%s", strerror_r(code, buf, sizeof buf));
    if (why[0] && islower((unsigned char)why[1]))
        why[0] = (char)tolower((unsigned char)why[0]);
    return err_set(err, kind_of(code), "%s: cannot %s: %s", path, what, why);
}
