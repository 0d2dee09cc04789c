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
enum { DEPTH_MAX = 32, MESSAGES_MAX = 1000000, LOCATION_MAX = 4096, BESIDE_MOST = 1024 };

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

/* A name below the folder: no "..", no absolute path. */
static bool is_below(const char *location, struct err *err)
{
    size_t n = strlen(location);

    if (!n || n >= LOCATION_MAX || *location == '/' || location[n - 1] == '/')
        return err_set(err, ERR_INPUT, "its numbers are in \"%.100s\", which is no name below the "
                       "folder", location);
    for (const char *step = location; *step; step += strspn(step, "/")) {
        size_t length = strcspn(step, "/");

        if (length <= 2 && !strncmp(step, "..", length))
            return err_set(err, ERR_INPUT, "its numbers are in \"%.100s\": a path with \"%.*s\" is "
                           "not followed", location, (int)length, step);
        step += length;
    }
    return true;
}

/* at becomes what it has of that name, unless that is a link. */
static bool step_down(int *at, const char *name, int flags)
{
    int fd = openat(*at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags);

    if (fd < 0)
        return false;
    close(*at);
    *at = fd;
    return true;
}

/* In the caches of Hugging Face's programs and of `discern pull` a file is a link to its blob,
 * "../../blobs/CHECKSUM": that one is followed, as far as nothing on the way is another link.
 * false: errno is ELOOP for what is not followed, ENOENT where a cache lacks the blob. */
static bool step_to_blob(int *at, const char *name)
{
    static const char digits[] = "0123456789abcdef", blobs[] = "blobs/";
    char to[LOCATION_MAX];
    ssize_t n = readlinkat(*at, name, to, sizeof to - 1);
    const char *p = to;
    size_t length;
    int ups = 0;

    errno = ELOOP;
    to[n > 0 ? n : 0] = '\0';
    for (; !strncmp(p, "../", 3); p += 3)
        ups++;
    length = strlen(p);
    if (ups < 2 || strncmp(p, blobs, sizeof blobs - 1) != 0)
        return false;
    p += sizeof blobs - 1;
    length -= sizeof blobs - 1;
    if ((length != 40 && length != 64) || strspn(p, digits) != length)
        return false;
    while (ups--)
        if (!step_down(at, "..", O_DIRECTORY))
            return false;
    if (!step_down(at, "blobs", O_DIRECTORY)) {
        errno = ELOOP;          /* no cache */
        return false;
    }
    return step_down(at, p, 0);
}

/* Opens a name below the folder, step by step: no link, no other file system's secrets.  -1: err
 * says why. */
static int open_below(int folder, const char *location, struct err *err)
{
    char name[LOCATION_MAX], *save = NULL;
    int at;

    if (!is_below(location, err))
        return -1;
    at = dup(folder);
    if (at < 0) {
        err_errno(err, location, "open");
        return -1;
    }
    memcpy(name, location, strlen(location) + 1);
    for (char *step = strtok_r(name, "/", &save), *next; step; step = next) {
        bool link;
        int why;

        next = strtok_r(NULL, "/", &save);
        if (step_down(&at, step, next ? O_DIRECTORY : 0))
            continue;
        link = !next && errno == ELOOP;
        if (link && step_to_blob(&at, step))
            continue;
        why = errno;
        if (why == ELOOP || (next && why == ENOTDIR)) {
            err_set(err, ERR_INPUT, "its numbers are in \"%.100s\": links are not followed",
                    location);
        } else if (link && why == ENOENT) {
            err_set(err, ERR_INPUT, "its numbers are in \"%.100s\", a link to a blob that is "
                    "missing", location);
        } else {
            errno = why;
            err_errno(err, location, "open");
        }
        close(at);
        return -1;
    }
    return at;
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

static const char *location_of(const Onnx__TensorProto *t)
{
    for (size_t i = 0; i < t->n_external_data; i++)
        if (!strcmp(nn_onnx_text(t->external_data[i]->key), "location"))
            return nn_onnx_text(t->external_data[i]->value);
    return "";
}

uint8_t *nn_onnx_external(const struct nn_onnx_file *f, const Onnx__TensorProto *t, size_t bytes,
                          struct err *err)
{
    const char *location = location_of(t);
    uint64_t offset = 0, length = bytes;
    uint8_t *data;
    int fd;

    for (size_t i = 0; i < t->n_external_data; i++) {
        const char *key = nn_onnx_text(t->external_data[i]->key);
        const char *value = nn_onnx_text(t->external_data[i]->value);

        if ((!strcmp(key, "offset") && !get_offset(value, &offset)) ||
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

struct names {
    const char **name;
    int n;
    struct arena *mem;
    struct err *err;
};

static bool add_location(struct names *names, const Onnx__TensorProto *t)
{
    const char *location;

    if (!t || !nn_onnx_is_external(t))
        return true;
    location = location_of(t);
    for (int i = names->n - 1; i >= 0; i--)     /* mostly that of the tensor before */
        if (!strcmp(names->name[i], location))
            return true;
    if (names->n == BESIDE_MOST)
        return err_set(names->err, ERR_INPUT, "its numbers are in more than %d files", BESIDE_MOST);
    if (!is_below(location, names->err))
        return err_in(names->err, "tensor \"%.100s\"", nn_onnx_text(t->name));
    names->name[names->n] = arena_str(names->mem, location);
    return names->name[names->n++] || err_set(names->err, ERR_MEMORY, "no memory for names");
}

static bool add_locations(struct names *names, const Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_initializer; i++)
        if (!add_location(names, g->initializer[i]))
            return false;
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t a = 0; a < g->node[i]->n_attribute; a++)
            if (!add_location(names, g->node[i]->attribute[a]->t))
                return false;
    return true;
}

bool nn_onnx_beside(const char *path, struct arena *mem, const char ***name, int *n,
                    struct err *err)
{
    struct names names = { .name = arena_array(mem, BESIDE_MOST, sizeof *names.name), .mem = mem,
                           .err = err };
    size_t size;
    const uint8_t *bytes = file_map(path, &size, err);
    struct nn_onnx_file *f = NULL;
    bool ok = bytes && (names.name || err_set(err, ERR_MEMORY, "no memory for names"));

    if (ok && memmem(bytes, size, "location", 8)) {     /* else there is nothing to look for */
        f = nn_onnx_parse(bytes, size, err);
        ok = f && add_locations(&names, f->model->graph);
        nn_onnx_close(f);
    }
    if (bytes)
        file_unmap(bytes, size);
    *name = names.name;
    *n = names.n;
    return ok;
}
