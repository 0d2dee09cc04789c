/* fuzz: any bytes as names of labels, in each form, and as a tensor's name in each dialect */
#include "infer/foreign/foreign_names.h"
#include "infer/foreign/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void expect_names(bool ok, const struct infer_names *names, const struct err *err)
{
    if (!ok && (err->kind == ERR_NONE || !err->msg[0]))
        abort();
    if (!ok)
        return;
    qsort(names->name, (size_t)names->n, sizeof *names->name, by_text);
    for (int i = 0; i < names->n; i++)
        if (!*names->name[i] || !str_is_utf8(names->name[i]) ||
            (i && !strcmp(names->name[i], names->name[i - 1])))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    struct arena *mem = arena_new();
    struct infer_names names;
    struct err err = { 0 }, none = { 0 };

    if (text && mem) {
        expect_names(infer_names_any(text, mem, &names, &err), &names, &err);
        err = none;
        expect_names(infer_names_lines(text, mem, &names, &err), &names, &err);
        for (const struct infer_dialect *d = infer_dialects; d->name; d++) {
            struct str to = { 0 };
            int part[2];

            if (infer_rename(d, text, &to, part) && (part[0] < 0 || part[0] >= part[1]))
                abort();
            str_release(&to);
        }
    }
    arena_free(mem);
    free(text);
    return 0;
}
