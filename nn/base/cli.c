/*
 * cli -- a command line into a struct through a field table, on getopt_long
 *
 * Every field is a long option; '_' in its name is shown as '-' and taken as either.  getopt_long
 * would also take any beginning of a name that is not ambiguous; that is refused, else a new option
 * could change what an old command line means.
 */
#include "nn/base/cli.h"

#include "nn/base/file.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIDTH = 80, DOC_COLUMN = 30, NAME_MAX_BYTES = 64 };

/* Values that getopt_long returns for long options; below them are letters. */
enum { VAL_HELP = 256, VAL_FIELD };         /* VAL_FIELD + 2 * index, + 1 where --no- clears it */

static const struct field *field_of(const struct cli_command *cmd, int val)
{
    return &cmd->options[(val - VAL_FIELD) / 2];
}

/* "--batch-size", or "--no-" ...; buf holds NAME_MAX_BYTES. */
static const char *option_name(const struct field *f, bool no, char *buf)
{
    snprintf(buf, NAME_MAX_BYTES, "--%s%s", no ? "no-" : "", f->name);
    for (char *p = buf; *p; p++)
        if (*p == '_')
            *p = '-';
    return buf;
}

/* ---- getopt's tables ------------------------------------------------------------------------- */

/* Names with dashes and as they are in the table, and behind "no-" and "no_". */
enum { SPELLINGS = 5 };

struct tables {
    struct option *longs;
    char (*names)[NAME_MAX_BYTES];
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
    bool clears = f->kind == FIELD_KIND_BOOL, same = !strchr(f->name, '_');

    for (int i = 0; i < (clears ? SPELLINGS : 2); i++) {
        char *name = t->names[n];

        if (same && i % 2)              /* as it is in the table: the dashed one again */
            continue;
        snprintf(name, NAME_MAX_BYTES, "%s%s", prefixes[i], f->name);
        for (char *p = name; *p && i % 2 == 0 && i < 4; p++)
            if (*p == '_')
                *p = '-';
        t->longs[n++] =
            (struct option){ name, clears ? no_argument : required_argument, NULL, val + (i >= 2) };
    }
    return n;
}

