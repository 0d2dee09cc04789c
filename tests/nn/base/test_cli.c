/*
 * cli: command lines become structs; what is wrong with one is said with the way out
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/cli.h"
#include "nn/base/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    int epochs, batch_size;
    double rate;
    const char *out, *arch;
    int optim, size[2];
    bool dry_run, flip;
    double time_limit;
};

static const char *const optims[] = { "sgd", "adamw", NULL };

static const struct field fields[] = {
    { .name = "epochs", .letter = 'e', .kind = FIELD_KIND_INT, .count = 1,
      .offset = offsetof(struct options, epochs), .def = 30, .min = 1, .max = 10000,
      .doc = "passes over the pictures" },
    FIELD_INT(struct options, batch_size, NULL, 64, 1, 65536,
              "pictures in one step of the optimiser, which is as many as are in memory at a time"),
    FIELD_FLOAT(struct options, rate, NULL, 0.1, 0, 100, "learning rate"),
    FIELD_STRING(struct options, out, "FOLDER", "runs", "where results go"),
    FIELD_STRING(struct options, arch, NULL, NULL, "architecture"),
    FIELD_ENUM(struct options, optim, optims, 0, "optimiser"),
    FIELD_INTS(struct options, size, NULL, 2, 224, 1, 4096, "height and width, in pixels"),
    { .name = "dry_run", .letter = 'n', .kind = FIELD_KIND_BOOL, .count = 1,
      .offset = offsetof(struct options, dry_run), .doc = "say what would be done" },
    { .name = "flip", .kind = FIELD_KIND_BOOL, .count = 1, .def = 1,
      .offset = offsetof(struct options, flip), .doc = "mirror pictures at random" },
    FIELD_DURATION(struct options, time_limit, 0, "stop after this time; 0 is never"),
    FIELDS_END
};

static const struct cli_command train = {
    .name = "train", .summary = "learn", .synopsis = "DATA [TEST]",
    .about = "Learns to tell the pictures in DATA apart, where each folder is a class, and writes "
             "the model that did best on pictures held out.\nA second paragraph.",
    .examples = "discern train photos/\ndiscern train photos/ --epochs 5\n",
    .options = fields, .size = sizeof(struct options), .min_args = 1, .max_args = 2,
};

enum { MAX_WORDS = 16 };

/* Parses the words of a line, which stay in *words. */
struct line {
    char text[256];
    char *argv[MAX_WORDS + 1];
    int argc;
    struct options o;
    struct cli_args args;
    struct err err;
};

static enum cli_result parse(const struct cli_command *cmd, struct line *l, const char *text)
{
    char *save = NULL;

    memset(l, 0, sizeof *l);
    snprintf(l->text, sizeof l->text, "%s %s", cmd->name, text);
    for (char *p = l->text; (p = strtok_r(p, " ", &save)) && l->argc < MAX_WORDS; p = NULL)
        l->argv[l->argc++] = p;
    return cli_parse(cmd, l->argc, l->argv, &l->o, &l->args, &l->err);
}

static void runs(struct line *l, const char *text)
{
    if (parse(&train, l, text) != CLI_RUN)
        fail_msg("%s: %s", text, l->err.msg);
}

static void defaults_come_first(void **state)
{
    struct line l;

    (void)state;
    runs(&l, "photos");
    assert_int_equal(l.o.epochs, 30);
    assert_int_equal(l.o.batch_size, 64);
    assert_true(l.o.rate == 0.1);
    assert_string_equal(l.o.out, "runs");
    assert_null(l.o.arch);
    assert_false(l.o.dry_run);
    assert_true(l.o.flip);
    assert_int_equal(l.args.n, 1);
    assert_string_equal(l.args.arg[0], "photos");
}

static void the_first_error_is_told_and_the_rest_is_read(void **state)
{
    struct line l;

    (void)state;
    assert_int_equal(parse(&train, &l, "photos --epochs x --nonsense --help -n"), CLI_FAILED);
    assert_non_null(strstr(l.err.msg, "--epochs"));
    assert_true(l.o.dry_run);
}

