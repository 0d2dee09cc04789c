/*
 * cache -- see cache.h; the file's format: docs/format.md
 *
 * Filling: a place is reserved under the lock, written with pwrite by whoever decoded it, and then
 * published by its state; the mapping of the file, made once and longer than the file will be, is
 * what readers see of it.  A place of a complete file is checked when it is first looked at, so
 * that after that a reader pays for memory alone.
 */
#include "data/cache.h"

#include "data/cache_folder.h"
#include "nn/base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#define MAGIC "discern pixels\r\n"

enum {
    VERSION = 1,
    ALIGN = 64,
    MAX_SIDE = 65535,
    SLACK_BYTES = 1 << 20, /* beyond what is expected: a few pictures are a poor sample */
};

struct header {
    char magic[16];
    uint32_t version, n;
    uint64_t key;
    uint64_t size;              /* of the file */
    uint64_t table;             /* XXH3-64 of the places */
    uint64_t zero;
    uint64_t check;             /* XXH3-64 of the bytes before */
};

struct place {
    uint64_t offset;
    uint32_t width, height;     /* 0: there is no picture */
    uint32_t check;             /* low half of the XXH3-64 of its pixels */
    uint32_t zero;
};

_Static_assert(sizeof(struct header) == 64 && sizeof(struct place) == 24, "as docs/format.md says");

enum state {
    EMPTY,
    TAKEN,                      /* somebody writes it */
    NONE,                       /* there is no picture, or a broken one */
    UNCHECKED,
    THERE,
};

struct data_cache {
    char *path, *tmp;
    uint64_t key;
    int n;
    struct place *place;        /* [n] */
    _Atomic unsigned char *state;       /* [n] enum state */
    const uint8_t *map;
    size_t mapped;              /* bytes of the mapping; 0: the memory is lent */
    int fd;                     /* holds the lock; -1: none */
    atomic_int settled, filled; /* places that are not EMPTY any more; that have pictures */
    atomic_bool complete;
    atomic_bool open;           /* filling, and every write succeeded */
    atomic_bool broken;         /* a checksum was wrong: the file was removed */
    atomic_ullong size;         /* of the file, expected until it is complete */

    pthread_mutex_t lock;       /* of the three below */
    uint64_t end, room, most;   /* bytes reserved, taken from the disk, that may be taken */
    bool committing;
    pthread_t commit;           /* writes the table and puts the file in place */
};

static uint64_t align(uint64_t x)
{
    return (x + ALIGN - 1) / ALIGN * ALIGN;
}

/* Where pixels begin. */
static uint64_t data_start(int n)
{
    return align(sizeof(struct header) + (uint64_t)n * sizeof(struct place));
}

static uint64_t pixel_bytes(const struct place *p)
{
    return (uint64_t)p->width * p->height * 3;
}

static struct data_cache *cache_new(uint64_t key, int n, struct err *err)
{
    struct data_cache *c = calloc(1, sizeof *c);

    if (c) {
        c->fd = -1;
        c->key = key;
        c->n = n;
        pthread_mutex_init(&c->lock, NULL);
        c->place = calloc((size_t)n, sizeof *c->place);
        c->state = calloc((size_t)n, sizeof *c->state);
    }
    if (!c || !c->place || !c->state) {
        data_cache_free(c);
        err_set(err, ERR_MEMORY, "no memory for a cache of %d pictures", n);
        return NULL;
    }
    return c;
}

void data_cache_free(struct data_cache *c)
{
    if (!c)
        return;
    if (c->committing)
        pthread_join(c->commit, NULL);
    if (c->tmp)
        unlink(c->tmp);
    if (c->mapped)
        munmap((void *)(uintptr_t)c->map, c->mapped);
    if (c->fd >= 0)
        close(c->fd);
    pthread_mutex_destroy(&c->lock);
    free(c->path);
    free(c->tmp);
    free(c->place);
    free(c->state);
    free(c);
}

