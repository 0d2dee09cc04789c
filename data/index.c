/*
 * index -- which pictures there are, and what they show
 */
#include "data/index.h"

#include "data/csv.h"
#include "data/image.h"
#include "nn/base/arena.h"
#include "nn/base/file.h"
#include "nn/base/pool.h"
#include "nn/base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <xxhash.h>

const char *const data_task_names[] = { "single", "multi", NULL };
const char *const data_split_names[] = { "unsplit", "train", "val", "test", NULL };

/* ---- names ----------------------------------------------------------------------------------- */

/* As people count: "2" before "10"; equal in that, by bytes. */
int data_index_compare_names(const char *a, const char *b)
{
    const char *p = a, *q = b;

    while (*p && *q) {
        if (isdigit((unsigned char)*p) && isdigit((unsigned char)*q)) {
            size_t n, m;

            while (*p == '0')
                p++;
            while (*q == '0')
                q++;
            n = strspn(p, "0123456789");
            m = strspn(q, "0123456789");
            if (n != m)
                return n < m ? -1 : 1;
            if (n && memcmp(p, q, n))
                return memcmp(p, q, n);
            p += n;
            q += m;
        } else {
            if (*p != *q)
                return (unsigned char)*p < (unsigned char)*q ? -1 : 1;
            p++;
            q++;
        }
    }
    if (*p || *q)
        return *p ? 1 : -1;
    return strcmp(a, b);
}

bool data_index_check_label(const char *label, struct err *err)
{
    struct str clean = { 0 };
    bool same;

    str_utf8(&clean, label);
    same = !clean.failed && !strcmp(str_text(&clean), label);
    if (!same)
        err_set(err, ERR_INPUT, "the class name '%.80s' is not UTF-8: rename it", str_text(&clean));
    str_release(&clean);
    return same;
}

static bool is_picture_name(const char *name)
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

/* Folders that operating systems leave behind.
 * (Thumbs.db and desktop.ini are no pictures by their names.) */
static bool is_litter(const char *name)
{
    return name[0] == '.' || !strcasecmp(name, "__MACOSX") || !strcasecmp(name, "@eaDir");
}

enum data_split data_index_split(const char *word)
{
    static const struct { const char *name; enum data_split split; } names[] = {
        { "train", DATA_TRAIN }, { "val", DATA_VAL }, { "valid", DATA_VAL },
        { "validation", DATA_VAL }, { "test", DATA_TEST },
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcasecmp(word, names[i].name))
            return names[i].split;
    }
    return DATA_UNSPLIT;
}

/* ---- samples --------------------------------------------------------------------------------- */

bool data_index_add(struct data_index *x, struct data_sample sample, struct err *err)
{
    enum { LEAST = 64, MOST = 1 << 28 };

    /* There is room for LEAST, and then for as many as the next power of two. */
    if (x->n == 0 || (x->n >= LEAST && (x->n & (x->n - 1)) == 0)) {
        size_t cap = x->n ? 2 * (size_t)x->n : LEAST;
        struct data_sample *p = x->n < MOST ? realloc(x->sample, cap * sizeof *p) : NULL;

        if (!p)
            return err_set(err, ERR_MEMORY, "too many pictures");
        x->sample = p;
    }
    x->sample[x->n++] = sample;
    return true;
}

/* A folder that is being read, and those that it lies in: what a symlink must not lead back to. */
struct inside {
    const struct inside *up;
    dev_t dev;
    ino_t ino;
};

/* As data_index_add_folder; `sample` has what all of them share. */
static bool add_folder(struct data_index *x, const char *folder, size_t skip,
                       struct data_sample sample, const struct inside *up, struct err *err)
{
    enum { DEPTH_MAX = 64 };
    const char *slash = folder[0] && folder[strlen(folder) - 1] == '/' ? "" : "/";
    struct inside here = { .up = up };
    struct stat st;
    char **names = NULL;
    int n, depth = 0;
    bool ok = false;

