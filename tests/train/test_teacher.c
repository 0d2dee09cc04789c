/*
 * teacher: what it says is what predict says of the same pixels; the loss is the one of the papers;
 * students of any thread and any interruption learn the same bits
 */
#include "tests/train/training.h"

#include "infer/predict.h"
#include "nn/kernel/cpu.h"
#include "train/net.h"
#include "train/teacher.h"

enum { BATCH = 6, LABELS = 3 };

/* ---- the loss -------------------------------------------------------------------------------- */

enum { WIDE = 5 };

static const char linear[] = "image = input shape=1x1x5\n"
                             "f = flatten image\n"
                             "fc = linear f width=3 bias=true\n"
                             "output logits = fc\n";

static void fill(float *x, int n, uint32_t stream)
{
    for (int i = 0; i < n; i++)
        x[i] = (float)rng_normal(7, rng_stream(RNG_TEST, stream), (uint64_t)i);
}

/* Rows of probabilities. */
static void softmax(float *x, int rows, int n, double temperature)
{
    for (int r = 0; r < rows; r++, x += n) {
        double sum = 0;

        for (int k = 0; k < n; k++)
            sum += exp((double)x[k] / temperature);
        for (int k = 0; k < n; k++)
            x[k] = (float)(exp((double)x[k] / temperature) / sum);
    }
}

/* Pictures, labels of all but the last, answers of a teacher; a linear network and its step. */
struct lesson {
    float image[BATCH * WIDE], target[BATCH * LABELS], taught[BATCH * LABELS];
    struct nn_graph *g;
    struct train_net *net;
    struct train_net_options opt;
};

static void lesson_open(struct lesson *s, enum data_task task, double share, double temperature)
{
    struct err err = { 0 };

    *s = (struct lesson){
        .g = nn_graph_read(linear, strlen(linear), 0, NULL, &err),
        .opt = { .loss = { .task = task, .taught = share, .temperature = temperature },
                 .optim = &train_optim_sgd, .kernels = nn_kernels_get("auto", &err), .seed = 4 } };
    assert_non_null(s->g);
    s->net = train_net_new(s->g, &s->opt, &err);
    if (!s->net)
        fail_msg("%s", err.msg);
    fill(s->image, BATCH * WIDE, 1);
    fill(s->taught, BATCH * LABELS, 2);
    softmax(s->taught, BATCH, LABELS, 1);
    for (int i = 0; i < (BATCH - 1) * LABELS; i++)
        s->target[i] = i % LABELS == i / LABELS % LABELS;
    for (int k = 0; k < LABELS && task == DATA_MULTI; k++)
        s->target[(BATCH - 1) * LABELS + k] = -1;
}

static void lesson_close(struct lesson *s)
{
    train_net_free(s->net);
    nn_graph_free(s->g);
}

/* The values of parameter `name` as they are now. */
static const real *values_of(const struct lesson *s, const char *name)
{
    const struct nn_params *p = train_net_params(s->net);

    return p->value + p->offset[p->entry[nn_graph_find(train_net_graph(s->net), name)]];
}

static void logits_of(const struct lesson *s, double x[BATCH * LABELS])
{
    const real *w = values_of(s, "fc.weight"), *b = values_of(s, "fc.bias");

    for (int i = 0; i < BATCH * LABELS; i++) {
        x[i] = b[i % LABELS];
        for (int k = 0; k < WIDE; k++)
            x[i] += (double)s->image[i / LABELS * WIDE + k] * w[k * LABELS + i % LABELS];
    }
}

/* -log of what sigmoid or softmax at temperature t says of number k of a row. */
static double surprise(enum data_task task, const double *row, int k, double t, bool absent)
{
    double sum = 0;

    if (task == DATA_MULTI)
        return log1p(exp(absent ? row[k] / t : -row[k] / t));
    for (int j = 0; j < LABELS; j++)
        sum += exp(row[j] / t);
    return log(sum) - row[k] / t;
}

