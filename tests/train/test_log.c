/*
 * log: lines of JSON that read back exactly whatever the text, streamed or kept; TensorBoard's
 * records hold the numbers of metrics.csv
 */
#include "tests/train/told.h"

#include "tensorboard.pb-c.h"
#include "train/listen/csv.h"
#include "train/listen/log.h"
#include "train/listen/tensorboard.h"

#include <fcntl.h>
#include <jansson.h>

/* ---- lines ----------------------------------------------------------------------------------- */

/* The next line as an object, which must be one; NULL at the end. */
static json_t *next_line(char **p)
{
    char *end = strchr(*p, '\n');
    json_error_t why;
    json_t *line;

    if (!end) {
        assert_int_equal(**p, 0);
        return NULL;
    }
    line = json_loadb(*p, (size_t)(end - *p), JSON_REJECT_DUPLICATES, &why);
    if (!line)
        fail_msg("%s: %.*s", why.text, (int)(end - *p), *p);
    *p = end + 1;
    return line;
}

static double number(const json_t *line, const char *key)
{
    json_t *x = json_object_get(line, key);

    assert_non_null(x);
    return json_is_null(x) ? NAN : json_number_value(x);
}

static bool is(const json_t *line, const char *event)
{
    return !strcmp(json_string_value(json_object_get(line, "event")), event);
}

/* How many lines are of that event, with a step from `from`. */
static int count(const char *text, const char *event, int64_t from)
{
    char *copy = strdup(text), *p = copy;
    json_t *line;
    int n = 0;

    while ((line = next_line(&p))) {
        n += is(line, event) && number(line, "step") >= (double)from;
        json_decref(line);
    }
    free(copy);
    return n;
}

static void tell_run(const struct made_folder *f, bool resumed, int64_t from, int64_t to)
{
    struct train_listen *l = told_open(
        &(struct train_listen_options){ .out = f->path, .resumed = resumed });

    told_text(l, TRAIN_EVENT_NOTE, 0, "a choice");
    told_text(l, TRAIN_EVENT_START, from, "a network");
    told_steps(l, from, to, told_single);
    told_close(l);
}

static void numbers_read_back_exactly(void **state)
{
    struct made_folder f;
    char *text, *p;
    json_t *line;
    int steps = 0, epochs = 0;

    (void)state;
    made_open(&f);
    tell_run(&f, false, 0, 40);
    p = text = told_file(made_path(&f, TRAIN_LOG_FILE));
    for (; (line = next_line(&p)); json_decref(line)) {
        struct train_event e =
            told_event(TRAIN_EVENT_STEP, (int64_t)number(line, "step"), NULL, NULL);

        assert_string_equal(json_string_value(json_object_get(line, "schema")),
                            "discern.train.event/1");
        assert_true(number(line, "time") > 1.6e9);
        assert_true(number(line, "seconds") == e.elapsed);
        if (!is(line, "step") && !is(line, "epoch"))
            continue;
        assert_true(number(line, "loss") == e.loss);
        assert_true(number(line, "lr") == e.lr);
        assert_true(number(line, "accuracy") == e.accuracy);
        assert_true(number(line, "memory") == (double)e.memory);
        if (is(line, "step")) {
            assert_int_equal(number(line, "step"), ++steps);
            assert_true(number(line, "step_loss") == e.step_loss);
            assert_true(number(line, "norm") == e.norm);
        } else {
            const json_t *val = json_object_get(line, "val");

            epochs++;
            assert_true(number(val, "accuracy") == told_single(e.epoch).accuracy);
            assert_true(number(val, "log_loss") == told_single(e.epoch).log_loss);
        }
    }
    assert_int_equal(steps, 40);
    assert_int_equal(epochs, 4);
    free(text);
    made_close(&f);
}

/* Makes the numbers after "time" 0. */
static void without_time(char *text)
{
    static const char key[] = "\"time\":";
    char *out = text, *p = text;

    while (*p) {
        if (!strncmp(p, key, strlen(key))) {
            memmove(out, key, strlen(key));
            out += strlen(key);
            *out++ = '0';
            p += strlen(key) + strspn(p + strlen(key), "0123456789.");
        }
        *out++ = *p++;
    }
    *out = 0;
}

/* The lines of a whole training that were streamed; free() them. */
static char *stream(struct infer_figures (*figures)(int))
{
    struct made_folder f;
    struct train_listen *l;
    char *text;
    int fd;

    made_open(&f);
    fd = open(made_path(&f, "stream"), O_WRONLY | O_CREAT, 0666);
    assert_true(fd > 0);
    l = told_open(&(struct train_listen_options){ .stream = fd });
    told_all(l, figures);
    told_close(l);
    close(fd);
    text = told_file(made_path(&f, "stream"));
    made_close(&f);
    return text;
}

