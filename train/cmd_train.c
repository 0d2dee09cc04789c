/*
 * cmd_train -- discern train: a folder of pictures to a model file
 *
 * Stderr tells what is going on: notes at the start, a live line on a terminal, a line an epoch,
 * where the files are. Stdout gets the path of the model, or with --json one object, or with
 * --log-json the events.
 */
#include "train/cmd.h"

#include "data/sandbox.h"
#include "data/split.h"
#include "infer/cmd.h"
#include "nn/base/json.h"
#include "nn/base/record.h"
#include "train/choose.h"
#include "train/folder.h"
#include "train/listen/listen.h"
#include "train/listen/summary.h"
#include "train/trainer.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CACHE_SHARE 0.1  /* of the free disk, for decoded pictures */
#define CACHE_SHARE_NAMED 0.5
#define WAITED_MUCH 0.02 /* share of the time that is worth a word */

enum {
    MANY = 20000, /* pictures: looking at all of them takes a while */
    SAME_SIGNAL_MS = 300, /* timeout(1) signals the process and its group: the same wish twice */
};

struct options {
    struct train_cfg cfg; /* first: train/settings.def counts from it */
    struct data_source_options source;
    const char *out, *cache;
    double save_every;
    bool force, sandbox, json, log_json, quiet;
};
_Static_assert(offsetof(struct options, cfg) == 0,
               "fields of train_cfg count from the start of the options");

static const struct field options[] = {
#include "train/settings.def"
    FIELD_STRING(struct options, out, "DIR", NULL,
                 "folder for the model files; without it runs/train-1, runs/train-2 ..."),
    FIELD_STRING(struct options, cache, "DIR", "auto",
                 "folder where decoded pictures are kept for the next epoch and training; off: "
                 "nowhere; auto: ~/.cache/discern, below a tenth of the free disk"),
    FIELD_DURATION(struct options, save_every, 600,
                   "time between checkpoints within an epoch; 0: only at the end of each"),
    FIELD_BOOL(struct options, force, "write into a folder that has something in it"),
    DATA_SANDBOX_FIELD(struct options),
    FIELD_BOOL(struct options, json, "one JSON object on standard output"),
    FIELD_BOOL(struct options, log_json,
               "every event of the training as a line of JSON on standard output, as it comes"),
    FIELD_BOOL(struct options, quiet, "say nothing but errors"),
    DATA_SOURCE_FIELDS(struct options, source),
    FIELDS_END
};

/* How the data are read, which whoever reads them again must say again. */
static const struct field source_options[] = {
    DATA_SOURCE_FIELDS(struct options, source),
    FIELDS_END
};

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
    static const int signals[] = { SIGINT, SIGTERM };
    struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, old;

    /* A reader who has gone is an error of the writer, not the end of a training. */
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &a, NULL);
}

/* ---- the command ----------------------------------------------------------------------------- */

static void tell_skipped(const struct options *o, const struct data_index *x)
{
    struct str text = { 0 };

    data_index_tell_skipped(x, &text);
    if (text.len && !o->quiet)
        cli_say("%s", str_text(&text));
    str_release(&text);
}

/* What the split did, for the terminal. */
static void tell_split(const struct options *o, const struct data_split_result *r, int held, int n)
{
    if (o->quiet)
        return;
    if (!held)
        cli_say("val %g: the data have no val part, so that share of %d pictures is held "
                "out, by their content", o->cfg.val, n);
    if (r->clusters)
        cli_say("%d pictures belong together in %d clusters (copies%s, declared groups): each "
                "stays on one side", r->clustered, r->clusters,
                o->cfg.no_near ? "" : ", pictures that look the same");
    if (r->straddling)
        cli_say("%d cluster%s torn apart by the parts that the data name, so figures flatter: "
                "\"discern data dedup\" names them", r->straddling,
                r->straddling == 1 ? " is" : "s are");
}

/* The pictures, hashed, with a part to learn from and one to check with. */
static struct data_index *open_data(const char *path, struct options *o,
                                    const struct data_decode *decode, struct err *err)
{
    struct data_index *x = data_index_open(path, &o->source, err);
    int threads = o->cfg.threads ? o->cfg.threads : pool_cpus(), held = 0, free_n = 0;
    struct data_split_result r = { 0 };
    bool hashed = false, ok;

    if (!x)
        return NULL;
    tell_skipped(o, x);
    for (int i = 0; i < x->n; i++) {
        held += x->sample[i].split == DATA_VAL;
        free_n += x->sample[i].split == DATA_UNSPLIT || x->sample[i].split == DATA_TRAIN;
    }
    if (o->cfg.val <= 0)
        o->cfg.val = train_choose_val(free_n);
    if (!held && !o->quiet && !o->cfg.no_near && x->n >= MANY)
        cli_say("looking at %d pictures for copies; --no-near skips that", x->n);
    ok = data_split(x,
                    &(struct data_split_options){
                        .val = o->cfg.val, .no_near = o->cfg.no_near, .threads = threads,
                        .decode = decode, .grow = o->source.split_file != NULL },
                    &r, err);
    for (int i = 0; i < x->n; i++)
        hashed |= x->sample[i].hash != 0;
    /* The split hashes only when it has to. */
    if (!ok || (!hashed && !data_index_hash(x, threads, err))) {
        data_index_free(x);
        return NULL;
    }
    tell_split(o, &r, held, free_n);
    return x;
}

