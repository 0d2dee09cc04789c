/*
 * foreign_names -- see foreign_names.h
 */
#include "infer/foreign/foreign_names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What training counts or what follows from the network's shape: no parameter in any dialect. */
static const char *const counted[] = { "*num_batches_tracked", "*relative_position_index",
                                       "*attn_mask", "*position_ids", NULL };

#define DIALECT(name_, mark_, archs_, epsilon_)                                                    \
    { .name = name_, .mark = mark_, .archs = archs_, .epsilon = epsilon_,                          \
      .rule = (const struct infer_rename[]){
#define RENAME(from_, to_) { from_, to_ },
#define DROP(from_) { from_, NULL },
#define END { NULL, NULL } } },
const struct infer_dialect infer_dialects[] = {
#include "infer/foreign/foreign_names.def"
    { .name = NULL }
};

enum { CAPTURES = 8, DIGITS = 6 };

struct capture {
    const char *at;
    int length;
};

/* The shortest run for each '*' that lets the rest fit. */
static bool fits(const char *pattern, const char *text, struct capture *c, int n)
{
    for (; *pattern; pattern++, text++) {
        int most = 0;

        if (*pattern != '#' && *pattern != '*') {
            if (*pattern != *text)
                return false;
            continue;
        }
        if (n == CAPTURES)
            return false;
        while (text[most] && (*pattern == '*' || isdigit((unsigned char)text[most])))
            most++;
        if (*pattern == '#' && most > DIGITS)
            return false;       /* no number of a layer, and none to reckon with */
        for (int length = *pattern == '*' ? 0 : most > 0 ? most : 1; length <= most; length++) {
            c[n] = (struct capture){ text, length };
            if (fits(pattern + 1, text + length, c, n + 1))
                return true;
        }
        return false;
    }
    return !*text;
}

bool infer_name_fits(const char *pattern, const char *text)
{
    struct capture c[CAPTURES];

    return fits(pattern, text, c, 0);
}

/* "{1@0,2,5}": begins behind the '@'. */
static void add_run(struct str *out, long n, const char *begins)
{
    long first = 0;
    int run = -1;
    char *end;

    do {
        long next = strtol(begins, &end, 10);

        if (next > n)
            break;
        first = next;
        run++;
        begins = end + 1;
    } while (*end == ',');
    str_printf(out, "%d.%ld", run, n - first);
}

/* "{1?dw,pw}": of the words behind the '?' that with the number of the remainder. */
static void add_word(struct str *out, long n, const char *words)
{
    size_t all = strcspn(words, "}"), length;
    long count = 1;

    for (size_t i = 0; i < all; i++)
        count += words[i] == ',';
    for (n %= count; n > 0; n--)
        words += strcspn(words, ",") + 1;
    length = strcspn(words, ",}");
    str_addn(out, words, length);
}

/* What stands between braces at p; returns behind them. */
static const char *add_capture(struct str *out, const char *p, const struct capture *c)
{
    const struct capture *of = &c[*++p - '1'];
    bool plain = *++p == '}';
    long n = strtol(of->at, NULL, 10);

    while (*p == '+' || *p == '/') {
        char *end;
        long by = strtol(p + 1, &end, 10);

        n = *p == '+' ? n + by : n / by;
        p = end;
    }
    if (*p == '?')
        add_word(out, n, p + 1);
    else if (*p == '@')
        add_run(out, n, p + 1);
    else if (plain)
        str_addn(out, of->at, (size_t)of->length);
    else
        str_printf(out, "%ld", n);
    return strchr(p, '}') + 1;
}

static void add_name(struct str *out, const char *to, const struct capture *c, int part[2])
{
    const char *bracket = strchr(to, '[');
    char *end;

    while (*to && to != bracket) {
        if (*to == '{')
            to = add_capture(out, to, c);
        else
            str_addc(out, *to++);
    }
    part[0] = bracket ? (int)strtol(bracket + 1, &end, 10) : 0;
    part[1] = bracket ? (int)strtol(end + 1, NULL, 10) : 1;
}

bool infer_rename(const struct infer_dialect *d, const char *name, struct str *out, int part[2])
{
    struct capture c[CAPTURES];

    for (const char *const *p = counted; *p; p++)
        if (fits(*p, name, c, 0))
            return false;
    for (const struct infer_rename *r = d->rule; r->from; r++)
        if (fits(r->from, name, c, 0)) {
            if (r->to)
                add_name(out, r->to, c, part);
            return r->to;
        }
    part[0] = 0;
    part[1] = 1;
    str_add(out, name);
    return true;
}
