/*
 * teacher -- see teacher.h
 */
#include "train/teacher.h"

#include "infer/foreign/kind.h"
#include "infer/predict.h"
#include "nn/base/file.h"
#include "nn/op/input.h"
#include "nn/op/resize.h"
#include "nn/pass/rewrite.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Linear resizing looks at two pixels: of pictures more than twice as large it would skip some. */
enum { MOST_SHRUNK = 2 };

struct train_teacher {
    struct train_teacher_options opt;
    struct data_prep prep;      /* of the student's pictures */
    struct infer_file *file;
    struct infer_model *model;  /* without values */
    struct infer_calibration softer; /* the model's own, and the temperature; in model->mem */
    bool plain;                 /* neither: answers as they are */
    int *of;                    /* of each label of the student the teacher's */
    bool same;                  /* they are the same, in the same order */
    int size[2];                /* of the student's pictures, now */
    struct infer_network *network;
    struct infer_predictor *predictor;
    float *all;                 /* [batch, the teacher's labels] */
};

/* ---- whether it can teach ------------------------------------------------------------------- */

static bool match_labels(struct train_teacher *t, struct err *err)
{
    const struct data_index *x = t->opt.data;

    t->of = malloc(((size_t)x->n_labels + 1) * sizeof *t->of);
    if (!t->of)
        return err_set(err, ERR_MEMORY, "no memory for %d labels", x->n_labels);
    t->same = x->n_labels == t->model->n_labels;
    for (int l = 0; l < x->n_labels; l++) {
        t->of[l] = infer_model_label(t->model, x->label[l]);
        if (t->of[l] < 0)
            return err_set(err, ERR_INPUT,
                           "%s: the teacher does not know the label \"%.80s\" of the pictures; it "
                           "knows \"%.80s\" and others: it must know all that is to be learnt; "
                           "--unlabelled without DATA learns what it says instead",
                           t->opt.path, x->label[l], t->model->label[0]);
        t->same &= t->of[l] == l;
    }
    return true;
}

static bool check(struct train_teacher *t, struct err *err)
{
    const struct infer_model *m = t->model;
    const struct train_teacher_options *o = &t->opt;

    if (m->task != o->data->task)
        return err_set(err, ERR_INPUT,
                       "%s: the teacher answers with %s, and the pictures have %s", o->path,
                       m->task == DATA_SINGLE ? "one label a picture" : "several labels a picture",
                       m->task == DATA_SINGLE ? "several" : "one");
    if (m->prep.color != t->prep.color)
        return err_set(err, ERR_USAGE,
                       "%s: the teacher sees pictures in %s, and those that are learnt from are in "
                       "%s: --channels %s", o->path, data_color_names[m->prep.color],
                       data_color_names[t->prep.color], data_color_names[m->prep.color]);
    return match_labels(t, err);
}

static bool check_size(const struct train_teacher *t, int height, int width, struct err *err)
{
    const int *own = t->model->prep.size;

    if (height <= MOST_SHRUNK * own[0] && width <= MOST_SHRUNK * own[1])
        return true;
    return err_set(err, ERR_USAGE,
                   "%s: the teacher sees %dx%d pixels, and the pictures that are learnt from have "
                   "%dx%d: made smaller by more than half they would lose pixels between; --size "
                   "%d, or less", t->opt.path, own[1], own[0], width, height,
                   MOST_SHRUNK * (own[0] < own[1] ? own[0] : own[1]));
}

/* ---- its network ---------------------------------------------------------------------------- */

/* The model's calibration with logits divided by the temperature, too. */
static bool soften(struct train_teacher *t, struct err *err)
{
    const struct infer_calibration *own = t->model->calibration;
    int n = t->model->n_labels;
    double *scale, *shift;

    t->plain = !own && t->opt.temperature == 1;
    t->softer = own ? *own : infer_calibration_none();
    t->softer.temperature *= t->opt.temperature;
    if (!t->softer.scale)
        return true;
    scale = arena_array(t->model->mem, (size_t)n, sizeof *scale);
    shift = arena_array(t->model->mem, (size_t)n, sizeof *shift);
    if (!scale || !shift)
        return err_set(err, ERR_MEMORY, "no memory for %d labels", n);
    for (int i = 0; i < n; i++) {
        scale[i] = own->scale[i] / t->opt.temperature;
        shift[i] = own->shift[i] / t->opt.temperature;
    }
    t->softer.scale = scale;
    t->softer.shift = shift;
    return true;
}

