/*
 * api_session -- libdiscern (discern.h): who asks models, thin over committees of them
 *
 * One picture is decoded by the thread that asks, and computed as a batch of one; a row of files
 * goes through the loader, whose threads decode what comes while this one computes, in chunks, so
 * that memory does not grow with the row.  The bits are the same.
 */
#include "infer/api.h"

#include "data/sandbox.h"
#include "nn/base/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* CHUNK: of a row; a pipeline that starts anew so rarely costs less than 1 in 100. */
enum { TOP = 3, BATCH = 32, BATCH_MOST = 4096, THREADS_MOST = 1024, CHUNK = 4096 };

static const char in_memory[] = "picture in memory";    /* what errors call bytes */

struct discern_session {
    const struct infer_model *model;    /* the first */
    int threads, batch, top;
    double threshold;           /* of every label; NAN: each its own */
    struct infer_committee *committee;
    struct data_decode decode;
    int *rank;                  /* [n_labels] */
    discern_guess *guess;       /* [n_labels] */
    bool busy;                  /* in a callback */
};

_Static_assert((int)DISCERN_VIEW_ONE == INFER_VIEWS_ONE &&
                   (int)DISCERN_VIEW_MIRROR == INFER_VIEWS_MIRROR &&
                   (int)DISCERN_VIEW_FOUR == INFER_VIEWS_FOUR &&
                   (int)DISCERN_VIEW_SIX == INFER_VIEWS_SIX,
               "views are handed on as they are");
_Static_assert((int)DISCERN_BAND_NONE == INFER_BAND_NONE &&
                   (int)DISCERN_BAND_LOW == INFER_BAND_LOW &&
                   (int)DISCERN_BAND_MED == INFER_BAND_MED &&
                   (int)DISCERN_BAND_HI == INFER_BAND_HI,
               "and so are bands");

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
    if (o->views < DISCERN_VIEW_ONE || o->views > DISCERN_VIEW_SIX)
        return err_set(err, ERR_USAGE, "views: there is no %d", o->views);
    return true;
}

static bool begin_session(discern_session *s, const discern_model *model,
                          const discern_session_options *o, struct err *err)
{
    const struct infer_model *m = model->model[0];
    int usual = m->task == DATA_MULTI ? m->n_labels : TOP, top = o->top ? o->top : usual;
    struct infer_committee_options how = {
        .batch = 1,
        .views = o->views,
        .network = (const struct infer_network *const *)model->network,
    };
    struct data_sandbox_options workers = { .program = o->worker ? o->worker : "discern" };

    s->model = m;
    s->threads = workers.workers = how.threads = o->threads ? o->threads : pool_cpus();
    s->batch = o->batch ? o->batch : BATCH;
    s->top = top < m->n_labels ? top : m->n_labels;
    s->threshold = o->threshold == 0 ? NAN : o->threshold < 0 ? -INFINITY : o->threshold;
    s->decode = data_decode_default;
    s->rank = calloc((size_t)m->n_labels, sizeof *s->rank);
    s->guess = calloc((size_t)m->n_labels, sizeof *s->guess);
    if (!s->rank || !s->guess)
        return err_set(err, ERR_MEMORY, "no memory for a session");
    s->committee = infer_committee_new(model->n, model->model, (const char *const *)model->path,
                                       &how, err);
    if (s->committee && o->sandbox)
        s->decode.sandbox = data_sandbox_new(&workers, NULL, err);
    return s->committee && (s->decode.sandbox || !o->sandbox);
}

discern_session *discern_session_new(const discern_model *m, const discern_session_options *o,
                                     discern_error *e)
{
    discern_session_options opt;
    struct err err = { 0 };
    discern_session *s = NULL;

    if (!m) {
        err_set(&err, ERR_USAGE, "discern_session_new: no model");
    } else if (infer_api_options(&opt, sizeof opt, o, "discern_session_options", &err) &&
               check_options(&opt, &err)) {
        s = calloc(1, sizeof *s);
        if (!s)
            err_set(&err, ERR_MEMORY, "no memory for a session");
        if (s && !begin_session(s, m, &opt, &err)) {
            discern_session_free(s);
            s = NULL;
        }
    }
    if (!s)
        infer_api_report(&err, e);
    return s;
}

void discern_session_free(discern_session *s)
{
    if (!s)
        return;
    data_sandbox_free(s->decode.sandbox);
    infer_committee_free(s->committee);
    free(s->rank);
    free(s->guess);
    free(s);
}

/* ---- answers --------------------------------------------------------------------------------- */

static float threshold_of(const struct infer_model *m, int label)
{
    return infer_calibration_threshold(m->calibration, m->task, label);
}

