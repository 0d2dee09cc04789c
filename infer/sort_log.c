/*
 * sort_log -- see sort_log.h
 */
#include "infer/sort_log.h"

#include "nn/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

const char *const infer_how_names[] = { "copy", "link", "move", "also", NULL };

static const char head[] = "discern sorted 1 ", name[] = ".discern-sorted";

enum { LOG_BYTES = 1 << 30 };

/* ---- one line -------------------------------------------------------------------------------- */

static void put_name(struct str *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 32 || *p == 127 || *p == '%')
            str_printf(out, "%%%02X", *p);
        else
            str_addc(out, (char)*p);
    }
}

static void put_entry(struct str *out, int act, const char *from, const char *to)
{
    str_add(out, infer_how_names[act]);
    str_addc(out, '\t');
    put_name(out, from);
    str_addc(out, '\t');
    put_name(out, to);
    str_addc(out, '\n');
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place; false: not as put_name writes. */
static bool take_name(char *text)
{
    char *to = text;

    for (; *text; text++) {
        int a = *text == '%' ? digit(text[1]) : 0, b = *text == '%' && a >= 0 ? digit(text[2]) : 0;

        if (a < 0 || b < 0)
            return false;
        if (*text == '%') {
            *to = (char)(a * 16 + b);
            if (!*to++)
                return false;
            text += 2;
        } else {
            *to++ = *text;
        }
    }
    *to = 0;
    return true;
}

static int act_of(const char *word)
{
    for (int i = 0; infer_how_names[i]; i++)
        if (!strcmp(word, infer_how_names[i]))
            return i;
    return -1;
}

/* folder/name, neither of which leads elsewhere. */
static bool is_below(const char *to)
{
    const char *slash = strchr(to, '/');

    return slash && slash > to && slash[1] && !strchr(slash + 1, '/') &&
           strncmp(to, "./", 2) && strncmp(to, "../", 3) && strcmp(slash + 1, ".") &&
           strcmp(slash + 1, "..");
}

static bool is_entry(int act, const char *from, const char *to)
{
    bool fits = act == INFER_ALSO ? !strncmp(from, "../", 3) && is_below(from + 3) : *from == '/';

    return act >= 0 && fits && is_below(to);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool enter(struct infer_sort_log *l, int act, const char *from, const char *to,
                  struct err *err)
{
    struct infer_sort_entry e = { act, arena_str(l->mem, from), arena_str(l->mem, to) };

    if (l->n == l->cap) {
        int cap = l->cap ? 2 * l->cap : 256;
        struct infer_sort_entry *p =
            l->n < 1 << 29 ? realloc(l->entry, (size_t)cap * sizeof *p) : NULL;

        if (!p)
            return err_set(err, ERR_MEMORY, "%s: cannot hold its %d lines", l->path, l->n);
        l->entry = p;
        l->cap = cap;
    }
    if (!e.from || !e.to)
        return err_set(err, ERR_MEMORY, "%s: cannot hold its %d lines", l->path, l->n);
    l->entry[l->n++] = e;
    return true;
}

static bool parse_line(struct infer_sort_log *l, char *line, struct err *err)
{
    char *from = strchr(line, '\t'), *to = from ? strchr(from + 1, '\t') : NULL;
    int act;

    if (!to || strchr(to + 1, '\t'))
        return err_set(err, ERR_INPUT, "line %d is damaged", l->n + 2);
    *from++ = 0;
    *to++ = 0;
    act = act_of(line);
    if (!take_name(from) || !take_name(to) || !is_entry(act, from, to))
        return err_set(err, ERR_INPUT, "line %d is damaged", l->n + 2);
    return enter(l, act, from, to, err);
}

static bool parse_head(struct infer_sort_log *l, char *line, struct err *err)
{
    char *word = line + sizeof head - 1, *space;

    if (strncmp(line, head, sizeof head - 1))
        return err_set(err, ERR_INPUT, "is no log of a sorting");
    space = strchr(word, ' ');
    if (space)
        *space = 0;
    l->made = space && !strcmp(space + 1, "made");
    l->how = act_of(word);
    if (l->how < 0 || l->how == INFER_ALSO)
        return err_set(err, ERR_INPUT, "is a log of another version of discern");
    return true;
}

/* *whole: bytes up to the end of the last line that has one. */
static bool parse(struct infer_sort_log *l, char *text, size_t bytes, size_t *whole,
                  struct err *err)
{
    char *p = text, *end;

    for (; (end = memchr(p, '\n', bytes - (size_t)(p - text))); p = end + 1) {
        *end = 0;
        if (strlen(p) != (size_t)(end - p))
            return err_set(err, ERR_INPUT, "is no text");
        if (!(p == text ? parse_head(l, p, err) : parse_line(l, p, err)))
            return false;
    }
    *whole = (size_t)(p - text);
    return true;
}

static bool write_all(struct infer_sort_log *l, const char *text, size_t n, struct err *err)
{
    while (n > 0) {
        ssize_t w = write(l->fd, text, n);

        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return err_errno(err, l->path, "write");
        text += w;
        n -= (size_t)w;
    }
    /* Some file systems cannot sync; they have said so, and it is no reason to stop. */
    if (fdatasync(l->fd) && errno != EINVAL && errno != EROFS)
        return err_errno(err, l->path, "write");
    return true;
}

static bool begin(struct infer_sort_log *l, int how, bool made, struct err *err)
{
    struct str line = { 0 };
    bool ok;

    l->how = how;
    l->made = made;
    str_printf(&line, "%s%s%s\n", head, infer_how_names[how], made ? " made" : "");
    ok = line.failed ? err_set(err, ERR_MEMORY, "no memory for a log")
                     : write_all(l, line.data, line.len, err);
    str_release(&line);
    return ok;
}

static bool read_log(struct infer_sort_log *l, int how, bool made, struct err *err)
{
    size_t bytes, whole = 0;
    char *text = (char *)file_read(l->path, LOG_BYTES, &bytes, err);
    bool ok;

    if (!text)
        return false;
    ok = parse(l, text, bytes, &whole, err) || err_in(err, "%s", l->path);
    /* A head that is not whole: nothing was done yet. */
    if (ok && !whole && strncmp(text, head, bytes < sizeof head - 1 ? bytes : sizeof head - 1))
        ok = err_set(err, ERR_INPUT, "%s: is no log of a sorting", l->path);
    free(text);
    if (!ok || how < 0)
        return ok;
    if (whole < bytes && ftruncate(l->fd, (off_t)whole))
        return err_errno(err, l->path, "mend");
    if (!whole)
        return begin(l, how, made, err);
    if (l->how != how)
        return err_set(err, ERR_INPUT, "%s: sorted with --how %s before: go on with that, or put "
                       "it back with --undo first", l->path, infer_how_names[l->how]);
    return true;
}

bool infer_sort_log_open(struct infer_sort_log *l, const char *folder, int how, bool made,
                         struct err *err)
{
    struct str path = { 0 };
    bool ok = false;

    *l = (struct infer_sort_log){ .fd = -1, .mem = arena_new() };
    str_printf(&path, "%s/%s", folder, name);
    if (path.failed || !l->mem) {
        err_set(err, ERR_MEMORY, "no memory for a log");
        str_release(&path);
        goto out;
    }
    l->path = path.data;
    l->fd = open(l->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (how < 0 ? 0 : O_CREAT),
                 0666);
    if (l->fd < 0 && errno == ENOENT && how < 0)
        err_set(err, ERR_INPUT, "%s: nothing was sorted into it: it has no %s", folder, name);
    else if (l->fd < 0)
        how < 0 ? err_errno(err, l->path, "open") : file_cannot(err, l->path, "open");
    else if (flock(l->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        err_set(err, ERR_INPUT, "%s: another discern is sorting into it", folder);
    else
        ok = read_log(l, how, made, err);
out:
    if (!ok)
        infer_sort_log_close(l);
    return ok;
}

void infer_sort_log_close(struct infer_sort_log *l)
{
    if (l->path && l->fd >= 0)
        close(l->fd);
    free(l->path);
    free(l->entry);
    arena_free(l->mem);
    *l = (struct infer_sort_log){ .fd = -1 };
}

bool infer_sort_log_add(struct infer_sort_log *l, struct str *text, int act, const char *from,
                        const char *to, struct err *err)
{
    put_entry(text, act, from, to);
    if (text->failed)
        return err_set(err, ERR_MEMORY, "no memory for a log");
    return enter(l, act, from, to, err);
}

bool infer_sort_log_sync(struct infer_sort_log *l, struct str *text, struct err *err)
{
    bool ok = text->len == 0 || write_all(l, text->data, text->len, err);

    str_clear(text);
    return ok;
}

bool infer_sort_log_cut(struct infer_sort_log *l, const bool *keep, struct err *err)
{
    struct str text = { 0 };
    bool ok;

    str_printf(&text, "%s%s%s\n", head, infer_how_names[l->how], l->made ? " made" : "");
    for (int i = 0; i < l->n; i++)
        if (keep[i])
            put_entry(&text, l->entry[i].act, l->entry[i].from, l->entry[i].to);
    ok = text.failed ? err_set(err, ERR_MEMORY, "no memory for a log")
                     : file_replace(l->path, text.data, text.len, err);
    str_release(&text);
    return ok;
}