/* Mean over pictures, or known numbers, of the cross-entropy from q. */
static double entropy(enum data_task task, const double *x, const float *q, double t)
{
    double sum = 0, known = 0;

    for (int i = 0; i < BATCH * LABELS; i++) {
        const double *row = x + i / LABELS * LABELS;

        if (q[i] < 0)
            continue;
        known += task == DATA_MULTI ? 1 : (double)q[i];
        sum += (double)q[i] * surprise(task, row, i % LABELS, t, false);
        if (task == DATA_MULTI)
            sum += (1 - (double)q[i]) * surprise(task, row, i % LABELS, t, true);
    }
    return sum / known;
}

/* (1 - a) L(labels) + a T^2 H(x / T, teacher), and its gradient by differences. */
static void the_loss_is_hintons(void **state)
{
    static const struct {
        enum data_task task;
        double share, t;
    } cases[] = { { DATA_SINGLE, 0.9, 2 },  { DATA_SINGLE, 1, 1 },  { DATA_SINGLE, 0.3, 5 },
                  { DATA_MULTI, 0.5, 3 } };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double a = cases[c].share, t = cases[c].t, x[BATCH * LABELS], before, rate = 1e-2;
        struct train_outcome out;
        struct err err = { 0 };
        struct lesson s;
        real bias[LABELS];

        lesson_open(&s, cases[c].task, a, t);
        logits_of(&s, x);
        memcpy(bias, values_of(&s, "fc.bias"), sizeof bias);
        before = (1 - a) * entropy(cases[c].task, x, s.target, 1) +
                 a * t * t * entropy(cases[c].task, x, s.taught, t);
        if (!train_net_learn(s.net, BATCH, s.image, s.target, s.taught, 0, &err) ||
            !train_net_update(s.net, rate, &out, &err))
            fail_msg("%s", err.msg);
        assert_true(fabs(out.loss - before) < 1e-5 * before);
        for (int k = 0; k < LABELS; k++) {
            double moved = ((double)bias[k] - values_of(&s, "fc.bias")[k]) / rate, d = 1e-5;
            double more[BATCH * LABELS];

            for (int i = 0; i < BATCH * LABELS; i++)
                more[i] = x[i] + (i % LABELS == k ? d : 0);
            before = ((1 - a) * (entropy(cases[c].task, more, s.target, 1) -
                                 entropy(cases[c].task, x, s.target, 1)) +
                      a * t * t * (entropy(cases[c].task, more, s.taught, t) -
                                   entropy(cases[c].task, x, s.taught, t))) / d;
            assert_true(fabs(moved - before) < 1e-3);
        }
        lesson_close(&s);
    }
}

/* The last picture has no label: what the teacher says of it is what it is judged by. */
static void without_a_label_the_teacher_is_right(void **state)
{
    struct lesson s;
    double x[BATCH * LABELS];
    int right = 0;
    struct train_outcome out;
    struct err err = { 0 };

    (void)state;
    lesson_open(&s, DATA_SINGLE, 0.5, 1);
    logits_of(&s, x);
    for (int i = 0; i < BATCH; i++) {
        const float *by = i < BATCH - 1 ? s.target : s.taught;
        int said = 0, best = 0;

        for (int k = 1; k < LABELS; k++) {
            said = x[i * LABELS + k] > x[i * LABELS + said] ? k : said;
            best = by[i * LABELS + k] > by[i * LABELS + best] ? k : best;
        }
        right += said == best;
    }
    assert_true(train_net_learn(s.net, BATCH, s.image, s.target, s.taught, 0, &err) &&
                train_net_update(s.net, 0, &out, &err));
    assert_int_equal(out.right, right);
    lesson_close(&s);
}

/* ---- what a teacher says --------------------------------------------------------------------- */

static const char *const known[] = { "a", "b", "c", "d" };
static const char *const asked[] = { "c", "a" };

