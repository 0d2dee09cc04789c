/*
 * committee -- see committee.h
 */
#include "infer/committee.h"

#include "data/lookup.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *const infer_views_names[] = { "one", "mirror", "four", "six", NULL };

static const double near_share = 7.0 / 8;

/* What is looked at, each with its mirror image but for INFER_VIEWS_ONE: which of a member's takes,
 * moved by how many pixels, and how much its answer counts. */
enum { SIGHTS = 3 };
static const struct sight {
    int take, move, weight;     /* weight 0: there is none */
} sights[][SIGHTS] = {
    [INFER_VIEWS_ONE] = { { 0, 0, 1 } },
    [INFER_VIEWS_MIRROR] = { { 0, 0, 1 } },
    [INFER_VIEWS_FOUR] = { { 0, 0, 1 }, { 1, 0, 1 } },
    [INFER_VIEWS_SIX] = { { 0, 0, 2 }, { 0, -1, 1 }, { 0, 1, 1 } },
};

struct member {
    struct infer_predictor *q;
    const struct infer_model *m;
    const char *path;           /* what errors call it */
    int *at;                    /* [labels]: our label's place in m; NULL: the same */
    int take[2];                /* what it looks at; the second for four views */
};

/* What a batch wants of memory. */
struct room {
    int batch;
    float *probability;         /* [batch,labels] the mean */
    float *said;                /* [batch,labels] of one network and view */
    float *logits;              /* [batch,labels] of the first network's first view */
    float *features;            /* [batch,width] of the same; NULL where it has none */
    float *mirrored;            /* [batch,H,W,C] of the largest; NULL where nothing is mirrored */
    float *moved;               /* the same; NULL where nothing is moved */
    double *sum;                /* [batch,labels]; NULL: one network with one view */
    int *fault;                 /* [batch] a member whose answer is no finite number; -1: none */
};

struct infer_committee {
    struct member *member;
    int n, views, labels;
    struct room room;
    struct data_take take[DATA_TAKES];
    int takes;
    float *one;                 /* [takes]: a picture each, one behind the other */
    float *image[DATA_TAKES];   /* where in `one` */
};

/* ---- who sits in it -------------------------------------------------------------------------- */

static const char *label_of(const void *ctx, int i)
{
    return ((const struct infer_model *)ctx)->label[i];
}

bool infer_committee_match(const struct infer_model *m, const char *path,
                           const struct infer_model *first, const char *first_path, const char *so,
                           int *to, struct err *err)
{
    struct data_lookup by_name = { .name = label_of, .ctx = m };
    bool ok = true;

    if (m->task != first->task)
        return err_set(err, ERR_INPUT,
                       "%s gives a picture %s, %s %s: %s when they were trained for the same", path,
                       m->task == DATA_SINGLE ? "one label" : "any number of labels", first_path,
                       first->task == DATA_SINGLE ? "one" : "any number", so);
    if (m->n_labels != first->n_labels)
        return err_set(err, ERR_INPUT, "%s knows %d labels, %s %d: %s when they know the same",
                       path, m->n_labels, first_path, first->n_labels, so);
    for (int l = 0; ok && l < m->n_labels; l++)
        ok = data_lookup_add(&by_name, l) ||
             err_set(err, ERR_MEMORY, "no memory for %d labels", m->n_labels);
    for (int l = 0; ok && l < first->n_labels; l++) {
        to[l] = data_lookup_find(&by_name, first->label[l]);
        if (to[l] < 0)
            ok = err_set(err, ERR_INPUT,
                         "%s does not know the label \"%s\" of %s: %s when they know the same",
                         path, first->label[l], first_path, so);
    }
    data_lookup_release(&by_name);
    return ok;
}

