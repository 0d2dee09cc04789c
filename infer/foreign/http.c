/*
 * http -- see http.h
 *
 * libcurl is loaded when it is first wanted, as OpenBLAS is: it brings some thirty libraries with
 * it, which every start of the program would look for, and nobody else needs them.
 */
#include "infer/foreign/http.h"

#include "nn/base/about.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CONNECT_SECONDS = 30, STALL_SECONDS = 60 };

struct infer_http {
    void *library;
    CURL *curl;
    struct infer_http_trust trust;
    char why[CURL_ERROR_SIZE];
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *init;
    __typeof__(curl_easy_reset) *reset;
    __typeof__(curl_easy_cleanup) *cleanup;
    __typeof__(curl_easy_setopt) *set;
    __typeof__(curl_easy_perform) *perform;
    __typeof__(curl_easy_strerror) *text;
    __typeof__(curl_slist_append) *append;
    __typeof__(curl_slist_free_all) *free_list;
    __typeof__(curl_url) *url;
    __typeof__(curl_url_cleanup) *url_cleanup;
    __typeof__(curl_url_set) *url_set;
    __typeof__(curl_url_get) *url_get;
    __typeof__(curl_free) *release;
};

/* ---- the library ----------------------------------------------------------------------------- */

/* *to = the function called name. */
static bool take(const struct infer_http *h, const char *name, void *to)
{
    void *f = dlsym(h->library, name);

    memcpy(to, &f, sizeof f);
    return f;
}

static bool take_all(struct infer_http *h)
{
    return take(h, "curl_global_init", &h->global_init) && take(h, "curl_easy_init", &h->init) &&
           take(h, "curl_easy_reset", &h->reset) && take(h, "curl_easy_cleanup", &h->cleanup) &&
           take(h, "curl_easy_setopt", &h->set) && take(h, "curl_easy_perform", &h->perform) &&
           take(h, "curl_easy_strerror", &h->text) && take(h, "curl_slist_append", &h->append) &&
           take(h, "curl_slist_free_all", &h->free_list) && take(h, "curl_url", &h->url) &&
           take(h, "curl_url_cleanup", &h->url_cleanup) && take(h, "curl_url_set", &h->url_set) &&
           take(h, "curl_url_get", &h->url_get) && take(h, "curl_free", &h->release);
}

struct infer_http *infer_http_open(struct infer_http_trust trust, struct err *err)
{
    static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };
    struct infer_http *h = calloc(1, sizeof *h);

    for (size_t i = 0; h && !h->library && i < sizeof names / sizeof *names; i++)
        h->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!h || !h->library || !take_all(h)) {
        if (h)
            err_set(err, ERR_UNSUPPORTED, "libcurl is not there, which downloads: apt-get install "
                    "libcurl4");
        else
            err_set(err, ERR_MEMORY, "no memory for a connection");
        free(h);
        return NULL;
    }
    h->trust = trust;
    if (!h->global_init(CURL_GLOBAL_DEFAULT))
        h->curl = h->init();
    if (!h->curl) {
        err_set(err, ERR_MEMORY, "no memory for a connection");
        free(h);
        return NULL;
    }
    return h;
}

/* The library stays: what it has set up for the process cannot be taken back. */
void infer_http_close(struct infer_http *h)
{
    if (h)
        h->cleanup(h->curl);
    free(h);
}

/* ---- an answer ------------------------------------------------------------------------------- */

struct answer {
    const struct infer_http_get *get;
    struct infer_http_head head;
    bool begun;                 /* the head is whole: what comes is body, or trailers */
    bool over;                  /* head or body wanted no more */
};

/* The value, where the line is that header's; else NULL.  *n its bytes, without blanks. */
static const char *value_of(const char *line, size_t bytes, const char *name, size_t *n)
{
    size_t length = strlen(name);

    if (bytes <= length || line[length] != ':' || strncasecmp(line, name, length) != 0)
        return NULL;
    line += length + 1;
    bytes -= length + 1;
    for (; bytes && (*line == ' ' || *line == '\t'); bytes--)
        line++;
    while (bytes && (unsigned char)line[bytes - 1] <= ' ')
        bytes--;
    *n = bytes;
    return line;
}

/* A whole number of digits alone; -1: it is none. */
static int64_t whole_number(const char *text, size_t n)
{
    int64_t x = 0;

    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9' || x > (INT64_MAX - 9) / 10)
            return -1;
        x = 10 * x + (text[i] - '0');
    }
    return n ? x : -1;
}