/* A model of four labels in the folder, for pictures of 8x8 with a mean and a deviation; its nodes
 * are called what made names look like. */
static struct infer_model *teacher_file(const struct made_folder *f, const char *name,
                                        enum data_task task, int color)
{
    struct data_prep prep = { .size = { 8, 8 }, .crop = 1, .color = color,
                              .mean = { 0.5, 0.4, 0.3 }, .std = { 0.25, 0.5, 0.2 } };
    char text[400];
    struct err err = { 0 };
    struct nn_graph *g;
    struct nn_params *p;
    struct infer_model *m;

    snprintf(text, sizeof text, "image = input shape=8x8x%d\n"
             "c = conv2d image channels=6 size=3 pad=1\nbatchnorm5 = batchnorm c\n"
             "resize6 = relu batchnorm5\nm = meanpool resize6\n"
             "fc = linear m width=4 bias=true\noutput logits = fc\n",
             color == DATA_GREY ? 1 : 3);
    g = nn_graph_read(text, strlen(text), 0, NULL, &err);
    p = g ? nn_params_new(g, false, &err) : NULL;
    assert_non_null(p);
    nn_params_init(p, g, 3);
    for (int64_t i = 0; i < p->total; i++)
        p->value[i] *= 3; /* sure of something */
    m = infer_model_new(g, p, &prep, task, 4, known, "tiny", &err);
    assert_non_null(m);
    assert_true(infer_model_write(m, made_path(f, name), NULL, &err));
    return m;
}

static struct data_index student_of(int n, const char *const *label, enum data_task task)
{
    return (struct data_index){ .task = task, .label = (const char **)(uintptr_t)label,
                                .n_labels = n };
}

static struct train_teacher_options options(const struct made_folder *f, const char *name,
                                            const struct data_index *x,
                                            const struct data_prep *prep)
{
    return (struct train_teacher_options){ .path = made_path(f, name), .data = x, .prep = prep,
                                           .temperature = 1, .batch = BATCH, .threads = 2,
                                           .precision = NN_PRECISION_FP32, .isa = "auto" };
}

static void it_says_what_predict_says(void **state)
{
    struct made_folder f;
    struct infer_model *m;
    struct data_index x = student_of(4, known, DATA_SINGLE);
    float image[BATCH * 8 * 8 * 3], said[BATCH * 4], probability[BATCH * 4];
    struct train_teacher_options how;
    struct infer_predictor *q;
    struct train_teacher *t;
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    m = teacher_file(&f, "m.safetensors", DATA_SINGLE, DATA_RGB);
    how = options(&f, "m.safetensors", &x, &m->prep);
    fill(image, BATCH * 8 * 8 * 3, 9);
    t = train_teacher_open(&how, &err);
    q = infer_predictor_new(m->graph, m->params, m->task, NULL, BATCH, 1, "auto", &err);
    assert_true(t && q);
    train_teacher_say(t, BATCH, image, said);
    infer_predict(q, BATCH, image, probability);
    assert_memory_equal(said, probability, sizeof said);
    train_teacher_free(t);
    /* Half the logits, and the two labels that are asked for alone. */
    x = student_of(2, asked, DATA_SINGLE);
    how.temperature = 2;
    t = train_teacher_open(&how, &err);
    assert_non_null(t);
    train_teacher_say(t, BATCH, image, said);
    for (int i = 0; i < BATCH; i++) {
        double c = sqrt((double)probability[4 * i + 2]), a = sqrt((double)probability[4 * i]);

        assert_true(fabs((double)said[2 * i] - c / (a + c)) < 1e-5);
        assert_true(fabs((double)said[2 * i + 1] - a / (a + c)) < 1e-5);
    }
    assert_true(train_teacher_bytes(t) > 0);
    train_teacher_free(t);
    infer_predictor_free(q);
    infer_model_free(m);
    made_close(&f);
}

