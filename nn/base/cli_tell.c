/*
 * cli_tell -- see cli.h: how a command ends, what it says, and what it finds around it
 */
#include "nn/base/cli.h"

#include "nn/base/file.h"
#include "nn/base/tell.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the end --------------------------------------------------------------------------------- */

int cli_status(const struct err *err)
{
    switch (err->kind) {
    case ERR_NONE:
        return 0;
    case ERR_USAGE:
        return 2;
    case ERR_INPUT:
    case ERR_UNSUPPORTED:
        return 3;
    case ERR_IO:
        return 4;
    case ERR_MEMORY:
        return 5;
    case ERR_DIVERGED:
        return 6;
    case ERR_CANCELLED:
        return 130;
    }
    return 3;
}

/* The hint is what stands behind the cause: "no command \"evla\"; did you mean \"eval\"?" */
static void print_error(const struct err *err, int status)
{
    static const char schema[] = "\"schema\":\"discern.error/1\"";
    const char *hint = NULL;
    struct str text = { 0 };

    for (const char *p = err->msg; (p = strstr(p, "; ")); p += 2)
        hint = p + 2;
    str_printf(&text, "{\"error\":{\"code\":%d,\"message\":", status);
    str_json(&text, err->msg);
    str_add(&text, ",\"hint\":");
    if (hint)
        str_json(&text, hint);
    else
        str_add(&text, "null");
    str_printf(&text, "},%s}", schema);
    if (text.failed)
        printf("{\"error\":{\"code\":%d,\"message\":\"out of memory\",\"hint\":null},%s}\n", status,
               schema);
    else
        printf("%s\n", str_text(&text));
    str_release(&text);
}

int cli_fail(const struct err *err, bool json)
{
    struct err shown = *err;            /* no allocation: memory may be what ran out */
    int status = cli_status(err);

    for (unsigned char *p = (unsigned char *)shown.msg; *p; p++) {
        if (*p < 0x20 || *p == 0x7F)
            *p = '?';
        else if (*p == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0)     /* C1: terminals obey them too */
            p[0] = p[1] = '?';
    }
    fflush(stdout);
    fprintf(stderr, "discern: %s\n", shown.msg);
    fflush(stderr);
    if (json)
        print_error(err, status);
    return status;
}

bool cli_flush(struct err *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    if (errno)
        return err_errno(err, "standard output", "write");
    return err_set(err, ERR_IO, "standard output: cannot write");
}

/* ---- what a terminal sees -------------------------------------------------------------------- */

int cli_width(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

void cli_column(struct str *out, const char *text, int width, bool right)
{
    struct str clean = { 0 };
    const char *p;
    int w;

    cli_clean(&clean, text);
    w = cli_width(str_text(&clean));
    for (int i = w; right && i < width; i++)
        str_addc(out, ' ');
    p = str_text(&clean);
    for (int n = 0; *p; p++) {
        n += ((unsigned char)*p & 0xC0) != 0x80;
        if (n > width)
            break;
        str_addc(out, *p);
    }
    for (int i = w; !right && i < width; i++)
        str_addc(out, ' ');
    out->failed |= clean.failed;
    str_release(&clean);
}

static void say(enum tell_kind kind, const char *fmt, va_list ap)
{
    struct str text = { 0 };

    str_vprintf(&text, fmt, ap);
    tell_line(stderr, kind, str_text(&text));
    str_release(&text);
}

void cli_say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(TELL_NOTE, fmt, ap);
    va_end(ap);
}

void cli_detail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(TELL_DETAIL, fmt, ap);
    va_end(ap);
}

void cli_progress(struct progress *p, const char *doing, const char *unit, int64_t total)
{
    progress_begin(p, stderr, doing, unit, total);
}

bool cli_live(int fd)
{
    const char *term = getenv("TERM");

    return isatty(fd) && !(term && !strcmp(term, "dumb"));
}

bool cli_print(const struct str *out, struct err *err)
{
    if (out->failed)
        return err_set(err, ERR_MEMORY, "no memory for the answer");
    fwrite(str_text(out), 1, out->len, stdout);
    if (out->len == 0 || out->data[out->len - 1] != '\n')
        putchar('\n');
    return cli_flush(err);
}

static bool same_file(const char *a, const char *b)
{
    struct stat s, t;

    return !stat(a, &s) && !stat(b, &t) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

bool cli_may_write(const char *out, const char *input, bool force, struct err *err)
{
    enum file_kind kind = file_kind(out);

    if (!strcmp(out, "-"))
        return err_set(err, ERR_USAGE, "'-': files are not written to stdout: name one (./- too)");
    if (kind == FILE_NONE)
        return true;
    if (kind != FILE_REGULAR)
        return err_set(err, ERR_INPUT, "%s: is no file that can be overwritten", out);
    if (same_file(out, input))
        return err_set(err, ERR_INPUT, "%s: is the input itself", out);
    if (!force)
        return err_set(err, ERR_INPUT, "%s: exists; --force overwrites it", out);
    return true;
}

/* ---- what a command finds around it ---------------------------------------------------------- */

/* "$NAME" + rest; NULL unless the variable holds an absolute path. */
static char *folder_of(const char *name, const char *rest)
{
    const char *root = getenv(name);
    size_t size = root ? strlen(root) + strlen(rest) + 1 : 0;
    char *path = root && root[0] == '/' ? malloc(size) : NULL;

    if (path)
        snprintf(path, size, "%s%s", root, rest);
    return path;
}

char *cli_cache_folder(void)
{
    char *path = folder_of("XDG_CACHE_HOME", "/discern");

    return path ? path : folder_of("HOME", "/.cache/discern");
}

static const char *said(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

void cli_trust(const char **file, const char **folder)
{
    const char *bundle = said("CURL_CA_BUNDLE");

    *file = bundle ? bundle : said("SSL_CERT_FILE");
    *folder = said("SSL_CERT_DIR");
}

bool cli_has_program(const char *name)
{
    const char *path = getenv("PATH");

    for (size_t len; path && *path; path += len + (path[len] == ':')) {
        struct str full = { 0 };
        bool found;

        len = strcspn(path, ":");
        str_printf(&full, "%.*s/%s", (int)len, path, name);
        found = len && !full.failed && file_kind(str_text(&full)) == FILE_REGULAR &&
                access(str_text(&full), X_OK) == 0;
        str_release(&full);
        if (found)
            return true;
    }
    return false;
}
