/*
 * cache_folder -- the folder that caches share: whose they are, which are dead, which make room
 *
 * KEY.pixels is a complete cache, KEY.pixels.tmp-PID(-I) one that is being filled.  Who fills or
 * reads one holds a lock on it (flock), so that a file without a lock is nobody's: a temporary is
 * then what a killed process left and is removed, a complete one may be removed to make room.
 */
#ifndef DATA_CACHE_FOLDER_H
#define DATA_CACHE_FOLDER_H

#include "nn/base/err.h"

#include <stdint.h>

/* Makes the folder, removes what dead processes left, and makes room for `bytes` more: the files of
 * all caches together stay below `share` of the disk that is free without them.  The least recently
 * used go first.  ERR_IO: there is no room; then none was removed for it. */
bool data_cache_make_room(const char *dir, double share, uint64_t bytes, struct err *err);

/* A new file, locked, for DIR/NAME; *path its own name, to be freed.  -1 on failure. */
int data_cache_create(const char *dir, const char *name, char **path, struct err *err);

/* Opens a file to read and locks it against removal; -1 when it is not there (err untouched) or
 * cannot be read.  What is there and no regular file is removed. */
int data_cache_lend(const char *path, uint64_t *size, struct err *err);

/* Removes a complete file that is broken. */
bool data_cache_remove(const char *path, struct err *err);

#endif
