/*
 * listen: what a terminal shows, what metrics.csv holds, and what becomes of a listener that fails
 */
#include "tests/train/told.h"

#include "nn/base/cli.h"
#include "nn/base/tell.h"
#include "train/listen/csv.h"
#include "train/listen/summary.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

/* ---- a terminal ------------------------------------------------------------------------------ */

enum { ROWS = 40, COLUMNS = 200 };

struct screen {
    int master, slave, width;
    FILE *to;
    int row, column;
    char cell[ROWS][COLUMNS + 1];
};

static void resize(struct screen *s, int width)
{
    struct winsize w = { .ws_row = ROWS, .ws_col = (unsigned short)width };

    s->width = width;
    assert_int_equal(ioctl(s->master, TIOCSWINSZ, &w), 0);
}

static FILE *told_to(int fd)
{
    struct err err = { 0 };
    FILE *f = tell_open(&(struct tell_how){ .fd = fd, .live = cli_live(fd) }, &err);

    assert_non_null(f);
    return f;
}

static void screen_open(struct screen *s, int width)
{
    char name[64];

    memset(s, 0, sizeof *s);
    s->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_true(s->master >= 0);
    assert_int_equal(grantpt(s->master), 0);
    assert_int_equal(unlockpt(s->master), 0);
    assert_int_equal(ptsname_r(s->master, name, sizeof name), 0);
    s->slave = open(name, O_RDWR | O_NOCTTY);
    assert_true(s->slave >= 0);
    resize(s, width);
    setenv("TERM", "xterm", 1);
    s->to = told_to(s->slave);
}

static void screen_close(struct screen *s)
{
    fclose(s->to);
    close(s->slave);
    close(s->master);
}

static void next_row(struct screen *s)
{
    s->row++;
    s->column = 0;
    assert_true(s->row < ROWS);
}

/* Shows what has come: lines wrap at the width, and what is there is written over. */
static void look(struct screen *s)
{
    char c;

    while (read(s->master, &c, 1) == 1) {
        if (c == '\r') {
            s->column = 0;
        } else if (c == '\n') {
            next_row(s);
        } else {
            assert_in_range((unsigned char)c, ' ', '~');
            if (s->column == s->width)
                next_row(s);
            for (int i = 0; i < s->column; i++)
                if (!s->cell[s->row][i])
                    s->cell[s->row][i] = ' ';
            s->cell[s->row][s->column++] = c;
        }
    }
}

/* A row without the blanks at its end. */
static const char *row(struct screen *s, int i)
{
    size_t n = strlen(s->cell[i]);

    while (n && s->cell[i][n - 1] == ' ')
        s->cell[i][--n] = 0;
    return s->cell[i];
}

static void tell_step(struct train_listen *l, int64_t step)
{
    struct train_event e = told_event(TRAIN_EVENT_STEP, step, NULL, NULL);

    train_listen_event(l, &e);
}

/* ---- the terminal ---------------------------------------------------------------------------- */

