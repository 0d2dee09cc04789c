/*
 * steps -- a training that tells its first weights and the loss of every step
 *
 *     steps DATA OUT [SETTING=VALUE...]
 *
 * Settings are those of train/settings.def.  Where they are not said, it is seed 1 on one thread,
 * without augmentation, and all else as `discern train` chooses it; but nothing is held out (a part
 * "val" of DATA apart).  The folder OUT gets what a training writes, start.safetensors with the
 * weights before the first step, and loss.txt: the loss and the rate of each step, a line each.
 */
#include "infer/model.h"
#include "nn/base/file.h"
#include "train/trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 1, THREADS = 1 };

static void listen(void *ctx, const struct train_event *e)
{
    if (e->kind == TRAIN_EVENT_STEP)
        fprintf(ctx, "%.17g %.17g\n", e->step_loss, e->lr);
}

static const char *path(char *text, size_t n, const char *dir, const char *name)
{
    snprintf(text, n, "%s/%s", dir, name);
    return text;
}

static bool train(struct data_index *x, const char *dir, struct train_cfg *cfg, struct err *err)
{
    char name[1024];
    FILE *out = fopen(path(name, sizeof name, dir, "loss.txt"), "w");
    struct train_run run = { .out = dir, .event = listen, .event_ctx = out };
    bool ok;

    if (!out)
        return err_errno(err, name, "open");
    ok = data_index_hash(x, THREADS, err) &&
         train_with(&train_method_supervised, x, cfg, &run, err);
    fclose(out);
    return ok;
}

/* "NAME=VALUE" */
static bool set(struct train_cfg *cfg, const char *text, struct err *err)
{
    size_t n = strcspn(text, "=");
    const struct field *f;
    char name[64];

    snprintf(name, sizeof name, "%.*s", (int)n, text);
    f = field_find(train_cfg_fields, name);
    if (!f || !text[n])
        return err_set(err, ERR_USAGE, "%s: SETTING=VALUE is wanted", text);
    return field_set(f, cfg, text + n + 1, NULL, err);
}

/* The weights that the training began with: a function of the graph and the seed. */
static bool write_start(const char *dir, int seed, struct err *err)
{
    char name[1024];
    struct infer_model *m = infer_model_open(path(name, sizeof name, dir, "last.safetensors"), err);
    bool ok = false;

    if (m) {
        nn_params_init(m->params, m->graph, (uint64_t)seed);
        ok = infer_model_write(m, path(name, sizeof name, dir, "start.safetensors"), NULL, err);
    }
    infer_model_free(m);
    return ok;
}

int main(int argc, char **argv)
{
    struct err err = { 0 };
    struct data_index *x;
    struct train_cfg cfg;
    bool ok = true;

    if (argc < 3) {
        fputs("usage: steps DATA OUT [SETTING=VALUE...]\n", stderr);
        return 2;
    }
    field_defaults(train_cfg_fields, &cfg);
    cfg.augment = "none";
    cfg.seed = SEED;
    cfg.threads = THREADS;
    for (int i = 3; i < argc && ok; i++)
        ok = set(&cfg, argv[i], &err);
    x = ok && file_mkdir(argv[2], &err) ? data_index_open(argv[1], NULL, &err) : NULL;
    ok = x && train(x, argv[2], &cfg, &err) && write_start(argv[2], cfg.seed, &err);
    if (!ok)
        fprintf(stderr, "steps: %s\n", err.msg);
    data_index_free(x);
    return !ok;
}
