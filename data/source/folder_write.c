/*
 * folder -- a folder for each class: the writing of it
 *
 * Made in a folder beside its place, synced, and renamed.  A picture keeps its name below its class
 * folder, with '_' for '/'; one that is taken or too long gets the hash of the whole before it.
 */
#include "data/source/folder.h"

#include "data/lookup.h"
#include "data/stb.h"
#include "data/walk.h"
#include "nn/base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <xxhash.h>

struct writer {
    const struct data_index *x;
    struct arena *mem;
    char *root;                 /* the folder beside */
    bool parts;
    struct data_lookup taken;
    const char **path;          /* [x->n] of files written, below the root */
    int n;
};

/* ---- what fits folders ----------------------------------------------------------------------- */

static bool check_label(const char *label, struct err *err)
{
    if (!*label || *label == '.' || strchr(label, '/') || strlen(label) > NAME_MAX ||
        !strcasecmp(label, "__MACOSX") || !strcasecmp(label, "@eaDir"))
        return err_set(err, ERR_UNSUPPORTED, "the label '%.80s' cannot be the name of a class "
                       "folder: rename it, or write a table", label);
    return true;
}

static bool check(struct writer *w, struct err *err)
{
    const struct data_index *x = w->x;
    int words = 0;

    if (x->task != DATA_SINGLE)
        return err_set(err, ERR_UNSUPPORTED, "pictures with any number of labels fit no class "
                       "folders: write a table");
    for (int i = 0; i < x->n_labels; i++) {
        if (!check_label(x->label[i], err))
            return false;
        words += data_index_split(x->label[i]) != DATA_UNSPLIT;
    }
    for (int i = 0; i < x->n; i++) {
        w->parts |= x->sample[i].split != DATA_UNSPLIT;
        if (x->sample[i].group)
            return err_set(err, ERR_UNSUPPORTED, "pictures with groups (%.200s) fit no class "
                           "folders: write a table", x->sample[i].name);
        if (x->sample[i].label < 0)
            return err_set(err, ERR_INPUT, "'%.200s' has no label", x->sample[i].name);
    }
    if (!w->parts && words == x->n_labels)
        return err_set(err, ERR_UNSUPPORTED, "classes that are all called as parts are ('%.80s') "
                       "would be read as such: write a table", x->label[0]);
    return true;
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *path_at(const void *ctx, int i)
{
    return ((const struct writer *)ctx)->path[i];
}

/* The name without folders that say what the new ones will say. */
static const char *own_name(const struct writer *w, const struct data_sample *s)
{
    const char *name = s->name, *label = w->x->label[s->label];
    size_t n = strcspn(name, "/"), m = strlen(label);

    if (name[n] && n < 16) {
        char word[16];

        memcpy(word, name, n);
        word[n] = 0;
        if (data_index_split(word) != DATA_UNSPLIT)
            name += n + 1;
    }
    return !strncmp(name, label, m) && name[m] == '/' && name[m + 1] ? name + m + 1 : name;
}

/* The ending that the bytes ask for, where the name has none of a picture's; NULL: unknown. */
static const char *ending_for(const char *name, const uint8_t *bytes, size_t size)
{
    static const struct { const char *magic, *ending; size_t n; } kinds[] = {
        { "\xff\xd8\xff", ".jpg", 3 }, { "\x89PNG", ".png", 4 }, { "BM", ".bmp", 2 },
        { "GIF8", ".gif", 4 },
    };

    if (data_walk_is_picture(name))
        return "";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (size >= kinds[i].n && !memcmp(bytes, kinds[i].magic, kinds[i].n))
            return kinds[i].ending;
    }
    return NULL;
}