    if (stat(folder, &st))
        return err_errno(err, folder, "read");
    here.dev = st.st_dev;
    here.ino = st.st_ino;
    for (const struct inside *i = up; i; i = i->up, depth++) {
        if (i->dev == here.dev && i->ino == here.ino)
            return true;
    }
    if (depth > DEPTH_MAX)
        return err_set(err, ERR_INPUT, "%s: folders nest deeper than %d", folder, DEPTH_MAX);
    n = file_list(folder, &names, err);
    if (n < 0)
        return false;
    for (int i = 0; i < n; i++) {
        char *path;
        enum file_kind kind;

        if (is_litter(names[i]))
            continue;
        path = arena_printf(x->mem, "%s%s%s", folder, slash, names[i]);
        if (!path) {
            err_set(err, ERR_MEMORY, "%s: too many pictures", folder);
            goto out;
        }
        sample.path = path;
        sample.name = path + skip;
        kind = file_kind(path);
        if (kind == FILE_FOLDER && !add_folder(x, path, skip, sample, &here, err))
            goto out;
        if (kind == FILE_REGULAR && is_picture_name(names[i]) && !data_index_add(x, sample, err)) {
            err_in(err, "%s", folder);
            goto out;
        }
    }
    ok = true;
out:
    free(names);
    return ok;
}

bool data_index_add_folder(struct data_index *x, const char *folder, size_t skip, int label,
                           enum data_split split, struct err *err)
{
    struct data_sample sample = { .label = label, .split = split };

    return add_folder(x, folder, skip, sample, NULL, err);
}

/* ---- folders --------------------------------------------------------------------------------- */

/* A reading of folders under way. */
struct reader {
    struct data_index *x;
    const char *root;           /* without a slash at its end */
    bool fixed;                 /* labels were given */
};

/* Samples are called what they are below the root. */
static bool read_pictures(struct reader *r, const char *folder, int label, enum data_split split,
                          struct err *err)
{
    return data_index_add_folder(r->x, folder, strlen(r->root) + 1, label, split, err);
}

static int find_label(const struct data_index *x, const char *name)
{
    for (int i = 0; i < x->n_labels; i++) {
        if (!strcmp(x->label[i], name))
            return i;
    }
    return -1;
}

static int compare_names(const void *a, const void *b)
{
    return data_index_compare_names(*(char *const *)a, *(char *const *)b);
}

/* The names of the folders in `folder`, in natural order; -1 on failure,
 * else *names as from file_list. */
static int list_folders(const char *folder, char ***names, struct err *err)
{
    struct str path = { 0 };
    int n = file_list(folder, names, err), kept = 0;

    for (int i = 0; i < n; i++) {
        str_clear(&path);
        str_printf(&path, "%s/%s", folder, (*names)[i]);
        if (!is_litter((*names)[i]) && file_kind(str_text(&path)) == FILE_FOLDER)
            (*names)[kept++] = (*names)[i];
    }
    if (path.failed) {
        free(*names);
        err_set(err, ERR_MEMORY, "%s: memory is out", folder);
        n = -1;
    }
    str_release(&path);
    if (n < 0)
        return -1;
    qsort(*names, (size_t)kept, sizeof **names, compare_names);
    return kept;
}

/* Labels from class names, unless they were given. */
static bool set_labels(struct reader *r, int n, char **names, struct err *err)
{
    struct data_index *x = r->x;

    if (r->fixed || x->label)
        return true;
    x->label = arena_array(x->mem, (size_t)n, sizeof *x->label);
    if (!x->label)
        return err_set(err, ERR_MEMORY, "%s: cannot hold %d labels", r->root, n);
    for (int i = 0; i < n; i++) {
        if (!data_index_check_label(names[i], err))
            return err_in(err, "%s", r->root);
        x->label[i] = arena_str(x->mem, names[i]);
        if (!x->label[i])
            return err_set(err, ERR_MEMORY, "%s: cannot hold %d labels", r->root, n);
    }
    x->n_labels = n;
    return true;
}