/* ---- a complete file ------------------------------------------------------------------------- */

static bool check_header(const struct header *h, size_t size, uint64_t key, int n, struct err *err)
{
    if (memcmp(h->magic, MAGIC, sizeof h->magic))
        return err_set(err, ERR_INPUT, "is no cache of pixels");
    if (h->version != VERSION)
        return err_set(err, ERR_INPUT, "is a cache of version %u", h->version);
    if (h->check != XXH3_64bits(h, offsetof(struct header, check)))
        return err_set(err, ERR_INPUT, "the header's checksum is wrong");
    if (h->key != key || h->n != (uint32_t)n)
        return err_set(err, ERR_INPUT, "is a cache of %u other pictures", h->n);
    if (h->size != size || h->zero)
        return err_set(err, ERR_INPUT, "is cut off: %zu bytes of %llu", size,
                       (unsigned long long)h->size);
    return true;
}

static bool check_place(const struct place *p, uint64_t start, uint64_t size)
{
    if (!p->width && !p->height && !p->offset && !p->check && !p->zero)
        return true;
    return p->width >= 1 && p->width <= MAX_SIDE && p->height >= 1 && p->height <= MAX_SIDE &&
           !p->zero && p->offset >= start && p->offset <= size &&
           pixel_bytes(p) <= size - p->offset;
}

/* Takes the table of a file over; what cannot be pixels of the file is an error. */
static bool read_table(struct data_cache *c, const uint8_t *data, size_t size, struct err *err)
{
    struct header h;
    size_t table = (size_t)c->n * sizeof *c->place;
    int filled = 0;

    if (size < data_start(c->n))
        return err_set(err, ERR_INPUT, "is cut off: %zu bytes", size);
    memcpy(&h, data, sizeof h);
    if (!check_header(&h, size, c->key, c->n, err))
        return false;
    memcpy(c->place, data + sizeof h, table);
    if (h.table != XXH3_64bits(c->place, table))
        return err_set(err, ERR_INPUT, "the table's checksum is wrong");
    for (int i = 0; i < c->n; i++) {
        if (!check_place(&c->place[i], data_start(c->n), size))
            return err_set(err, ERR_INPUT, "place %d lies outside of the file", i);
        atomic_init(&c->state[i], c->place[i].width ? UNCHECKED : NONE);
        filled += c->place[i].width != 0;
    }
    c->map = data;
    atomic_init(&c->size, size);
    atomic_init(&c->filled, filled);
    atomic_init(&c->settled, c->n);
    atomic_init(&c->complete, true);
    return true;
}

struct data_cache *data_cache_parse(const uint8_t *data, size_t size, uint64_t key, int n,
                                    struct err *err)
{
    struct data_cache *c = cache_new(key, n, err);

    if (c && !read_table(c, data, size, err)) {
        data_cache_free(c);
        return NULL;
    }
    return c;
}

/* Opens the file that is there; false when it is to be made anew, or, with *why set, cannot be. */
static bool open_complete(struct data_cache *c, struct err *why)
{
    struct err broken = { 0 };
    uint64_t size = 0;
    void *map = MAP_FAILED;
    int fd = data_cache_lend(c->path, &size, why);

    if (fd < 0)
        return false;
    if (size >= data_start(c->n) && size <= PTRDIFF_MAX)
        map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED && read_table(c, map, (size_t)size, &broken)) {
        c->mapped = (size_t)size;
        c->fd = fd;
        return true;
    }
    if (map != MAP_FAILED)
        munmap(map, (size_t)size);
    close(fd);
    memset(c->place, 0, (size_t)c->n * sizeof *c->place);
    for (int i = 0; i < c->n; i++)
        atomic_init(&c->state[i], EMPTY);
    data_cache_remove(c->path, why);
    return false;
}

/* ---- filling --------------------------------------------------------------------------------- */

