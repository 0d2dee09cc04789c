/*
 * cli_complete -- completion scripts for bash, zsh and fish, of the tables
 *
 * A value is a name of an ENUM, or what its hint says: FILE any file, DIR a folder, MODEL a model
 * file; so is an argument by its name in the synopsis.
 */
#include "nn/base/cli_program.h"

#include "nn/base/cli_table.h"

#include <string.h>

#define WRITTEN "written by `discern help --completion %s` from its tables of options\n"

const char *const cli_shell_names[] = { "none", "bash", "zsh", "fish", NULL };

enum value { VALUE_NONE, VALUE_ANY, VALUE_NAMES, VALUE_FILE, VALUE_FOLDER, VALUE_MODEL };

static enum value value_of_hint(const char *hint)
{
    return !hint                   ? VALUE_NONE
           : strstr(hint, "MODEL") ? VALUE_MODEL
           : strstr(hint, "DIR")   ? VALUE_FOLDER
           : strstr(hint, "FILE") || strstr(hint, "OUT") || strstr(hint, "LIST") ? VALUE_FILE
                                                                                  : VALUE_ANY;
}

static enum value value_of(const struct field *f)
{
    return f->kind == FIELD_KIND_ENUM ? VALUE_NAMES : value_of_hint(cli_option_hint(f));
}

/* Where commands take something, a model file comes first of what they take, or not at all. */
static bool takes_model(const struct cli_command *c)
{
    return c->synopsis && !strncmp(c->synopsis + (*c->synopsis == '['), "MODEL", 5);
}

static void add_names(const struct field *f, struct str *out)
{
    for (const char *const *n = f->names; *n; n++)
        str_printf(out, "%s%s", n == f->names ? "" : " ", *n);
}

/* "--size --no-flip ... -h", of every option. */
static void add_words(const struct cli_command *c, struct str *out)
{
    for (int i = 0; i < cli_option_count(c); i++) {
        const struct field *f = cli_option_at(c, i);
        char name[CLI_NAME_BYTES];

        str_printf(out, "%s ", cli_option_name(f, false, name));
        if (f->letter)
            str_printf(out, "-%c ", f->letter);
        if (f->kind == FIELD_KIND_BOOL && f->def != 0)
            str_printf(out, "%s ", cli_option_name(f, true, name));
    }
    str_add(out, "--help -h");
}

/* First words, each once; with `of` the second words of that family. */
static void add_commands(const struct cli_program *p, const char *of, struct str *out)
{
    for (int i = 0; i < p->n; i++) {
        const char *name = p->command[i]->name;
        size_t first = strcspn(name, " ");
        bool told = false;

        if (of) {
            if (strlen(of) == first && !strncmp(name, of, first))
                str_printf(out, "%s%s", out->len && out->data[out->len - 1] == '\'' ? "" : " ",
                           name + first + 1);
            continue;
        }
        for (int k = 0; k < i; k++)
            told |= strcspn(p->command[k]->name, " ") == first &&
                    !strncmp(p->command[k]->name, name, first);
        if (!told)
            str_printf(out, " %.*s", (int)first, name);
    }
}

/* The families, each once: calls add for the index of its first command. */
static bool begins_family(const struct cli_program *p, int i, char family[static 32])
{
    const char *name = p->command[i]->name;
    size_t first = strcspn(name, " ");

    if (!name[first])
        return false;
    snprintf(family, 32, "%.*s", (int)first, name);
    for (int k = 0; k < i; k++)
        if (!strncmp(p->command[k]->name, name, first + 1))
            return false;
    return true;
}

/* ---- bash ------------------------------------------------------------------------------------ */

static const char *const bash_values[] = {
    [VALUE_ANY] = "values=' '",  [VALUE_FILE] = "files=file",   [VALUE_FOLDER] = "files=folder",
    [VALUE_MODEL] = "files=model",
};

