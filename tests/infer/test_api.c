/*
 * api: libdiscern answers as the predictor does, to the bit, and says what is wrong
 */
#include "tests/infer/tiny.h"

#include "infer/discern.h"
#include "data/sandbox.h"
#include "infer/predict.h"

#include <locale.h>
#include <pthread.h>
#include <sys/resource.h>

enum { PATHS = TINY_PICTURES + 2 };     /* the last two: broken, and not there */

static struct made_folder folder;
static char path[PATHS][96];
static const char *paths[PATHS];

static int set_up(void **state)
{
    (void)state;
    tiny_open(&folder);
    for (int i = 0; i < PATHS; i++) {
        snprintf(path[i], sizeof path[i], "%s/%d.jpg", folder.path, i);
        paths[i] = path[i];
    }
    made_text(&folder, "9.jpg", "no picture at all");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    made_close(&folder);
    return 0;
}

static const char *in(const char *name)
{
    return made_path(&folder, name);
}

static discern_model *opened(const char *name)
{
    discern_error e = { 0 };
    discern_model *m = discern_open(in(name), NULL, &e);

    if (!m)
        fail_msg("%s", e.message);
    assert_int_equal(e.status, DISCERN_OK);
    return m;
}

static discern_session *session(const discern_model *m, const discern_session_options *o)
{
    discern_error e = { 0 };
    discern_session *s = discern_session_new(m, o, &e);

    if (!s)
        fail_msg("%s", e.message);
    return s;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* What the predictor says of a picture, by the road of evaluation's parts. */
static void expected(const char *model, const char *file, float *probability, float *input)
{
    struct err err = { 0 };
    struct infer_model *m = infer_model_open(in(model), &err);
    struct infer_predictor *q =
        infer_predictor_new(m->graph, m->params, m->task, NULL, 1, 1, NULL, &err);
    struct data_sample sample = { .path = file, .name = file };
    struct data_decode how = data_decode_default;
    struct data_image image;

    data_prep_decode(&m->prep, &how);
    assert_true(data_sample_image(&sample, &how, &image, &err));
    assert_true(data_prep_apply(&m->prep, &image, input, &err));
    infer_predict(q, 1, input, probability);
    data_image_release(&image);
    infer_predictor_free(q);
    infer_model_free(m);
}

static void check_guesses(const discern_model *m, const discern_guess *guess, int n,
                          const float *probability)
{
    for (int k = 0; k < n; k++) {
        assert_memory_equal(&guess[k].probability, &probability[guess[k].index], sizeof(float));
        assert_ptr_equal(guess[k].label, discern_label(m, guess[k].index));
        assert_true(k == 0 || guess[k].probability <= guess[k - 1].probability);
    }
}

struct seen {
    const discern_model *m;
    const char *model;
    int n, broken, stop_at;
};

static int on_answer(void *ctx, const discern_answer *a)
{
    struct seen *seen = ctx;
    float probability[TINY_LABELS], input[TINY_SIDE * TINY_SIDE * 3];

    assert_int_equal(a->file, seen->n);
    seen->n++;
    if (a->status) {
        seen->broken++;
        assert_int_equal(a->status, DISCERN_INPUT);
        assert_non_null(strstr(a->message, folder.path));
        assert_true(a->n == 0 && !a->guess && !a->probability && !a->input);
    } else {
        expected(seen->model, path[a->file], probability, input);
        assert_memory_equal(a->probability, probability, sizeof probability);
        assert_memory_equal(a->input, input, sizeof input);
        assert_string_equal(a->message, "");
        check_guesses(seen->m, a->guess, a->n, probability);
    }
    return seen->n == seen->stop_at;
}

static void every_road_gives_the_predictors_bits(void **state)
{
    (void)state;
    for (int task = 0; task < 2; task++) {
        const char *model = task ? "many.safetensors" : "one.safetensors";
        discern_model *m = opened(model);
        discern_session_options o = { .size = sizeof o, .threads = 1 + task, .threshold = -1,
                                      .top = TINY_LABELS };
        discern_session *s = session(m, &o);
        float probability[TINY_LABELS], input[TINY_SIDE * TINY_SIDE * 3];

        for (int i = 0; i < TINY_PICTURES; i++) {
            discern_guess file[TINY_LABELS], memory[TINY_LABELS], pixels[TINY_LABELS];
            struct err err;
            size_t size;
            uint8_t *bytes = file_read(path[i], 1 << 20, &size, &err), *far;
            struct data_image image = made_decoded(bytes, size);
            ptrdiff_t row = 3 * image.width;

            expected(model, path[i], probability, input);
            assert_int_equal(discern_file(s, path[i], file, TINY_LABELS, NULL), TINY_LABELS);
            check_guesses(m, file, TINY_LABELS, probability);
            assert_int_equal(discern_memory(s, bytes, size, memory, TINY_LABELS, NULL),
                             TINY_LABELS);
            assert_memory_equal(memory, file, sizeof file);
            assert_int_equal(discern_pixels(s, image.pixel, image.width, image.height, row, pixels,
                                            TINY_LABELS, NULL), TINY_LABELS);
            assert_memory_equal(pixels, file, sizeof file);

            /* Rows from below, and far apart. */
            far = malloc((size_t)(row + 7) * (size_t)image.height);
            for (int y = 0; y < image.height; y++)
                memcpy(far + (row + 7) * (image.height - 1 - y), image.pixel + row * y,
                       (size_t)row);
            assert_int_equal(discern_pixels(s, far + (row + 7) * (image.height - 1), image.width,
                                            image.height, -(row + 7), pixels, TINY_LABELS, NULL),
                             TINY_LABELS);
            assert_memory_equal(pixels, file, sizeof file);
            free(far);
            free(bytes);
            data_image_release(&image);
        }
        discern_session_free(s);
        discern_close(m);
    }
}

static void files_are_answered_in_order_and_the_broken_named(void **state)
{
    discern_model *m = opened("one.safetensors");

    (void)state;
    for (int batch = 1; batch <= 16; batch += 5) {
        discern_session_options o = { .size = sizeof o, .threads = 2, .batch = batch };
        discern_session *s = session(m, &o);
        struct seen seen = { .m = m, .model = "one.safetensors" };

        assert_int_equal(discern_files(s, PATHS, paths, on_answer, &seen, NULL), 0);
        assert_int_equal(seen.n, PATHS);
        assert_int_equal(seen.broken, 2);
        seen = (struct seen){ .m = m, .model = "one.safetensors", .stop_at = 4 };
        assert_int_equal(discern_files(s, TINY_PICTURES, paths, on_answer, &seen, NULL), 0);
        assert_int_equal(seen.n, 4);
        seen = (struct seen){ .m = m, .model = "one.safetensors" };
        assert_int_equal(discern_files(s, 0, NULL, on_answer, &seen, NULL), 0);
        assert_int_equal(seen.n, 0);
        discern_session_free(s);
    }
    discern_close(m);
}

static int count_status(void *ctx, const discern_answer *a)
{
    ((int *)ctx)[a->status]++;
    return 0;
}

static void bytes_are_answered_with_all_that_is_known(void **state)
{
    discern_model *m = opened("one.safetensors");
    discern_session *s = session(m, NULL);
    struct seen seen = { .m = m, .model = "one.safetensors" };
    int count[6] = { 0 };
    struct err err;
    size_t size;
    uint8_t *bytes = file_read(path[0], 1 << 20, &size, &err);

    (void)state;
    assert_int_equal(discern_bytes(s, bytes, size, on_answer, &seen, NULL), 0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(discern_bytes(s, bytes, size / 2, count_status, count, NULL), 0);
    assert_int_equal(discern_bytes(s, bytes, 0, count_status, count, NULL), 0);
    assert_int_equal(count[DISCERN_INPUT], 2);
    free(bytes);
    discern_session_free(s);
    discern_close(m);
}

static void options_say_which_labels_are_told(void **state)
{
    discern_model *one = opened("one.safetensors"), *many = opened("many.safetensors");
    float p[TINY_LABELS], input[TINY_SIDE * TINY_SIDE * 3];
    discern_guess guess[TINY_LABELS];
    discern_session_options o = { .size = sizeof o };
    discern_session *s = session(one, &o);
    int half = 0, same = 0;

    (void)state;
    assert_int_equal(discern_file(s, path[1], guess, TINY_LABELS, NULL), 3);
    assert_int_equal(discern_file(s, path[1], guess, 2, NULL), 2);
    assert_int_equal(discern_file(s, path[1], NULL, 0, NULL), 0);
    discern_session_free(s);

    expected("many.safetensors", path[1], p, input);
    for (int i = 0; i < TINY_LABELS; i++)
        half += p[i] >= 0.5f;
    assert_in_range(half, 1, TINY_LABELS - 1);
    s = session(many, &o);
    assert_int_equal(discern_file(s, path[1], guess, TINY_LABELS, NULL), half);
    discern_session_free(s);
    o.threshold = -1;
    s = session(many, &o);
    assert_int_equal(discern_file(s, path[1], guess, TINY_LABELS, NULL), TINY_LABELS);
    discern_session_free(s);
    o.threshold = guess[1].probability;
    for (int i = 0; i < TINY_LABELS; i++)
        same += guess[i].probability >= o.threshold;
    s = session(many, &o);
    assert_int_equal(discern_file(s, path[1], guess, TINY_LABELS, NULL), same);
    discern_session_free(s);
    o.threshold = 1;
    s = session(one, &o);
    assert_int_equal(discern_file(s, path[1], guess, TINY_LABELS, NULL), 0);
    discern_session_free(s);
    discern_close(one);
    discern_close(many);
}

static void a_model_tells_what_it_is(void **state)
{
    struct err err;
    size_t size;
    uint8_t *bytes = file_read(in("many.safetensors"), 1 << 20, &size, &err);
    discern_model *m = discern_open_memory(bytes, size, NULL, NULL);
    int input[3];

    (void)state;
    memset(bytes, 0, size);             /* it is lent no longer */
    free(bytes);
    assert_non_null(m);
    assert_int_equal(discern_labels(m), TINY_LABELS);
    for (int i = 0; i < TINY_LABELS; i++) {
        assert_string_equal(discern_label(m, i), tiny_label[i]);
        assert_true(discern_threshold(m, i) == 0.5f);
    }
    assert_null(discern_label(m, -1));
    assert_null(discern_label(m, TINY_LABELS));
    assert_true(discern_is_multi(m));
    assert_false(discern_tells_unknown(m));
    discern_input(m, input);
    assert_memory_equal(input, ((int[]){ TINY_SIDE, TINY_SIDE, 3 }), sizeof input);
    discern_close(m);
    m = opened("one.safetensors");
    assert_false(discern_is_multi(m));
    assert_true(discern_threshold(m, 0) == 0);
    discern_close(m);
    discern_close(NULL);
    discern_session_free(NULL);
    assert_true(strlen(discern_version()) >= 5);
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

/* The call has failed, with this status and that in its text, which is one line. */
static void failed(const discern_error *e, int status, const char *text)
{
    if (e->status != status || !strstr(e->message, text) || strchr(e->message, '\n'))
        fail_msg("status %d, \"%s\": not %d with \"%s\"", e->status, e->message, status, text);
}

/* The last answer of a row: status and message. */
static int last_error(void *ctx, const discern_answer *a)
{
    discern_error *e = ctx;

    e->status = a->status;
    snprintf(e->message, sizeof e->message, "%s", a->message);
    assert_true(a->n == 0 && !a->guess && !a->probability && !a->features);
    return 0;
}

/* Softmax of it is no number; sigmoid would be 0 or 1, and nobody would see it. */
static void an_answer_that_is_no_finite_number_is_an_error(void **state)
{
    static const uint8_t grey[12] = { 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100 };
    const discern_model_options with = { .size = sizeof with, .features = 1 };
    struct err err;
    size_t size;
    uint8_t *bytes = file_read(path[1], 1 << 20, &size, &err);
    discern_guess g[TINY_LABELS];
    discern_error e = { 0 };

    (void)state;
    tiny_write_huge(&folder, "huge.safetensors", DATA_SINGLE);
    tiny_write_huge(&folder, "huge-many.safetensors", DATA_MULTI);
    for (int k = 0; k < 4; k++) {
        const char *two[] = { in("one.safetensors"), in("huge.safetensors") };
        discern_model *m = k == 3 ? discern_open_many(2, two, NULL, &e)
                                  : discern_open(in(k == 1 ? "huge-many.safetensors"
                                                           : "huge.safetensors"),
                                                 k == 2 ? &with : NULL, &e);
        discern_session *s = session(m, NULL);

        assert_int_equal(discern_file(s, path[1], g, TINY_LABELS, &e), -1);
        failed(&e, DISCERN_INPUT, "1.jpg: what ");
        failed(&e, DISCERN_INPUT, k == 1 ? "huge-many.safetensors says of it is no finite number"
                                         : "huge.safetensors says of it is no finite number");
        assert_int_equal(discern_memory(s, bytes, size, g, TINY_LABELS, &e), -1);
        failed(&e, DISCERN_INPUT, "picture in memory: what ");
        assert_int_equal(discern_pixels(s, grey, 2, 2, 6, g, TINY_LABELS, &e), -1);
        failed(&e, DISCERN_INPUT, "no finite number");
        for (int n = 1; n <= 3; n += 2) {
            e = (discern_error){ 0 };
            assert_int_equal(discern_files(s, n, paths, last_error, &e, NULL), 0);
            failed(&e, DISCERN_INPUT, n == 1 ? "0.jpg: what " : "2.jpg: what ");
        }
        discern_session_free(s);
        discern_close(m);
    }
    free(bytes);
}

static void what_is_no_model_is_refused(void **state)
{
    discern_error e = { 0 };
    struct err err;
    size_t size;
    uint8_t *bytes = file_read(in("one.safetensors"), 1 << 20, &size, &err);
    const char *two[] = { in("one.safetensors"), NULL }, *many[33];

    (void)state;
    made_text(&folder, "text.safetensors", "no model");
    assert_null(discern_open(in("nothing.safetensors"), NULL, &e));
    failed(&e, DISCERN_INPUT, "nothing.safetensors");
    assert_null(discern_open(in("text.safetensors"), NULL, &e));
    failed(&e, DISCERN_INPUT, "text.safetensors");
    assert_null(discern_open(folder.path, NULL, &e));
    failed(&e, DISCERN_INPUT, folder.path);
    assert_null(discern_open(NULL, NULL, &e));
    failed(&e, DISCERN_USAGE, "path");
    assert_null(discern_open_many(0, two, NULL, &e));
    failed(&e, DISCERN_USAGE, "path");
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        many[i] = "nothing.safetensors";
    assert_null(discern_open_many((int)(sizeof many / sizeof *many), many, NULL, &e));
    failed(&e, DISCERN_INPUT, "at most 32");    /* before any is opened */
    assert_null(discern_open_memory(NULL, 0, NULL, &e));
    failed(&e, DISCERN_USAGE, "data");
    for (size_t cut = 0; cut < size; cut += cut < 64 ? 1 : 997) {
        e = (discern_error){ 0 };
        assert_null(discern_open_memory(bytes, cut, NULL, &e));
        failed(&e, DISCERN_INPUT, "");
        assert_true(e.message[0]);
    }
    bytes[size - 1] ^= 1;
    assert_null(discern_open_memory(bytes, size, NULL, &e));
    failed(&e, DISCERN_INPUT, "fc.");
    assert_null(discern_open_memory(bytes, size, NULL, NULL));
    free(bytes);
}

static void what_is_no_picture_is_refused(void **state)
{
    discern_model *m = opened("one.safetensors");
    discern_session *s = session(m, NULL);
    discern_guess guess[2];
    discern_error e = { 0 };
    uint8_t pixel[12] = { 0 };

    (void)state;
    made_text(&folder, "text.jpg", "no picture");
    made_text(&folder, "photo.heic", "\0\0\0\x18" "ftypheic");
    assert_int_equal(discern_file(s, in("nothing.jpg"), guess, 2, &e), -1);
    failed(&e, DISCERN_INPUT, "nothing.jpg");
    assert_int_equal(discern_file(s, in("text.jpg"), guess, 2, &e), -1);
    failed(&e, DISCERN_INPUT, "text.jpg");
    assert_int_equal(discern_file(s, in("photo.heic"), guess, 2, &e), -1);
    failed(&e, DISCERN_INPUT, "photo.heic");
    assert_int_equal(discern_file(s, folder.path, guess, 2, &e), -1);
    failed(&e, DISCERN_INPUT, folder.path);
    assert_int_equal(discern_memory(s, "no picture", 10, guess, 2, &e), -1);
    failed(&e, DISCERN_INPUT, "picture in memory");
    assert_int_equal(discern_pixels(s, pixel, 1 << 20, 1, 3 << 20, guess, 2, &e), -1);
    failed(&e, DISCERN_INPUT, "1048576");
    assert_int_equal(discern_pixels(s, pixel, 2, 2, 5, guess, 2, &e), -1);
    failed(&e, DISCERN_USAGE, "5 bytes apart");
    assert_int_equal(discern_pixels(s, pixel, 0, 2, 6, guess, 2, &e), -1);
    failed(&e, DISCERN_USAGE, "no pixels");
    assert_int_equal(discern_file(s, NULL, guess, 2, &e), -1);
    failed(&e, DISCERN_USAGE, "path");
    assert_int_equal(discern_file(s, path[0], NULL, 2, &e), -1);
    failed(&e, DISCERN_USAGE, "room");
    assert_int_equal(discern_file(s, path[0], guess, -1, &e), -1);
    failed(&e, DISCERN_USAGE, "room");
    assert_int_equal(discern_memory(s, NULL, 1, guess, 2, &e), -1);
    failed(&e, DISCERN_USAGE, "data");
    assert_int_equal(discern_bytes(s, NULL, 1, count_status, NULL, &e), -1);
    failed(&e, DISCERN_USAGE, "bytes");
    assert_int_equal(discern_files(s, 1, (const char *[]){ NULL }, count_status, NULL, &e), -1);
    failed(&e, DISCERN_USAGE, "path 0");
    assert_int_equal(discern_files(s, 1, NULL, count_status, NULL, &e), -1);
    failed(&e, DISCERN_USAGE, "files");
    assert_int_equal(discern_file(NULL, path[0], guess, 2, &e), -1);
    failed(&e, DISCERN_USAGE, "session");
    /* After all that, it still answers, and a success leaves the error alone. */
    e = (discern_error){ .status = 77 };
    assert_int_equal(discern_file(s, path[0], guess, 2, &e), 2);
    assert_int_equal(e.status, 77);
    discern_session_free(s);
    discern_close(m);
}

static void a_system_that_refuses_is_an_io_error(void **state)
{
    discern_model *m = opened("one.safetensors");
    discern_session *s = session(m, NULL);
    discern_guess guess[2];
    discern_error e = { 0 }, e2 = { 0 };
    struct rlimit old, none;
    discern_model *m2;
    int n;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = (struct rlimit){ 0, old.rlim_max };
    setrlimit(RLIMIT_NOFILE, &none);
    n = discern_file(s, path[0], guess, 2, &e);
    m2 = discern_open(in("one.safetensors"), NULL, &e2);
    setrlimit(RLIMIT_NOFILE, &old);
    assert_int_equal(n, -1);
    failed(&e, DISCERN_IO, "0.jpg");
    assert_null(m2);
    failed(&e2, DISCERN_IO, "one.safetensors");
    assert_int_equal(discern_file(s, path[0], guess, 2, NULL), 2);
    discern_session_free(s);
    discern_close(m);
}

static void options_out_of_range_are_refused(void **state)
{
    static const struct {
        discern_session_options o;
        const char *text;
    } bad[] = {
        { { .size = sizeof bad->o, .threads = -1 }, "threads" },
        { { .size = sizeof bad->o, .threads = 1 << 20 }, "threads" },
        { { .size = sizeof bad->o, .batch = -1 }, "batch" },
        { { .size = sizeof bad->o, .batch = 1 << 20 }, "batch" },
        { { .size = sizeof bad->o, .top = -1 }, "top" },
        { { .size = sizeof bad->o, .threshold = 1.5 }, "threshold" },
        { { .size = sizeof bad->o, .threshold = NAN }, "threshold" },
        { { .size = sizeof bad->o, .views = 4 }, "views" },
        { { .size = sizeof bad->o, .views = -1 }, "views" },
        { { .size = 0, .views = 1 }, "size" },
        { { .size = 4 }, "size" },
        { { .size = (size_t)-1 }, "size" },
    };
    discern_model *m = opened("one.safetensors");
    discern_error e = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(discern_session_new(m, &bad[i].o, &e));
        failed(&e, DISCERN_USAGE, bad[i].text);
    }
    assert_null(discern_session_new(NULL, NULL, &e));
    failed(&e, DISCERN_USAGE, "model");
    assert_null(discern_open(in("one.safetensors"), &(discern_model_options){ .size = 1 }, &e));
    failed(&e, DISCERN_USAGE, "size");
    for (int wrong = -1; wrong <= 3; wrong += 4) {
        discern_model_options o = { .size = sizeof o, .precision = wrong };

        assert_null(discern_open(in("one.safetensors"), &o, &e));
        failed(&e, DISCERN_USAGE, "precision");
    }
    discern_close(m);
}

/* Programs that were built against an older or a newer header. */
static void options_of_other_sizes_are_honoured(void **state)
{
    struct {
        discern_session_options now;
        int later;
    } newer = { .now = { .size = sizeof newer, .top = 2 } };
    struct {
        size_t size;
        int threads, batch, top, rubbish;
    } older = { offsetof(discern_session_options, top) + sizeof(int), 1, 1, 1, 99 };
    discern_model *m = opened("one.safetensors");
    discern_guess guess[TINY_LABELS];
    discern_error e = { 0 };
    discern_session *s = discern_session_new(m, (discern_session_options *)&older, &e);

    (void)state;
    assert_non_null(s);
    assert_int_equal(discern_file(s, path[0], guess, TINY_LABELS, NULL), 1);
    discern_session_free(s);
    s = discern_session_new(m, &newer.now, &e);
    assert_non_null(s);
    assert_int_equal(discern_file(s, path[0], guess, TINY_LABELS, NULL), 2);
    discern_session_free(s);
    newer.later = 1;
    assert_null(discern_session_new(m, &newer.now, &e));
    failed(&e, DISCERN_USAGE, "newer");
    discern_close(m);
}

/* Those of before there was a choice of precision; what was padding then may be anything. */
static void older_options_of_models_are_honoured(void **state)
{
    struct {
        size_t size;
        int raw, rubbish;
    } older = { 16, 1, 99 };
    discern_model *m = discern_open(in("one.safetensors"), (discern_model_options *)&older, NULL);

    (void)state;
    assert_non_null(m);
    discern_close(m);
}

static int keep_probabilities(void *ctx, const discern_answer *a)
{
    memcpy(ctx, a->probability, TINY_LABELS * sizeof(float));
    return a->status;
}

static void answer_in(enum discern_precision precision, float *p)
{
    discern_model_options o = { .size = sizeof o, .precision = precision };
    discern_model *m = discern_open(in("one.safetensors"), &o, NULL);
    discern_session *s = session(m, NULL);

    assert_int_equal(discern_files(s, 1, paths, keep_probabilities, p, NULL), 0);
    discern_session_free(s);
    discern_close(m);
}

static void precision_is_fp32_unless_bf16_is_asked(void **state)
{
    float p[3][TINY_LABELS];
    bool same = true;

    (void)state;
    answer_in(DISCERN_PRECISION_AUTO, p[0]);
    answer_in(DISCERN_PRECISION_FP32, p[1]);
    answer_in(DISCERN_PRECISION_BF16, p[2]);
    assert_memory_equal(p[0], p[1], sizeof p[0]);
    for (int l = 0; l < TINY_LABELS; l++) {
        same &= p[1][l] == p[2][l];
        if (!(fabsf(p[1][l] - p[2][l]) < 0.02f))
            fail_msg("label %d: %g, in bf16 %g", l, (double)p[1][l], (double)p[2][l]);
    }
    assert_false(same);
}

static int keep_features(void *ctx, const discern_answer *a)
{
    memcpy(ctx, a->features, TINY_LABELS * sizeof(float));      /* it has as many */
    return 0;
}

static int has_no_features(void *ctx, const discern_answer *a)
{
    *(bool *)ctx = a->features != NULL;
    return 0;
}

static void features_come_when_they_are_asked_for(void **state)
{
    const discern_model_options o = { .size = sizeof o, .features = 1 };
    discern_model *m = discern_open_many(2, (const char *[]){ in("one.safetensors"),
                                                              in("one.safetensors") }, &o, NULL);
    const discern_session_options mirrored = { .size = sizeof mirrored,
                                               .views = DISCERN_VIEW_MIRROR };
    discern_session *s = session(m, NULL), *both = session(m, &mirrored);
    float one[TINY_LABELS], two[TINY_LABELS];
    bool any = false;

    (void)state;
    assert_int_equal(discern_features(m), 4);
    assert_string_equal(discern_features_from(m), "what goes into fc (4 numbers)");
    assert_int_equal(discern_files(s, 1, paths, keep_features, one, NULL), 0);
    assert_int_equal(discern_files(both, 1, paths, keep_features, two, NULL), 0);
    assert_memory_equal(one, two, sizeof one);
    for (int k = 0; k < 4; k++)
        any |= one[k] != 0;
    assert_true(any);
    discern_session_free(s);
    discern_session_free(both);
    discern_close(m);

    m = opened("one.safetensors");
    s = session(m, NULL);
    assert_int_equal(discern_features(m), 0);
    assert_string_equal(discern_features_from(m), "");
    assert_int_equal(discern_files(s, 1, paths, has_no_features, &any, NULL), 0);
    assert_false(any);
    discern_session_free(s);
    discern_close(m);
}

/* docs/library.md promises these of 64-bit systems. */
static void structs_are_as_they_were(void **state)
{
    (void)state;
    if (sizeof(void *) != 8)
        skip();
    assert_int_equal(sizeof(discern_error), 516);
    assert_int_equal(sizeof(discern_guess), 16);
    assert_int_equal(sizeof(discern_model_options), 32);
    assert_int_equal(offsetof(discern_model_options, features), 24);
    assert_int_equal(offsetof(discern_model_options, precision), 16);
    assert_int_equal(sizeof(discern_session_options), 48);
    assert_int_equal(offsetof(discern_session_options, threshold), 24);
    assert_int_equal(offsetof(discern_session_options, worker), 40);
    assert_int_equal(sizeof(discern_answer), 64);
    assert_int_equal(offsetof(discern_answer, features), 56);
    assert_int_equal(offsetof(discern_answer, guess), 24);
    assert_int_equal(offsetof(discern_answer, input), 48);
    assert_int_equal(DISCERN_MEMORY, 5);
    assert_int_equal(DISCERN_BAND_HI, 3);
    assert_int_equal(DISCERN_PRECISION_BF16, 2);
    assert_int_equal(DISCERN_VIEW_FOUR, 2);
    assert_int_equal(DISCERN_VIEW_SIX, 3);
}

struct again {
    discern_session *s;
    discern_error e;
    int n;
};

static int ask_again(void *ctx, const discern_answer *a)
{
    struct again *again = ctx;
    discern_guess guess[1];

    (void)a;
    again->n = discern_file(again->s, path[1], guess, 1, &again->e);
    return 0;
}

static void a_callback_may_not_use_its_session(void **state)
{
    discern_model *m = opened("one.safetensors");
    struct again again = { .s = session(m, NULL) };
    discern_guess guess[1];

    (void)state;
    assert_int_equal(discern_files(again.s, 1, (const char *[]){ path[0] }, ask_again, &again,
                                   NULL), 0);
    assert_int_equal(again.n, -1);
    failed(&again.e, DISCERN_USAGE, "callback");
    assert_int_equal(discern_file(again.s, path[1], guess, 1, NULL), 1);
    discern_session_free(again.s);
    discern_close(m);
}

/* ---- calibration ----------------------------------------------------------------------------- */

struct told {
    int n, unknown, band;
    float first;                /* probability of the likeliest */
};

static int keep_told(void *ctx, const discern_answer *a)
{
    struct told *t = ctx;

    *t = (struct told){ a->n, a->unknown, a->band, 0 };
    for (int i = 0; i < TINY_LABELS; i++)
        t->first = a->probability[i] > t->first ? a->probability[i] : t->first;
    return a->status;
}

static struct told told_of(int raw)
{
    discern_model_options o = { .size = sizeof o, .raw = raw };
    discern_model *m = discern_open(in("fitted.safetensors"), &o, NULL);
    discern_session *s = session(m, NULL);
    struct told t = { 0 };

    assert_true(discern_threshold(m, 1) == (raw ? 0.0f : 0.25f));
    assert_int_equal(discern_files(s, 1, paths, keep_told, &t, NULL), 0);
    discern_session_free(s);
    discern_close(m);
    return t;
}

static void calibration_is_applied_and_told_unless_raw_is_asked(void **state)
{
    static const double threshold[] = { 0.25, 0.25, 0.25, 0.25 };
    struct infer_calibration c = infer_calibration_none();
    float p[TINY_LABELS], input[TINY_SIDE * TINY_SIDE * 3], best = 0;
    struct infer_model *m = tiny_model(DATA_SINGLE, 7);
    struct err err = { 0 };
    struct told t;

    (void)state;
    expected("one.safetensors", path[0], p, input);
    for (int i = 0; i < TINY_LABELS; i++)
        best = p[i] > best ? p[i] : best;
    c.temperature = 1e-3;               /* the likeliest is all but sure */
    c.threshold = threshold;
    c.band[0] = 0.5;
    c.band[1] = 0.9;
    c.unknown = INFER_UNKNOWN_ENERGY;
    c.unknown_at = 1e6;                 /* nothing is like what it learnt */
    assert_true(infer_model_calibrate(m, &c, &err));
    if (!infer_model_write(m, in("fitted.safetensors"), NULL, &err))
        fail_msg("%s", err.msg);
    infer_model_free(m);
    t = told_of(0);
    assert_true(t.first > best && t.first > 0.9f);
    assert_true(t.n == 1 && t.unknown == 1 && t.band == DISCERN_BAND_HI);
    t = told_of(1);
    assert_memory_equal(&t.first, &best, sizeof best);
    assert_true(t.n == 3 && t.unknown == 0 && t.band == DISCERN_BAND_NONE);
}

/* ---- several models, several views, a sandbox ------------------------------------------------ */

static void models_and_views_answer_with_their_mean(void **state)
{
    char *file[] = { strdup(in("one.safetensors")), strdup(in("other.safetensors")),
                     strdup(in("many.safetensors")) };
    const char *two[] = { file[0], file[1] }, *unlike[] = { file[0], file[2] };
    discern_session_options o = { .size = sizeof o, .threads = 2 };
    float p[2][TINY_LABELS], input[TINY_SIDE * TINY_SIDE * 3];
    discern_guess guess[TINY_LABELS], mirror[TINY_LABELS], four[TINY_LABELS];
    discern_error e = { 0 };
    discern_session *s;
    discern_model *m;

    (void)state;
    tiny_write(&folder, "other.safetensors", DATA_SINGLE, 9);
    m = discern_open_many(2, two, NULL, &e);
    assert_non_null(m);
    for (int i = 0; i < 2; i++)
        expected(i ? "other.safetensors" : "one.safetensors", path[2], p[i], input);
    s = session(m, &o);
    assert_int_equal(discern_file(s, path[2], guess, TINY_LABELS, NULL), 3);
    for (int k = 0; k < 3; k++) {
        int l = guess[k].index;

        assert_true(guess[k].probability == (float)(((double)p[0][l] + (double)p[1][l]) / 2));
    }
    discern_session_free(s);
    o.views = DISCERN_VIEW_MIRROR;
    s = session(m, &o);
    assert_int_equal(discern_file(s, path[2], mirror, TINY_LABELS, NULL), 3);
    discern_session_free(s);
    o.views = DISCERN_VIEW_FOUR;
    s = session(m, &o);
    assert_int_equal(discern_file(s, path[2], four, TINY_LABELS, NULL), 3);
    discern_session_free(s);
    assert_memory_not_equal(mirror, guess, sizeof guess);
    assert_memory_not_equal(four, mirror, sizeof guess);
    discern_close(m);
    assert_null(discern_open_many(2, unlike, NULL, &e));
    failed(&e, DISCERN_INPUT, "many.safetensors");
    for (int i = 0; i < 3; i++)
        free(file[i]);
}

static void a_sandbox_decodes_elsewhere_to_the_same_bits(void **state)
{
    discern_model *m = opened("one.safetensors");
    discern_session_options o = { .size = sizeof o, .threads = 2, .sandbox = 1,
                                  .worker = "/proc/self/exe" };
    discern_error e = { 0 };
    discern_session *s = discern_session_new(m, &o, &e);
    struct seen seen = { .m = m, .model = "one.safetensors" };
    struct err err;
    uint8_t *bytes;
    size_t size;

    (void)state;
    if (!s && strstr(e.message, "seccomp")) {
        discern_close(m);
        skip();
    }
    assert_non_null(s);
    assert_int_equal(discern_files(s, PATHS, paths, on_answer, &seen, &e), 0);
    assert_int_equal(seen.broken, 2);
    seen = (struct seen){ .m = m, .model = "one.safetensors" };
    bytes = file_read(path[0], 1 << 20, &size, &err);
    assert_int_equal(discern_bytes(s, bytes, size, on_answer, &seen, &e), 0);
    free(bytes);
    discern_session_free(s);

    made_text(&folder, "other-build", "#!/bin/sh\nexit 78\n");
    assert_int_equal(chmod(in("other-build"), 0755), 0);
    o.worker = in("other-build");
    assert_null(discern_session_new(m, &o, &e));
    failed(&e, DISCERN_INPUT, "another build");
    o.worker = "/bin/true";
    assert_null(discern_session_new(m, &o, &e));
    failed(&e, DISCERN_IO, "/bin/true");
    o.worker = in("nothing");
    assert_null(discern_session_new(m, &o, &e));
    failed(&e, DISCERN_INPUT, "nothing");
    discern_close(m);
}

/* ---- threads, hosts -------------------------------------------------------------------------- */

static void *in_a_thread(void *arg)
{
    const discern_model *m = arg;
    discern_session_options o = { .size = sizeof o, .threads = 2, .batch = 3 };
    discern_session *s = discern_session_new(m, &o, NULL);
    discern_guess guess[3];
    int count[6] = { 0 };
    bool ok = s != NULL;

    for (int i = 0; ok && i < TINY_PICTURES; i++)
        ok = discern_file(s, path[i], guess, 3, NULL) == 3;
    ok = ok && !discern_files(s, TINY_PICTURES, paths, count_status, count, NULL) &&
         count[DISCERN_OK] == TINY_PICTURES;
    discern_session_free(s);
    return ok ? NULL : arg;
}

static void sessions_of_one_model_run_side_by_side(void **state)
{
    discern_model *m = opened("one.safetensors");
    pthread_t thread[2];
    void *bad[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, in_a_thread, m), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(thread[i], &bad[i]), 0);
    assert_null(bad[0]);
    assert_null(bad[1]);
    discern_close(m);
}

static void a_comma_for_a_point_changes_nothing(void **state)
{
    static const char *const commas[] = { "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8" };
    const char *got = NULL;
    discern_model *m;

    (void)state;
    for (size_t i = 0; !got && i < sizeof commas / sizeof *commas; i++)
        got = setlocale(LC_ALL, commas[i]);
    if (!got || strcmp(localeconv()->decimal_point, ",") != 0)
        skip();
    m = opened("one.safetensors");
    setlocale(LC_ALL, "C");
    discern_close(m);
    setlocale(LC_ALL, got);
    every_road_gives_the_predictors_bits(NULL);
    setlocale(LC_ALL, "C");
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], DATA_SANDBOX_ARGUMENT))
        return data_sandbox_worker(argv[2], NULL);

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_road_gives_the_predictors_bits),
        cmocka_unit_test(files_are_answered_in_order_and_the_broken_named),
        cmocka_unit_test(bytes_are_answered_with_all_that_is_known),
        cmocka_unit_test(options_say_which_labels_are_told),
        cmocka_unit_test(a_model_tells_what_it_is),
        cmocka_unit_test(an_answer_that_is_no_finite_number_is_an_error),
        cmocka_unit_test(what_is_no_model_is_refused),
        cmocka_unit_test(what_is_no_picture_is_refused),
        cmocka_unit_test(a_system_that_refuses_is_an_io_error),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(options_of_other_sizes_are_honoured),
        cmocka_unit_test(older_options_of_models_are_honoured),
        cmocka_unit_test(precision_is_fp32_unless_bf16_is_asked),
        cmocka_unit_test(features_come_when_they_are_asked_for),
        cmocka_unit_test(structs_are_as_they_were),
        cmocka_unit_test(a_callback_may_not_use_its_session),
        cmocka_unit_test(calibration_is_applied_and_told_unless_raw_is_asked),
        cmocka_unit_test(models_and_views_answer_with_their_mean),
        cmocka_unit_test(a_sandbox_decodes_elsewhere_to_the_same_bits),
        cmocka_unit_test(sessions_of_one_model_run_side_by_side),
        cmocka_unit_test(a_comma_for_a_point_changes_nothing),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
