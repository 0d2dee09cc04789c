/*
 * cli_program -- a program that is a list of commands: finding one, and all that is made of them
 *
 * A name may be two words, "data check": its first is a family.  What is written here comes from
 * the same tables as --help.
 */
#ifndef BASE_CLI_PROGRAM_H
#define BASE_CLI_PROGRAM_H

#include "nn/base/cli.h"

struct cli_program {
    const char *about;          /* "learn to tell pictures apart" */
    const char *version;
    const char *examples;       /* lines, "\n"-terminated */
    const char *families;       /* what commands of two words are for: "look after a set" */
    const struct cli_command *const *command;
    int n;
};

/* The command that words[0..n) begin with, in *used of them.  NULL when there is none: err names
 * the nearest. */
const struct cli_command *cli_program_find(const struct cli_program *p, int n, char *const *words,
                                           int *used, struct err *err);

/* Whether some command's first word of two is this one. */
bool cli_program_family(const struct cli_program *p, const char *word);
void cli_program_help_family(const struct cli_program *p, const char *word, FILE *out);

/* What exit statuses mean: { "0", "done" } ...; NULLs end. */
extern const char *const cli_statuses[][2];

/* What there is, on a screen of 24 lines. */
void cli_program_help(const struct cli_program *p, FILE *out);

/* Every command with its options, or only one, or those of a family (else NULL):
 * {"schema":"discern.help/1", ...}. */
void cli_program_json(const struct cli_program *p, const struct cli_command *only,
                      const char *family, struct str *out);

/* The manual page of the program, or of a command. */
void cli_program_man(const struct cli_program *p, const struct cli_command *only,
                     struct str *out);

/* A script for a shell: commands, options, values that have names, files where files are wanted. */
enum cli_shell { CLI_SHELL_NONE, CLI_SHELL_BASH, CLI_SHELL_ZSH, CLI_SHELL_FISH };
extern const char *const cli_shell_names[];
void cli_program_completion(const struct cli_program *p, enum cli_shell shell, struct str *out);

#endif
