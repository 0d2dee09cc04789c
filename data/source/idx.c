/*
 * idx -- MNIST and its kin: pictures in one file, labels in another
 *
 * The format of yann.lecun.com/exdb/mnist: big-endian, 0 0 8 (bytes) and the number of dimensions,
 * then each as 32 bits, then the bytes.  Pictures have 3 dimensions (number, height, width), labels
 * one.  Files belong together by their names: train-images-idx3-ubyte and train-labels-idx1-ubyte,
 * also with a dot (train-images.idx3-ubyte); what is called t10k or test is the test part.
 */
#include "data/source/arrays.h"

#include "data/source.h"
#include "nn/base/arena.h"
#include "nn/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- headers --------------------------------------------------------------------------------- */

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool check_magic(const uint8_t *bytes, size_t size, int dims, struct err *err)
{
    if (size < 4 || bytes[0] || bytes[1])
        return err_set(err, ERR_INPUT, "not an idx file");
    if (bytes[2] != 8)
        return err_set(err, ERR_UNSUPPORTED, "an idx file of elements of type 0x%02x; bytes (0x08) "
                       "are needed", bytes[2]);
    if (bytes[3] != dims)
        return err_set(err, ERR_INPUT, "an idx file of %d dimensions where %d are needed",
                       bytes[3], dims);
    return size >= 4 + 4 * (size_t)dims ||
           err_set(err, ERR_INPUT, "cut off in its header: %zu bytes", size);
}

bool data_idx_images(const uint8_t *bytes, size_t size, uint64_t file_bytes, int *n,
                     struct data_raw *raw, struct err *err)
{
    enum { SIDE_MAX = 65535, COUNT_MAX = 1 << 28 };
    uint32_t count, height, width;
    uint64_t need;

    if (!check_magic(bytes, size, 3, err))
        return false;
    count = be32(bytes + 4);
    height = be32(bytes + 8);
    width = be32(bytes + 12);
    if (!count || count > COUNT_MAX || !height || !width || height > SIDE_MAX || width > SIDE_MAX)
        return err_set(err, ERR_INPUT, "%u pictures of %ux%u make no sense", count, width, height);
    need = (uint64_t)height * width;            /* < 2^32, and times 2^28 < 2^60 */
    need = need * count + DATA_IDX_IMAGES_START;
    if (need != file_bytes)
        return err_set(err, ERR_INPUT, "%u pictures of %ux%u are %llu bytes, but it has %llu",
                       count, width, height, (unsigned long long)need,
                       (unsigned long long)file_bytes);
    *n = (int)count;
    *raw = (struct data_raw){ .width = (int)width, .height = (int)height, .channels = 1 };
    return true;
}

bool data_idx_labels(const uint8_t *bytes, size_t size, uint64_t file_bytes, int *n,
                     struct err *err)
{
    uint32_t count;

