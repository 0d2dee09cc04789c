/*
 * unlabelled -- see unlabelled.h
 */
#include "data/unlabelled.h"

#include "nn/base/arena.h"
#include "nn/base/order.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "unlabelled:"

/* The hashes of x's pictures in order; free() them. */
static uint64_t *sorted_hashes(const struct data_index *x)
{
    uint64_t *hash = malloc(((size_t)x->n + 1) * sizeof *hash);

    for (int i = 0; hash && i < x->n; i++)
        hash[i] = x->sample[i].hash;
    if (hash)
        qsort(hash, (size_t)x->n, sizeof *hash, order_hashes);
    return hash;
}

/* Of several labels none is known: one list for all. */
static const int8_t *unknown_marks(const struct data_index *x)
{
    int8_t *mark = arena_array(x->mem, (size_t)x->n_labels, sizeof *mark);

    if (mark)
        memset(mark, -1, (size_t)x->n_labels);
    return mark;
}

static const char *name_of(const struct data_index *x, const char *path, const char *folder)
{
    const char *rest = path + strlen(folder);
    struct str name = { 0 };
    const char *copy;

    str_printf(&name, PREFIX "%s", rest + strspn(rest, "/"));
    copy = name.failed ? NULL : arena_str(x->mem, str_text(&name));
    str_release(&name);
    return copy;
}

/* Those of `from`, a walk through folder, that x has not. */
static bool take(struct data_index *x, const struct data_index *from, const char *folder,
                 int *added, int *copies, struct err *err)
{
    uint64_t *known = sorted_hashes(x);
    const int8_t *mark = x->task == DATA_MULTI ? unknown_marks(x) : NULL;
    bool ok = known && (mark || x->task != DATA_MULTI);
    size_t n = (size_t)x->n;

    for (int i = 0; ok && i < from->n; i++) {
        struct data_sample s = from->sample[i];

        if (s.hash && bsearch(&s.hash, known, n, sizeof *known, order_hashes)) {
            ++*copies;
            continue;
        }
        s.name = name_of(x, s.path, folder);
        s.mark = mark;
        ok = s.name && data_index_add(x, s, err);
        *added += ok;
    }
    free(known);
    return ok || (!err->kind && err_set(err, ERR_MEMORY, "%s: no memory for its pictures", folder));
}

bool data_unlabelled_add(struct data_index *x, const char *folder, int threads, int *added,
                         int *copies, struct err *err)
{
    struct data_index found = { .mem = x->mem };
    bool ok = data_index_add_folder(&found, folder, 0, -1, DATA_TRAIN, err);

    *added = *copies = 0;
    if (ok && !found.n)
        ok = err_set(err, ERR_INPUT, "%s: no pictures are in it", folder);
    ok = ok && data_index_hash(&found, threads, err) &&
         take(x, &found, folder, added, copies, err);
    for (int i = 0; ok && i < found.n_skipped; i++)
        ok = data_index_skip(x, found.skipped[i].path, found.skipped[i].why, err);
    free(found.sample);
    return ok;
}