/* Pictures twice as large, in which four pixels each are alike, normalised otherwise. */
static void it_sees_the_students_pixels(void **state)
{
    struct made_folder f;
    struct infer_model *m;
    struct data_index x = student_of(4, known, DATA_SINGLE);
    struct data_prep prep = { .size = { 16, 16 }, .crop = 1, .mean = { 0.1, 0.2, 0.3 },
                              .std = { 0.3, 0.2, 0.1 } };
    static float image[BATCH * 16 * 16 * 3], own[BATCH * 8 * 8 * 3];
    float said[BATCH * 4], probability[BATCH * 4];
    struct train_teacher_options how;
    struct infer_predictor *q;
    struct train_teacher *t;
    struct str text = { 0 };
    struct err err = { 0 };

    (void)state;
    made_open(&f);
    m = teacher_file(&f, "m.safetensors", DATA_SINGLE, DATA_RGB);
    how = options(&f, "m.safetensors", &x, &prep);
    fill(own, BATCH * 8 * 8 * 3, 9);
    for (int i = 0; i < BATCH * 16 * 16 * 3; i++) {
        int c = i % 3, column = i / 3 % 16, row = i / 48 % 16, picture = i / 768;
        double pixel = (double)own[((picture * 8 + row / 2) * 8 + column / 2) * 3 + c] *
                       m->prep.std[c] + m->prep.mean[c];

        image[i] = (float)((pixel - prep.mean[c]) / prep.std[c]);
    }
    t = train_teacher_open(&how, &err);
    q = infer_predictor_new(m->graph, m->params, m->task, NULL, BATCH, 1, "auto", &err);
    assert_true(t && q);
    train_teacher_say(t, BATCH, image, said);
    infer_predict(q, BATCH, own, probability);
    for (int i = 0; i < BATCH * 4; i++)
        assert_true(fabsf(said[i] - probability[i]) < 1e-4f);
    train_teacher_tell(t, &text);
    assert_non_null(strstr(str_text(&text), "sees pictures of 8x8, made of those of 16x16"));
    assert_true(train_teacher_see(t, 5, 7, &err));
    train_teacher_say(t, BATCH, image, said);
    assert_false(train_teacher_see(t, 17, 16, &err));
    assert_non_null(strstr(err.msg, "--size 16, or less"));
    str_release(&text);
    train_teacher_free(t);
    infer_predictor_free(q);
    infer_model_free(m);
    made_close(&f);
}

static void who_cannot_teach_is_refused(void **state)
{
    static const char *const other[] = { "a", "z" };
    struct data_index one = student_of(2, asked, DATA_SINGLE), some = one, odd = one;
    const struct {
        const char *file;
        const struct data_index *x;
        const char *why;
    } cases[] = { { "one", &some, "one label a picture, and the pictures have several" },
                  { "one", &odd, "does not know the label \"z\"" },
                  { "grey", &one, "--channels grey" },
                  { "none", &one, "none" } };
    struct data_prep prep = { .size = { 8, 8 }, .crop = 1, .std = { 1, 1, 1 } };
    struct made_folder f;

    (void)state;
    some.task = DATA_MULTI;
    odd.label = (const char **)(uintptr_t)other;
    made_open(&f);
    infer_model_free(teacher_file(&f, "one", DATA_SINGLE, DATA_RGB));
    infer_model_free(teacher_file(&f, "grey", DATA_SINGLE, DATA_GREY));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct train_teacher_options how = options(&f, cases[i].file, cases[i].x, &prep);
        struct err err = { 0 };

        assert_null(train_teacher_open(&how, &err));
        if (!strstr(err.msg, cases[i].why) || !strstr(err.msg, cases[i].file))
            fail_msg("%s", err.msg);
    }
    made_close(&f);
}

/* ---- trainings ------------------------------------------------------------------------------- */

