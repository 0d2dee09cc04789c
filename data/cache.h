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
 */
#ifndef DATA_CACHE_H
#define DATA_CACHE_H

#include "data/index.h"

struct data_cache;

/*
 * Opens DIR/KEY.pixels if it is there and whole (a broken one is removed and made anew), else
 * begins to fill it; n places of which the pictures together are expected to take `bytes`.
 * Where it cannot be written *why says so and the cache answers nothing and keeps nothing.
 * NULL only when memory is out.
 */
struct data_cache *data_cache_open(const char *dir, uint64_t key, int n, uint64_t bytes,
                                   struct err *why, struct err *err);
void data_cache_free(struct data_cache *c);     /* what is not complete is dropped; NULL is fine */

/* The picture of place i, lent as long as the cache lives; false when it is not (yet) there. */
bool data_cache_find(struct data_cache *c, int i, struct data_image *lent);

/* Keeps a copy.  Any thread, any order; each place once (a second time is ignored). */
void data_cache_keep(struct data_cache *c, int i, const struct data_image *image);

/* Places that are filled; whether the file is whole and in place. */
int data_cache_filled(const struct data_cache *c);
bool data_cache_complete(const struct data_cache *c);

/* The folder for caches: $XDG_CACHE_HOME/discern, else ~/.cache/discern; for commands only, since
 * it reads the environment.  NULL when there is none; free() it. */
char *data_cache_folder(void);

#endif
