/*
 * cli_man -- manual pages of the tables, in the man(7) macros
 */
#include "nn/base/cli_program.h"

#include "nn/base/cli_table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Text as troff takes it literally: no escapes, no requests at the start of a line, and '-' as it
 * is typed.  '\n' begins a paragraph. */
static void add_text(struct str *out, const char *text)
{
    bool start = true;

    for (const char *p = text; *p; p++) {
        if (start && (*p == '.' || *p == '\''))
            str_add(out, "\\&");
        start = false;
        if (*p == '\\') {
            str_add(out, "\\e");
        } else if (*p == '-') {
            str_add(out, "\\-");
        } else if (*p == '\n' || (*p == ' ' && p[1] == ' ')) {
            str_add(out, *p == '\n' ? "\n.PP\n" : "\n");    /* troff spaces sentences itself */
            p += strspn(p, " \n") - 1;
            start = true;
        } else {
            str_addc(out, *p);
        }
    }
}

/* "discern-data-check". */
static void add_page_name(const struct cli_command *c, struct str *out)
{
    str_add(out, "discern\\-");
    for (const char *p = c->name; *p; p++)
        str_add(out, *p == ' ' ? "\\-" : (char[]){ *p, 0 });
}

static void add_head(const struct cli_program *p, const char *name, struct str *out)
{
    str_add(out, ".\\\" written by discern help \\-\\-man from its tables of options\n.TH ");
    for (const char *c = name; *c; c++)
        str_addc(out, *c == ' ' ? '-' : (char)toupper((unsigned char)*c));
    str_printf(out, " 1 \"\" \"discern %s\" \"User Commands\"\n.SH NAME\n", p->version);
}

static void add_option(const struct field *f, const void *defaults, struct str *out)
{
    struct str label = { 0 }, range = { 0 }, def = { 0 };

    field_range(f, &range);
    cli_option_default(f, defaults, &def);
    cli_option_label(f, &def, &label);
    str_add(out, ".TP\n\\fB");
    if (f->letter)
        str_printf(out, "\\-%c\\fR, \\fB", f->letter);
    for (const char *c = str_text(&label); *c; c++) {
        char one[] = { *c, 0 };

        if (*c == ' ')
            str_add(out, "\\fR \\fI");
        else
            add_text(out, one);
    }
    str_add(out, "\\fR\n");
    add_text(out, f->doc);
    if (range.len || def.len) {
        str_add(out, " (");
        add_text(out, str_text(&range));
        str_add(out, range.len && def.len ? "; " : "");
        str_add(out, def.len ? "default " : "");
        add_text(out, str_text(&def));
        str_addc(out, ')');
    }
    str_addc(out, '\n');
    str_release(&label);
    str_release(&range);
    str_release(&def);
}

static void add_options(const struct field *table, size_t size, struct str *out)
{
    void *defaults = cli_defaults_new(table, size);

    for (const struct field *f = table; defaults && f && f->name; f++) {
        if (f->group) {
            str_add(out, ".SS ");
            add_text(out, f->group);
            str_addc(out, '\n');
        }
        add_option(f, defaults, out);
    }
    out->failed |= !defaults;
    free(defaults);
}

static void add_common(struct str *out)
{
    add_options(cli_common_fields, sizeof(struct cli_common), out);
    str_add(out, ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nexplain the command\n");
}

static void add_examples(const char *text, struct str *out)
{
    if (!text)
        return;
    str_add(out, ".SH EXAMPLES\n.nf\n");
    while (*text) {
        size_t len = strcspn(text, "\n");
        struct str line = { 0 };

        str_addn(&line, text + strspn(text, " "), len > strspn(text, " ")
                                                       ? len - strspn(text, " ") : 0);
        add_text(out, str_text(&line));
        str_addc(out, '\n');
        str_release(&line);
        text += len + (text[len] == '\n');
    }
    str_add(out, ".fi\n");
}

static void command_page(const struct cli_program *p, const struct cli_command *c,
                         struct str *out)
{
    struct str name = { 0 };

    str_printf(&name, "discern %s", c->name);
    add_head(p, str_text(&name), out);
    add_page_name(c, out);
    str_add(out, " \\- ");
    add_text(out, c->summary);
    str_printf(out, "\n.SH SYNOPSIS\n\\fBdiscern %s\\fR [\\fIOPTION\\fR...]", c->name);
    if (c->synopsis && *c->synopsis) {
        str_add(out, " \\fI");
        add_text(out, c->synopsis);
        str_add(out, "\\fR");
    }
    str_add(out, "\n.SH DESCRIPTION\n");
    add_text(out, c->about ? c->about : c->summary);
    str_add(out, "\n.SH OPTIONS\n");
    add_options(c->options, c->size, out);
    add_common(out);
    add_examples(c->examples, out);
    str_add(out, ".SH EXIT STATUS\nAs in\n.BR discern (1).\n.SH SEE ALSO\n.BR discern (1)\n");
    str_release(&name);
}

static void program_page(const struct cli_program *p, struct str *out)
{
    static const char *const environment[][2] = {
        { "NO_COLOR", "when set, no colours, unless \\-\\-color says so" },
        { "CLICOLOR_FORCE", "when set and not 0, colours where there is no terminal" },
        { "TERM", "no colours and no line that is written over where it is dumb" },
        { "XDG_CACHE_HOME, HOME",
          "decoded pictures are kept in $XDG_CACHE_HOME/discern, else ~/.cache/discern" },
    };

    add_head(p, "discern", out);
    str_add(out, "discern \\- ");
    add_text(out, p->about);
    str_add(out, "\n.SH SYNOPSIS\n\\fBdiscern\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...] "
                 "[\\fIARGUMENT\\fR...]\n.SH DESCRIPTION\n"
                 "Data goes to standard output, everything else to standard error. With "
                 "\\-\\-json it is one object, also for errors: {\"error\":{\"code\",\"message\","
                 "\"hint\"}}. \\-\\- ends the options.\n.SH COMMANDS\n");
    for (int i = 0; i < p->n; i++) {
        str_add(out, ".TP\n\\fB");
        add_page_name(p->command[i], out);
        str_add(out, "\\fR(1)\n");
        add_text(out, p->command[i]->summary);
        str_addc(out, '\n');
    }
    str_add(out, ".SH OPTIONS\n");
    add_common(out);
    str_add(out, ".SH EXIT STATUS\n");
    for (int i = 0; cli_statuses[i][0]; i++) {
        str_printf(out, ".TP\n%s\n", cli_statuses[i][0]);
        add_text(out, cli_statuses[i][1]);
        str_addc(out, '\n');
    }
    str_add(out, ".SH ENVIRONMENT\n");
    for (size_t i = 0; i < sizeof environment / sizeof *environment; i++)
        str_printf(out, ".TP\n%s\n%s\n", environment[i][0], environment[i][1]);
    add_examples(p->examples, out);
    str_add(out, ".SH SEE ALSO\n");
    for (int i = 0; i < p->n; i++) {
        str_add(out, ".BR ");
        add_page_name(p->command[i], out);
        str_printf(out, " (1)%s\n", i + 1 < p->n ? "," : "");
    }
}

void cli_program_man(const struct cli_program *p, const struct cli_command *only,
                     struct str *out)
{
    if (only)
        command_page(p, only, out);
    else
        program_page(p, out);
}
