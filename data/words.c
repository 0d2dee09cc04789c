/*
 * words -- labels that look like one another
 */
#include "data/words.h"

#include "nn/base/arena.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { SLIP_LENGTH = 7, LENGTH_MAX = 64, WINDOW = 32 };

/* A label without what does not tell it from others; its stem; or with a letter taken out. */
struct key {
    const char *text;
    int word;
};

struct job {
    struct arena *mem;
    const char **plain;         /* [n]: lower case, letters, digits and bytes above 127 */
    struct key *key;
    size_t n_keys, cap_keys;
    struct data_words_pair *pair;
    int n, cap;
    bool failed;
};

static void add_key(struct job *j, const char *text, int word)
{
    if (j->n_keys == j->cap_keys) {
        size_t cap = j->cap_keys ? 2 * j->cap_keys : 256;
        struct key *p = realloc(j->key, sizeof *p * cap);

        if (!p) {
            j->failed = true;
            return;
        }
        j->key = p;
        j->cap_keys = cap;
    }
    j->failed |= !text;
    j->key[j->n_keys++] = (struct key){ text, word };
}

static void add_pair(struct job *j, int a, int b, enum data_words_why why)
{
    if (j->n == j->cap) {
        int cap = j->cap ? 2 * j->cap : 32;
        struct data_words_pair *p = realloc(j->pair, sizeof *p * (size_t)cap);

        if (!p) {
            j->failed = true;
            return;
        }
        j->pair = p;
        j->cap = cap;
    }
    j->pair[j->n++] = (struct data_words_pair){ a < b ? a : b, a < b ? b : a, why };
}

static const char *plain(struct arena *mem, const char *word)
{
    char *out = arena_alloc(mem, strlen(word) + 1);
    size_t n = 0;

    for (const char *p = word; out && *p; p++)
        if (isalnum((unsigned char)*p) || (unsigned char)*p > 127)
            out[n++] = (char)tolower((unsigned char)*p);
    /* "+" and "-" are labels too. */
    return out && n == 0 ? arena_str(mem, word) : out;
}

/* How long the word is without a plural's ending. */
static size_t stem(const char *word)
{
    size_t n = strlen(word);

    if (n > 4 && !strcmp(word + n - 2, "es"))
        return n - 2;
    return n > 3 && word[n - 1] == 's' ? n - 1 : n;
}

/* "rose", "roses" and "bus", "buses": equal when an ending is added to the shorter one. */
static bool is_plural(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);

    if (n > m)
        return is_plural(b, a);
    return n >= 3 && m > n && !strncmp(a, b, n) && isalpha((unsigned char)a[n - 1]) &&
           (!strcmp(b + n, "s") || !strcmp(b + n, "es"));
}

/* Whether one slip inside makes one of the other: what is left between the equal beginnings and
 * the equal ends is one letter, or two that are swapped.  Letters of English: elsewhere one byte
 * may well be another word. */
static bool is_slip(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), left = 0, right = 0, least = n < m ? n : m;

    if (least + 1 < SLIP_LENGTH || n > m + 1 || m > n + 1)
        return false;
    while (left < least && a[left] == b[left])
        left++;
    while (right < least - left && a[n - 1 - right] == b[m - 1 - right])
        right++;
    if (left == 0 || right == 0)
        return false;
    for (size_t i = left; i < n - right; i++)
        if (!isalpha((unsigned char)a[i]))
            return false;
    for (size_t i = left; i < m - right; i++)
        if (!isalpha((unsigned char)b[i]))
            return false;
    n -= left + right;
    m -= left + right;
    return (n <= 1 && m <= 1) ||
           (n == 2 && m == 2 && a[left] == b[left + 1] && a[left + 1] == b[left]);
}

static void add_keys(struct job *j, int word)
{
    const char *p = j->plain[word];
    size_t n = strlen(p), s = stem(p);

    add_key(j, p, word);
    if (s < n)
        add_key(j, arena_printf(j->mem, "%.*s", (int)s, p), word);
    if (s + 1 < n)                      /* "roses": rose as well as ros */
        add_key(j, arena_printf(j->mem, "%.*s", (int)s + 1, p), word);
    for (size_t i = 1; n + 1 >= SLIP_LENGTH && n <= LENGTH_MAX && i + 1 < n; i++)
        add_key(j, arena_printf(j->mem, "%.*s%s", (int)i, p, p + i + 1), word);
}

static int by_text(const void *pa, const void *pb)
{
    const struct key *a = pa, *b = pb;
    int text = strcmp(a->text, b->text);

    return text ? text : (a->word > b->word) - (a->word < b->word);
}

static int by_words(const void *pa, const void *pb)
{
    const struct data_words_pair *a = pa, *b = pb;

    return a->a != b->a ? (a->a > b->a) - (a->a < b->a) : (a->b > b->b) - (a->b < b->b);
}

static void compare(struct job *j, int a, int b)
{
    const char *p = j->plain[a], *q = j->plain[b];

    if (!strcmp(p, q))
        add_pair(j, a, b, DATA_WORDS_SPELLING);
    else if (is_plural(p, q))
        add_pair(j, a, b, DATA_WORDS_PLURAL);
    else if (is_slip(p, q))
        add_pair(j, a, b, DATA_WORDS_SLIP);
}

/* Words that share a key, each with the next WINDOW: names made to collide cost no more. */
static void compare_keys(struct job *j)
{
    if (j->n_keys)
        qsort(j->key, j->n_keys, sizeof *j->key, by_text);
    for (size_t i = 0; i < j->n_keys; i++) {
        for (size_t k = i + 1; k < j->n_keys && k <= i + WINDOW; k++) {
            if (strcmp(j->key[i].text, j->key[k].text) != 0)
                break;
            if (j->key[i].word != j->key[k].word)
                compare(j, j->key[i].word, j->key[k].word);
        }
    }
}

int data_words_alike(int n, const char *const *word, struct data_words_pair **pair, struct err *err)
{
    struct job j = { .mem = arena_new() };
    int kept = 0;

    j.plain = j.mem ? arena_array(j.mem, (size_t)n, sizeof *j.plain) : NULL;
    j.failed = !j.plain;
    for (int i = 0; !j.failed && i < n; i++) {
        j.plain[i] = plain(j.mem, word[i]);
        j.failed |= !j.plain[i];
        if (!j.failed)
            add_keys(&j, i);
    }
    if (!j.failed)
        compare_keys(&j);
    free(j.key);
    arena_free(j.mem);
    if (j.failed) {
        free(j.pair);
        err_set(err, ERR_MEMORY, "no memory to compare %d labels", n);
        return -1;
    }
    if (j.n)
        qsort(j.pair, (size_t)j.n, sizeof *j.pair, by_words);
    for (int i = 0; i < j.n; i++)
        if (kept == 0 || by_words(&j.pair[kept - 1], &j.pair[i]) != 0)
            j.pair[kept++] = j.pair[i];
    *pair = j.pair;
    return kept;
}
