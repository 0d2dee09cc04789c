/*
 * cli_help -- what a table of options says to people: --help, docs/cli.md
 */
#include "nn/base/cli_table.h"

#include <stdlib.h>
#include <string.h>

enum { DOC_COLUMN = 30 };

/* ---- options --------------------------------------------------------------------------------- */

const char *cli_option_name(const struct field *f, bool no, char *buf)
{
    snprintf(buf, CLI_NAME_BYTES, "--%s%s", no ? "no-" : "", f->name);
    for (char *p = buf; *p; p++)
        if (*p == '_')
            *p = '-';
    return buf;
}

const char *cli_option_hint(const struct field *f)
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
        if (!start && column + 1 + width > CLI_WIDTH) {
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

void cli_option_default(const struct field *f, const void *obj, struct str *out)
{
    if (f->kind != FIELD_KIND_BOOL)
        field_text(f, obj, out);
    else if (field_number(f, obj, 0) != 0)
        str_add(out, "yes");
}

void cli_option_label(const struct field *f, const struct str *def, struct str *out)
{
    const char *hint = cli_option_hint(f);
    char name[CLI_NAME_BYTES];

    str_printf(out, "--%s%s", f->kind == FIELD_KIND_BOOL && def->len ? "[no-]" : "",
               cli_option_name(f, false, name) + 2);
    if (hint)
        str_printf(out, " %s", hint);
}

static void print_option(FILE *out, const struct field *f, const void *defaults)
{
    struct str label = { 0 }, doc = { 0 }, range = { 0 }, def = { 0 };

    field_range(f, &range);
    cli_option_default(f, defaults, &def);

    if (f->letter)
        str_printf(&label, "  -%c, ", f->letter);
    else
        str_add(&label, "      ");
    cli_option_label(f, &def, &label);

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

void *cli_defaults_new(const struct field *table, size_t size)
{
    void *obj = calloc(1, size ? size : 1);

    if (obj)
        field_defaults(table, obj);
    return obj;
}

static void print_usage(const struct cli_command *cmd, FILE *out)
{
    const char *synopsis = cmd->synopsis ? cmd->synopsis : "";

    fprintf(out, "discern %s [OPTION...]%s%s\n", cmd->name, *synopsis ? " " : "", synopsis);
}

static void print_indented(FILE *out, const char *lines)
{
    while (*lines) {
        int len = (int)strcspn(lines, "\n");

        fprintf(out, len ? "  %.*s\n" : "%.*s\n", len, lines);
        lines += len + (lines[len] == '\n');
    }
}

/* Every option of a table, under the headings of its groups. */
static void print_options(FILE *out, const struct field *table, size_t size, const char *heading)
{
    void *defaults = cli_defaults_new(table, size);

    for (const struct field *f = table; defaults && f && f->name; f++) {
        if (f->group || f == table)
            fprintf(out, "\n%s:\n", f->group ? f->group : heading);
        print_option(out, f, defaults);
    }
    free(defaults);
}

void cli_help(const struct cli_command *cmd, FILE *out)
{
    fputs("usage: ", out);
    print_usage(cmd, out);
    fputc('\n', out);
    print_wrapped(out, cmd->about ? cmd->about : cmd->summary, 0, 0);

    print_options(out, cmd->options, cmd->size, "options");
    print_options(out, cli_common_fields, sizeof(struct cli_common), "");
    fprintf(out, "%-*s%s\n", DOC_COLUMN, "  -h, --help", "this text");

    if (cmd->examples) {
        fputs("\nexamples:\n", out);
        print_indented(out, cmd->examples);
    }
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

static void print_row(FILE *out, const struct field *f, const void *defaults)
{
    struct str label = { 0 }, range = { 0 }, def = { 0 };

    field_range(f, &range);
    cli_option_default(f, defaults, &def);
    fputs("| ", out);
    if (f->letter)
        fprintf(out, "`-%c`, ", f->letter);
    cli_option_label(f, &def, &label);
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

static void print_rows(FILE *out, const struct field *table, size_t size)
{
    void *defaults = cli_defaults_new(table, size);

    for (const struct field *f = table; defaults && f && f->name; f++) {
        if (f == table)
            fputs("\n| option | meaning | range | default |\n|---|---|---|---|\n", out);
        if (f->group)
            fprintf(out, "| **%s** | | | |\n", f->group);
        print_row(out, f, defaults);
    }
    free(defaults);
}

void cli_markdown(const struct cli_command *cmd, FILE *out)
{
    fprintf(out, "## discern %s\n\n", cmd->name);
    print_wrapped(out, cmd->about ? cmd->about : cmd->summary, 0, 0);
    fputs("\n```\n", out);
    print_usage(cmd, out);
    fputs("```\n", out);
    print_rows(out, cmd->options, cmd->size);
    if (cmd->examples)
        fprintf(out, "\n```\n%s```\n", cmd->examples);
}

void cli_markdown_common(FILE *out)
{
    print_rows(out, cli_common_fields, sizeof(struct cli_common));
}
