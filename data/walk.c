/*
 * walk -- the pictures in a folder and below, whatever else lies there
 */
#include "data/walk.h"

#include "data/header.h"
#include "nn/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <xxhash.h>

bool data_walk_is_picture(const char *name)
{
    static const char *const ends[] = {
        "jpg", "jpeg", "jpe", "jfif", "png", "bmp", "gif", "webp", "tif", "tiff", "avif", "heic",
        NULL
    };
    const char *dot = strrchr(name, '.');

    for (int i = 0; dot && ends[i]; i++) {
        if (!strcasecmp(dot + 1, ends[i]))
            return true;
    }
    return false;
}

/* What operating systems leave behind. */
static bool is_litter(const char *name)
{
    static const char *const litter[] = {
        "__MACOSX", "@eaDir", "Thumbs.db", "desktop.ini", NULL
    };

    for (int i = 0; litter[i]; i++) {
        if (!strcasecmp(name, litter[i]))
            return true;
    }
    return name[0] == '.';
}

/* ---- one folder ------------------------------------------------------------------------------ */

static const char *odd_kind(mode_t mode)
{
    return S_ISFIFO(mode) ? "a FIFO, not a file" : S_ISSOCK(mode) ? "a socket, not a file"
           : S_ISCHR(mode) || S_ISBLK(mode) ? "a device, not a file" : "not a file";
}

/* The kind of an entry; `link` asks for what it leads to. */
static void tell_kind(int folder, const char *name, unsigned char type, struct data_entry *e)
{
    struct stat st;

    e->why = NULL;
    if (type == DT_REG || type == DT_DIR) {
        e->kind = type == DT_DIR ? FILE_FOLDER : FILE_REGULAR;
    } else if (fstatat(folder, name, &st, 0)) {
        e->kind = FILE_NONE;
        e->why = errno == ENOENT ? "a link that leads nowhere"
                 : errno == ELOOP ? "a link that leads in a circle"
                 : errno == EACCES ? "a link that may not be followed" : "it cannot be read";
    } else {
        e->kind = S_ISREG(st.st_mode) ? FILE_REGULAR : S_ISDIR(st.st_mode) ? FILE_FOLDER
                                                                           : FILE_OTHER;
        if (e->kind == FILE_OTHER)
            e->why = odd_kind(st.st_mode);
    }
}

/* A file whose name has no ending: whether it begins as a picture does. */
static bool begins_as_picture(const char *folder, const char *name)
{
    struct str path = { 0 };
    struct err err = { 0 };
    uint8_t *bytes = NULL;
    uint64_t whole;
    size_t size = 0;
    bool yes;

    str_printf(&path, "%s/%s", folder, name);
    if (!path.failed)
        bytes = file_head(str_text(&path), DATA_HEADER_MAGIC, &size, &whole, &err);
    yes = bytes && data_header_is_picture(bytes, size);
    free(bytes);
    str_release(&path);
    return yes;
}

struct growing {
    size_t text, text_cap, entry_cap;
};

static bool add_entry(struct data_listing *l, struct growing *g, const char *name,
                      struct data_entry entry)
{
    size_t size = strlen(name) + 1;

    if ((size_t)l->n == g->entry_cap) {
        size_t cap = g->entry_cap ? 2 * g->entry_cap : 64;
        struct data_entry *p = l->n < INT_MAX / 2 ? realloc(l->entry, cap * sizeof *p) : NULL;

        if (!p)
            return false;
        l->entry = p;
        g->entry_cap = cap;
    }
    if (size > g->text_cap - g->text) {
        size_t cap = 2 * g->text_cap + size + 1024;
        char *p = realloc(l->text, cap);

        if (!p)
            return false;
        l->text = p;
        g->text_cap = cap;
    }
    memcpy(l->text + g->text, name, size);
    g->text += size;
    l->entry[l->n++] = entry;
    return true;
}

static bool list(struct data_listing *l, DIR *dir, const char *folder, struct err *err)
{
    struct growing g = { 0 };

    for (;;) {
        struct data_entry entry = { NULL, FILE_REGULAR, NULL };
        struct dirent *e;
        bool picture;

        errno = 0;
        e = readdir(dir);
        if (!e && errno)
            return err_errno(err, folder, "list");
        if (!e)
            return true;
        if (is_litter(e->d_name))
            continue;
        tell_kind(dirfd(dir), e->d_name, e->d_type, &entry);
        picture = strchr(e->d_name, '.') ? data_walk_is_picture(e->d_name)
                  : entry.kind == FILE_REGULAR && begins_as_picture(folder, e->d_name);
        if (!picture && (entry.kind == FILE_REGULAR || entry.kind == FILE_OTHER)) {
            l->others += l->others < INT_MAX;
            if (l->other)
                continue;
            l->other = strdup(e->d_name);
            if (l->other)
                continue;
        } else if (add_entry(l, &g, e->d_name, entry)) {
            continue;
        }
        return err_set(err, ERR_MEMORY, "%s: cannot hold its %d entries", folder, l->n);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct data_entry *)a)->name, ((const struct data_entry *)b)->name);
}