static void live_line_says_what_fits(void **state)
{
    static const struct {
        int width;
        const char *line;
    } cases[] = {
        { 120, "epoch 2/4, step 11/40, loss 0.2500, accuracy 0.2683, val accuracy 0.6000, "
               "133 pictures/s, 15s left, 123 MB" },
        { 95, "epoch 2/4, loss 0.2500, accuracy 0.2683, val accuracy 0.6000, 133 pictures/s, "
               "15s left" },
        { 60, "epoch 2/4, loss 0.2500, val accuracy 0.6000, 15s left" },
        { 40, "epoch 2/4, loss 0.2500, 15s left" },
        { 33, "epoch 2/4, loss 0.2500, 15s left" },
        { 32, "epoch 2/4, loss 0.2500" },
        { 12, "epoch 2/4" },
        { 5, "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct screen s;
        struct train_listen *l;

        screen_open(&s, 120);
        l = told_open(&(struct train_listen_options){ .terminal = s.to });
        told_steps(l, 0, 10, told_single);
        look(&s);
        resize(&s, cases[i].width);
        tell_step(l, 11);
        look(&s);
        assert_string_equal(row(&s, 0), "discern: epoch 1/4: loss 0.2727, accuracy 0.2439, val "
                                        "accuracy 0.6000 (best so far), 133 pictures/s, 15s left");
        assert_string_equal(row(&s, 1), cases[i].line);
        assert_int_equal(s.row, 1);
        told_close(l);
        look(&s);
        assert_string_equal(row(&s, 1), "");
        screen_close(&s);
    }
}

static void several_labels_have_no_training_accuracy(void **state)
{
    struct screen s;
    struct train_listen *l;
    struct train_event e;
    struct infer_figures f = told_multi(1);

    (void)state;
    screen_open(&s, 150);
    l = told_open(&(struct train_listen_options){ .terminal = s.to });
    e = told_event(TRAIN_EVENT_EPOCH, 10, &f, NULL);
    train_listen_event(l, &e);
    e = told_event(TRAIN_EVENT_STEP, 11, NULL, NULL);
    e.accuracy = NAN;
    train_listen_event(l, &e);
    look(&s);
    assert_string_equal(row(&s, 0),
                        "discern: epoch 1/4: loss 0.2727, val mAP 0.1000, 133 pictures/s, "
                        "15s left");
    assert_string_equal(row(&s, 1), "epoch 2/4, step 11/40, loss 0.2500, val mAP 0.1000, "
                                    "133 pictures/s, 15s left, 123 MB");
    told_close(l);
    screen_close(&s);
}

/* A line that became too long stands in two rows: it is left, and one begins anew. */
static void narrower_terminal_gets_one_line_again(void **state)
{
    struct screen s;
    struct train_listen *l;

    (void)state;
    screen_open(&s, 120);
    l = told_open(&(struct train_listen_options){ .terminal = s.to });
    for (int step = 1; step < 6; step++) {
        tell_step(l, step);
        look(&s);
    }
    assert_int_equal(s.row, 0);
    resize(&s, 40);
    for (int step = 6; step < 10; step++) {
        tell_step(l, step);
        look(&s);
    }
    assert_int_equal(s.row, 1);
    assert_string_equal(row(&s, 1), "epoch 1/4, loss 0.3000, 16s left");
    resize(&s, 100);
    tell_step(l, 9);
    told_text(l, TRAIN_EVENT_NOTE, 9, "a word");
    look(&s);
    assert_string_equal(row(&s, 1), "discern: a word");
    assert_int_equal(s.row, 2);
    told_close(l);
    screen_close(&s);
}

static void live_line_changes_ten_times_a_second_at_most(void **state)
{
    struct screen s;
    struct train_listen *l;
    int changes = 0;

    (void)state;
    screen_open(&s, 80);
    l = told_open(&(struct train_listen_options){ .terminal = s.to });
    for (int i = 0; i < 1000; i++) {
        struct train_event e = told_event(TRAIN_EVENT_STEP, 1, NULL, NULL);
        char c;

        e.elapsed = 0.002 * i;
        train_listen_event(l, &e);
        while (read(s.master, &c, 1) == 1)
            changes += c == '\r';
    }
    assert_in_range(changes, 10, 20);
    told_close(l);
    screen_close(&s);
}

/* In the background of a shell: lines, but nothing that is written over. */
static void background_has_no_live_line(void **state)
{
    struct screen s;
    pid_t child;
    int status;

    (void)state;
    screen_open(&s, 120);
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct train_listen *l;
        pid_t other;

        signal(SIGTTOU, SIG_IGN);
        if (setsid() < 0 || ioctl(s.slave, TIOCSCTTY, 0))
            _exit(2);
        other = fork();
        if (!other) {
            setpgid(0, 0);
            pause();
            _exit(0);
        }
        setpgid(other, other);
        l = told_open(&(struct train_listen_options){ .terminal = s.to });
        tell_step(l, 1);
        if (tcsetpgrp(s.slave, other))
            _exit(3);
        told_steps(l, 1, 12, told_single);
        told_close(l);
        kill(other, SIGKILL);
        waitpid(other, NULL, 0);
        _exit(0);
    }
    /* What was written is there until the last one closes it: read before that is, too. */
    while (!waitpid(child, &status, WNOHANG)) {
        look(&s);
        usleep(1000);
    }
    look(&s);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_non_null(strstr(row(&s, 0), "discern: epoch 1/4: "));
    assert_int_equal(s.row, 1);
    assert_string_equal(row(&s, 1), "");
    screen_close(&s);
}

static int count(const char *text, const char *word)
{
    int n = 0;

    for (const char *p = text; (p = strstr(p, word)); p++)
        n++;
    return n;
}

