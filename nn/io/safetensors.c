/*
 * safetensors -- see safetensors.h; every check of the reader is listed in docs/format.md
 *
 * The header is parsed by jansson (duplicate keys, bad UTF-8 and integers beyond 63 bits are
 * refused there); what it claims is believed only after it was checked against the length of the
 * file.
 */
#include "nn/io/safetensors.h"
#include "nn/base/arena.h"
#include "nn/base/file.h"
#include "nn/base/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "files are little-endian and read as they are");

enum {
    LENGTH_BYTES = 8,
    DATA_ALIGN = 64,
    HEADER_MAX = 16 << 20,
    TENSORS_MAX = 65536,
    NAME_BYTES_MAX = 512
};

/* Bytes in a file, which are not dtype_size: that is double for f32 in the gradient-check tree. */
static const struct {
    const char *name;
    size_t bytes;
} dtypes[DTYPE_COUNT] = {
    [DTYPE_F32] = { "F32", 4 }, [DTYPE_F16] = { "F16", 2 }, [DTYPE_BF16] = { "BF16", 2 },
    [DTYPE_I8] = { "I8", 1 },   [DTYPE_U8] = { "U8", 1 },   [DTYPE_I32] = { "I32", 4 },
    [DTYPE_I64] = { "I64", 8 },
};

/* The rest of the format's types, which we know but do not read. */
static const char *const other_dtypes[] = {
    "BOOL",    "I16",     "U16",         "U32",         "F64", "U64",     "C64",     "F8_E5M2",
    "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F4",  "F6_E2M3", "F6_E3M2", NULL,
};

/* What people take for weights in safetensors form. */
static const struct {
    const char *magic, *what;
} foreign[] = {
    { "PK\003\004",
      "a zip file, as PyTorch writes: save its state_dict with safetensors.torch.save_file" },
    { "\200\002",
      "a Python pickle, which can run code: save its tensors with safetensors.torch.save_file" },
    { "\211HDF", "an HDF5 file, as Keras writes" },
    { "GGUF", "a GGUF file" },
};

/* ---- reading --------------------------------------------------------------------------------- */

static bool not_ours(const unsigned char *data, uint64_t header, struct err *err)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (!memcmp(data, foreign[i].magic, strlen(foreign[i].magic)))
            return err_set(err, ERR_UNSUPPORTED, "not a safetensors file but %s", foreign[i].what);
    return err_set(err, ERR_INPUT,
                   "not a safetensors file: its first 8 bytes would mean a header of %" PRIu64
                   " bytes, the limit is %d",
                   header, HEADER_MAX);
}

/* Length and position of the header, checked against the file. */
static bool find_header(const unsigned char *data, size_t size, size_t *bytes, struct err *err)
{
    uint64_t n;

    if (size < LENGTH_BYTES)
        return err_set(err, ERR_INPUT, "not a safetensors file: only %zu bytes", size);
    memcpy(&n, data, sizeof n);
    if (n > HEADER_MAX)
        return not_ours(data, n, err);
    if (n > size - LENGTH_BYTES)
        return err_set(err, ERR_INPUT, "cut short, or not a safetensors file: a header of %" PRIu64
                       " bytes does not fit in a file of %zu", n, size);
    if (!n || data[LENGTH_BYTES] != '{')
        return err_set(err, ERR_INPUT,
                       "not a safetensors file: the header does not start with '{'");
    *bytes = (size_t)n;
    return true;
}

/* NULL when the name is fine, else what is wrong with it. */
static const char *name_fault(const char *name)
{
    size_t len = strlen(name);

    if (!len)
        return "is empty";
    if (len > NAME_BYTES_MAX)
        return "is longer than 512 bytes";
    for (; *name; name++)
        if ((unsigned char)*name < ' ' || *name == 127)
            return "holds a control character";
    return NULL;
}

