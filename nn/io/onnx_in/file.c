/*
 * file -- the container of an ONNX file: protobuf's wire format, and files beside it
 *
 * protobuf-c has no limit of depth and believes every length within its parent, so the wire format
 * is walked before it is unpacked, and what unpacking may take is capped.
 * https://protobuf.dev/programming-guides/encoding/
 */
#include "nn/io/onnx_in/file.h"

#include "nn/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((size_t)INT32_MAX)      /* what protobuf allows a message */
enum { DEPTH_MAX = 32, MESSAGES_MAX = 1000000, LOCATION_MAX = 4096 };

/* ---- the wire format ------------------------------------------------------------------------- */

struct walk {
    int messages;
    struct err *err;
};

static bool broken(struct err *err)
{
    return err_set(err, ERR_INPUT, "no ONNX file: its bytes are no protobuf message");
}

static bool get_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;

        *out |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static bool walk(struct walk *w, const uint8_t *at, const uint8_t *end,
                 const ProtobufCMessageDescriptor *kind, int depth)
{
    enum { VARINT, BITS64, BYTES, BITS32 = 5 };

    if (depth > DEPTH_MAX)
        return err_set(w->err, ERR_INPUT, "messages within messages, more than %d deep", DEPTH_MAX);
    if (++w->messages > MESSAGES_MAX)
        return err_set(w->err, ERR_INPUT, "more than %d messages", MESSAGES_MAX);
    while (at < end) {
        const ProtobufCFieldDescriptor *field;
        uint64_t tag, n = 0;

        if (!get_varint(&at, end, &tag) || tag >> 3 == 0 || tag >> 3 > INT32_MAX)
            return broken(w->err);
        switch (tag & 7) {
        case VARINT:
            if (!get_varint(&at, end, &n))
                return broken(w->err);
            continue;
        case BITS64:
            n = 8;
            break;
        case BITS32:
            n = 4;
            break;
        case BYTES:
            if (!get_varint(&at, end, &n))
                return broken(w->err);
            break;
        default:
            return broken(w->err);
        }
        if (n > (uint64_t)(end - at))
            return broken(w->err);
        field = protobuf_c_message_descriptor_get_field(kind, (unsigned)(tag >> 3));
        if ((tag & 7) == BYTES && field && field->type == PROTOBUF_C_TYPE_MESSAGE &&
            !walk(w, at, at + n, field->descriptor, depth + 1))
            return false;
        at += n;
    }
    return true;
}

bool nn_onnx_walk(const uint8_t *bytes, size_t size, const ProtobufCMessageDescriptor *kind,
                  struct err *err)
{
    struct walk w = { .err = err };

    return walk(&w, bytes, bytes + size, kind, 0);
}

/* What unpacking takes in all, freed or not. */
struct purse {
    size_t left;
};

static void *take(void *purse, size_t bytes)
{
    struct purse *p = purse;

    if (bytes > p->left)
        return NULL;
    p->left -= bytes;
    return malloc(bytes ? bytes : 1);
}

static void give_back(void *purse, void *p)
{
    (void)purse;
    free(p);
}

static Onnx__ModelProto *unpack(const uint8_t *bytes, size_t size, struct err *err)
{
    struct purse purse = { 2 * size + ((size_t)256 << 20) };
    ProtobufCAllocator allocator = { take, give_back, &purse };
    Onnx__ModelProto *model;

    if (!size) {
        err_set(err, ERR_INPUT, "the file is empty");
        return NULL;
    }
    if (size > FILE_BYTES_MAX) {
        err_set(err, ERR_INPUT, "%zu bytes; the format holds less than 2 GiB", size);
        return NULL;
    }
    if (!nn_onnx_walk(bytes, size, &onnx__model_proto__descriptor, err))
        return NULL;
    model = onnx__model_proto__unpack(&allocator, size, bytes);
    if (!model)
        broken(err);
    return model;
}

static bool check_model(const Onnx__ModelProto *m, struct err *err)
{
    if (!m->graph || (!m->graph->n_node && !m->graph->n_output))
        return err_set(err, ERR_INPUT, "no ONNX file: it has no graph");
    if (m->n_functions)
        return err_set(err, ERR_UNSUPPORTED,
                       "the file defines %zu functions of its own; have them written out when it "
                       "is exported", m->n_functions);
    if (m->graph->n_sparse_initializer)
        return err_set(err, ERR_UNSUPPORTED, "the file has sparse weights");
    return true;
}

/* ---- open ------------------------------------------------------------------------------------ */

struct nn_onnx_file *nn_onnx_parse(const uint8_t *bytes, size_t size, struct err *err)
{
    Onnx__ModelProto *model = unpack(bytes, size, err);
    struct nn_onnx_file *f;

    if (!model)
        return NULL;
    f = calloc(1, sizeof *f);
    if (!f)
        err_set(err, ERR_MEMORY, "no memory");
    if (!f || !check_model(model, err)) {
        onnx__model_proto__free_unpacked(model, NULL);
        free(f);
        return NULL;
    }
    f->model = model;
    f->folder = -1;
    return f;
}

/* The folder that path lies in, opened; -1 on failure. */
static int open_folder(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (!folder)
        err_set(err, ERR_MEMORY, "no memory");
    else if (fd < 0)
        err_errno(err, folder, "open");
    free(folder);
    return fd;
}

