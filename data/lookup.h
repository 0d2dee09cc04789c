/*
 * lookup -- names to numbers
 *
 * An open-addressed table of hashes and numbers, at most half full; the names stay where they are
 * and are asked for.  Not thread-safe.
 */
#ifndef DATA_LOOKUP_H
#define DATA_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct data_lookup {
    const char *(*name)(const void *ctx, int i);        /* lends the name of number i */
    const void *ctx;
    struct data_lookup_slot *slot;                      /* private, as are these */
    size_t cap, n;
};

/* The number of that name, or -1. */
int data_lookup_find(const struct data_lookup *l, const char *name);

/* Enters number i >= 0, whose name is not there yet; false when memory is out. */
bool data_lookup_add(struct data_lookup *l, int i);

void data_lookup_release(struct data_lookup *l);

#endif