static void piped_is_lines(void **state)
{
    int fd[2];
    struct train_listen *l;
    char text[4096];
    ssize_t n;
    FILE *to;

    (void)state;
    assert_int_equal(pipe(fd), 0);
    to = told_to(fd[1]);
    l = told_open(&(struct train_listen_options){ .terminal = to });
    told_text(l, TRAIN_EVENT_NOTE, 0, "one\nline \033[2J, \377");
    for (int step = 1; step < 200; step++)
        tell_step(l, step); /* 100 seconds */
    told_close(l);
    n = read(fd[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = 0;
    assert_null(strchr(text, '\r'));
    assert_int_equal(count(text, "\n"), 4); /* one in 30 seconds */
    fclose(to);
    assert_int_equal(count(text, "discern: one?line ?[2J, \xEF\xBF\xBD\n"), 1);
    close(fd[0]);
    close(fd[1]);
}

static void dumb_terminal_is_lines(void **state)
{
    struct screen s;
    struct train_listen *l;

    (void)state;
    screen_open(&s, 120);
    setenv("TERM", "dumb", 1);
    fclose(s.to);
    s.to = told_to(s.slave);
    l = told_open(&(struct train_listen_options){ .terminal = s.to });
    tell_step(l, 1);
    tell_step(l, 70);
    told_close(l);
    look(&s);
    assert_string_equal(row(&s, 0), "discern: epoch 7/4, step 70/40, loss 0.0423, accuracy 1.7073, "
                                    "133 pictures/s, 0s left, 123 MB");
    assert_int_equal(s.row, 1);
    screen_close(&s);
}

static void terminal_that_is_gone_is_no_error(void **state)
{
    FILE *to = told_to(open("/dev/full", O_WRONLY));
    struct train_listen *l = told_open(&(struct train_listen_options){ .terminal = to });

    (void)state;
    told_all(l, told_single);
    told_close(l);
    fclose(to);
}

/* ---- metrics.csv ----------------------------------------------------------------------------- */

static int read_rows(const struct made_folder *f, struct train_metrics **rows)
{
    struct err err = { 0 };
    int n = train_metrics_read(made_path(f, TRAIN_METRICS_FILE), rows, &err);

    if (n < 0)
        fail_msg("%s", err.msg);
    return n;
}

static void tell_file(const struct made_folder *f, struct infer_figures (*figures)(int))
{
    struct train_listen *l =
        told_open(&(struct train_listen_options){ .out = f->path });

    told_all(l, figures);
    told_close(l);
}

/* The columns are a promise: this line is in the documentation, and in other people's scripts. */
static void columns_are_stable(void **state)
{
    static const char header[] =
        "epoch,step,seconds,loss,accuracy,lr,pictures_per_second,waited,memory_mb,val_pictures,"
        "val_accuracy,val_top5,val_balanced_accuracy,val_mAP,val_subset_accuracy,val_macro_f1,"
        "val_micro_f1,val_log_loss,val_ece,best\n";
    struct infer_figures (*const figures[])(int) = { told_single, told_multi, NULL };

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct made_folder f;
        char *text;

        made_open(&f);
        tell_file(&f, figures[i]);
        text = told_file(made_path(&f, TRAIN_METRICS_FILE));
        assert_memory_equal(text, header, sizeof header - 1);
        for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
            int commas = 0;

            for (char *p = line; p < end; p++)
                commas += *p == ',';
            assert_int_equal(commas, 19);
        }
        free(text);
        made_close(&f);
    }
}

static void same(double a, double b)
{
    assert_true(a == b || (isnan(a) && isnan(b)));
}

static void rows_read_back_exactly(void **state)
{
    struct infer_figures (*const figures[])(int) = { told_single, told_multi, NULL };

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct made_folder f;
        struct train_metrics *rows;

        made_open(&f);
        tell_file(&f, figures[i]);
        assert_int_equal(read_rows(&f, &rows), TOLD_EPOCHS);
        for (int r = 0; r < TOLD_EPOCHS; r++) {
            struct infer_figures val = figures[i] ? figures[i](r + 1) : (struct infer_figures){ 0 };
            struct train_event e = told_event(TRAIN_EVENT_EPOCH, TOLD_STEPS * (r + 1),
                                              figures[i] ? &val : NULL, NULL);

            same(rows[r].epoch, r + 1);
            same(rows[r].step, TOLD_STEPS * (r + 1));
            same(rows[r].loss, e.loss);
            same(rows[r].accuracy, e.accuracy);
            same(rows[r].lr, e.lr);
            same(rows[r].memory_mb, 123.456789);
            same(rows[r].val_pictures, e.val ? 50 : NAN);
            same(rows[r].val_accuracy, e.val ? val.accuracy : NAN);
            same(rows[r].val_map, e.val ? val.mean_ap : NAN);
            same(rows[r].val_log_loss, e.val ? val.log_loss : NAN);
            same(rows[r].val_macro_f1, e.val ? val.macro_f1 : NAN);
            same(rows[r].best, r != 2);
        }
        free(rows);
        made_close(&f);
    }
}

