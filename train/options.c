/*
 * options -- see options.h
 *
 * argv is parsed twice: to find the names of the lower layers, and over these.
 */
#include "train/options.h"

#include "data/sandbox.h"
#include "nn/base/file.h"
#include "train/checkpoint.h"
#include "train/settings.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(offsetof(struct train_options, cfg) == 0,
               "fields of train_cfg count from the start of the options");

const struct field train_option_fields[] = {
#include "train/settings.def"
    FIELD_STRING(struct train_options, recipe, "NAME", NULL,
                 "settings that gave a good result: " TRAIN_RECIPE_NAMES " (docs/recipes.md)",
                 .group = "where settings come from, and what is done"),
    FIELD_STRING(struct train_options, config, "FILE", NULL,
                 "the run.json of an earlier training, which it repeats; other options go over it"),
    FIELD_STRING(struct train_options, resume, "DIR", NULL,
                 "go on with a training that was stopped, in its folder"),
    FIELD_BOOL(struct train_options, autotune,
               "measure first, for some seconds, which ways to compute the layers are the fastest "
               "here; they become the setting variants"),
    FIELD_BOOL(struct train_options, dry_run,
               "tell what would be done, how long it would take, and do nothing"),
    FIELD_BOOL(struct train_options, find_lr,
               "train nothing: try rising learning rates, a batch each, and tell which to take"),
    FIELD_STRING(struct train_options, out, "DIR", NULL,
                 "folder for the model files; without it runs/train-1, runs/train-2 ...",
                 .group = "files"),
    FIELD_STRING(struct train_options, cache, "DIR", "auto",
                 "folder where decoded pictures are kept for the next epoch and training; off: "
                 "nowhere; auto: ~/.cache/discern, below a tenth of the free disk"),
    FIELD_DURATION(struct train_options, save_every, 600,
                   "time between checkpoints within an epoch; 0: only at the end of each"),
    FIELD_BOOL(struct train_options, force, "write into a folder that has something in it"),
    DATA_SANDBOX_FIELD(struct train_options),
    FIELD_BOOL(struct train_options, json, "one JSON object on standard output",
               .group = "what is told"),
    FIELD_BOOL(struct train_options, log_json,
               "every event of the training as a line of JSON on standard output, as it comes"),
    DATA_SOURCE_FIELDS(struct train_options, source),
    FIELDS_END
};

const struct field train_source_fields[] = {
    DATA_SOURCE_FIELDS(struct train_options, source),
    FIELDS_END
};

enum { OPTIONS = sizeof train_option_fields / sizeof *train_option_fields };

/* Whether this option, said with --resume, would make another training of it. */
static bool changes(const struct field *f)
{
    static const char *const others[] = { "recipe", "config", "out", "force", "dry_run",
                                         "find_lr", "autotune" };

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(f->name, others[i]))
            return true;
    if (field_find(train_cfg_fields, f->name))
        return strcmp(f->name, "threads") && strcmp(f->name, "memory");
    return field_find(train_source_fields, f->name);
}

static bool check_resume(const struct train_asked *a, const bool *given, struct err *err)
{
    for (int i = 0; train_option_fields[i].name; i++) {
        char name[CLI_NAME_BYTES];

        if (!given[i] || !changes(&train_option_fields[i]))
            continue;
        err_set(err, ERR_USAGE,
                "%s: a training that goes on keeps what it began with; --init "
                "%s/" TRAIN_LAST " starts a new one from its weights",
                cli_option_name(&train_option_fields[i], false, name), a->o.resume);
        return false;
    }
    return true;
}

/* The file that holds the layer below the command line, if one was named. */
static bool read_file(struct train_asked *a, struct err *err)
{
    char *path;
    bool ok;

    if (!a->o.resume)
        return !a->o.config || train_run_read(&a->file, a->o.config, err);
    path = file_in(a->o.resume, TRAIN_RUN_NAME, err);
    ok = path && train_run_read(&a->file, path, err);
    free(path);
    return ok;
}

/* What lies below the command line, into defaults.  A file's own data options belong to its own
 * data. */
static bool lower_layers(struct train_asked *a, const char *recipe, struct err *err)
{
    if (recipe && !train_recipe_apply(recipe, &a->o.cfg, a->mem, err))
        return false;
    if (!a->file.json)
        return true;
    if (!a->data_given || a->o.resume)
        a->o.source = a->file.source;
    return train_run_settings(&a->file, &a->o.cfg, err);
}

enum cli_result train_ask(const struct cli_command *cmd, int argc, char **argv,
                          struct train_asked *a, struct err *err)
{
    bool given[OPTIONS + TRAIN_SAID] = { false };
    struct cli_args args;
    enum cli_result result;
    struct train_options first;

    *a = (struct train_asked){ .mem = arena_new(), .argc = argc };
    a->argv = a->mem ? arena_copy(a->mem, argv, (size_t)argc * sizeof *argv) : NULL;
    result = cli_parse_over(cmd, argc, argv, memset(&first, 0, sizeof first), given, &args, err);
    if (result != CLI_RUN) {
        a->o.json = first.json || first.log_json;
        return result;
    }
    if (first.json && first.log_json) {
        a->o.json = true;
        err_set(err, ERR_USAGE, "--json and --log-json both want standard output: give one");
        return CLI_FAILED;
    }
    field_defaults(cmd->options, &a->o);
    a->o.json = first.json;
    a->o.log_json = first.log_json;
    a->o.resume = first.resume;
    a->o.config = first.config;
    a->data_given = args.n > 0;
    if (!a->argv) {
        err_set(err, ERR_MEMORY, "no memory for the settings");
        return CLI_FAILED;
    }
    if ((a->o.resume && !check_resume(a, given, err)) || !read_file(a, err) ||
        !lower_layers(a, first.recipe, err))
        return CLI_FAILED;
    result = cli_parse_over(cmd, argc, argv, &a->o, NULL, &args, err);
    train_layer(&a->o.cfg, given);
    memcpy(a->said, given, sizeof a->said);
    if (!a->o.resume && !train_run_paths(&a->o.cfg, a->mem, err))
        return CLI_FAILED;
    a->data = args.n ? args.arg[0] : a->file.data;
    if (a->data || a->o.cfg.unlabelled)
        return result;
    err_set(err, ERR_USAGE, "train expects DATA, but got nothing; see discern train --help");
    return CLI_FAILED;
}

void train_asked_release(struct train_asked *a)
{
    train_run_release(&a->file);
    arena_free(a->mem);
    *a = (struct train_asked){ .mem = NULL };
}
