/*
 * steps -- a training that tells its first weights and the loss of every step
 *
 *     steps DATA OUT ARCH SIZE BATCH STEPS
 *
 * Trains with seed 1, without augmentation and with nothing held out (the part "val" of DATA, if it
 * has one, apart); all else is as `discern train` chooses it.  The folder
 * OUT gets what a training writes, start.safetensors with the weights before the first step, and
 * loss.txt: the loss and the rate of each step, a line each.
 */
#include "infer/model.h"
#include "nn/base/file.h"
#include "train/trainer.h"

#include <stdio.h>
#include <stdlib.h>

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

/* The weights that the training began with: a function of the graph and the seed. */
static bool write_start(const char *dir, struct err *err)
{
    char name[1024];
    struct infer_model *m = infer_model_open(path(name, sizeof name, dir, "last.safetensors"), err);
    bool ok = false;

    if (m) {
        nn_params_init(m->params, m->graph, SEED);
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
    bool ok;

    if (argc != 7) {
        fputs("usage: steps DATA OUT ARCH SIZE BATCH STEPS\n", stderr);
        return 2;
    }
    field_defaults(train_cfg_fields, &cfg);
    cfg.arch = argv[3];
    cfg.size = (int)strtol(argv[4], NULL, 10);
    cfg.batch = (int)strtol(argv[5], NULL, 10);
    cfg.steps = (int)strtol(argv[6], NULL, 10);
    cfg.augment = "none";
    cfg.seed = SEED;
    cfg.threads = THREADS;
    x = file_mkdir(argv[2], &err) ? data_index_open(argv[1], NULL, &err) : NULL;
    ok = x && train(x, argv[2], &cfg, &err) && write_start(argv[2], &err);
    if (!ok)
        fprintf(stderr, "steps: %s\n", err.msg);
    data_index_free(x);
    return !ok;
}
