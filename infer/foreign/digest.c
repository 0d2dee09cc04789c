/*
 * digest -- see digest.h
 *
 * libnettle: sums that cannot fail, in structs of the caller's, with the processor's own SHA
 * instructions; and a library of 0.3 MB where OpenSSL's has 5 that every start would map.
 */
#include "infer/foreign/digest.h"

#include <errno.h>
#include <inttypes.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

size_t infer_digest_length(enum infer_digest kind)
{
    return kind == INFER_DIGEST_SHA256 ? 2 * SHA256_DIGEST_SIZE
           : kind == INFER_DIGEST_GIT  ? 2 * SHA1_DIGEST_SIZE
                                    : 0;
}

bool infer_digest_is(enum infer_digest kind, const char *text, size_t n)
{
    return n && n == infer_digest_length(kind) && strspn(text, "0123456789abcdef") >= n;
}

static void to_hex(const uint8_t *digest, size_t n, char *hex)
{
    for (size_t i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

void infer_digest_text(const char *text, char hex[INFER_DIGEST_HEX])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx sum;

    sha256_init(&sum);
    sha256_update(&sum, strlen(text), (const uint8_t *)text);
    sha256_digest(&sum, sizeof digest, digest);
    to_hex(digest, sizeof digest, hex);
}

bool infer_digest_file(enum infer_digest kind, int fd, int64_t size, const char *path,
                    void (*tell)(void *ctx, int64_t done), void *ctx, char hex[INFER_DIGEST_HEX],
                    struct err *err)
{
    uint8_t *chunk = malloc(CHUNK), digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx sha256;
    struct sha1_ctx sha1;
    char head[32];
    int64_t at = 0;

    if (!chunk)
        return err_set(err, ERR_MEMORY, "no memory for a checksum");
    sha256_init(&sha256);
    sha1_init(&sha1);
    snprintf(head, sizeof head, "blob %" PRId64, size);
    sha1_update(&sha1, strlen(head) + 1, (const uint8_t *)head);
    while (at < size) {
        ssize_t n = pread(fd, chunk, size - at < CHUNK ? (size_t)(size - at) : CHUNK, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            free(chunk);
            return n ? err_errno(err, path, "read")
                     : err_set(err, ERR_IO, "%s: has become shorter", path);
        }
        if (kind == INFER_DIGEST_SHA256)
            sha256_update(&sha256, (size_t)n, chunk);
        else
            sha1_update(&sha1, (size_t)n, chunk);
        at += n;
        if (tell)
            tell(ctx, at);
    }
    free(chunk);
    if (kind == INFER_DIGEST_SHA256)
        sha256_digest(&sha256, SHA256_DIGEST_SIZE, digest);
    else
        sha1_digest(&sha1, SHA1_DIGEST_SIZE, digest);
    to_hex(digest, infer_digest_length(kind) / 2, hex);
    return true;
}
