/*
 * options -- what `discern train` was asked for: defaults, a recipe, a file, the command line
 */
#ifndef TRAIN_OPTIONS_H
#define TRAIN_OPTIONS_H

#include "data/index.h"
#include "nn/base/arena.h"
#include "nn/base/cli.h"
#include "train/cfg.h"
#include "train/recipe.h"
#include "train/run.h"

struct train_options {
    struct train_cfg cfg; /* first: train/settings.def counts from it */
    struct data_source_options source;
    const char *config, *recipe, *resume;
    const char *out, *cache;
    double save_every;
    bool autotune, dry_run, find_lr, force, sandbox, json, log_json;
};
extern const struct field train_option_fields[];

/* Of these, how the data are read, which whoever reads them again must say again. */
extern const struct field train_source_fields[];

struct train_asked {
    struct train_options o;
    struct train_run_file file; /* --config's, or the one in --resume's folder; zeroed: none */
    const char *data;           /* DATA, or the file's; NULL: none, but `unlabelled` pictures */
    bool data_given;            /* on the command line */
    bool said[TRAIN_SAID];      /* settings that are on the command line */
    int argc;                   /* as it was typed, which getopt does not leave it */
    char *const *argv;
    struct arena *mem;
};

/*
 * Each layer over the ones below, as train_layer has it.  With --resume the settings are those of
 * the folder, and what would change the result is ERR_USAGE.  Release it, whatever the result;
 * strings are borrowed from argv.
 */
enum cli_result train_ask(const struct cli_command *cmd, int argc, char **argv,
                          struct train_asked *a, struct err *err);
void train_asked_release(struct train_asked *a);

#endif
