/*
 * address -- see address.h
 */
#include "infer/foreign/address.h"

#include <string.h>
#include <strings.h>

enum { REPO_BYTES = 96, REV_BYTES = 200, PART_BYTES = 255, FILE_BYTES = 1024, URL_BYTES = 8192 };

static const char hub[] = "hf://";
static const char *const schemes[] = { "https://", "http://", NULL };
static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

/* Behind the scheme of a URL; NULL: another, or none. */
static const char *behind_scheme(const char *url)
{
    for (int i = 0; schemes[i]; i++)
        if (!strncasecmp(url, schemes[i], strlen(schemes[i])))
            return url + strlen(schemes[i]);
    return NULL;
}

bool infer_address_meant(const char *text)
{
    return !strncasecmp(text, hub, sizeof hub - 1) || behind_scheme(text);
}

bool infer_address_refuse(const char *path, struct err *err)
{
    return !infer_address_meant(path) ||
           err_set(err, ERR_INPUT, "%s: is no file: \"discern pull %s\" downloads it and prints "
                   "the path to take", path, path);
}

bool infer_address_file(const char *name, bool deep)
{
    size_t whole = strlen(name), n;

    if (!whole || whole > FILE_BYTES || (!deep && strchr(name, '/')))
        return false;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f || *p == '\\')
            return false;
    for (const char *part = name;; part += n + 1) {
        n = strcspn(part, "/");
        if (!n || n > PART_BYTES || *part == '.')
            return false;
        if (!part[n])
            return true;
    }
}

/* A hub's owner, repository or revision: no "..", nothing that another name could be made of. */
static bool is_word(const char *text, size_t most)
{
    size_t n = strlen(text);

    return n && n <= most && strspn(text, plain) == n && *text != '.' && *text != '-' &&
           text[n - 1] != '.' && !strstr(text, "..");
}

static bool is_repo_word(const char *text)
{
    return is_word(text, REPO_BYTES) && !strstr(text, "--");
}

/* "refs%2Fpr%2F1" as "refs/pr/1", each part a word. */
static bool read_rev(char *rev)
{
    char *to = rev;
    size_t n;

    for (const char *p = rev; *p; p++) {
        bool slash = !strncasecmp(p, "%2f", 3);

        *to++ = slash ? '/' : *p;
        p += slash ? 2 : 0;
    }
    *to = '\0';
    for (char *part = rev; strlen(rev) <= REV_BYTES; part += n + 1) {
        char end = part[n = strcspn(part, "/")];
        bool ok;

        part[n] = '\0';
        ok = is_word(part, REV_BYTES);
        part[n] = end;
        if (!ok)
            return false;
        if (!end)
            return true;
    }
    return false;
}

/* "OWNER/NAME@REV/FILE"; text is taken apart. */
static bool read_hub(char *text, struct infer_address *out)
{
    char *name = strchr(text, '/'), *file, *rev;

    if (!name)
        return false;
    *name++ = '\0';
    file = strchr(name, '/');
    if (file)
        *file++ = '\0';
    rev = strchr(name, '@');
    if (rev)
        *rev++ = '\0';
    *out = (struct infer_address){ .owner = text, .name = name, .rev = rev ? rev : "main",
                                   .file = file && *file ? file : NULL };
    return is_repo_word(text) && is_repo_word(name) && (!rev || read_rev(rev)) &&
           (!out->file || infer_address_file(out->file, true));
}

/* "OWNER/NAME/blob/REV/FILE" and such; text is taken apart.  False: no page of a hub. */
static bool read_page(char *text, struct infer_address *out)
{
    static const char *const kinds[] = { "blob/", "resolve/", "tree/" };
    char *name = strchr(text, '/'), *rest = name ? strchr(name + 1, '/') : NULL, *rev = NULL;
    char *file = NULL;

    if (!name || strpbrk(text, "?#"))
        return false;
    *name++ = '\0';
    if (rest)
        *rest++ = '\0';
    for (size_t i = 0; rest && *rest && i < sizeof kinds / sizeof *kinds; i++)
        if (!strncmp(rest, kinds[i], strlen(kinds[i])))
            rev = rest + strlen(kinds[i]);
    if (rest && *rest && !rev)
        return false;
    file = rev ? strchr(rev, '/') : NULL;
    if (file)
        *file++ = '\0';
    *out = (struct infer_address){ .owner = text, .name = name, .rev = rev ? rev : "main",
                                   .file = file && *file ? file : NULL };
    return is_repo_word(text) && is_repo_word(name) && (!rev || read_rev(rev)) &&
           (!out->file || infer_address_file(out->file, true));
}

const char *infer_address_host(const char *url, struct arena *mem)
{
    const char *host = behind_scheme(url);
    size_t n = host ? strcspn(host, "/?#") : 0;

    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            return NULL;
    if (!n || n > PART_BYTES || strlen(url) > URL_BYTES || *host == '.' ||
        memchr(host, '@', n) || memchr(host, '\\', n) || memchr(host, '%', n))
        return NULL;
    return arena_printf(mem, "%.*s", (int)n, host);
}

/* What the file of a URL is called here: its last part, without what is odd in it. */
static const char *last_part(const char *url, struct arena *mem)
{
    const char *path = behind_scheme(url), *from;
    size_t n = strcspn(path, "?#");
    char *name;

    for (from = path + n; from > path && from[-1] != '/';)
        from--;
    n = (size_t)(path + n - from);
    n = n > PART_BYTES / 2 ? PART_BYTES / 2 : n;
    if (from == path || !n)
        return "download";
    name = arena_printf(mem, "%.*s", (int)n, from);
    for (char *p = name; name && *p; p++)
        if (!strchr(plain, *p) || (p == name && *p == '.'))
            *p = '_';
    return name;
}

bool infer_address_parse(const char *text, const char *endpoint, struct arena *mem,
                         struct infer_address *out, struct err *err)
{
    size_t n = strlen(endpoint);
    char *copy = arena_str(mem, text);
    bool ok = false, memory = copy;

    *out = (struct infer_address){ .owner = NULL };
    if (!memory)
        return err_set(err, ERR_MEMORY, "no memory for an address");
    if (!strncasecmp(text, hub, sizeof hub - 1)) {
        ok = read_hub(copy + sizeof hub - 1, out);
    } else if (behind_scheme(text) && strlen(text) > n + 1 && !strncasecmp(text, endpoint, n) &&
               text[n] == '/' && read_page(copy + n + 1, out)) {
        ok = true;
    } else if (infer_address_host(text, mem)) {
        *out = (struct infer_address){ .url = arena_str(mem, text), .last = last_part(text, mem) };
        ok = memory = out->url && out->last;
    }
    if (!memory)
        return err_set(err, ERR_MEMORY, "no memory for an address");
    return ok || err_set(err, ERR_INPUT, "%s: is no address: hf://OWNER/NAME, with @REVISION and "
                         "/FILE behind it if need be, or https://HOST/FILE is wanted", text);
}
