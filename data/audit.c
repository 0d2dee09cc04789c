/*
 * audit -- facts about every picture of a set
 */
#include "data/audit.h"

#include "nn/base/arena.h"
#include "nn/base/file.h"
#include "nn/base/pool.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { HEAD_BYTES = 64 << 10 };         /* most headers end before, EXIF with its thumbnail too */

struct pass {
    struct data_index *x;
    struct data_audit *a;
    const struct data_decode *decode;
    int first;                  /* sample of piece 0 */
    atomic_bool no_memory;
};

const char *data_fact_format(const struct data_fact *f)
{
    return f->format == DATA_FORMAT_RAW ? "raw"
           : f->format < 0              ? "unknown"
                                        : data_format_names[f->format];
}

/* ---- one picture ----------------------------------------------------------------------------- */

/* Keeps the reason without the name of the file, which reports say themselves. */
static void refuse(struct pass *p, int i, const struct err *err)
{
    const struct data_sample *s = &p->x->sample[i];
    struct data_fact *f = &p->a->fact[i];
    const char *names[] = { s->path, s->name }, *why = err->msg;

    for (int k = 0; k < 2; k++) {
        size_t n = strlen(names[k]);

        if (!strncmp(why, names[k], n) && !strncmp(why + n, ": ", 2))
            why += n + 2;
    }
    f->missing = file_kind(s->path) == FILE_NONE;
    f->why = strdup(f->missing ? "no such file" : why);
    if (!f->why || err->kind == ERR_MEMORY)
        atomic_store(&p->no_memory, true);
}

static void note_header(struct data_fact *f, const struct data_header *h)
{
    bool turned = h->orientation >= 5;

    f->format = (int8_t)h->format;
    f->orientation = (uint8_t)h->orientation;
    f->unfinished = h->unfinished;
    f->width = turned ? h->height : h->width;
    f->height = turned ? h->width : h->height;
}

static void note_raw(struct data_fact *f, const struct data_raw *raw)
{
    f->format = DATA_FORMAT_RAW;
    f->orientation = 1;
    f->width = raw->width;
    f->height = raw->height;
    f->bytes = (uint64_t)raw->width * (uint64_t)raw->height * (uint64_t)raw->channels;
}

static bool read_header(struct pass *p, int i, struct err *err)
{
    const struct data_sample *s = &p->x->sample[i];
    struct data_fact *f = &p->a->fact[i];
    struct data_header h;
    size_t size;
    uint8_t *bytes;
    bool ok;

    if (s->raw) {
        note_raw(f, s->raw);
        return true;
    }
    bytes = file_head(s->path, HEAD_BYTES, &size, &f->bytes, err);
    if (!bytes)
        return false;
    ok = data_header_read(bytes, size, &h, err);
    free(bytes);
    if (ok && size < f->bytes)
        h.unfinished = false;           /* it goes on where we stopped */
    if (!ok && size < f->bytes) {
        bytes = file_read(s->path, p->decode->limits.file_bytes, &size, err);
        ok = bytes && data_header_read(bytes, size, &h, err);
        free(bytes);
    }
    if (ok)
        note_header(f, &h);
    return ok;
}

static bool read_picture(struct pass *p, int i, struct err *err)
{
    struct data_sample *s = &p->x->sample[i];
    struct data_fact *f = &p->a->fact[i];
    struct data_image image = { 0 };
    struct data_header h;
    size_t size;
    uint8_t *bytes = data_sample_bytes(s, p->decode->limits.file_bytes, &size, err);
    bool ok = false;

    if (!bytes)
        return false;
    f->bytes = size;
    s->hash = XXH3_64bits(bytes, size);
    if (s->raw) {
        note_raw(f, s->raw);
        ok = data_sample_image(s, p->decode, &image, err);
    } else if (data_header_read(bytes, size, &h, err)) {
        note_header(f, &h);
        ok = data_image_decode(bytes, size, p->decode, &image, err);
    }
    free(bytes);
    ok = ok && data_look_at(&image, &f->look, err);
    if (ok)
        data_phash_of(&image, &p->a->phash[i]);
    data_image_release(&image);
    return ok;
}

static void piece(void *arg, int i, int worker)
{
    struct pass *p = arg;
    struct err err = { 0 };
    bool ok;

    (void)worker;
    i += p->first;
    p->a->fact[i].format = -1;
    ok = p->a->phash ? read_picture(p, i, &err) : read_header(p, i, &err);
    if (ok)
        return;
    refuse(p, i, &err);
    if (p->a->phash)
        p->a->phash[i].flat = 1;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* data_phash_clusters looks at declared groups too, which need not look alike. */
static bool find_clusters(struct data_audit *a, struct err *err)
{
    struct data_index plain = *a->x;
    size_t bytes;
    bool ok;

    if (!size_mul((size_t)plain.n, sizeof *plain.sample, &bytes) ||
        !(plain.sample = malloc(bytes + 1)))
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", plain.n);
    memcpy(plain.sample, a->x->sample, bytes);
    for (int i = 0; i < plain.n; i++)
        plain.sample[i].group = NULL;
    ok = data_phash_clusters(&plain, a->phash, a->cluster, err);
    free(plain.sample);
    return ok;
}

static bool run(struct pass *p, const struct data_audit_options *opt, struct err *err)
{
    enum { PIECES = 64 };       /* a thread, between two reports of progress */
    struct pool *pool = pool_new(opt->threads, err);
    int n = p->x->n;

    if (!pool)
        return false;
    for (int count; p->first < n; p->first += count) {
        count = n - p->first < PIECES * opt->threads ? n - p->first : PIECES * opt->threads;
        pool_for(pool, count, piece, p);
        if (opt->progress)
            progress_at(opt->progress, p->first + count);
    }
    pool_free(pool);
    if (atomic_load(&p->no_memory))
        return err_set(err, ERR_MEMORY, "memory is out after %d pictures", n);
    return true;
}

struct data_audit *data_audit_new(struct data_index *x, const struct data_audit_options *opt,
                                  struct err *err)
{
    struct data_audit *a = calloc(1, sizeof *a);
    struct pass p = { .x = x, .a = a, .decode = opt->decode ? opt->decode : &data_decode_default };
    size_t n = (size_t)x->n + 1;

    if (a) {
        a->x = x;
        a->fact = calloc(n, sizeof *a->fact);
        a->phash = opt->headers ? NULL : calloc(n, sizeof *a->phash);
        a->cluster = opt->headers ? NULL : calloc(n, sizeof *a->cluster);
    }
    if (!a || !a->fact || (!opt->headers && (!a->phash || !a->cluster))) {
        err_set(err, ERR_MEMORY, "no memory for %d pictures", x->n);
        goto fail;
    }
    if (run(&p, opt, err) && (opt->headers || find_clusters(a, err)))
        return a;
fail:
    data_audit_free(a);
    return NULL;
}

void data_audit_free(struct data_audit *a)
{
    if (!a)
        return;
    for (int i = 0; a->fact && i < a->x->n; i++)
        free((char *)(uintptr_t)a->fact[i].why);
    free(a->fact);
    free(a->phash);
    free(a->cluster);
    free(a);
}
