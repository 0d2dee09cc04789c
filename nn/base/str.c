/*
 * str -- a growable string, and the nearest of some names
 */
#include "nn/base/str.h"

#include "nn/base/arena.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void str_release(struct str *s)
{
    free(s->data);
    *s = (struct str){ 0 };
}

void str_clear(struct str *s)
{
    s->len = 0;
    if (s->data)
        s->data[0] = 0;
}

void str_cut(struct str *s, size_t len)
{
    if (len < s->len) {
        s->len = len;
        s->data[len] = 0;
    }
}

/* Room for n more bytes and the terminator. */
static bool reserve(struct str *s, size_t n)
{
    size_t need;

    if (s->failed)
        return false;
    if (!size_add(s->len, n, &need) || !size_add(need, 1, &need) || need > PTRDIFF_MAX / 2)
        goto fail;
    if (need <= s->cap)
        return true;

    size_t cap = s->cap * 2;

    if (cap < need)
        cap = need;
    if (cap < 64)
        cap = 64;

    char *data = realloc(s->data, cap);

    if (!data)
        goto fail;
    s->data = data;
    s->cap = cap;
    return true;
fail:
    s->failed = true;
    return false;
}

void str_addn(struct str *s, const char *data, size_t n)
{
    if (!reserve(s, n))
        return;
    if (n)
        memcpy(s->data + s->len, data, n);
    s->len += n;
    s->data[s->len] = 0;
}

void str_add(struct str *s, const char *text)
{
    str_addn(s, text, strlen(text));
}

void str_addc(struct str *s, char c)
{
    str_addn(s, &c, 1);
}

void str_vprintf(struct str *s, const char *fmt, va_list ap)
{
    va_list again;

    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);

    if (n < 0) {
        s->failed = true;
        return;
    }
    if (!reserve(s, (size_t)n))
        return;
    vsnprintf(s->data + s->len, (size_t)n + 1, fmt, ap);
    s->len += (size_t)n;
}

void str_printf(struct str *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    str_vprintf(s, fmt, ap);
    va_end(ap);
}

const char *str_text(const struct str *s)
{
    return s->data ? s->data : "";
}

/* Bytes of the UTF-8 sequence at p, 0 when it is none: Unicode 15, table 3-7. */
static size_t utf8_length(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xBF;
    size_t n;

    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        n = 2;
    else if (p[0] >= 0xE0 && p[0] <= 0xEF)
        n = 3;
    else if (p[0] >= 0xF0 && p[0] <= 0xF4)
        n = 4;
    else
        return 0;

    switch (p[0]) {
    case 0xE0: low = 0xA0; break;       /* overlong */
    case 0xED: high = 0x9F; break;      /* surrogates */
    case 0xF0: low = 0x90; break;       /* overlong */
    case 0xF4: high = 0x8F; break;      /* above U+10FFFF */
    }
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return n;
}

bool str_is_utf8(const char *text)
{
    for (size_t n; *text; text += n) {
        n = utf8_length(text);
        if (!n)
            return false;
    }
    return true;
}

void str_utf8(struct str *s, const char *text)
{
    while (*text) {
        size_t n = utf8_length(text);

        if (n)
            str_addn(s, text, n);
        else
            str_add(s, "\xEF\xBF\xBD");
        text += n ? n : 1;
    }
}

void str_json(struct str *s, const char *text)
{
    str_addc(s, '"');
    while (*text) {
        size_t n = utf8_length(text);
        unsigned char c = (unsigned char)*text;

        if (n == 0)
            str_add(s, "\xEF\xBF\xBD");
        else if (c == '"' || c == '\\')
            str_printf(s, "\\%c", c);
        else if (c == '\n')
            str_add(s, "\\n");
        else if (c == '\t')
            str_add(s, "\\t");
        else if (c < 0x20 || c == 0x7F)
            str_printf(s, "\\u%04x", c);
        else
            str_addn(s, text, n);
        text += n ? n : 1;
    }
    str_addc(s, '"');
}

/* A library does not know its host's locale, where 0.5 may be "0,5". */
static locale_t c_locale(locale_t *old)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);

    *old = c ? uselocale(c) : (locale_t)0;
    return c;
}

