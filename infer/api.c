/*
 * api -- libdiscern (discern.h), thin over models, preparation and prediction
 *
 * One picture is decoded and answered by the thread that asks; a row of files goes through the
 * loader, whose threads decode what comes while this one computes, in chunks, so that memory does
 * not grow with the row.  Both see the same pixels and the same graph: the bits are the same.
 */
#include "infer/discern.h"

#include "data/loader.h"
#include "data/sandbox.h"
#include "infer/predict.h"
#include "nn/base/about.h"
#include "nn/base/arena.h"
#include "nn/base/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* CHUNK: of a row; a pipeline that starts anew so rarely costs less than 1 in 100. */
enum { TOP = 3, BATCH = 32, BATCH_MOST = 4096, THREADS_MOST = 1024, CHUNK = 4096 };

struct discern_model {
    struct infer_model *model;
};

struct discern_session {
    const struct infer_model *model;
    int threads, batch, top;
    double threshold;           /* of every label; NAN: each its own */
    struct infer_predictor *one, *many;     /* of a picture; of a batch, made when first needed */
    struct data_decode decode;
    float *input;               /* of one picture */
    float *probability;         /* [n_labels] */
    int *rank;                  /* [n_labels] */
    discern_guess *guess;       /* [n_labels] */
    bool busy;                  /* in a callback */
};

/* ---- errors ---------------------------------------------------------------------------------- */

_Static_assert(sizeof((discern_error *)0)->message == sizeof((struct err *)0)->msg,
               "a message is handed on whole");

static int status_of(const struct err *err)
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

static void report(const struct err *err, discern_error *e)
{
    if (!e)
        return;
    e->status = status_of(err);
    memcpy(e->message, err->msg, sizeof e->message);
}

/* What a caller knows of a struct that begins with its size; the rest is 0.  from NULL: all is. */
static bool take_options(void *to, size_t ours, const void *from, const char *name,
                         struct err *err)
{
    const unsigned char *bytes = from;
    size_t theirs;

