/*
 * cli -- a command line into a struct through a field table, on getopt_long
 *
 * Every field is a long option; '_' in its name is shown as '-' and taken as either.  getopt_long
 * would also take any beginning of a name that is not ambiguous; that is refused, else a new option
 * could change what an old command line means.
 */
#include "nn/base/cli_table.h"

#include "nn/base/file.h"
#include "nn/base/tell.h"

#include <assert.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Values that getopt_long returns for long options; below them are letters. */
enum { VAL_HELP = 256, VAL_FIELD };         /* VAL_FIELD + 2 * index, + 1 where --no- clears it */

/* ---- what every command takes ---------------------------------------------------------------- */

static const char *const color_names[] = { "auto", "always", "never", NULL };

const struct field cli_common_fields[] = {
    FIELD_BOOL(struct cli_common, quiet, "say nothing but errors", .letter = 'q',
               .group = "what every command takes"),
    FIELD_BOOL(struct cli_common, verbose, "say more, such as what it took", .letter = 'v'),
    FIELD_STRING(struct cli_common, log_file, "FILE", NULL,
                 "append what is said on standard error to FILE too, with --quiet there "
                 "alone"),
    FIELD_ENUM(struct cli_common, color, color_names, CLI_COLOR_AUTO,
               "colours; auto: on a terminal, unless $NO_COLOR is set"),
    FIELDS_END
};

int cli_option_count(const struct cli_command *cmd)
{
    return field_count(cmd->options) + field_count(cli_common_fields);
}

const struct field *cli_option_at(const struct cli_command *cmd, int i)
{
    int own = field_count(cmd->options);

    return i < own ? &cmd->options[i] : &cli_common_fields[i - own];
}

static const struct field *field_of(const struct cli_command *cmd, int val)
{
    return cli_option_at(cmd, (val - VAL_FIELD) / 2);
}

static bool is_common(const struct field *f)
{
    return field_find(cli_common_fields, f->name) == f;
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);

    return value && *value;
}

/* What the user said comes first, then no-color.org, then the BSDs' CLICOLOR_FORCE. */
static bool wants_color(int choice, int fd)
{
    const char *force = getenv("CLICOLOR_FORCE");

    if (choice != CLI_COLOR_AUTO)
        return choice == CLI_COLOR_ALWAYS;
    if (is_set("NO_COLOR"))
        return false;
    return (force && *force && strcmp(force, "0") != 0) || (is_set("TERM") && cli_live(fd));
}