/* folder/CLASS/... */
static bool read_classes(struct reader *r, const char *folder, enum data_split split,
                         struct err *err)
{
    char **names = NULL;
    int n = list_folders(folder, &names, err);
    bool ok = false;

    if (n < 0)
        return false;
    if (!set_labels(r, n, names, err))
        goto out;
    for (int i = 0; i < n; i++) {
        int label = find_label(r->x, names[i]);
        char *path = arena_printf(r->x->mem, "%s/%s", folder, names[i]);

        if (!path) {
            err_set(err, ERR_MEMORY, "%s: memory is out", folder);
            goto out;
        }
        if (label < 0) {
            err_set(err, ERR_INPUT, "%s: class '%.80s' is not among the %d %s", path, names[i],
                    r->x->n_labels, r->fixed ? "labels of the model" : "classes in train/");
            goto out;
        }
        if (!read_pictures(r, path, label, split, err))
            goto out;
    }
    ok = true;
out:
    free(names);
    return ok;
}

static int compare_samples(const void *a, const void *b)
{
    return strcmp(((const struct data_sample *)a)->name, ((const struct data_sample *)b)->name);
}

static bool holds_folders(struct reader *r, const char *name, bool *yes, struct err *err)
{
    char *path = arena_printf(r->x->mem, "%s/%s", r->root, name), **names = NULL;
    int n = path ? list_folders(path, &names, err) : -1;

    if (!path)
        return err_set(err, ERR_MEMORY, "%s: memory is out", r->root);
    free(n < 0 ? NULL : names);
    *yes = n > 0;
    return n >= 0;
}

/* A folder beside train/ that is no split: nothing to worry about unless it holds pictures. */
static bool check_stranger(struct reader *r, const char *name, struct err *err)
{
    int n = r->x->n;
    char *path = arena_printf(r->x->mem, "%s/%s", r->root, name);

    if (!path)
        return err_set(err, ERR_MEMORY, "%s: memory is out", r->root);
    if (!read_pictures(r, path, -1, DATA_UNSPLIT, err))
        return false;
    if (r->x->n > n)
        return err_set(err, ERR_INPUT,
                       "%s: '%.80s' lies beside folders called train, val or test: "
                       "move it into one of them, or elsewhere", r->root, name);
    return true;
}

/* What to say when there are too few classes. */
static bool too_few(struct reader *r, int n, char **folders, struct err *err)
{
    char **names = NULL;
    const char *csv = NULL;
    int pictures = 0, all = file_list(r->root, &names, err);

    if (all < 0)
        return false;
    for (int i = 0; i < all; i++) {
        const char *dot = strrchr(names[i], '.');

        if (!csv && dot && !strcasecmp(dot, ".csv"))
            csv = names[i];
        pictures += is_picture_name(names[i]);
    }
    if (csv)
        err_set(err, ERR_INPUT,
                "%s: fewer than 2 class folders; if its labels are in a table, give that: %s/%.80s",
                r->root, r->root, csv);
    else if (n == 1)
        err_set(err, ERR_INPUT,
                "%s: only one class folder, '%.80s': at least 2 are needed, with 2 pictures each",
                r->root, folders[0]);
    else if (pictures)
        err_set(err, ERR_INPUT,
                "%s: %d pictures but no class folders: sort them into one folder for each class "
                "(%s/CLASS/picture.jpg)", r->root, pictures, r->root);
    else
        err_set(err, ERR_INPUT,
                "%s: no pictures: at least 2 class folders with 2 pictures each are needed "
                "(%s/CLASS/picture.jpg)", r->root, r->root);
    free(names);
    return false;
}