    memset(to, 0, ours);
    if (!from)
        return true;
    memcpy(&theirs, from, sizeof theirs);
    if (theirs < sizeof theirs)
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

const char *discern_version(void)
{
    return about_version;
}

/* Around a model, which it takes over; NULL stays NULL. */
static discern_model *make_model(struct infer_model *model, struct err *err)
{
    discern_model *m = model ? calloc(1, sizeof *m) : NULL;

    if (m) {
        m->model = model;
    } else if (model) {
        err_set(err, ERR_MEMORY, "no memory for a model");
        infer_model_free(model);
    }
    return m;
}

discern_model *discern_open(const char *path, const discern_model_options *o, discern_error *e)
{
    return discern_open_many(1, &path, o, e);
}

discern_model *discern_open_many(int n, const char *const *path, const discern_model_options *o,
                                 discern_error *e)
{
    discern_model_options opt;
    struct err err = { 0 };
    discern_model *m = NULL;

    if (n < 1 || !path || !path[0])
        err_set(&err, ERR_USAGE, "discern_open: a path is missing");
    else if (n > 1)
        err_set(&err, ERR_USAGE, "discern_open_many: one model at a time, not %d", n);
    else if (take_options(&opt, sizeof opt, o, "discern_model_options", &err))
        m = make_model(infer_model_open(path[0], &err), &err);
    if (!m)
        report(&err, e);
    return m;
}

discern_model *discern_open_memory(const void *data, size_t bytes, const discern_model_options *o,
                                   discern_error *e)
{
    discern_model_options opt;
    struct err err = { 0 };
    discern_model *m = NULL;

    if (!data)
        err_set(&err, ERR_USAGE, "discern_open_memory: data is NULL");
    else if (take_options(&opt, sizeof opt, o, "discern_model_options", &err))
        m = make_model(infer_model_parse(data, bytes, &err), &err);
    if (!m)
        report(&err, e);
    return m;
}

void discern_close(discern_model *m)
{
    if (!m)
        return;
    infer_model_free(m->model);
    free(m);
}

int discern_labels(const discern_model *m)
{
    return m->model->n_labels;
}

const char *discern_label(const discern_model *m, int index)
{
    return index >= 0 && index < m->model->n_labels ? m->model->label[index] : NULL;
}

int discern_is_multi(const discern_model *m)
{
    return m->model->task == DATA_MULTI;
}

static double own_threshold(const struct infer_model *m, int index)
{
    (void)index;
    return m->task == DATA_MULTI ? 0.5 : 0;
}

float discern_threshold(const discern_model *m, int index)
{
    return discern_label(m, index) ? (float)own_threshold(m->model, index) : 0;
}

void discern_input(const discern_model *m, int size[3])
{
    const struct data_prep *p = &m->model->prep;

    size[0] = p->size[0];
    size[1] = p->size[1];
    size[2] = data_prep_channels(p);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static bool check_options(const discern_session_options *o, struct err *err)
{
    if (o->threads < 0 || o->threads > THREADS_MOST)
        return err_set(err, ERR_USAGE, "threads: %d is not from 0 to %d", o->threads,
                       THREADS_MOST);
    if (o->batch < 0 || o->batch > BATCH_MOST)
        return err_set(err, ERR_USAGE, "batch: %d is not from 0 to %d", o->batch, BATCH_MOST);
    if (o->top < 0)
        return err_set(err, ERR_USAGE, "top: %d is below 0", o->top);
    if (!(o->threshold <= 1))
        return err_set(err, ERR_USAGE, "threshold: %g is no probability", o->threshold);
    if (o->views != DISCERN_VIEW_ONE)
        return err_set(err, ERR_USAGE, "views: there is no %d", o->views);
    return true;
}

static bool begin_session(discern_session *s, const discern_session_options *o, struct err *err)
{
    const struct infer_model *m = s->model;
    size_t labels = (size_t)m->n_labels;
    int usual = m->task == DATA_MULTI ? m->n_labels : TOP, top = o->top ? o->top : usual;

    s->threads = o->threads ? o->threads : pool_cpus();
    s->batch = o->batch ? o->batch : BATCH;
    s->top = top < m->n_labels ? top : m->n_labels;
    s->threshold = o->threshold == 0 ? NAN : o->threshold < 0 ? -INFINITY : o->threshold;
    s->decode = data_decode_default;
    s->input = calloc(data_prep_count(&m->prep), sizeof *s->input);
    s->probability = calloc(labels, sizeof *s->probability);
    s->rank = calloc(labels, sizeof *s->rank);
    s->guess = calloc(labels, sizeof *s->guess);
    if (!s->input || !s->probability || !s->rank || !s->guess)
        return err_set(err, ERR_MEMORY, "no memory for a session");
    s->one = infer_predictor_new(m->graph, m->params, m->task, m->calibration, 1, s->threads, NULL,
                                 err);
    return s->one && data_sandbox_choose(o->sandbox, s->threads, &s->decode, err);
}

discern_session *discern_session_new(const discern_model *m, const discern_session_options *o,
                                     discern_error *e)
{
    discern_session_options opt;
    struct err err = { 0 };
    discern_session *s = NULL;

    if (!m) {
        err_set(&err, ERR_USAGE, "discern_session_new: no model");
    } else if (take_options(&opt, sizeof opt, o, "discern_session_options", &err) &&
               check_options(&opt, &err)) {
        s = calloc(1, sizeof *s);
        if (!s)
            err_set(&err, ERR_MEMORY, "no memory for a session");
        else
            s->model = m->model;
        if (s && !begin_session(s, &opt, &err)) {
            discern_session_free(s);
            s = NULL;
        }
    }
    if (!s)
        report(&err, e);
    return s;
}

void discern_session_free(discern_session *s)
{
    if (!s)
        return;
    data_sandbox_free(s->decode.sandbox);
    infer_predictor_free(s->one);
    infer_predictor_free(s->many);
    free(s->input);
    free(s->probability);
    free(s->rank);
    free(s->guess);
    free(s);
}

/* ---- answers --------------------------------------------------------------------------------- */

static bool is_told(const discern_session *s, int label, float probability)
{
    return probability >= (isnan(s->threshold) ? own_threshold(s->model, label) : s->threshold);
}

/* s->guess = what is told of these probabilities; how many. */
static int tell(discern_session *s, const float *probability)
{
    int labels = s->model->n_labels, untold = 0, look, n = 0;

    for (int i = 0; i < labels; i++)
        untold += !is_told(s, i, probability[i]);
    look = untold < labels - s->top ? untold + s->top : labels;
    infer_rank(probability, labels, look, s->rank);
    for (int k = 0; k < look && n < s->top; k++) {
        int i = s->rank[k];

        if (is_told(s, i, probability[i]))
            s->guess[n++] = (discern_guess){ s->model->label[i], i, probability[i] };
    }
    return n;
}

static discern_answer answer_of(discern_session *s, int file, const float *probability,
                                const float *input)
{
    return (discern_answer){ .file = file, .message = "", .n = tell(s, probability),
                             .guess = s->guess, .probability = probability, .input = input };
}

/* s->input and s->probability of a picture. */
static bool look_at(discern_session *s, const struct data_image *image, struct err *err)
{
    if (!data_prep_apply(&s->model->prep, image, s->input, err))
        return false;
    infer_predict(s->one, 1, s->input, s->probability);
    return true;
}

static bool look_at_file(discern_session *s, const char *path, struct err *err)
{
    struct data_sample sample = { .path = path, .name = path, .label = -1 };
    struct data_decode how = s->decode;
    struct data_image image;
    bool ok;

    data_prep_decode(&s->model->prep, &how);
    if (!data_sample_image(&sample, &how, &image, err))
        return false;
    ok = look_at(s, &image, err) || err_in(err, "%s", path);
    data_image_release(&image);
    return ok;
}

static bool look_at_bytes(discern_session *s, const void *data, size_t bytes, struct err *err)
{
    struct data_decode how = s->decode;
    struct data_image image;
    bool ok;

    data_prep_decode(&s->model->prep, &how);
    if (!(how.sandbox ? data_sandbox_decode(how.sandbox, data, bytes, &how, &image, err)
                      : data_image_decode(data, bytes, &how, &image, err)))
        return err_in(err, "picture in memory");
    ok = look_at(s, &image, err) || err_in(err, "picture in memory");
    data_image_release(&image);
    return ok;
}

static bool look_at_pixels(discern_session *s, const uint8_t *rgb, int width, int height,
                           ptrdiff_t stride, struct err *err)
{
    const struct data_limits *most = &data_decode_default.limits;
    size_t row = 3 * (size_t)width;
    struct data_image image = { width, height, NULL };
    bool ok;

    if (width > most->side || height > most->side || (int64_t)width * height > most->pixels)
        return err_set(err, ERR_INPUT, "%d x %d pixels: more than %lld, or a side of more than %d",
                       width, height, (long long)most->pixels, most->side);
    if (stride == (ptrdiff_t)row) {
        image.pixel = (uint8_t *)(uintptr_t)rgb;
        return look_at(s, &image, err);
    }
    image.pixel = malloc(row * (size_t)height);
    if (!image.pixel)
        return err_set(err, ERR_MEMORY, "cannot hold %d x %d pixels", width, height);
    for (int y = 0; y < height; y++)
        memcpy(image.pixel + (size_t)y * row, rgb + y * stride, row);
    ok = look_at(s, &image, err);
    data_image_release(&image);
    return ok;
}

/* Whether the session may be asked, with room for n guesses. */
static bool may_ask(const discern_session *s, const discern_guess *top, int n, struct err *err)
{
    if (!s)
        return err_set(err, ERR_USAGE, "no session");
    if (s->busy)
        return err_set(err, ERR_USAGE, "the session is at work: its callback needs another one");
    if (n < 0 || (n > 0 && !top))
        return err_set(err, ERR_USAGE, "there is no room for %d answers", n);
    return true;
}

/* The end of a call that was to fill top[n]. */
static int finish(discern_session *s, bool ok, discern_guess *top, int n, const struct err *err,
                  discern_error *e)
{
    int told;

    if (!ok) {
        report(err, e);
        return -1;
    }
    told = tell(s, s->probability);
    n = told < n ? told : n;
    if (n)
        memcpy(top, s->guess, (size_t)n * sizeof *top);
    return n;
}

int discern_file(discern_session *s, const char *path, discern_guess *top, int n, discern_error *e)
{
    struct err err = { 0 };
    bool ok = may_ask(s, top, n, &err) &&
              (path || err_set(&err, ERR_USAGE, "discern_file: path is NULL")) &&
              look_at_file(s, path, &err);

    return finish(s, ok, top, n, &err, e);
}

int discern_memory(discern_session *s, const void *data, size_t bytes, discern_guess *top, int n,
                   discern_error *e)
{
    struct err err = { 0 };
    bool ok = may_ask(s, top, n, &err) &&
              (data || err_set(&err, ERR_USAGE, "discern_memory: data is NULL")) &&
              look_at_bytes(s, data, bytes, &err);

    return finish(s, ok, top, n, &err, e);
}

int discern_pixels(discern_session *s, const uint8_t *rgb, int width, int height, ptrdiff_t stride,
                   discern_guess *top, int n, discern_error *e)
{
    struct err err = { 0 };
    bool ok = may_ask(s, top, n, &err);

    if (ok && (!rgb || width < 1 || height < 1))
        ok = err_set(&err, ERR_USAGE, "discern_pixels: there are no pixels");
    if (ok && stride < 3 * (ptrdiff_t)width && stride > -3 * (ptrdiff_t)width)
        ok = err_set(&err, ERR_USAGE, "discern_pixels: rows of %d pixels, but %td bytes apart",
                     width, stride);
    ok = ok && look_at_pixels(s, rgb, width, height, stride, &err);
    return finish(s, ok, top, n, &err, e);
}

/* ---- rows of files --------------------------------------------------------------------------- */

/* One call of discern_files. */
struct row {
    discern_session *s;
    discern_answer_fn *fn;
    void *ctx;
    struct data_sample *sample; /* of a chunk */
    struct err *bad;            /* [batch] of the pictures that cannot be read */
    float *probability;         /* [batch,n_labels] */
    int batch;
    bool ended;                 /* by fn */
};

static void give(struct row *r, const discern_answer *a)
{
    r->s->busy = true;
    r->ended = r->fn(r->ctx, a) != 0;
    r->s->busy = false;
}

static void on_bad(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct row *r = ctx;

    r->bad[(sample - r->sample) % r->batch] = *why;
}

/* The answers to pictures at .. end - 1 of the chunk that begins at file `first`, of which b has
 * those that can be read. */
static void give_batch(struct row *r, const struct data_batch *b, int first, int at, int end)
{
    size_t labels = (size_t)r->s->model->n_labels, count = data_prep_count(&r->s->model->prep);

    infer_predict(r->s->many, b->n, b->image, r->probability);
    for (int k = 0; at < end && !r->ended; at++) {
        const struct err *why = &r->bad[at % r->batch];
        discern_answer a = { .file = first + at, .status = status_of(why), .message = why->msg };

        if (k < b->n && b->sample[k] == at) {
            a = answer_of(r->s, first + at, r->probability + (size_t)k * labels,
                          b->image + (size_t)k * count);
            k++;
        }
        give(r, &a);
    }
}

static bool go_through(struct row *r, int first, int n, const char *const *path, struct err *err)
{
    const struct infer_model *m = r->s->model;
    struct data_index x = { .task = DATA_SINGLE, .sample = r->sample, .n = n };
    struct data_loader_options opt = {
        .batch = r->batch,
        .threads = r->s->threads,
        .decode = &r->s->decode,
        .bad = on_bad,
        .bad_ctx = r,
    };
    const struct data_batch *b;
    struct data_loader *loader;

    for (int i = 0; i < n; i++)
        r->sample[i] = (struct data_sample){ .path = path[first + i], .name = path[first + i],
                                             .label = -1 };
    loader = data_loader_new(&x, &m->prep, &opt, err);
    if (!loader)
        return false;
    data_loader_start(loader, 0, 0);
    for (int at = 0; !r->ended && (b = data_loader_next(loader)); at += r->batch)
        give_batch(r, b, first, at, n - at < r->batch ? n : at + r->batch);
    data_loader_free(loader);
    return true;
}

static bool check_row(const discern_session *s, int n, const char *const *path,
                      discern_answer_fn *fn, struct err *err)
{
    if (!may_ask(s, NULL, 0, err))
        return false;
    if (!fn || n < 0 || (n && !path))
        return err_set(err, ERR_USAGE, "discern_files: no files, or nobody to answer to");
    for (int i = 0; i < n; i++)
        if (!path[i])
            return err_set(err, ERR_USAGE, "discern_files: path %d is NULL", i);
    return true;
}

static bool make_many(discern_session *s, int batch, struct err *err)
{
    const struct infer_model *m = s->model;

    if (s->many && infer_predictor_batch(s->many) >= batch)
        return true;
    infer_predictor_free(s->many);
    s->many = infer_predictor_new(m->graph, m->params, m->task, m->calibration, batch, s->threads,
                                  NULL, err);
    return s->many;
}

static bool answer_row(struct row *r, int n, const char *const *path, struct err *err)
{
    int chunk = n < CHUNK ? n : CHUNK;
    size_t rows = (size_t)r->batch * (size_t)r->s->model->n_labels;
    bool ok = true;

    r->sample = calloc((size_t)chunk, sizeof *r->sample);
    r->bad = calloc((size_t)r->batch, sizeof *r->bad);
    r->probability = calloc(rows, sizeof *r->probability);
    if (!r->sample || !r->bad || !r->probability)
        ok = err_set(err, ERR_MEMORY, "no memory for %d answers at a time", r->batch);
    ok = ok && make_many(r->s, r->batch, err);
    for (int i = 0; ok && i < n && !r->ended; i += chunk)
        ok = go_through(r, i, n - i < chunk ? n - i : chunk, path, err);
    free(r->sample);
    free(r->bad);
    free(r->probability);
    return ok;
}

int discern_files(discern_session *s, int n, const char *const *path, discern_answer_fn *fn,
                  void *ctx, discern_error *e)
{
    struct err err = { 0 };
    struct row r = { .s = s, .fn = fn, .ctx = ctx };
    bool ok = check_row(s, n, path, fn, &err);

    if (ok && n > 0) {
        r.batch = n < s->batch ? n : s->batch;
        ok = answer_row(&r, n, path, &err);
    }
    if (!ok)
        report(&err, e);
    return ok ? 0 : -1;
}

int discern_bytes(discern_session *s, const void *data, size_t bytes, discern_answer_fn *fn,
                  void *ctx, discern_error *e)
{
    struct err err = { 0 };
    struct row r = { .s = s, .fn = fn, .ctx = ctx };
    discern_answer a = { .message = err.msg };
    bool ok = may_ask(s, NULL, 0, &err);

    if (ok && (!fn || !data))
        ok = err_set(&err, ERR_USAGE, "discern_bytes: no bytes, or nobody to answer to");
    if (!ok) {
        report(&err, e);
        return -1;
    }
    if (look_at_bytes(s, data, bytes, &err))
        a = answer_of(s, 0, s->probability, s->input);
    else
        a.status = status_of(&err);
    give(&r, &a);
    return 0;
}