static void options_may_stand_anywhere_in_any_form(void **state)
{
    struct line l;

    (void)state;
    runs(&l, "--epochs 5 photos --batch-size=32 --rate 1e-3 test --optim adamw --size 96x128 -n");
    assert_int_equal(l.o.epochs, 5);
    assert_int_equal(l.o.batch_size, 32);
    assert_true(l.o.rate == 1e-3);
    assert_int_equal(l.o.optim, 1);
    assert_int_equal(l.o.size[1], 128);
    assert_true(l.o.dry_run);
    assert_int_equal(l.args.n, 2);
    assert_string_equal(l.args.arg[0], "photos");
    assert_string_equal(l.args.arg[1], "test");

    runs(&l, "-e 7 photos --batch_size 16 --no-flip --time-limit 20m");
    assert_int_equal(l.o.epochs, 7);
    assert_int_equal(l.o.batch_size, 16);
    assert_false(l.o.flip);
    assert_true(l.o.time_limit == 1200);

    runs(&l, "-ne9 photos --dry-run --no-dry_run --dry_run --no_dry_run --flip");
    assert_int_equal(l.o.epochs, 9);
    assert_false(l.o.dry_run);
    assert_true(l.o.flip);

    runs(&l, "-e 1 -e 2 --epochs 3 photos");
    assert_int_equal(l.o.epochs, 3);

    runs(&l, "-- --epochs -n");
    assert_int_equal(l.args.n, 2);
    assert_string_equal(l.args.arg[0], "--epochs");

    runs(&l, "-");
    assert_string_equal(l.args.arg[0], "-");
}

static void values_that_are_there_stay_unless_they_are_given(void **state)
{
    bool given[sizeof fields / sizeof *fields] = { false };
    struct line l;

    (void)state;
    runs(&l, "photos -e 5 --no-flip -- --out");
    l.o.batch_size = 7;
    l.o.epochs = 1;
    l.o.arch = "vit";
    assert_int_equal(
        cli_parse_over(&train, l.argc, l.argv, &l.o, given, &l.args, &l.err), CLI_RUN);
    assert_int_equal(l.o.batch_size, 7);
    assert_string_equal(l.o.arch, "vit");
    assert_int_equal(l.o.epochs, 5);
    assert_false(l.o.flip);
    assert_int_equal(l.args.n, 2);
    assert_string_equal(l.args.arg[1], "--out");
    for (int i = 0; fields[i].name; i++)
        assert_int_equal(given[i], !strcmp(fields[i].name, "epochs") ||
                                       !strcmp(fields[i].name, "flip"));
}

static void strings_are_borrowed(void **state)
{
    struct line l;

    (void)state;
    runs(&l, "photos --out there --arch=resnet18");
    assert_string_equal(l.o.out, "there");
    assert_true(l.o.out >= l.text && l.o.out < l.text + sizeof l.text);
    assert_string_equal(l.o.arch, "resnet18");
}

