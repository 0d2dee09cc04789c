/*
 * report -- the listener that makes report.html of a run folder, when the training has ended
 *
 * The best model answers the held out pictures once more: what is on the page is what is in the
 * file, whether the training went through or was resumed many times.  Epochs come from metrics.csv,
 * decisions from run.json and from what was told since.  The page itself: report_page.c.
 */
#include "infer/eval/evaluate.h"
#include "nn/base/file.h"
#include "nn/base/pool.h"
#include "nn/base/record.h"
#include "train/cfg.h"
#include "train/checkpoint.h"
#include "train/listen/listen.h"
#include "train/listen/report.h"
#include "train/run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BATCH = 64,
    NOTES = 200,                /* more are not kept: a page is no log */
    RUN_BYTES = 16 << 20,
};

struct notes {
    int n;
    char *text[NOTES];
};

struct writer {
    const struct train_listen_options *o;
    bool started, ended;
    struct notes heard;
};

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory for " TRAIN_REPORT_FILE);
}

/* Each once. */
static bool keep(struct notes *notes, const char *text, struct err *err)
{
    for (int i = 0; i < notes->n; i++)
        if (!strcmp(notes->text[i], text))
            return true;
    if (notes->n == NOTES)
        return true;
    notes->text[notes->n] = strdup(text);
    return notes->text[notes->n++] || no_memory(err);
}

static void release(struct notes *notes)
{
    for (int i = 0; i < notes->n; i++)
        free(notes->text[i]);
    notes->n = 0;
}

/* What the run's file says was decided; nothing where it cannot be read. */
static bool keep_decided(struct notes *notes, const char *path, struct err *err)
{
    struct err none = { 0 };
    size_t size, i;
    uint8_t *text = file_read(path, RUN_BYTES, &size, &none);
    json_t *run = text ? record_parse((const char *)text, size, &none) : NULL, *note;
    bool ok = true;

    json_array_foreach(json_object_get(run, "notes"), i, note)
        if (ok && json_is_string(note))
            ok = keep(notes, json_string_value(note), err);
    json_decref(run);
    free(text);
    return ok;
}

/* The model's answers to the pictures held out. */
static bool ask(const struct train_listen_options *o, struct train_report *r,
                struct infer_answers *a, struct err *err)
{
    const struct infer_model *m = r->model;
    struct infer_evaluate_options how = { .threads = r->threads, .decode = r->decode };
    struct infer_predictor *q =
        infer_predictor_new(m->graph, m->params, m->task, m->calibration,
                            r->val->n < BATCH ? r->val->n : BATCH, r->threads, o->cfg->isa, err);
    bool ok = q && infer_answer(q, r->val, &m->prep, &how, a, err);

    infer_predictor_free(q);
    r->answers = a;
    return ok;
}

/* r says what is known without the run's files. */
static bool write_page(const struct writer *w, struct train_report *r, struct err *err)
{
    const char *dir = w->o->out;
    char *page = file_in(dir, TRAIN_REPORT_FILE, err), *run = file_in(dir, TRAIN_RUN_NAME, err),
         *table = file_in(dir, TRAIN_METRICS_FILE, err);
    struct infer_answers a = { 0 };
    struct train_metrics *row = NULL;
    struct notes notes = { 0 };
    struct str command = { 0 };
    struct err none = { 0 };
    bool ok = page && run && table && keep_decided(&notes, run, err);

    for (int i = 0; ok && i < w->heard.n; i++)
        ok = keep(&notes, w->heard.text[i], err);
    if (ok && r->val)
        ok = ask(w->o, r, &a, err);
    if (ok) {
        int n = train_metrics_read(table, &row, &none);

        str_add(&command, "discern train --config ");
        str_shell(&command, run);
        r->command = file_kind(run) == FILE_REGULAR && !command.failed ? str_text(&command) : NULL;
        r->n_rows = n > 0 ? n : 0;
        r->row = row;
        r->n_notes = notes.n;
        r->note = (const char *const *)notes.text;
        ok = train_report_write(r, page, err);
    }
    release(&notes);
    infer_answers_release(&a);
    str_release(&command);
    free(row);
    free(page);
    free(run);
    free(table);
    return ok;
}

/* A training that was stopped in its first epoch has no best model, and nothing to report. */
static bool report(const struct writer *w, struct err *err)
{
    const struct train_listen_options *o = w->o;
    char *best = file_in(o->out, TRAIN_BEST, err);
    struct infer_model *m = NULL;
    struct data_index *val = NULL;
    bool ok = best;

    if (best && file_kind(best) == FILE_REGULAR) {
        m = infer_model_open(best, err);
        val = m ? data_index_part(o->index, DATA_VAL, err) : NULL;
        ok = val && write_page(w, &(struct train_report){
                        .name = o->out, .model = m, .index = o->index,
                        .val = val->n ? val : NULL, .stopped = !w->ended, .decode = o->decode,
                        .threads = o->cfg->threads ? o->cfg->threads : pool_cpus() }, err);
    }
    infer_model_free(m);
    data_index_free(val);
    free(best);
    return ok;
}

static bool open_report(const struct train_listen_options *o, void **state, struct err *err)
{
    struct writer *w;

    if (!o->out)
        return true;
    *state = w = calloc(1, sizeof *w);
    if (!w)
        return no_memory(err);
    w->o = o;
    return true;
}

static bool hear_report(void *state, const struct train_event *e, struct err *err)
{
    struct writer *w = state;

    w->started |= e->kind == TRAIN_EVENT_START;
    w->ended |= e->kind == TRAIN_EVENT_END;
    if (e->kind == TRAIN_EVENT_START && !w->o->resumed) {
        /* A page of another training must not outlive the start of this. */
        char *old = file_in(w->o->out, TRAIN_REPORT_FILE, err);

        if (!old)
            return false;
        unlink(old);
        free(old);
    }
    return (e->kind != TRAIN_EVENT_NOTE && e->kind != TRAIN_EVENT_START) ||
           keep(&w->heard, e->text, err);
}

static bool close_report(void *state, struct err *err)
{
    struct writer *w = state;
    bool ok = !w->started || !w->o->index || report(w, err);

    release(&w->heard);
    free(w);
    return ok;
}

const struct train_listener train_listener_report = { "report", open_report, hear_report,
                                                      close_report };