struct nn_onnx_file *nn_onnx_open(const char *path, bool external, struct err *err)
{
    size_t size;
    const uint8_t *bytes = file_map(path, &size, err);
    struct nn_onnx_file *f;

    if (!bytes)
        return NULL;
    f = nn_onnx_parse(bytes, size, err);
    file_unmap(bytes, size);
    if (!f) {
        err_in(err, "%s", path);
        return NULL;
    }
    f->path = strdup(path);
    if (f->path && (!external || (f->folder = open_folder(path, err)) >= 0))
        return f;
    if (!f->path)
        err_set(err, ERR_MEMORY, "%s: no memory", path);
    nn_onnx_close(f);
    return NULL;
}

void nn_onnx_close(struct nn_onnx_file *f)
{
    if (!f)
        return;
    onnx__model_proto__free_unpacked(f->model, NULL);
    if (f->folder >= 0)
        close(f->folder);
    free(f->path);
    free(f);
}

const char *nn_onnx_meta(const struct nn_onnx_file *f, const char *key)
{
    for (size_t i = 0; i < f->model->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *e = f->model->metadata_props[i];

        if (!strcmp(nn_onnx_text(e->key), key))
            return nn_onnx_text(e->value);
    }
    return NULL;
}

/* ---- files beside ---------------------------------------------------------------------------- */

/* Opens a name below the folder, step by step: no "..", no link, no other file system's secrets.
 * -1: err says why. */
static int open_below(int folder, const char *location, struct err *err)
{
    char name[LOCATION_MAX], *save = NULL, *step;
    int at = dup(folder);
    size_t n = strlen(location);

    if (!n || n >= sizeof name || *location == '/' || location[n - 1] == '/') {
        err_set(err, ERR_INPUT, "its numbers are in \"%.100s\", which is no name below the folder",
                location);
        goto fail;
    }
    memcpy(name, location, n + 1);
    for (step = strtok_r(name, "/", &save); step && at >= 0;) {
        char *next = strtok_r(NULL, "/", &save);
        int fd;

        if (!strcmp(step, "..") || !strcmp(step, ".")) {
            err_set(err, ERR_INPUT, "its numbers are in \"%.100s\": a path with \"%s\" is not "
                    "followed", location, step);
            goto fail;
        }
        fd = openat(at, step, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
                                  (next ? O_DIRECTORY : 0));
        if (fd < 0) {
            if (errno == ELOOP || (next && errno == ENOTDIR))
                err_set(err, ERR_INPUT, "its numbers are in \"%.100s\": links are not followed",
                        location);
            else
                err_errno(err, location, "open");
            goto fail;
        }
        close(at);
        at = fd;
        step = next;
    }
    if (at >= 0)
        return at;
    err_errno(err, location, "open");
fail:
    if (at >= 0)
        close(at);
    return -1;
}

/* A whole number of external_data; false: it is none. */
static bool get_offset(const char *text, uint64_t *out)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return !errno && !*end;
}

/* The part [offset, offset + bytes) of an open file. */
static uint8_t *read_part(int fd, const char *location, uint64_t offset, size_t bytes,
                          struct err *err)
{
    struct stat st;
    uint8_t *data;

    if (fstat(fd, &st) != 0) {
        err_errno(err, location, "read");
        return NULL;
    }
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
        err_set(err, ERR_INPUT, "its numbers are in \"%.100s\", which is no plain file with one "
                "name", location);
        return NULL;
    }
    if (offset > (uint64_t)st.st_size || bytes > (uint64_t)st.st_size - offset) {
        err_set(err, ERR_INPUT, "its %zu bytes from %llu on do not lie in \"%.100s\" of %lld",
                bytes, (unsigned long long)offset, location, (long long)st.st_size);
        return NULL;
    }
    data = malloc(bytes ? bytes : 1);
    if (!data) {
        err_set(err, ERR_MEMORY, "no memory for %zu bytes", bytes);
        return NULL;
    }
    for (size_t done = 0; done < bytes;) {
        ssize_t n = pread(fd, data + done, bytes - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            err_errno(err, location, "read");
            free(data);
            return NULL;
        }
        done += (size_t)n;
    }
    return data;
}

uint8_t *nn_onnx_external(const struct nn_onnx_file *f, const Onnx__TensorProto *t, size_t bytes,
                          struct err *err)
{
    const char *location = "";
    uint64_t offset = 0, length = bytes;
    uint8_t *data;
    int fd;

    for (size_t i = 0; i < t->n_external_data; i++) {
        const char *key = nn_onnx_text(t->external_data[i]->key);
        const char *value = nn_onnx_text(t->external_data[i]->value);

        if (!strcmp(key, "location"))
            location = value;
        else if ((!strcmp(key, "offset") && !get_offset(value, &offset)) ||
                 (!strcmp(key, "length") && !get_offset(value, &length))) {
            err_set(err, ERR_INPUT, "its %s is no number", key);
            return NULL;
        }
    }
    if (f->folder < 0) {
        err_set(err, ERR_UNSUPPORTED, "its numbers are in another file, \"%.100s\": "
                "--allow-external-data reads files below the folder of this one", location);
        return NULL;
    }
    if (length != bytes) {
        err_set(err, ERR_INPUT, "it has %llu bytes in \"%.100s\", its shape wants %zu",
                (unsigned long long)length, location, bytes);
        return NULL;
    }
    fd = open_below(f->folder, location, err);
    if (fd < 0)
        return NULL;
    data = read_part(fd, location, offset, bytes, err);
    close(fd);
    return data;
}
