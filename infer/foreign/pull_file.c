/*
 * pull_file -- see pull_file.h
 *
 * A hub answers with X-Linked-ETag, the SHA-256 of a large file, and leads to another host that has
 * it; of a small file it sends the bytes, and its ETag is git's name of them.  Another server's
 * ETag is a word.  So it is asked without knowing what is there: the head of the answer says which
 * blob it is, and whether all of it, or a part, has come before; then the transfer is ended, or
 * asked for anew from where the part ends.
 */
#include "infer/foreign/pull_file.h"

#include "nn/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HOPS = 10, TRIES = 6, TRIES_ALL = 100, PAUSE_MOST = 60, IGNORED = 1 << 16 };
/* Of the disk: what other programs keep, and after how many bytes it is asked again. */
enum { LEAVE = 256 << 20, LOOK = 16 << 20 };

/* Why a transfer was ended, or what its head said. */
enum end {
    GOES_ON,
    HAS_ALL,                    /* the blob is there */
    HAS_BYTES,                  /* the part is as long as the file */
    FROM_PART,                  /* ask for the rest of the part */
    LEADS_ON,                   /* to another address */
    REFUSED,                    /* err says why */
    STATUS,                     /* the server has no file for us: see status */
    AGAIN,                      /* as busy servers say */
};

struct fetch {
    struct infer_http *http;
    struct infer_pull_file *file;
    const struct infer_pull_hooks *hooks;
    const char *store;
    struct str url, to;         /* of this hop, of the next */
    char etag[INFER_HTTP_TEXT]; /* of the host that sends the bytes */
    char *part;
    int fd;                     /* of the part, locked; -1 */
    int64_t size;               /* of the file; -1: not said */
    int64_t from, at;           /* where this transfer began and where it is */
    int64_t ignored;            /* bytes of an answer that is no file */
    bool whole;                 /* no part is gone on with: that went wrong */
    bool reached;               /* a server has answered */
    enum end end;
    int status, pause;
    struct err *err;
};

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory for a download");
}

/* ---- what it is ------------------------------------------------------------------------------ */

/* An ETag without W/ and quotes. */
static const char *bare(const char *etag, size_t *n)
{
    etag += !strncmp(etag, "W/", 2) ? 2 : 0;
    *n = strlen(etag);
    if (*n >= 2 && etag[0] == '"' && etag[*n - 1] == '"') {
        etag++;
        *n -= 2;
    }
    return etag;
}

static bool take_digest(struct infer_pull_file *f, const char *etag)
{
    size_t n;
    const char *text = bare(etag, &n);

    for (enum infer_digest kind = INFER_DIGEST_SHA256; kind <= INFER_DIGEST_GIT; kind++)
        if (infer_digest_is(kind, text, n)) {
            f->digest = kind;
            snprintf(f->key, sizeof f->key, "%.*s", (int)n, text);
            return true;
        }
    return false;
}

/* Which blob an answer is of.  False: err says why. */
static bool learn(struct fetch *f, const struct infer_http_head *h)
{
    struct infer_pull_file *file = f->file;
    bool leads = h->status != 200 && h->status != 206;
    struct str word = { 0 };

    if (!*file->commit && infer_digest_is(INFER_DIGEST_GIT, h->commit, strlen(h->commit)))
        memcpy(file->commit, h->commit, strlen(h->commit) + 1);
    if (*h->linked_etag && f->size < 0)
        f->size = h->linked_size >= 0 ? h->linked_size : -1;
    if (*h->linked_etag && !*file->key && !take_digest(file, h->linked_etag))
        return err_set(f->err, ERR_INPUT, "X-Linked-ETag is no checksum");
    if (*file->key || leads)
        return true;
    if (file->hub) {
        if (!take_digest(file, h->etag))
            return err_set(f->err, ERR_INPUT, "its ETag is no checksum: is that a Hugging Face "
                           "hub?");
    } else {
        str_printf(&word, "%s\n%s", file->url, h->etag);
        infer_digest_text(str_text(&word), file->key);
        str_release(&word);
    }
    return true;
}

static char *blob_path(const struct fetch *f, const char *end)
{
    struct str path = { 0 };

    str_printf(&path, "%s/blobs/%s%s", f->store, f->file->key, end);
    if (path.failed) {
        str_release(&path);
        no_memory(f->err);
    }
    return path.data;
}