static void bash_option(const struct field *f, struct str *out)
{
    char name[CLI_NAME_BYTES];

    if (value_of(f) == VALUE_NONE)
        return;
    str_printf(out, "        %s", cli_option_name(f, false, name));
    if (f->letter)
        str_printf(out, "|-%c", f->letter);
    str_add(out, ") ");
    if (value_of(f) == VALUE_NAMES) {
        str_add(out, "values='");
        add_names(f, out);
        str_add(out, "' ;;\n");
    } else {
        str_printf(out, "%s ;;\n", bash_values[value_of(f)]);
    }
}

static void bash_command(const struct cli_command *c, struct str *out)
{
    str_printf(out, "    '%s')\n        options='", c->name);
    add_words(c, out);
    str_printf(out, "'\n        files=%s\n        case $prev in\n",
               takes_model(c) ? "model" : c->max_args == 0 ? "none" : "file");
    for (int i = 0; i < cli_option_count(c); i++)
        bash_option(cli_option_at(c, i), out);
    str_add(out, "        esac ;;\n");
}

static void bash(const struct cli_program *p, struct str *out)
{
    char family[32];

    str_printf(out, "# bash completion for discern, " WRITTEN, "bash");
    str_add(out,
            "_discern()\n{\n"
            "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
            "    local command='' options='' values='' files=none i word\n\n"
            "    COMPREPLY=()\n"
            "    # --name=value comes as three words\n"
            "    if [[ $cur == = ]]; then\n"
            "        cur=''\n"
            "    elif [[ $prev == = ]]; then\n"
            "        prev=${COMP_WORDS[COMP_CWORD-2]}\n"
            "    fi\n"
            "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
            "        word=${COMP_WORDS[i]}\n"
            "        case $command,$word in\n"
            "        *,-*) ;;\n");
    for (int i = 0; i < p->n; i++)
        if (begins_family(p, i, family))
            str_printf(out, "        %s,*) command=\"%s $word\"; break ;;\n", family, family);
    str_add(out, "        ,*) command=$word; ");
    str_add(out, "case $word in ");
    for (int i = 0; i < p->n; i++)
        if (begins_family(p, i, family))
            str_printf(out, "%s) ;; ", family);
    str_add(out, "*) break ;; esac ;;\n"
                 "        esac\n"
                 "    done\n"
                 "    case $command in\n"
                 "    '') values='");
    add_commands(p, NULL, out);
    str_add(out, " --help --version' ;;\n");
    for (int i = 0; i < p->n; i++)
        if (begins_family(p, i, family)) {
            str_printf(out, "    %s) values='", family);
            add_commands(p, family, out);
            str_add(out, " --help' ;;\n");
        }
    for (int i = 0; i < p->n; i++)
        bash_command(p->command[i], out);
    str_add(out,
            "    esac\n"
            "    if [[ -n $values ]]; then\n"
            "        mapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"$cur\")\n"
            "        return\n"
            "    fi\n"
            "    if [[ $cur == -* ]]; then\n"
            "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
            "        return\n"
            "    fi\n"
            "    compopt -o filenames 2>/dev/null\n"
            "    case $files in\n"
            "    file) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
            "    folder) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
            "    model) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"\n"
            "        compgen -f -X '!*.safetensors' -- \"$cur\") ;;\n"
            "    esac\n"
            "    # a second argument is no model\n"
            "    if [[ $files == model && ${#COMPREPLY[@]} == 0 ]]; then\n"
            "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
            "    fi\n"
            "}\n"
            "complete -F _discern discern\n");
}

/* ---- zsh ------------------------------------------------------------------------------------- */

/* Inside '...' and of a spec's "[doc]" or ":message:". */
static void zsh_text(struct str *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            str_add(out, "'\\''");
        else if (strchr("[]:\\", *text))
            str_printf(out, "\\%c", *text);
        else
            str_addc(out, *text);
    }
}

