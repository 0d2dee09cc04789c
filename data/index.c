/*
 * index -- which pictures there are, and what they show
 */
#include "data/index.h"

#include "data/walk.h"
#include "nn/base/arena.h"
#include "nn/base/file.h"
#include "nn/base/pool.h"
#include "nn/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

const char *const data_task_names[] = { "single", "multi", NULL };
const char *const data_split_names[] = { "unsplit", "train", "val", "test", NULL };
const char *const data_task_choice_names[] = { "auto", "single", "multi", NULL };

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

    if (str_is_utf8(label))
        return true;
    str_utf8(&clean, label);
    err_set(err, ERR_INPUT, "the class name '%.80s' is not UTF-8: rename it, or save the table "
            "that has it as UTF-8", str_text(&clean));
    str_release(&clean);
    return false;
}

bool data_index_spares(const struct data_index *x, const char *path, struct err *err)
{
    struct stat out, in;

    if (!path || stat(path, &out))
        return true;
    for (int i = 0; i < x->n; i++) {
        if (!stat(x->sample[i].path, &in) && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return err_set(err, ERR_INPUT, "%s: is a picture of the data, which are never changed",
                           path);
    }
    return true;
}

enum data_split data_index_split(const char *word)
{
    static const struct { const char *name; enum data_split split; } names[] = {
        { "train", DATA_TRAIN }, { "training", DATA_TRAIN }, { "val", DATA_VAL },
        { "valid", DATA_VAL }, { "validation", DATA_VAL }, { "test", DATA_TEST },
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

bool data_index_skip(struct data_index *x, const char *path, const char *why, struct err *err)
{
    enum { LEAST = 16, MOST = 1 << 28 };
    int n = x->n_skipped;

    /* Room as in data_index_add. */
    if (n == 0 || (n >= LEAST && (n & (n - 1)) == 0)) {
        struct data_skipped *p = n < MOST ? arena_array(x->mem, n ? 2 * (size_t)n : LEAST,
                                                        sizeof *p) : NULL;

        if (!p)
            return err_set(err, ERR_MEMORY, "%s: too much is left out", path);
        if (n)
            memcpy(p, x->skipped, (size_t)n * sizeof *p);
        x->skipped = p;
    }
    ((struct data_skipped *)(uintptr_t)x->skipped)[x->n_skipped++] =
        (struct data_skipped){ path, why };
    return true;
}

void data_index_tell_skipped(const struct data_index *x, struct str *out)
{
    enum { FIRST = 3 };
    int n = x->n_skipped < FIRST ? x->n_skipped : FIRST;

    if (n)
        str_printf(out, "%d left out:", x->n_skipped);
    for (int i = 0; i < n; i++)
        str_printf(out, "%s %s (%s)", i ? "," : "", x->skipped[i].path, x->skipped[i].why);
    if (x->n_skipped > n)
        str_printf(out, " and %d more", x->n_skipped - n);
    if (x->passed)
        str_printf(out, "%slabels are told by what the columns hold: %s (--label COLUMN names the "
                   "column of the labels)", n ? "; " : "", x->columns);
}

/* A walk that adds to an index. */
struct adding {
    struct data_index *x;
    struct data_sample sample;
    size_t skip;
};

static bool add_picture(void *ctx, const char *path, struct err *err)
{
    struct adding *a = ctx;

    a->sample.path = path;
    a->sample.name = path + a->skip;
    return data_index_add(a->x, a->sample, err) || err_in(err, "%s", path);
}

static bool add_skipped(void *ctx, const char *path, const char *why, struct err *err)
{
    struct adding *a = ctx;

    return data_index_skip(a->x, path, why, err);
}

bool data_index_add_folder(struct data_index *x, const char *folder, size_t skip, int label,
                           enum data_split split, struct err *err)
{
    struct adding a = { x, { .label = label, .split = split }, skip };
    struct data_walk w = { .mem = x->mem, .picture = add_picture, .skip = add_skipped, .ctx = &a };
    bool ok = data_walk(&w, folder, err);

    data_walk_release(&w);
    return ok;
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
        .task = x->task, .label = x->label, .n_labels = x->n_labels, .taught = x->taught,
        .mem = mem };
    for (int i = 0; i < x->n; i++) {
        if (x->sample[i].split == split && !data_index_add(part, x->sample[i], err)) {
            data_index_free(part);
            return NULL;
        }
    }
    return part;
}

/* ---- bytes and pixels ------------------------------------------------------------------------ */

static size_t raw_bytes(const struct data_raw *r)
{
    return (size_t)r->width * (size_t)r->height * (size_t)r->channels;
}

/* bytes[0..size) of the file from `offset` on. */
static bool read_at(const char *path, uint64_t offset, uint8_t *bytes, size_t size,
                    struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    ssize_t got = 0;
    bool ok = false;

    if (fd < 0)
        return err_errno(err, path, "open");
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        err_set(err, ERR_INPUT, "%s: not a regular file", path);
        goto out;
    }
    for (size_t n = 0; n < size; n += (size_t)got) {
        got = pread(fd, bytes + n, size - n, (off_t)(offset + n));
        if (got < 0 && errno == EINTR) {
            got = 0;
        } else if (got <= 0) {
            if (got < 0)
                err_errno(err, path, "read");
            else
                err_set(err, ERR_INPUT, "%s: ends in the middle of a picture", path);
            goto out;
        }
    }
    ok = true;
out:
    close(fd);
    return ok;
}

uint8_t *data_sample_bytes(const struct data_sample *s, size_t max_bytes, size_t *size,
                           struct err *err)
{
    uint8_t *bytes;
    size_t n;

    if (!s->raw)
        return file_read(s->path, max_bytes, size, err);
    n = raw_bytes(s->raw);
    bytes = n <= max_bytes ? malloc(n + 1) : NULL;
    if (!bytes) {
        err_set(err, ERR_MEMORY, "%s: cannot hold %zu bytes", s->name, n);
        return NULL;
    }
    if (!read_at(s->path, s->offset, bytes, n, err)) {
        free(bytes);
        return NULL;
    }
    bytes[n] = 0;
    *size = n;
    return bytes;
}

bool data_sample_decode(const struct data_sample *s, const uint8_t *bytes, size_t size,
                        const struct data_decode *how, struct data_image *image, struct err *err)
{
    const struct data_raw *r = s->raw;
    size_t pixels, next, step;

    if (!r)
        return data_image_decode(bytes, size, how, image, err) || err_in(err, "%s", s->path);
    pixels = size / (size_t)r->channels;
    *image = (struct data_image){ r->width, r->height, malloc(3 * pixels) };
    if (!image->pixel)
        return err_set(err, ERR_MEMORY, "%s: memory is out", s->name);
    /* Where the next channel and the next pixel are. */
    next = r->channels == 1 ? 0 : r->planar ? pixels : 1;
    step = r->channels == 1 || r->planar ? 1 : 3;
    for (size_t i = 0; i < pixels; i++) {
        for (size_t c = 0; c < 3; c++)
            image->pixel[3 * i + c] = bytes[i * step + c * next];
    }
    return true;
}

bool data_sample_hashed(const struct data_sample *s, const struct data_decode *how,
                        struct data_image *image, uint64_t *hash, struct err *err)
{
    size_t most = s->raw ? SIZE_MAX - 1 : (how ? how : &data_decode_default)->limits.file_bytes;
    size_t size;
    uint8_t *bytes = data_sample_bytes(s, most, &size, err);
    bool ok;

    memset(image, 0, sizeof *image);
    if (!bytes)
        return false;
    ok = data_sample_decode(s, bytes, size, how, image, err);
    if (ok && hash)
        *hash = XXH3_64bits(bytes, size);
    free(bytes);
    return ok;
}

bool data_sample_image(const struct data_sample *s, const struct data_decode *how,
                       struct data_image *image, struct err *err)
{
    return data_sample_hashed(s, how, image, NULL, err);
}

static void hash_piece(void *arg, int i, int worker)
{
    struct data_index *x = arg;
    struct err ignored;
    size_t size;
    uint8_t *bytes = data_sample_bytes(&x->sample[i], data_decode_default.limits.file_bytes, &size,
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

void data_sample_labels(const struct data_index *x, const struct data_sample *s,
                        const char *between, struct str *out)
{
    int told = 0;

    for (int l = 0; l < x->n_labels; l++)
        if (data_sample_has(s, l)) {
            str_add(out, told++ ? between : "");
            str_add(out, x->label[l]);
        }
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

/* Each piece is hashed with what came before as the seed. */
static uint64_t mix(uint64_t h, uint64_t x)
{
    uint8_t le[8];

    for (int i = 0; i < 8; i++)
        le[i] = (uint8_t)(x >> 8 * i);
    return XXH3_64bits_withSeed(le, sizeof le, h);
}

static uint64_t mix_text(uint64_t h, const char *text)
{
    return XXH3_64bits_withSeed(text, strlen(text), h);
}

uint64_t data_index_fingerprint(const struct data_index *x)
{
    uint64_t h = mix(0, (uint64_t)x->task);

    for (int i = 0; i < x->n_labels; i++)
        h = mix_text(h, x->label[i]);
    for (int i = 0; i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];
        int label = x->taught ? -1 : s->label;

        h = mix_text(h, s->name);
        h = mix(h, (uint64_t)(uint32_t)label << 8 | (uint64_t)s->split);
        h = mix(h, s->hash);
        if (s->mark && !x->taught)
            h = XXH3_64bits_withSeed(s->mark, (size_t)x->n_labels, h);
    }
    return h;
}