/* m->at, and NULL left where the labels stand as in the first model. */
static bool map_labels(struct member *m, const struct infer_model *first, const char *path,
                       const char *first_path, struct err *err)
{
    bool same = true;

    m->at = calloc((size_t)first->n_labels, sizeof *m->at);
    if (!m->at)
        return err_set(err, ERR_MEMORY, "no memory for %d labels", first->n_labels);
    if (!infer_committee_match(m->m, path, first, first_path, "models answer together only", m->at,
                               err))
        return false;
    for (int l = 0; l < first->n_labels; l++)
        same &= m->at[l] == l;
    if (same) {
        free(m->at);
        m->at = NULL;
    }
    return true;
}

bool infer_committee_holds(int n, struct err *err)
{
    return n <= INFER_COMMITTEE_MOST ||
           err_set(err, ERR_INPUT, "%d models: at most %d answer together", n,
                   INFER_COMMITTEE_MOST);
}

bool infer_committee_check(int n, struct infer_model *const *model, const char *const *path,
                           struct err *err)
{
    bool ok = infer_committee_holds(n, err);

    for (int i = 1; ok && i < n; i++) {
        struct member m = { .m = model[i] };

        ok = map_labels(&m, model[0], path[i], path[0], err);
        free(m.at);
    }
    return ok;
}

/* The place of such a take; networks that were trained alike share theirs. */
static int find_take(struct infer_committee *c, const struct data_prep *prep, double share)
{
    for (int t = 0; t < c->takes; t++)
        if (c->take[t].share == share && field_equal(data_prep_fields, c->take[t].prep, prep))
            return t;
    c->take[c->takes] = (struct data_take){ prep, share };
    return c->takes++;
}

static void free_room(struct room *r)
{
    free(r->probability);
    free(r->mirrored);
    free(r->moved);
    free(r->said);
    free(r->logits);
    free(r->features);
    free(r->sum);
    free(r->fault);
    *r = (struct room){ 0 };
}

/* For batches of this size. */
static bool make_room(const struct infer_committee *c, int batch, struct room *r, struct err *err)
{
    size_t most = 0, answers = (size_t)batch * (size_t)c->labels;
    bool mirrors = c->views != INFER_VIEWS_ONE, moves = c->views == INFER_VIEWS_SIX;
    bool alone = c->n == 1 && !mirrors;
    size_t width = (size_t)infer_predictor_width(c->member[0].q);

    for (int t = 0; t < c->takes; t++) {
        size_t count = data_prep_count(c->take[t].prep);

        most = count > most ? count : most;
    }
    *r = (struct room){ .batch = batch };
    r->probability = malloc(answers * sizeof *r->probability);
    r->said = malloc(answers * sizeof *r->said);
    r->logits = malloc(answers * sizeof *r->logits);
    r->fault = malloc((size_t)batch * sizeof *r->fault);
    if (width)
        r->features = malloc((size_t)batch * width * sizeof *r->features);
    if (mirrors)
        r->mirrored = malloc((size_t)batch * most * sizeof *r->mirrored);
    if (moves)
        r->moved = malloc((size_t)batch * most * sizeof *r->moved);
    if (!alone)
        r->sum = malloc(answers * sizeof *r->sum);
    if (r->probability && r->said && r->logits && r->fault && (r->features || !width) &&
        (r->mirrored || !mirrors) && (r->moved || !moves) && (r->sum || alone))
        return true;
    free_room(r);
    return err_set(err, ERR_MEMORY, "%d pictures at a time do not fit in memory", batch);
}

/* Where one picture's takes lie. */
static bool make_one(struct infer_committee *c, struct err *err)
{
    size_t all = 0;

    for (int t = 0; t < c->takes; t++)
        all += data_prep_count(c->take[t].prep);
    c->one = malloc(all * sizeof *c->one);
    if (!c->one)
        return err_set(err, ERR_MEMORY, "no memory for a picture");
    all = 0;
    for (int t = 0; t < c->takes; t++) {
        c->image[t] = c->one + all;
        all += data_prep_count(c->take[t].prep);
    }
    return true;
}