static bool read_meta(struct st_file *f, json_t *json, struct err *err)
{
    const char *key;
    json_t *value;

    if (!json_is_object(json))
        return err_set(err, ERR_INPUT, "__metadata__ is no object");
    f->meta = arena_array(f->mem, json_object_size(json), sizeof *f->meta);
    if (!f->meta)
        return err_set(err, ERR_MEMORY, "no memory for the metadata");
    json_object_foreach(json, key, value) {
        struct st_meta *m = &f->meta[f->n_meta];

        if (!json_is_string(value))
            return err_set(err, ERR_INPUT, "metadata \"%.100s\" is no string", key);
        m->key = arena_str(f->mem, key);
        m->value = arena_str(f->mem, json_string_value(value));
        if (!m->key || !m->value)
            return err_set(err, ERR_MEMORY, "no memory for the metadata");
        f->n_meta++;
    }
    return true;
}

/* A tensor of the header with its place in the data, before they are put in order. */
struct placed {
    struct st_entry entry;
    size_t begin, end;
    int order;                  /* in the header: ties of empty tensors stay as they stand */
};

static bool read_dtype(const json_t *json, enum dtype *t, struct err *err)
{
    const char *name = json_string_value(json);

    if (!name)
        return err_set(err, ERR_INPUT, "dtype is no string");
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (!strcmp(name, dtypes[i].name)) {
            *t = (enum dtype)i;
            return true;
        }
    for (int i = 0; other_dtypes[i]; i++)
        if (!strcmp(name, other_dtypes[i]))
            return err_set(err, ERR_UNSUPPORTED,
                           "dtype %s is not supported; F32, F16, BF16, I8, U8, I32, I64 are", name);
    return err_set(err, ERR_INPUT, "there is no dtype \"%.40s\"", name);
}

static bool read_shape(const json_t *json, struct shape *s, struct err *err)
{
    if (!json_is_array(json))
        return err_set(err, ERR_INPUT, "shape is no list");
    if (json_array_size(json) > SHAPE_MAX_RANK)
        return err_set(err, ERR_INPUT, "%zu dimensions, at most %d are allowed",
                       json_array_size(json), SHAPE_MAX_RANK);
    s->rank = (int)json_array_size(json);
    for (int i = 0; i < s->rank; i++) {
        const json_t *dim = json_array_get(json, (size_t)i);

        s->dim[i] = json_is_integer(dim) ? json_integer_value(dim) : -1;
        if (s->dim[i] < 0)
            return err_set(err, ERR_INPUT, "dimension %d is no whole number from 0 up", i);
    }
    return true;
}

/* Bytes of a dense array in a file; false when they do not fit a size_t. */
static bool file_bytes(const struct shape *s, enum dtype t, size_t *bytes)
{
    size_t n = 1;

    for (int i = 0; i < s->rank; i++)
        if (!size_mul(n, (size_t)s->dim[i], &n))
            return false;
    return size_mul(n, dtypes[t].bytes, bytes);
}

static bool read_tensor(json_t *json, size_t data_bytes, struct placed *p, struct err *err)
{
    json_t *offsets = json_object_get(json, "data_offsets");
    struct tensor *t = &p->entry.tensor;
    const char *key;
    json_t *value;
    size_t need;

    if (!json_is_object(json))
        return err_set(err, ERR_INPUT, "is no object");
    json_object_foreach(json, key, value)
        if (strcmp(key, "dtype") && strcmp(key, "shape") && strcmp(key, "data_offsets"))
            return err_set(err, ERR_INPUT, "unknown key \"%.40s\"", key);
    if (!read_dtype(json_object_get(json, "dtype"), &t->dtype, err) ||
        !read_shape(json_object_get(json, "shape"), &t->shape, err))
        return false;
    for (size_t i = 0; i < 2; i++) {
        const json_t *at = json_array_get(offsets, i);

        if (json_array_size(offsets) != 2 || !json_is_integer(at) || json_integer_value(at) < 0)
            return err_set(err, ERR_INPUT, "data_offsets is no pair of whole numbers from 0 up");
        if ((uint64_t)json_integer_value(at) > data_bytes)
            return err_set(err, ERR_INPUT,
                           "reaches byte %" JSON_INTEGER_FORMAT " of %zu: the file is cut short",
                           json_integer_value(at), data_bytes);
        *(i ? &p->end : &p->begin) = (size_t)json_integer_value(at);
    }
    if (p->end < p->begin)
        return err_set(err, ERR_INPUT, "ends at byte %zu, before it begins at %zu", p->end,
                       p->begin);
    if (!file_bytes(&t->shape, t->dtype, &need))
        return err_set(err, ERR_INPUT, "its shape overflows");
    if (need != p->end - p->begin)
        return err_set(err, ERR_INPUT, "its shape needs %zu bytes, data_offsets give it %zu", need,
                       p->end - p->begin);
    return true;
}