/* Whether it came before.  What has a URL alone, and no ETag, may be another by now. */
static bool is_there(struct fetch *f)
{
    bool known = f->file->digest || *f->etag;
    char *path = known ? blob_path(f, "") : NULL;
    struct stat st;
    bool there = path && !stat(path, &st) && S_ISREG(st.st_mode) &&
                 (f->size < 0 || st.st_size == f->size);

    if (there)
        f->file->bytes = st.st_size;
    free(path);
    return there;
}

/* ---- the part -------------------------------------------------------------------------------- */

static void leave_part(struct fetch *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static bool open_part(struct fetch *f)
{
    struct stat own, there;

    if (f->fd >= 0)
        return true;
    free(f->part);
    f->part = blob_path(f, ".part");
    if (!f->part)
        return false;
    f->fd = open(f->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (f->fd < 0)
        return file_cannot(f->err, f->part, "create");
    /* Who had the lock may have made a blob of it since it was opened. */
    if (flock(f->fd, LOCK_EX | LOCK_NB) || fstat(f->fd, &own) || stat(f->part, &there) ||
        own.st_ino != there.st_ino) {
        leave_part(f);
        return err_set(f->err, ERR_IO, "%s: another process downloads it just now", f->part);
    }
    return true;
}

/* The same name is the same bytes. */
static bool is_strong(const struct fetch *f)
{
    return f->file->digest || (*f->etag && strncmp(f->etag, "W/", 2) != 0);
}

static bool full(struct fetch *f)
{
    bool space = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

    file_cannot(f->err, f->part, "write");
    if (space && f->size >= 0 && is_strong(f))
        err_set(f->err, f->err->kind, "%s; %" PRId64 " of %" PRId64 " bytes have come and stay: "
                "with more room the next pull goes on from there", f->err->msg, f->at, f->size);
    else if (space && f->size >= 0)
        err_set(f->err, f->err->kind, "%s; %" PRId64 " bytes are needed", f->err->msg, f->size);
    return false;
}

/* The disk has what is still to come and something for others.  It is asked and nothing is taken
 * ahead of the bytes: how many are announced is a stranger's word, and a kill would leave it
 * taken. */
static bool has_room(struct fetch *f)
{
    if (file_room(f->fd, f->size > f->at ? (uint64_t)(f->size - f->at) : 0, LEAVE))
        return true;
    full(f);
    return err_set(f->err, f->err->kind, "%s; %d MiB, or a sixteenth of the disk, are kept for "
                   "others", f->err->msg, LEAVE >> 20);
}

/* Where writing goes on: at 0, unless the part has what the server will not send. */
static bool begin_at(struct fetch *f, int64_t at)
{
    f->at = f->from = at;
    if (ftruncate(f->fd, (off_t)at) || lseek(f->fd, (off_t)at, SEEK_SET) < 0)
        return file_cannot(f->err, f->part, "write");
    return has_room(f);
}

/* After what went wrong: a part that nobody can go on with holds no disk. */
static void drop_useless(const struct fetch *f)
{
    if (f->fd >= 0 && (f->size < 0 || !is_strong(f)))
        unlink(f->part);
}

/* The bytes come: from the beginning, or as the head says.  Sets f->end. */
static bool prepare(struct fetch *f, const struct infer_http_head *h)
{
    bool strong = is_strong(f);
    struct stat st;

    if (!open_part(f))
        return false;
    if (fstat(f->fd, &st))
        return file_cannot(f->err, f->part, "look at");
    if (h->status == 206) {
        if (h->from == f->from && h->from == st.st_size && (h->whole < 0 || h->whole == f->size))
            return begin_at(f, f->from);
        f->whole = true;        /* another range than was asked for */
        f->end = FROM_PART;
        return true;
    }
    f->whole |= f->from > 0;    /* that host knows no ranges */
    if (!f->whole && strong && f->size > 0 && st.st_size == f->size)
        f->end = HAS_BYTES;
    else if (!f->whole && strong && st.st_size > 0 && st.st_size < f->size)
        f->end = FROM_PART;
    else
        return begin_at(f, 0);
    f->from = st.st_size;
    return true;
}

/* ---- an answer ------------------------------------------------------------------------------- */

static bool bad_status(struct fetch *f, const struct infer_http_head *h)
{
    struct str why = { 0 };

    f->status = h->status;
    f->end = h->status == 408 || h->status == 429 || h->status >= 500 ? AGAIN : STATUS;
    f->pause = h->retry_after >= 0 && h->retry_after <= INT32_MAX ? (int)h->retry_after : -1;
    str_printf(&why, "the server answers %d", h->status);
    if (*h->code || *h->message)
        str_printf(&why, " (%s%s%s)", h->code, *h->code && *h->message ? ": " : "", h->message);
    if (h->status == 401 || h->status == 403)
        str_add(&why, "; private and gated networks want --token-file, others may not be there");
    if (h->status == 429)
        str_printf(&why, "; it is asked too often: later it may answer%s",
                   f->file->token ? "" : ", and more often with --token-file");
    if (f->pause > PAUSE_MOST)
        str_printf(&why, "; it wants to be asked again in %d seconds", f->pause);
    err_set(f->err, f->end == AGAIN ? ERR_IO : ERR_INPUT, "%.400s", str_text(&why));
    str_release(&why);
    return false;
}

static bool sizes(struct fetch *f, const struct infer_http_head *h)
{
    int64_t size = h->status == 206 ? h->whole : h->length;

    if (h->length == INFER_HTTP_ODD)
        return err_set(f->err, ERR_INPUT, "the server's answer makes no sense: its Content-Length "
                       "is no size of a file");
    if (f->size < 0)
        f->size = size;
    if (size >= 0 && size != f->size)
        return err_set(f->err, ERR_INPUT, "has %" PRId64 " bytes, but %" PRId64 " were announced",
                       size, f->size);
    if (f->size > f->file->most)
        return err_set(f->err, ERR_INPUT, "has %" PRId64 " bytes; %" PRId64 " are the most that is "
                       "taken", f->size, f->file->most);
    return true;
}

static bool on_head(void *ctx, const struct infer_http_head *h)
{
    struct fetch *f = ctx;
    bool leads = h->status >= 300 && h->status < 400 && *h->location;
    bool ok;

    f->reached = true;
    f->end = GOES_ON;
    if (h->status == 416 && f->from > 0 && !f->whole) {
        f->whole = true;
        f->end = FROM_PART;
        return false;
    }
    if (!leads && h->status != 200 && !(h->status == 206 && f->from > 0)) {
        learn(f, h);            /* of what is not there, too, the commit is told */
        return bad_status(f, h);
    }
    if (!leads && *f->etag && strcmp(f->etag, h->etag) != 0 && !f->file->digest) {
        leave_part(f);          /* it has changed meanwhile */
        f->file->key[0] = '\0';
        f->size = -1;
        if (h->status == 206) {
            f->whole = true;
            f->end = FROM_PART;
            return false;
        }
    }
    if (!leads)
        memcpy(f->etag, h->etag, sizeof f->etag);
    ok = learn(f, h) && (leads || sizes(f, h));
    if (ok && *f->file->key && is_there(f)) {
        f->end = HAS_ALL;
        return false;
    }
    if (ok && leads) {
        str_clear(&f->to);
        ok = infer_http_follow(f->http, str_text(&f->url), h->location, &f->to, f->err);
        f->end = LEADS_ON;
        f->ignored = 0;
    } else if (ok) {
        ok = prepare(f, h);
    }
    if (!ok)
        f->end = REFUSED;
    return f->end == GOES_ON || f->end == LEADS_ON;
}

static bool on_body(void *ctx, const void *data, size_t bytes)
{
    struct fetch *f = ctx;
    int64_t most = f->size >= 0 ? f->size : f->file->most, was = f->at;

    if (f->end == LEADS_ON) {
        f->ignored += (int64_t)bytes;
        return f->ignored < IGNORED;
    }
    if ((int64_t)bytes > most - f->at) {
        f->end = REFUSED;
        return err_set(f->err, ERR_INPUT, "sends more than %" PRId64 " bytes", most);
    }
    for (const char *p = data; bytes;) {
        ssize_t n = write(f->fd, p, bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            f->end = REFUSED;
            return full(f);
        }
        p += n;
        bytes -= (size_t)n;
        f->at += n;
        f->file->came += n;
    }
    f->hooks->progress(f->hooks->ctx, "downloaded", f->file->name, f->at - f->from,
                       f->size < 0 ? 0 : f->size - f->from);
    if (f->at / LOOK != was / LOOK && !has_room(f)) {
        f->end = REFUSED;
        return false;
    }
    return true;
}

/* ---- transfers ------------------------------------------------------------------------------- */

/* From the first address to what ends all of them; LEADS_ON: too far. */
static enum infer_http_end follow(struct fetch *f)
{
    str_clear(&f->url);
    str_add(&f->url, f->file->url);
    for (int hop = 0; hop < HOPS; hop++) {
        bool own = infer_http_same_host(f->file->url, str_text(&f->url));
        const struct infer_http_get get = {
            .url = str_text(&f->url), .token = own ? f->file->token : NULL,
            .from = f->whole ? 0 : f->from, .head = on_head, .body = on_body, .ctx = f };
        enum infer_http_end end;

        if (f->url.failed)
            break;
        f->end = GOES_ON;
        end = infer_http_get(f->http, &get, f->err);
        if (f->end == LEADS_ON) {
            struct str was = f->url;

            f->url = f->to;
            f->to = was;
        } else if (f->end == FROM_PART) {
            f->from = f->whole ? 0 : f->from;
        } else {
            return end;
        }
    }
    f->end = REFUSED;
    if (f->url.failed)
        no_memory(f->err);
    else
        err_set(f->err, ERR_INPUT, "leads on and on: more than %d redirections", HOPS);
    return INFER_HTTP_ENDED;
}

struct check {
    const struct infer_pull_hooks *hooks;
    const char *name;
    int64_t size;
};

static void tell_check(void *ctx, int64_t done)
{
    const struct check *c = ctx;

    c->hooks->progress(c->hooks->ctx, "checked", c->name, done, c->size);
}

/* Of all bytes of fd, which is at path. */
static bool check(int fd, const char *path, const char *name, enum infer_digest kind,
                  const char *sum, const struct infer_pull_hooks *hooks, bool *wrong,
                  struct err *err)
{
    struct check c = { .hooks = hooks, .name = name };
    char hex[INFER_DIGEST_HEX] = "";
    struct stat st;
    bool ok;

    *wrong = false;
    if (fstat(fd, &st))
        return file_cannot(err, path, "look at");
    c.size = st.st_size;
    hooks->progress(hooks->ctx, "", name, 0, -1);
    ok = infer_digest_file(kind, fd, c.size, path, tell_check, &c, hex, err);
    hooks->progress(hooks->ctx, "", name, 0, -1);
    if (!ok || !strcmp(hex, sum))
        return ok;
    *wrong = true;
    return err_set(err, ERR_INPUT, "its %s is %s, not %s",
                   kind == INFER_DIGEST_GIT ? "git hash" : "SHA-256", hex, sum);
}

bool infer_pull_check(const char *path, const char *name, enum infer_digest kind, const char *sum,
                      const struct infer_pull_hooks *hooks, bool *wrong, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok;

    *wrong = false;
    if (fd < 0)
        return file_cannot(err, path, "open");
    ok = check(fd, path, name, kind, sum, hooks, wrong, err);
    close(fd);
    return ok;
}

/* All bytes are in the part: held against their sum, they become the blob.  *other: they are not
 * what was announced. */
static bool finish(struct fetch *f, bool *other)
{
    struct infer_pull_file *file = f->file;
    char *path;
    struct stat st;
    bool ok;

    *other = false;
    if (fstat(f->fd, &st))
        return file_cannot(f->err, f->part, "look at");
    f->at = st.st_size;
    if (file->digest && !check(f->fd, f->part, file->name, file->digest, file->key, f->hooks,
                               other, f->err)) {
        if (!*other)
            return false;
        unlink(f->part);
        leave_part(f);
        return err_set(f->err, ERR_INPUT, "what came is not what was announced: %s; it was thrown "
                       "away", f->err->msg);
    }
    if (fsync(f->fd))
        return full(f);
    path = blob_path(f, "");
    ok = path && (!rename(f->part, path) || file_cannot(f->err, path, "create"));
    file->bytes = f->at;
    free(path);
    return ok;
}

/* The blob is there: what it holds is looked at before anybody says that it is right.  *gone: it
 * was not, and is no more. */
static bool take_there(struct fetch *f, bool *gone)
{
    const struct infer_pull_file *file = f->file;
    struct str line = { 0 };
    char *path = blob_path(f, "");
    bool ok = path && (!file->digest || infer_pull_check(path, file->name, file->digest, file->key,
                                                         f->hooks, gone, f->err));

    if (path && *gone) {
        unlink(path);
        str_printf(&line, "%s: what came before has gone bad on this disk (%s): it comes anew",
                   file->name, f->err->msg);
        f->hooks->say(f->hooks->ctx, str_text(&line));
        str_release(&line);
    }
    free(path);
    return ok;
}

/* Seconds before the next try; longer each time, unless the server says. */
static void wait_for(const struct fetch *f, int tries)
{
    struct timespec t = { .tv_sec = f->pause >= 0 ? f->pause : 0 };

    if (f->pause < 0) {
        t.tv_sec = (1 << tries) / 2;
        t.tv_nsec = tries ? 0 : 500000000;
    }
    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}

/* What a try came to; INFER_PULL_UNREACHED with *again: another may do better. */
static enum infer_pulling attempt(struct fetch *f, bool *again)
{
    enum infer_http_end end = follow(f);
    bool other = false;

    *again = false;
    f->hooks->progress(f->hooks->ctx, "", f->file->name, 0, -1);
    switch (f->end) {
    case HAS_ALL:
        f->pause = 0;
        return take_there(f, again) ? INFER_PULL_DONE : INFER_PULL_FAILED;
    case STATUS:
        return f->status == 404 ? INFER_PULL_NONE : INFER_PULL_FAILED;
    case AGAIN:
        *again = f->pause <= PAUSE_MOST;
        return INFER_PULL_FAILED;
    case REFUSED:
        return INFER_PULL_FAILED;
    default:
        break;
    }
    if (f->end != HAS_BYTES && end != INFER_HTTP_DONE) {
        *again = f->reached && (end == INFER_HTTP_BROKEN || end == INFER_HTTP_UNREACHED);
        return end == INFER_HTTP_UNREACHED && !f->reached ? INFER_PULL_UNREACHED
                                                          : INFER_PULL_FAILED;
    }
    if (f->end != HAS_BYTES && f->size >= 0 && f->at != f->size) {
        *again = true;
        err_set(f->err, ERR_IO, "%" PRId64 " of %" PRId64 " bytes came", f->at, f->size);
        return INFER_PULL_FAILED;
    }
    if (finish(f, &other))
        return INFER_PULL_DONE;
    *again = other && f->from > 0;      /* the part may have been bad, and is no more */
    f->pause = 0;
    return INFER_PULL_FAILED;
}

enum infer_pulling infer_pull_file(struct infer_http *h, struct infer_pull_file *file,
                                   const char *store, const struct infer_pull_hooks *hooks,
                                   struct err *err)
{
    struct fetch f = { .http = h, .file = file, .hooks = hooks, .store = store, .fd = -1,
                       .size = -1, .err = err };
    enum infer_pulling got = INFER_PULL_FAILED;
    bool again = true;
    int64_t most = 0;           /* what came, from the file's beginning, of the best try */

    if (file->sha256)
        take_digest(file, file->sha256);
    for (int tries = 0, all = 0; again && tries < TRIES && all < TRIES_ALL; tries++, all++) {
        f.pause = -1;
        f.at = f.from = 0;
        got = attempt(&f, &again);
        if (got != INFER_PULL_DONE)
            drop_useless(&f);
        leave_part(&f);
        if (f.at > most) {
            most = f.at;
            tries = 0;          /* it goes on, if slowly */
        }
        if (again && tries + 1 < TRIES)
            wait_for(&f, tries);
    }
    free(f.part);
    str_release(&f.url);
    str_release(&f.to);
    if (got == INFER_PULL_FAILED && again && file->came && f.size >= 0 && is_strong(&f) && !f.whole)
        err_set(err, err->kind, "%s; what came is kept, the next pull goes on from there",
                err->msg);
    return got;
}