/* Takes the disk's space up to `room`; false, errno set, when there is none. */
static bool take(struct data_cache *c, uint64_t room)
{
    int code;

    do {
        code = posix_fallocate(c->fd, (off_t)c->room, (off_t)(room - c->room));
    } while (code == EINTR);
    if (!code)
        c->room = room;
    errno = code;
    return !code;
}

static bool begin(struct data_cache *c, const struct data_cache_options *opt, struct err *why)
{
    uint64_t start = data_start(c->n), expected, most;
    const char *name = strrchr(c->path, '/') + 1;
    void *map;

    if (opt->bytes > INT64_MAX / 4)
        return err_set(why, ERR_INPUT, "%llu bytes are too much for a cache",
                       (unsigned long long)opt->bytes);
    expected = start + align(opt->bytes) + (uint64_t)c->n * ALIGN / 2;
    most = expected + opt->bytes / 2 + SLACK_BYTES;
    if (!data_cache_make_room(opt->dir, opt->share, expected, why))
        return false;
    c->fd = data_cache_create(opt->dir, name, &c->tmp, why);
    if (c->fd < 0)
        return false;
    if (!take(c, expected))
        return err_errno(why, opt->dir, "take space of its disk");
    map = mmap(NULL, (size_t)most, PROT_READ, MAP_SHARED, c->fd, 0);
    if (map == MAP_FAILED)
        return err_errno(why, c->tmp, "map");
    c->map = map;
    c->mapped = (size_t)most;
    c->most = most;
    c->end = start;
    atomic_init(&c->size, expected);
    atomic_init(&c->open, true);
    return true;
}

struct data_cache *data_cache_open(const struct data_cache_options *opt, struct err *why,
                                   struct err *err)
{
    struct data_cache *c = cache_new(opt->key, opt->n, err);
    size_t size = strlen(opt->dir) + 64;
    struct err none = { 0 };

    if (!c)
        return NULL;
    c->path = malloc(size);
    if (!c->path) {
        data_cache_free(c);
        err_set(err, ERR_MEMORY, "no memory for a cache");
        return NULL;
    }
    snprintf(c->path, size, "%s/%016llx.pixels", opt->dir, (unsigned long long)opt->key);
    if (open_complete(c, &none) || (!none.kind && begin(c, opt, &none)))
        return c;
    *why = none;
    if (c->fd >= 0) {           /* it may hold what space there was */
        unlink(c->tmp);
        close(c->fd);
        c->fd = -1;
    }
    free(c->tmp);
    c->tmp = NULL;
    c->path[0] = 0;
    return c;
}