static bool seat(struct infer_committee *c, const struct infer_model *m, const char *path,
                 const char *first_path, const struct infer_committee_options *o, struct err *err)
{
    const struct infer_network *network = o->network ? o->network[c->n] : NULL;
    struct member *s = &c->member[c->n++];

    s->m = m;
    s->path = path;
    s->take[0] = find_take(c, &m->prep, 1);
    if (o->views == INFER_VIEWS_FOUR)
        s->take[1] = find_take(c, &m->prep, near_share);
    if (c->n > 1 && !map_labels(s, c->member[0].m, path, first_path, err))
        return false;
    s->q = network ? infer_predictor_of(network, o->batch, o->threads, err)
                   : infer_predictor_new(m->graph, m->params, m->task, m->calibration, o->batch,
                                         o->threads, o->isa, err);
    return s->q != NULL;
}

struct infer_committee *infer_committee_new(int n, struct infer_model *const *model,
                                            const char *const *path,
                                            const struct infer_committee_options *o,
                                            struct err *err)
{
    struct infer_committee *c;

    assert(n >= 1 && o->batch >= 1 && o->threads >= 1);
    if (!infer_committee_holds(n, err))
        return NULL;
    c = calloc(1, sizeof *c);
    if (c)
        c->member = calloc((size_t)n, sizeof *c->member);
    if (!c || !c->member) {
        err_set(err, ERR_MEMORY, "no memory for %d models", n);
        infer_committee_free(c);
        return NULL;
    }
    c->views = o->views;
    c->labels = model[0]->n_labels;
    for (int i = 0; i < n; i++)
        if (!seat(c, model[i], path[i], path[0], o, err))
            goto fail;
    if (make_one(c, err) && make_room(c, o->batch, &c->room, err))
        return c;
fail:
    infer_committee_free(c);
    return NULL;
}

void infer_committee_free(struct infer_committee *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->n; i++) {
        infer_predictor_free(c->member[i].q);
        free(c->member[i].at);
    }
    free(c->member);
    free(c->one);
    free_room(&c->room);
    free(c);
}

bool infer_committee_batch(struct infer_committee *c, int batch, struct err *err)
{
    struct err ignored = { 0 };
    struct room room;

    if (batch == c->room.batch)
        return true;
    if (!make_room(c, batch, &room, err))
        return false;
    for (int i = 0; i < c->n; i++) {
        if (infer_predictor_resize(c->member[i].q, batch, err))
            continue;
        /* A network that cannot have its batch back answers as many as it has room for. */
        while (i-- > 0)
            if (!infer_predictor_resize(c->member[i].q, c->room.batch, &ignored) &&
                batch < c->room.batch)
                c->room.batch = batch;
        free_room(&room);
        return false;
    }
    free_room(&c->room);
    c->room = room;
    return true;
}

/* ---- answers --------------------------------------------------------------------------------- */

static int inside(int i, int n)
{
    return i < 0 ? 0 : i < n ? i : n - 1;
}

static void mirror(const struct data_prep *p, int n, const float *image, float *out)
{
    size_t channels = (size_t)data_prep_channels(p), width = (size_t)p->size[1],
           rows = (size_t)n * (size_t)p->size[0];

    for (size_t y = 0; y < rows; y++, image += width * channels, out += width * channels)
        for (size_t x = 0; x < width; x++)
            memcpy(out + x * channels, image + (width - 1 - x) * channels,
                   channels * sizeof *out);
}

/* Down and right by so many pixels; below 0 up and left. */
static void move(const struct data_prep *p, int n, const float *image, int by, float *out)
{
    int height = p->size[0], width = p->size[1];
    size_t channels = (size_t)data_prep_channels(p), row = (size_t)width * channels;

    for (int i = 0; i < n; i++, image += (size_t)height * row)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++, out += channels)
                memcpy(out, image + (size_t)inside(y - by, height) * row +
                       (size_t)inside(x - by, width) * channels, channels * sizeof *out);
}

