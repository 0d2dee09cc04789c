/*
 * augment -- pictures a second of every augmentation of pixels, on one core
 *
 * At magnitude 1 and 224 x 224, on waves; beside a copy of the pixels, which each of them pays too.
 */
#include "tests/bench/bench.h"

#include "data/aug/aug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 224, BYTES = SIDE * SIDE * 3, DRAWS = 16 };

struct work {
    const struct data_aug *aug;         /* NULL: the copy alone */
    const uint8_t *picture;
    struct data_pixels m;
};

/* The same draws in every round. */
static void run(void *arg)
{
    struct work *w = arg;

    for (uint64_t i = 0; i < DRAWS; i++) {
        memcpy(w->m.pixel, w->picture, BYTES);
        if (w->aug)
            w->aug->pixels(&(struct data_aug_address){ .seed = 1, .index = i }, 1, &w->m);
    }
}

bool bench_augment(struct err *err)
{
    uint8_t *memory = malloc((size_t)BYTES * (2 + DATA_PIXELS_SCRATCH));
    struct data_pixels m = { SIDE, SIDE, 3, memory + BYTES, memory + 2 * BYTES };
    struct work copy = { NULL, memory, m };

    if (!memory)
        return err_set(err, ERR_MEMORY, "no memory for a picture");
    for (int i = 0; i < BYTES; i++)     /* waves, so that there are edges to look at */
        memory[i] = (uint8_t)((i / 3 % SIDE * (i % 3 + 1) ^ i / 3 / SIDE) & 255);
    for (int k = 0; k < data_aug_count(); k++) {
        struct work one = { data_aug_at(k), memory, m };
        struct bench_side side[] = { { one.aug->name, run, &one }, { "copy", run, &copy } };

        if (one.aug->pixels)
            bench_sides(one.aug->name, DRAWS, "pictures", side, 2);
    }
    free(memory);
    return true;
}