static void restore_locale(locale_t c, locale_t old)
{
    if (c) {
        uselocale(old);
        freelocale(c);
    }
}

/* C0, DEL, and C1 as UTF-8 writes it (C2 80 to C2 9F): what a terminal may obey. */
void str_clean(struct str *s, const char *text)
{
    struct str utf8 = { 0 };

    str_utf8(&utf8, text);
    for (const char *p = str_text(&utf8); *p; p++) {
        unsigned char c = (unsigned char)p[0], d = (unsigned char)p[1];

        if (c < 0x20 || c == 0x7F) {
            str_addc(s, '?');
        } else if (c == 0xC2 && d < 0xA0) {
            str_addc(s, '?');
            p++;
        } else {
            str_addc(s, *p);
        }
    }
    s->failed |= utf8.failed;
    str_release(&utf8);
}

void str_duration(struct str *s, double seconds)
{
    long n = lround(fmin(fmax(seconds, 0), 1e9));

    if (n < 60)
        str_printf(s, "%lds", n);
    else if (n < 3600)
        str_printf(s, "%ldm%02lds", n / 60, n % 60);
    else
        str_printf(s, "%ldh%02ldm", n / 3600, n / 60 % 60);
}

bool str_to_double(const char *text, double *out)
{
    /* strtod alone would take spaces, hexadecimal, "nan" and "inf". */
    if (!*text || text[strspn(text, "+-.0123456789eE")])
        return false;

    char *end;
    locale_t old, c = c_locale(&old);
    double x = strtod(text, &end);

    restore_locale(c, old);
    if (end == text || *end || !isfinite(x))
        return false;
    *out = x;
    return true;
}

void str_shell(struct str *s, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%";

    if (*word && *word != '-' && !word[strspn(word, plain)]) {
        str_add(s, word);
        return;
    }
    str_addc(s, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            str_add(s, "'\\''");
        else
            str_addc(s, *word);
    }
    str_addc(s, '\'');
}

void str_number(struct str *s, double x)
{
    char buf[40];
    locale_t old, c = c_locale(&old);

    for (int digits = 6; digits <= 17; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, x);
        if (strtod(buf, NULL) == x)
            break;
    }
    restore_locale(c, old);
    str_add(s, buf);
}

void str_float(struct str *s, float x)
{
    char buf[40];
    locale_t old, c = c_locale(&old);

    for (int digits = 6; digits <= 9; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, (double)x);
        if (strtof(buf, NULL) == x)
            break;
    }
    restore_locale(c, old);
    str_add(s, buf);
}

enum { NEAREST_MAX = 64 };

static int fold(char c)
{
    return c == '-' ? '_' : tolower((unsigned char)c);
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours (optimal string alignment) from a to
 * b, both at most NEAREST_MAX long; case, and '-' against '_', are free. */
static int distance(const char *a, const char *b)
{
    int rows[3][NEAREST_MAX + 1];
    int *before = rows[0], *above = rows[1], *row = rows[2];
    int n = (int)strlen(b);

    for (int j = 0; j <= n; j++)
        above[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int ca = fold(a[i - 1]), cb = fold(b[j - 1]);

            row[j] = min_int(above[j - 1] + (ca != cb), min_int(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && ca == fold(b[j - 2]) && fold(a[i - 2]) == cb)
                row[j] = min_int(row[j], before[j - 2] + 1);
        }

        int *oldest = before;

        before = above;
        above = row;
        row = oldest;
    }
    return above[n];
}

const char *str_plural(int n)
{
    return n == 1 ? "" : "s";
}

const char *str_nearest(const char *word, int n, const char *(*get)(int i, const void *ctx),
                        const void *ctx)
{
    size_t len = strlen(word);
    const char *best = NULL;

    if (len == 0 || len > NEAREST_MAX)
        return NULL;

    int best_distance = (len == 2 ? 1 : (int)len / 3) + 1;

    for (int i = 0; i < n; i++) {
        const char *name = get(i, ctx);

        if (!name || strlen(name) > NEAREST_MAX)
            continue;

        int d = distance(word, name);

        if (d < best_distance) {
            best_distance = d;
            best = name;
        }
    }
    return best;
}