/* Whole, killed at any step, and gone on with from the last save before: one and the same. */
static void resumed_table_is_that_of_one_run(void **state)
{
    struct made_folder whole, f;
    char *want, *got;

    (void)state;
    made_open(&whole);
    tell_file(&whole, told_single);
    want = told_file(made_path(&whole, TRAIN_METRICS_FILE));
    for (int saved = 0; saved <= 40; saved += 3)
        for (int killed = saved; killed <= 40; killed += 7) {
            struct train_listen_options o = { .out = NULL };
            struct train_listen *l;

            made_open(&f);
            o.out = f.path;
            l = told_open(&o);
            told_text(l, TRAIN_EVENT_START, 0, "first");
            told_steps(l, 0, killed, told_single);
            told_close(l);
            o.resumed = true;
            l = told_open(&o);
            told_text(l, TRAIN_EVENT_START, saved, "again");
            told_steps(l, saved, 40, told_single);
            told_close(l);
            got = told_file(made_path(&f, TRAIN_METRICS_FILE));
            assert_string_equal(got, want);
            free(got);
            made_close(&f);
        }
    free(want);
    made_close(&whole);
}

/* Saved when the last step of epoch 2 was made, killed when its row was written: it comes again. */
static void row_of_the_epoch_under_way_is_not_there_twice(void **state)
{
    struct made_folder whole, f;
    struct train_listen_options o = { .out = NULL };
    struct infer_figures val = told_single(2);
    struct train_event e;
    struct train_listen *l;
    char *want, *got;

    (void)state;
    made_open(&whole);
    tell_file(&whole, told_single);
    want = told_file(made_path(&whole, TRAIN_METRICS_FILE));
    made_open(&f);
    o.out = f.path;
    l = told_open(&o);
    told_text(l, TRAIN_EVENT_START, 0, "first");
    told_steps(l, 0, 20, told_single);
    told_close(l);
    o.resumed = true;
    l = told_open(&o);
    e = told_event(TRAIN_EVENT_START, 20, NULL, "again");
    assert_int_equal(e.epoch, 2);
    train_listen_event(l, &e);
    e = told_event(TRAIN_EVENT_EPOCH, 20, &val, NULL);
    e.best = true;
    train_listen_event(l, &e);
    told_steps(l, 20, 40, told_single);
    told_close(l);
    got = told_file(made_path(&f, TRAIN_METRICS_FILE));
    assert_string_equal(got, want);
    free(got);
    free(want);
    made_close(&f);
    made_close(&whole);
}

/* Not resumed: what another training left in the folder is not taken for ours. */
static void new_training_begins_a_new_table(void **state)
{
    struct made_folder f;
    struct train_metrics *rows;
    struct train_listen *l;

    (void)state;
    made_open(&f);
    made_text(&f, TRAIN_METRICS_FILE, "no table at all");
    l = told_open(&(struct train_listen_options){ .out = f.path });
    told_text(l, TRAIN_EVENT_NOTE, 0, "not begun");
    told_text(l, TRAIN_EVENT_START, 0, "new");
    assert_int_equal(read_rows(&f, &rows), 0); /* at once, for whoever looks on */
    free(rows);
    told_steps(l, 0, 20, NULL);
    told_close(l);
    assert_int_equal(read_rows(&f, &rows), 2);
    free(rows);
    made_close(&f);
}

/* Nothing stands in the way of trying again. */
static void training_that_saves_nothing_leaves_no_files(void **state)
{
    (void)state;
    for (int steps = -1; steps < TOLD_STEPS; steps++) {
        struct made_folder f;
        struct train_listen *l;
        struct err err;
        char **names;

        made_open(&f);
        l = told_open(&(struct train_listen_options){ .out = f.path });
        told_text(l, TRAIN_EVENT_NOTE, 0, "not begun");
        if (steps >= 0)
            told_text(l, TRAIN_EVENT_START, 0, "begun");
        told_steps(l, 0, steps, told_single);
        told_close(l);
        assert_int_equal(file_list(f.path, &names, &err), 0);
        free(names);
        made_close(&f);
    }
}

