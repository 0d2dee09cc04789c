/*
 * keep -- see keep.h
 */
#include "train/keep.h"

#include "data/split.h"
#include "infer/fit.h"
#include "nn/base/clock.h"
#include "nn/base/file.h"
#include "train/checkpoint.h"
#include "train/plan.h"
#include "train/provenance.h"

#include <math.h>
#include <stdlib.h>

/* What the network of m, without calibration, answers to x. */
static bool ask(struct train_session *t, const struct infer_model *m, const struct data_index *x,
                bool logits, struct infer_answers *a, struct err *err)
{
    struct infer_predictor *q =
        infer_predictor_new(m->graph, m->params, t->index->task, NULL,
                            x->n < TRAIN_VAL_BATCH ? x->n : TRAIN_VAL_BATCH, t->cfg->threads,
                            t->cfg->isa, err);
    struct infer_evaluate_options how = {
        .threads = t->cfg->threads,
        .decode = t->run->decode,
        .cache = t->caches.val,
        .logits = logits,
        .bad = train_session_bad_file,
        .bad_ctx = t,
    };
    bool ok = q && infer_answer(q, x, &t->prep, &how, a, err);

    infer_predictor_free(q);
    return ok;
}

bool train_keep_validate(struct train_session *t, const struct infer_model *m,
                         const struct data_index *x, struct infer_figures *f, struct err *err)
{
    struct infer_answers a = { 0 };
    bool ok = ask(t, m, x, false, &a, err) && infer_figures(&a, f, err);

    infer_answers_release(&a);
    return ok;
}

/* Beside every model which pictures it knows; anew, since --force may find an old one. */
static bool write_split(struct train_session *t, struct err *err)
{
    char *path = file_in(t->run->out, "split.csv", err);

    t->split_written = path && data_split_write(t->index, path, err);
    free(path);
    return t->split_written;
}

/* Where t->model comes from; f NULL: it was not checked.  free() it. */
static char *provenance(const struct train_session *t, const struct infer_figures *f,
                        struct err *err)
{
    const struct train_progress *p = &t->progress;
    char date[TRAIN_DATE];
    struct train_cfg cfg = *t->cfg;
    struct train_provenance about = {
        .cfg = &cfg,
        .arch = t->arch,
        .recipe = &t->recipe,
        .data = t->about_data,
        .epoch = p->epoch,
        .step = p->step,
        .loss = p->made ? p->loss / p->made : NAN,
        .val_figures = f,
        .date = train_date(p->began, date),
    };
    char *text;

    /* As a repeat must write it, which knows from the start what the plan will become. */
    train_plan_cut(&cfg, p->step);
    cfg.epochs = train_session_epochs(t, train_plan_steps(&cfg));
    text = train_provenance_text(&about);
    if (!text)
        err_set(err, ERR_MEMORY, "no memory to tell where the model comes from");
    return text;
}

static bool write_best(struct train_session *t, const struct infer_model *m, struct err *err)
{
    char *path = file_in(t->run->out, TRAIN_BEST, err);
    bool ok = path && infer_model_write(m, path, NULL, err);

    free(path);
    return ok;
}

static struct infer_model *open_best(const struct train_session *t, struct err *err)
{
    char *path = file_in(t->run->out, TRAIN_BEST, err);
    struct infer_model *m = path ? infer_model_open(path, err) : NULL;

    free(path);
    return m;
}

static struct train_state state_of(struct train_session *t, struct train_block *block)
{
    return (struct train_state){
        .cfg = t->cfg,
        .graph = t->model->graph,
        .progress = &t->progress,
        .method_fields = t->method->state_fields,
        .method_state = t->method->state ? t->method->state(t->self) : NULL,
        .n_blocks = t->method->blocks(t->self, block, TRAIN_MAX_BLOCKS),
        .block = block,
    };
}

