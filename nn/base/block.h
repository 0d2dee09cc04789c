/*
 * block -- large pieces of memory
 */
#ifndef BASE_BLOCK_H
#define BASE_BLOCK_H

#include <stddef.h>

/* 64-byte aligned, not cleared; in huge pages where it has room for some and the system gives them:
 * fewer look-ups of pages, and faster to take.  NULL: there is none. */
void *block_new(size_t bytes);
void block_free(void *block);           /* NULL is fine */

#endif