static bool is_told(const discern_session *s, int label, float probability)
{
    return probability >= (isnan(s->threshold) ? threshold_of(s->model, label) : s->threshold);
}

/* Likeliest first, equal ones as the labels stand. */
static int by_rank(const void *pa, const void *pb)
{
    const discern_guess *a = pa, *b = pb;

    if (a->probability != b->probability)
        return a->probability < b->probability ? 1 : -1;
    return (a->index > b->index) - (a->index < b->index);
}

/* s->guess = what is told of these probabilities, s->rank[0] the likeliest label; how many.  Of
 * many labels few are told: those are sorted, not all of them ranked. */
static int tell(discern_session *s, const float *probability)
{
    int labels = s->model->n_labels, n = 0;

    for (int i = 0; i < labels; i++)
        if (is_told(s, i, probability[i]))
            s->guess[n++] = (discern_guess){ s->model->label[i], i, probability[i] };
    if (n < labels) {
        qsort(s->guess, (size_t)n, sizeof *s->guess, by_rank);
        infer_rank(probability, labels, 1, s->rank);
        return n < s->top ? n : s->top;
    }
    infer_rank(probability, labels, s->top, s->rank);
    for (int k = 0; k < s->top; k++) {
        int i = s->rank[k];

        s->guess[k] = (discern_guess){ s->model->label[i], i, probability[i] };
    }
    return s->top;
}

static discern_answer answer_of(discern_session *s, int file, const struct infer_said *said)
{
    const struct infer_calibration *c = s->model->calibration;
    int n = tell(s, said->probability);

    return (discern_answer){
        .file = file,
        .message = "",
        .n = n,
        .guess = s->guess,
        .unknown = infer_calibration_unknown(c, s->model->task, s->model->n_labels,
                                             said->probability, said->logits),
        .band = infer_calibration_band(c, said->probability[s->rank[0]]),
        .probability = said->probability,
        .input = said->input,
        .features = said->features,
    };
}

/* A file (bytes NULL) or bytes; name is what errors call it. */
static bool look_at(discern_session *s, const char *name, const void *bytes, size_t size,
                    struct infer_said *said, struct err *err)
{
    struct data_sample sample = { .path = name, .name = name, .label = -1 };

    return infer_committee_batch(s->committee, 1, err) &&
           infer_committee_sample(s->committee, &sample, bytes, size, &s->decode, said, err);
}

