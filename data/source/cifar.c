/*
 * cifar -- CIFAR-10 and CIFAR-100 in their binary form
 *
 * Of www.cs.toronto.edu/~kriz/cifar.html: records of a label (CIFAR-100: a coarse and a fine one,
 * of which the fine one counts) and 3072 bytes, 32x32 red, then green, then blue.  CIFAR-10 has
 * data_batch_1.bin to data_batch_5.bin, test_batch.bin and names in batches.meta.txt; CIFAR-100
 * train.bin, test.bin and fine_label_names.txt.
 */
#include "data/source/arrays.h"

#include "data/source.h"
#include "nn/base/arena.h"
#include "nn/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, PIXELS = 3 * SIDE * SIDE, FILE_BYTES_MAX = 1 << 30 };

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

bool data_cifar_records(struct data_build *b, const struct data_cifar *c, const char *path,
                        const uint8_t *bytes, size_t size, enum data_split split, struct err *err)
{
    size_t record = (size_t)c->label_bytes + PIXELS;
    struct str text = { 0 };
    int of[256];
    bool ok = true;

    if (size % record || !size)
        return err_set(err, ERR_INPUT, "%s: %zu bytes are no whole records of %zu", path, size,
                       record);
    for (int i = 0; i < 256; i++)
        of[i] = -1;
    for (size_t i = 0; ok && i < size / record; i++) {
        int value = bytes[i * record + (size_t)c->label_bytes - 1], at = -1;
        struct data_sample s = { .path = path, .raw = c->raw, .split = split,
                                 .offset = i * record + (uint64_t)c->label_bytes };

        if (c->label && value >= c->n_labels) {
            ok = err_set(err, ERR_INPUT, "%s: picture %zu has the label %d of %d", path, i, value,
                         c->n_labels);
            break;
        }
        str_clear(&text);
        str_printf(&text, "%d", value);
        if (of[value] < 0)
            of[value] = data_build_label(b, c->label ? c->label[value] : str_text(&text), err);
        str_clear(&text);
        str_printf(&text, "%s#%05zu", base_of(path), i);
        s.name = str_text(&text);
        if (text.failed)
            err_set(err, ERR_MEMORY, "memory is out");
        else if (of[value] >= 0)
            at = data_build_sample(b, &s, err);
        ok = at >= 0 && data_build_mark(b, at, of[value], 1, err);
        if (!ok)
            err_in(err, "%s: picture %zu", path, i);
    }
    str_release(&text);
    return ok;
}

/* ---- files ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int label_bytes;
    enum data_split split;
} files[] = {
    { "data_batch_1.bin", 1, DATA_TRAIN }, { "data_batch_2.bin", 1, DATA_TRAIN },
    { "data_batch_3.bin", 1, DATA_TRAIN }, { "data_batch_4.bin", 1, DATA_TRAIN },
    { "data_batch_5.bin", 1, DATA_TRAIN }, { "test_batch.bin", 1, DATA_TEST },
    { "train.bin", 2, DATA_TRAIN }, { "test.bin", 2, DATA_TEST },
};
enum { N_FILES = sizeof files / sizeof *files };

static int file_number(const char *name)
{
    for (int i = 0; i < N_FILES; i++) {
        if (!strcmp(name, files[i].name))
            return i;
    }
    return -1;
}

/* The names in a file beside the records, a line each; without one labels are numbers. */
static bool read_names(struct data_build *b, const char *folder, struct data_cifar *c,
                       struct err *err)
{
    enum { NAMES_MAX = 1 << 20, LABELS_MAX = 256 };
    struct arena *mem = data_build_arena(b);
    char *path = arena_printf(mem, "%s/%s", folder, c->label_bytes == 1 ? "batches.meta.txt"
                                                                        : "fine_label_names.txt");
    const char **list = arena_array(mem, LABELS_MAX, sizeof *list);
    char *text, *p, *end;
    size_t size;

