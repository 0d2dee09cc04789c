/*
 * told -- streams of events made by hand, and listeners that hear them
 */
#ifndef TESTS_TRAIN_TOLD_H
#define TESTS_TRAIN_TOLD_H

#include "tests/data/made.h"

#include "train/listen/listen.h"

#include <sys/resource.h>
#include <signal.h>

enum { TOLD_STEPS = 10, TOLD_EPOCHS = 4 }; /* steps an epoch; epochs */

static inline struct infer_figures told_single(int epoch)
{
    return (struct infer_figures){
        .task = DATA_SINGLE, .n = 50, .n_labels = 3,
        .accuracy = 0.5 + 0.1 * epoch, .top5 = 1, .balanced_accuracy = 0.1 + 0.1 * epoch,
        .mean_ap = NAN, .baseline_ap = NAN, .subset_accuracy = NAN, .hamming = NAN,
        .macro_f1 = 1.0 / (3 + epoch), .micro_f1 = 0.5 + 0.1 * epoch, .log_loss = 1.0 / epoch,
        .ece = 0.01, .majority = 0.4,
    };
}

static inline struct infer_figures told_multi(int epoch)
{
    return (struct infer_figures){
        .task = DATA_MULTI, .n = 50, .n_labels = 3,
        .accuracy = NAN, .top5 = NAN, .balanced_accuracy = NAN, .ece = NAN, .majority = NAN,
        .mean_ap = 0.1 * epoch, .baseline_ap = 0.05, .subset_accuracy = 0.2, .hamming = 0.1,
        .macro_f1 = 0.3, .micro_f1 = 0.4, .log_loss = 0.5,
    };
}

/* The event after `step` steps, of which each takes half a second. */
static inline struct train_event told_event(enum train_event_kind kind, int64_t step,
                                            const struct infer_figures *val, const char *text)
{
    return (struct train_event){
        .kind = kind, .text = text, .val = val,
        .epoch = (int)((step + TOLD_STEPS - 1) / TOLD_STEPS), .epochs = TOLD_EPOCHS,
        .step = step, .steps = TOLD_STEPS * TOLD_EPOCHS,
        .loss = 3.0 / (double)(step + 1), .step_loss = 1.0 / (double)(step + 3),
        .accuracy = val && val->task == DATA_MULTI ? NAN : (double)step / 41,
        .norm = 0.7 / (double)(step + 1), .lr = 0.1 / (double)(step + 1),
        .rate = 400.0 / 3, .elapsed = 0.5 * (double)step,
        .left = 0.5 * (double)(TOLD_STEPS * TOLD_EPOCHS - step), .waited = 1.0 / 7,
        .memory = 123456789,
    };
}

/* Steps `from` (made) to `to`, epochs and all; figures of validation from f, NULL: none. */
static inline void told_steps(struct train_listen *l, int64_t from, int64_t to,
                              struct infer_figures (*f)(int epoch))
{
    for (int64_t step = from + 1; step <= to; step++) {
        struct train_event e = told_event(TRAIN_EVENT_STEP, step, NULL, NULL);
        struct infer_figures val;

        train_listen_event(l, &e);
        if (step % TOLD_STEPS)
            continue;
        val = f ? f(e.epoch) : (struct infer_figures){ 0 };
        e = told_event(TRAIN_EVENT_EPOCH, step, f ? &val : NULL, NULL);
        e.best = e.epoch != 3;
        train_listen_event(l, &e);
        e = told_event(TRAIN_EVENT_SAVED, step, NULL, "last.safetensors");
        train_listen_event(l, &e);
    }
}

static inline void told_text(struct train_listen *l, enum train_event_kind kind, int64_t step,
                             const char *text)
{
    struct train_event e = told_event(kind, step, NULL, text);

    if (kind == TRAIN_EVENT_START)
        e.epoch = (int)(step / TOLD_STEPS) + 1; /* the one under way */
    train_listen_event(l, &e);
}

/* A whole training. */
static inline void told_all(struct train_listen *l, struct infer_figures (*f)(int epoch))
{
    struct infer_figures val = f ? f(4) : (struct infer_figures){ 0 };
    struct train_event end = told_event(TRAIN_EVENT_END, TOLD_STEPS * TOLD_EPOCHS,
                                        f ? &val : NULL, NULL);

    told_text(l, TRAIN_EVENT_NOTE, 0, "batch 8: few pictures");
    told_text(l, TRAIN_EVENT_START, 0, "a network on pictures");
    told_text(l, TRAIN_EVENT_BAD_FILE, 3, "a/b.jpg: is no picture");
    told_steps(l, 0, TOLD_STEPS * TOLD_EPOCHS, f);
    train_listen_event(l, &end);
}

static inline struct train_listen *told_open(const struct train_listen_options *o)
{
    struct err err = { 0 };
    struct train_listen *l = train_listen_open(o, &err);

    if (!l)
        fail_msg("%s", err.msg);
    return l;
}

static inline void told_close(struct train_listen *l)
{
    struct err err = { 0 };

    if (!train_listen_close(l, &err))
        fail_msg("%s", err.msg);
}

/* A file as text; free() it. */
static inline char *told_file(const char *path)
{
    struct err err = { 0 };
    char *text = (char *)file_read(path, 1 << 24, &(size_t){ 0 }, &err);

    if (!text)
        fail_msg("%s", err.msg);
    return text;
}

/* Files that would grow beyond `bytes` cannot be written until told_room. */
static inline void told_full(rlim_t bytes)
{
    struct rlimit r;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static inline void told_room(void)
{
    struct rlimit r;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = r.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
    signal(SIGXFSZ, SIG_DFL);
}

#endif
