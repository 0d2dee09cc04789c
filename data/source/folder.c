/*
 * folder -- a folder for each class, or for each part and class
 *
 * ROOT/CLASS/... or ROOT/{train,training,val,valid,validation,test}/CLASS/..., as torchvision's
 * ImageFolder, Keras and timm read them; pictures lie in the class folder or anywhere below.  A
 * class may be called "train": it takes class folders inside to make a part of it.
 */
#include "data/source/folder.h"

#include "data/source.h"
#include "data/walk.h"
#include "nn/base/arena.h"
#include "nn/base/str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reader {
    struct data_build *b;
    const char *root;
    size_t skip;                /* bytes of a path before a sample's name */
    bool fixed;                 /* labels were given */
};

static int count_folders(const struct data_listing *l)
{
    int n = 0;

    for (int i = 0; i < l->n; i++)
        n += l->entry[i].kind == FILE_FOLDER;
    return n;
}

/* Folders alone, in natural order; the rest is told. */
static int by_nature(const void *a, const void *b)
{
    const struct data_entry *p = a, *q = b;

    if ((p->kind == FILE_FOLDER) != (q->kind == FILE_FOLDER))
        return p->kind == FILE_FOLDER ? -1 : 1;
    return data_index_compare_names(p->name, q->name);
}

/* The folders in `folder` come first in l, in natural order; their number or -1.  What else looks
 * like a picture is in no class. */
static int open_folders(struct reader *r, const char *folder, struct data_listing *l,
                        struct err *err)
{
    struct str path = { 0 };
    int n;
    bool ok = true;

    if (!data_listing_open(l, folder, err))
        return -1;
    n = count_folders(l);
    if (l->n)
        qsort(l->entry, (size_t)l->n, sizeof *l->entry, by_nature);
    for (int i = n; ok && i < l->n; i++) {
        const struct data_entry *e = &l->entry[i];

        str_clear(&path);
        str_printf(&path, "%s/%s", folder, e->name);
        ok = data_build_skip(r->b, str_text(&path),
                             e->why ? e->why : "it lies in no class folder", err);
    }
    ok = ok && (!path.failed || err_set(err, ERR_MEMORY, "%s: memory is out", folder));
    str_release(&path);
    if (ok)
        return n;
    data_listing_release(l);
    return -1;
}

static char *join(struct reader *r, const char *folder, const char *name, struct err *err)
{
    char *path = arena_printf(data_build_arena(r->b), "%s/%s", folder, name);

    if (!path)
        err_set(err, ERR_MEMORY, "%s: memory is out", folder);
    return path;
}

