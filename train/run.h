/*
 * run -- run.json: what a training was told, what was decided, where it ran, what came of it
 *
 * Enough to repeat it: `discern train --config run.json`.  The schema is discern.run/1 (docs/
 * train.md); a file written by hand needs the schema and what it wants of the settings.
 */
#ifndef TRAIN_RUN_H
#define TRAIN_RUN_H

#include "data/index.h"
#include "nn/base/record.h"
#include "train/cfg.h"

#define TRAIN_RUN_NAME "run.json"

enum train_run_state { TRAIN_RUNNING, TRAIN_STOPPED, TRAIN_FINISHED, TRAIN_FAILED };
extern const char *const train_run_states[]; /* "running" "stopped" "finished" "failed" NULL */

/* One run.json, read or to be written.  Zeroed is empty; release it. */
struct train_run_file {
    json_t *json;                      /* the whole */
    enum train_run_state state;
    const char *data;                  /* absolute path of the pictures; NULL: not said, or none
                                          but the setting `unlabelled` */
    struct data_source_options source; /* how they are read; paths are absolute */
    uint64_t fingerprint;              /* of them; 0: not known */
    bool by_epochs;                    /* its length was said, or chosen, in epochs */
    int threads;                       /* as asked for */
    struct arena *mem;                 /* of the strings */
};

void train_run_release(struct train_run_file *f);

/* Reads and checks it, settings included; the error says in one line what is wrong, and the path.
 * *f is empty on failure. */
bool train_run_read(struct train_run_file *f, const char *path, struct err *err);
bool train_run_parse(struct train_run_file *f, const char *text, size_t bytes, struct err *err);

/* Puts its settings over cfg, as train_layer does; strings live as long as f. */
bool train_run_settings(const struct train_run_file *f, struct train_cfg *cfg, struct err *err);

/* Puts absolute paths, as run.json has them, where cfg names files that are there: a checkpoint
 * holds settings too, and whoever goes on may stand in another folder.  Strings go into mem. */
bool train_run_paths(struct train_cfg *cfg, struct arena *mem, struct err *err);

/* A new one, of a training that is about to start. */
struct train_run_facts {
    int argc;
    char *const *argv;
    const char *data;                         /* DATA as it was given; NULL: none */
    const struct data_source_options *source;
    const struct data_index *index;           /* split, and hashed */
    const struct train_cfg *cfg;              /* as asked for: nothing chosen yet */
};
bool train_run_new(struct train_run_file *f, const struct train_run_facts *facts,
                   struct err *err);

/* Remembers a decision with its reason, once; before train_run_new too. */
void train_run_note(struct train_run_file *f, const char *text);

/* An earlier one goes on here and now: remembers when.  False when memory is out. */
bool train_run_resume(struct train_run_file *f);

/* The settings that repeat a training of which cfg is what became of them: a new object.  A length
 * in steps or epochs, not both, and none of time; a setting that names a file has its absolute
 * path.  NULL when memory is out. */
json_t *train_run_settled(const struct train_run_file *f, const struct train_cfg *cfg);

/* Writes DIR/run.json whole: f with what cfg has become and the state.  result: a JSON object,
 * stolen; NULL: there is none yet. */
bool train_run_write(struct train_run_file *f, const char *dir, const struct train_cfg *cfg,
                     enum train_run_state state, json_t *result, struct err *err);

/* Takes it away again. */
void train_run_remove(const char *dir);

#endif