/* "bytes 100-199/200" */
static void read_range(struct infer_http_head *h, const char *text, size_t n)
{
    const char *end = text + n, *dash, *slash;

    if (n < 6 || strncasecmp(text, "bytes ", 6) != 0)
        return;
    text += 6;
    dash = memchr(text, '-', (size_t)(end - text));
    slash = memchr(text, '/', (size_t)(end - text));
    if (!dash || !slash || dash > slash)
        return;
    h->from = whole_number(text, (size_t)(dash - text));
    h->whole = whole_number(slash + 1, (size_t)(end - slash - 1));
}

static void read_header(struct infer_http_head *h, const char *line, size_t bytes)
{
    const struct {
        const char *name;
        char *text;
        size_t room;
    } texts[] = {
        { "ETag", h->etag, sizeof h->etag },
        { "X-Linked-ETag", h->linked_etag, sizeof h->linked_etag },
        { "X-Repo-Commit", h->commit, sizeof h->commit },
        { "X-Error-Code", h->code, sizeof h->code },
        { "X-Error-Message", h->message, sizeof h->message },
        { "Location", h->location, sizeof h->location },
    };
    const struct {
        const char *name;
        int64_t *number;
    } numbers[] = {
        { "Content-Length", &h->length },
        { "X-Linked-Size", &h->linked_size },
        { "Retry-After", &h->retry_after },
    };
    const char *value;
    size_t n = 0;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if ((value = value_of(line, bytes, texts[i].name, &n))) {
            snprintf(texts[i].text, texts[i].room, "%.*s",
                     n < texts[i].room ? (int)n : 0, value);
            return;
        }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if ((value = value_of(line, bytes, numbers[i].name, &n))) {
            *numbers[i].number = whole_number(value, n);
            if (*numbers[i].number < 0)
                *numbers[i].number = INFER_HTTP_ODD;
            return;
        }
    if ((value = value_of(line, bytes, "Content-Range", &n)))
        read_range(h, value, n);
}

/* A line of the head, of this answer or of one that only announces it (100 Continue). */
static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
    struct answer *a = ctx;
    size_t bytes = size * n;
    bool blank = bytes <= 2 && (!bytes || *line == '\r' || *line == '\n');

    if (a->begun)
        return bytes;
    if (bytes > 5 && !strncmp(line, "HTTP/", 5)) {
        const char *space = memchr(line, ' ', bytes);
        size_t left = space ? bytes - (size_t)(space + 1 - line) : 0;

        a->head = (struct infer_http_head){ .length = -1, .from = -1, .whole = -1,
                                            .linked_size = -1, .retry_after = -1 };
        a->head.status = left >= 3 ? (int)whole_number(space + 1, 3) : 0;
    } else if (!blank) {
        read_header(&a->head, line, bytes);
    } else if (a->head.status >= 200) {
        a->begun = true;
        a->over = !a->get->head(a->get->ctx, &a->head);
    }
    return a->over ? 0 : bytes;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct answer *a = ctx;

    a->over = !a->get->body(a->get->ctx, data, size * n);
    return a->over ? 0 : size * n;
}

/* ---- a transfer ------------------------------------------------------------------------------ */

static bool set_trust(const struct infer_http *h)
{
    return (!h->trust.folder || !h->set(h->curl, CURLOPT_CAPATH, h->trust.folder)) &&
           (!h->trust.file || !h->set(h->curl, CURLOPT_CAINFO, h->trust.file));
}

