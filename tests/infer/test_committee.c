/* committee: several networks and views answer as their mean, and one as itself */
#include "tests/infer/tiny.h"

#include "infer/committee.h"

enum { N = 9, BAD = 4, LABELS = 3 };

static const char *const abc[] = { "a", "b", "c" }, *const cab[] = { "c", "a", "b" };
static const char *const paths[] = { "one", "two", "three" };

struct set {
    struct made_folder f;
    char path[N][96];
    struct data_sample sample[N];
    struct data_index x;
};

/* Pictures of several shapes, of which number BAD is none. */
static void set_open(struct set *s)
{
    memset(s, 0, sizeof *s);
    made_open(&s->f);
    for (int i = 0; i < N; i++) {
        char name[16];

        snprintf(name, sizeof name, "%d.jpg", i);
        snprintf(s->path[i], sizeof s->path[i], "%s", made_path(&s->f, name));
        if (i == BAD)
            made_text(&s->f, name, "no picture");
        else
            made_keep_jpeg(&s->f, name, made_scene(20 + 3 * i, 40 - 2 * i, (uint64_t)i), 90);
        s->sample[i] = (struct data_sample){ .path = s->path[i], .name = s->path[i],
                                             .label = i % LABELS };
    }
    s->x = (struct data_index){ .task = DATA_SINGLE, .label = (const char **)(uintptr_t)abc,
                                .n_labels = LABELS, .sample = s->sample, .n = N };
}

static struct infer_model *model(int side, uint64_t seed, enum data_task task,
                                 enum data_resize resize, int n, const char *const *label)
{
    struct data_prep prep = { .size = { side, side }, .resize = resize, .crop = 0.9,
                              .mean = { 0.4, 0.5, 0.6 }, .std = { 0.25, 0.2, 0.3 },
                              .background = { 255, 255, 255 } };
    char text[400];
    struct err err = { 0 };
    struct nn_graph *g;
    struct nn_params *p;
    struct infer_model *m;

