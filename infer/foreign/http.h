/*
 * http -- GET by libcurl, a hop at a time
 *
 * Redirections are the caller's to follow, or not: it sees every answer's head before its body.
 * Certificates are checked; proxies are what the environment says, as curl has it.  Bodies come as
 * they are sent, never unpacked.
 */
#ifndef INFER_HTTP_H
#define INFER_HTTP_H

#include "nn/base/err.h"
#include "nn/base/str.h"

#include <stddef.h>
#include <stdint.h>

struct infer_http;              /* of one thread */

/* Whom https trusts: certificates in a file and in a folder, as OpenSSL has them.  NULL: as libcurl
 * was built. */
struct infer_http_trust {
    const char *file, *folder;
};

/* ERR_UNSUPPORTED where libcurl is not installed.  trust is lent for as long.  NULL on failure. */
struct infer_http *infer_http_open(struct infer_http_trust trust, struct err *err);
void infer_http_close(struct infer_http *h);    /* NULL is fine */

enum { INFER_HTTP_TEXT = 256, INFER_HTTP_URL = 8192 };

/* What is not said is "" or -1; a number that is none, or beyond counting, is INFER_HTTP_ODD. */
enum { INFER_HTTP_ODD = -2 };

struct infer_http_head {
    int status;
    int64_t length;             /* Content-Length: of this body */
    int64_t from, whole;        /* Content-Range: "bytes FROM-.../WHOLE" */
    int64_t linked_size;        /* X-Linked-Size, a hub's word for the size of what it leads to */
    int64_t retry_after;        /* seconds */
    char etag[INFER_HTTP_TEXT], linked_etag[INFER_HTTP_TEXT];   /* as they came, with quotes */
    char commit[INFER_HTTP_TEXT];       /* X-Repo-Commit */
    char code[INFER_HTTP_TEXT], message[INFER_HTTP_TEXT];       /* X-Error-Code, X-Error-Message */
    char location[INFER_HTTP_URL];
};

struct infer_http_get {
    const char *url;
    const char *token;          /* sent as Authorization: Bearer; NULL: none */
    int64_t from;               /* the bytes from there on; 0: all */
    /* Each returns false to end the transfer; body may be called without a byte or never. */
    bool (*head)(void *ctx, const struct infer_http_head *head);
    bool (*body)(void *ctx, const void *data, size_t bytes);
    void *ctx;
};

enum infer_http_end {
    INFER_HTTP_DONE,            /* all of the body came */
    INFER_HTTP_ENDED,           /* head or body wanted no more */
    INFER_HTTP_UNREACHED,       /* there was no answer: err says why */
    INFER_HTTP_BROKEN,          /* it broke off: err says why */
    INFER_HTTP_FAILED,          /* and would again: err says why */
};
enum infer_http_end infer_http_get(struct infer_http *h, const struct infer_http_get *get,
                                   struct err *err);

/* *to = location, seen from url.  ERR_INPUT: it makes no sense, or may not be followed. */
bool infer_http_follow(struct infer_http *h, const char *url, const char *location, struct str *to,
                       struct err *err);

/* Whether a redirection from one address may lead to the other: to http or https, and from https
 * to https alone. */
bool infer_http_may_follow(const char *from, const char *to, struct err *err);

/* Whether both are of the same scheme, host and port, as they are written. */
bool infer_http_same_host(const char *a, const char *b);

/* Whether a token may be sent there: over https, or to this very machine. */
bool infer_http_is_private(const char *url);

#endif