/* A teacher that has learnt it; pictures without labels beside, one of which is checked with. */
static void school(const struct made_folder *f, struct train_cfg *cfg, char path[2][512])
{
    struct train_cfg first = config();
    struct told told = { 0 };
    size_t size;
    uint8_t *bytes;
    struct err err = { 0 };

    draw_set(f, 12, 4, SIDE);
    for (int label = 0; label < CLASSES; label++)
        for (int i = 0; i < 5; i++)
            draw(f, ".more", label, 100 + i, SIDE);
    bytes = file_read(made_path(f, "val/c0/012.png"), 1 << 20, &size, &err);
    assert_non_null(bytes);
    assert_true(file_replace(made_path(f, ".more/copy.png"), bytes, size, &err));
    free(bytes);
    must_train(f, "teacher", &first, &told);
    snprintf(path[0], 512, "%s/teacher/" TRAIN_BEST, f->path);
    snprintf(path[1], 512, "%s/.more", f->path);
    *cfg = config();
    cfg->teacher = path[0];
    cfg->unlabelled = path[1];
    cfg->augment = "light,mixup:0.2";
    cfg->seed = 5;
}

static void a_student_resumes_bitwise_on_any_threads(void **state)
{
    struct made_folder f;
    struct train_cfg cfg, whole_cfg;
    struct told whole = { 0 };
    char path[2][512];

    (void)state;
    made_open(&f);
    school(&f, &cfg, path);
    whole_cfg = cfg;
    must_train(&f, "whole", &whole_cfg, &whole);
    assert_int_equal(whole.unlabelled, 10);
    assert_int_equal(whole.copies, 1);
    assert_non_null(strstr(whole.teacher_note, "resnet_small, 2 labels"));
    for (int stop_at = 1; stop_at < whole.step; stop_at += 3) {
        struct train_cfg first = cfg, second = cfg;
        struct told told = { .stop_at = stop_at }, on = { .resume = true };
        struct err err = { 0 };
        char out[32];

        snprintf(out, sizeof out, "cut-%d", stop_at);
        first.threads = 3;
        assert_false(train(&f, ".", out, &first, &told, &err));
        assert_int_equal(err.kind, ERR_CANCELLED);
        must_train(&f, out, &second, &on);
        assert_same_training(&f, "whole", out);
    }
    made_close(&f);
}

/* By labels alone, by the teacher alone, and with pictures that grow. */
static void what_is_learnt_depends_on_the_teacher(void **state)
{
    struct made_folder f;
    struct train_cfg cfg, labels, teacher, grown;
    struct told told[3] = { { 0 } };
    char path[2][512];
    struct infer_model *a, *b;

    (void)state;
    made_open(&f);
    school(&f, &cfg, path);
    cfg.unlabelled = NULL;
    labels = teacher = grown = cfg;
    labels.teacher_share = 0;
    teacher.teacher_share = 1;
    grown.progressive = 0.5;
    must_train(&f, "labels", &labels, &told[0]);
    must_train(&f, "taught", &teacher, &told[1]);
    must_train(&f, "grown", &grown, &told[2]);
    assert_false(*told[0].teacher_note);
    assert_true(*told[1].teacher_note && *told[2].sizes);
    a = open_model(&f, "labels", "last");
    b = open_model(&f, "taught", "last");
    assert_true(memcmp(a->params->value, b->params->value,
                       (size_t)a->params->total * sizeof(real)) != 0);
    infer_model_free(a);
    infer_model_free(b);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_is_hintons),
        cmocka_unit_test(without_a_label_the_teacher_is_right),
        cmocka_unit_test(it_says_what_predict_says),
        cmocka_unit_test(it_sees_the_students_pixels),
        cmocka_unit_test(who_cannot_teach_is_refused),
        cmocka_unit_test(a_student_resumes_bitwise_on_any_threads),
        cmocka_unit_test(what_is_learnt_depends_on_the_teacher),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