    /* Left and right must differ in what it says: no mean over all places. */
    snprintf(text, sizeof text, "image = input shape=%dx%dx3\n"
             "c1 = conv2d image channels=4 size=3 stride=2 pad=1\nb1 = batchnorm c1\n"
             "r1 = relu b1\np1 = maxpool r1 size=4 stride=4\nf = flatten p1\n"
             "fc = linear f width=%d bias=true\noutput logits = fc\n", side, side, n);
    g = nn_graph_read(text, strlen(text), 0, NULL, &err);
    p = g ? nn_params_new(g, false, &err) : NULL;
    if (!p)
        fail_msg("%s", err.msg);
    nn_params_init(p, g, seed);
    m = infer_model_new(g, p, &prep, task, n, label, "tiny", &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

static struct infer_committee *committee(int n, struct infer_model *const *m, int views, int batch,
                                         int threads)
{
    struct err err = { 0 };
    struct infer_committee *c = infer_committee_new(
        n, m, paths, &(struct infer_committee_options){ .batch = batch, .threads = threads,
                                                        .views = views }, &err);

    if (!c)
        fail_msg("%s", err.msg);
    return c;
}

/* [N,LABELS], NAN where there is no answer; checks that the order is the index's. */
struct row {
    int next;
    float p[N * LABELS];
};

static bool note(void *ctx, const struct infer_said *said)
{
    struct row *r = ctx;

    assert_int_equal(said->sample, r->next);
    assert_true((said->why != NULL) == (said->sample == BAD));
    for (int l = 0; l < LABELS; l++)
        r->p[r->next * LABELS + l] = said->why ? NAN : said->probability[l];
    if (said->why)
        assert_non_null(strstr(said->why->msg, "4.jpg"));
    r->next++;
    return true;
}

static void go(const struct set *s, struct infer_committee *c, int threads, struct row *r)
{
    struct err err = { 0 };

    r->next = 0;
    if (!infer_committee_each(c, &s->x, &(struct infer_evaluate_options){ .threads = threads },
                              note, r, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(r->next, N);
}

static void one_network_with_one_view_is_the_predictor(void **state)
{
    struct set s;
    struct infer_model *m = model(16, 1, DATA_SINGLE, DATA_CROP, LABELS, abc);
    struct infer_committee *c = committee(1, &m, INFER_VIEWS_ONE, 4, 1);
    struct infer_evaluate_options how = { .threads = 2 };
    struct infer_predictor *q;
    struct infer_answers a, b;
    struct err err = { 0 };

    (void)state;
    set_open(&s);
    q = infer_predictor_new(m->graph, m->params, m->task, NULL, 3, 1, NULL, &err);
    assert_non_null(q);
    assert_true(infer_answer(q, &s.x, &m->prep, &how, &a, &err));
    assert_true(infer_committee_answer(c, &s.x, &how, &b, &err));
    assert_int_equal(a.n, N - 1);
    assert_int_equal(b.n, N - 1);
    assert_memory_equal(a.probability, b.probability, sizeof(float) * (N - 1) * LABELS);
    assert_memory_equal(a.sample, b.sample, sizeof *a.sample * (N - 1));
    assert_memory_equal(a.truth, b.truth, sizeof *a.truth * (N - 1));
    infer_answers_release(&a);
    infer_answers_release(&b);
    infer_predictor_free(q);
    infer_committee_free(c);
    infer_model_free(m);
    made_close(&s.f);
}

/* A picture alone, decoded or not, in an index, in any batch, on any threads. */
static void a_picture_has_one_answer(void **state)
{
    static struct row want, got;
    struct set s;
    struct infer_model *m[] = { model(16, 1, DATA_SINGLE, DATA_CROP, LABELS, abc),
                                model(24, 2, DATA_SINGLE, DATA_LETTERBOX, LABELS, cab) };
    struct err err = { 0 };

    (void)state;
    set_open(&s);
    for (int views = 0; infer_views_names[views]; views++) {
        struct infer_committee *c = committee(2, m, views, 1, 1);

        go(&s, c, 1, &want);
        for (int batch = 1; batch < 12; batch += 5) {
            assert_true(infer_committee_batch(c, batch, &err));
            go(&s, c, 1 + batch % 3, &got);
            assert_memory_equal(&want, &got, sizeof want);
        }
        infer_committee_free(c);
        c = committee(2, m, views, 2, 3);
        for (int i = 0; i < N; i++) {
            struct data_image image;
            struct infer_said said;

            if (i == BAD) {
                assert_false(infer_committee_sample(c, &s.sample[i], NULL, 0, NULL, &said, &err));
                assert_int_equal(err.kind, ERR_INPUT);
                continue;
            }
            assert_true(infer_committee_sample(c, &s.sample[i], NULL, 0, NULL, &said, &err));
            assert_memory_equal(said.probability, want.p + i * LABELS, LABELS * sizeof(float));
            assert_true(data_sample_image(&s.sample[i], NULL, &image, &err));
            assert_true(infer_committee_image(c, &image, &said, &err));
            assert_memory_equal(said.probability, want.p + i * LABELS, LABELS * sizeof(float));
            data_image_release(&image);
        }
        infer_committee_free(c);
    }
    infer_model_free(m[0]);
    infer_model_free(m[1]);
    made_close(&s.f);
}

static void networks_answer_as_their_mean_by_name(void **state)
{
    static struct row one[2], both;
    struct set s;
    struct infer_model *m[] = { model(16, 1, DATA_SINGLE, DATA_CROP, LABELS, abc),
                                model(24, 2, DATA_SINGLE, DATA_SQUASH, LABELS, cab) };
    struct infer_committee *c;

    (void)state;
    set_open(&s);
    for (int i = 0; i < 2; i++) {
        c = committee(1, &m[i], INFER_VIEWS_ONE, 4, 1);
        go(&s, c, 1, &one[i]);
        infer_committee_free(c);
    }
    c = committee(2, m, INFER_VIEWS_ONE, 4, 1);
    go(&s, c, 1, &both);
    for (int i = 0; i < N; i++)
        for (int l = 0; i != BAD && l < LABELS; l++) {
            double p = one[0].p[i * LABELS + l], q = one[1].p[i * LABELS + (l + 1) % LABELS];

            assert_true(fabs(p - q) > 1e-5);
            assert_true(both.p[i * LABELS + l] == (float)((p + q) / 2));
        }
    infer_committee_free(c);
    infer_model_free(m[0]);
    infer_model_free(m[1]);
    made_close(&s.f);
}

/* The mean over what the predictor says to views made by hand. */
static void move_by_hand(const float *from, int by, float *to)
{
    for (int i = 0; i < 16 * 16 * 3; i++) {
        int y = i / 48 - by, x = i / 3 % 16 - by;

        y = y < 0 ? 0 : y > 15 ? 15 : y;
        x = x < 0 ? 0 : x > 15 ? 15 : x;
        to[i] = from[48 * y + 3 * x + i % 3];
    }
}

static void views_are_mirrored_and_nearer_or_moved(void **state)
{
    /* Pairs with their mirror images: as it is, nearer, up and left, down and right. */
    static const int weight[][8] = { { 1 }, { 1, 1 }, { 1, 1, 1, 1 },
                                     { 2, 2, 0, 0, 1, 1, 1, 1 } };
    static float pixels[8][16 * 16 * 3];
    struct err err = { 0 };

    (void)state;
    for (int resize = DATA_CROP; resize <= DATA_LETTERBOX; resize++) {
        struct infer_model *m = model(16, 1, DATA_SINGLE, (enum data_resize)resize, LABELS, abc);
        struct infer_predictor *q =
            infer_predictor_new(m->graph, m->params, m->task, NULL, 8, 1, NULL, &err);
        struct data_image image = made_scene(40, 28, 5);
        struct data_view v;
        uint8_t rgb[16 * 16 * 3];
        float p[8 * LABELS], logits[LABELS];
        struct infer_said said;

        assert_true(data_prep_apply(&m->prep, &image, pixels[0], &err));
        data_prep_view(&m->prep, &image, &v);
        v.x += v.w / 16;
        v.y += v.h / 16;
        v.w *= 0.875;
        v.h *= 0.875;
        assert_true(data_prep_view_pixels(&m->prep, &image, &v, rgb, &err));
        data_prep_normalize(&m->prep, rgb, 16 * 16 * 3, pixels[2]);
        move_by_hand(pixels[0], -1, pixels[4]);
        move_by_hand(pixels[0], 1, pixels[6]);
        for (int k = 0; k < 8; k += 2)
            for (int i = 0; i < 16 * 16 * 3; i++)
                pixels[k + 1][i] = pixels[k][i / 48 * 48 + (15 - i / 3 % 16) * 3 + i % 3];
        infer_predict(q, 8, pixels[0], p);
        infer_predictor_logits(q, 1, logits);
        for (int views = 0; infer_views_names[views]; views++) {
            struct infer_committee *c = committee(1, &m, views, 1, 1);

            assert_true(infer_committee_image(c, &image, &said, &err));
            assert_memory_equal(said.input, pixels[0], sizeof pixels[0]);
            assert_memory_equal(said.logits, logits, sizeof logits);
            for (int l = 0; l < LABELS; l++) {
                double sum = 0;
                int n = 0;

                for (int k = 0; k < 8; k++) {
                    sum += weight[views][k] * (double)p[k * LABELS + l];
                    n += weight[views][k];
                }
                assert_true(said.probability[l] == (float)(sum / n));
                assert_true(n == 1 || said.probability[l] != p[l]);
            }
            infer_committee_free(c);
        }
        data_image_release(&image);
        infer_predictor_free(q);
        infer_model_free(m);
    }
}

/* A background is part of a preparation: what is transparent each network sees on its own. */
static void each_network_has_its_own_background(void **state)
{
    static const uint8_t clear[4 * 4 * 4];
    struct infer_model *m[] = { model(16, 1, DATA_SINGLE, DATA_CROP, LABELS, abc),
                                model(16, 2, DATA_SINGLE, DATA_CROP, LABELS, abc) };
    struct data_sample s = { .path = "clear.png", .name = "clear.png" };
    struct infer_committee *c;
    struct infer_said said;
    struct err err = { 0 };
    float p[3][LABELS];
    size_t size;
    uint8_t *png = made_png(4, 4, 8, 6, clear, 16, NULL, 0, &size);

    (void)state;
    memset(m[1]->prep.background, 0, sizeof m[1]->prep.background);
    for (int i = 0; i < 3; i++) {
        c = i < 2 ? committee(1, &m[i], INFER_VIEWS_ONE, 1, 1)
                  : committee(2, m, INFER_VIEWS_ONE, 1, 1);
        assert_true(infer_committee_sample(c, &s, png, size, NULL, &said, &err));
        memcpy(p[i], said.probability, sizeof p[i]);
        infer_committee_free(c);
    }
    for (int l = 0; l < LABELS; l++)
        assert_true(p[2][l] == (float)(((double)p[0][l] + p[1][l]) / 2));
    free(png);
    infer_model_free(m[0]);
    infer_model_free(m[1]);
}

static void fails(struct infer_model *a, struct infer_model *b, const char *word)
{
    struct infer_model *m[] = { a, b };
    struct err err = { 0 };

    assert_null(infer_committee_new(
        2, m, paths, &(struct infer_committee_options){ .batch = 1, .threads = 1 }, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    if (!strstr(err.msg, word) || !strstr(err.msg, "one") || !strstr(err.msg, "two"))
        fail_msg("\"%s\" lacks \"%s\"", err.msg, word);
    infer_model_free(b);
}

static void what_differs_is_named(void **state)
{
    static const char *const abd[] = { "a", "b", "d" };
    struct infer_model *m = model(16, 1, DATA_SINGLE, DATA_CROP, LABELS, abc);

    (void)state;
    fails(m, model(16, 1, DATA_MULTI, DATA_CROP, LABELS, abc), "any number of labels");
    fails(m, model(16, 1, DATA_SINGLE, DATA_CROP, 2, abc), "knows 2 labels");
    fails(m, model(16, 1, DATA_SINGLE, DATA_CROP, LABELS, abd), "\"c\"");
    infer_model_free(m);
}

static bool third(void *ctx, const struct infer_said *said)
{
    (void)said;
    return ++*(int *)ctx < 3;
}

static void it_ends_when_it_is_told_to(void **state)
{
    struct set s;
    struct infer_model *m = model(16, 1, DATA_SINGLE, DATA_CROP, LABELS, abc);
    struct infer_committee *c = committee(1, &m, INFER_VIEWS_ONE, 2, 1);
    struct err err = { 0 };
    int n = 0;

    (void)state;
    set_open(&s);
    assert_true(infer_committee_each(c, &s.x, &(struct infer_evaluate_options){ .threads = 2 },
                                     third, &n, &err));
    assert_int_equal(n, 3);
    infer_committee_free(c);
    infer_model_free(m);
    made_close(&s.f);
}

/* The mean would hide which of them it is. */
static void answers_that_are_no_finite_numbers_name_their_model(void **state)
{
    struct set s;
    struct infer_model *m[] = { model(16, 1, DATA_SINGLE, DATA_CROP, LABELS, abc),
                                model(24, 2, DATA_SINGLE, DATA_LETTERBOX, LABELS, cab) };
    struct infer_evaluate_options how = { .threads = 1 };
    struct infer_predictor *q;
    struct infer_answers a;
    struct err err = { 0 };

    (void)state;
    set_open(&s);
    tiny_overflow(m[1]);
    for (int views = 0; infer_views_names[views]; views++) {
        struct infer_committee *c = committee(2, m, views, 3, 1);

        err = (struct err){ 0 };
        assert_false(infer_committee_answer(c, &s.x, &how, &a, &err));
        assert_int_equal(err.kind, ERR_INPUT);
        assert_non_null(strstr(err.msg, "0.jpg: what two says of it is no finite number"));
        infer_committee_free(c);
    }

    /* A training looks on, and takes them as 0. */
    q = infer_predictor_new(m[1]->graph, m[1]->params, m[1]->task, NULL, 3, 1, NULL, &err);
    assert_true(infer_answer(q, &s.x, &m[1]->prep, &how, &a, &err));
    assert_true(infer_answers_p(&a, 0, 0) == 0);
    infer_answers_release(&a);
    how.model = "of this name";
    assert_false(infer_answer(q, &s.x, &m[1]->prep, &how, &a, &err));
    assert_non_null(strstr(err.msg, "0.jpg: what of this name says of it is no finite number"));
    infer_predictor_free(q);
    infer_model_free(m[0]);
    infer_model_free(m[1]);
    made_close(&s.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_network_with_one_view_is_the_predictor),
        cmocka_unit_test(a_picture_has_one_answer),
        cmocka_unit_test(networks_answer_as_their_mean_by_name),
        cmocka_unit_test(views_are_mirrored_and_nearer_or_moved),
        cmocka_unit_test(each_network_has_its_own_background),
        cmocka_unit_test(what_differs_is_named),
        cmocka_unit_test(it_ends_when_it_is_told_to),
        cmocka_unit_test(answers_that_are_no_finite_numbers_name_their_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