static int by_place(const void *pa, const void *pb)
{
    const struct placed *a = pa, *b = pb;

    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    return a->order - b->order;
}

static int by_name(const void *pa, const void *pb)
{
    const struct st_entry *const *a = pa, *const *b = pb;

    return strcmp((*a)->name, (*b)->name);
}

/* Entries in the order of their data, which must follow each other without holes up to the end of
 * the file. */
static bool place_entries(struct st_file *f, struct placed *p, const unsigned char *data,
                          size_t bytes, struct err *err)
{
    size_t at = 0;

    f->entry = arena_array(f->mem, (size_t)f->n, sizeof *f->entry);
    f->by_name = arena_array(f->mem, (size_t)f->n, sizeof *f->by_name);
    if (!f->entry || !f->by_name)
        return err_set(err, ERR_MEMORY, "no memory for %d tensors", f->n);
    if (f->n)
        qsort(p, (size_t)f->n, sizeof *p, by_place);
    for (int i = 0; i < f->n; i++) {
        if (p[i].begin != at)
            return err_set(err, ERR_INPUT,
                           "tensor \"%.100s\": begins at byte %zu, the one before ends at %zu",
                           p[i].entry.name, p[i].begin, at);
        at = p[i].end;
        f->entry[i] = p[i].entry;
        f->entry[i].tensor.data = (void *)(uintptr_t)(data + p[i].begin);
        f->by_name[i] = &f->entry[i];
    }
    if (at != bytes)
        return err_set(err, ERR_INPUT, "%zu bytes after the last tensor", bytes - at);
    if (f->n)
        qsort(f->by_name, (size_t)f->n, sizeof *f->by_name, by_name);
    return true;
}

static bool read_entries(struct st_file *f, json_t *header, const unsigned char *data, size_t bytes,
                         struct err *err)
{
    size_t n = json_object_size(header);
    struct placed *placed = NULL;
    const char *key;
    json_t *value;
    bool ok = false;

    if (n > TENSORS_MAX + 1)
        return err_set(err, ERR_INPUT, "%zu tensors, at most %d are allowed", n, TENSORS_MAX);
    placed = calloc(n ? n : 1, sizeof *placed);
    if (!placed)
        return err_set(err, ERR_MEMORY, "no memory for %zu tensors", n);
    json_object_foreach(header, key, value) {
        struct placed *p = &placed[f->n];
        const char *fault;

        if (!strcmp(key, "__metadata__")) {
            if (!read_meta(f, value, err))
                goto out;
            continue;
        }
        fault = name_fault(key);
        if (fault) {
            err_set(err, ERR_INPUT, "the name of tensor %d %s", f->n, fault);
            goto out;
        }
        if (!read_tensor(value, bytes, p, err)) {
            err_in(err, "tensor \"%.100s\"", key);
            goto out;
        }
        p->order = f->n++;
        p->entry.name = arena_str(f->mem, key);
        if (!p->entry.name) {
            err_set(err, ERR_MEMORY, "no memory for %zu tensors", n);
            goto out;
        }
    }
    if (f->n > TENSORS_MAX) {
        err_set(err, ERR_INPUT, "%d tensors, at most %d are allowed", f->n, TENSORS_MAX);
        goto out;
    }
    ok = place_entries(f, placed, data, bytes, err);
out:
    free(placed);
    return ok;
}