bool train_keep_save(struct train_session *t, const struct train_progress *next,
                     const struct infer_figures *f, bool best, struct err *err)
{
    struct train_block block[TRAIN_MAX_BLOCKS];
    char *about = provenance(t, f, err);
    bool ok = about;

    t->model->provenance = about;
    t->progress = *next;
    t->progress.elapsed = train_clock_elapsed(&t->clock);
    if (ok) {
        struct train_state s = state_of(t, block);

        ok = train_checkpoint_write(t->run->out, t->model, &s, err) &&
             (t->split_written || write_split(t, err)) &&
             (!best || write_best(t, t->model, err));
    }
    t->model->provenance = "{}";
    free(about);
    t->saved = clock_now();
    if (ok)
        train_session_note(t, TRAIN_EVENT_SAVED, "%s/" TRAIN_LAST, t->run->out);
    return ok;
}

/* The model file of the best epoch, where the checkpoint, whose model m is, is of its end. */
static bool mend_best(struct train_session *t, const struct infer_model *m, struct err *err)
{
    const struct train_progress *p = &t->progress;

    return p->batch || p->best_epoch != p->epoch - 1 || write_best(t, m, err);
}

bool train_keep_resume(struct train_session *t, struct err *err)
{
    struct train_block block[TRAIN_MAX_BLOCKS];
    struct train_state s = state_of(t, block);
    struct infer_model *m;
    enum train_found found =
        train_checkpoint_read(t->run->out, &s, &m, train_session_say, t, err);
    bool ok;

    if (found == TRAIN_FOUND_BAD)
        return err_in(err, "%s: cannot go on", t->run->out);
    /* A kill may have come before any of these was written. */
    ok = found == TRAIN_FOUND_NOTHING ||
         ((t->split_written || write_split(t, err)) && mend_best(t, m, err));
    infer_model_free(m);
    return ok;
}

bool train_keep_back(struct train_session *t, struct err *err)
{
    t->method->close(t->self);
    t->self = train_session_method(t, err);
    if (!t->self)
        return false;
    t->side = t->seen.size[0] == t->prep.size[0] ? t->side : 0;
    t->progress = train_progress_new();
    return train_keep_resume(t, err);
}

static bool calibrate(struct train_session *t, struct infer_model *m, struct err *err)
{
    struct infer_fit_options how = infer_fit_defaults(m->task);
    struct infer_answers a = { 0 };
    struct infer_fit_notes notes;
    struct infer_calibration c;
    bool ok = ask(t, m, t->parts.val, true, &a, err), fitted;

    fitted = ok && infer_fit(&a, &how, m->mem, &c, &notes, err);
    infer_answers_release(&a);
    if (ok && !fitted && err->kind == ERR_INPUT) {
        train_session_note(t, TRAIN_EVENT_NOTE, "not calibrated: %s", err->msg);
        *err = (struct err){ 0 };
        return true;
    }
    if (!fitted || !infer_model_calibrate(m, &c, err) || !write_best(t, m, err))
        return false;
    train_session_note(t, TRAIN_EVENT_NOTE,
                       "calibrated by the %d pictures held out: temperature %.3f, log loss %.4f "
                       "from %.4f",
                       c.pictures, c.temperature, c.log_loss[1], c.log_loss[0]);
    return true;
}

bool train_keep_calibrate(struct train_session *t, struct err *err)
{
    struct infer_model *m;
    bool ok;

    if (!train_session_calibrates(t)) {
        if (t->parts.val && t->index->taught)
            train_session_note(t, TRAIN_EVENT_NOTE, "not calibrated: nobody knows how often it is "
                               "right about pictures without labels");
        else if (t->parts.val && t->cfg->calibrate == TRAIN_CALIBRATE_AUTO)
            train_session_note(t, TRAIN_EVENT_NOTE,
                               "not calibrated: of the %d pictures that it takes %d %s held out "
                               "(--calibrate yes makes do)",
                               TRAIN_CALIBRATE_LEAST, t->parts.val->n,
                               t->parts.val->n == 1 ? "is" : "are");
        return true;
    }
    m = open_best(t, err);
    ok = m && calibrate(t, m, err);
    infer_model_free(m);
    return ok;
}

bool train_keep_best(struct train_session *t, struct err *err)
{
    struct infer_model *m;

    if (!t->parts.val || t->have_best)
        return true;
    m = open_best(t, err);
    t->have_best = m && train_keep_validate(t, m, t->parts.val, &t->best, err);
    infer_model_free(m);
    return t->have_best;
}