static bool tables_init(struct tables *t, const struct field *options)
{
    size_t fields = (size_t)field_count(options);
    int n = 0;

    t->longs = calloc(SPELLINGS * fields + 2, sizeof *t->longs);
    t->names = calloc(SPELLINGS * fields + 1, sizeof *t->names);
    t->letters = calloc(2 * fields + 3, 1);
    if (!t->longs || !t->names || !t->letters)
        return false;

    char *p = t->letters;

    *p++ = ':';                 /* tell a missing value from an unknown option, and print nothing */
    for (size_t i = 0; i < fields; i++) {
        const struct field *f = &options[i];

        assert(strlen(f->name) + 6 < NAME_MAX_BYTES);
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

static const char *name_or_help(int i, const void *options)
{
    return i == 0 ? "help" : ((const struct field *)options)[i - 1].name;
}

/* typed: as on the command line, with its dashes. */
static void unknown_option(const struct cli_command *cmd, const char *typed, struct err *err)
{
    const char *name = typed + strspn(typed, "-");
    char bare[NAME_MAX_BYTES], near[NAME_MAX_BYTES] = "";
    bool no = !strncmp(name, "no-", 3) || !strncmp(name, "no_", 3);
    int len = (int)strcspn(typed, "=");

    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(name, "="), name);

    const char *hit = no ? field_nearest(cmd->options, bare + 3) : NULL;
    const struct field *f = hit ? field_find(cmd->options, hit) : NULL;

    if (!f || f->kind != FIELD_KIND_BOOL) {
        no = false;
        hit = str_nearest(bare, field_count(cmd->options) + 1, name_or_help, cmd->options);
        f = hit ? field_find(cmd->options, hit) : NULL;
    }
    if (f)
        option_name(f, no, near);
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
    char bare[NAME_MAX_BYTES];

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

static const char *hint_of(const struct field *f)
{
    if (f->hint)
        return f->hint;
    switch (f->kind) {
    case FIELD_KIND_INT:
        return "N";
    case FIELD_KIND_FLOAT:
        return "X";
    case FIELD_KIND_ENUM:
        return "NAME";
    case FIELD_KIND_STRING:
        return "TEXT";
    case FIELD_KIND_INTS:
        return f->count == 2 ? "NxN" : "N";
    case FIELD_KIND_LIST:
        return "NxN...";
    case FIELD_KIND_FLOATS:
        return f->count == 2 ? "XxX" : "X";
    case FIELD_KIND_DURATION:
        return "TIME";
    case FIELD_KIND_BOOL:
    case FIELD_KIND_END:
        break;
    }
    return NULL;
}

static const struct field *find_letter(const struct field *table, int letter)
{
    for (const struct field *f = table; f && f->name; f++)
        if (f->letter == letter)
            return f;
    return NULL;
}

/* val: a letter or a VAL_. */
static const struct field *option_of(const struct cli_command *cmd, int val)
{
    return val < VAL_HELP ? find_letter(cmd->options, val) : field_of(cmd, val);
}

static bool set_option(const struct cli_command *cmd, int val, void *options, struct err *err)
{
    const struct field *f = option_of(cmd, val);
    bool no = val > VAL_HELP && (val - VAL_FIELD) % 2;
    const char *text = f->kind == FIELD_KIND_BOOL ? no ? "false" : "true" : optarg;
    char name[NAME_MAX_BYTES];
    struct field shown = *f;                /* so that the message says --batch-size */

    shown.name = option_name(f, no, name);
    if (field_set(&shown, options, text, NULL, err))
        return true;
    if (err->kind == ERR_INPUT)
        err->kind = ERR_USAGE;
    return false;
}

/* What getopt_long refused: '?' or ':'. */
static void refuse(const struct cli_command *cmd, int argc, char **argv, int what, struct err *err)
{
    char name[NAME_MAX_BYTES] = "";
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
        option_name(f, false, name);
    } else if (what == ':') {
        f = find_letter(cmd->options, optopt);
        snprintf(name, sizeof name, "-%c", optopt);
    } else if (optopt) {
        unknown_letter(cmd, (char)optopt, argc, argv, err);
        return;
    } else {
        unknown_option(cmd, argv[optind - 1], err);
        return;
    }
    err_set(err, ERR_USAGE, "option %s needs a value: %s, %s", name, hint_of(f), f->doc);
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

    assert(argc >= 1);
    if (!tables_init(&t, cmd->options)) {
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
        } else if (val == VAL_HELP || (val == 'h' && !find_letter(cmd->options, 'h'))) {
            if (e == &later)
                continue;
            cli_help(cmd, stdout);
            result = CLI_DONE;
            goto out;
        } else if (!set_option(cmd, val, options, e)) {
            e = &later;
        } else if (given) {
            given[option_of(cmd, val) - cmd->options] = true;
        }
    }
    *args = (struct cli_args){ argv + optind, argc - optind };
    if (e == err && check_count(cmd, args->n, args->arg, err))
        result = CLI_RUN;
out:
    tables_release(&t);
    return result;
}

/* ---- help ------------------------------------------------------------------------------------ */

void cli_wrap(struct str *out, const char *text, int indent, int column)
{
    bool start = true;          /* of a line: nothing behind the indent */

    while (*text) {
        size_t blanks = strspn(text, " \n"), len = strcspn(text + blanks, " \n");
        struct str word = { 0 };
        int width;

        if (!len)
            break;
        if (memchr(text, '\n', blanks)) {
            str_add(out, "\n\n");
            column = 0;
            start = true;
        }
        text += blanks;
        str_addn(&word, text, len);
        width = cli_width(str_text(&word));
        if (!start && column + 1 + width > WIDTH) {
            str_addc(out, '\n');
            column = 0;
            start = true;
        }
        if (start)
            str_printf(out, "%*s", indent > column ? indent - column : 0, "");
        else
            str_addc(out, ' ');
        column = (start ? indent > column ? indent : column : column + 1) + width;
        start = false;
        str_add(out, str_text(&word));
        out->failed |= word.failed;
        str_release(&word);
        text += len;
    }
    str_addc(out, '\n');
}

static void print_wrapped(FILE *out, const char *text, int indent, int column)
{
    struct str lines = { 0 };

    cli_wrap(&lines, text, indent, column);
    fputs(str_text(&lines), out);
    str_release(&lines);
}

/* The default as text; nothing where there is none to speak of.  obj holds the defaults. */
static void default_text(const struct field *f, const void *obj, struct str *out)
{
    if (f->kind != FIELD_KIND_BOOL)
        field_text(f, obj, out);
    else if (field_number(f, obj, 0) != 0)
        str_add(out, "yes");
}

/* "--epochs N"; "--[no-]flip" for a bool that is on by default. */
static void add_label(const struct field *f, const struct str *def, struct str *out)
{
    const char *hint = hint_of(f);
    char name[NAME_MAX_BYTES];

    str_printf(out, "--%s%s", f->kind == FIELD_KIND_BOOL && def->len ? "[no-]" : "",
               option_name(f, false, name) + 2);
    if (hint)
        str_printf(out, " %s", hint);
}

