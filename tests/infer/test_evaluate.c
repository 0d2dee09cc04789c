/* evaluate: figures are those of the pictures, however they are read and run */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/eval/evaluate.h"
#include "nn/base/file.h"
#include "nn/model/model.h"

#include <math.h>
#include <unistd.h>

enum { N = 11, SIDE = 32, LABELS = 3 };

struct set {
    char folder[64];
    char path[N][80];
    struct data_sample sample[N];
    struct data_index x;
    struct nn_graph *g;
    struct nn_params *p;
    struct data_prep prep;
};

static const char *const names[] = { "a", "b", "c" };

/* N pictures of noise, and a network with random weights. */
static int setup(void **state)
{
    struct set *s = calloc(1, sizeof *s);
    struct nn_model_args args = { .height = SIDE, .width = SIDE, .channels = 3, .labels = LABELS };
    char folder[] = "/tmp/discern-evaluate-XXXXXX";
    uint8_t pixel[SIDE * SIDE * 3];
    struct err err = { 0 };

    if (!s)
        return -1;
    assert_non_null(mkdtemp(folder));
    memcpy(s->folder, folder, sizeof folder);
    for (int i = 0; i < N; i++) {
        struct data_image image = { .width = SIDE, .height = SIDE, .pixel = pixel };

        for (uint64_t k = 0; k < sizeof pixel; k++)
            pixel[k] = (uint8_t)rng_below(1, rng_stream(RNG_TEST, (uint32_t)i), k, 256);
        snprintf(s->path[i], sizeof s->path[i], "%s/%d.png", folder, i);
        assert_true(data_image_write_png(s->path[i], &image, &err));
        s->sample[i] = (struct data_sample){ .path = s->path[i], .name = s->path[i],
                                             .label = i % LABELS };
    }
    s->x = (struct data_index){ .task = DATA_SINGLE, .label = (const char **)(uintptr_t)names,
                                .n_labels = LABELS, .sample = s->sample, .n = N };
    s->prep = (struct data_prep){ .size = { SIDE, SIDE }, .crop = 1, .mean = { 0.5, 0.5, 0.5 },
                                  .std = { 0.25, 0.25, 0.25 } };
    s->g = nn_model_build(nn_model_find("resnet_small", &err), &args, &err);
    assert_non_null(s->g);
    s->p = nn_params_new(s->g, false, &err);
    assert_non_null(s->p);
    nn_params_init(s->p, s->g, 1);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct set *s = *state;

    for (int i = 0; i < N; i++)
        unlink(s->path[i]);
    rmdir(s->folder);
    nn_params_free(s->p);
    nn_graph_free(s->g);
    free(s);
    return 0;
}

struct bad {
    int n;
    const struct data_sample *last;
};

static void on_bad(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct bad *b = ctx;

    assert_int_equal(why->kind, ERR_INPUT);
    b->n++;
    b->last = sample;
}

static bool evaluate(const struct set *s, const struct data_index *x, int batch, int threads,
                     struct bad *bad, struct infer_figures *f, struct err *err)
{
    struct infer_predictor *q =
        infer_predictor_new(s->g, s->p, x->task, NULL, batch, threads, NULL, err);
    bool ok;

    assert_non_null(q);
    ok = infer_evaluate(q, x, &s->prep,
                        &(struct infer_evaluate_options){
                            .threads = threads, .bad = on_bad, .bad_ctx = bad },
                        f, err);
    infer_predictor_free(q);
    return ok;
}

static void figures_do_not_depend_on_batch_or_threads(void **state)
{
    const struct set *s = *state;
    static const int ways[][2] = { { 4, 1 }, { 1, 2 }, { 11, 3 }, { 64, 2 } };
    struct infer_figures one, f;
    struct bad bad = { 0 };
    struct err err = { 0 };

    assert_true(evaluate(s, &s->x, 1, 1, &bad, &one, &err));
    assert_int_equal(one.n, N);
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        assert_true(evaluate(s, &s->x, ways[w][0], ways[w][1], &bad, &f, &err));
        assert_memory_equal(&f.log_loss, &one.log_loss, sizeof f.log_loss);
        assert_memory_equal(&f.ece, &one.ece, sizeof f.ece);
        assert_memory_equal(f.confusion, one.confusion, LABELS * LABELS * sizeof *f.confusion);
        infer_figures_release(&f);
    }
    assert_int_equal(bad.n, 0);
    infer_figures_release(&one);
}