/* A path below the root that nobody has; NULL: memory is out. */
static const char *new_path(struct writer *w, const struct data_sample *s, const char *ending)
{
    static const char *const part[] = { "train/", "train/", "val/", "test/" };
    enum { HASH = 17 };         /* bytes that a hash takes before a name */
    const char *name = own_name(w, s), *path = NULL;
    size_t n = strlen(name) + strlen(ending) + 1;
    bool hashed = n + HASH > NAME_MAX;

    if (hashed)                 /* its end has the ending */
        name += n + HASH - NAME_MAX;
    for (int round = 0; round < 2; round++, hashed = true) {
        char hash[HASH + 1] = "", *flat;

        if (hashed)
            snprintf(hash, sizeof hash, "%016llx-",
                     (unsigned long long)XXH3_64bits(s->name, strlen(s->name)));
        flat = arena_printf(w->mem, "%s%s%s%s", hash, *name == '.' && !hashed ? "_" : "", name,
                            ending);
        for (char *p = flat; p && *p; p++)
            *p = *p == '/' ? '_' : *p;
        path = flat ? arena_printf(w->mem, "%s%s/%s", w->parts ? part[s->split] : "",
                                   w->x->label[s->label], flat) : NULL;
        if (!path || data_lookup_find(&w->taken, path) < 0)
            break;
    }
    return path;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool put(const char *path, const uint8_t *bytes, size_t size, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    size_t done = 0;

    if (fd < 0)
        return err_errno(err, path, "make");
    while (done < size) {
        ssize_t n = write(fd, bytes + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err_errno(err, path, "write");
            close(fd);
            return false;
        }
        done += (size_t)n;
    }
    return !close(fd) || err_errno(err, path, "write");
}

/* The bytes of the file that it becomes. */
static uint8_t *file_of(const struct data_sample *s, size_t *size, struct err *err)
{
    struct data_image image;
    uint8_t *bytes;

    if (!s->raw)
        return data_sample_bytes(s, data_decode_default.limits.file_bytes, size, err);
    if (!data_sample_image(s, NULL, &image, err))
        return NULL;
    bytes = data_stb_png(image.pixel, image.width, image.height, size);
    data_image_release(&image);
    if (!bytes)
        err_set(err, ERR_MEMORY, "%s: memory is out", s->name);
    return bytes;
}

static bool copy(struct writer *w, const struct data_sample *s, struct err *err)
{
    size_t size;
    uint8_t *bytes = file_of(s, &size, err);
    const char *ending = bytes ? ending_for(s->name, bytes, size) : NULL, *path = NULL;
    char *whole = NULL;
    bool ok = false;

    if (!bytes)
        return false;
    if (!ending) {
        err_set(err, ERR_INPUT, "%s: neither its name nor its bytes are those of a picture",
                s->path);
        goto out;
    }
    path = new_path(w, s, ending);
    whole = path ? arena_printf(w->mem, "%s/%s", w->root, path) : NULL;
    w->path[w->n] = path;
    if (!whole || !data_lookup_add(&w->taken, w->n++))
        err_set(err, ERR_MEMORY, "memory is out for %d names", w->n);
    else
        ok = put(whole, bytes, size, err);
out:
    free(bytes);
    return ok;
}

/* Every class has its folder in every part that is there. */
static bool make_folders(struct writer *w, struct err *err)
{
    static const char *const part[] = { "", "/train", "/val", "/test" };
    bool there[4] = { !w->parts };

    for (int i = 0; w->parts && i < w->x->n; i++)
        there[w->x->sample[i].split ? w->x->sample[i].split : DATA_TRAIN] = true;
    for (int p = 0; p < 4; p++) {
        for (int i = 0; there[p] && i < w->x->n_labels; i++) {
            char *path = arena_printf(w->mem, "%s%s/%s", w->root, part[p], w->x->label[i]);

            if (!path)
                return err_set(err, ERR_MEMORY, "memory is out");
            if (!file_mkdir(path, err))
                return false;
        }
    }
    return true;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

/* What was written goes to the disk at once, then to its place. */
static bool settle(struct writer *w, const char *path, struct err *err)
{
    int fd = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && !syncfs(fd);

    if (!ok)
        err_errno(err, path, "sync");
    if (fd >= 0)
        close(fd);
    return ok && (!rename(w->root, path) || err_errno(err, path, "make"));
}

bool data_folder_write(const struct data_index *x, const char *path, struct err *err)
{
    struct writer w = { .x = x, .mem = arena_new(), .taken = { .name = path_at, .ctx = &w } };
    size_t n = strlen(path);
    bool ok = false;

    while (n > 1 && path[n - 1] == '/')
        n--;
    w.path = w.mem ? arena_array(w.mem, (size_t)x->n + 1, sizeof *w.path) : NULL;
    w.root = w.path ? arena_printf(w.mem, "%.*s.tmp-%ld", (int)n, path, (long)getpid()) : NULL;
    if (!w.root) {
        err_set(err, ERR_MEMORY, "%s: memory is out", path);
    } else if (file_kind(path) != FILE_NONE) {
        err_set(err, ERR_INPUT, "%s: is there already", path);
    } else if (!check(&w, err)) {
        err_in(err, "%s", path);
    } else {
        ok = make_folders(&w, err);
        for (int i = 0; ok && i < x->n; i++)
            ok = copy(&w, &x->sample[i], err);
        ok = ok && settle(&w, path, err);
        if (!ok)
            nftw(w.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    data_lookup_release(&w.taken);
    arena_free(w.mem);
    return ok;
}