static bool set_up(struct infer_http *h, struct answer *a, struct curl_slist **headers)
{
    const struct infer_http_get *get = a->get;
    CURL *c = h->curl;
    char text[64];
    struct str line = { 0 };
    bool ok;

    h->reset(c);
    h->why[0] = '\0';
    snprintf(text, sizeof text, "discern/%s", about_version);
    ok = !h->set(c, CURLOPT_URL, get->url) && !h->set(c, CURLOPT_USERAGENT, text) &&
         !h->set(c, CURLOPT_PROTOCOLS_STR, "http,https") && !h->set(c, CURLOPT_NOSIGNAL, 1L) &&
         !h->set(c, CURLOPT_FOLLOWLOCATION, 0L) && !h->set(c, CURLOPT_ERRORBUFFER, h->why) &&
         !h->set(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
         !h->set(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS) &&
         !h->set(c, CURLOPT_LOW_SPEED_LIMIT, 1L) &&
         !h->set(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS) &&
         !h->set(c, CURLOPT_HEADERFUNCTION, on_header) && !h->set(c, CURLOPT_HEADERDATA, a) &&
         !h->set(c, CURLOPT_WRITEFUNCTION, on_body) && !h->set(c, CURLOPT_WRITEDATA, a) &&
         set_trust(h);
    if (ok && get->from > 0) {
        snprintf(text, sizeof text, "%lld-", (long long)get->from);
        ok = !h->set(c, CURLOPT_RANGE, text);
    }
    if (ok && get->token) {
        str_printf(&line, "Authorization: Bearer %s", get->token);
        *headers = line.failed ? NULL : h->append(NULL, str_text(&line));
        ok = *headers && !h->set(c, CURLOPT_HTTPHEADER, *headers);
        str_release(&line);
    }
    return ok;
}

static enum infer_http_end fail(const struct infer_http *h, const struct answer *a, CURLcode code,
                                struct err *err)
{
    const char *why = h->why[0] ? h->why : h->text(code);

    switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
        err_set(err, ERR_IO, "%.300s", why);
        return a->begun ? INFER_HTTP_BROKEN : INFER_HTTP_UNREACHED;
    case CURLE_OUT_OF_MEMORY:
        err_set(err, ERR_MEMORY, "no memory for a connection");
        return INFER_HTTP_FAILED;
    case CURLE_WEIRD_SERVER_REPLY:
        err_set(err, ERR_INPUT, "the server's answer makes no sense (%.300s): is that the address "
                "of a file?", why);
        return INFER_HTTP_FAILED;
    case CURLE_SSL_CACERT_BADFILE:
        err_set(err, ERR_IO, "%.200s; whom to trust is in the package ca-certificates", why);
        return INFER_HTTP_FAILED;
    default:
        err_set(err, ERR_IO, "%.300s", why);
        return INFER_HTTP_FAILED;
    }
}

enum infer_http_end infer_http_get(struct infer_http *h, const struct infer_http_get *get,
                                   struct err *err)
{
    struct answer *a = calloc(1, sizeof *a);
    struct curl_slist *headers = NULL;
    enum infer_http_end end = INFER_HTTP_FAILED;
    CURLcode code;

    if (a)
        a->get = get;
    if (!a || !set_up(h, a, &headers)) {
        err_set(err, ERR_MEMORY, "no memory for a connection");
    } else {
        code = h->perform(h->curl);
        if (a->over)
            end = INFER_HTTP_ENDED;
        else
            end = code ? fail(h, a, code, err) : INFER_HTTP_DONE;
    }
    if (headers)
        h->free_list(headers);
    free(a);
    return end;
}

/* ---- redirections ---------------------------------------------------------------------------- */

static bool begins(const char *url, const char *scheme)
{
    return !strncasecmp(url, scheme, strlen(scheme));
}

/* Behind "scheme://host:port". */
static size_t host_end(const char *url)
{
    const char *host = strstr(url, "://");

    return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

bool infer_http_may_follow(const char *from, const char *to, struct err *err)
{
    if (!begins(to, "https://") && !begins(to, "http://"))
        return err_set(err, ERR_INPUT, "leads to \"%.100s\", which is neither http nor https", to);
    if (begins(from, "https://") && !begins(to, "https://"))
        return err_set(err, ERR_INPUT, "leads from https to \"%.100s\", where anybody may read and "
                       "change what comes", to);
    if (memchr(to, '@', host_end(to)))
        return err_set(err, ERR_INPUT, "leads to an address with a name or password in it");
    return true;
}

bool infer_http_same_host(const char *a, const char *b)
{
    return host_end(a) == host_end(b) && !strncasecmp(a, b, host_end(a));
}

bool infer_http_is_private(const char *url)
{
    static const char *const own[] = { "http://localhost", "http://127.0.0.1", "http://[::1]" };
    size_t n = host_end(url);

    if (begins(url, "https://"))
        return true;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        size_t m = strlen(own[i]);

        if (n >= m && !strncasecmp(url, own[i], m) && (n == m || url[m] == ':'))
            return true;
    }
    return false;
}

bool infer_http_follow(struct infer_http *h, const char *url, const char *location, struct str *to,
                       struct err *err)
{
    CURLU *u = h->url();
    char *text = NULL;
    CURLUcode bad = CURLUE_OUT_OF_MEMORY;

    if (u && !(bad = h->url_set(u, CURLUPART_URL, url, 0)) &&
        !(bad = h->url_set(u, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME)))
        bad = h->url_get(u, CURLUPART_URL, &text, 0);
    if (!bad)
        str_add(to, text);
    h->release(text);
    h->url_cleanup(u);
    if (bad == CURLUE_OUT_OF_MEMORY || to->failed)
        return err_set(err, ERR_MEMORY, "no memory for an address");
    if (bad)
        return err_set(err, ERR_INPUT, "leads to \"%.100s\", which is no address", location);
    return infer_http_may_follow(url, str_text(to), err);
}