static void bad_pictures_are_reported_and_left_out(void **state)
{
    struct set *s = *state;
    struct infer_figures f, without;
    struct bad bad = { 0 };
    struct err err = { 0 };
    struct data_index less = s->x;

    less.n = N - 1;
    assert_true(evaluate(s, &less, 4, 2, &bad, &without, &err));
    assert_true(file_replace(s->path[N - 1], "text", 4, &err));
    assert_true(evaluate(s, &s->x, 4, 2, &bad, &f, &err));
    assert_int_equal(bad.n, 1);
    assert_ptr_equal(bad.last, &s->sample[N - 1]);
    assert_int_equal(f.n, N - 1);
    assert_memory_equal(&f.log_loss, &without.log_loss, sizeof f.log_loss);
    infer_figures_release(&f);
    infer_figures_release(&without);
}

static void answers_tell_which_picture_they_are_of(void **state)
{
    struct set *s = *state;
    struct infer_predictor *q;
    struct infer_answers a;
    struct infer_figures f, same;
    struct bad bad = { 0 };
    struct err err = { 0 };
    static const int bad_one = 4;

    assert_true(file_replace(s->path[bad_one], "text", 4, &err));
    assert_true(evaluate(s, &s->x, 4, 2, &bad, &f, &err));
    q = infer_predictor_new(s->g, s->p, s->x.task, NULL, 4, 2, NULL, &err);
    assert_true(infer_answer(q, &s->x, &s->prep, &(struct infer_evaluate_options){ .threads = 2 },
                             &a, &err));
    assert_int_equal(a.n, N - 1);
    for (int i = 0; i < a.n; i++) {
        assert_int_equal(a.sample[i], i < bad_one ? i : i + 1);
        assert_int_equal(a.truth[i], a.sample[i] % LABELS);
    }
    assert_true(infer_figures(&a, &same, &err));
    assert_memory_equal(&f.log_loss, &same.log_loss, sizeof f.log_loss);
    infer_figures_release(&f);
    infer_figures_release(&same);
    infer_answers_release(&a);
    infer_predictor_free(q);
}

static void nothing_readable_is_input_error(void **state)
{
    struct set *s = *state;
    struct infer_figures f = { 0 };
    struct bad bad = { 0 };
    struct err err = { 0 };

    for (int i = 0; i < N; i++)
        assert_true(file_replace(s->path[i], "text", 4, &err));
    assert_false(evaluate(s, &s->x, 4, 2, &bad, &f, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_int_equal(bad.n, N);
    assert_null(f.label);
}

static void other_labels_are_input_error(void **state)
{
    struct set *s = *state;
    struct data_index x = s->x;
    struct infer_figures f;
    struct bad bad = { 0 };
    struct err err = { 0 };

    x.n_labels = 2;
    assert_false(evaluate(s, &x, 4, 1, &bad, &f, &err));
    assert_int_equal(err.kind, ERR_INPUT);
}

static void several_labels_with_unknown_ones(void **state)
{
    struct set *s = *state;
    static const int8_t mark[2][LABELS] = { { 1, 0, -1 }, { 0, 1, -1 } };
    struct infer_figures f;
    struct bad bad = { 0 };
    struct err err = { 0 };
    struct data_index x = s->x;

    x.task = DATA_MULTI;
    for (int i = 0; i < N; i++)
        s->sample[i].mark = mark[i % 2];
    assert_true(evaluate(s, &x, 4, 2, &bad, &f, &err));
    assert_int_equal(f.n, N);
    assert_int_equal(f.label[0].support, 6);
    assert_int_equal(f.label[1].support, 5);
    assert_true(isnan(f.label[2].ap));
    assert_true(f.mean_ap > 0 && f.mean_ap <= 1);
    infer_figures_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(figures_do_not_depend_on_batch_or_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_pictures_are_reported_and_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_tell_which_picture_they_are_of, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_readable_is_input_error, setup, teardown),
        cmocka_unit_test_setup_teardown(other_labels_are_input_error, setup, teardown),
        cmocka_unit_test_setup_teardown(several_labels_with_unknown_ones, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
