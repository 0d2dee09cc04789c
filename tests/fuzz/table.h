/*
 * table -- what the fuzz targets of tables and JSON share: bytes as a file, read in every way
 */
#ifndef TESTS_FUZZ_TABLE_H
#define TESTS_FUZZ_TABLE_H

#include "data/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static inline void table_check(const struct data_index *x)
{
    for (int i = 0; i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];

        if (!s->name[0] || !s->path[0] || s->split > DATA_TEST)
            abort();
        if (i && strcmp(x->sample[i - 1].name, s->name) >= 0)
            abort();
        if (x->task == DATA_SINGLE && (s->label < 0 || s->label >= x->n_labels))
            abort();
        for (int j = 0; x->task == DATA_MULTI && j < x->n_labels; j++) {
            if (s->mark[j] < -1 || s->mark[j] > 1)
                abort();
        }
    }
}

/* Reads the bytes as the layouts of the NULL-terminated list (NULL in it at once: as told).  Names
 * count from the corpus's folder: what it has are the pictures. */
static inline void table_fuzz(const uint8_t *data, size_t size, const char *images,
                              const char *const *formats)
{
    static const char *const labels[] = { "cat", "dog" };
    int fd = memfd_create("fuzz", 0);
    char path[32];

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    for (int i = 0; i < 8; i++) {
        struct data_source_options opt = { .format = formats[i], .images = images };
        struct err err = { 0 };
        struct data_index *x;

        if (i && !formats[i])
            break;
        opt.n_labels = i == 1 ? 2 : 0;
        opt.labels = i == 1 ? labels : NULL;
        opt.group = i == 2 ? "patient" : NULL;
        x = data_index_open(path, &opt, &err);
        if (!x && (err.kind == ERR_NONE || !err.msg[0]))
            abort();
        if (x)
            table_check(x);
        data_index_free(x);
    }
    close(fd);
}

#endif
