/*
 * cli -- a command line into a struct through a field table, on getopt_long
 *
 * Usage text, docs/cli.md, man pages and completions come from the same tables.  Data goes to
 * stdout, everything else to stderr.  Every command takes --help, --quiet, --verbose, --log-file
 * and --color; cli_parse does what they ask: stderr becomes a stream that does (tell.h).
 */
#ifndef BASE_CLI_H
#define BASE_CLI_H

#include "nn/base/field.h"
#include "nn/base/progress.h"

#include <stdio.h>

struct cli_command {
    const char *name;               /* "train" */
    const char *summary;            /* one line for the list of commands */
    const char *synopsis;           /* its arguments: "DATA [TEST]" */
    const char *about;              /* for --help, filled there; '\n' stands between paragraphs */
    const char *examples;           /* lines, "\n"-terminated, each a full command */
    const struct field *options;    /* its own: nothing that every command takes */
    size_t size;                    /* of the options struct */
    int min_args, max_args;         /* arguments that are no options; max -1 = any number */
    int (*run)(const struct cli_command *self, int argc, char **argv);     /* exit status */
};

/* What cli_parse found beside the options. */
struct cli_args {
    char **arg;                     /* lent from argv */
    int n;
    bool quiet, verbose;            /* heeded already by all that goes to stderr */
    bool color;                     /* on standard output */
};

enum cli_result { CLI_RUN, CLI_DONE, CLI_FAILED };  /* go on; --help was printed; err says why */

/*
 * Fills options with the defaults, then from argv (argv[0] is the command's name).  Options may
 * stand anywhere; "--" ends them; -L VALUE, --NAME VALUE, --NAME=VALUE; a bool takes no value, and
 * --no-NAME clears it.  Names must be whole; '_' and '-' are the same.  An unknown option names the
 * nearest one.  Whatever is wrong with the command line is ERR_USAGE; the first error is told, and
 * options behind it are set all the same (--json).  Strings are borrowed from argv.  Not
 * thread-safe: getopt is not.
 */
enum cli_result cli_parse(const struct cli_command *cmd, int argc, char **argv, void *options,
                          struct cli_args *args, struct err *err);

/* The same over the values that options has already, as a file may have set them; given (NULL, or
 * field_count(cmd->options) bools): set to true for each option that argv names.  argv may have
 * been parsed before. */
enum cli_result cli_parse_over(const struct cli_command *cmd, int argc, char **argv, void *options,
                               bool *given, struct cli_args *args, struct err *err);

void cli_help(const struct cli_command *cmd, FILE *out);
void cli_markdown(const struct cli_command *cmd, FILE *out);
void cli_markdown_common(FILE *out);    /* the table of what every command takes */

/* 0 ERR_NONE, 2 USAGE, 3 INPUT and UNSUPPORTED, 4 IO, 5 MEMORY, 6 DIVERGED, 130 CANCELLED. */
int cli_status(const struct err *err);

/* Prints "discern: MESSAGE" to stderr, with json also {"error":{"code","message","hint"}} to
 * stdout; returns cli_status.  Control characters in the message are shown as '?'. */
int cli_fail(const struct err *err, bool json);

/* str_clean, as what commands print is made with it everywhere. */
static inline void cli_clean(struct str *out, const char *text)
{
    str_clean(out, text);
}

/* Columns that cleaned text takes, a code point each. */
int cli_width(const char *text);

/* Appends text, cleaned, in exactly `width` columns: cut, or filled up on the right or left. */
void cli_column(struct str *out, const char *text, int width, bool right);

/* Appends the words of text in lines of 80 columns at most, each with `indent` spaces before it;
 * the first begins at `column`, where something stands already.  '\n' in text: a paragraph. */
void cli_wrap(struct str *out, const char *text, int indent, int column);

/* Prints "discern: ..." cleaned, and a newline, to stderr: a note, which --quiet leaves out, or a
 * detail, which only --verbose brings.  Any thread. */
void cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_detail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Begins a progress on stderr (progress.h). */
void cli_progress(struct progress *p, const char *doing, const char *unit, int64_t total);

/* Whether a line there can be written over: a terminal, and none that is called dumb ($TERM). */
bool cli_live(int fd);

/* An option as it is typed: "--batch-size", or "--no-" ...; buf holds CLI_NAME_BYTES.  Returns
 * buf. */
enum { CLI_NAME_BYTES = 64 };
const char *cli_option_name(const struct field *f, bool no, char *buf);

/* Writes out to stdout, ending its last line, and flushes.  Memory that ran out while it was made
 * is an error too. */
bool cli_print(const struct str *out, struct err *err);

/* Whether out may be written: it is not there, or with force a file, and not the input.  "-" may
 * not: many hope for stdout, and find a file of that name. */
bool cli_may_write(const char *out, const char *input, bool force, struct err *err);

/* Flushes stdout; a write that failed (full disk, closed pipe) is ERR_IO. */
bool cli_flush(struct err *err);

/* The folder for what can be made anew: $XDG_CACHE_HOME/discern, else ~/.cache/discern.  NULL when
 * neither variable holds an absolute path (or memory is out); free() it. */
char *cli_cache_folder(void);

/* Whom https trusts, as other programs are told: the file $CURL_CA_BUNDLE, else $SSL_CERT_FILE, and
 * the folder $SSL_CERT_DIR.  NULL where nothing says so; lent by the environment. */
void cli_trust(const char **file, const char **folder);

/* Whether $PATH leads to a program of that name. */
bool cli_has_program(const char *name);

#endif
