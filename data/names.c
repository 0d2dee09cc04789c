/*
 * names -- see names.h
 */
#include "data/names.h"

#include "data/walk.h"
#include "nn/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_BYTES = 1 << 16 };  /* no path is that long */

struct going {
    const struct data_names *o;
    struct data_walk walk;      /* of one folder: what is named twice is gone through twice */
    int found;                  /* pictures in it */
};

/* ---- folders --------------------------------------------------------------------------------- */

static bool on_picture(void *ctx, const char *path, struct err *err)
{
    struct going *g = ctx;

    g->found++;
    return g->o->picture(g->o->ctx, path, err);
}

/* Folders that were entered before are no news; links that lead nowhere and closed folders are. */
static bool on_skip(void *ctx, const char *path, const char *why, struct err *err)
{
    struct going *g = ctx;
    struct err told = { 0 };

    if (data_walk_before(&g->walk, path))
        return true;
    err_set(&told, ERR_INPUT, "%s: %s", path, why);
    return g->o->missed(g->o->ctx, path, &told, err);
}

static bool walk(struct going *g, const char *path, struct err *err)
{
    bool ok;

    g->walk = (struct data_walk){ .mem = arena_new(), .picture = on_picture, .skip = on_skip,
                                  .lend = true, .ctx = g };
    g->found = 0;
    ok = g->walk.mem ? (!g->o->spare || data_walk_spare(&g->walk, g->o->spare, err)) &&
                           data_walk(&g->walk, path, err)
                     : err_set(err, ERR_MEMORY, "no memory for names");
    data_walk_release(&g->walk);
    arena_free(g->walk.mem);
    return ok;
}

static bool folder(struct going *g, const char *path, struct err *err)
{
    struct err why = { 0 };

    if (walk(g, path, &why)) {
        if (g->found)
            return true;
        err_set(&why, ERR_INPUT, "%s: no pictures in this folder", path);
    } else if (!why.kind || why.kind == ERR_MEMORY || g->found) {
        *err = why;             /* a call's own end, or what it could not do */
        return false;
    }
    return g->o->missed(g->o->ctx, path, &why, err);
}

static bool any(struct going *g, const char *path, struct err *err)
{
    return file_kind(path) == FILE_FOLDER ? folder(g, path, err)
                                          : g->o->picture(g->o->ctx, path, err);
}

/* ---- lists ----------------------------------------------------------------------------------- */

struct list {
    const char *path;           /* as errors call it */
    int fd;
    char end;                   /* of a name */
    char *text;                 /* [NAME_BYTES + 1] */
    size_t from, to;            /* what was read and not yet given */
};

/* Whether reading would wait. */
static bool dry(const struct list *l)
{
    struct pollfd p = { .fd = l->fd, .events = POLLIN };

    return poll(&p, 1, 0) == 0;
}

/* More text: 1 there is some, 0 end, -1 failure or a call's end. */
static int more(struct going *g, struct list *l, struct err *err)
{
    ssize_t n;

    memmove(l->text, l->text + l->from, l->to - l->from);
    l->to -= l->from;
    l->from = 0;
    if (l->to == NAME_BYTES) {
        err_set(err, ERR_INPUT, "%s: a name of more than %d bytes%s", l->path, NAME_BYTES,
                l->end ? " (--null is for names that end in 0 bytes)" : "");
        return -1;
    }
    do {
        if (dry(l) && !g->o->wait(g->o->ctx, err))
            return -1;
        n = read(l->fd, l->text + l->to, NAME_BYTES - l->to);
    } while (n < 0 && errno == EINTR && g->o->wait(g->o->ctx, err));
    if (n < 0) {
        if (errno != EINTR)
            err_errno(err, l->path, "read");
        return -1;
    }
    l->to += (size_t)n;
    return n > 0;
}

static bool name(struct going *g, struct list *l, char *text, size_t n, struct err *err)
{
    if (n && l->end == '\n' && text[n - 1] == '\r')
        n--;
    text[n] = 0;
    if (strlen(text) != n)
        return err_set(err, ERR_INPUT, "%s: has 0 bytes in it: --null is for names that end in "
                       "them", l->path);
    return n == 0 || any(g, text, err);
}

static bool go_through(struct going *g, struct list *l, struct err *err)
{
    int there = 1;

    while (there > 0) {
        char *end = memchr(l->text + l->from, l->end, l->to - l->from);

        if (end) {
            char *text = l->text + l->from;

            l->from = (size_t)(end - l->text) + 1;
            if (!name(g, l, text, (size_t)(end - text), err))
                return false;
        } else {
            there = more(g, l, err);
        }
    }
    /* The last name may lack its end. */
    return there == 0 && name(g, l, l->text, l->to, err);
}

static bool list(struct going *g, struct err *err)
{
    bool input = !strcmp(g->o->list, "-"), ok = false;
    struct list l = { .path = input ? "standard input" : g->o->list,
                      .fd = input ? STDIN_FILENO : open(g->o->list, O_RDONLY | O_CLOEXEC),
                      .end = g->o->null ? 0 : '\n' };

    if (l.fd < 0)
        return err_errno(err, l.path, "open");
    l.text = malloc(NAME_BYTES + 1);
    ok = l.text ? go_through(g, &l, err) : err_set(err, ERR_MEMORY, "no memory for a list");
    free(l.text);
    if (!input)
        close(l.fd);
    return ok;
}

/* ---- all ------------------------------------------------------------------------------------- */

bool data_names_go(const struct data_names *names, struct err *err)
{
    struct going g = { .o = names };
    bool ok = true;

    for (int i = 0; ok && i < names->n; i++)
        ok = strcmp(names->arg[i], "-") ? any(&g, names->arg[i], err)
                                        : names->input(names->ctx, err);
    return ok && (!names->list || list(&g, err));
}