static void print_option(FILE *out, const struct field *f, const void *defaults)
{
    struct str label = { 0 }, doc = { 0 }, range = { 0 }, def = { 0 };

    field_range(f, &range);
    default_text(f, defaults, &def);

    if (f->letter)
        str_printf(&label, "  -%c, ", f->letter);
    else
        str_add(&label, "      ");
    add_label(f, &def, &label);

    str_add(&doc, f->doc);
    if (range.len || def.len)
        str_printf(&doc, " (%s%s%s%s)", str_text(&range), range.len && def.len ? "; " : "",
                   def.len ? "default " : "", str_text(&def));

    fputs(str_text(&label), out);
    int column = (int)label.len;

    if (column + 2 > DOC_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    print_wrapped(out, str_text(&doc), DOC_COLUMN, column);

    str_release(&label);
    str_release(&doc);
    str_release(&range);
    str_release(&def);
}

/* A struct of defaults; NULL when memory is out. */
static void *defaults_new(const struct cli_command *cmd)
{
    void *obj = calloc(1, cmd->size ? cmd->size : 1);

    if (obj)
        field_defaults(cmd->options, obj);
    return obj;
}

static void print_usage(const struct cli_command *cmd, FILE *out)
{
    fprintf(out, "discern %s%s%s%s\n", cmd->name, field_count(cmd->options) ? " [OPTION...]" : "",
            cmd->synopsis && *cmd->synopsis ? " " : "", cmd->synopsis ? cmd->synopsis : "");
}

static void print_indented(FILE *out, const char *lines)
{
    while (*lines) {
        int len = (int)strcspn(lines, "\n");

        fprintf(out, len ? "  %.*s\n" : "%.*s\n", len, lines);
        lines += len + (lines[len] == '\n');
    }
}

void cli_help(const struct cli_command *cmd, FILE *out)
{
    void *defaults = defaults_new(cmd);

    fputs("usage: ", out);
    print_usage(cmd, out);
    fputc('\n', out);
    print_wrapped(out, cmd->about ? cmd->about : cmd->summary, 0, 0);

    fputs("\noptions:\n", out);
    for (const struct field *f = cmd->options; defaults && f && f->name; f++)
        print_option(out, f, defaults);
    fprintf(out, "%-*s%s\n", DOC_COLUMN, "  -h, --help", "this text");

    if (cmd->examples) {
        fputs("\nexamples:\n", out);
        print_indented(out, cmd->examples);
    }
    free(defaults);
}

/* A cell of a table: '|' would end it, and "a|b" reads well as "a, b". */
static void print_cell(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            fputs(", ", out);
        else
            fputc(*text, out);
    }
}

void cli_markdown(const struct cli_command *cmd, FILE *out)
{
    void *defaults = defaults_new(cmd);

    fprintf(out, "## discern %s\n\n", cmd->name);
    print_wrapped(out, cmd->about ? cmd->about : cmd->summary, 0, 0);
    fputs("\n```\n", out);
    print_usage(cmd, out);
    fputs("```\n", out);

    if (field_count(cmd->options))
        fputs("\n| option | meaning | range | default |\n|---|---|---|---|\n", out);
    for (const struct field *f = cmd->options; defaults && f && f->name; f++) {
        struct str label = { 0 }, range = { 0 }, def = { 0 };

        field_range(f, &range);
        default_text(f, defaults, &def);
        fputs("| ", out);
        if (f->letter)
            fprintf(out, "`-%c`, ", f->letter);
        add_label(f, &def, &label);
        fprintf(out, "`%s` | ", str_text(&label));
        print_cell(out, f->doc);
        fputs(" | ", out);
        print_cell(out, str_text(&range));
        fputs(" | ", out);
        print_cell(out, str_text(&def));
        fputs(" |\n", out);
        str_release(&label);
        str_release(&range);
        str_release(&def);
    }
    if (cmd->examples)
        fprintf(out, "\n```\n%s```\n", cmd->examples);
    free(defaults);
}

/* ---- the end --------------------------------------------------------------------------------- */

int cli_status(const struct err *err)
{
    switch (err->kind) {
    case ERR_NONE:
        return 0;
    case ERR_USAGE:
        return 2;
    case ERR_INPUT:
    case ERR_UNSUPPORTED:
        return 3;
    case ERR_IO:
        return 4;
    case ERR_MEMORY:
        return 5;
    case ERR_DIVERGED:
        return 6;
    case ERR_CANCELLED:
        return 130;
    }
    return 3;
}