static void mistakes_are_said_with_the_way_out(void **state)
{
    static const struct { const char *text, *message; } bad[] = {
        { "photos --epoch 3", "unknown option --epoch; did you mean --epochs?" },
        { "photos --epoch=3", "unknown option --epoch; did you mean --epochs?" },
        { "photos --epoch", "unknown option --epoch; did you mean --epochs?" },
        { "photos --epochz 3", "unknown option --epochz; did you mean --epochs?" },
        { "photos --batchsize 3", "unknown option --batchsize; did you mean --batch-size?" },
        { "photos --batch-siz 3", "unknown option --batch-siz; did you mean --batch-size?" },
        { "photos --hel", "unknown option --hel; did you mean --help?" },
        { "photos --no-flp", "unknown option --no-flp; did you mean --no-flip?" },
        { "photos --no-dry-ru", "unknown option --no-dry-ru; did you mean --no-dry-run?" },
        { "photos --fli", "unknown option --fli; did you mean --flip?" },
        { "photos --xyzzy=3", "unknown option --xyzzy; see discern train --help" },
        { "photos --no-epochs", "unknown option --no-epochs; did you mean --epochs?" },
        { "photos -z", "unknown option -z; see discern train --help" },
        { "photos -nz", "unknown option -nz; see discern train --help" },
        { "photos -rate 3", "unknown option -rate; did you mean --rate?" },
        { "photos --epochs", "option --epochs needs a value: N, passes over the pictures" },
        { "photos --batch_size",
          "option --batch-size needs a value: N, pictures in one step of the optimiser, "
          "which is as many as are in memory at a time" },
        { "photos -e", "option -e needs a value: N, passes over the pictures" },
        { "photos --flip=yes", "option --flip takes no value" },
        { "photos --no-flip=yes", "option --no-flip takes no value" },
        { "photos --help=yes", "option --help takes no value" },
        { "photos --epochs 0", "--epochs: 0 is not in 1 to 10000" },
        { "photos --batch_size x", "--batch-size: \"x\" is not a whole number" },
        { "photos -e 1e3", "--epochs: \"1e3\" is not a whole number" },
        { "photos --optim adam", "--optim: \"adam\" is not one of sgd|adamw; did you mean adamw?" },
        { "photos --size 1x2x3", "--size: \"1x2x3\" has more than 2 numbers" },
        { "", "train expects DATA [TEST], but got nothing; see discern train --help" },
        { "a b c",
          "train expects DATA [TEST], and nothing like \"c\" behind it; see discern train --help" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct line l;

        if (parse(&train, &l, bad[i].text) != CLI_FAILED)
            fail_msg("\"%s\" was taken", bad[i].text);
        assert_int_equal(l.err.kind, ERR_USAGE);
        assert_string_equal(l.err.msg, bad[i].message);
    }
}

static void argument_counts_are_held(void **state)
{
    struct cli_command none = { .name = "list", .synopsis = "", .max_args = 0 };
    struct cli_command many = {
        .name = "predict", .synopsis = "MODEL PICTURE...", .min_args = 2, .max_args = -1 };
    struct line l;

    (void)state;
    assert_int_equal(parse(&none, &l, ""), CLI_RUN);
    assert_int_equal(parse(&none, &l, "x"), CLI_FAILED);
    assert_string_equal(l.err.msg,
                        "list takes no arguments, but got \"x\"; see discern list --help");
    assert_int_equal(parse(&none, &l, "--x"), CLI_FAILED);
    assert_int_equal(parse(&many, &l, "m"), CLI_FAILED);
    assert_string_equal(l.err.msg, "predict expects MODEL PICTURE..., but got fewer arguments; "
                        "see discern predict --help");
    assert_int_equal(parse(&many, &l, "m a b c d e f"), CLI_RUN);
    assert_int_equal(l.args.n, 7);
}

/* What fn prints to fd; free() it. */
static char *printed(int fd, int (*fn)(void))
{
    FILE *file = tmpfile();
    char *text = calloc(1, 8192);
    int saved;

    assert_non_null(file);
    assert_non_null(text);
    fflush(NULL);
    saved = dup(fd);
    dup2(fileno(file), fd);
    fn();
    fflush(NULL);
    dup2(saved, fd);
    close(saved);
    rewind(file);
    assert_true(fread(text, 1, 8191, file) < 8191);
    fclose(file);
    return text;
}

static int ask_for_help(void)
{
    struct line l;

    return parse(&train, &l, "--epochs 3 --help") == CLI_DONE &&
           parse(&train, &l, "-h") == CLI_DONE;
}

static void help_is_asked_for_either_way_and_needs_no_arguments(void **state)
{
    char *twice = printed(STDOUT_FILENO, ask_for_help), *once = NULL;
    size_t len;
    FILE *f = open_memstream(&once, &len);

    (void)state;
    cli_help(&train, f);
    fclose(f);
    assert_int_equal(strlen(twice), 2 * len);
    assert_memory_equal(twice, once, len);
    assert_memory_equal(twice + len, once, len);
    free(once);
    free(twice);
}

static const char train_help[] =
    "usage: discern train [OPTION...] DATA [TEST]\n"
    "\n"
    "Learns to tell the pictures in DATA apart, where each folder is a class, and\n"
    "writes the model that did best on pictures held out.\n"
    "\n"
    "A second paragraph.\n"
    "\n"
    "options:\n"
    "  -e, --epochs N              passes over the pictures (1 to 10000; default 30)\n"
    "      --batch-size N          pictures in one step of the optimiser, which is as\n"
    "                              many as are in memory at a time (1 to 65536;\n"
    "                              default 64)\n"
    "      --rate X                learning rate (0 to 100; default 0.1)\n"
    "      --out FOLDER            where results go (default runs)\n"
    "      --arch TEXT             architecture\n"
    "      --optim NAME            optimiser (sgd|adamw; default sgd)\n"
    "      --size NxN              height and width, in pixels (1 to 4096; default\n"
    "                              224)\n"
    "  -n, --dry-run               say what would be done\n"
    "      --[no-]flip             mirror pictures at random (default yes)\n"
    "      --time-limit TIME       stop after this time; 0 is never (default 0s)\n"
    "\n"
    "what every command takes:\n"
    "  -q, --quiet                 say nothing but errors\n"
    "  -v, --verbose               say more, such as what it took\n"
    "      --log-file FILE         append what is said on standard error to FILE too,\n"
    "                              with --quiet there alone\n"
    "      --color NAME            colours; auto: on a terminal, unless $NO_COLOR is\n"
    "                              set (auto|always|never; default auto)\n"
    "  -h, --help                  this text\n"
    "\n"
    "examples:\n"
    "  discern train photos/\n"
    "  discern train photos/ --epochs 5\n";

static void help_is_aligned_and_fits_80_columns(void **state)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    (void)state;
    cli_help(&train, f);
    fclose(f);
    assert_string_equal(text, train_help);
    for (char *p = text; *p; p += strcspn(p, "\n") + 1)
        assert_in_range(strcspn(p, "\n"), 0, 80);
    free(text);
}

