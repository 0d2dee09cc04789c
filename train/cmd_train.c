/*
 * cmd_train -- discern train: a folder of pictures to a model file
 *
 * Stderr tells what is going on: notes at the start, a live line on a terminal, a line an epoch,
 * where the files are. Stdout gets the path of the model, or with --json one object, or with
 * --log-json the events.
 */
#include "train/cmd.h"

#include "data/sandbox.h"
#include "nn/base/file.h"
#include "nn/base/json.h"
#include "nn/base/record.h"
#include "train/answer.h"
#include "train/checkpoint.h"
#include "train/environment.h"
#include "train/folder.h"
#include "train/listen/csv.h"
#include "train/listen/listen.h"
#include "train/listen/summary.h"
#include "train/options.h"
#include "train/pictures.h"
#include "train/teacher.h"
#include "train/trainer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CACHE_SHARE 0.1  /* of the free disk, for decoded pictures */
#define CACHE_SHARE_NAMED 0.5
#define WAITED_MUCH 0.02 /* share of the time that is worth a word */

enum { SAME_SIGNAL_MS = 300 }; /* timeout(1) signals the process and its group: one wish, twice */

/* ---- signals --------------------------------------------------------------------------------- */

/* What a handler can reach, and nothing else is global. */
static atomic_bool stop;
static struct {
    atomic_int number;
    atomic_llong ms;
} stop_signal;

static void on_signal(int sig)
{
    static const char text[] = "\ndiscern: stopping after this step; once more stops at once\n";
    struct timespec t;
    long long ms;

    clock_gettime(CLOCK_MONOTONIC, &t);
    ms = t.tv_sec * 1000LL + t.tv_nsec / 1000000;
    if (atomic_load(&stop)) {
        if (ms - atomic_load(&stop_signal.ms) > SAME_SIGNAL_MS)
            _exit(128 + sig);
        return;
    }
    atomic_store(&stop_signal.number, sig);
    atomic_store(&stop_signal.ms, ms);
    atomic_store(&stop, true);
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        return;
}

/* A signal that our parent wants ignored (nohup, a shell's background jobs) stays so. */
static void catch_signals(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, old;

    /* A reader who has gone is an error of the writer, not the end of a training. */
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &a, NULL);
}

/* ---- what is heard --------------------------------------------------------------------------- */

/* Between the trainer and whoever listens: run.json is written when the settings are decided. */
struct hearing {
    const struct train_asked *a;
    struct train_run_file *file;
    struct train_listen *listeners;
    const char *dir;
    bool begun;         /* run.json says that it is running */
    struct err err;     /* why it could not */
};