    if (!path || !list)
        return err_set(err, ERR_MEMORY, "%s: memory is out", folder);
    if (file_kind(path) == FILE_NONE)
        return true;
    text = (char *)file_read(path, NAMES_MAX, &size, err);
    if (!text)
        return false;
    p = arena_copy(mem, text, size + 1);
    free(text);
    if (!p)
        return err_set(err, ERR_MEMORY, "%s: memory is out", path);
    for (; *p && c->n_labels < LABELS_MAX; p = end) {
        end = p + strcspn(p, "\n");
        if (*end)
            *end++ = 0;
        p[strcspn(p, "\r")] = 0;
        if (*p)
            list[c->n_labels++] = p;
    }
    c->label = list;
    return c->n_labels || err_set(err, ERR_INPUT, "%s: no names in it", path);
}

static bool read_file(struct data_build *b, const char *folder, int number, struct err *err)
{
    struct arena *mem = data_build_arena(b);
    struct data_raw *raw = arena_alloc(mem, sizeof *raw);
    struct data_cifar c = { .label_bytes = files[number].label_bytes, .raw = raw };
    char *path = arena_printf(mem, "%s/%s", folder, files[number].name);
    uint8_t *bytes;
    size_t size;
    bool ok;

    if (!raw || !path)
        return err_set(err, ERR_MEMORY, "%s: memory is out", folder);
    *raw = (struct data_raw){ SIDE, SIDE, 3, true };
    if (!read_names(b, folder, &c, err))
        return false;
    bytes = file_read(path, FILE_BYTES_MAX, &size, err);
    ok = bytes && data_cifar_records(b, &c, path, bytes, size, files[number].split, err);
    free(bytes);
    return ok;
}

static bool read_any(const char *path, const struct data_source_options *opt, struct data_build *b,
                     struct err *err)
{
    const char *name = base_of(path);
    char **names = NULL, *folder;
    int n, found = 0;
    bool ok = true;

    (void)opt;
    if (file_kind(path) == FILE_REGULAR) {
        folder = name == path ? arena_str(data_build_arena(b), ".")
                              : arena_copy(data_build_arena(b), path, (size_t)(name - path));
        if (!folder)
            return err_set(err, ERR_MEMORY, "%s: memory is out", path);
        if (name > path)
            folder[name - path - 1] = 0;
        return file_number(name) < 0
                   ? err_set(err, ERR_INPUT, "%s: not called as CIFAR's files are "
                             "(data_batch_1.bin, test_batch.bin, train.bin, test.bin)", path)
                   : read_file(b, *folder ? folder : "/", file_number(name), err);
    }
    n = file_list(path, &names, err);
    if (n < 0)
        return false;
    for (int i = 0; ok && i < n; i++) {
        if (file_number(names[i]) < 0)
            continue;
        ok = read_file(b, path, file_number(names[i]), err);
        found++;
    }
    free(names);
    if (ok && !found)
        return err_set(err, ERR_UNSUPPORTED, "%s: CIFAR as Python's pickles, which are programs: "
                       "get the binary version (cifar-10-binary.tar.gz)", path);
    return ok;
}

/* A folder with train.bin alone may be anything, so it takes CIFAR-100's names too. */
static bool probe(const struct data_probe *p)
{
    bool train = false, names = false, batch = false, meta = false;

    if (p->kind == FILE_REGULAR) {
        int i = file_number(base_of(p->path));

        return i >= 0 && p->bytes && p->bytes % (uint64_t)(files[i].label_bytes + PIXELS) == 0;
    }
    for (int i = 0; i < p->n; i++) {
        int at = file_number(p->names[i]);

        if (at >= 0 && files[at].label_bytes == 1)
            return true;
        train |= at >= 0;
        names |= !strcmp(p->names[i], "fine_label_names.txt");
        batch |= !strcmp(p->names[i], "data_batch_1");
        meta |= !strcmp(p->names[i], "batches.meta");
    }
    return (train && names) || (batch && meta);
}

const struct data_source data_source_cifar = {
    .name = "cifar", .doc = "CIFAR-10 and CIFAR-100, binary: data_batch_1.bin, train.bin ...",
    .probe = probe, .read = read_any,
};
