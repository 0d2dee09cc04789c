/*
 * arena -- a bump allocator, and checked size arithmetic
 *
 * What is built together dies together: no single free.  Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* A new, empty arena; NULL when memory is out. */
struct arena *arena_new(void);

/* Frees everything that was allocated from it.  NULL is fine. */
void arena_free(struct arena *a);

/* Zeroed memory, aligned to 16; NULL when memory is out.  0 bytes give a valid pointer. */
void *arena_alloc(struct arena *a, size_t bytes);

/* count * size zeroed bytes; NULL when the product overflows or memory is out. */
void *arena_array(struct arena *a, size_t count, size_t size);

/* Copies; NULL when memory is out. */
void *arena_copy(struct arena *a, const void *data, size_t bytes);
char *arena_str(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* *out = a * b (a + b); false, and *out untouched, when that does not fit. */
bool size_mul(size_t a, size_t b, size_t *out);
bool size_add(size_t a, size_t b, size_t *out);

#endif
