/*
 * cache -- decoded pictures, kept as 8-bit pixels in one memory-mapped file
 *
 * A file of n places, a place a sample: width, height, offset of [height,width,3] bytes, checksum.
 * Named after its key: the index's fingerprint (names, hashes) and everything else that the pixels
 * depend on.  Filled while the first epoch is read, by any number of threads; complete at the end
 * it is checked, synced and renamed into place, so that a cache that is there is whole.  Two
 * writers each fill their own and the later rename wins; a full disk, a read-only folder or a kill
 * leaves no file, and costs nothing but speed: whoever asks decodes again.  The reader treats the
 * file as hostile.  Format: docs/format.md.
 *
 * Disk space is taken before it is written (posix_fallocate) and written with pwrite, so that a
 * disk that is full is an error and never a SIGBUS; only places that were written are looked at.
 * What is not promised: whoever cuts a cache's file off while it is in use, instead of removing it,
 * ends the process that looks at it.
 */
#ifndef DATA_CACHE_H
#define DATA_CACHE_H

#include "data/image.h"

struct data_cache;

struct data_cache_options {
    const char *dir;            /* made when it is not there */
    double share;               /* in (0,1): what all caches in dir may take of the disk that is
                                   free without them; the least recently used ones make room */
    uint64_t key;
    int n;                      /* places, >= 1 */
    uint64_t bytes;             /* that the pictures together are expected to take; up to half as
                                   much again is kept, pictures beyond are not */
};

/*
 * Opens DIR/KEY.pixels if it is there and whole (a broken one is removed and made anew), else
 * begins to fill it.  Where that cannot be *why says so, and the cache answers nothing and keeps
 * nothing; else *why is untouched.  NULL only when memory is out.
 */
struct data_cache *data_cache_open(const struct data_cache_options *opt, struct err *why,
                                   struct err *err);
void data_cache_free(struct data_cache *c);     /* what is not complete is dropped; NULL is fine */

/* A complete file's bytes, which are lent; NULL and an error when they are no cache of n places
 * under this key. */
struct data_cache *data_cache_parse(const uint8_t *data, size_t size, uint64_t key, int n,
                                    struct err *err);

/* The picture of place i, lent as long as the cache lives; false when it is not (yet) there, or
 * when its checksum is wrong, which is looked at once.  Any thread. */
bool data_cache_find(struct data_cache *c, int i, struct data_image *lent);

/* Keeps a copy.  Any thread, any order; each place once (a second time is ignored).  image NULL:
 * there is none (a broken file), and the cache can be complete without. */
void data_cache_keep(struct data_cache *c, int i, const struct data_image *image);

/* Places that are filled; whether the file is whole and in place; the file's bytes (expected,
 * until it is); its path, "" where it cannot be written. */
int data_cache_filled(const struct data_cache *c);
bool data_cache_complete(const struct data_cache *c);
uint64_t data_cache_bytes(const struct data_cache *c);
const char *data_cache_path(const struct data_cache *c);

#endif