static void long_names_and_words_do_not_break_help(void **state)
{
    static const struct field wide[] = {
        { .name = "a_name_that_is_rather_longer_than_others", .kind = FIELD_KIND_STRING, .count = 1,
          .hint = "FILE", .doc = "a/path/that/no/line/can/hold/because/it/is/longer/"
                                 "than/what/is/left/of/eighty/columns end" },
        FIELDS_END
    };
    static const struct cli_command cmd = {
        .name = "x", .summary = "y", .options = wide, .size = 8 };
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    (void)state;
    cli_help(&cmd, f);
    fclose(f);
    assert_non_null(strstr(text, "--a-name-that-is-rather-longer-than-others FILE\n"));
    assert_non_null(strstr(text, "\n                              a/path"));
    assert_non_null(strstr(text, "columns\n                              end\n"));
    free(text);
}

static void markdown_rows_have_four_cells(void **state)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    int rows = 0;

    (void)state;
    cli_markdown(&train, f);
    fclose(f);
    assert_non_null(strstr(text, "## discern train\n\nLearns to tell"));
    assert_non_null(strstr(text, "class, and\nwrites the model"));
    assert_non_null(strstr(text, "held out.\n\nA second paragraph.\n\n```\ndiscern train "));
    assert_non_null(strstr(text, "| `-e`, `--epochs N` | passes over the pictures | 1 to 10000 "
                                 "| 30 |\n"));
    assert_non_null(strstr(text, "| `--optim NAME` | optimiser | sgd, adamw | sgd |\n"));
    for (char *p = text; *p; p += strcspn(p, "\n") + 1) {
        int bars = 0;

        if (*p != '|')
            continue;
        for (char *q = p; *q != '\n'; q++)
            bars += *q == '|';
        assert_int_equal(bars, 5);
        rows++;
    }
    assert_int_equal(rows, 2 + 10);
    free(text);
}

static void kinds_become_statuses(void **state)
{
    static const int want[] = { 0, 5, 4, 3, 3, 130, 6, 2 };

    (void)state;
    for (int i = 0; i < 8; i++) {
        struct err err = { .kind = (enum err_kind)i };

        assert_int_equal(cli_status(&err), want[i]);
    }
}

static const struct err nasty = { ERR_INPUT, "a\nb\x1B[31m \"c\" \xC2\x9B" "d \xC3\xA9 \xFF" };

static int fail_plain(void)
{
    return cli_fail(&nasty, false);
}

static int fail_json(void)
{
    return cli_fail(&nasty, true);
}

static void failures_are_one_harmless_line(void **state)
{
    char *err = printed(STDERR_FILENO, fail_plain), *out = printed(STDOUT_FILENO, fail_plain);

    (void)state;
    assert_string_equal(err, "discern: a?b?[31m \"c\" ??d \xC3\xA9 \xFF\n");
    assert_string_equal(out, "");
    free(err);
    free(out);
}

static void every_command_takes_the_common_options(void **state)
{
    struct line l;

    (void)state;
    runs(&l, "photos -q --color always");
    assert_true(l.args.quiet);
    assert_true(l.args.color);
    assert_false(l.args.verbose);
    runs(&l, "photos --verbose --no-quiet --color=never");
    assert_false(l.args.quiet);
    assert_false(l.args.color);
    assert_true(l.args.verbose);
    assert_int_equal(parse(&train, &l, "photos --quite"), CLI_FAILED);
    assert_non_null(strstr(l.err.msg, "did you mean --quiet?"));
    assert_int_equal(parse(&train, &l, "photos --color blue"), CLI_FAILED);
    assert_int_equal(parse(&train, &l, "photos --log-file /nowhere/log"), CLI_FAILED);
    assert_int_equal(l.err.kind, ERR_IO);
    runs(&l, "photos");         /* and stderr is as it was */
}