static void same_events_give_the_same_bytes(void **state)
{
    struct infer_figures (*const figures[])(int) = { told_single, told_multi, NULL };

    (void)state;
    for (int i = 0; i < 3; i++) {
        char *a = stream(figures[i]), *b = stream(figures[i]);

        without_time(a);
        without_time(b);
        assert_string_equal(a, b);
        assert_int_equal(count(a, "step", 0), 40);
        assert_int_equal(count(a, "epoch", 0), 4);
        assert_int_equal(count(a, "saved", 0), 4);
        assert_int_equal(count(a, "start", 0), 1);
        assert_int_equal(count(a, "note", 0), 1);
        assert_int_equal(count(a, "bad_file", 0), 1);
        assert_int_equal(count(a, "end", 0), 1);
        free(a);
        free(b);
    }
}

static void hostile_text_stays_one_valid_line(void **state)
{
    static const char *const texts[] = {
        "two\nlines\r\n", "a \"quote\" and a \\", "\x01\x02\x1b[2J\x7f", "\xff\xfe\xc0\x80 broken",
        "\xed\xa0\x80 half a pair", "\xe2\x80\xa8 a separator", "{\"event\":\"end\"}", "",
        "\xf0\x9f\x90\xb1", "\xf0\x9f",
    };
    enum { TEXTS = sizeof texts / sizeof *texts };
    struct made_folder f;
    struct train_listen *l;
    char *text, *p;
    json_t *line;
    int n = 0;

    (void)state;
    made_open(&f);
    l = told_open(&(struct train_listen_options){ .out = f.path });
    told_text(l, TRAIN_EVENT_START, 0, "a network");
    for (int i = 0; i < TEXTS; i++)
        told_text(l, i % 2 ? TRAIN_EVENT_NOTE : TRAIN_EVENT_BAD_FILE, i, texts[i]);
    told_steps(l, 9, 10, NULL);
    told_close(l);
    p = text = told_file(made_path(&f, TRAIN_LOG_FILE));
    for (; (line = next_line(&p)); json_decref(line), n++) {
        if (n == 0 || n > TEXTS)
            continue;
        assert_true(is(line, (n - 1) % 2 ? "note" : "bad_file"));
        if (n - 1 == 0 || n - 1 == 1 || n - 1 == 2 || n - 1 == 6)
            assert_string_equal(json_string_value(json_object_get(line, "text")), texts[n - 1]);
    }
    assert_int_equal(n, 1 + TEXTS + 3);
    free(text);
    made_close(&f);
}

/* Numbers that are none are null, and a line is a line. */
static void no_number_is_null(void **state)
{
    struct train_event e = told_event(TRAIN_EVENT_STEP, 1, NULL, NULL);
    struct str out = { 0 };
    char *p;
    json_t *line;

    (void)state;
    e.accuracy = NAN;
    e.step_loss = INFINITY;
    e.norm = -INFINITY;
    train_log_line(&out, &e, 1);
    p = out.data;
    line = next_line(&p);
    assert_true(isnan(number(line, "accuracy")));
    assert_true(isnan(number(line, "step_loss")));
    assert_true(isnan(number(line, "norm")));
    assert_int_equal(*p, 0);
    json_decref(line);
    str_release(&out);
}

/* ---- long, resumed --------------------------------------------------------------------------- */

/* The file grows to a bound; who streams gets all. */
static void long_training_is_thinned_in_the_file_alone(void **state)
{
    enum { STEPS = 2 * TRAIN_LOG_STEPS + 1, EVERY = 3 };
    struct made_folder f;
    struct train_event e = told_event(TRAIN_EVENT_START, 0, NULL, "long");
    struct train_listen *l;
    char *text;
    int fd;

    (void)state;
    made_open(&f);
    fd = open(made_path(&f, "stream"), O_WRONLY | O_CREAT, 0666);
    l = told_open(&(struct train_listen_options){ .out = f.path, .stream = fd });
    e.steps = STEPS;
    train_listen_event(l, &e);
    e.kind = TRAIN_EVENT_STEP;
    for (e.step = 1; e.step <= STEPS; e.step++)
        train_listen_event(l, &e);
    e = told_event(TRAIN_EVENT_EPOCH, 20, NULL, NULL);
    train_listen_event(l, &e);
    told_close(l);
    close(fd);
    text = told_file(made_path(&f, TRAIN_LOG_FILE));
    assert_int_equal(count(text, "step", 0), STEPS / EVERY);
    assert_int_equal(count(text, "epoch", 0), 1);
    free(text);
    text = told_file(made_path(&f, "stream"));
    assert_int_equal(count(text, "step", 0), STEPS);
    free(text);
    made_close(&f);
}

