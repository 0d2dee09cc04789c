/*
 * cli_table -- what parsing, help, manual and completions know of options alike
 */
#ifndef BASE_CLI_TABLE_H
#define BASE_CLI_TABLE_H

#include "nn/base/cli.h"

enum { CLI_WIDTH = 80 };

/* What every command takes, beside --help. */
struct cli_common {
    bool quiet, verbose;
    const char *log_file;
    int color;                      /* enum cli_color */
};
enum cli_color { CLI_COLOR_AUTO, CLI_COLOR_ALWAYS, CLI_COLOR_NEVER };
extern const struct field cli_common_fields[];

/* The command's own options and, behind them, the common ones. */
int cli_option_count(const struct cli_command *cmd);
const struct field *cli_option_at(const struct cli_command *cmd, int i);

/* What stands for its value: "FILE"; NULL where it takes none. */
const char *cli_option_hint(const struct field *f);

/* The default as text; nothing where there is none to speak of.  obj holds the defaults. */
void cli_option_default(const struct field *f, const void *obj, struct str *out);

/* "--epochs N"; "--[no-]flip" for a bool that is on by default. */
void cli_option_label(const struct field *f, const struct str *def, struct str *out);

/* The defaults of what f, an option of cmd, is a member of; free() it.  NULL: memory is out. */
void *cli_defaults_new(const struct field *table, size_t size);

#endif
