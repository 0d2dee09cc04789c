/*
 * str -- a growable string, and the nearest of some names
 *
 * Memory that runs out is remembered, not reported at each call: after it, appends do nothing, and
 * `failed` stays set until str_release.  Check it once, at the end.  Not thread-safe.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct str {
    char *data;         /* always terminated once anything was appended; NULL before */
    size_t len, cap;
    bool failed;
};

/* `struct str s = { 0 }` is an empty string. */
void str_release(struct str *s);
void str_clear(struct str *s);          /* keeps the memory */

void str_cut(struct str *s, size_t len);        /* to len bytes, if it has more */

void str_add(struct str *s, const char *text);
void str_addn(struct str *s, const char *data, size_t n);
void str_addc(struct str *s, char c);
void str_printf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_vprintf(struct str *s, const char *fmt, va_list ap);

/* The text, or "" when nothing was appended.  Lent: valid until the next append. */
const char *str_text(const struct str *s);

/* Whether all of it is. */
bool str_is_utf8(const char *text);

/* Appends text; bytes that are not UTF-8 become U+FFFD. */
void str_utf8(struct str *s, const char *text);

/* Appends text as a terminal may see it: '?' for control characters, U+FFFD for broken UTF-8. */
void str_clean(struct str *s, const char *text);

/* Appends text, with U+FFFD for broken UTF-8, as a JSON string with quotes. */
void str_json(struct str *s, const char *text);

/* Appends text as one word of a shell's: in quotes when it needs them. */
void str_shell(struct str *s, const char *word);

/* Appends the shortest of %.6g ... %.17g that reads back as the same double, in any locale. */
void str_number(struct str *s, double x);

/* Appends "12s", "4m05s", "1h03m": whole seconds, below a minute; minutes, above an hour. */
void str_duration(struct str *s, double seconds);

/* The same of a float: %.6g ... %.9g. */
void str_float(struct str *s, float x);

/* *out = the whole text as a finite decimal number ("0.5", "1e-3"), in any locale; false,
 * and *out untouched, when it is none. */
bool str_to_double(const char *text, double *out);

/* What a word ends in behind the number n: "" for 1, else "s". */
const char *str_plural(int n);

/* Of n names the one closest to `word` (Damerau-Levenshtein; case, and '-' against '_', are free),
 * or NULL when none is near (more than a third of its letters away, one of two).  get(i, ctx)
 * lends name i; NULL is skipped. */
const char *str_nearest(const char *word, int n, const char *(*get)(int i, const void *ctx),
                        const void *ctx);

#endif
