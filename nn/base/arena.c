/*
 * arena -- a bump allocator, and checked size arithmetic
 *
 * A list of calloc'ed blocks, the newest first; each is as large as all before it together, within
 * limits.  What does not fit the rest of the newest block gets a block.
 */
#include "nn/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16, BLOCK_MIN = 4096, BLOCK_MAX = 1 << 20 };

struct block {
    _Alignas(ALIGN) struct block *next;
    size_t used, size;              /* of data */
    _Alignas(ALIGN) char data[];
};

struct arena {
    struct block *top;
    size_t block_size;              /* of the next block */
};

struct arena *arena_new(void)
{
    struct arena *a = calloc(1, sizeof *a);

    if (a)
        a->block_size = BLOCK_MIN;
    return a;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->top, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    struct block *b = a->top;
    size_t need, total;

    if (!size_add(bytes ? bytes : 1, ALIGN - 1, &need))
        return NULL;
    need &= ~(size_t)(ALIGN - 1);

    if (!b || need > b->size - b->used) {
        size_t size = need > a->block_size ? need : a->block_size;

        /* No object is larger than PTRDIFF_MAX; sanitizers abort where malloc would only fail. */
        if (!size_add(sizeof *b, size, &total) || total > PTRDIFF_MAX)
            return NULL;
        b = calloc(1, total);
        if (!b)
            return NULL;
        b->size = size;
        if (a->block_size < BLOCK_MAX)
            a->block_size *= 2;
        b->next = a->top;
        a->top = b;
    }

    void *p = b->data + b->used;

    b->used += need;
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t bytes;

    return size_mul(count, size, &bytes) ? arena_alloc(a, bytes) : NULL;
}

void *arena_copy(struct arena *a, const void *data, size_t bytes)
{
    void *p = arena_alloc(a, bytes);

    if (p && bytes)
        memcpy(p, data, bytes);
    return p;
}

char *arena_str(struct arena *a, const char *s)
{
    return arena_copy(a, s, strlen(s) + 1);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);

    char *s = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);

    if (!s)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return s;
}

bool size_mul(size_t a, size_t b, size_t *out)
{
    size_t c;

    if (__builtin_mul_overflow(a, b, &c))
        return false;
    *out = c;
    return true;
}

bool size_add(size_t a, size_t b, size_t *out)
{
    size_t c;

    if (__builtin_add_overflow(a, b, &c))
        return false;
    *out = c;
    return true;
}
