/*
 * record_read -- JSON text (RFC 8259) to jansson's values
 *
 * Strict: UTF-8, no duplicate keys, no \u0000, nothing out of range, RECORD_READ_DEPTH levels at
 * most.  Jansson holds the values but does not read them: its 2.14 writes past a token's buffer
 * that could not grow, and does not always say that memory was out.
 */
#ifndef BASE_RECORD_READ_H
#define BASE_RECORD_READ_H

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

enum { RECORD_READ_DEPTH = 2048 };

/* Why it stopped. */
struct record_read_stop {
    bool memory;                /* was out; else: */
    bool early;                 /* the text ends within the value */
    const char *why;            /* a few words */
    int line;                   /* from 1 */
};

/* The value that text begins with, and *used: its bytes and those before it.  document: it is an
 * object or a list, and but blanks follow.  NULL, and *stop, on failure. */
json_t *record_read_value(const char *text, size_t bytes, bool document, size_t *used,
                          struct record_read_stop *stop);

#endif