/* Nothing that was told is lost, and half a line does not spoil the next. */
static void resumed_log_goes_on(void **state)
{
    struct made_folder f;
    char *text;
    FILE *torn;

    (void)state;
    made_open(&f);
    tell_run(&f, false, 0, 17);
    torn = fopen(made_path(&f, TRAIN_LOG_FILE), "a");
    assert_non_null(torn);
    fputs("{\"schema\":\"discern", torn);
    for (int i = 0; i < 2000; i++)
        fputs("half", torn); /* longer than a block */
    fclose(torn);
    tell_run(&f, true, 12, 40);
    text = told_file(made_path(&f, TRAIN_LOG_FILE));
    assert_int_equal(count(text, "start", 0), 2);
    assert_int_equal(count(text, "start", 12), 1);
    assert_int_equal(count(text, "step", 0), 17 + 28);
    free(text);
    tell_run(&f, false, 0, 10);
    text = told_file(made_path(&f, TRAIN_LOG_FILE));
    assert_int_equal(count(text, "step", 0), 10);
    free(text);
    made_close(&f);
}

static void reader_who_has_gone_is_told_once(void **state)
{
    struct made_folder f;
    struct train_listen *l;
    struct err err = { 0 };
    char *text;
    int fd[2];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    made_open(&f);
    assert_int_equal(pipe(fd), 0);
    close(fd[0]);
    l = told_open(&(struct train_listen_options){ .out = f.path, .stream = fd[1] });
    told_all(l, told_multi);
    assert_false(train_listen_close(l, &err));
    assert_int_equal(err.kind, ERR_IO);
    text = told_file(made_path(&f, TRAIN_LOG_FILE));
    assert_int_equal(count(text, "step", 0), 40);
    assert_int_equal(count(text, "note", 0), 2); /* the training's own, and this */
    assert_non_null(strstr(text, "the stream of events: "));
    free(text);
    close(fd[1]);
    made_close(&f);
    signal(SIGPIPE, SIG_DFL);
}

/* Whatever the file may grow to: whole lines, and one error. */
static void full_disk_leaves_whole_lines(void **state)
{
    (void)state;
    for (int bytes = 200; bytes < 4000; bytes += 137) {
        struct made_folder f;
        struct train_listen *l;
        struct err err = { 0 };
        char *text, *p;
        json_t *line;

        made_open(&f);
        told_full((rlim_t)bytes);
        l = told_open(&(struct train_listen_options){ .out = f.path });
        told_all(l, told_single);
        assert_false(train_listen_close(l, &err));
        told_room();
        assert_int_equal(err.kind, ERR_IO);
        /* One that failed before an epoch was over is none that is wanted. */
        if (file_kind(made_path(&f, TRAIN_LOG_FILE)) != FILE_NONE) {
            p = text = told_file(made_path(&f, TRAIN_LOG_FILE));
            while ((line = next_line(&p)))
                json_decref(line);
            free(text);
        }
        made_close(&f);
    }
}

/* ---- TensorBoard ----------------------------------------------------------------------------- */

