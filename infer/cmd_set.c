/*
 * cmd_set -- see cmd_set.h
 */
#include "infer/cmd_set.h"

#include "data/bare.h"
#include "nn/base/file.h"

#include <stdlib.h>
#include <string.h>

/* ---- opening --------------------------------------------------------------------------------- */

static struct data_index *open_index(const char *data, const struct infer_set_options *o,
                                     struct err *err)
{
    struct data_source_options source = *o->source;
    struct data_index *x, *bare;
    struct err why = { 0 };

    source.whatever = true;
    x = data_index_open(data, &source, err);
    if (!x && o->bare && err->kind == ERR_INPUT && file_kind(data) == FILE_FOLDER) {
        bare = data_bare_open(data, &why);
        if (why.kind == ERR_MEMORY)
            *err = why;
        if (bare)
            *err = (struct err){ 0 };
        return bare;
    }
    if (!x)
        return NULL;
    infer_cmd_tell_skipped(x);
    return x;
}

static bool open_network(struct infer_set *s, const struct infer_set_options *o, struct err *err)
{
    struct pool *pool = pool_new(s->threads, err);
    struct infer_network_options how = { .precision = (enum nn_precision)o->precision,
                                         .pool = pool, .features = true };
    char *arg[] = { (char *)(uintptr_t)s->path };
    struct infer_file *f = pool && infer_cmd_named(arg, 1, err) ? infer_file_open(s->path, err)
                                                                : NULL;

    s->network = f ? infer_network_open(f, true, &how, &s->m, err) : NULL;
    infer_file_close(f);
    pool_free(pool);
    return s->network;
}

bool infer_set_open(struct infer_set *s, const char *data, const struct infer_set_options *o,
                    struct err *err)
{
    *s = (struct infer_set){ .data = data, .path = o->model,
                             .threads = o->threads ? o->threads : pool_cpus() };
    if (!o->model)
        return err_set(err, ERR_USAGE, INFER_SET_NO_MODEL);
    if (!open_network(s, o, err))
        return false;
    s->x = open_index(data, o, err);
    if (!s->x || !data_sandbox_choose(o->sandbox, s->threads, &s->how, err))
        return false;
    s->q = infer_predictor_of(s->network, o->batch < s->x->n ? o->batch : s->x->n, s->threads, err);
    return s->q;
}

void infer_set_release(struct infer_set *s)
{
    infer_predictor_free(s->q);
    infer_network_free(s->network);
    infer_model_free(s->m);
    data_index_free(s->x);
    data_sandbox_free(s->how.sandbox);
    free(s->row);
    free(s->sample);
    *s = (struct infer_set){ 0 };
}

/* ---- looking --------------------------------------------------------------------------------- */

static void on_bad(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct infer_set *s = ctx;

    (void)sample;
    s->failed++;
    cli_say("%s - left out", why->msg);
}

bool infer_set_look_at(struct infer_set *s, const struct data_index *x, struct infer_features *f,
                       struct err *err)
{
    struct progress progress;
    struct infer_evaluate_options how = { .threads = s->threads, .decode = &s->how, .bad = on_bad,
                                          .bad_ctx = s, .model = s->path, .progress = &progress };
    bool ok;

    cli_progress(&progress, "looked at", "pictures", x->n);
    ok = infer_features_of(s->q, x, &s->m->prep, &how, f, err);
    progress_end(&progress);
    return ok;
}

bool infer_set_look(struct infer_set *s, bool unit, struct err *err)
{
    struct infer_features f = { 0 };
    size_t width;
    int n = 0;

    if (!infer_set_look_at(s, s->x, &f, err))
        return err_in(err, "%s", s->data);
    width = (size_t)f.width;
    s->sample = malloc(((size_t)f.n + 1) * sizeof *s->sample);
    for (int i = 0; s->sample && i < f.n; i++) {
        if (!f.read[i])
            continue;
        memmove(f.row + (size_t)n * width, f.row + (size_t)i * width, width * sizeof *f.row);
        s->sample[n++] = i;
    }
    s->row = f.row;
    f.row = NULL;
    infer_features_release(&f);
    s->rows = (struct infer_points){ .n = n, .width = (int)width, .row = s->row };
    if (unit)
        infer_features_normalize(n, (int)width, s->row);
    if (!s->sample)
        err_set(err, ERR_MEMORY, "%s: no memory for %d pictures", s->data, s->x->n);
    return !err->kind;
}

/* ---- files and names ------------------------------------------------------------------------- */

bool infer_set_may_write(const struct infer_set *s, const char *const *file, int n, bool force,
                         struct err *err)
{
    for (int i = 0; i < n; i++) {
        if (!file[i])
            continue;
        for (int k = 0; k < i; k++)
            if (file[k] && !strcmp(file[i], file[k]))
                return err_set(err, ERR_USAGE, "%s: two things are to be written there", file[i]);
        if (!cli_may_write(file[i], s->data, force, err) ||
            !cli_may_write(file[i], s->path, force, err) ||
            !data_index_spares(s->x, file[i], err))
            return false;
    }
    return true;
}

void infer_set_put_name(const struct data_index *x, int sample, struct str *out)
{
    struct str labels = { 0 };

    cli_clean(out, x->sample[sample].name);
    data_sample_labels(x, &x->sample[sample], ", ", &labels);
    if (labels.len) {
        str_add(out, " (");
        cli_clean(out, str_text(&labels));
        str_addc(out, ')');
    }
    out->failed |= labels.failed;
    str_release(&labels);
}
