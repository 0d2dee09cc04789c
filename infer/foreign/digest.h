/* digest -- the checksums that hubs know files by, of libnettle */
#ifndef INFER_DIGEST_H
#define INFER_DIGEST_H

#include "nn/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* SHA-256 of the bytes; or SHA-1 of "blob SIZE", a zero and the bytes, which is what git calls a
 * file by. */
enum infer_digest { INFER_DIGEST_NONE, INFER_DIGEST_SHA256, INFER_DIGEST_GIT };

enum { INFER_DIGEST_HEX = 65 };    /* bytes of the longest one as text, with its end */

/* Bytes of a sum in lower-case hexadecimal: 64, 40, 0. */
size_t infer_digest_length(enum infer_digest kind);
/* Whether n bytes are such a sum. */
bool infer_digest_is(enum infer_digest kind, const char *text, size_t n);

/* Of the bytes of a file from its beginning, `size` in all; path is what errors call it.  tell
 * (NULL: nobody) hears now and then how many were seen. */
bool infer_digest_file(enum infer_digest kind, int fd, int64_t size, const char *path,
                    void (*tell)(void *ctx, int64_t done), void *ctx, char hex[INFER_DIGEST_HEX],
                    struct err *err);

/* SHA-256 of text. */
void infer_digest_text(const char *text, char hex[INFER_DIGEST_HEX]);

#endif
