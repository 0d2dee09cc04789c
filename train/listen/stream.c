/*
 * stream -- every event as a line of JSON to a descriptor, as it comes: --log-json
 *
 * Lines are those of log.jsonl, every step among them.
 */
#include "train/listen/append.h"
#include "train/listen/listen.h"
#include "train/listen/log.h"

#include <stdlib.h>

struct stream {
    int fd;
    struct str text;
};

static bool hear(void *state, const struct train_event *e, struct err *err)
{
    struct stream *s = state;

    str_clear(&s->text);
    train_log_line(&s->text, e, train_log_now());
    if (s->text.failed)
        return err_set(err, ERR_MEMORY, "the stream of events: no memory for a line");
    return train_write_all(s->fd, str_text(&s->text), s->text.len) ||
           err_errno(err, "the stream of events", "write");
}

static bool open_stream(const struct train_listen_options *o, void **state, struct err *err)
{
    struct stream *s;

    if (o->stream <= 0)
        return true;
    *state = s = calloc(1, sizeof *s);
    if (!s)
        return err_set(err, ERR_MEMORY, "no memory to stream events");
    s->fd = o->stream;
    return true;
}

static bool close_stream(void *state, struct err *err)
{
    struct stream *s = state;

    (void)err;
    str_release(&s->text);
    free(s);
    return true;
}

const struct train_listener train_listener_stream = {
    .name = "stream",
    .open = open_stream,
    .event = hear,
    .close = close_stream,
};