/* Whether numbers of the student's pictures mean other pixels to the teacher. */
static bool other_numbers(const struct data_prep *from, const struct data_prep *to)
{
    return memcmp(from->mean, to->mean, sizeof to->mean) != 0 ||
           memcmp(from->std, to->std, sizeof to->std) != 0;
}

/* y = (x s + m - m') / s', of the student's mean m and deviation s. */
static int other_mean(struct nn_rewrite *w, const struct data_prep *from,
                      const struct data_prep *to, int x)
{
    double factor[3], summand[3];

    for (int c = 0; c < data_prep_channels(to); c++) {
        factor[c] = from->std[c] / to->std[c];
        summand[c] = (from->mean[c] - to->mean[c]) / to->std[c];
    }
    return nn_rewrite_affine(w, "teacher:pixels", x, data_prep_channels(to), factor, summand);
}

/* The picture as the teacher wants it, of the student's at t->size. */
static int see(struct nn_rewrite *w, const struct train_teacher *t, int input)
{
    static const char *const names[] = { "teacher:rows", "teacher:columns" };
    const struct data_prep *own = &t->model->prep;
    struct nn_input attr = *(const struct nn_input *)w->g->node[input].attr;
    int x;

    attr.shape[0] = t->size[0];
    attr.shape[1] = t->size[1];
    x = nn_rewrite_add(w, &nn_op_input, w->g->node[input].name, &attr, 0, NULL, NULL);
    if (other_numbers(&t->prep, own))
        x = other_mean(w, &t->prep, own, x);
    for (int d = 0; d < 2; d++)
        if (t->size[d] != own->size[d])
            x = nn_rewrite_add(w, &nn_op_resize, names[d],
                               &(struct nn_resize){ .axis = 1 + d, .size = own->size[d],
                                                    .mode = NN_RESIZE_LINEAR }, 1, &x, NULL);
    return x;
}

/* The model's graph and values, behind what makes its pictures. */
static bool put_before(const struct train_teacher *t, const struct nn_values *v,
                       struct nn_graph **g2, struct nn_values *v2, struct err *err)
{
    const struct nn_graph *g = t->model->graph;
    int input = nn_graph_first_input(g);
    struct nn_rewrite w;

    if (!nn_rewrite_begin(&w, g, v, err))
        return false;
    for (int i = 0; i < g->n; i++) {
        if (i == input)
            w.map[i] = see(&w, t, i);
        else
            nn_rewrite_copy(&w, i);
    }
    return nn_rewrite_end(&w, g2, v2);
}

/* For pictures of t->size. */
static struct infer_network *new_network(const struct train_teacher *t, struct err *err)
{
    struct pool *pool = pool_new(t->opt.threads, err);
    struct infer_network_options how = { .task = t->model->task,
                                         .calibration = t->plain ? NULL : &t->softer,
                                         .precision = t->opt.precision,
                                         .isa = t->opt.isa,
                                         .pool = pool };
    struct arena *mem = arena_new();
    struct infer_network *n = NULL;
    struct nn_graph *g = NULL;
    struct nn_values v, v2;
    bool ok = pool && (mem || err_set(err, ERR_MEMORY, "no memory for the teacher's network"));

    ok = ok && infer_file_values(t->file, t->model->graph, mem, &v, err) &&
         put_before(t, &v, &g, &v2, err) && (n = infer_network_new(g, &v2, &how, err)) &&
         infer_file_check(t->file, t->model->graph, &v, err);
    if (!ok) {
        infer_file_fault(t->file, err);
        infer_network_free(n);
        n = NULL;
    }
    nn_graph_free(g);
    arena_free(mem);
    pool_free(pool);
    return n;
}

