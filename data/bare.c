/*
 * bare -- see bare.h
 */
#include "data/bare.h"

#include "data/walk.h"

#include <string.h>

struct data_index *data_bare_open(const char *folder, struct err *err)
{
    struct arena *mem = arena_new();
    struct data_index *x = mem ? arena_alloc(mem, sizeof *x) : NULL;
    size_t n = strlen(folder);
    char *path;

    while (n > 1 && folder[n - 1] == '/')
        n--;
    path = x ? arena_printf(mem, "%.*s", (int)n, folder) : NULL;
    if (!path) {
        arena_free(mem);
        err_set(err, ERR_MEMORY, "no memory for %s", folder);
        return NULL;
    }
    x->mem = mem;
    x->source = "folder";
    if (data_index_add_folder(x, path, n + (path[n - 1] != '/'), -1, DATA_UNSPLIT, err) &&
        (x->n || err_set(err, ERR_INPUT, "%s: no pictures are in it", folder)))
        return x;
    data_index_free(x);
    return NULL;
}

bool data_bare_is(const char *folder)
{
    struct data_listing l = { 0 };
    struct err ignored;
    bool pictures = false, folders = false;

    if (file_kind(folder) != FILE_FOLDER || !data_listing_open(&l, folder, &ignored))
        return false;
    for (int i = 0; i < l.n; i++) {
        pictures |= l.entry[i].kind == FILE_REGULAR;
        folders |= l.entry[i].kind == FILE_FOLDER;
    }
    data_listing_release(&l);
    return pictures && !folders;
}