bool data_listing_open(struct data_listing *l, const char *folder, struct err *err)
{
    DIR *dir = opendir(folder);
    char *p;
    bool ok;

    memset(l, 0, sizeof *l);
    if (!dir)
        return err_errno(err, folder, "list");
    ok = list(l, dir, folder, err);
    closedir(dir);
    if (!ok) {
        data_listing_release(l);
        return false;
    }
    p = l->text;
    for (int i = 0; i < l->n; i++, p += strlen(p) + 1)
        l->entry[i].name = p;
    if (l->n)
        qsort(l->entry, (size_t)l->n, sizeof *l->entry, by_name);
    return true;
}

void data_listing_release(struct data_listing *l)
{
    free(l->entry);
    free(l->text);
    free(l->other);
    memset(l, 0, sizeof *l);
}

/* ---- folders that were entered --------------------------------------------------------------- */

static struct data_entered *find_entered(const struct data_walk *w, const struct stat *st)
{
    uint64_t key[2] = { (uint64_t)st->st_dev, (uint64_t)st->st_ino };
    size_t i = XXH3_64bits(key, sizeof key) & (w->cap - 1);

    while (w->entered[i].path && (w->entered[i].dev != key[0] || w->entered[i].ino != key[1]))
        i = (i + 1) & (w->cap - 1);
    return &w->entered[i];
}

static bool grow(struct data_walk *w, struct err *err)
{
    struct data_entered *old = w->entered;
    size_t n = w->cap;
    struct data_entered *p = calloc(n ? 2 * n : 64, sizeof *p);

    if (!p)
        return err_set(err, ERR_MEMORY, "cannot hold %zu folders", w->n);
    w->entered = p;
    w->cap = n ? 2 * n : 64;
    for (size_t i = 0; i < n; i++) {
        struct stat st = { .st_dev = (dev_t)old[i].dev, .st_ino = (ino_t)old[i].ino };

        if (old[i].path)
            *find_entered(w, &st) = old[i];
    }
    free(old);
    return true;
}

const struct data_entered *data_walk_before(const struct data_walk *w, const char *folder)
{
    const struct data_entered *e;
    struct stat st;

    if (!w->cap || stat(folder, &st))
        return NULL;
    e = find_entered(w, &st);
    return e->path ? e : NULL;
}

/* `path` lies in w->mem.  *before: how it was entered, or NULL. */
static bool enter(struct data_walk *w, const char *path, const struct data_entered **before,
                  struct err *err)
{
    struct data_entered *e;
    struct stat st;

    *before = NULL;
    if (stat(path, &st))
        return err_errno(err, path, "enter");
    if (2 * (w->n + 1) > w->cap && !grow(w, err))
        return false;
    e = find_entered(w, &st);
    if (e->path) {
        *before = e;
    } else {
        *e = (struct data_entered){ path, (uint64_t)st.st_dev, (uint64_t)st.st_ino, w->tag };
        w->n++;
    }
    return true;
}

/* What the first n bytes of a path are really called; NULL: nothing is there. */
static char *real_beginning(const char *path, size_t n)
{
    char *text = strndup(path, n), *real = text ? realpath(text, NULL) : NULL;

    free(text);
    return real;
}

static bool lies_below(const char *real, const char *above)
{
    size_t n = strlen(above);

    return !strncmp(real, above, n) && (real[n] == '/' || (n == 1 && real[1]));
}

/* Whether the path leaves the folder that its first n bytes name for one above it, as cats in
 * photos/cats/../dogs is left.  What the path leads to does not lie in such a folder. */
static bool is_left(const char *path, size_t n)
{
    char *real = real_beginning(path, n);
    bool left = false;
    size_t end = n;

    while (real && !left && path[end]) {
        char *later;

        end += 1 + strcspn(path + end + 1, "/");
        later = real_beginning(path, end);
        left = later && lies_below(real, later);
        free(later);
    }
    free(real);
    return left;
}

/* Each folder that is a beginning of the path. */
static bool enter_beginnings(struct data_walk *w, const char *path, struct err *err)
{
    const struct data_entered *before;

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t n = slash == path ? 1 : (size_t)(slash - path);
        char *above = arena_copy(w->mem, path, n + 1);

        if (!above)
            return err_set(err, ERR_MEMORY, "%s: memory is out", path);
        above[n] = 0;
        if (slash[1] && !data_walk_before(w, above) && !is_left(path, n) &&
            !enter(w, above, &before, err))
            return false;
    }
    return true;
}