int cli_fail(const struct err *err, bool json)
{
    struct err shown = *err;            /* no allocation: memory may be what ran out */
    int status = cli_status(err);

    for (unsigned char *p = (unsigned char *)shown.msg; *p; p++) {
        if (*p < 0x20 || *p == 0x7F)
            *p = '?';
        else if (*p == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0)     /* C1: terminals obey them too */
            p[0] = p[1] = '?';
    }
    fflush(stdout);
    fprintf(stderr, "discern: %s\n", shown.msg);

    if (json) {
        struct str text = { 0 };

        str_json(&text, err->msg);
        printf("{\"error\":{\"code\":%d,\"message\":%s}}\n", status,
               text.failed ? "\"out of memory\"" : str_text(&text));
        str_release(&text);
    }
    return status;
}

bool cli_flush(struct err *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    if (errno)
        return err_errno(err, "standard output", "write");
    return err_set(err, ERR_IO, "standard output: cannot write");
}

/* ---- what a terminal sees -------------------------------------------------------------------- */

/* C0, DEL, and C1 as UTF-8 writes it (C2 80 to C2 9F): what a terminal may obey. */
void cli_clean(struct str *out, const char *text)
{
    struct str utf8 = { 0 };

    str_utf8(&utf8, text);
    for (const char *p = str_text(&utf8); *p; p++) {
        unsigned char c = (unsigned char)p[0], d = (unsigned char)p[1];

        if (c < 0x20 || c == 0x7F) {
            str_addc(out, '?');
        } else if (c == 0xC2 && d < 0xA0) {
            str_addc(out, '?');
            p++;
        } else {
            str_addc(out, *p);
        }
    }
    out->failed |= utf8.failed;
    str_release(&utf8);
}

int cli_width(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

void cli_column(struct str *out, const char *text, int width, bool right)
{
    struct str clean = { 0 };
    const char *p;
    int w;

    cli_clean(&clean, text);
    w = cli_width(str_text(&clean));
    for (int i = w; right && i < width; i++)
        str_addc(out, ' ');
    p = str_text(&clean);
    for (int n = 0; *p; p++) {
        n += ((unsigned char)*p & 0xC0) != 0x80;
        if (n > width)
            break;
        str_addc(out, *p);
    }
    for (int i = w; !right && i < width; i++)
        str_addc(out, ' ');
    out->failed |= clean.failed;
    str_release(&clean);
}

void cli_say(const char *fmt, ...)
{
    struct str raw = { 0 }, clean = { 0 };
    va_list ap;

    va_start(ap, fmt);
    str_vprintf(&raw, fmt, ap);
    va_end(ap);
    cli_clean(&clean, str_text(&raw));
    fprintf(stderr, "discern: %s\n", str_text(&clean));
    str_release(&raw);
    str_release(&clean);
}

bool cli_live(int fd)
{
    const char *term = getenv("TERM");

    return isatty(fd) && !(term && !strcmp(term, "dumb"));
}

bool cli_print(const struct str *out, struct err *err)
{
    if (out->failed)
        return err_set(err, ERR_MEMORY, "no memory for the answer");
    fwrite(str_text(out), 1, out->len, stdout);
    if (out->len == 0 || out->data[out->len - 1] != '\n')
        putchar('\n');
    return cli_flush(err);
}

static bool same_file(const char *a, const char *b)
{
    struct stat s, t;

    return !stat(a, &s) && !stat(b, &t) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

bool cli_may_write(const char *out, const char *input, bool force, struct err *err)
{
    enum file_kind kind = file_kind(out);

    if (!strcmp(out, "-"))
        return err_set(err, ERR_USAGE, "'-': files are not written to stdout: name one (./- too)");
    if (kind == FILE_NONE)
        return true;
    if (kind != FILE_REGULAR)
        return err_set(err, ERR_INPUT, "%s: is no file that can be overwritten", out);
    if (same_file(out, input))
        return err_set(err, ERR_INPUT, "%s: is the input itself", out);
    if (!force)
        return err_set(err, ERR_INPUT, "%s: exists; --force overwrites it", out);
    return true;
}

/* ---- what a command finds around it ---------------------------------------------------------- */

/* "$NAME" + rest; NULL unless the variable holds an absolute path. */
static char *folder_of(const char *name, const char *rest)
{
    const char *root = getenv(name);
    size_t size = root ? strlen(root) + strlen(rest) + 1 : 0;
    char *path = root && root[0] == '/' ? malloc(size) : NULL;

    if (path)
        snprintf(path, size, "%s%s", root, rest);
    return path;
}

char *cli_cache_folder(void)
{
    char *path = folder_of("XDG_CACHE_HOME", "/discern");

    return path ? path : folder_of("HOME", "/.cache/discern");
}
