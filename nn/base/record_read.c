/*
 * record_read -- see record_read.h; a function for each production of the grammar
 */
#include "nn/base/record_read.h"

#include "nn/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *begin, *p, *end;
    struct str text;            /* of the string or number that was read last */
    int depth;
    struct record_read_stop *stop;
};

static json_t *read_value(struct reader *r);

/* Where nothing was said yet.  Returns false. */
static bool refuse(struct reader *r, const char *why)
{
    struct record_read_stop *s = r->stop;

    if (s->memory || s->why)
        return false;
    s->early = r->p == r->end;
    s->why = s->early ? "the text ends early" : why;
    s->line = 1;
    for (const char *p = r->begin; p < r->p; p++)
        s->line += *p == '\n';
    return false;
}

static bool no_memory(struct reader *r)
{
    if (!r->stop->why)
        r->stop->memory = true;
    return false;
}

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

/* Whether c comes next, and then past it. */
static bool take(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* ---- strings --------------------------------------------------------------------------------- */

/* The four digits behind \u. */
static bool read_hex(struct reader *r, unsigned *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++, r->p++) {
        char c = r->p < r->end ? *r->p : 0;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return refuse(r, "\\u wants four hexadecimal digits");
        *code = 16 * *code + (unsigned)digit;
    }
    return true;
}

static void add_utf8(struct str *s, unsigned code)
{
    if (code < 0x80) {
        str_addc(s, (char)code);
    } else if (code < 0x800) {
        str_addc(s, (char)(0xC0 | code >> 6));
        str_addc(s, (char)(0x80 | (code & 0x3F)));
    } else {
        if (code < 0x10000) {
            str_addc(s, (char)(0xE0 | code >> 12));
        } else {
            str_addc(s, (char)(0xF0 | code >> 18));
            str_addc(s, (char)(0x80 | (code >> 12 & 0x3F)));
        }
        str_addc(s, (char)(0x80 | (code >> 6 & 0x3F)));
        str_addc(s, (char)(0x80 | (code & 0x3F)));
    }
}

/* Behind \u; characters above U+FFFF are two of them. */
static bool read_code(struct reader *r)
{
    unsigned code, low;

    if (!read_hex(r, &code))
        return false;
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (!take(r, '\\') || !take(r, 'u'))
            return refuse(r, "half of a pair of \\u");
        if (!read_hex(r, &low))
            return false;
        if (low < 0xDC00 || low > 0xDFFF)
            return refuse(r, "half of a pair of \\u");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
        return refuse(r, "half of a pair of \\u");
    }
    if (code == 0)
        return refuse(r, "\\u0000 is not allowed");
    add_utf8(&r->text, code);
    return true;
}

static bool read_escape(struct reader *r)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *at;

    if (take(r, 'u'))
        return read_code(r);
    at = r->p < r->end && *r->p ? strchr(names, *r->p) : NULL;
    if (!at)
        return refuse(r, "an escape that there is not");
    str_addc(&r->text, meant[at - names]);
    r->p++;
    return true;
}

/* Behind the quote, into r->text. */
static bool read_text(struct reader *r)
{
    str_clear(&r->text);
    while (!take(r, '"')) {
        const char *from = r->p;

        while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char)*r->p >= 0x20)
            r->p++;
        str_addn(&r->text, from, (size_t)(r->p - from));
        if (take(r, '\\')) {
            if (!read_escape(r))
                return false;
        } else if (r->p == r->end || *r->p != '"') {
            return refuse(r, "a control character in a text");
        }
    }
    if (r->text.failed)
        return no_memory(r);
    return str_is_utf8(str_text(&r->text)) || refuse(r, "a text that is not UTF-8");
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool skip_digits(struct reader *r)
{
    const char *from = r->p;

    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return r->p > from || refuse(r, "a number without a digit");
}

