/*
 * begin -- see begin.h
 */
#include "train/begin.h"

#include "infer/foreign/foreign.h"
#include "infer/foreign/foreign_file.h"
#include "infer/foreign/kind.h"
#include "infer/foreign/onnx_model.h"
#include "infer/learnt.h"
#include "train/arch.h"
#include "train/checkpoint.h"
#include "train/few.h"
#include "train/probe.h"
#include "train/start.h"
#include "train/transfer.h"

#include <string.h>

/* Weights, or a network, of others to begin with; a line of what was found there at a time. */
static struct infer_model *open_foreign(struct train_session *t, struct err *err)
{
    const struct train_cfg *cfg = t->cfg;
    struct infer_foreign_options weights = {
        .arch = train_arch_named(cfg->arch) ? cfg->arch : NULL, .size = cfg->size,
        .to_train = true };
    struct infer_onnx_options onnx = { .size = cfg->size };
    struct str told = { 0 };
    struct infer_model *m = infer_tensors_meant(cfg->init)
                                ? infer_foreign_open(cfg->init, &weights, &told, err)
                                : infer_onnx_model(cfg->init, &onnx, &told, err);
    const char *line = str_text(&told);

    while (*line) {
        int n = (int)strcspn(line, "\n");

        train_session_note(t, TRAIN_EVENT_NOTE, "init: %.*s", n, line);
        line += n + (line[n] == '\n');
    }
    str_release(&told);
    return m;
}

static bool open_init(struct train_session *t, struct err *err)
{
    if (t->run->resume) /* what is wrong with it is told by who goes on */
        t->init = train_checkpoint_model(t->run->out);
    t->going_on = t->init;
    if (!t->init && t->cfg->init)
        t->init = infer_tensors_meant(t->cfg->init) || infer_onnx_meant(t->cfg->init)
                      ? open_foreign(t, err)
                      : infer_model_open(t->cfg->init, err);
    if (t->init)
        train_start_cfg(t->init, t->cfg);
    return t->init || !t->cfg->init;
}

static void choose_arch(struct train_session *t)
{
    const struct nn_model *of_init = t->init ? train_arch_of(t->init) : NULL;

    if (strcmp(t->cfg->arch, TRAIN_ARCH_AUTO) != 0)
        return;
    if (of_init || !t->init)
        t->cfg->arch = of_init ? of_init->name : TRAIN_ARCH_USUAL;
    else if (!t->going_on)
        train_session_note(t, TRAIN_EVENT_NOTE, "arch: the graph of %s, which is none of the "
                           "networks that have a name here", t->init->arch);
}

bool train_begin_open(struct train_session *t, struct err *err)
{
    if (!open_init(t, err))
        return false;
    choose_arch(t);
    return true;
}

bool train_begin_learnt(struct train_session *t, struct err *err)
{
    json_t *earlier;
    int learnt;

    if (!t->init)
        return true;
    earlier = infer_learnt_earlier(t->init, !t->going_on);
    if (earlier && json_object_set_new(t->about_data, "earlier", earlier))
        return err_set(err, ERR_MEMORY, "no memory to tell what was learnt before");
    if (t->going_on || !t->parts.val)
        return true;
    learnt = infer_learnt_count(t->init, t->parts.val);
    if (learnt > 0)
        train_session_note(t, TRAIN_EVENT_NOTE,
                           "init: the network has learnt from about %d of the %d pictures that "
                           "check this training, so its figures flatter: what it is worth is told "
                           "by others (discern eval)", learnt, t->parts.val->n);
    return true;
}

bool train_begin_choose(struct train_session *t, struct train_usual *usual, struct err *err)
{
    bool begins = t->init && !t->going_on;
    struct train_transfer_facts f;

    if (begins && !train_transfer_look(t->init, t->parts.train, &f, err))
        return false;
    train_transfer_choose(begins ? &f : NULL, t->cfg, usual, train_session_say, t);
    t->answers = begins && (t->cfg->probe != TRAIN_PROBE_NO || f.known == f.labels);
    return true;
}

const struct data_batch *train_begin_batch(struct train_session *t)
{
    const struct data_batch *b;

    data_loader_start(t->loader, 0, 0);
    do
        b = data_loader_next(t->loader);
    while (b && b->n < 2);
    return b;
}

bool train_begin_values(struct train_session *t, struct err *err)
{
    const struct train_cfg *cfg = t->cfg;
    const struct nn_graph *g = t->model->graph;
    const struct data_batch *b;

    if (t->going_on || !(cfg->init || cfg->weights || cfg->zero_gamma || cfg->whiten))
        return true;
    t->start = nn_params_new(g, false, err);
    if (!t->start)
        return false;
    train_start_draw(t->start, g, cfg);
    if (cfg->whiten) {
        b = train_begin_batch(t);
        if (b && !train_start_whiten(t->start, g, b->n, b->image, train_session_say, t, err))
            return false;
    }
    if (cfg->zero_gamma && !train_start_zero_gamma(t->start, g, train_session_say, t, err))
        return false;
    if (cfg->init && !train_start_take(t->start, g, t->index->n_labels, t->index->label, t->init,
                                       cfg->init, train_session_say, t, err))
        return false;
    if (cfg->probe == TRAIN_PROBE_NO)
        return true;
    if (t->run->out)
        return cfg->few ? train_few(t, err) : train_probe(t, err);
    train_session_note(t, TRAIN_EVENT_NOTE, "probe: the last layer will be fitted to what the "
                       "network sees of the pictures");
    return true;
}