static void crc32c_known_answers(void **state)
{
    uint8_t zeros[32] = { 0 }, ones[32], rising[32];

    (void)state;
    for (int i = 0; i < 32; i++) {
        ones[i] = 0xff;
        rising[i] = (uint8_t)i;
    }
    assert_int_equal(train_crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(train_crc32c("", 0), 0);
    /* RFC 3720, B.4. */
    assert_int_equal(train_crc32c(zeros, 32), 0x8a9136aa);
    assert_int_equal(train_crc32c(ones, 32), 0x62a8ab43);
    assert_int_equal(train_crc32c(rising, 32), 0x46dd794e);
}

static uint64_t little(const uint8_t *p, int bytes)
{
    uint64_t x = 0;

    for (int i = 0; i < bytes; i++)
        x |= (uint64_t)p[i] << (8 * i);
    return x;
}

static uint32_t unmask(uint64_t masked)
{
    uint32_t x = (uint32_t)masked - 0xa282ead8;

    return (x << 15) | (x >> 17);
}

struct events {
    int n;
    Train__TbEvent *event[200];
};

static void read_events(const char *path, struct events *v)
{
    struct err err = { 0 };
    size_t size;
    uint8_t *data = file_read(path, 1 << 20, &size, &err), *p = data;

    assert_non_null(data);
    v->n = 0;
    while (p < data + size) {
        size_t left = (size_t)(data + size - p), bytes = (size_t)little(p, 8);

        assert_true(left >= 16 && bytes <= left - 16);
        assert_int_equal(unmask(little(p + 8, 4)), train_crc32c(p, 8));
        assert_int_equal(unmask(little(p + 12 + bytes, 4)), train_crc32c(p + 12, bytes));
        v->event[v->n] = train__tb_event__unpack(NULL, bytes, p + 12);
        assert_non_null(v->event[v->n]);
        v->n++;
        p += bytes + 16;
    }
    free(data);
}

static void release_events(struct events *v)
{
    for (int i = 0; i < v->n; i++)
        train__tb_event__free_unpacked(v->event[i], NULL);
}

/* The value of a curve at a step; NaN: none. */
static float value_at(const struct events *v, const char *tag, int64_t step)
{
    float found = NAN;

    for (int i = 0; i < v->n; i++) {
        const Train__TbSummary *s = v->event[i]->summary;

        for (size_t k = 0; s && v->event[i]->step == step && k < s->n_value; k++)
            if (!strcmp(s->value[k]->tag, tag)) {
                assert_true(isnan(found));
                found = s->value[k]->simple_value;
            }
    }
    return found;
}

/* The paths of event files, sorted; free() the list. */
static int event_files(const struct made_folder *f, char ***names)
{
    struct err err = { 0 };
    int n = file_list(f->path, names, &err), found = 0;

    for (int i = 0; i < n; i++)
        if (!strncmp((*names)[i], "events.out.tfevents.", 20))
            (*names)[found++] = (*names)[i];
    return found;
}

static void same(float a, double b)
{
    assert_true(a == (float)b || (isnan(a) && isnan(b)));
}

static void curves_are_those_of_the_table(void **state)
{
    struct infer_figures (*const figures[])(int) = { told_single, told_multi, NULL };

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct made_folder f;
        struct train_listen *l;
        struct train_metrics *rows;
        struct events v;
        struct err err = { 0 };
        char **names;

        made_open(&f);
        l = told_open(&(struct train_listen_options){ .out = f.path });
        told_all(l, figures[i]);
        told_close(l);
        assert_int_equal(event_files(&f, &names), 1);
        read_events(made_path(&f, names[0]), &v);
        free(names);
        assert_string_equal(v.event[0]->file_version, "brain.Event:2");
        assert_true(v.event[0]->wall_time > 1.6e9);
        assert_int_equal(v.event[1]->session_log->status, 1);
        assert_int_equal(v.event[1]->step, 1);
        assert_int_equal(v.n, 2 + 40 + 4);
        assert_int_equal(train_metrics_read(made_path(&f, TRAIN_METRICS_FILE), &rows, &err), 4);
        for (int r = 0; r < 4; r++) {
            int64_t step = (int64_t)rows[r].step;

            same(value_at(&v, "loss/train", step), rows[r].loss);
            same(value_at(&v, "accuracy/train", step), rows[r].accuracy);
            same(value_at(&v, "loss/val", step), rows[r].val_log_loss);
            same(value_at(&v, "accuracy/val", step), rows[r].val_accuracy);
            same(value_at(&v, "mAP/val", step), rows[r].val_map);
            same(value_at(&v, "macro_f1/val", step), rows[r].val_macro_f1);
            same(value_at(&v, "lr", step), rows[r].lr);
            same(value_at(&v, "pictures_per_second", step), rows[r].pictures_per_second);
            same(value_at(&v, "memory_mb", step), rows[r].memory_mb);
        }
        for (int step = 1; step <= 40; step++) {
            struct train_event e = told_event(TRAIN_EVENT_STEP, step, NULL, NULL);

            same(value_at(&v, "step/loss", step), e.step_loss);
            same(value_at(&v, "step/norm", step), e.norm);
            same(value_at(&v, "step/lr", step), e.lr);
        }
        free(rows);
        release_events(&v);
        made_close(&f);
    }
}

/* A file a process, though it may be the same second; the second begins where it goes on. */
static void resumed_curves_begin_where_it_goes_on(void **state)
{
    struct made_folder f;
    struct events v;
    char **names;

    (void)state;
    made_open(&f);
    tell_run(&f, false, 0, 17);
    tell_run(&f, true, 12, 40);
    assert_int_equal(event_files(&f, &names), 2);
    read_events(made_path(&f, names[1]), &v);
    assert_int_equal(v.event[1]->session_log->status, 1);
    assert_int_equal(v.event[1]->step, 13);
    assert_int_equal(v.event[2]->step, 13);
    free(names);
    release_events(&v);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_read_back_exactly),
        cmocka_unit_test(same_events_give_the_same_bytes),
        cmocka_unit_test(hostile_text_stays_one_valid_line),
        cmocka_unit_test(no_number_is_null),
        cmocka_unit_test(long_training_is_thinned_in_the_file_alone),
        cmocka_unit_test(resumed_log_goes_on),
        cmocka_unit_test(reader_who_has_gone_is_told_once),
        cmocka_unit_test(full_disk_leaves_whole_lines),
        cmocka_unit_test(crc32c_known_answers),
        cmocka_unit_test(curves_are_those_of_the_table),
        cmocka_unit_test(resumed_curves_begin_where_it_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