static bool write_at(int fd, const void *data, uint64_t bytes, uint64_t offset)
{
    const uint8_t *p = data;

    while (bytes > 0) {
        ssize_t n = pwrite(fd, p, bytes, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        offset += (uint64_t)n;
        bytes -= (uint64_t)n;
    }
    return true;
}

/* Where `bytes` may be written; 0 when there is no room. */
static uint64_t reserve(struct data_cache *c, uint64_t bytes)
{
    uint64_t at = 0, end;

    pthread_mutex_lock(&c->lock);
    end = c->end + align(bytes);
    if (end > c->room && end <= c->most) {
        uint64_t more = end + (c->most - end) / 4;

        /* Once it fails, it will again: what is there is all that will be. */
        if (!take(c, more))
            c->most = c->room;
    }
    if (end <= c->room) {
        at = c->end;
        c->end = end;
    }
    pthread_mutex_unlock(&c->lock);
    return at;
}

/* Table, header, sync, rename: from here on there is a cache, or there is none. */
static bool put_in_place(struct data_cache *c)
{
    struct header h = { .version = VERSION, .n = (uint32_t)c->n, .key = c->key };
    size_t table = (size_t)c->n * sizeof *c->place;

    pthread_mutex_lock(&c->lock);
    h.size = c->end;
    pthread_mutex_unlock(&c->lock);
    memcpy(h.magic, MAGIC, sizeof h.magic);
    h.table = XXH3_64bits(c->place, table);
    h.check = XXH3_64bits(&h, offsetof(struct header, check));
    if (!write_at(c->fd, c->place, table, sizeof h) || !write_at(c->fd, &h, sizeof h, 0) ||
        ftruncate(c->fd, (off_t)h.size) || fsync(c->fd) || rename(c->tmp, c->path))
        return false;
    atomic_store(&c->size, h.size);
    return true;
}

static void *commit(void *arg)
{
    struct data_cache *c = arg;

    if (atomic_load(&c->open) && put_in_place(c)) {
        free(c->tmp);
        c->tmp = NULL;
        atomic_store(&c->complete, true);
    }
    atomic_store(&c->open, false);
    return NULL;
}

/* One place more that nothing will happen to.  Syncing takes its time, which is nobody's here. */
static void settle(struct data_cache *c, int i, enum state state)
{
    atomic_store_explicit(&c->state[i], state, memory_order_release);
    if (state == THERE)
        atomic_fetch_add(&c->filled, 1);
    if (atomic_fetch_add(&c->settled, 1) + 1 < c->n)
        return;
    c->committing = !pthread_create(&c->commit, NULL, commit, c);
}

void data_cache_keep(struct data_cache *c, int i, const struct data_image *image)
{
    unsigned char empty = EMPTY;
    struct place p = { 0 };

    if (!atomic_load_explicit(&c->open, memory_order_relaxed) ||
        !atomic_compare_exchange_strong(&c->state[i], &empty, TAKEN))
        return;
    if (image && image->width <= MAX_SIDE && image->height <= MAX_SIDE) {
        p.width = (uint32_t)image->width;
        p.height = (uint32_t)image->height;
        p.offset = reserve(c, pixel_bytes(&p));
    }
    if (!p.offset) {
        settle(c, i, NONE);
        return;
    }
    p.check = (uint32_t)XXH3_64bits(image->pixel, pixel_bytes(&p));
    if (!write_at(c->fd, image->pixel, pixel_bytes(&p), p.offset)) {
        atomic_store(&c->open, false);          /* what was kept is still good for us */
        settle(c, i, NONE);
        return;
    }
    c->place[i] = p;
    settle(c, i, THERE);
}

/* ---- looking --------------------------------------------------------------------------------- */

/* The pixels of a place of a complete file, looked at for the first time. */
static bool check_pixels(struct data_cache *c, int i)
{
    const struct place *p = &c->place[i];
    bool good = (uint32_t)XXH3_64bits(c->map + p->offset, pixel_bytes(p)) == p->check;
    unsigned char was = UNCHECKED;

    if (atomic_compare_exchange_strong(&c->state[i], &was, good ? THERE : NONE) && !good) {
        struct err ignored;

        atomic_fetch_sub(&c->filled, 1);
        /* The next one makes it anew. */
        if (!atomic_exchange(&c->broken, true) && c->path)
            data_cache_remove(c->path, &ignored);
    }
    return good;
}

bool data_cache_find(struct data_cache *c, int i, struct data_image *lent)
{
    unsigned char state = atomic_load_explicit(&c->state[i], memory_order_acquire);
    const struct place *p = &c->place[i];

    if (state < UNCHECKED || (state == UNCHECKED && !check_pixels(c, i)))
        return false;
    *lent = (struct data_image){ (int)p->width, (int)p->height,
                                 (uint8_t *)(uintptr_t)(c->map + p->offset) };
    return true;
}

int data_cache_filled(const struct data_cache *c)
{
    return atomic_load(&c->filled);
}

bool data_cache_complete(const struct data_cache *c)
{
    return atomic_load(&c->complete);
}

uint64_t data_cache_bytes(const struct data_cache *c)
{
    return atomic_load(&c->size);
}

const char *data_cache_path(const struct data_cache *c)
{
    return c->path ? c->path : "";
}