static bool check_counts(struct reader *r, bool split, struct err *err)
{
    struct data_index *x = r->x;
    int *count, *train;

    if (r->fixed)
        return x->n > 0 || err_set(err, ERR_INPUT, "%s: no pictures in its class folders", r->root);
    count = arena_array(x->mem, (size_t)x->n_labels, sizeof *count);
    train = arena_array(x->mem, (size_t)x->n_labels, sizeof *train);
    if (!count || !train)
        return err_set(err, ERR_MEMORY, "%s: memory is out", r->root);
    for (int i = 0; i < x->n; i++) {
        count[x->sample[i].label]++;
        train[x->sample[i].label] += x->sample[i].split == DATA_TRAIN;
    }
    for (int i = 0; i < x->n_labels; i++) {
        if (count[i] < 2 || (split && !train[i]))
            return err_set(err, ERR_INPUT,
                           "%s: class '%.80s' has %d picture%s%s; at least 2 are needed: "
                           "add some, or remove the folder",
                           r->root, x->label[i], split && !train[i] ? 0 : count[i],
                           count[i] == 1 && !(split && !train[i]) ? "" : "s",
                           split && !train[i] ? " in train" : "");
    }
    return true;
}

/* ROOT/{train,val,...}/CLASS/... : the train part first, since it names the classes. */
static bool read_splits(struct reader *r, int n, char **folders, struct err *err)
{
    static const enum data_split order[] = { DATA_TRAIN, DATA_VAL, DATA_TEST };
    bool train = false;

    for (int i = 0; i < n; i++)
        train |= data_index_split(folders[i]) == DATA_TRAIN;
    if (!train && !r->fixed)
        return err_set(err, ERR_INPUT, "%s: it has %s/ but no train/ to learn from", r->root,
                       folders[0]);
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < n; i++) {
            char *path;

            if (data_index_split(folders[i]) != order[k])
                continue;
            path = arena_printf(r->x->mem, "%s/%s", r->root, folders[i]);
            if (!path)
                return err_set(err, ERR_MEMORY, "%s: memory is out", r->root);
            if (!read_classes(r, path, order[k], err))
                return false;
            if (!r->fixed && r->x->n_labels < 2)
                return err_set(err, ERR_INPUT,
                               "%s: %d class folder%s; at least 2 are needed, with 2 pictures each",
                               path, r->x->n_labels, r->x->n_labels == 1 ? "" : "s");
        }
    }
    for (int i = 0; i < n; i++) {
        if (data_index_split(folders[i]) == DATA_UNSPLIT && !check_stranger(r, folders[i], err))
            return false;
    }
    return check_counts(r, true, err);
}

static bool read_folder(struct reader *r, struct err *err)
{
    char **folders = NULL;
    int n = list_folders(r->root, &folders, err), named = 0;
    bool split = false, ok = false;

    if (n < 0)
        return false;
    /* A class may be called "train", so it takes class folders inside to be a part of a split. */
    for (int i = 0; i < n; i++) {
        bool holds = false;

        if (data_index_split(folders[i]) == DATA_UNSPLIT)
            continue;
        named++;
        if (!holds_folders(r, folders[i], &holds, err))
            goto out;
        split |= holds;
    }
    if (split)
        ok = read_splits(r, n, folders, err);
    else if (n < (r->fixed ? 1 : 2))
        ok = too_few(r, n, folders, err);
    else if (named == n)
        err_set(err, ERR_INPUT,
                "%s: '%.80s' and '%.80s' hold no class folders: sort the pictures as "
                "%s/%.80s/CLASS/picture.jpg", r->root, folders[0], folders[n - 1], r->root,
                folders[0]);
    else
        ok = read_classes(r, r->root, DATA_UNSPLIT, err) && check_counts(r, false, err);
out:
    free(folders);
    return ok;
}

static struct data_index *open_folder(const char *path, int n_labels, const char *const *labels,
                                      struct err *err)
{
    struct arena *mem = arena_new();
    struct data_index *x = mem ? arena_alloc(mem, sizeof *x) : NULL;
    char *root = x ? arena_str(mem, path) : NULL;
    struct reader r = { .x = x, .root = root, .fixed = labels != NULL };

