/*
 * file -- read whole, map, replace atomically, walk sorted
 *
 * Errors name the path.  Only regular files are read: a FIFO, a socket or a device is ERR_INPUT,
 * and opening never blocks.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "nn/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* The error of a system call on a path that is written to, from errno.  A folder that is missing,
 * which would be wrong input where something is read, is here a place where nothing can be
 * written: ERR_IO.  Returns false. */
bool file_cannot(struct err *err, const char *path, const char *what);

/* The whole file plus a terminating 0 byte that *size does not count; free() it.  More than
 * max_bytes is ERR_INPUT.  NULL on failure. */
uint8_t *file_read(const char *path, size_t max_bytes, size_t *size, struct err *err);

/* The same of standard input, to its end, whatever kind of file it is. */
uint8_t *file_read_input(size_t max_bytes, size_t *size, struct err *err);

/* Its first bytes, at most `most`, and a 0 byte behind them; *size how many, *whole the length of
 * the file.  free() them; NULL on failure. */
uint8_t *file_head(const char *path, size_t most, size_t *size, uint64_t *whole, struct err *err);

/* The file mapped read-only and private; *size its length.  An empty file is ERR_INPUT.  NULL on
 * failure.  Reading what was cut off a file since is a SIGBUS: map only files replaced whole. */
const uint8_t *file_map(const char *path, size_t *size, struct err *err);
void file_unmap(const uint8_t *data, size_t size);      /* NULL is fine */
/* Bytes of a mapped file that are not read soon: their pages are no longer the process's.  They may
 * be read again. */
void file_leave(const void *data, size_t size);

/*
 * A file written beside its place and put there whole: path.tmp-PID (-1, -2 ... if that is taken),
 * locked (flock), write, fsync, rename, fsync of the folder.  The old file is untouched unless
 * file_commit gets as far as the rename.  A path that is there and no regular file is ERR_INPUT; a
 * symbolic link stays, and where it leads is the place; the new file has the mode of the old.
 */
struct file_out;
/* Folders are not made: a missing one is ERR_IO. */
struct file_out *file_create(const char *path, struct err *err);
/* Removes what processes that are dead left of writing path, where it may: nobody has it locked,
 * and its process is not there.  Looks through the folder: for what is written now and then. */
void file_sweep(const char *path);
/* Whether the disk of fd has so many bytes more, and `leave` or a sixteenth of itself, whichever is
 * less, beside them; nothing is taken.  False: errno says why (ENOSPC).  A disk that does not say
 * what it has, has it. */
bool file_room(int fd, uint64_t bytes, uint64_t leave);
/* Takes room on the disk for so many bytes, all that is to be written, so that a full disk is found
 * before the first of them and nothing is taken of it; where a file system cannot, nothing
 * happens. */
bool file_reserve(struct file_out *f, uint64_t bytes, struct err *err);
bool file_write(struct file_out *f, const void *data, size_t bytes, struct err *err);
/* The same over bytes that were written, from the offset on. */
bool file_write_over(struct file_out *f, uint64_t offset, const void *data, size_t bytes,
                     struct err *err);
bool file_commit(struct file_out *f, struct err *err);  /* frees f either way; no tmp stays */
void file_abandon(struct file_out *f);                  /* frees f, removes the tmp; NULL is fine */

/* All at once. */
bool file_replace(const char *path, const void *data, size_t bytes, struct err *err);

/* Where a path's symbolic links lead, be it to nothing yet; free() it.  NULL on failure. */
char *file_target(const char *path, struct err *err);

/* DIR/NAME; free() it.  NULL: memory is out, and the error says so. */
char *file_in(const char *dir, const char *name, struct err *err);

/* Makes the folder and its missing parents; one that exists is fine.  ERR_IO where it cannot. */
bool file_mkdir(const char *path, struct err *err);

/* What a path is; FILE_NONE: nothing is there (or nothing that we may see).  Follows symlinks. */
enum file_kind { FILE_NONE, FILE_REGULAR, FILE_FOLDER, FILE_OTHER };
enum file_kind file_kind(const char *path);

/* One folder's entries, sorted by bytes, "." and ".." and hidden ones (leading dot) left out.
 * *names and its strings are one block: free(*names).  Returns their number, -1 on failure. */
int file_list(const char *path, char ***names, struct err *err);

#endif
