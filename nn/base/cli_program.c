/*
 * cli_program -- see cli_program.h
 */
#include "nn/base/cli_program.h"

#include "nn/base/cli_table.h"
#include "nn/base/json.h"

#include <stdlib.h>
#include <string.h>

const char *const cli_statuses[][2] = {
    { "0", "done" },
    { "1", "a negative answer: a figure below what was asked, findings with --strict" },
    { "2", "a command line that makes no sense" },
    { "3", "bad input; also when one of many files was bad and the others were answered" },
    { "4", "the system refused to read or write" },
    { "5", "out of memory" },
    { "6", "training diverged" },
    { "129, 130, 143", "stopped by a signal" },
    { NULL, NULL },
};

static const char *name_at(int i, const void *program)
{
    return ((const struct cli_program *)program)->command[i]->name;
}

/* Whether words[0..n) begin with the command's name, which may be two words: *used of them. */
static bool is_called(const struct cli_command *c, int n, char *const *words, int *used)
{
    size_t first = strcspn(c->name, " ");
    const char *second = c->name[first] ? c->name + first + 1 : NULL;

    *used = second ? 2 : 1;
    return n >= *used && strlen(words[0]) == first && !strncmp(c->name, words[0], first) &&
           (!second || !strcmp(second, words[1]));
}

/* Whether the command is of the family. */
static bool is_of(const struct cli_command *c, const char *word)
{
    size_t n = strlen(word);

    return !strncmp(c->name, word, n) && c->name[n] == ' ';
}

bool cli_program_family(const struct cli_program *p, const char *word)
{
    for (int i = 0; i < p->n; i++)
        if (is_of(p->command[i], word))
            return true;
    return false;
}

void cli_program_help_family(const struct cli_program *p, const char *word, FILE *out)
{
    fprintf(out, "usage: discern %s COMMAND [OPTION...] [ARGUMENT...]\n\n", word);
    for (int i = 0; i < p->n; i++)
        if (is_of(p->command[i], word))
            fprintf(out, "  %-14s%s\n", p->command[i]->name, p->command[i]->summary);
    fprintf(out, "\n\"discern %s COMMAND --help\" explains a command.\n", word);
}

/* What the program itself takes in a command's place. */
static const char *own_option(int i, const void *ctx)
{
    (void)ctx;
    return i ? "--version" : "--help";
}

const struct cli_command *cli_program_find(const struct cli_program *p, int n, char *const *words,
                                           int *used, struct err *err)
{
    struct str said = { 0 };
    const char *near, *name = words[0];

    for (int i = 0; i < p->n; i++)
        if (is_called(p->command[i], n, words, used))
            return p->command[i];
    if (name[0] == '-') {
        near = str_nearest(name, 2, own_option, NULL);
        if (near)
            err_set(err, ERR_USAGE, "unknown option %s; did you mean %s?", name, near);
        else
            err_set(err, ERR_USAGE, "%s: options stand behind a command: discern COMMAND %s", name,
                    name);
        return NULL;
    }
    if (cli_program_family(p, name) && n > 1)
        str_printf(&said, "%s %s", name, words[1]);
    else
        str_add(&said, name);
    name = str_text(&said);
    near = str_nearest(name, p->n, name_at, p);
    if (near)
        err_set(err, ERR_USAGE, "there is no command \"%s\"; did you mean \"%s\"?", name, near);
    else
        err_set(err, ERR_USAGE, "there is no command \"%s\"; \"discern help\" lists them", name);
    str_release(&said);
    return NULL;
}

/* A family in one line, with what it is for where there is room: "  data        check, stats". */
static void print_row(const struct cli_program *p, int i, FILE *out)
{
    const char *name = p->command[i]->name;
    size_t first = strcspn(name, " ");
    struct str names = { 0 };
    char word[32];

    if (!name[first]) {
        fprintf(out, "  %-12s%s\n", name, p->command[i]->summary);
        return;
    }
    snprintf(word, sizeof word, "%.*s", (int)first, name);
    for (int k = 0; k < p->n; k++) {
        if (!is_of(p->command[k], word))
            continue;
        if (k < i)
            goto told;
        str_printf(&names, "%s%s", names.len ? ", " : "", p->command[k]->name + first + 1);
    }
    if (strlen(p->families) + names.len <= 80 - 16)
        fprintf(out, "  %-12s%s: %s\n", word, p->families, str_text(&names));
    else
        fprintf(out, "  %-12s%s\n", word, str_text(&names));
told:
    str_release(&names);
}

void cli_program_help(const struct cli_program *p, FILE *out)
{
    fprintf(out, "discern -- %s\nusage: discern COMMAND [OPTION...] [ARGUMENT...]\n\n", p->about);
    for (int i = 0; i < p->n; i++)
        print_row(p, i, out);
    fprintf(out, "\nexamples:\n%s"
            "\n\"discern COMMAND --help\" explains a command, \"discern doctor\" this machine.\n",
            p->examples);
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void add_option(const struct field *f, const char *group, const void *defaults,
                       struct str *out)
{
    struct str def = { 0 }, range = { 0 };
    char name[CLI_NAME_BYTES], letter[] = { '-', f->letter, 0 };

    cli_option_default(f, defaults, &def);
    field_range(f, &range);
    json_begin(out, NULL, '{');
    json_text(out, "name", cli_option_name(f, false, name));
    json_text(out, "letter", f->letter ? letter : NULL);
    json_text(out, "value", cli_option_hint(f));
    json_text(out, "doc", f->doc);
    json_text(out, "group", group);
    json_text(out, "range", f->kind == FIELD_KIND_ENUM || !range.len ? NULL : str_text(&range));
    if (f->kind == FIELD_KIND_ENUM) {
        json_begin(out, "names", '[');
        for (const char *const *n = f->names; *n; n++)
            json_text(out, NULL, *n);
        json_end(out, ']');
    }
    json_text(out, "default", def.len ? str_text(&def) : NULL);
    json_end(out, '}');
    str_release(&def);
    str_release(&range);
}

static void add_options(const char *key, const struct field *table, size_t size, struct str *out)
{
    void *defaults = cli_defaults_new(table, size);
    const char *group = NULL;

    json_begin(out, key, '[');
    for (const struct field *f = table; defaults && f && f->name; f++) {
        group = f->group ? f->group : group;
        add_option(f, group, defaults, out);
    }
    json_end(out, ']');
    out->failed |= !defaults;
    free(defaults);
}

void cli_program_json(const struct cli_program *p, const struct cli_command *only,
                      const char *family, struct str *out)
{
    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.help/1");
    json_text(out, "version", p->version);
    json_begin(out, "commands", '[');
    for (int i = 0; i < p->n; i++) {
        const struct cli_command *c = p->command[i];

        if ((only && c != only) || (family && !is_of(c, family)))
            continue;
        json_begin(out, NULL, '{');
        json_text(out, "name", c->name);
        json_text(out, "summary", c->summary);
        json_text(out, "arguments", c->synopsis ? c->synopsis : "");
        json_text(out, "about", c->about ? c->about : c->summary);
        json_text(out, "examples", c->examples ? c->examples : "");
        add_options("options", c->options, c->size, out);
        json_end(out, '}');
    }
    json_end(out, ']');
    add_options("common", cli_common_fields, sizeof(struct cli_common), out);
    json_end(out, '}');
}