/* What the folder lies in, as it is called and as it is: links back there are circles. */
static bool enter_above(struct data_walk *w, const char *folder, struct err *err)
{
    char *real = realpath(folder, NULL);
    int tag = w->tag;
    bool ok;

    w->tag = DATA_WALK_ABOVE;
    ok = enter_beginnings(w, folder, err) && (!real || enter_beginnings(w, real, err));
    w->tag = tag;
    free(real);
    return ok;
}

bool data_walk_spare(struct data_walk *w, const char *folder, struct err *err)
{
    const struct data_entered *before;
    const char *path = arena_str(w->mem, folder);

    if (!path)
        return err_set(err, ERR_MEMORY, "%s: memory is out", folder);
    return file_kind(folder) != FILE_FOLDER || enter(w, path, &before, err);
}

void data_walk_release(struct data_walk *w)
{
    free(w->entered);
    w->entered = NULL;
    w->cap = w->n = 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* folder/name: in the arena, or if there is none in text. */
static char *join(struct arena *mem, struct str *text, const char *folder, const char *name)
{
    size_t n = strlen(folder), m = strlen(name) + 1;
    bool slash = n && folder[n - 1] != '/';
    char *path;

    if (!mem) {
        str_clear(text);
        str_printf(text, "%s%s%s", folder, slash ? "/" : "", name);
        return text->failed ? NULL : text->data;
    }
    path = arena_alloc(mem, n + slash + m);
    if (path) {
        memcpy(path, folder, n);
        if (slash)
            path[n] = '/';
        memcpy(path + n + slash, name, m);
    }
    return path;
}

static bool skip(struct data_walk *w, const char *path, const char *why, struct err *err)
{
    return !w->skip || w->skip(w->ctx, path, why, err);
}

static bool go(struct data_walk *w, const char *folder, struct data_listing *l, int depth,
               struct err *err);

/* Why a folder is left out; the path, which stands before it, said once. */
static bool skip_failed(struct data_walk *w, const char *folder, const struct err *why,
                        struct err *err)
{
    size_t n = strlen(folder);
    const char *text = !strncmp(why->msg, folder, n) && why->msg[n] == ':' ? why->msg + n + 2
                                                                           : why->msg;
    char *copy = arena_str(w->mem, text);

    if (why->kind != ERR_MEMORY && copy)
        return skip(w, folder, copy, err);
    return err_set(err, ERR_MEMORY, "%s", why->msg);
}

/* A folder below the first: what is wrong with it is told, and the walk goes on. */
static bool go_below(struct data_walk *w, const char *folder, int depth, struct err *err)
{
    enum { DEPTH_MAX = 64 };
    const struct data_entered *before;
    struct data_listing l = { 0 };
    struct err why = { 0 };
    char *text;
    bool ok;

    if (depth > DEPTH_MAX)
        return skip(w, folder, "folders nest deeper than 64", err);
    if (!enter(w, folder, &before, &why))
        return skip_failed(w, folder, &why, err);
    if (before) {
        text = arena_printf(w->mem, "the same folder as %s, by a link", before->path);
        return text ? skip(w, folder, text, err)
                    : err_set(err, ERR_MEMORY, "%s: memory is out", folder);
    }
    if (!data_listing_open(&l, folder, &why))
        return skip_failed(w, folder, &why, err);
    ok = go(w, folder, &l, depth, err);
    data_listing_release(&l);
    return ok;
}

static bool go(struct data_walk *w, const char *folder, struct data_listing *l, int depth,
               struct err *err)
{
    struct str lent = { 0 };
    bool ok = true;

    for (int i = 0; ok && i < l->n; i++) {
        const struct data_entry *e = &l->entry[i];
        char *path = join(w->lend && e->kind == FILE_REGULAR ? NULL : w->mem, &lent, folder,
                          e->name);

        if (!path)
            ok = err_set(err, ERR_MEMORY, "%s: too many pictures", folder);
        else
            ok = e->kind == FILE_FOLDER ? go_below(w, path, depth + 1, err)
                 : e->kind == FILE_REGULAR ? w->picture(w->ctx, path, err)
                                           : skip(w, path, e->why, err);
    }
    str_release(&lent);
    if (ok && l->others && w->others)
        w->others(w->ctx, folder, l->others, l->other);
    return ok;
}

bool data_walk(struct data_walk *w, const char *folder, struct err *err)
{
    const struct data_entered *before;
    struct data_listing l;
    char *path = arena_str(w->mem, folder);
    bool ok;

    if (!path)
        return err_set(err, ERR_MEMORY, "%s: memory is out", folder);
    if (!enter(w, path, &before, err))
        return false;
    if (before)
        return true;
    if (!enter_above(w, folder, err))
        return false;
    ok = data_listing_open(&l, folder, err) && go(w, path, &l, 0, err);
    data_listing_release(&l);
    return ok;
}