static void zsh_value(const struct field *f, struct str *out)
{
    const char *hint = cli_option_hint(f);

    if (!hint)
        return;
    str_addc(out, ':');
    zsh_text(out, hint);
    str_addc(out, ':');
    switch (value_of(f)) {
    case VALUE_NAMES:
        str_addc(out, '(');
        add_names(f, out);
        str_addc(out, ')');
        break;
    case VALUE_FILE:
        str_add(out, "_files");
        break;
    case VALUE_FOLDER:
        str_add(out, "_files -/");
        break;
    case VALUE_MODEL:
        str_add(out, "_files -g \"*.safetensors\"");
        break;
    case VALUE_NONE:
    case VALUE_ANY:
        str_addc(out, ' ');
        break;
    }
}

static void zsh_option(const struct field *f, struct str *out)
{
    char name[CLI_NAME_BYTES];
    bool no = f->kind == FIELD_KIND_BOOL && f->def != 0;

    for (int i = 0; i < 2; i++) {
        if (i && (!f->letter || no))
            continue;
        str_add(out, "            '");
        if (i)
            str_printf(out, "-%c", f->letter);
        else
            str_printf(out, "%s%s", cli_option_name(f, no, name), cli_option_hint(f) ? "=" : "");
        str_addc(out, '[');
        zsh_text(out, f->doc);
        str_addc(out, ']');
        zsh_value(f, out);
        str_add(out, "' \\\n");
    }
}

static void zsh_command(const struct cli_command *c, struct str *out)
{
    str_printf(out, "    '%s')\n        _arguments -s -S \\\n", c->name);
    for (int i = 0; i < cli_option_count(c); i++)
        zsh_option(cli_option_at(c, i), out);
    str_add(out, "            '(-h --help)'{-h,--help}'[explain the command]'");
    if (takes_model(c))
        str_add(out, " \\\n            '1:MODEL:_files -g \"*.safetensors\"'");
    if (c->max_args != 0)
        str_printf(out, " \\\n            '*:%s:_files'", takes_model(c) ? "file" : "data");
    str_add(out, " ;;\n");
}

static void zsh_list(const struct cli_program *p, const char *of, struct str *out)
{
    for (int i = 0; i < p->n; i++) {
        const struct cli_command *c = p->command[i];
        size_t first = strcspn(c->name, " ");
        char family[32];

        if (of && strlen(of) == first && !strncmp(c->name, of, first)) {
            str_printf(out, " '%s:", c->name + first + 1);
            zsh_text(out, c->summary);
            str_addc(out, '\'');
        } else if (!of && !c->name[first]) {
            str_printf(out, " '%s:", c->name);
            zsh_text(out, c->summary);
            str_addc(out, '\'');
        } else if (!of && begins_family(p, i, family)) {
            str_printf(out, " '%s:", family);
            zsh_text(out, p->families);
            str_addc(out, '\'');
        }
    }
}

static void zsh(const struct cli_program *p, struct str *out)
{
    char family[32];

    str_printf(out, "#compdef discern\n# " WRITTEN, "zsh");
    str_add(out, "_discern()\n{\n"
                 "    local command=$words[2] n=2\n"
                 "    local -a commands\n\n"
                 "    case $command in\n");
    for (int i = 0; i < p->n; i++)
        if (begins_family(p, i, family)) {
            str_printf(out, "    %s)\n        if (( CURRENT == 3 )); then\n            commands=(",
                       family);
            zsh_list(p, family, out);
            str_add(out, " )\n            _describe command commands\n            return\n"
                         "        fi\n        command=\"$command $words[3]\" n=3 ;;\n");
        }
    str_add(out, "    esac\n    if (( CURRENT == 2 )); then\n        commands=(");
    zsh_list(p, NULL, out);
    str_add(out, " )\n        _describe command commands\n        return\n    fi\n"
                 "    shift $(( n - 1 )) words\n    (( CURRENT -= n - 1 ))\n"
                 "    case $command in\n");
    for (int i = 0; i < p->n; i++)
        zsh_command(p->command[i], out);
    str_add(out, "    esac\n}\n"
                 "if [[ $funcstack[1] == _discern ]]; then\n    _discern \"$@\"\n"
                 "else\n    compdef _discern discern\nfi\n");
}