/* A machine that lost its power may leave half a row. */
static void half_a_row_is_passed_over(void **state)
{
    struct made_folder f;
    struct train_metrics *rows;
    struct err err = { 0 };
    char *text, *half;

    (void)state;
    made_open(&f);
    tell_file(&f, told_single);
    text = told_file(made_path(&f, TRAIN_METRICS_FILE));
    for (size_t n = strlen(text) - 1; text[n - 1] != '\n'; n--) {
        made_file(&f, TRAIN_METRICS_FILE, text, n);
        assert_int_equal(read_rows(&f, &rows), TOLD_EPOCHS - 1);
        free(rows);
    }
    half = strrchr(text, ',');
    half[-3] = 'x';
    made_text(&f, TRAIN_METRICS_FILE, text);
    assert_int_equal(train_metrics_read(made_path(&f, TRAIN_METRICS_FILE), &rows, &err), -1);
    assert_non_null(strstr(err.msg, "metrics.csv: line 5: "));
    assert_null(rows);
    free(text);
    made_close(&f);
}

/* ---- what fails ------------------------------------------------------------------------------ */

/* The disk is full in the middle: told once, the table keeps whole rows, the rest goes on. */
static void full_disk_is_told_once(void **state)
{
    struct made_folder f;
    struct train_metrics *rows;
    struct train_summary summary = { 0 };
    struct train_listen_options o = { .summary = &summary };
    struct train_listen *l;
    struct err err = { 0 };
    int fd[2], n;
    char text[8192];
    ssize_t got;
    FILE *to;

    (void)state;
    made_open(&f);
    assert_int_equal(pipe(fd), 0);
    o.out = f.path;
    o.terminal = to = told_to(fd[1]);
    l = told_open(&o);
    told_full(600);
    told_all(l, told_single);
    assert_false(train_listen_close(l, &err));
    told_room();
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.msg, f.path));
    got = read(fd[0], text, sizeof text - 1);
    assert_true(got > 0);
    text[got] = 0;
    assert_int_equal(count(text, TRAIN_METRICS_FILE), 1);
    assert_int_equal(count(text, "log.jsonl"), 1);
    assert_int_equal(count(text, "goes on without"), 3); /* TensorBoard's file is the third */
    assert_int_equal(count(text, "discern: epoch "), TOLD_EPOCHS);
    assert_int_equal(count(str_text(&summary.history), "\"epoch\":"), TOLD_EPOCHS);
    n = read_rows(&f, &rows);
    assert_in_range(n, 1, TOLD_EPOCHS - 1);
    free(rows);
    train_summary_release(&summary);
    fclose(to);
    close(fd[0]);
    close(fd[1]);
    made_close(&f);
}

static void folder_that_is_gone_is_told(void **state)
{
    struct train_listen *l =
        told_open(&(struct train_listen_options){ .out = "/nowhere/at/all" });
    struct err err = { 0 };

    (void)state;
    told_all(l, told_multi);
    assert_false(train_listen_close(l, &err));
    assert_non_null(strstr(err.msg, "/nowhere/at/all"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_line_says_what_fits),
        cmocka_unit_test(several_labels_have_no_training_accuracy),
        cmocka_unit_test(narrower_terminal_gets_one_line_again),
        cmocka_unit_test(live_line_changes_ten_times_a_second_at_most),
        cmocka_unit_test(background_has_no_live_line),
        cmocka_unit_test(piped_is_lines),
        cmocka_unit_test(dumb_terminal_is_lines),
        cmocka_unit_test(terminal_that_is_gone_is_no_error),
        cmocka_unit_test(columns_are_stable),
        cmocka_unit_test(rows_read_back_exactly),
        cmocka_unit_test(resumed_table_is_that_of_one_run),
        cmocka_unit_test(row_of_the_epoch_under_way_is_not_there_twice),
        cmocka_unit_test(new_training_begins_a_new_table),
        cmocka_unit_test(training_that_saves_nothing_leaves_no_files),
        cmocka_unit_test(half_a_row_is_passed_over),
        cmocka_unit_test(full_disk_is_told_once),
        cmocka_unit_test(folder_that_is_gone_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
