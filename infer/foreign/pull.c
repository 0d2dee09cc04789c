/*
 * pull -- see pull.h
 *
 * The small files come first: they tell the commit, by which all others are asked for, so that a
 * revision that moves meanwhile makes no mixture; and weights without their settings are never left
 * behind as if that were all.
 */
#include "infer/foreign/pull.h"

#include "infer/foreign/foreign_config.h"
#include "infer/foreign/foreign_file.h"
#include "infer/foreign/onnx_model.h"
#include "infer/foreign/pull_store.h"
#include "nn/base/file.h"
#include "nn/io/onnx_in.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const int64_t settings_bytes = (int64_t)16 << 20, weights_bytes = (int64_t)64 << 30;
static const char *const settings[] = { INFER_CONFIG_MODEL, INFER_CONFIG_PICTURES, NULL };

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory for a download");
}

/* ---- files of a repository ------------------------------------------------------------------- */

/* '%' and two digits for what is not plain in an address; '/' too, unless keep. */
static void add_escaped(struct str *url, const char *text, bool keep)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-~";

    for (; *text; text++)
        if (strchr(plain, *text) || (keep && *text == '/'))
            str_addc(url, *text);
        else
            str_printf(url, "%%%02X", (unsigned char)*text);
}

static const char *url_of(struct infer_pull_job *p, const char *name)
{
    struct str url = { 0 };
    const char *result;

    str_printf(&url, "%s/%s/%s/resolve/", p->o->endpoint, p->at.owner, p->at.name);
    add_escaped(&url, *p->commit ? p->commit : p->at.rev, false);
    str_addc(&url, '/');
    add_escaped(&url, name, true);
    result = url.failed ? NULL : arena_str(p->mem, str_text(&url));
    str_release(&url);
    if (!result)
        no_memory(p->err);
    return result;
}

static bool take(struct infer_pull_job *p, const char *name, const struct infer_pull_file *f)
{
    if (!*p->commit)
        memcpy(p->commit, f->commit, sizeof p->commit);
    if (!*p->commit)
        return err_set(p->err, ERR_INPUT, "the server tells no X-Repo-Commit: is that a Hugging "
                       "Face hub? https://HOST/FILE takes a single file");
    return infer_pull_link(p, name, f->key) && infer_pull_add(p, name, f->came, f->digest);
}

/* A file of the repository. */
static enum infer_pulling get(struct infer_pull_job *p, const char *name, int64_t most)
{
    struct infer_pull_file f = { .name = name, .token = p->o->token, .most = most, .hub = true };
    enum infer_pulling got;

    if (!p->http) {
        if (!infer_pull_has(p, name)) {
            err_set(p->err, ERR_INPUT, "%s: has not come before, and no server is asked", name);
            return INFER_PULL_NONE;
        }
        return infer_pull_add_old(p, name) ? INFER_PULL_DONE : INFER_PULL_FAILED;
    }
    f.url = url_of(p, name);
    if (!f.url)
        return INFER_PULL_FAILED;
    got = infer_pull_file(p->http, &f, p->store, &p->o->hooks, p->err);
    if (got == INFER_PULL_NONE && !*p->commit)  /* told with what is not there, too */
        memcpy(p->commit, f.commit, sizeof p->commit);
    if (got == INFER_PULL_DONE && !take(p, name, &f))
        got = INFER_PULL_FAILED;
    if (got != INFER_PULL_DONE)
        err_in(p->err, "%s", name);
    return got;
}

/* The files beside weights in a folder of the repository, n bytes of the path ("", "onnx/"): there,
 * or not. */
static enum infer_pulling get_settings(struct infer_pull_job *p, size_t n, const char *path)
{
    for (int i = 0; settings[i]; i++) {
        const char *name = arena_printf(p->mem, "%.*s%s", (int)n, path, settings[i]);
        enum infer_pulling got = name ? get(p, name, settings_bytes) : INFER_PULL_FAILED;

        if (!name)
            no_memory(p->err);
        if (got != INFER_PULL_DONE && got != INFER_PULL_NONE)
            return got;
    }
    return INFER_PULL_DONE;
}