/* What one network says of n pictures. */
static void ask(struct infer_committee *c, const struct member *m, int n, const float *image,
                float *said)
{
    infer_predict(m->q, n, image, said);
    for (int i = 0; i < n; i++)
        if (!infer_predictor_finite(m->q, i))
            c->room.fault[i] = (int)(m - c->member);
}

/* Adds what one network says to the sum, under our labels. */
static void hear(struct infer_committee *c, const struct member *m, int n, const float *image,
                 int weight)
{
    size_t labels = (size_t)c->labels;

    ask(c, m, n, image, c->room.said);
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t l = 0; l < labels; l++)
            c->room.sum[i * labels + l] +=
                weight * (double)c->room.said[i * labels + (m->at ? (size_t)m->at[l] : l)];
}

/* What the first network has just said of the pictures as they are. */
static void keep_first(struct infer_committee *c, int n)
{
    infer_predictor_logits(c->member[0].q, n, c->room.logits);
    if (c->room.features)
        infer_predictor_features(c->member[0].q, n, c->room.features);
}

/* n <= batch pictures, take by take -> c->room.probability. */
static void deliberate(struct infer_committee *c, int n, float *const image[])
{
    size_t answers = (size_t)n * (size_t)c->labels;
    int voices = 0;

    for (int i = 0; i < n; i++)
        c->room.fault[i] = -1;
    if (!c->room.sum) {
        ask(c, &c->member[0], n, image[0], c->room.probability);
        keep_first(c, n);
        return;
    }
    memset(c->room.sum, 0, answers * sizeof *c->room.sum);
    for (int i = 0; i < c->n; i++) {
        const struct member *m = &c->member[i];
        const struct sight *s = sights[c->views];

        for (int k = 0; k < SIGHTS && s[k].weight; k++) {
            const float *seen = image[m->take[s[k].take]];

            if (s[k].move) {
                move(&m->m->prep, n, seen, s[k].move, c->room.moved);
                seen = c->room.moved;
            }
            hear(c, m, n, seen, s[k].weight);
            if (!voices)
                keep_first(c, n);
            voices += s[k].weight;
            if (c->views == INFER_VIEWS_ONE)
                continue;
            mirror(&m->m->prep, n, seen, c->room.mirrored);
            hear(c, m, n, c->room.mirrored, s[k].weight);
            voices += s[k].weight;
        }
    }
    for (size_t i = 0; i < answers; i++)
        c->room.probability[i] = (float)(c->room.sum[i] / voices);
}

/* Whether the i-th of the pictures that were just looked at has an answer of finite numbers. */
static bool is_answered(const struct infer_committee *c, int i, const char *picture,
                        struct err *err)
{
    int m = c->room.fault[i];

    return m < 0 || infer_predict_fault(c->member[m].path, picture, err);
}

static bool answer_one(struct infer_committee *c, const char *picture, struct infer_said *said,
                       struct err *err)
{
    deliberate(c, 1, c->image);
    *said = (struct infer_said){ .probability = c->room.probability,
                                 .logits = c->room.logits,
                                 .input = c->image[0],
                                 .features = c->room.features };
    return is_answered(c, 0, picture, err);
}

bool infer_committee_image(struct infer_committee *c, const struct data_image *image,
                           struct infer_said *said, struct err *err)
{
    return data_take_image(c->take, c->takes, image, c->image, err) &&
           answer_one(c, "picture in memory", said, err);
}

bool infer_committee_sample(struct infer_committee *c, const struct data_sample *s,
                            const uint8_t *bytes, size_t size, const struct data_decode *how,
                            struct infer_said *said, struct err *err)
{
    return data_take_sample(c->take, c->takes, s, bytes, size, how, c->image, err) &&
           answer_one(c, s->name, said, err);
}

/* ---- over an index --------------------------------------------------------------------------- */

/* Pictures of one batch that cannot be read; the loader tells them before those that can. */
struct each {
    struct infer_committee *c;
    const struct data_index *x;
    struct bad {
        int sample;
        struct err why;
    } *bad;                     /* [batch] */
    int n_bad, told;
    struct err fault;           /* why an answer is not there */
    infer_said_fn *fn;
    void *ctx;
};

