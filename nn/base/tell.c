/*
 * tell -- see tell.h
 *
 * The protocol inside the stream, a line each, "\n" behind it:
 *   NOTE text, DETAIL text        LIVE seconds, then PART drop text for each part        DONE
 */
#include "nn/base/tell.h"

#include "nn/base/str.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LIVE_SECONDS 0.1 /* between updates of the live line */
#define PLAIN_SECONDS 30 /* between lines where there is no terminal */

#define RED "\033[31m"
#define DIM "\033[2m"
#define END "\033[0m"

enum { NOTE = 1, DETAIL, LIVE, DONE, PART = 0x1F };

enum { WIDTH = 80 /* where the terminal does not know its own */, BUFFER = 4096 };

struct telling {
    struct tell_how how;
    struct str line;            /* that has not ended yet */
    struct str out;             /* kept, so that errors need no memory */
    int shown;                  /* columns of the live line that stands there */
    double last, logged;        /* the writer's clock when progress was shown, when logged */
    bool noted;                 /* something was told since */
    char buffer[BUFFER];
};

/* ---- what reaches people --------------------------------------------------------------------- */

static void write_all(int fd, const char *data, size_t bytes)
{
    while (bytes) {
        ssize_t n = write(fd, data, bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        data += n;
        bytes -= (size_t)n;
    }
}

/* Whole lines at once, so that others' lines do not come between. */
static void put(struct telling *t)
{
    write_all(t->how.fd, str_text(&t->out), t->out.len);
    str_clear(&t->out);
}

static int width_of(const struct telling *t)
{
    struct winsize w = { 0 };

    return ioctl(t->how.fd, TIOCGWINSZ, &w) || !w.ws_col ? WIDTH : w.ws_col;
}

/* Takes the live line away.  One that no longer fits stands in several rows: it stays. */
static void add_clear(struct telling *t)
{
    if (t->shown >= width_of(t))
        str_addc(&t->out, '\n');
    else if (t->shown)
        str_printf(&t->out, "\r%*s\r", t->shown, "");
    t->shown = 0;
}

/* A terminal that is not ours to ask about is taken as if we were in front. */
static bool in_background(const struct telling *t)
{
    pid_t front = tcgetpgrp(t->how.fd);

    return front >= 0 && front != getpgrp();
}

static void log_line(struct telling *t, const char *text, size_t len)
{
    if (!t->how.log)
        return;
    str_addn(&t->out, text, len);
    str_addc(&t->out, '\n');
    write_all(t->how.log, str_text(&t->out), t->out.len);
    str_clear(&t->out);
}

static void show_line(struct telling *t, int kind, const char *text, size_t len)
{
    static const char name[] = "discern:";
    size_t head = sizeof name - 1;
    bool colored = t->how.color && len >= head && !memcmp(text, name, head);

    if (kind == DETAIL && !t->how.verbose)
        return;
    log_line(t, text, len);
    t->noted = true;
    if (t->how.quiet && kind)
        return;
    add_clear(t);
    if (colored) {
        str_printf(&t->out, "%s%s" END, kind ? DIM : RED, name);
        text += head;
        len -= head;
    }
    str_addn(&t->out, text, len);
    str_addc(&t->out, '\n');
    put(t);
}

/* ---- progress -------------------------------------------------------------------------------- */

struct part {
    int drop, width;
    const char *text;
    size_t len;
};

/* The parts of `line`, which is PART drop text PART drop text ... */
static int split(const char *line, size_t len, struct part part[static TELL_PARTS])
{
    int n = 0;

    for (const char *p = line, *end = line + len; p < end && n < TELL_PARTS;) {
        const char *next = memchr(p + 1, PART, (size_t)(end - p - 1));

        next = next ? next : end;
        if (next - p > 2) {
            part[n] = (struct part){ p[1] - '0', 0, p + 2, (size_t)(next - p - 2) };
            for (size_t i = 0; i < part[n].len; i++)
                part[n].width += ((unsigned char)part[n].text[i] & 0xC0) != 0x80;
            n++;
        }
        p = next;
    }
    return n;
}

/* Appends the parts that fit into `columns`: the most wanted, up to the first that does not.
 * Returns the columns that they take. */
static int add_parts(struct str *out, int columns, const struct part *part, int n)
{
    int used = 0, last = -1, width = 0;

    for (int drop = 0; drop < TELL_PARTS; drop++)
        for (int i = 0; i < n; i++) {
            int more = part[i].width + (used ? 2 : 0);

            if (part[i].drop != drop)
                continue;
            if (used + more > columns)
                goto full;
            used += more;
            last = drop;
        }
full:
    for (int i = 0; i < n; i++)
        if (part[i].drop <= last) {
            str_add(out, width ? ", " : "");
            str_addn(out, part[i].text, part[i].len);
            width += part[i].width + (width ? 2 : 0);
        }
    return width;
}

static void show_live(struct telling *t, const struct part *part, int n)
{
    int width = width_of(t), before = t->shown;

    if (before >= width) {
        add_clear(t);
        before = 0;
    }
    str_addc(&t->out, '\r');
    t->shown = add_parts(&t->out, width - 1, part, n);
    str_printf(&t->out, "%*s", before > t->shown ? before - t->shown : 0, "");
    put(t);
}

static void on_live(struct telling *t, const char *line, size_t len)
{
    size_t head = memchr(line, PART, len) ? (size_t)((char *)memchr(line, PART, len) - line) : len;
    struct part part[TELL_PARTS];
    int n = split(line + head, len - head, part);
    double now = strtod(line, NULL);

    if (t->noted) {
        t->noted = false;
        t->logged = now;
        t->last = t->how.live ? t->last : now;
    }
    if (t->how.log && now - t->logged >= PLAIN_SECONDS) {
        str_add(&t->out, "discern: ");
        add_parts(&t->out, 1 << 20, part, n);
        str_addc(&t->out, '\n');
        write_all(t->how.log, str_text(&t->out), t->out.len);
        str_clear(&t->out);
        t->logged = now;
    }
    if (t->how.quiet || now - t->last < (t->how.live ? LIVE_SECONDS : PLAIN_SECONDS))
        return;
    t->last = now;
    if (!t->how.live) {
        str_add(&t->out, "discern: ");
        add_parts(&t->out, 1 << 20, part, n);
        str_addc(&t->out, '\n');
        put(t);
    } else if (!in_background(t)) {
        show_live(t, part, n);
    }
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void on_line(struct telling *t, const char *line, size_t len)
{
    int kind = len && line[0] >= NOTE && line[0] <= DONE ? line[0] : 0;

    line += kind != 0;
    len -= kind != 0;
    if (kind == LIVE) {
        on_live(t, line, len);
    } else if (kind == DONE) {
        add_clear(t);
        put(t);
    } else {
        show_line(t, kind, line, len);
    }
}

static ssize_t on_write(void *cookie, const char *data, size_t bytes)
{
    struct telling *t = cookie;
    const char *line, *end;
    size_t left;

    str_addn(&t->line, data, bytes);
    if (t->line.failed) {               /* better raw than not at all */
        write_all(t->how.fd, data, bytes);
        str_release(&t->line);
        return (ssize_t)bytes;
    }
    line = str_text(&t->line);
    left = t->line.len;
    while ((end = memchr(line, '\n', left))) {
        on_line(t, line, (size_t)(end - line));
        left -= (size_t)(end + 1 - line);
        line = end + 1;
    }
    memmove(t->line.data, line, left);
    str_cut(&t->line, left);
    return (ssize_t)bytes;
}

static int on_close(void *cookie)
{
    struct telling *t = cookie;

    if (t->line.len)
        show_line(t, 0, str_text(&t->line), t->line.len);
    add_clear(t);
    put(t);
    if (t->how.log)
        close(t->how.log);
    str_release(&t->line);
    str_release(&t->out);
    free(t);
    return 0;
}

FILE *tell_open(const struct tell_how *how, struct err *err)
{
    struct telling *t = calloc(1, sizeof *t);
    FILE *f = t ? fopencookie(t, "w", (cookie_io_functions_t){ .write = on_write,
                                                               .close = on_close })
                : NULL;

    if (!f) {
        free(t);
        err_set(err, ERR_MEMORY, "no memory for messages");
        return NULL;
    }
    t->how = *how;
    setvbuf(f, t->buffer, _IOFBF, sizeof t->buffer);
    for (struct str *s = &t->line; s; s = s == &t->line ? &t->out : NULL) {
        str_printf(s, "%*s", 2 * (int)sizeof err->msg, "");
        str_clear(s);
    }
    return f;
}

/* Of tell_open, not one of libc's: those have a descriptor. */
static bool ours(FILE *to)
{
    return fileno(to) < 0;
}

static void send(FILE *to, const struct str *s)
{
    flockfile(to);
    fwrite(str_text(s), 1, s->len, to);
    fflush(to);
    funlockfile(to);
}

void tell_line(FILE *to, enum tell_kind kind, const char *text)
{
    struct str s = { 0 };

    if (kind == TELL_DETAIL && !ours(to))
        return;
    if (kind != TELL_ERROR && ours(to))
        str_addc(&s, kind == TELL_NOTE ? NOTE : DETAIL);
    str_add(&s, "discern: ");
    str_clean(&s, text);
    str_addc(&s, '\n');
    send(to, &s);
    str_release(&s);
}

void tell_live(FILE *to, double seconds, const struct tell_part *part, int n)
{
    struct str s = { 0 };

    if (!ours(to))
        return;
    str_addc(&s, LIVE);
    str_number(&s, seconds);
    for (int i = 0; i < n; i++) {
        str_addc(&s, PART);
        str_addc(&s, (char)('0' + part[i].drop));
        str_clean(&s, part[i].text);
    }
    str_addc(&s, '\n');
    if (!s.failed)
        send(to, &s);
    str_release(&s);
}

void tell_done(FILE *to)
{
    static const char line[] = { DONE, '\n', 0 };

    if (ours(to))
        send(to, &(struct str){ .data = (char *)(uintptr_t)line, .len = 2 });
}