/* ---- fish ------------------------------------------------------------------------------------ */

static void fish_text(struct str *out, const char *text)
{
    str_addc(out, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            str_addc(out, '\\');
        str_addc(out, *text);
    }
    str_addc(out, '\'');
}

static void fish_option(const struct cli_command *c, const struct field *f, struct str *out)
{
    bool no = f->kind == FIELD_KIND_BOOL && f->def != 0;
    char name[CLI_NAME_BYTES];

    str_printf(out, "complete -c discern -n '__discern_on \"%s\"' -l %s", c->name,
               cli_option_name(f, no, name) + 2);
    if (f->letter && !no)
        str_printf(out, " -s %c", f->letter);
    switch (value_of(f)) {
    case VALUE_NONE:
        break;
    case VALUE_ANY:
        str_add(out, " -x");
        break;
    case VALUE_NAMES:
        str_add(out, " -x -a '");
        add_names(f, out);
        str_addc(out, '\'');
        break;
    case VALUE_FILE:
        str_add(out, " -r -F");
        break;
    case VALUE_FOLDER:
        str_add(out, " -x -a '(__fish_complete_directories)'");
        break;
    case VALUE_MODEL:
        str_add(out, " -x -a '(__fish_complete_suffix .safetensors)'");
        break;
    }
    str_add(out, " -d ");
    fish_text(out, f->doc);
    str_addc(out, '\n');
}

static void fish_word(const char *on, const char *word, size_t len, const char *doc,
                      struct str *out)
{
    str_printf(out, "complete -c discern -n '__discern_on \"%s\"' -f -a %.*s -d ", on, (int)len,
               word);
    fish_text(out, doc);
    str_addc(out, '\n');
}

static void fish(const struct cli_program *p, struct str *out)
{
    char family[32];

    str_printf(out, "# fish completion for discern, " WRITTEN, "fish");
    str_add(out, "function __discern_on\n"
                 "    set -l words (commandline -opc)[2..-1]\n"
                 "    set -l said\n"
                 "    for word in $words\n"
                 "        switch $word\n"
                 "            case '-*'\n"
                 "            case '*'\n"
                 "                set said $said $word\n"
                 "        end\n"
                 "    end\n"
                 "    switch \"$said[1]\"\n");
    for (int i = 0; i < p->n; i++)
        if (begins_family(p, i, family))
            str_printf(out, "        case %s\n            test \"$said[1..2]\" = \"$argv\"\n",
                       family);
    str_add(out, "        case '*'\n            test \"$said[1]\" = \"$argv\"\n    end\nend\n");
    for (int i = 0; i < p->n; i++) {
        const struct cli_command *c = p->command[i];
        size_t first = strcspn(c->name, " ");

        if (begins_family(p, i, family))
            fish_word("", family, strlen(family), p->families, out);
        if (c->name[first]) {
            snprintf(family, sizeof family, "%.*s", (int)first, c->name);
            fish_word(family, c->name + first + 1, strlen(c->name + first + 1), c->summary, out);
        } else {
            fish_word("", c->name, first, c->summary, out);
        }
        if (takes_model(c))             /* these first, then other files */
            str_printf(out, "complete -c discern -n '__discern_on \"%s\"' -k -x "
                            "-a '(__fish_complete_suffix .safetensors)'\n", c->name);
        for (int k = 0; k < cli_option_count(c); k++)
            fish_option(c, cli_option_at(c, k), out);
        str_printf(out, "complete -c discern -n '__discern_on \"%s\"' -l help -s h "
                        "-d 'explain the command'\n", c->name);
    }
}

void cli_program_completion(const struct cli_program *p, enum cli_shell shell, struct str *out)
{
    switch (shell) {
    case CLI_SHELL_BASH:
        bash(p, out);
        break;
    case CLI_SHELL_ZSH:
        zsh(p, out);
        break;
    case CLI_SHELL_FISH:
        fish(p, out);
        break;
    case CLI_SHELL_NONE:
        break;
    }
}
