/*
 * api -- libdiscern (discern.h): errors and models; api_session.c asks them
 */
#include "infer/api.h"

#include "infer/embed/cut.h"
#include "nn/base/about.h"

#include <stdlib.h>
#include <string.h>

/* ---- errors ---------------------------------------------------------------------------------- */

_Static_assert(sizeof((discern_error *)0)->message == sizeof((struct err *)0)->msg,
               "a message is handed on whole");

int infer_api_status(const struct err *err)
{
    switch (err->kind) {
    case ERR_NONE:
        return DISCERN_OK;
    case ERR_USAGE:
        return DISCERN_USAGE;
    case ERR_IO:
        return DISCERN_IO;
    case ERR_MEMORY:
        return DISCERN_MEMORY;
    default:
        return DISCERN_INPUT;
    }
}

void infer_api_report(const struct err *err, discern_error *e)
{
    if (!e)
        return;
    e->status = infer_api_status(err);
    memcpy(e->message, err->msg, sizeof e->message);
}

bool infer_api_options(void *to, size_t ours, const void *from, const char *name, struct err *err)
{
    enum { MOST = 4096 };       /* more is no struct's size, but memory that nobody set */
    const unsigned char *bytes = from;
    size_t theirs;

    memset(to, 0, ours);
    if (!from)
        return true;
    memcpy(&theirs, from, sizeof theirs);
    if (theirs < sizeof theirs || theirs > MOST)
        return err_set(err, ERR_USAGE, "%s.size is %zu: set it to sizeof(%s)", name, theirs, name);
    for (size_t i = ours; i < theirs; i++)
        if (bytes[i])
            return err_set(err, ERR_USAGE,
                           "%s sets what version %s of libdiscern does not know: set it to 0, or "
                           "use a newer library", name, about_version);
    memcpy(to, from, theirs < ours ? theirs : ours);
    return true;
}

/* ---- models ---------------------------------------------------------------------------------- */

_Static_assert((int)DISCERN_PRECISION_AUTO == NN_PRECISION_AUTO &&
                   (int)DISCERN_PRECISION_FP32 == NN_PRECISION_FP32 &&
                   (int)DISCERN_PRECISION_BF16 == NN_PRECISION_BF16,
               "precisions are handed on as they are");

const char *discern_version(void)
{
    return about_version;
}

/* Room for n models, none of them there. */
static discern_model *make_model(int n, const discern_model_options *o, struct err *err)
{
    discern_model_options opt;
    discern_model *m;

    if (!infer_api_options(&opt, sizeof opt, o, "discern_model_options", err))
        return NULL;
    if (opt.precision < DISCERN_PRECISION_AUTO || opt.precision > DISCERN_PRECISION_BF16) {
        err_set(err, ERR_USAGE, "precision: there is no %d", opt.precision);
        return NULL;
    }
    m = calloc(1, sizeof *m);
    if (m) {
        m->raw = opt.raw;
        m->precision = (enum nn_precision)opt.precision;
        m->features = opt.features;
        m->n = n;
        m->model = calloc((size_t)n, sizeof *m->model);
        m->network = calloc((size_t)n, sizeof *m->network);
        m->path = calloc((size_t)n, sizeof *m->path);
    }
    if (m && m->model && m->network && m->path)
        return m;
    discern_close(m);
    err_set(err, ERR_MEMORY, "no memory for %d models", n);
    return NULL;
}

/* The threads that open a model: some, since it takes milliseconds. */
static struct pool *openers(struct err *err)
{
    enum { MOST = 8 };
    int cpus = pool_cpus();

    return pool_new(cpus < MOST ? cpus : MOST, err);
}

/* What the features are, in words. */
static bool name_features(discern_model *m, struct err *err)
{
    struct infer_cut cut;
    struct str text = { 0 };
    bool ok = infer_cut_find(m->network[0]->graph, &cut, err);

    if (ok) {
        infer_cut_tell(m->network[0]->graph, &cut, &text);
        m->features_from = strdup(str_text(&text));
        ok = (!text.failed && m->features_from) ||
             err_set(err, ERR_MEMORY, "no memory for a model");
    }
    str_release(&text);
    return ok;
}