static bool look_at_pixels(discern_session *s, const uint8_t *rgb, int width, int height,
                           ptrdiff_t stride, struct infer_said *said, struct err *err)
{
    const struct data_limits *most = &s->decode.limits;
    size_t row = 3 * (size_t)width;
    struct data_image image = { width, height, NULL };
    bool ok;

    if (width > most->side || height > most->side || (int64_t)width * height > most->pixels)
        return err_set(err, ERR_INPUT, "%d x %d pixels: more than %lld, or a side of more than %d",
                       width, height, (long long)most->pixels, most->side);
    if (!infer_committee_batch(s->committee, 1, err))
        return false;
    if (stride == (ptrdiff_t)row) {
        image.pixel = (uint8_t *)(uintptr_t)rgb;
        return infer_committee_image(s->committee, &image, said, err);
    }
    image.pixel = malloc(row * (size_t)height);
    if (!image.pixel)
        return err_set(err, ERR_MEMORY, "cannot hold %d x %d pixels", width, height);
    for (int y = 0; y < height; y++)
        memcpy(image.pixel + (size_t)y * row, rgb + y * stride, row);
    ok = infer_committee_image(s->committee, &image, said, err);
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

/* The end of a call that was to fill top[n]; said NULL: it failed. */
static int finish(discern_session *s, const struct infer_said *said, discern_guess *top, int n,
                  const struct err *err, discern_error *e)
{
    int told;

    if (!said) {
        infer_api_report(err, e);
        return -1;
    }
    told = tell(s, said->probability);
    n = told < n ? told : n;
    if (n)
        memcpy(top, s->guess, (size_t)n * sizeof *top);
    return n;
}

int discern_file(discern_session *s, const char *path, discern_guess *top, int n, discern_error *e)
{
    struct err err = { 0 };
    struct infer_said said;
    bool ok = may_ask(s, top, n, &err) &&
              (path || err_set(&err, ERR_USAGE, "discern_file: path is NULL")) &&
              look_at(s, path, NULL, 0, &said, &err);

    return finish(s, ok ? &said : NULL, top, n, &err, e);
}

int discern_memory(discern_session *s, const void *data, size_t bytes, discern_guess *top, int n,
                   discern_error *e)
{
    struct err err = { 0 };
    struct infer_said said;
    bool ok = may_ask(s, top, n, &err) &&
              (data || err_set(&err, ERR_USAGE, "discern_memory: data is NULL")) &&
              look_at(s, in_memory, data, bytes, &said, &err);

    return finish(s, ok ? &said : NULL, top, n, &err, e);
}

int discern_pixels(discern_session *s, const uint8_t *rgb, int width, int height, ptrdiff_t stride,
                   discern_guess *top, int n, discern_error *e)
{
    struct err err = { 0 };
    struct infer_said said;
    bool ok = may_ask(s, top, n, &err);

    if (ok && (!rgb || width < 1 || height < 1))
        ok = err_set(&err, ERR_USAGE, "discern_pixels: there are no pixels");
    if (ok && stride < 3 * (ptrdiff_t)width && stride > -3 * (ptrdiff_t)width)
        ok = err_set(&err, ERR_USAGE, "discern_pixels: rows of %d pixels, but %td bytes apart",
                     width, stride);
    ok = ok && look_at_pixels(s, rgb, width, height, stride, &said, &err);
    return finish(s, ok ? &said : NULL, top, n, &err, e);
}

/* ---- rows of files --------------------------------------------------------------------------- */

/* One call of discern_files. */
struct row {
    discern_session *s;
    discern_answer_fn *fn;
    void *ctx;
    int first;                  /* file of the chunk */
    bool ended;                 /* by fn */
};

static void give(struct row *r, const discern_answer *a)
{
    r->s->busy = true;
    r->ended = r->fn(r->ctx, a) != 0;
    r->s->busy = false;
}

static discern_answer no_answer(int file, const struct err *why)
{
    return (discern_answer){ .file = file, .status = infer_api_status(why), .message = why->msg };
}

static bool on_said(void *ctx, const struct infer_said *said)
{
    struct row *r = ctx;
    int file = r->first + said->sample;
    discern_answer a = said->why ? no_answer(file, said->why) : answer_of(r->s, file, said);

    give(r, &a);
    return !r->ended;
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

static bool answer_row(struct row *r, int n, const char *const *path, struct err *err)
{
    int chunk = n < CHUNK ? n : CHUNK, batch = n < r->s->batch ? n : r->s->batch;
    struct infer_evaluate_options how = { .threads = r->s->threads, .decode = &r->s->decode };
    struct data_sample *sample = calloc((size_t)chunk, sizeof *sample);
    struct data_index x = { .task = DATA_SINGLE, .sample = sample };
    bool ok = sample || err_set(err, ERR_MEMORY, "no memory for %d files", chunk);

    ok = ok && infer_committee_batch(r->s->committee, batch, err);
    for (; ok && r->first < n && !r->ended; r->first += x.n) {
        x.n = n - r->first < chunk ? n - r->first : chunk;
        for (int i = 0; i < x.n; i++)
            sample[i] = (struct data_sample){ .path = path[r->first + i],
                                              .name = path[r->first + i], .label = -1 };
        ok = infer_committee_each(r->s->committee, &x, &how, on_said, r, err);
    }
    free(sample);
    return ok;
}

static void answer_alone(struct row *r, const char *name, const void *bytes, size_t size)
{
    struct err err = { 0 };
    struct infer_said said;
    bool ok = look_at(r->s, name, bytes, size, &said, &err);
    discern_answer a = ok ? answer_of(r->s, 0, &said) : no_answer(0, &err);

    give(r, &a);
}

int discern_files(discern_session *s, int n, const char *const *path, discern_answer_fn *fn,
                  void *ctx, discern_error *e)
{
    struct err err = { 0 };
    struct row r = { .s = s, .fn = fn, .ctx = ctx };
    bool ok = check_row(s, n, path, fn, &err);

    if (ok && n == 1)
        answer_alone(&r, path[0], NULL, 0);     /* no threads to start */
    else
        ok = ok && (n == 0 || answer_row(&r, n, path, &err));
    if (!ok)
        infer_api_report(&err, e);
    return ok ? 0 : -1;
}

int discern_bytes(discern_session *s, const void *data, size_t bytes, discern_answer_fn *fn,
                  void *ctx, discern_error *e)
{
    struct err err = { 0 };
    struct row r = { .s = s, .fn = fn, .ctx = ctx };
    bool ok = may_ask(s, NULL, 0, &err);

    if (ok && (!fn || !data))
        ok = err_set(&err, ERR_USAGE, "discern_bytes: no bytes, or nobody to answer to");
    if (!ok) {
        infer_api_report(&err, e);
        return -1;
    }
    answer_alone(&r, in_memory, data, bytes);
    return 0;
}