/* Files in a folder of the repository, all of which are wanted. */
static enum infer_pulling get_parts(struct infer_pull_job *p, const char *folder,
                                    const char *const *part, int n)
{
    for (int i = 0; i < n; i++) {
        const char *name = arena_printf(p->mem, "%s%s", folder, part[i]);
        enum infer_pulling got = name ? get(p, name, weights_bytes) : INFER_PULL_FAILED;

        if (!name)
            no_memory(p->err);
        if (got != INFER_PULL_DONE)
            return got == INFER_PULL_NONE ? INFER_PULL_FAILED : got;
    }
    return INFER_PULL_DONE;
}

/* The files that an index in that folder names. */
static enum infer_pulling get_shards(struct infer_pull_job *p, const char *index,
                                     const char *folder)
{
    const char *path = infer_pull_path(p, index), **shard;
    int n;

    return path && infer_index_files(path, p->mem, &shard, &n, p->err)
               ? get_parts(p, folder, shard, n) : INFER_PULL_FAILED;
}

static void say(struct infer_pull_job *p, const char *name, const char *what)
{
    struct str line = { 0 };

    str_printf(&line, "%s: %s", name, what);
    p->o->hooks.say(p->o->hooks.ctx, str_text(&line));
    str_release(&line);
}

/* The files that an ONNX file has weights in.  One that makes no sense to us comes alone. */
static enum infer_pulling get_beside(struct infer_pull_job *p, const char *onnx, const char *folder)
{
    const char *path = infer_pull_path(p, onnx), **part;
    struct err why = { 0 };
    enum infer_pulling got;
    int n;

    if (!path)
        return INFER_PULL_FAILED;
    if (!nn_onnx_beside(path, p->mem, &part, &n, &why)) {
        if (why.kind != ERR_UNSUPPORTED) {
            *p->err = why;
            err_in(p->err, "%s", onnx);
            return INFER_PULL_FAILED;
        }
        say(p, onnx, why.msg);
        return INFER_PULL_DONE;
    }
    for (int i = 0; i < n; i++)
        if (!infer_address_file(part[i], true)) {
            err_set(p->err, ERR_INPUT, "%s: its numbers are in \"%.100s\", which is no name of a "
                    "file", onnx, part[i]);
            return INFER_PULL_FAILED;
        }
    got = get_parts(p, folder, part, n);
    if (got == INFER_PULL_DONE && n)
        say(p, onnx, "has its weights in other files, which came with it: discern import takes "
                     "it with --allow-external-data");
    return got;
}

static bool ends(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n >= m && !strcasecmp(name + n - m, end);
}

static enum infer_pulling get_named(struct infer_pull_job *p, const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *folder = arena_printf(p->mem, "%.*s", slash ? (int)(slash + 1 - name) : 0, name);
    bool index = ends(name, INFER_INDEX_END), onnx = ends(name, ".onnx");
    enum infer_pulling got = INFER_PULL_DONE;

    if (!folder) {
        no_memory(p->err);
        return INFER_PULL_FAILED;
    }
    if (index || onnx || ends(name, ".safetensors"))
        got = get_settings(p, onnx ? infer_onnx_above(name) : strlen(folder), folder);
    if (got == INFER_PULL_DONE)
        got = get(p, name, index ? settings_bytes : weights_bytes);
    if (got == INFER_PULL_DONE && index)
        got = get_shards(p, name, folder);
    if (got == INFER_PULL_DONE && onnx)
        got = get_beside(p, name, folder);
    p->out->path = got == INFER_PULL_DONE ? infer_pull_path(p, name) : NULL;
    return got;
}

static enum infer_pulling get_network(struct infer_pull_job *p)
{
    enum infer_pulling got = get_settings(p, 0, "");
    const char *file;