/* The class folders in `folder`. */
static bool read_classes(struct reader *r, const char *folder, const struct data_listing *l,
                         int n, enum data_split split, struct err *err)
{
    for (int i = 0; i < n; i++) {
        char *path = join(r, folder, l->entry[i].name, err);
        int label;

        if (!path)
            return false;
        label = data_build_label(r->b, l->entry[i].name, err);
        if (label < 0)
            return err_in(err, "%s", path);
        if (!data_build_folder(r->b, path, r->skip, label, split, err))
            return false;
    }
    return true;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static bool holds_folders(struct reader *r, const char *name, bool *yes, struct err *err)
{
    char *path = join(r, r->root, name, err);
    struct data_listing l;

    if (!path || !data_listing_open(&l, path, err))
        return false;
    *yes = count_folders(&l) > 0;
    data_listing_release(&l);
    return true;
}

static bool stop_at_picture(void *ctx, const char *path, struct err *err)
{
    (void)path, (void)err;
    *(bool *)ctx = true;
    return false;
}

/* A folder beside train/ that is no part: nothing to worry about unless it holds pictures. */
static bool check_stranger(struct reader *r, const char *name, struct err *err)
{
    bool found = false;
    struct data_walk w = { .mem = data_build_arena(r->b), .picture = stop_at_picture,
                           .ctx = &found };
    char *path = join(r, r->root, name, err);
    struct err why = { 0 };

    if (!path)
        return false;
    data_walk(&w, path, &why);
    data_walk_release(&w);
    if (found)
        return err_set(err, ERR_INPUT,
                       "%s: '%.80s' lies beside folders called train, val or test: "
                       "move it into one of them, or elsewhere", r->root, name);
    return !why.kind || data_build_skip(r->b, path, why.msg, err);
}

/* ROOT/{train,val,...}/CLASS/...: train first, so that links to what it has are left out. */
static bool read_parts(struct reader *r, const struct data_listing *l, int n, struct err *err)
{
    static const enum data_split order[] = { DATA_TRAIN, DATA_VAL, DATA_TEST };

    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < n; i++) {
            struct data_listing part;
            char *path;
            int classes;
            bool ok;

            if (data_index_split(l->entry[i].name) != order[k])
                continue;
            path = join(r, r->root, l->entry[i].name, err);
            classes = path ? open_folders(r, path, &part, err) : -1;
            if (classes < 0)
                return false;
            ok = read_classes(r, path, &part, classes, order[k], err);
            data_listing_release(&part);
            if (!ok)
                return false;
        }
    }
    for (int i = 0; i < n; i++) {
        if (data_index_split(l->entry[i].name) == DATA_UNSPLIT &&
            !check_stranger(r, l->entry[i].name, err))
            return false;
    }
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What to say when there are too few classes. */
static bool too_few(struct reader *r, int n, const struct data_listing *l, struct err *err)
{
    char **names = NULL;
    const char *csv = NULL;
    int all = file_list(r->root, &names, err);

    if (all < 0)
        return false;
    for (int i = 0; i < all && !csv; i++) {
        const char *dot = strrchr(names[i], '.');

        if (dot && !strcasecmp(dot, ".csv"))
            csv = names[i];
    }
    if (csv)
        err_set(err, ERR_INPUT,
                "%s: fewer than 2 class folders; if its labels are in a table, give that: %s/%.80s",
                r->root, r->root, csv);
    else if (n == 1)
        err_set(err, ERR_INPUT,
                "%s: only one class folder, '%.80s': at least 2 are needed, with 2 pictures each",
                r->root, l->entry[0].name);
    else if (l->n > n)
        err_set(err, ERR_INPUT,
                "%s: %d pictures but no class folders: sort them into one folder for each class "
                "(%s/CLASS/picture.jpg)", r->root, l->n - n, r->root);
    else
        err_set(err, ERR_INPUT,
                "%s: no pictures: at least 2 class folders with 2 pictures each are needed "
                "(%s/CLASS/picture.jpg)", r->root, r->root);
    free(names);
    return false;
}

static bool read_root(struct reader *r, const struct data_listing *l, int n, struct err *err)
{
    int named = 0;
    bool parts = false;

    for (int i = 0; i < n; i++) {
        bool holds = false;

        if (data_index_split(l->entry[i].name) == DATA_UNSPLIT)
            continue;
        named++;
        if (!holds_folders(r, l->entry[i].name, &holds, err))
            return false;
        parts |= holds;
    }
    if (parts)
        return read_parts(r, l, n, err);
    if (n < (r->fixed ? 1 : 2))
        return too_few(r, n, l, err);
    if (named == n)
        return err_set(err, ERR_INPUT,
                       "%s: '%.80s' and '%.80s' hold no class folders: sort the pictures as "
                       "%s/%.80s/CLASS/picture.jpg", r->root, l->entry[0].name,
                       l->entry[n - 1].name, r->root, l->entry[0].name);
    return read_classes(r, r->root, l, n, DATA_UNSPLIT, err);
}

static bool read_folder(const char *path, const struct data_source_options *opt,
                        struct data_build *b, struct err *err)
{
    struct reader r = { b, path, strlen(path) + (strcmp(path, "/") != 0), opt->n_labels > 0 };
    struct data_listing l;
    int n = open_folders(&r, path, &l, err);
    bool ok;

    if (n < 0)
        return false;
    ok = read_root(&r, &l, n, err);
    data_listing_release(&l);
    return ok;
}

static bool probe(const struct data_probe *p)
{
    return p->kind == FILE_FOLDER;
}

const struct data_source data_source_folder = {
    .name = "folder", .doc = "a folder for each class, in train/, val/ and test/ or not",
    .probe = probe, .read = read_folder, .write = data_folder_write, .copies = true,
};