/* Puts a stream that speaks as the user asked in the place of stderr. */
static bool begin_telling(const struct cli_common *o, struct err *err)
{
    struct tell_how how = { .fd = STDERR_FILENO,
                            .live = cli_live(STDERR_FILENO),
                            .color = wants_color(o->color, STDERR_FILENO),
                            .quiet = o->quiet,
                            .verbose = o->verbose };
    FILE *old = stderr, *f;

    if (o->log_file) {
        how.log = open(o->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (how.log < 0)
            return file_cannot(err, o->log_file, "open");
    }
    f = tell_open(&how, err);
    if (!f) {
        if (how.log)
            close(how.log);
        return false;
    }
    stderr = f;
    if (fileno(old) < 0)                /* one of ours: options were parsed before */
        fclose(old);
    return true;
}

/* ---- getopt's tables ------------------------------------------------------------------------- */

/* Names with dashes and as they are in the table, and behind "no-" and "no_". */
enum { SPELLINGS = 5 };

struct tables {
    struct option *longs;
    char (*names)[CLI_NAME_BYTES];
    char *letters;
};

static void tables_release(struct tables *t)
{
    free(t->longs);
    free(t->names);
    free(t->letters);
}

static int add_longs(struct tables *t, int n, const struct field *f, int val)
{
    static const char *const prefixes[] = { "", "", "no-", "no-", "no_" };
    char dashed[CLI_NAME_BYTES];
    bool clears = f->kind == FIELD_KIND_BOOL, same = !strchr(f->name, '_');

    for (int i = 0; i < (clears ? SPELLINGS : 2); i++) {
        char *name = t->names[n];

        if (same && i % 2)              /* as it is in the table: the dashed one again */
            continue;
        if (i % 2 == 0 && i < 4)
            snprintf(name, CLI_NAME_BYTES, "%s", cli_option_name(f, i >= 2, dashed) + 2);
        else
            snprintf(name, CLI_NAME_BYTES, "%s%s", prefixes[i], f->name);
        t->longs[n++] =
            (struct option){ name, clears ? no_argument : required_argument, NULL, val + (i >= 2) };
    }
    return n;
}

static bool tables_init(struct tables *t, const struct cli_command *cmd)
{
    size_t fields = (size_t)cli_option_count(cmd);
    int n = 0;

    t->longs = calloc(SPELLINGS * fields + 2, sizeof *t->longs);
    t->names = calloc(SPELLINGS * fields + 1, sizeof *t->names);
    t->letters = calloc(2 * fields + 3, 1);
    if (!t->longs || !t->names || !t->letters)
        return false;

    char *p = t->letters;

    *p++ = ':';                 /* tell a missing value from an unknown option, and print nothing */
    for (size_t i = 0; i < fields; i++) {
        const struct field *f = cli_option_at(cmd, (int)i);

        assert(strlen(f->name) + 6 < CLI_NAME_BYTES);
        n = add_longs(t, n, f, VAL_FIELD + 2 * (int)i);
        if (f->letter) {
            *p++ = f->letter;
            if (f->kind != FIELD_KIND_BOOL)
                *p++ = ':';
        }
    }
    t->longs[n] = (struct option){ "help", no_argument, NULL, VAL_HELP };
    *p++ = 'h';
    return true;
}

/* ---- parsing --------------------------------------------------------------------------------- */

static const char *name_or_help(int i, const void *cmd)
{
    return i == 0 ? "help" : cli_option_at(cmd, i - 1)->name;
}

static const struct field *find_option(const struct cli_command *cmd, const char *name)
{
    const struct field *f = field_find(cmd->options, name);

    return f ? f : field_find(cli_common_fields, name);
}

/* typed: as on the command line, with its dashes. */
static void unknown_option(const struct cli_command *cmd, const char *typed, struct err *err)
{
    const char *name = typed + strspn(typed, "-");
    char bare[CLI_NAME_BYTES], near[CLI_NAME_BYTES] = "";
    bool no = !strncmp(name, "no-", 3) || !strncmp(name, "no_", 3);
    int len = (int)strcspn(typed, "=");

    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(name, "="), name);

    const char *hit = no ? field_nearest(cmd->options, bare + 3) : NULL;
    const struct field *f = hit ? field_find(cmd->options, hit) : NULL;

    if (!f || f->kind != FIELD_KIND_BOOL) {
        no = false;
        hit = str_nearest(bare, cli_option_count(cmd) + 1, name_or_help, cmd);
        f = hit ? find_option(cmd, hit) : NULL;
    }
    if (f)
        cli_option_name(f, no, near);
    else if (hit)
        snprintf(near, sizeof near, "--%s", hit);

    if (near[0])
        err_set(err, ERR_USAGE, "unknown option %.*s; did you mean %s?", len, typed, near);
    else
        err_set(err, ERR_USAGE, "unknown option %.*s; see discern %s --help", len, typed,
                cmd->name);
}

/* The element of argv that getopt_long took a long option from. */
static const char *typed_long(char **argv)
{
    return optarg && optarg == argv[optind - 1] ? argv[optind - 2] : argv[optind - 1];
}

/* Did the user write the whole name? */
static bool whole_name(const struct cli_command *cmd, const char *typed, int val)
{
    const char *name = typed + 2;
    size_t len = strcspn(name, "=");
    char bare[CLI_NAME_BYTES];

    if (len >= sizeof bare)
        return false;
    memcpy(bare, name, len);
    bare[len] = 0;
    if (val == VAL_HELP)
        return !strcmp(bare, "help");

    bool no = (val - VAL_FIELD) % 2;

    return field_find(field_of(cmd, val), bare + (no ? 3 : 0)) == field_of(cmd, val);
}

/* A letter that is no option: "-epochs" was likely meant to be "--epochs". */
static void unknown_letter(const struct cli_command *cmd, char letter, int argc, char **argv,
                           struct err *err)
{
    char typed[] = { '-', letter, 0 };

    for (int i = optind - 1; i <= optind && i < argc; i++) {
        const char *a = argv[i];

        if (a[0] == '-' && a[1] && a[1] != '-' && a[2] && strchr(a, letter)) {
            unknown_option(cmd, a, err);
            return;
        }
    }
    err_set(err, ERR_USAGE, "unknown option %s; see discern %s --help", typed, cmd->name);
}

static const struct field *find_letter(const struct cli_command *cmd, int letter)
{
    for (int i = 0; i < cli_option_count(cmd); i++)
        if (cli_option_at(cmd, i)->letter == letter)
            return cli_option_at(cmd, i);
    return NULL;
}

/* val: a letter or a VAL_. */
static const struct field *option_of(const struct cli_command *cmd, int val)
{
    return val < VAL_HELP ? find_letter(cmd, val) : field_of(cmd, val);
}

static bool set_option(const struct cli_command *cmd, int val, void *options,
                       struct cli_common *common, struct err *err)
{
    const struct field *f = option_of(cmd, val);
    bool no = val > VAL_HELP && (val - VAL_FIELD) % 2;
    const char *text = f->kind == FIELD_KIND_BOOL ? no ? "false" : "true" : optarg;
    char name[CLI_NAME_BYTES];
    struct field shown = *f;                /* so that the message says --batch-size */