static void add_json(const struct options *o, const char *dir, const struct train_summary *s,
                     struct str *out)
{
    json_t *settings = record_to_json(train_cfg_fields, &o->cfg);
    char *text = settings ? record_dump(settings) : NULL;
    struct str path = { 0 }, list = { 0 };

    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.train/1");
    str_printf(&path, "%s/best.safetensors", dir);
    json_text(out, "best", str_text(&path));
    str_clear(&path);
    str_printf(&path, "%s/last.safetensors", dir);
    json_text(out, "last", str_text(&path));
    json_number(out, "epoch", s->best_epoch);
    json_number(out, "epochs", s->epochs);
    json_number(out, "steps", (double)s->steps);
    json_number(out, "seconds", s->elapsed);
    json_number(out, "waited", s->waited);
    json_raw(out, "figures", s->figures.len ? str_text(&s->figures) : "null");
    json_raw(out, "settings", text ? text : "null");
    str_printf(&list, "[%s]", str_text(&s->history));
    json_raw(out, "history", str_text(&list));
    json_end(out, '}');
    out->failed |= !text || path.failed || list.failed || s->history.failed || s->figures.failed;
    str_release(&path);
    str_release(&list);
    free(text);
    json_decref(settings);
}

/* A word as a shell takes it. */
static void add_word(struct str *out, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%";

    if (*word && *word != '-' && !word[strspn(word, plain)]) {
        str_add(out, word);
        return;
    }
    str_addc(out, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            str_add(out, "'\\''");
        else
            str_addc(out, *word);
    }
    str_addc(out, '\'');
}

/* The folder for decoded pictures; NULL: none.  One that is named may take more of the disk. */
static char *cache_folder(const struct options *o, double *share)
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
static bool report(const struct options *o, const char *data, const char *dir,
                   const struct train_summary *s, struct err *err)
{
    struct str out = { 0 }, model = { 0 }, next = { 0 }, value = { 0 };
    bool ok;

    if (!o->quiet)
        cli_say("%s", str_text(&s->result));
    if (!o->quiet && s->waited > WAITED_MUCH)
        cli_say("%.0f %% of the time of training went into waiting for pictures", 100 * s->waited);
    if (o->json)
        add_json(o, dir, s, &out);
    else
        str_printf(&out, "%s/best.safetensors", dir);
    ok = o->log_json || cli_print(&out, err);
    str_printf(&model, "%s/best.safetensors", dir);
    add_word(&next, str_text(&model));
    str_addc(&next, ' ');
    add_word(&next, data);
    for (const struct field *f = source_options; f->name; f++) {
        if (field_is_default(f, o))
            continue;
        str_addc(&next, ' ');
        str_add(&next, "--");
        for (const char *c = f->name; *c; c++)
            str_addc(&next, *c == '_' ? '-' : *c);
        str_addc(&next, ' ');
        str_clear(&value);
        field_text(f, o, &value);
        add_word(&next, str_text(&value));
    }
    if (ok && !o->quiet)
        cli_say("now try: discern eval %s", str_text(&next));
    str_release(&out);
    str_release(&model);
    str_release(&next);
    str_release(&value);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 }, unheard = { 0 };
    struct train_summary summary = { 0 };
    struct train_listen_options listen = { .summary = &summary };
    struct train_listen *listeners = NULL;
    struct data_decode decode = { .sandbox = NULL };
    struct train_run run = { .decode = &decode, .event = train_listen_event, .stop = &stop };
    struct train_folder folder = { .lock = -1 };
    struct data_index *x = NULL;
    char *cache = NULL;
    bool ok = false, heard = true;
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);
    int status;

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED)
        return cli_fail(&err, o.json || o.log_json);
    if (o.json && o.log_json) {
        err_set(&err, ERR_USAGE, "--json and --log-json both want standard output: give one");
        return cli_fail(&err, true);
    }
    catch_signals();
    if (train_check(&o.cfg, &err) &&
        data_sandbox_choose(o.sandbox, o.cfg.threads ? o.cfg.threads : pool_cpus(), &decode, &err))
        x = open_data(args.arg[0], &o, &decode, &err);
    if (x && train_folder_open(&folder, o.out, o.force, &err)) {
        run.out = str_text(&folder.path);
        run.save_every = o.save_every;
        run.cache = cache = cache_folder(&o, &run.cache_share);
        listen.out = run.out;
        listen.terminal = o.quiet ? 0 : STDERR_FILENO;
        listen.stream = o.log_json ? STDOUT_FILENO : 0;
        run.event_ctx = listeners = train_listen_open(&listen, &err);
        ok = listeners && train_with(&train_method_supervised, x, &o.cfg, &run, &err);
        heard = train_listen_close(listeners, &unheard);
    }
    ok = ok && report(&o, args.arg[0], run.out, &summary, &err);
    /* A listener's failure is told beside the answer, not instead of it. */
    status = !ok ? cli_fail(&err, o.json || o.log_json) : heard ? 0 : cli_fail(&unheard, false);
    if (err.kind == ERR_CANCELLED && atomic_load(&stop_signal.number))
        status = 128 + atomic_load(&stop_signal.number);
    data_index_free(x);
    data_sandbox_free(decode.sandbox);
    train_summary_release(&summary);
    free(cache);
    train_folder_close(&folder);
    return status;
}

const struct cli_command train_cmd_train = {
    .name = "train",
    .summary = "learn to tell pictures apart, from a folder of them",
    .synopsis = "DATA",
    .about = "DATA is a folder with a folder of pictures for each label, or with train and val "
             "folders of such, or a CSV file of names and labels (filename,cat,dog) for pictures "
             "with several labels. What is not said is chosen from the pictures, and told.\n"
             "The best and the last state are written to DIR/best.safetensors and "
             "DIR/last.safetensors after every epoch, and which pictures were held out to "
             "DIR/split.csv. Control-C finishes the step, saves, and "
             "stops. The same seed gives the same weights, whatever the threads.",
    .examples = "discern train photos/\n"
                "discern train photos/ --time 20m --out cats\n"
                "discern train photos/ --arch resnet18 --size 128 --epochs 30 --augment medium\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