/* Makes the i-th model of a file, which it closes; NULL: it could not be read. */
static bool put(discern_model *m, int i, struct infer_file *f, const char *path, struct pool *pool,
                struct err *err)
{
    const struct infer_network_options how = { .precision = m->precision, .pool = pool,
                                               .features = m->features && i == 0 };

    m->path[i] = f ? strdup(path) : NULL;
    if (m->path[i])
        m->network[i] = infer_network_open(f, m->raw, &how, &m->model[i], err);
    else if (f)
        err_set(err, ERR_MEMORY, "no memory for a model");
    infer_file_close(f);
    return m->network[i] && (!how.features || name_features(m, err));
}

static discern_model *finish_open(discern_model *m, bool ok, const struct err *err,
                                  discern_error *e)
{
    if (ok)
        return m;
    discern_close(m);
    infer_api_report(err, e);
    return NULL;
}

discern_model *discern_open(const char *path, const discern_model_options *o, discern_error *e)
{
    return discern_open_many(1, &path, o, e);
}

discern_model *discern_open_many(int n, const char *const *path, const discern_model_options *o,
                                 discern_error *e)
{
    struct err err = { 0 };
    discern_model *m = NULL;
    struct pool *pool = NULL;
    bool ok = true;

    for (int i = 0; ok && i < n; i++)
        ok = path && path[i];
    if (!ok || n < 1)
        ok = err_set(&err, ERR_USAGE, "discern_open: a path is missing");
    else
        ok = infer_committee_holds(n, &err) && (m = make_model(n, o, &err)) &&
             (pool = openers(&err));
    for (int i = 0; ok && i < n; i++)
        ok = put(m, i, infer_file_open(path[i], &err), path[i], pool, &err);
    pool_free(pool);
    ok = ok && infer_committee_check(n, m->model, path, &err);
    return finish_open(m, ok, &err, e);
}

discern_model *discern_open_memory(const void *data, size_t bytes, const discern_model_options *o,
                                   discern_error *e)
{
    struct err err = { 0 };
    discern_model *m = NULL;
    struct pool *pool = NULL;
    bool ok = data || err_set(&err, ERR_USAGE, "discern_open_memory: data is NULL");

    ok = ok && (m = make_model(1, o, &err)) && (pool = openers(&err)) &&
         put(m, 0, infer_file_parse(data, bytes, &err), "model in memory", pool, &err);
    pool_free(pool);
    return finish_open(m, ok, &err, e);
}

void discern_close(discern_model *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->n; i++) {
        if (m->model)
            infer_model_free(m->model[i]);
        if (m->network)
            infer_network_free(m->network[i]);
        if (m->path)
            free(m->path[i]);
    }
    free(m->model);
    free(m->network);
    free(m->path);
    free(m->features_from);
    free(m);
}

int discern_labels(const discern_model *m)
{
    return m->model[0]->n_labels;
}

const char *discern_label(const discern_model *m, int index)
{
    return index >= 0 && index < m->model[0]->n_labels ? m->model[0]->label[index] : NULL;
}

int discern_is_multi(const discern_model *m)
{
    return m->model[0]->task == DATA_MULTI;
}

float discern_threshold(const discern_model *m, int index)
{
    const struct infer_model *first = m->model[0];

    return discern_label(m, index)
               ? infer_calibration_threshold(first->calibration, first->task, index) : 0;
}

int discern_tells_unknown(const discern_model *m)
{
    return infer_calibration_tells_unknown(m->model[0]->calibration);
}

void discern_input(const discern_model *m, int size[3])
{
    const struct data_prep *p = &m->model[0]->prep;

    size[0] = p->size[0];
    size[1] = p->size[1];
    size[2] = data_prep_channels(p);
}

int discern_features(const discern_model *m)
{
    return m->network[0]->width;
}

const char *discern_features_from(const discern_model *m)
{
    return m->features_from ? m->features_from : "";
}