struct st_file *st_parse(const void *data, size_t size, struct err *err)
{
    const unsigned char *byte = data;
    struct st_file *f = NULL;
    json_t *header = NULL;
    size_t bytes = 0;
    bool ok = false;

    if (!find_header(byte, size, &bytes, err))
        return NULL;
    f = calloc(1, sizeof *f);
    if (f)
        f->mem = arena_new();
    if (!f || !f->mem) {
        err_set(err, ERR_MEMORY, "no memory for a safetensors file");
        goto out;
    }
    f->data = byte;
    f->size = size;
    header = record_parse((const char *)byte + LENGTH_BYTES, bytes, err);
    if (!header) {
        err_in(err, "safetensors header");
        goto out;
    }
    if (!json_is_object(header)) {
        err_set(err, ERR_INPUT, "safetensors header: no object");
        goto out;
    }
    ok = read_entries(f, header, byte + LENGTH_BYTES + bytes, size - LENGTH_BYTES - bytes, err);
out:
    json_decref(header);
    if (!ok) {
        st_close(f);
        return NULL;
    }
    return f;
}

struct st_file *st_open(const char *path, struct err *err)
{
    struct st_file *f;
    size_t size;
    const uint8_t *data = file_map(path, &size, err);

    if (!data)
        return NULL;
    f = st_parse(data, size, err);
    if (!f) {
        err_in(err, "%s", path);
        file_unmap(data, size);
        return NULL;
    }
    f->mapped = true;
    return f;
}

void st_close(struct st_file *f)
{
    if (!f)
        return;
    if (f->mapped)
        file_unmap(f->data, f->size);
    arena_free(f->mem);
    free(f);
}

const struct st_entry *st_find(const struct st_file *f, const char *name)
{
    const struct st_entry wanted = { .name = name }, *key = &wanted;
    const struct st_entry *const *found;

    if (!f->n)
        return NULL;
    found = bsearch(&key, f->by_name, (size_t)f->n, sizeof *f->by_name, by_name);
    return found ? *found : NULL;
}

const char *st_meta(const struct st_file *f, const char *key)
{
    for (int i = 0; i < f->n_meta; i++)
        if (!strcmp(f->meta[i].key, key))
            return f->meta[i].value;
    return NULL;
}

size_t st_bytes(const struct st_entry *e)
{
    size_t bytes = 0;

    file_bytes(&e->tensor.shape, e->tensor.dtype, &bytes);
    return bytes;
}

/* ---- half precision -------------------------------------------------------------------------- */

static float from_bits(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* IEEE binary16: exact, subnormals, infinities and NaN payloads included. */
static float from_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;

    if (exponent == 31)
        return from_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0)
        return from_bits(sign | 0x3f800000) * (float)fraction * 0x1p-24f;
    return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

bool st_floats(const struct st_entry *e, float *out, struct err *err)
{
    const unsigned char *data = e->tensor.data;
    size_t n = (size_t)shape_count(&e->tensor.shape);
    uint16_t h;

    switch (e->tensor.dtype) {
    case DTYPE_F32:
        if (n)
            memcpy(out, data, n * sizeof *out);
        return true;
    case DTYPE_F16:
    case DTYPE_BF16:
        for (size_t i = 0; i < n; i++) {
            memcpy(&h, data + i * sizeof h, sizeof h);
            out[i] = e->tensor.dtype == DTYPE_F16 ? from_half(h) : from_bits((uint32_t)h << 16);
        }
        return true;
    default:
        return err_set(err, ERR_UNSUPPORTED,
                       "tensor \"%.100s\": holds %s, not floating-point numbers", e->name,
                       dtypes[e->tensor.dtype].name);
    }
}

