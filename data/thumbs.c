/*
 * thumbs -- see thumbs.h
 */
#include "data/thumbs.h"

#include "data/page.h"
#include "nn/base/pool.h"

#include <stdlib.h>

struct data_thumbs {
    const struct data_index *x;
    const struct data_decode *how;
    int side, most, n;
    int *at;                    /* [x->n] which of them + 1; 0: none */
    int *sample;                /* [most] */
    char **uri;                 /* [most] data:image/jpeg;base64,...; NULL: it cannot be shown */
};

struct data_thumbs *data_thumbs_new(const struct data_index *x, int side, int most,
                                    struct err *err)
{
    struct data_thumbs *t = calloc(1, sizeof *t);

    if (t) {
        *t = (struct data_thumbs){ .x = x, .side = side, .most = most < x->n ? most : x->n };
        t->at = calloc((size_t)x->n + 1, sizeof *t->at);
        t->sample = calloc((size_t)t->most + 1, sizeof *t->sample);
        t->uri = calloc((size_t)t->most + 1, sizeof *t->uri);
        if (t->at && t->sample && t->uri)
            return t;
    }
    data_thumbs_free(t);
    err_set(err, ERR_MEMORY, "no memory for the pictures of a page");
    return NULL;
}

void data_thumbs_free(struct data_thumbs *t)
{
    if (!t)
        return;
    for (int i = 0; t->uri && i < t->n; i++)
        free(t->uri[i]);
    free(t->uri);
    free(t->sample);
    free(t->at);
    free(t);
}

void data_thumbs_want(struct data_thumbs *t, int sample)
{
    if (t->at[sample] || t->n == t->most)
        return;
    t->sample[t->n++] = sample;
    t->at[sample] = t->n;
}

int data_thumbs_count(const struct data_thumbs *t)
{
    return t->n;
}

int data_thumbs_at(const struct data_thumbs *t, int i)
{
    return t->sample[i];
}

static void make_one(void *arg, int i, int worker)
{
    struct data_thumbs *t = arg;

    (void)worker;
    t->uri[i] = data_page_thumb(&t->x->sample[t->sample[i]], t->how, t->side);
}

bool data_thumbs_make(struct data_thumbs *t, const struct data_decode *how, int threads,
                      struct err *err)
{
    struct pool *pool = pool_new(threads, err);

    t->how = how;
    if (pool)
        pool_for(pool, t->n, make_one, t);
    pool_free(pool);
    return pool;
}

bool data_thumbs_add(const struct data_thumbs *t, int sample, struct str *out)
{
    int at = t->at[sample];

    if (!at || !t->uri[at - 1])
        return false;
    str_add(out, "<img alt=\"\" title=\"");
    data_page_text(out, t->x->sample[sample].name);
    str_add(out, "\" src=\"");
    str_add(out, t->uri[at - 1]);
    str_add(out, "\">");
    return true;
}
