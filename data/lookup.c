/*
 * lookup -- names to numbers
 */
#include "data/lookup.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

struct data_lookup_slot {
    uint32_t hash;              /* its lower half, to look at few names */
    uint32_t number;            /* + 1; 0: empty */
};

/* The slot where the name is, or would be. */
static size_t find_slot(const struct data_lookup *l, const char *name, uint32_t hash)
{
    size_t i = hash & (l->cap - 1);

    for (; l->slot[i].number; i = (i + 1) & (l->cap - 1)) {
        if (l->slot[i].hash == hash && !strcmp(l->name(l->ctx, (int)l->slot[i].number - 1), name))
            break;
    }
    return i;
}

static uint32_t hash_of(const char *name)
{
    return (uint32_t)XXH3_64bits(name, strlen(name));
}

int data_lookup_find(const struct data_lookup *l, const char *name)
{
    return l->cap ? (int)l->slot[find_slot(l, name, hash_of(name))].number - 1 : -1;
}

static bool grow(struct data_lookup *l)
{
    struct data_lookup old = *l;

    l->cap = old.cap ? 2 * old.cap : 64;
    l->slot = calloc(l->cap, sizeof *l->slot);
    if (!l->slot) {
        *l = old;
        return false;
    }
    for (size_t i = 0; i < old.cap; i++) {
        size_t to = old.slot[i].hash & (l->cap - 1);

        if (!old.slot[i].number)
            continue;
        while (l->slot[to].number)
            to = (to + 1) & (l->cap - 1);
        l->slot[to] = old.slot[i];
    }
    free(old.slot);
    return true;
}

bool data_lookup_add(struct data_lookup *l, int i)
{
    const char *name = l->name(l->ctx, i);
    uint32_t hash = hash_of(name);

    if (2 * (l->n + 1) > l->cap && !grow(l))
        return false;
    l->slot[find_slot(l, name, hash)] = (struct data_lookup_slot){ hash, (uint32_t)i + 1 };
    l->n++;
    return true;
}

void data_lookup_release(struct data_lookup *l)
{
    free(l->slot);
    l->slot = NULL;
    l->cap = l->n = 0;
}