static void on_bad(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct each *e = ctx;

    e->bad[e->n_bad++] = (struct bad){ (int)(sample - e->x->sample), *why };
}

/* Bad ones that stand before `sample`. */
static bool tell_bad(struct each *e, int sample)
{
    for (; e->told < e->n_bad && e->bad[e->told].sample < sample; e->told++)
        if (!e->fn(e->ctx, &(struct infer_said){ .sample = e->bad[e->told].sample,
                                                 .why = &e->bad[e->told].why }))
            return false;
    return true;
}

static bool tell(void *ctx, const struct data_batch *b)
{
    struct each *e = ctx;
    size_t labels = (size_t)e->c->labels, count = data_prep_count(e->c->take[0].prep),
           width = (size_t)infer_predictor_width(e->c->member[0].q);
    const float *features = e->c->room.features;

    deliberate(e->c, b->n, b->take);
    for (int i = 0; i < b->n; i++) {
        struct infer_said said = {
            .sample = b->sample[i],
            .probability = e->c->room.probability + (size_t)i * labels,
            .logits = e->c->room.logits + (size_t)i * labels,
            .input = b->image + (size_t)i * count,
            .features = features ? features + (size_t)i * width : NULL,
            .target = b->target + (size_t)i * (size_t)e->x->n_labels,
        };

        if (!is_answered(e->c, i, e->x->sample[said.sample].name, &e->fault))
            said = (struct infer_said){ .sample = said.sample, .why = &e->fault };
        if (!tell_bad(e, said.sample) || !e->fn(e->ctx, &said))
            return false;
    }
    if (!tell_bad(e, e->x->n))
        return false;
    e->n_bad = e->told = 0;
    return true;
}

/* One take is the loader's own preparation, which knows a cache. */
static struct infer_feed feed_of(const struct infer_committee *c)
{
    return (struct infer_feed){
        .batch = c->room.batch,
        .prep = c->take[0].prep,
        .take = c->takes == 1 ? NULL : c->take,
        .takes = c->takes == 1 ? 0 : c->takes,
    };
}

bool infer_committee_each(struct infer_committee *c, const struct data_index *x,
                          const struct infer_evaluate_options *how, infer_said_fn *fn, void *ctx,
                          struct err *err)
{
    struct each e = { .c = c, .x = x, .fn = fn, .ctx = ctx };
    struct infer_evaluate_options ours = *how;
    struct infer_feed feed = feed_of(c);
    bool ok;

    e.bad = calloc((size_t)feed.batch, sizeof *e.bad);
    if (!e.bad)
        return err_set(err, ERR_MEMORY, "no memory for the answers");
    ours.bad = on_bad;
    ours.bad_ctx = &e;
    ok = infer_each_batch(x, &feed, &ours, tell, &e, err);
    free(e.bad);
    return ok;
}

static bool answer_batch(void *ctx, const struct data_index *x, const struct data_batch *b,
                         float *probability, float *logits, struct err *err)
{
    struct infer_committee *c = ctx;
    size_t bytes = (size_t)b->n * (size_t)c->labels * sizeof(float);

    deliberate(c, b->n, b->take);
    memcpy(probability, c->room.probability, bytes);
    if (logits)
        memcpy(logits, c->room.logits, bytes);
    for (int i = 0; i < b->n; i++)
        if (!is_answered(c, i, x->sample[b->sample[i]].name, err))
            return false;
    return true;
}

bool infer_committee_answer(struct infer_committee *c, const struct data_index *x,
                            const struct infer_evaluate_options *how, struct infer_answers *out,
                            struct err *err)
{
    struct infer_evaluate_options ours = *how;
    struct infer_feed feed = feed_of(c);

    ours.logits &= !c->room.sum;
    return infer_gather(x, c->labels, &feed, &ours, answer_batch, c, out, err);
}