    if (!root) {
        arena_free(mem);
        err_set(err, ERR_MEMORY, "%s: memory is out", path);
        return NULL;
    }
    for (size_t n = strlen(root); n > 1 && root[n - 1] == '/'; n--)
        root[n - 1] = 0;
    x->mem = mem;
    x->task = DATA_SINGLE;
    if (labels) {
        x->label = arena_array(mem, (size_t)n_labels, sizeof *x->label);
        for (int i = 0; x->label && i < n_labels; i++) {
            x->label[i] = arena_str(mem, labels[i]);
            x->n_labels += x->label[i] != NULL;
        }
        if (x->n_labels != n_labels) {
            err_set(err, ERR_MEMORY, "%s: cannot hold %d labels", path, n_labels);
            goto fail;
        }
    }
    if (!read_folder(&r, err))
        goto fail;
    qsort(x->sample, (size_t)x->n, sizeof *x->sample, compare_samples);
    return x;
fail:
    data_index_free(x);
    return NULL;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static struct data_index *open_table(const char *path, int n_labels, const char *const *labels,
                                     struct err *err)
{
    enum { TABLE_MAX = 1 << 30 };
    size_t size;
    char *text = (char *)file_read(path, TABLE_MAX, &size, err);
    struct data_index *x = NULL;

    if (!text)
        return NULL;
    if (size >= 2 && (!memcmp(text, "PK", 2) || !memcmp(text, "\x1f\x8b", 2)))
        err_set(err, ERR_INPUT,
                "%s: an archive: unpack it first, and give the folder or the CSV in it", path);
    else if (is_picture_name(path))
        err_set(err, ERR_INPUT, "%s: one picture; a folder of class folders or a CSV is needed",
                path);
    else
        x = data_csv_index(text, size, path, n_labels, labels, err);
    free(text);
    return x;
}

struct data_index *data_index_open(const char *path, const struct data_source_options *opt,
                                   struct err *err)
{
    int n_labels = opt ? opt->n_labels : 0;
    const char *const *labels = n_labels ? opt->labels : NULL;

    switch (file_kind(path)) {
    case FILE_FOLDER:
        return open_folder(path, n_labels, labels, err);
    case FILE_REGULAR:
        return open_table(path, n_labels, labels, err);
    case FILE_NONE:
        err_set(err, ERR_INPUT, "%s: no such folder or file", path);
        return NULL;
    default:
        err_set(err, ERR_INPUT, "%s: neither a folder nor a file", path);
        return NULL;
    }
}

void data_index_free(struct data_index *x)
{
    if (x) {
        free(x->sample);
        arena_free(x->mem);
    }
}

struct data_index *data_index_part(const struct data_index *x, enum data_split split,
                                   struct err *err)
{
    struct arena *mem = arena_new();
    struct data_index *part = mem ? arena_alloc(mem, sizeof *part) : NULL;

    if (!part) {
        arena_free(mem);
        err_set(err, ERR_MEMORY, "cannot hold %d samples", x->n);
        return NULL;
    }
    *part = (struct data_index){
        .task = x->task, .label = x->label, .n_labels = x->n_labels, .mem = mem };
    for (int i = 0; i < x->n; i++) {
        if (x->sample[i].split == split && !data_index_add(part, x->sample[i], err)) {
            data_index_free(part);
            return NULL;
        }
    }
    return part;
}

static void hash_piece(void *arg, int i, int worker)
{
    struct data_index *x = arg;
    struct err ignored;
    size_t size;
    uint8_t *bytes = file_read(x->sample[i].path, data_decode_default.limits.file_bytes, &size,
                               &ignored);

    (void)worker;
    if (bytes)
        x->sample[i].hash = XXH3_64bits(bytes, size);
    free(bytes);
}

bool data_index_hash(struct data_index *x, int threads, struct err *err)
{
    struct pool *pool = pool_new(threads, err);

    if (!pool)
        return false;
    pool_for(pool, x->n, hash_piece, x);
    pool_free(pool);
    return true;
}

void data_index_counts(const struct data_index *x, int *count)
{
    memset(count, 0, (size_t)x->n_labels * sizeof *count);
    for (int i = 0; i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];

        if (!s->mark && s->label >= 0)
            count[s->label]++;
        for (int j = 0; s->mark && j < x->n_labels; j++)
            count[j] += s->mark[j] == 1;
    }
}