    if (got == INFER_PULL_DONE)
        got = get(p, INFER_WEIGHTS_NAME, weights_bytes);
    if (got == INFER_PULL_NONE) {
        got = get(p, INFER_INDEX_NAME, settings_bytes);
        if (got == INFER_PULL_NONE)
            err_set(p->err, ERR_INPUT, "has neither " INFER_WEIGHTS_NAME " nor " INFER_INDEX_NAME
                    "%s; with /FILE behind it another file is taken",
                    p->http ? "" : " here, and no server is asked");
        if (got == INFER_PULL_DONE)
            got = get_shards(p, INFER_INDEX_NAME, "");
    }
    if (got != INFER_PULL_DONE)
        return got;
    /* A model of ours, which needs no import, is taken by its file. */
    file = infer_pull_path(p, INFER_WEIGHTS_NAME);
    p->out->path = file && file_kind(file) == FILE_REGULAR && !infer_tensors_meant(file)
                       ? file : infer_pull_path(p, NULL);
    return got;
}

static enum infer_pulling get_repository(struct infer_pull_job *p)
{
    return p->at.file ? get_named(p, p->at.file) : get_network(p);
}

/* ---- a file of its own ----------------------------------------------------------------------- */

/* The name of its snapshot is made of the blob's. */
static enum infer_pulling get_url(struct infer_pull_job *p)
{
    const char *name = p->at.last;
    struct infer_pull_file f = { .name = name, .url = p->at.url, .token = p->o->token,
                                 .sha256 = p->o->sha256, .most = weights_bytes };
    enum infer_pulling got = INFER_PULL_NONE;

    if (p->http) {
        got = infer_pull_file(p->http, &f, p->store, &p->o->hooks, p->err);
        if (got == INFER_PULL_DONE) {
            snprintf(p->commit, sizeof p->commit, "%.40s", f.key);
            if (!infer_pull_link(p, name, f.key) || !infer_pull_add(p, name, f.came, f.digest))
                got = INFER_PULL_FAILED;
        }
    } else if (!infer_pull_has(p, name)) {
        err_set(p->err, ERR_INPUT, "has not come before, and no server is asked");
    } else {
        got = infer_pull_add_old(p, name) ? INFER_PULL_DONE : INFER_PULL_FAILED;
    }
    p->out->path = got == INFER_PULL_DONE ? infer_pull_path(p, name) : NULL;
    return got;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* What a file of that checksum would be called. */
static bool take_sum(struct infer_pull_job *p)
{
    snprintf(p->commit, sizeof p->commit, "%.40s", p->o->sha256);
    return true;
}

/* Where things of that address lie. */
static bool find_store(struct infer_pull_job *p)
{
    const struct infer_address *a = &p->at;
    const char *host = infer_address_host(a->url ? a->url : p->o->endpoint, p->mem);
    char sum[INFER_DIGEST_HEX];

    if (!host)
        return err_set(p->err, ERR_USAGE, "--endpoint %s: http(s)://HOST is wanted",
                       p->o->endpoint);
    if (a->url) {
        infer_digest_text(a->url, sum);
        p->store = arena_printf(p->mem, "%s/%s/url--%.16s", p->o->cache, host, sum);
    } else {
        p->store = arena_printf(p->mem, "%s/%s/models--%s--%s", p->o->cache, host, a->owner,
                                a->name);
    }
    p->ref = p->store ? arena_printf(p->mem, "%s/refs/%s", p->store, a->url ? "url" : a->rev)
                      : NULL;
    return p->ref || no_memory(p->err);
}

static enum infer_pulling get_all(struct infer_pull_job *p)
{
    p->out->n = 0;
    return p->at.url ? get_url(p) : get_repository(p);
}

/* Nothing but what came before. */
static bool take_old(struct infer_pull_job *p, const char *why)
{
    struct str line = { 0 };

    infer_http_close(p->http);
    p->http = NULL;
    p->commit[0] = '\0';
    if (!(p->o->sha256 ? take_sum(p) : infer_pull_read_ref(p)))
        return why ? err_set(p->err, ERR_IO, "%s", why)
                   : err_set(p->err, ERR_INPUT, "has not come before, and no server is asked");
    if (get_all(p) != INFER_PULL_DONE)
        return false;
    if (why) {
        str_printf(&line, "no server answers (%s): what came before is taken", why);
        p->o->hooks.say(p->o->hooks.ctx, str_text(&line));
        str_release(&line);
    }
    return true;
}

static bool ask(struct infer_pull_job *p)
{
    enum infer_pulling got;
    struct err why;

    if (p->o->token && !infer_http_is_private(p->at.url ? p->at.url : p->o->endpoint))
        return err_set(p->err, ERR_USAGE, "a token is sent over https alone: over http anybody on "
                       "the way may read it");
    p->http = infer_http_open(p->o->trust, p->err);
    if (!p->http)
        return false;
    for (int i = 0; i < 3; i++) {
        static const char *const parts[] = { "blobs", "refs", "snapshots" };
        const char *folder = arena_printf(p->mem, "%s/%s", p->store, parts[i]);

        if (!(folder ? file_mkdir(folder, p->err) : no_memory(p->err)))
            return false;
    }
    got = get_all(p);
    if (got == INFER_PULL_UNREACHED && !p->out->n) {
        why = *p->err;
        return take_old(p, why.msg);
    }
    return got == INFER_PULL_DONE && infer_pull_write_refs(p);
}

/* A commit is what it is for ever, and so is what has a checksum. */
static bool has_all(struct infer_pull_job *p)
{
    const char *rev = p->at.rev ? p->at.rev : "";
    struct err none = { 0 }, *err = p->err;
    bool ok = p->o->sha256 ? take_sum(p)
              : infer_digest_is(INFER_DIGEST_GIT, rev, strlen(rev)) && infer_pull_read_ref(p);

    p->err = &none;
    ok = ok && get_all(p) == INFER_PULL_DONE;
    p->err = err;
    if (!ok)
        p->commit[0] = '\0';
    return ok;
}

bool infer_pull(const char *address, const struct infer_pull_options *o, struct arena *mem,
                struct infer_pulled *out, struct err *err)
{
    struct infer_pull_options own = *o;
    struct infer_pull_job p = { .o = &own, .out = out, .mem = mem, .err = err };
    size_t n = strlen(o->endpoint);
    bool ok;