    shown.name = cli_option_name(f, no, name);
    if (field_is_path(f) && !*text)
        return err_set(err, ERR_USAGE, "%s: \"\" is no name of a %s", name,
                       strcmp(f->hint, "DIR") ? "file" : "folder");
    if (field_set(&shown, is_common(f) ? common : options, text, NULL, err))
        return true;
    if (err->kind == ERR_INPUT)
        err->kind = ERR_USAGE;
    return false;
}

/* What getopt_long refused: '?' or ':'. */
static void refuse(const struct cli_command *cmd, int argc, char **argv, int what, struct err *err)
{
    char name[CLI_NAME_BYTES] = "";
    const struct field *f = NULL;

    if (optopt >= VAL_HELP) {               /* a long option that it knows */
        if (!whole_name(cmd, argv[optind - 1], optopt)) {
            unknown_option(cmd, argv[optind - 1], err);
            return;
        }
        if (optopt > VAL_HELP)
            f = field_of(cmd, optopt);
        if (what != ':') {
            err_set(err, ERR_USAGE, "option %.*s takes no value",
                    (int)strcspn(argv[optind - 1], "="), argv[optind - 1]);
            return;
        }
        cli_option_name(f, false, name);
    } else if (what == ':') {
        f = find_letter(cmd, optopt);
        snprintf(name, sizeof name, "-%c", optopt);
    } else if (optopt) {
        unknown_letter(cmd, (char)optopt, argc, argv, err);
        return;
    } else {
        unknown_option(cmd, argv[optind - 1], err);
        return;
    }
    err_set(err, ERR_USAGE, "option %s needs a value: %s, %s", name, cli_option_hint(f), f->doc);
}

static bool check_count(const struct cli_command *cmd, int n, char **arg, struct err *err)
{
    const char *synopsis = cmd->synopsis ? cmd->synopsis : "";

    if (n >= cmd->min_args && (cmd->max_args < 0 || n <= cmd->max_args))
        return true;
    if (cmd->max_args == 0)
        return err_set(err, ERR_USAGE,
                       "%s takes no arguments, but got \"%.200s\"; see discern %s --help",
                       cmd->name, arg[0], cmd->name);
    if (n < cmd->min_args)
        return err_set(err, ERR_USAGE, "%s expects %s, but got %s; see discern %s --help",
                       cmd->name, synopsis, n == 0 ? "nothing" : "fewer arguments", cmd->name);
    return err_set(err, ERR_USAGE,
                   "%s expects %s, and nothing like \"%.200s\" behind it; see discern %s --help",
                   cmd->name, synopsis, arg[cmd->max_args], cmd->name);
}

enum cli_result cli_parse(const struct cli_command *cmd, int argc, char **argv, void *options,
                          struct cli_args *args, struct err *err)
{
    field_defaults(cmd->options, options);
    return cli_parse_over(cmd, argc, argv, options, NULL, args, err);
}

enum cli_result cli_parse_over(const struct cli_command *cmd, int argc, char **argv, void *options,
                               bool *given, struct cli_args *args, struct err *err)
{
    struct tables t = { 0 };
    enum cli_result result = CLI_FAILED;
    struct err later = { 0 }, *e = err;     /* --json may stand behind the first */
    struct cli_common common;

    assert(argc >= 1);
    field_defaults(cli_common_fields, &common);
    if (!tables_init(&t, cmd)) {
        err_set(err, ERR_MEMORY, "no memory for the options");
        goto out;
    }

    optind = 0;                 /* glibc: begin anew, whatever was parsed before */
    for (;;) {
        optarg = NULL;

        int val = getopt_long(argc, argv, t.letters, t.longs, NULL);

        if (val == -1)
            break;
        if (val == '?' || val == ':') {
            refuse(cmd, argc, argv, val, e);
            e = &later;
        } else if (val >= VAL_HELP && !whole_name(cmd, typed_long(argv), val)) {
            unknown_option(cmd, typed_long(argv), e);
            e = &later;
        } else if (val == VAL_HELP || (val == 'h' && !find_letter(cmd, 'h'))) {
            if (e == &later)
                continue;
            cli_help(cmd, stdout);
            result = CLI_DONE;
            goto out;
        } else if (!set_option(cmd, val, options, &common, e)) {
            e = &later;
        } else if (given && !is_common(option_of(cmd, val))) {
            given[option_of(cmd, val) - cmd->options] = true;
        }
    }
    *args = (struct cli_args){ .arg = argv + optind, .n = argc - optind, .quiet = common.quiet,
                               .verbose = common.verbose,
                               .color = wants_color(common.color, STDOUT_FILENO) };
    if (!begin_telling(&common, e))
        e = &later;
    if (e == err && check_count(cmd, args->n, args->arg, err))
        result = CLI_RUN;
out:
    tables_release(&t);
    return result;
}