void st_used(const struct st_file *f, const struct st_entry *e)
{
    if (f->mapped)
        file_leave(e->tensor.data, st_bytes(e));
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A JSON string; text that is not UTF-8 could not be read back as it was. */
static bool write_string(const char *text, struct str *out, struct err *err)
{
    struct str clean = { 0 };

    str_json(out, text);
    if (str_is_utf8(text))
        return true;
    str_utf8(&clean, text);
    err_set(err, ERR_INPUT, "\"%.100s\" is not UTF-8", str_text(&clean));
    str_release(&clean);
    return false;
}

/* *data_bytes: of all the tensors. */
static bool write_header(int n, const struct st_entry *entry, int n_meta,
                         const struct st_meta *meta, struct str *out, size_t *data_bytes,
                         struct err *err)
{
    size_t at = 0, bytes;

    str_addc(out, '{');
    if (n_meta)
        str_add(out, "\"__metadata__\":{");
    for (int i = 0; i < n_meta; i++) {
        str_add(out, i ? "," : "");
        if (!write_string(meta[i].key, out, err))
            return false;
        str_addc(out, ':');
        if (!write_string(meta[i].value, out, err))
            return err_in(err, "metadata \"%.100s\"", meta[i].key);
    }
    if (n_meta)
        str_add(out, n ? "}," : "}");
    for (int i = 0; i < n; i++) {
        const struct tensor *t = &entry[i].tensor;
        const char *fault = name_fault(entry[i].name);

        if (fault)
            return err_set(err, ERR_INPUT, "the name of tensor %d %s", i, fault);
        if (!file_bytes(&t->shape, t->dtype, &bytes) || !size_add(at, bytes, &bytes))
            return err_set(err, ERR_INPUT, "tensor \"%.100s\": its shape overflows", entry[i].name);
        str_add(out, i ? "," : "");
        if (!write_string(entry[i].name, out, err))
            return err_in(err, "the name of tensor %d", i);
        str_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", dtypes[t->dtype].name);
        for (int k = 0; k < t->shape.rank; k++)
            str_printf(out, "%s%" PRId64, k ? "," : "", t->shape.dim[k]);
        str_printf(out, "],\"data_offsets\":[%zu,%zu]}", at, bytes);
        at = bytes;
    }
    str_addc(out, '}');
    while (!out->failed && (LENGTH_BYTES + out->len) % DATA_ALIGN)
        str_addc(out, ' ');
    if (out->failed)
        return err_set(err, ERR_MEMORY, "no memory for the header");
    /* A file that we would not read back is not written. */
    if (n > TENSORS_MAX || out->len > HEADER_MAX)
        return err_set(err, ERR_UNSUPPORTED,
                       "%d tensors and a header of %zu bytes: at most %d and %d are allowed", n,
                       out->len, TENSORS_MAX, HEADER_MAX);
    *data_bytes = at;
    return true;
}

bool st_write(const char *path, int n, const struct st_entry *entry, int n_meta,
              const struct st_meta *meta, struct err *err)
{
    struct str header = { 0 };
    struct file_out *f = NULL;
    uint64_t length;
    size_t data_bytes = 0;
    bool ok = false;

    if (!write_header(n, entry, n_meta, meta, &header, &data_bytes, err)) {
        err_in(err, "%s", path);
        goto out;
    }
    length = header.len;
    file_sweep(path);
    f = file_create(path, err);
    if (!f || !file_reserve(f, LENGTH_BYTES + header.len + data_bytes, err) ||
        !file_write(f, &length, sizeof length, err) ||
        !file_write(f, header.data, header.len, err))
        goto out;
    for (int i = 0; i < n; i++) {
        size_t bytes = st_bytes(&entry[i]);

        if (bytes && !file_write(f, entry[i].tensor.data, bytes, err))
            goto out;
    }
    ok = file_commit(f, err);
    f = NULL;
out:
    file_abandon(f);
    str_release(&header);
    return ok;
}
