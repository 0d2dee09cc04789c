/*
 * tell: who gets which line; progress as lines where nothing can be written over
 *
 * What a terminal shows is tested where most of it is told: tests/train/test_listen.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/progress.h"
#include "nn/base/str.h"
#include "nn/base/tell.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A stream into one file, and a log into another. */
struct ends {
    FILE *out, *log, *to;
    char *text;
};

static void begin(struct ends *e, struct tell_how how, bool log)
{
    struct err err = { 0 };

    memset(e, 0, sizeof *e);
    e->out = tmpfile();
    e->log = tmpfile();
    assert_non_null(e->out);
    assert_non_null(e->log);
    how.fd = fileno(e->out);
    how.log = log ? dup(fileno(e->log)) : 0;
    e->to = tell_open(&how, &err);
    assert_non_null(e->to);
}

/* What a file holds; valid until the next call. */
static const char *read_back(struct ends *e, FILE *f)
{
    size_t n;

    fflush(e->to);
    free(e->text);
    e->text = calloc(1, 100000);
    assert_non_null(e->text);
    rewind(f);
    n = fread(e->text, 1, 99999, f);
    assert_true(n < 99999);
    return e->text;
}

static void end(struct ends *e)
{
    if (e->to)
        fclose(e->to);
    fclose(e->out);
    fclose(e->log);
    free(e->text);
}

static void tell_all(FILE *to)
{
    tell_line(to, TELL_NOTE, "a note");
    tell_line(to, TELL_DETAIL, "a detail");
    tell_line(to, TELL_ERROR, "an error");
    fprintf(to, "from elsewhere\n");
}

static void kinds_are_for_those_who_asked(void **state)
{
    static const struct {
        bool quiet, verbose;
        const char *out, *log;
    } cases[] = {
        { false, false, "discern: a note\ndiscern: an error\nfrom elsewhere\n",
          "discern: a note\ndiscern: an error\nfrom elsewhere\n" },
        { true, false, "discern: an error\nfrom elsewhere\n",
          "discern: a note\ndiscern: an error\nfrom elsewhere\n" },
        { false, true, "discern: a note\ndiscern: a detail\ndiscern: an error\nfrom elsewhere\n",
          "discern: a note\ndiscern: a detail\ndiscern: an error\nfrom elsewhere\n" },
    };

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct ends e;

        begin(&e, (struct tell_how){ .quiet = cases[i].quiet, .verbose = cases[i].verbose }, true);
        tell_all(e.to);
        assert_string_equal(read_back(&e, e.out), cases[i].out);
        assert_string_equal(read_back(&e, e.log), cases[i].log);
        end(&e);
    }
}

static void a_plain_stream_has_all_but_details(void **state)
{
    struct ends e;

    (void)state;
    begin(&e, (struct tell_how){ .fd = 0 }, false);
    tell_all(e.out);
    tell_live(e.out, 100, &(struct tell_part){ 0, "epoch 1" }, 1);
    tell_done(e.out);
    fflush(e.out);
    assert_string_equal(read_back(&e, e.out),
                        "discern: a note\ndiscern: an error\nfrom elsewhere\n");
    end(&e);
}

static void color_marks_errors_and_spares_the_log(void **state)
{
    struct ends e;

    (void)state;
    begin(&e, (struct tell_how){ .color = true }, true);
    tell_all(e.to);
    assert_string_equal(read_back(&e, e.out), "\033[2mdiscern:\033[0m a note\n"
                                              "\033[31mdiscern:\033[0m an error\n"
                                              "from elsewhere\n");
    assert_null(strchr(read_back(&e, e.log), '\033'));
    end(&e);
}

/* Text that would look like the stream's own signs, or obeyed by a terminal. */
static void nothing_in_a_text_is_obeyed(void **state)
{
    struct ends e;

    (void)state;
    begin(&e, (struct tell_how){ .quiet = true }, false);
    tell_line(e.to, TELL_ERROR, "a\n\001b \003\037c \033[2J \377");
    assert_string_equal(read_back(&e, e.out), "discern: a??b ??c ?[2J \xEF\xBF\xBD\n");
    end(&e);
}

/* Longer than any buffer on the way, with quiet: all of a note goes, all of an error stays. */
static void long_lines_stay_whole(void **state)
{
    static char text[30000];
    struct ends e;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    begin(&e, (struct tell_how){ .quiet = true }, false);
    tell_line(e.to, TELL_NOTE, text);
    tell_line(e.to, TELL_ERROR, text);
    assert_int_equal(strlen(read_back(&e, e.out)), sizeof text - 1 + strlen("discern: \n"));
    end(&e);
}

static void the_end_of_a_line_may_be_missing(void **state)
{
    struct ends e;

    (void)state;
    begin(&e, (struct tell_how){ .fd = 0 }, false);
    fprintf(e.to, "half a line");
    fclose(e.to);
    e.to = NULL;
    fseek(e.out, 0, SEEK_END);
    assert_int_equal(ftell(e.out), strlen("half a line\n"));
    end(&e);
}

/* A line each half minute without others, here and in the log; with quiet in the log alone. */
static void progress_without_a_terminal_is_a_line_at_times(void **state)
{
    (void)state;
    for (int quiet = 0; quiet < 2; quiet++) {
        const char *want = "discern: step 30, 1 left\ndiscern: step 60, 1 left\n"
                           "discern: a word\ndiscern: step 100, 1 left\n";
        struct ends e;

        begin(&e, (struct tell_how){ .quiet = quiet }, true);
        for (int i = 0; i < 120; i++) {
            struct str text = { 0 };

            str_printf(&text, "step %d", i);
            if (i == 70)
                tell_line(e.to, TELL_NOTE, "a word");
            tell_live(e.to, i, (struct tell_part[]){ { 0, str_text(&text) }, { 2, "" },
                                                     { 1, "1 left" } }, 3);
            str_release(&text);
        }
        tell_done(e.to);
        assert_string_equal(read_back(&e, e.log), want);
        assert_string_equal(read_back(&e, e.out), quiet ? "" : want);
        end(&e);
    }
}

static void progress_tells_share_and_rate(void **state)
{
    struct ends e;
    struct progress p;

    (void)state;
    begin(&e, (struct tell_how){ .fd = 0 }, false);
    progress_begin(&p, e.to, "looked at", "pictures", 500);
    p.begun -= 50;              /* as if it had begun then */
    p.asked -= 50;
    progress_at(&p, 100);
    progress_at(&p, 101);
    progress_end(&p);
    assert_string_equal(read_back(&e, e.out),
                        "discern: looked at 100 of 500 pictures, 20 %, 2.0/s, 3m20s left\n");
    progress_end(&p);
    end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_for_those_who_asked),
        cmocka_unit_test(a_plain_stream_has_all_but_details),
        cmocka_unit_test(color_marks_errors_and_spares_the_log),
        cmocka_unit_test(nothing_in_a_text_is_obeyed),
        cmocka_unit_test(long_lines_stay_whole),
        cmocka_unit_test(the_end_of_a_line_may_be_missing),
        cmocka_unit_test(progress_without_a_terminal_is_a_line_at_times),
        cmocka_unit_test(progress_tells_share_and_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