static void hear(void *ctx, const struct train_event *e)
{
    struct hearing *h = ctx;

    if (e->kind == TRAIN_EVENT_NOTE)
        train_run_note(h->file, e->text);
    if (e->kind == TRAIN_EVENT_START) {
        h->begun =
            train_run_write(h->file, h->dir, &h->a->o.cfg, TRAIN_RUNNING, NULL, &h->err);
        if (!h->begun)
            atomic_store(&stop, true);
    }
    train_listen_event(h->listeners, e);
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* The folder for decoded pictures; NULL: none.  One that is named may take more of the disk. */
static char *cache_folder(const struct train_options *o, double *share)
{
    *share = CACHE_SHARE;
    if (!strcmp(o->cache, "off"))
        return NULL;
    if (!strcmp(o->cache, "auto"))
        return cli_cache_folder();
    *share = CACHE_SHARE_NAMED;
    return strdup(o->cache);
}

/* What was reached, where it is, and what to type next. */
static bool report(const struct train_options *o, const char *data, const char *dir,
                   const struct train_summary *s, struct err *err)
{
    struct str out = { 0 }, next = { 0 };
    bool ok;

    cli_say("%s", str_text(&s->result));
    if (s->waited > WAITED_MUCH)
        cli_say("%.0f %% of the time of training went into waiting for pictures", 100 * s->waited);
    if (o->json)
        train_answer_json(&o->cfg, dir, s, &out);
    else
        str_printf(&out, "%s/" TRAIN_BEST, dir);
    ok = o->log_json || cli_print(&out, err);
    train_answer_next(o, data, dir, &next);
    if (ok)
        cli_say("now try: %s", str_text(&next));
    str_release(&out);
    str_release(&next);
    return ok;
}

/* Nothing is left to do in the folder of a training that came to its end. */
static int already_finished(const struct train_asked *a, struct err *err)
{
    struct str out = { 0 };
    bool ok;

    cli_say("%s: this training has come to its end", a->o.resume);
    str_printf(&out, a->o.json ? "{\"schema\":\"discern.train/1\",\"finished\":true}"
                               : "%s/" TRAIN_BEST, a->o.resume);
    ok = a->o.log_json || cli_print(&out, err);
    str_release(&out);
    return ok ? 0 : cli_fail(err, a->o.json);
}

/* The run.json of this training: the one that goes on, or a new one. */
static bool begin(struct train_asked *a, struct hearing *h, const struct train_run *run,
                  const struct data_index *x, struct err *err)
{
    struct str differ = { 0 };
    const json_t *then = json_object_get(a->file.json, "environment");

    train_environment_compare(then, &differ);
    if (differ.len)
        train_note(run, "the weights need not come out bit for bit as there: %s",
                   str_text(&differ));
    str_release(&differ);
    if (a->o.resume)
        return train_run_resume(h->file) || err_set(err, ERR_MEMORY, "no memory to go on");
    return train_run_new(h->file,
                         &(struct train_run_facts){ .argc = a->argc, .argv = a->argv,
                                                    .data = a->data,
                                                    .source = &a->o.source,
                                                    .index = x,
                                                    .cfg = &a->o.cfg },
                         err);
}

/* Trains in the folder that is open, on *x, which is the caller's to free. */
static bool train(struct train_asked *a, struct hearing *h, struct train_run *run,
                  struct data_index **x, struct err *err)
{
    bool ok;

    *x = train_pictures_open(a, run, err);
    ok = *x && begin(a, h, run, *x, err) &&
         train_with(&train_method_supervised, *x, &a->o.cfg, run, err);
    if (h->err.kind)
        *err = h->err;
    return ok && !h->err.kind;
}

/* Whether the folder holds that file. */
static bool holds(const char *dir, const char *name)
{
    struct err ignored;
    char *path = file_in(dir, name, &ignored);
    bool found = path && file_kind(path) != FILE_NONE;

    free(path);
    return found;
}

/* Writes how it ended.  A failure here is told beside the first one.  What failed before an epoch
 * was made leaves nothing. */
static bool end(struct train_asked *a, struct hearing *h, const struct train_summary *s,
                const struct err *why, struct err *err)
{
    enum train_run_state state = !why->kind                   ? TRAIN_FINISHED
                                 : why->kind == ERR_CANCELLED ? TRAIN_STOPPED
                                                              : TRAIN_FAILED;

    if (!h->begun)
        return true;
    if (state == TRAIN_FAILED && !holds(h->dir, TRAIN_LAST) && !holds(h->dir, TRAIN_METRICS_FILE)) {
        train_run_remove(h->dir);
        return true;
    }
    return train_run_write(h->file, h->dir, &a->o.cfg, state, train_answer_result(s, why), err);
}

/* What is measured before, where that was asked for; else NULL. */
static struct train_tuning *tuning_of(const struct train_asked *a, struct train_tuning *tuning)
{
    if (!a->o.autotune)
        return NULL;
    cli_progress(&tuning->progress, "measured", "layers", 0);
    return tuning;
}

/* Tells what would be done, and does nothing: no folder, no files, no cache. */
static int plan(struct train_asked *a, const struct data_decode *decode)
{
    struct err err = { 0 };
    struct train_run_file file = { 0 };
    struct train_listen_options listen = { .terminal = stderr };
    struct hearing h = { .a = a, .file = &file };
    struct train_tuning tuning = { .variants = { 0 } };
    struct train_run run = { .decode = decode,
                             .tuning = tuning_of(a, &tuning),
                             .event = hear,
                             .event_ctx = &h,
                             .stop = &stop };
    struct train_outline outline = { .steps = 0 };
    struct data_index *x = NULL;
    struct str out = { 0 };
    bool ok;

    h.listeners = train_listen_open(&listen, &err);
    x = h.listeners ? train_pictures_open(a, &run, &err) : NULL;
    ok = x && begin(a, &h, &run, x, &err) &&
         train_outline(&train_method_supervised, x, &a->o.cfg, &run, &outline, &err);
    train_listen_close(h.listeners, &err);
    if (ok && (a->o.json || a->o.log_json)) {
        json_t *json = train_outline_json(&outline, x, train_run_settled(&file, &a->o.cfg),
                                          json_object_get(file.json, "notes"));
        char *text = json ? record_dump(json) : NULL;

        str_add(&out, text ? text : "");
        out.failed |= !text;
        free(text);
        json_decref(json);
    } else if (ok) {
        train_outline_text(&outline, &a->o.cfg, x, &out);
    }
    ok = ok && cli_print(&out, &err);
    str_release(&out);
    train_outline_release(&outline);
    str_release(&tuning.variants);
    train_run_release(&file);
    data_index_free(x);
    return ok ? 0 : cli_fail(&err, a->o.json || a->o.log_json);
}

/* The learning rate that was found, and where its curve is. */
static bool report_find_lr(const struct train_options *o, const char *dir,
                           const struct train_find_lr *f, struct err *err)
{
    struct str out = { 0 };
    char *path = file_in(dir, "find_lr.html", err);
    bool json = o->json || o->log_json, ok = path && train_find_lr_write(f, path, err);

    if (ok) {
        cli_say("%s", f->reason);
        cli_say("the curve is in %s", path);
    }
    if (json)
        train_find_lr_json(f, &out);
    else
        str_number(&out, f->lr);
    ok = ok && (f->lr > 0 || json || err_set(err, ERR_INPUT, "%s", f->reason)) &&
         cli_print(&out, err);
    str_release(&out);
    free(path);
    return ok;
}

/* The folder is open: looks for a learning rate, and leaves no more in it than that one's curve. */
static int find_lr(struct train_asked *a, struct train_folder *folder,
                   const struct data_decode *decode)
{
    struct err err = { 0 }, ignored = { 0 };
    struct train_run_file file = { 0 };
    struct train_listen_options listen = { .terminal = stderr };
    struct hearing h = { .a = a, .file = &file, .dir = str_text(&folder->path) };
    struct train_find_lr found = { 0 };
    struct train_tuning tuning = { .variants = { 0 } };
    struct train_run run = { .out = h.dir,
                             .tuning = tuning_of(a, &tuning),
                             .find_lr = &found,
                             .decode = decode,
                             .event = hear,
                             .event_ctx = &h,
                             .stop = &stop };
    struct data_index *x = NULL;
    char *cache = cache_folder(&a->o, &run.cache_share);
    bool ok;

    run.cache = cache;
    h.listeners = train_listen_open(&listen, &err);
    ok = h.listeners && train(a, &h, &run, &x, &err);
    train_listen_close(h.listeners, &ignored);
    ok = ok && report_find_lr(&a->o, h.dir, &found, &err);
    train_run_release(&file);
    str_release(&tuning.variants);
    data_index_free(x);
    free(cache);
    return ok ? 0 : cli_fail(&err, a->o.json || a->o.log_json);
}

/* The folder is open: trains in it, and answers. */
static int go(struct train_asked *a, struct train_folder *folder,
              const struct data_decode *decode)
{
    struct err err = { 0 }, unheard = { 0 }, unsaid = { 0 };
    struct train_run_file new = { 0 };
    struct train_summary summary = { 0 };
    struct train_listen_options listen = { .out = str_text(&folder->path),
                                           .resumed = a->o.resume,
                                           .terminal = stderr,
                                           .stream = a->o.log_json ? STDOUT_FILENO : 0,
                                           .summary = &summary,
                                           .decode = decode,
                                           .cfg = &a->o.cfg };
    struct hearing h = { .a = a, .file = a->o.resume ? &a->file : &new, .dir = listen.out };
    struct train_tuning tuning = { .variants = { 0 } };
    struct train_run run = { .out = listen.out,
                             .tuning = tuning_of(a, &tuning),
                             .resume = a->o.resume,
                             .save_every = a->o.save_every,
                             .decode = decode,
                             .event = hear,
                             .event_ctx = &h,
                             .stop = &stop };
    struct data_index *x = NULL;
    char *cache = cache_folder(&a->o, &run.cache_share);
    bool ok, heard, said;
    int status;

    run.cache = cache;
    h.listeners = train_listen_open(&listen, &err);
    ok = h.listeners && train(a, &h, &run, &x, &err);
    listen.index = x;
    heard = train_listen_close(h.listeners, &unheard);
    said = end(a, &h, &summary, &err, &unsaid);
    ok = ok && report(&a->o, a->data, run.out, &summary, &err);
    /* What failed beside the training is told beside the answer, not instead of it. */
    status = !ok      ? cli_fail(&err, a->o.json || a->o.log_json)
             : !heard ? cli_fail(&unheard, false)
             : !said  ? cli_fail(&unsaid, false)
                      : 0;
    if (err.kind == ERR_CANCELLED && atomic_load(&stop_signal.number))
        status = 128 + atomic_load(&stop_signal.number);
    train_summary_release(&summary);
    train_run_release(&new);
    str_release(&tuning.variants);
    data_index_free(x);
    free(cache);
    return status;
}

/* No file that a setting names is one that the training writes: what it begins with or learns from
 * would be gone, and the training could be neither repeated nor gone on with. */
static bool keeps_inputs(const struct train_asked *a, struct err *err)
{
    char name[CLI_NAME_BYTES];

    if (!a->o.out || a->o.resume || a->o.find_lr)
        return true;
    for (const struct field *f = train_cfg_fields; f->name; f++) {
        struct str value = { 0 };

        if (f->kind != FIELD_KIND_STRING || !field_is_path(f) || field_is_default(f, &a->o.cfg))
            continue;
        field_text(f, &a->o.cfg, &value);
        if (train_checkpoint_writes(a->o.out, str_text(&value)))
            err_set(err, ERR_INPUT, "%s: is what %s names, and a training in %s would write over "
                    "it: another --out keeps it", str_text(&value),
                    cli_option_name(f, false, name), a->o.out);
        str_release(&value);
        if (err->kind)
            return false;
    }
    return true;
}

/* The teacher's checksum becomes a setting; or it is one, and the file must have it. */
static bool pin_teacher(struct train_asked *a, struct err *err)
{
    struct train_cfg *cfg = &a->o.cfg;
    char sum[TRAIN_TEACHER_SUM];

    if (!cfg->teacher)
        return true;
    if (!train_teacher_sum(cfg->teacher, sum, err))
        return false;
    if (cfg->teacher_sum && strcmp(sum, cfg->teacher_sum) != 0)
        return err_set(err, ERR_INPUT,
                       "%s: is not the teacher that was learnt from: its checksum is %s, not %.40s",
                       cfg->teacher, sum, cfg->teacher_sum);
    cfg->teacher_sum = arena_str(a->mem, sum);
    return cfg->teacher_sum || err_set(err, ERR_MEMORY, "no memory for a checksum");
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct train_asked a;
    struct err err = { 0 };
    struct data_decode decode = { .sandbox = NULL };
    struct train_folder folder = { .lock = -1 };
    enum cli_result parsed = train_ask(self, argc, argv, &a, &err);
    int status = 0;

    if (parsed == CLI_FAILED)
        status = cli_fail(&err, a.o.json || a.o.log_json);
    else if (parsed == CLI_RUN && a.o.resume && a.file.state == TRAIN_FINISHED)
        status = already_finished(&a, &err);
    else if (parsed == CLI_RUN) {
        int threads = a.o.cfg.threads ? a.o.cfg.threads : pool_cpus();

        catch_signals();
        if (!train_check(&a.o.cfg, &err) || !keeps_inputs(&a, &err) || !pin_teacher(&a, &err) ||
            !data_sandbox_choose(a.o.sandbox, threads, &decode, &err))
            status = cli_fail(&err, a.o.json || a.o.log_json);
        else if (a.o.dry_run)
            status = plan(&a, &decode);
        else if (a.o.resume ? train_folder_enter(&folder, a.o.resume, &err)
                            : train_folder_open(&folder, a.o.out, a.o.force, &err))
            status = a.o.find_lr ? find_lr(&a, &folder, &decode) : go(&a, &folder, &decode);
        else
            status = cli_fail(&err, a.o.json || a.o.log_json);
    }
    data_sandbox_free(decode.sandbox);
    train_folder_close(&folder);
    train_asked_release(&a);
    return status;
}

const struct cli_command train_cmd_train = {
    .name = "train",
    .summary = "learn to tell pictures apart, from a folder of them",
    .synopsis = "DATA",
    .about = "DATA is a folder with a folder of pictures for each label, or with train and val "
             "folders of such, or a CSV file of names and labels (filename,cat,dog) for pictures "
             "with several labels. What is not said is chosen from the pictures, and told. With "
             "--teacher pictures need no labels: a folder of nothing but pictures, or --unlabelled "
             "DIR in place of DATA.\n"
             "DIR gets the best model, the last checkpoint, tables, curves and report.html. "
             "Control-C finishes the step, saves, and stops; --resume DIR goes on, also after a "
             "crash. The same seed gives the same weights, whatever the threads.",
    .examples = "discern train photos/\n"
                "discern train photos/ --time 20m --out cats\n"
                "discern train photos/ --arch resnet18 --size 128 --epochs 30 --augment medium\n"
                "discern train --resume cats\n",
    .options = train_option_fields,
    .size = sizeof(struct train_options),
    .min_args = 0, /* --config and --resume know where the pictures are */
    .max_args = 1,
    .run = run,
};