static void failures_as_json_are_valid_and_whole(void **state)
{
    char *out = printed(STDOUT_FILENO, fail_json);
    struct err err = { 0 };
    json_t *json = record_parse(out, strlen(out), &err), *e;

    (void)state;
    assert_non_null(json);
    e = json_object_get(json, "error");
    assert_int_equal(json_integer_value(json_object_get(e, "code")), 3);
    assert_string_equal(json_string_value(json_object_get(e, "message")),
                        "a\nb\x1B[31m \"c\" \xC2\x9B" "d \xC3\xA9 \xEF\xBF\xBD");
    assert_true(json_is_null(json_object_get(e, "hint")));
    assert_string_equal(json_string_value(json_object_get(json, "schema")), "discern.error/1");
    json_decref(json);
    free(out);
}

static struct err flush_err;
static bool flushed;

static int write_much(void)
{
    for (int i = 0; i < 100000; i++)
        putchar('x');
    flushed = cli_flush(&flush_err);
    return 0;
}

static void columns_are_cut_or_filled_to_their_width(void **state)
{
    struct str out = { 0 };

    (void)state;
    cli_column(&out, "rose", 6, false);
    cli_column(&out, "rose", 6, true);
    cli_column(&out, "m\u00fctze", 2, false);
    cli_column(&out, "a\nb", 3, true);
    assert_string_equal(str_text(&out), "rose    rosem\u00fca?b");
    str_release(&out);
}

static void the_cache_folder_is_absolute_or_none(void **state)
{
    static const struct {
        const char *xdg, *home, *want;
    } cases[] = {
        { "/x", "/home/a", "/x/discern" },
        { NULL, "/home/a", "/home/a/.cache/discern" },
        { "", "/home/a", "/home/a/.cache/discern" },
        { "x", "/home/a", "/home/a/.cache/discern" },
        { NULL, "a", NULL },
        { NULL, NULL, NULL },
    };
    char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    (void)state;
    xdg = xdg ? strdup(xdg) : NULL;
    home = home ? strdup(home) : NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path;

        unsetenv("XDG_CACHE_HOME");
        unsetenv("HOME");
        if (cases[i].xdg)
            setenv("XDG_CACHE_HOME", cases[i].xdg, 1);
        if (cases[i].home)
            setenv("HOME", cases[i].home, 1);
        path = cli_cache_folder();
        if (cases[i].want)
            assert_string_equal(path, cases[i].want);
        else
            assert_null(path);
        free(path);
    }
    unsetenv("XDG_CACHE_HOME");
    if (xdg)
        setenv("XDG_CACHE_HOME", xdg, 1);
    if (home)
        setenv("HOME", home, 1);
    free(xdg);
    free(home);
}

static void a_full_disk_under_stdout_is_an_io_error(void **state)
{
    FILE *full = fopen("/dev/full", "w");
    int saved;

    (void)state;
    if (!full)
        skip();
    fflush(stdout);
    saved = dup(STDOUT_FILENO);
    dup2(fileno(full), STDOUT_FILENO);
    write_much();
    dup2(saved, STDOUT_FILENO);
    close(saved);
    fclose(full);
    clearerr(stdout);
    assert_false(flushed);
    assert_int_equal(flush_err.kind, ERR_IO);
    assert_non_null(strstr(flush_err.msg, "standard output: cannot write"));
    assert_true(cli_flush(&flush_err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cache_folder_is_absolute_or_none),
        cmocka_unit_test(defaults_come_first),
        cmocka_unit_test(the_first_error_is_told_and_the_rest_is_read),
        cmocka_unit_test(options_may_stand_anywhere_in_any_form),
        cmocka_unit_test(values_that_are_there_stay_unless_they_are_given),
        cmocka_unit_test(strings_are_borrowed),
        cmocka_unit_test(mistakes_are_said_with_the_way_out),
        cmocka_unit_test(argument_counts_are_held),
        cmocka_unit_test(help_is_asked_for_either_way_and_needs_no_arguments),
        cmocka_unit_test(help_is_aligned_and_fits_80_columns),
        cmocka_unit_test(long_names_and_words_do_not_break_help),
        cmocka_unit_test(markdown_rows_have_four_cells),
        cmocka_unit_test(kinds_become_statuses),
        cmocka_unit_test(failures_are_one_harmless_line),
        cmocka_unit_test(every_command_takes_the_common_options),
        cmocka_unit_test(failures_as_json_are_valid_and_whole),
        cmocka_unit_test(columns_are_cut_or_filled_to_their_width),
        cmocka_unit_test(a_full_disk_under_stdout_is_an_io_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