bool train_teacher_see(struct train_teacher *t, int height, int width, struct err *err)
{
    if (t->predictor && t->size[0] == height && t->size[1] == width)
        return true;
    if (!check_size(t, height, width, err))
        return false;
    infer_predictor_free(t->predictor);
    infer_network_free(t->network);
    t->predictor = NULL;
    t->size[0] = height;
    t->size[1] = width;
    t->network = new_network(t, err);
    if (t->network)
        t->predictor = infer_predictor_of(t->network, t->opt.batch, t->opt.threads, err);
    return t->predictor;
}

/* ---- open and close ------------------------------------------------------------------------- */

static bool open_model(struct train_teacher *t, struct err *err)
{
    t->file = infer_file_open(t->opt.path, err);
    t->model = t->file ? infer_file_head(t->file, err) : NULL;
    return t->model && check(t, err) && soften(t, err);
}

struct train_teacher *train_teacher_open(const struct train_teacher_options *opt, struct err *err)
{
    struct train_teacher *t = calloc(1, sizeof *t);
    bool ok = t;

    if (!t) {
        err_set(err, ERR_MEMORY, "no memory for the teacher");
        return NULL;
    }
    t->opt = *opt;
    t->prep = *opt->prep;
    t->opt.prep = &t->prep;
    ok = open_model(t, err) && train_teacher_see(t, t->prep.size[0], t->prep.size[1], err);
    if (ok) {
        t->all = malloc((size_t)opt->batch * (size_t)t->model->n_labels * sizeof *t->all);
        ok = t->all || err_set(err, ERR_MEMORY, "no memory for the teacher's answers");
    }
    if (ok)
        return t;
    train_teacher_free(t);
    return NULL;
}

void train_teacher_free(struct train_teacher *t)
{
    if (!t)
        return;
    infer_predictor_free(t->predictor);
    infer_network_free(t->network);
    infer_model_free(t->model);
    infer_file_close(t->file);
    free(t->of);
    free(t->all);
    free(t);
}

/* ---- what it says --------------------------------------------------------------------------- */

/* Of one label a picture, a share of the labels that the student knows. */
static void share(float *said, int n)
{
    double sum = 0;

    for (int l = 0; l < n; l++)
        sum += (double)said[l];
    for (int l = 0; l < n && sum > 0; l++)
        said[l] = (float)((double)said[l] / sum);
}

void train_teacher_say(struct train_teacher *t, int n, const float *image, float *said)
{
    int labels = t->opt.data->n_labels, own = t->model->n_labels;

    infer_predict(t->predictor, n, image, t->same ? said : t->all);
    for (int i = 0; i < n && !t->same; i++) {
        for (int l = 0; l < labels; l++)
            said[i * labels + l] = t->all[i * own + t->of[l]];
        if (t->model->task == DATA_SINGLE && labels < own)
            share(said + i * labels, labels);
    }
}

/* ---- what it is ----------------------------------------------------------------------------- */

int64_t train_teacher_bytes(const struct train_teacher *t)
{
    int64_t answers = (int64_t)t->opt.batch * t->model->n_labels * (int64_t)sizeof(float);

    return (int64_t)t->network->weights->bytes +
           (int64_t)infer_predictor_plan(t->predictor)->bytes + 3 * answers;
}

void train_teacher_tell(const struct train_teacher *t, struct str *out)
{
    const int *own = t->model->prep.size;
    int others = t->model->n_labels - t->opt.data->n_labels;

    str_printf(out, "%s, %d labels", t->model->arch, t->model->n_labels);
    if (others)
        str_printf(out, ", %d of which nobody here learns", others);
    str_printf(out, "; sees pictures of %dx%d", own[1], own[0]);
    if (t->size[0] != own[0] || t->size[1] != own[1])
        str_printf(out, ", made of those of %dx%d", t->size[1], t->size[0]);
    str_printf(out, "; %.0f MB", 1e-6 * (double)train_teacher_bytes(t));
}

bool train_teacher_sum(const char *path, char out[TRAIN_TEACHER_SUM], struct err *err)
{
    size_t size;
    const uint8_t *bytes = file_map(path, &size, err);

    if (!bytes)
        return infer_kind_tell(path, err);
    snprintf(out, TRAIN_TEACHER_SUM, "%016" PRIx64, (uint64_t)XXH3_64bits(bytes, size));
    file_unmap(bytes, size);
    return true;
}
