/*
 * transfer -- see transfer.h
 */
#include "train/transfer.h"

#include "infer/embed/cut.h"
#include "nn/base/arena.h"
#include "train/depth.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FEW = 150 }; /* pictures, with fewer of which statistics of batch-norms are kept */

#define FIRST_LAYER 0.1 /* the rate of the first group of layers, of that of the last one */

/*
 * Behind batch-norms that measure, weights may have any length, so steps that are too long only
 * make them longer; without such norms they ruin the network, and want a fraction of the rate.
 * What can see already needs fewer steps.
 */
#define UNBOUND 0.04

static const struct train_usual usual_begun = { .rate = 1, .steps = 1200, .least = 5, .most = 30 };

static int count_known(const struct infer_model *from, const struct data_index *x)
{
    int known = 0;

    for (int l = 0; l < x->n_labels; l++)
        known += infer_model_label(from, x->label[l]) >= 0;
    return known;
}

bool train_transfer_look(const struct infer_model *from, const struct data_index *train,
                         struct train_transfer_facts *f, struct err *err)
{
    const struct nn_graph *g = from->graph;
    struct arena *mem = arena_new();
    int *depth = mem ? arena_array(mem, (size_t)g->n, sizeof *depth) : NULL;
    struct infer_cut cut;
    bool ok = depth || err_set(err, ERR_MEMORY, "no memory to look at the network of --init");

    ok = ok && infer_cut_find(g, &cut, err);
    *f = (struct train_transfer_facts){ .n = train->n, .labels = train->n_labels };
    if (ok) {
        f->known = count_known(from, train);
        f->groups = train_depths(g, depth);
        f->probe = cut.alone;
    }
    for (int i = 0; ok && i < g->n; i++)
        f->norms |= g->node[i].op == &nn_op_batchnorm;
    arena_free(mem);
    return ok;
}

/* What each layer's rate is of the next one's so that the first one's is FIRST_LAYER. */
static double layer_lr(int groups)
{
    return groups > 1 ? round(1000 * pow(FIRST_LAYER, 1.0 / (groups - 1))) / 1000 : 1;
}

/* Where notes go. */
struct teller {
    train_say_fn *say;
    void *ctx;
};

static void choose_probe(const struct train_transfer_facts *f, struct train_cfg *cfg,
                         const struct teller *t)
{
    char text[200];

    cfg->probe = f->known < f->labels && f->probe ? TRAIN_PROBE_YES : TRAIN_PROBE_NO;
    if (cfg->probe == TRAIN_PROBE_YES)
        snprintf(text, sizeof text, "probe yes: the network of --init knows %d of the %d labels, "
                 "and gradients through a last layer drawn by lot would unlearn what it can see",
                 f->known, f->labels);
    else
        snprintf(text, sizeof text, "probe no: %s",
                 f->known < f->labels ? "the network's answer is not what one linear layer says"
                                      : "the network of --init knows all of the labels");
    t->say(t->ctx, text);
}

static void choose_norms(const struct train_transfer_facts *f, struct train_cfg *cfg,
                         const struct teller *t)
{
    char text[200];

    cfg->norms = f->norms && f->n < FEW ? TRAIN_NORMS_KEEP : TRAIN_NORMS_LEARN;
    if (cfg->norms == TRAIN_NORMS_LEARN)
        return;
    snprintf(text, sizeof text, "norms keep: %d pictures say less of what batch-norms measure than "
             "those did that the weights are from", f->n);
    t->say(t->ctx, text);
}

static void choose_layers(const struct train_transfer_facts *f, struct train_cfg *cfg,
                          const struct teller *t)
{
    char text[200];

    cfg->layer_lr = layer_lr(f->groups);
    snprintf(text, sizeof text, "layer_lr %g: of %d groups of layers the first, which sees what "
             "all pictures have, learns at %g times the rate of the last", cfg->layer_lr,
             f->groups, FIRST_LAYER);
    t->say(t->ctx, text);
}

static void choose_rate(const struct train_transfer_facts *f, const struct train_cfg *cfg,
                        struct train_usual *usual, const struct teller *t)
{
    char text[200];

    if (f->norms && cfg->norms == TRAIN_NORMS_LEARN)
        return;
    usual->rate = UNBOUND;
    if (cfg->lr > 0)
        return;
    snprintf(text, sizeof text, "lr: %g of what it would be from nothing, since no batch-norm that "
             "measures bears steps that are too long", usual->rate);
    t->say(t->ctx, text);
}

void train_transfer_choose(const struct train_transfer_facts *f, struct train_cfg *cfg,
                           struct train_usual *usual, train_say_fn *say, void *ctx)
{
    const struct teller t = { say, ctx };

    *usual = train_usual_scratch;
    if (!f) {
        cfg->probe = cfg->probe ? cfg->probe : TRAIN_PROBE_NO;
        cfg->norms = cfg->norms ? cfg->norms : TRAIN_NORMS_LEARN;
        cfg->layer_lr = cfg->layer_lr > 0 ? cfg->layer_lr : 1;
        return;
    }
    if (!cfg->probe)
        choose_probe(f, cfg, &t);
    if (cfg->probe == TRAIN_PROBE_ONLY)
        return;
    if (!cfg->norms)
        choose_norms(f, cfg, &t);
    if (cfg->lora) { /* its matrices are new, and all that learns but for the last layer */
        cfg->layer_lr = cfg->layer_lr > 0 ? cfg->layer_lr : 1;
        return;
    }
    if (cfg->layer_lr <= 0)
        choose_layers(f, cfg, &t);
    *usual = usual_begun;
    choose_rate(f, cfg, usual, &t);
}
