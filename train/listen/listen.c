/*
 * listen -- the table of listeners, and an event to all of them
 */
#include "train/listen/listen.h"

#include <stdio.h>
#include <stdlib.h>

static const struct train_listener *const listeners[] = {
#define TRAIN_LISTENER(name) &train_listener_##name,
#include "train/listen/listeners.def"
#undef TRAIN_LISTENER
};
enum { N_LISTENERS = sizeof listeners / sizeof *listeners };

struct train_listen {
    struct {
        void *state; /* NULL: is not asked for */
        bool failed, told;
        struct err err;
    } one[N_LISTENERS];
    struct err first; /* ERR_NONE: all is well */
};

static void keep_first(struct train_listen *l, const struct err *err)
{
    if (l->first.kind == ERR_NONE)
        l->first = *err;
}

static void hand_out(struct train_listen *l, const struct train_event *e)
{
    for (int i = 0; i < N_LISTENERS; i++) {
        if (!l->one[i].state || l->one[i].failed ||
            listeners[i]->event(l->one[i].state, e, &l->one[i].err))
            continue;
        l->one[i].failed = true;
        keep_first(l, &l->one[i].err);
    }
}

/* One that has failed and was not told of; -1 when there is none. */
static int next_failed(const struct train_listen *l)
{
    for (int i = 0; i < N_LISTENERS; i++)
        if (l->one[i].failed && !l->one[i].told)
            return i;
    return -1;
}

void train_listen_event(void *listen, const struct train_event *e)
{
    struct train_listen *l = listen;
    int i;

    hand_out(l, e);
    /* To hear of one failure may be another's; each is told once, so this ends. */
    while ((i = next_failed(l)) >= 0) {
        struct train_event note = *e;
        char text[sizeof l->one[i].err.msg + 80];

        l->one[i].told = true;
        snprintf(text, sizeof text, "%s; the training goes on without it", l->one[i].err.msg);
        note.kind = TRAIN_EVENT_NOTE;
        note.text = text;
        note.val = NULL;
        hand_out(l, &note);
    }
}

struct train_listen *train_listen_open(const struct train_listen_options *o, struct err *err)
{
    struct train_listen *l = calloc(1, sizeof *l);

    if (!l) {
        err_set(err, ERR_MEMORY, "no memory for the listeners of a training");
        return NULL;
    }
    for (int i = 0; i < N_LISTENERS; i++) {
        if (listeners[i]->open(o, &l->one[i].state, err))
            continue;
        l->one[i].state = NULL;
        train_listen_close(l, &(struct err){ 0 });
        return NULL;
    }
    return l;
}

bool train_listen_close(struct train_listen *l, struct err *err)
{
    struct err first;

    if (!l)
        return true;
    for (int i = 0; i < N_LISTENERS; i++) {
        struct err why = { 0 };

        if (l->one[i].state && !listeners[i]->close(l->one[i].state, &why) && !l->one[i].failed)
            keep_first(l, &why);
    }
    first = l->first;
    free(l);
    if (first.kind == ERR_NONE)
        return true;
    *err = first;
    return false;
}