    if (!check_magic(bytes, size, 1, err))
        return false;
    count = be32(bytes + 4);
    if (!count || (uint64_t)count + DATA_IDX_LABELS_START != file_bytes || count > 1u << 28)
        return err_set(err, ERR_INPUT, "%u labels are %llu bytes, but it has %llu", count,
                       (unsigned long long)count + DATA_IDX_LABELS_START,
                       (unsigned long long)file_bytes);
    *n = (int)count;
    return true;
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_images(const char *name)
{
    return strcasestr(name, "images") && strcasestr(name, "idx3");
}

static bool is_packed(const char *name)
{
    size_t n = strlen(name);

    return n > 3 && !strcasecmp(name + n - 3, ".gz");
}

/* images -> labels and idx3 -> idx1, in the name alone. */
static char *labels_of(struct arena *mem, const char *path)
{
    size_t folder = (size_t)(base_of(path) - path), n = strlen(path);
    const char *name = path + folder, *images = strcasestr(name, "images");
    char *other = arena_copy(mem, path, n + 1);

    if (!other)
        return NULL;
    memcpy(other + (images - path), *images == 'I' ? "LABELS" : "labels", 6);
    other[strcasestr(name, "idx3") - path + 3] = '1';
    return other;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool add_all(struct data_build *b, const char *path, const uint8_t *label, int n,
                    const struct data_raw *raw, struct err *err)
{
    const char *name = base_of(path);
    enum data_split split = strcasestr(name, "t10k") || strcasestr(name, "test") ? DATA_TEST
                                                                                 : DATA_TRAIN;
    int of[256];
    struct str text = { 0 };
    bool ok = true;

    for (int i = 0; i < 256; i++)
        of[i] = -1;
    for (int i = 0; ok && i < n; i++) {
        struct data_sample s = { .path = path, .raw = raw, .split = split,
                                 .offset = DATA_IDX_IMAGES_START + (uint64_t)i *
                                           (uint64_t)raw->width * (uint64_t)raw->height };
        int at;

        if (of[label[i]] < 0) {
            str_clear(&text);
            str_printf(&text, "%d", label[i]);
            of[label[i]] = data_build_label(b, str_text(&text), err);
        }
        str_clear(&text);
        str_printf(&text, "%s#%05d", name, i);
        s.name = str_text(&text);
        at = of[label[i]] < 0 ? -1
             : text.failed ? (err_set(err, ERR_MEMORY, "memory is out"), -1)
                           : data_build_sample(b, &s, err);
        ok = at >= 0 && data_build_mark(b, at, of[label[i]], 1, err);
        if (!ok)
            err_in(err, "%s: picture %d", path, i);
    }
    str_release(&text);
    return ok;
}

static bool read_pair(struct data_build *b, const char *path, struct err *err)
{
    enum { LABELS_MAX = 1 << 29 };
    struct data_raw *raw = arena_alloc(data_build_arena(b), sizeof *raw);
    char *other = labels_of(data_build_arena(b), path);
    uint8_t *head = NULL, *labels = NULL;
    size_t head_bytes, label_bytes;
    uint64_t whole;
    int n, m;
    bool ok = false;

    if (!raw || !other)
        return err_set(err, ERR_MEMORY, "%s: memory is out", path);
    if (file_kind(other) != FILE_REGULAR)
        return err_set(err, ERR_INPUT, "%s: its labels are not there: %s", path, other);
    head = file_head(path, DATA_IDX_IMAGES_START, &head_bytes, &whole, err);
    labels = head ? file_read(other, LABELS_MAX, &label_bytes, err) : NULL;
    if (!labels)
        goto out;
    if (!data_idx_images(head, head_bytes, whole, &n, raw, err))
        err_in(err, "%s", path);
    else if (!data_idx_labels(labels, label_bytes, label_bytes, &m, err))
        err_in(err, "%s", other);
    else if (n != m)
        err_set(err, ERR_INPUT, "%s: %d pictures, but %d labels in %s", path, n, m, other);
    else
        ok = add_all(b, path, labels + DATA_IDX_LABELS_START, n, raw, err);
out:
    free(head);
    free(labels);
    return ok;
}

static bool read_folder(const char *path, struct data_build *b, struct err *err)
{
    char **names = NULL, *file;
    const char *packed = NULL;
    int n = file_list(path, &names, err), found = 0;
    bool ok = n >= 0;

    for (int i = 0; ok && i < n; i++) {
        if (!is_images(names[i]))
            continue;
        if (is_packed(names[i])) {
            packed = names[i];
            continue;
        }
        file = arena_printf(data_build_arena(b), "%s/%s", path, names[i]);
        ok = file ? read_pair(b, file, err) : err_set(err, ERR_MEMORY, "%s: memory is out", path);
        found++;
    }
    if (ok && !found)
        ok = packed ? err_set(err, ERR_INPUT, "%s/%s: compressed: gunzip it, and its labels", path,
                              packed)
                    : err_set(err, ERR_INPUT, "%s: no ...-images-idx3-ubyte in it", path);
    free(names);
    return ok;
}

static bool read_any(const char *path, const struct data_source_options *opt, struct data_build *b,
                     struct err *err)
{
    (void)opt;
    if (file_kind(path) == FILE_FOLDER)
        return read_folder(path, b, err);
    if (is_packed(path))
        return err_set(err, ERR_INPUT, "%s: compressed: gunzip it, and its labels", path);
    if (!is_images(base_of(path)))
        return err_set(err, ERR_INPUT, "%s: give the file of pictures, ...-images-idx3-ubyte; its "
                       "labels are found beside it", path);
    return read_pair(b, path, err);
}

static bool probe(const struct data_probe *p)
{
    if (p->kind == FILE_REGULAR)
        return p->head_bytes >= 8 && !p->head[0] && !p->head[1] && p->head[2] == 8 &&
               (p->head[3] == 1 || p->head[3] == 3);
    for (int i = 0; i < p->n; i++) {
        if (is_images(p->names[i]))
            return true;
    }
    return false;
}

const struct data_source data_source_idx = {
    .name = "idx", .doc = "MNIST: ...-images-idx3-ubyte and ...-labels-idx1-ubyte",
    .probe = probe, .read = read_any,
};