static json_t *read_number(struct reader *r)
{
    const char *from = r->p;
    bool whole = true;
    json_t *json = NULL;
    double x;
    long long i;

    take(r, '-');
    if (!take(r, '0')) {
        if (!skip_digits(r))
            return NULL;
    } else if (r->p < r->end && *r->p >= '0' && *r->p <= '9') {
        refuse(r, "a number that begins with 0");
        return NULL;
    }
    if (take(r, '.')) {
        whole = false;
        if (!skip_digits(r))
            return NULL;
    }
    if (take(r, 'e') || take(r, 'E')) {
        whole = false;
        if (!take(r, '-'))
            take(r, '+');
        if (!skip_digits(r))
            return NULL;
    }
    str_clear(&r->text);
    str_addn(&r->text, from, (size_t)(r->p - from));
    if (r->text.failed) {
        no_memory(r);
        return NULL;
    }
    errno = 0;
    i = whole ? strtoll(str_text(&r->text), NULL, 10) : 0;
    if (errno == ERANGE || (!whole && !str_to_double(str_text(&r->text), &x))) {
        refuse(r, whole ? "too big an integer" : "too big a number");
        return NULL;
    }
    json = whole ? json_integer(i) : json_real(x);
    if (!json)
        no_memory(r);
    return json;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static json_t *read_list(struct reader *r)
{
    json_t *list = json_array(), *item;

    if (!list)
        no_memory(r);
    skip_blanks(r);
    if (!list || take(r, ']'))
        return list;
    do {
        item = read_value(r);
        if (!item || json_array_append_new(list, item)) {
            no_memory(r);
            goto fail;
        }
        skip_blanks(r);
    } while (take(r, ','));
    if (take(r, ']'))
        return list;
    refuse(r, "',' or ']' is missing");
fail:
    json_decref(list);
    return NULL;
}

/* "key": value into the object. */
static bool read_member(struct reader *r, json_t *object)
{
    json_t *value;
    char *key;
    bool ok;

    skip_blanks(r);
    if (!take(r, '"'))
        return refuse(r, "a key is missing");
    if (!read_text(r))
        return false;
    if (json_object_get(object, str_text(&r->text)))
        return refuse(r, "duplicate object key");
    key = strdup(str_text(&r->text));
    if (!key)
        return no_memory(r);
    skip_blanks(r);
    if (!take(r, ':')) {
        free(key);
        return refuse(r, "':' is missing");
    }
    value = read_value(r);
    ok = value && !json_object_set_new_nocheck(object, key, value);
    free(key);
    return ok || no_memory(r);
}

static json_t *read_object(struct reader *r)
{
    json_t *object = json_object();

    if (!object)
        no_memory(r);
    skip_blanks(r);
    if (!object || take(r, '}'))
        return object;
    do {
        if (!read_member(r, object))
            goto fail;
        skip_blanks(r);
    } while (take(r, ','));
    if (take(r, '}'))
        return object;
    refuse(r, "',' or '}' is missing");
fail:
    json_decref(object);
    return NULL;
}

static json_t *read_word(struct reader *r)
{
    static const char *const words[] = { "true", "false", "null" };
    const char *from = r->p;
    size_t n;

    while (r->p < r->end && ((*r->p >= 'a' && *r->p <= 'z') || (*r->p >= 'A' && *r->p <= 'Z')))
        r->p++;
    n = (size_t)(r->p - from);
    for (int i = 0; i < 3; i++)
        if (strlen(words[i]) == n && !memcmp(from, words[i], n))
            return i == 0 ? json_true() : i == 1 ? json_false() : json_null();
    refuse(r, "no value");
    return NULL;
}

static json_t *read_value(struct reader *r)
{
    json_t *json = NULL;

    skip_blanks(r);
    if (++r->depth > RECORD_READ_DEPTH) {
        refuse(r, "nested too deep");
    } else if (take(r, '{')) {
        json = read_object(r);
    } else if (take(r, '[')) {
        json = read_list(r);
    } else if (take(r, '"')) {
        if (read_text(r)) {
            json = json_stringn_nocheck(str_text(&r->text), r->text.len);
            if (!json)
                no_memory(r);
        }
    } else if (r->p < r->end && (*r->p == '-' || (*r->p >= '0' && *r->p <= '9'))) {
        json = read_number(r);
    } else {
        json = read_word(r);
    }
    r->depth--;
    return json;
}

json_t *record_read_value(const char *text, size_t bytes, bool document, size_t *used,
                          struct record_read_stop *stop)
{
    struct reader r = { .begin = text, .p = text, .end = text + bytes, .stop = stop };
    json_t *json = NULL;

    *stop = (struct record_read_stop){ .why = NULL };
    skip_blanks(&r);
    if (!document || (r.p < r.end && (*r.p == '{' || *r.p == '[')))
        json = read_value(&r);
    else
        refuse(&r, "'{' or '[' is missing");
    *used = (size_t)(r.p - text);
    if (json && document) {
        skip_blanks(&r);
        if (r.p < r.end) {
            refuse(&r, "something follows");
            json_decref(json);
            json = NULL;
        }
    }
    str_release(&r.text);
    return json;
}
