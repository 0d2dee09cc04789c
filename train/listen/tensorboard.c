/*
 * tensorboard -- see tensorboard.h
 *
 * Every process writes a file of its own, as TensorBoard wants it.  It begins with a session's
 * START, at which TensorBoard drops what older files in the folder say of the steps that come.
 */
#include "train/listen/tensorboard.h"

#include "nn/base/file.h"
#include "tensorboard.pb-c.h"
#include "train/listen/append.h"
#include "train/listen/listen.h"
#include "train/listen/log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VALUES = 8, TAG_BYTES = 40, MAX_FILES = 1000, SESSION_START = 1 };

struct tensorboard {
    const struct train_listen_options *o;
    struct train_append file;
    struct str record;
    int64_t every; /* steps */
};

/* ---- records --------------------------------------------------------------------------------- */

uint32_t train_crc32c(const void *data, size_t bytes)
{
    const uint8_t *p = data;
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < bytes; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void add_little(struct str *out, uint64_t x, int bytes)
{
    for (int i = 0; i < bytes; i++)
        str_addc(out, (char)(x >> (8 * i)));
}

static void add_sum(struct str *out, const void *data, size_t bytes)
{
    uint32_t crc = train_crc32c(data, bytes);

    add_little(out, (uint32_t)(((crc >> 15) | (crc << 17)) + 0xa282ead8), 4);
}

/* What protobuf-c packs into. */
struct packed {
    ProtobufCBuffer base;
    struct str bytes;
};

static void append_bytes(ProtobufCBuffer *buffer, size_t bytes, const uint8_t *data)
{
    str_addn(&((struct packed *)buffer)->bytes, (const char *)data, bytes);
}

static bool write_event(struct tensorboard *t, Train__TbEvent *event, struct err *err)
{
    struct packed p = { .base = { append_bytes } };

    event->has_wall_time = true;
    event->wall_time = train_log_now();
    protobuf_c_message_pack_to_buffer(&event->base, &p.base);
    str_clear(&t->record);
    add_little(&t->record, p.bytes.len, 8);
    add_sum(&t->record, str_text(&t->record), t->record.len);
    str_addn(&t->record, str_text(&p.bytes), p.bytes.len);
    add_sum(&t->record, str_text(&p.bytes), p.bytes.len);
    t->record.failed |= p.bytes.failed;
    str_release(&p.bytes);
    return train_append_str(&t->file, &t->record, err);
}

/* ---- curves ---------------------------------------------------------------------------------- */

struct values {
    int n;
    char tag[VALUES][TAG_BYTES];
    Train__TbValue value[VALUES], *list[VALUES];
};

/* A point of curve A/B, or A; NaN is none. */
static void add(struct values *v, const char *a, const char *b, double x)
{
    int i = v->n;

    if (!isfinite(x))
        return;
    snprintf(v->tag[i], TAG_BYTES, "%s%s%s", a, b ? "/" : "", b ? b : "");
    v->list[i] = &v->value[i];
    train__tb_value__init(&v->value[i]);
    v->value[i].tag = v->tag[i];
    v->value[i].has_simple_value = true;
    v->value[i].simple_value = (float)x;
    v->n++;
}

static void add_epoch(struct values *v, const struct train_event *e)
{
    add(v, "loss", "train", e->loss);
    add(v, "accuracy", "train", e->accuracy);
    if (e->val) {
        add(v, "loss", "val", e->val->log_loss);
        add(v, infer_figures_main_name(e->val->task), "val", infer_figures_main(e->val));
        add(v, "macro_f1", "val", e->val->macro_f1);
    }
    add(v, "lr", NULL, e->lr);
    add(v, "pictures_per_second", NULL, e->rate);
    add(v, "memory_mb", NULL, 1e-6 * (double)e->memory);
}

static void add_step(struct values *v, const struct train_event *e)
{
    add(v, "step", "loss", e->step_loss);
    add(v, "step", "norm", e->norm);
    add(v, "step", "lr", e->lr);
}

static bool write_values(struct tensorboard *t, const struct train_event *e, struct err *err)
{
    Train__TbEvent event = TRAIN__TB_EVENT__INIT;
    Train__TbSummary summary = TRAIN__TB_SUMMARY__INIT;
    struct values v = { .n = 0 };

    if (e->kind == TRAIN_EVENT_EPOCH)
        add_epoch(&v, e);
    else
        add_step(&v, e);
    summary.n_value = (size_t)v.n;
    summary.value = v.list;
    event.has_step = true;
    event.step = e->step;
    event.summary = &summary;
    return write_event(t, &event, err);
}

/* ---- the listener ---------------------------------------------------------------------------- */

/* A name that nothing has: one process may train twice in a second. */
static bool open_file(struct tensorboard *t, struct err *err)
{
    char host[100] = "", name[200];
    long long seconds = (long long)train_log_now();
    int used;

    gethostname(host, sizeof host - 1);
    for (char *p = host; *p; p++)
        if (*p == '/')
            *p = '_';
    used = snprintf(name, sizeof name, "events.out.tfevents.%lld.%s.%ld", seconds, host,
                    (long)getpid());
    for (int i = 1; i < MAX_FILES; i++) {
        char *path = file_in(t->o->out, name, err);
        bool there = path && file_kind(path) != FILE_NONE;

        free(path);
        if (!path)
            return false;
        if (!there)
            return train_append_open(&t->file, t->o->out, name, false, err);
        snprintf(name + used, sizeof name - (size_t)used, ".%d", i);
    }
    return err_set(err, ERR_IO, "%s/%s: is there already", t->o->out, name);
}

static bool begin(struct tensorboard *t, const struct train_event *e, struct err *err)
{
    Train__TbEvent version = TRAIN__TB_EVENT__INIT, session = TRAIN__TB_EVENT__INIT;
    Train__TbSession start = TRAIN__TB_SESSION__INIT;

    t->every = (e->steps + TRAIN_TENSORBOARD_STEPS - 1) / TRAIN_TENSORBOARD_STEPS;
    version.file_version = (char[]){ "brain.Event:2" };
    start.has_status = true;
    start.status = SESSION_START;
    session.has_step = true;
    session.step = e->step + (e->epoch > 0); /* epoch 0 comes at step 0 */
    session.session_log = &start;
    return open_file(t, err) && write_event(t, &version, err) && write_event(t, &session, err);
}

static bool hear(void *state, const struct train_event *e, struct err *err)
{
    struct tensorboard *t = state;

    if (e->kind == TRAIN_EVENT_START && !t->file.path && !begin(t, e, err))
        return false;
    if (!t->file.path)
        return true;
    train_append_hear(&t->file, e);
    if (e->kind != TRAIN_EVENT_EPOCH &&
        (e->kind != TRAIN_EVENT_STEP || (t->every > 1 && e->step % t->every)))
        return true;
    return write_values(t, e, err);
}

static bool open_tensorboard(const struct train_listen_options *o, void **state, struct err *err)
{
    struct tensorboard *t;

    if (!o->out)
        return true;
    *state = t = calloc(1, sizeof *t);
    if (!t)
        return err_set(err, ERR_MEMORY, "no memory to write TensorBoard's events");
    t->o = o;
    return true;
}

static bool close_tensorboard(void *state, struct err *err)
{
    struct tensorboard *t = state;

    (void)err;
    train_append_close(&t->file);
    str_release(&t->record);
    free(t);
    return true;
}

const struct train_listener train_listener_tensorboard = {
    .name = "tensorboard",
    .open = open_tensorboard,
    .event = hear,
    .close = close_tensorboard,
};