    *out = (struct infer_pulled){ .path = NULL };
    own.endpoint = arena_printf(mem, "%.*s", (int)n - (n && o->endpoint[n - 1] == '/'),
                                o->endpoint);
    if (!own.endpoint)
        return no_memory(err);
    if (!infer_address_parse(address, own.endpoint, mem, &p.at, err))
        return false;
    if (o->sha256 && !p.at.url)
        return err_set(err, ERR_USAGE, "%s: a hub tells checksums itself: --sha256 is of an "
                       "https:// address", address);
    ok = find_store(&p) && (has_all(&p) || (o->offline ? take_old(&p, NULL) : ask(&p)));
    infer_http_close(p.http);
    if (!ok)
        return err_in(err, "%s", address);
    out->commit = p.at.url ? NULL : arena_str(mem, p.commit);
    return out->path && (out->commit || p.at.url) ? true : no_memory(err);
}

const char *infer_pull_token(const char *path, struct arena *mem, struct err *err)
{
    size_t n = 0;
    char *text = (char *)file_read(path, 4096, &n, err);
    const char *token = NULL;
    bool ok;

    if (!text)
        return NULL;
    while (n && (unsigned char)text[n - 1] <= ' ')
        text[--n] = '\0';
    ok = n;
    for (size_t i = 0; i < n; i++)
        ok = ok && text[i] > ' ' && text[i] < 0x7f;
    if (!ok)
        err_set(err, ERR_INPUT, "%s: holds no token, which is one word", path);
    else if (!(token = arena_str(mem, text)))
        no_memory(err);
    free(text);
    return token;
}
