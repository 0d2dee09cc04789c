/*
 * csv -- see csv.h
 *
 * The file of a training that goes on is written anew without the rows from the epoch on that is
 * under way: those epochs come again.
 */
#include "train/listen/csv.h"

#include "data/csv.h"
#include "nn/base/file.h"
#include "train/listen/append.h"
#include "train/listen/listen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN(m) { #m, offsetof(struct train_metrics, m) }
static const struct {
    const char *name;
    size_t offset;
} columns[] = {
    COLUMN(epoch), COLUMN(step), COLUMN(seconds), COLUMN(loss), COLUMN(accuracy), COLUMN(lr),
    COLUMN(pictures_per_second), COLUMN(waited), COLUMN(memory_mb), COLUMN(val_pictures),
    COLUMN(val_accuracy), COLUMN(val_top5), COLUMN(val_balanced_accuracy),
    { "val_mAP", offsetof(struct train_metrics, val_map) }, COLUMN(val_subset_accuracy),
    COLUMN(val_macro_f1), COLUMN(val_micro_f1), COLUMN(val_log_loss), COLUMN(val_ece),
    COLUMN(best),
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

#define MAX_BYTES ((size_t)256 << 20) /* of a file that is read: a million epochs */

static double *cell(struct train_metrics *row, int i)
{
    return (double *)((char *)row + columns[i].offset);
}

void train_metrics_of(const struct train_event *e, struct train_metrics *row)
{
    const struct infer_figures *f = e->val;

    for (int i = 0; i < N_COLUMNS; i++)
        *cell(row, i) = NAN;
    row->epoch = e->epoch;
    row->step = (double)e->step;
    row->seconds = e->elapsed;
    row->loss = e->loss;
    row->accuracy = e->accuracy;
    row->lr = e->lr;
    row->pictures_per_second = e->rate;
    row->waited = e->waited;
    row->memory_mb = 1e-6 * (double)e->memory;
    row->best = e->best;
    if (!f)
        return;
    row->val_pictures = f->n;
    if (f->task == DATA_SINGLE) {
        row->val_accuracy = f->accuracy;
        row->val_top5 = f->top5;
        row->val_balanced_accuracy = f->balanced_accuracy;
        row->val_ece = f->ece;
    } else {
        row->val_map = f->mean_ap;
        row->val_subset_accuracy = f->subset_accuracy;
    }
    row->val_macro_f1 = f->macro_f1;
    row->val_micro_f1 = f->micro_f1;
    row->val_log_loss = f->log_loss;
}

void train_metrics_put(struct str *out, const struct train_metrics *row)
{
    struct train_metrics copy = row ? *row : (struct train_metrics){ 0 };

    for (int i = 0; i < N_COLUMNS; i++) {
        double x = *cell(&copy, i);

        if (i)
            str_addc(out, ',');
        if (!row)
            str_add(out, columns[i].name);
        else if (isfinite(x))
            str_number(out, x);
    }
    str_addc(out, '\n');
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Where in a line each column is, by the header; one that is not there: -1. */
static bool read_header(const struct data_csv *c, int *place, struct err *err)
{
    for (int i = 0; i < N_COLUMNS; i++) {
        place[i] = -1;
        for (int k = 0; k < c->n && place[i] < 0; k++)
            if (!strcmp(c->cell[k], columns[i].name))
                place[i] = k;
    }
    if (place[0] >= 0 && place[1] >= 0)
        return true;
    return err_set(err, ERR_INPUT, "expected columns named epoch and step");
}

static bool read_row(const struct data_csv *c, const int *place, struct train_metrics *row,
                     struct err *err)
{
    for (int i = 0; i < N_COLUMNS; i++) {
        const char *text = place[i] >= 0 && place[i] < c->n ? c->cell[place[i]] : "";

        *cell(row, i) = NAN;
        if (*text && !str_to_double(text, cell(row, i)))
            return err_set(err, ERR_INPUT, "line %d: %s: expected a number, got \"%.40s\"", c->line,
                           columns[i].name, text);
    }
    if (row->epoch >= 0 && row->step >= 0)
        return true;
    return err_set(err, ERR_INPUT, "line %d: expected an epoch and a step, from 0", c->line);
}

static int read_rows(struct data_csv *c, struct train_metrics **rows, struct err *err)
{
    int place[N_COLUMNS], n = 0, cap = 0, more = data_csv_next(c, err);

    if (more == 0)
        err_set(err, ERR_INPUT, "is empty; expected a line of names");
    if (more <= 0 || !read_header(c, place, err))
        return -1;
    while ((more = data_csv_next(c, err)) > 0) {
        if (n == cap) {
            struct train_metrics *grown;

            cap = cap ? 2 * cap : 64;
            grown = realloc(*rows, (size_t)cap * sizeof **rows);
            if (!grown) {
                err_set(err, ERR_MEMORY, "no memory for %d rows", cap);
                return -1;
            }
            *rows = grown;
        }
        if (!read_row(c, place, &(*rows)[n], err))
            return -1;
        n++;
    }
    return more < 0 ? -1 : n;
}

int train_metrics_read(const char *path, struct train_metrics **rows, struct err *err)
{
    struct data_csv c;
    size_t size;
    char *text = (char *)file_read(path, MAX_BYTES, &size, err), *end;
    int n = -1;

    *rows = NULL;
    if (!text)
        return -1;
    end = memrchr(text, '\n', size);
    size = end ? (size_t)(end - text) + 1 : 0;
    text[size] = 0;
    if (data_csv_open(&c, text, size, err)) {
        n = read_rows(&c, rows, err);
        data_csv_close(&c);
    }
    free(text);
    if (n >= 0)
        return n;
    free(*rows);
    *rows = NULL;
    err_in(err, "%s", path);
    return -1;
}

/* ---- the listener ---------------------------------------------------------------------------- */

struct csv {
    const struct train_listen_options *o;
    struct train_append file;
    struct str text;
};

/* The header, and of a training that goes on the rows of the epochs before the one under way. */
static bool begin_text(struct csv *c, int epoch, struct err *err)
{
    struct train_metrics *rows = NULL;
    struct str path = { 0 };
    int n = 0;

    str_printf(&path, "%s/" TRAIN_METRICS_FILE, c->o->out);
    if (c->o->resumed && file_kind(str_text(&path)) != FILE_NONE)
        n = train_metrics_read(str_text(&path), &rows, err);
    train_metrics_put(&c->text, NULL);
    for (int i = 0; i < n; i++)
        if (rows[i].epoch < epoch)
            train_metrics_put(&c->text, &rows[i]);
    free(rows);
    c->text.failed |= path.failed;
    if (n >= 0 && !c->text.failed)
        n = file_replace(str_text(&path), str_text(&c->text), c->text.len, err) ? 0 : -1;
    str_release(&path);
    str_clear(&c->text);
    if (c->text.failed)
        return err_set(err, ERR_MEMORY, "%s/" TRAIN_METRICS_FILE ": no memory to write it",
                       c->o->out);
    return n >= 0;
}

static bool hear(void *state, const struct train_event *e, struct err *err)
{
    struct csv *c = state;
    struct train_metrics row;

    if (e->kind == TRAIN_EVENT_START) {
        if (!begin_text(c, e->epoch, err) ||
            !train_append_open(&c->file, c->o->out, TRAIN_METRICS_FILE, true, err))
            return false;
        c->file.wanted = c->o->resumed;
    }
    train_append_hear(&c->file, e);
    if (e->kind != TRAIN_EVENT_EPOCH || !c->file.path)
        return true;
    train_metrics_of(e, &row);
    train_metrics_put(&c->text, &row);
    return train_append_str(&c->file, &c->text, err) && train_append_sync(&c->file, err);
}

static bool open_csv(const struct train_listen_options *o, void **state, struct err *err)
{
    struct csv *c;

    if (!o->out)
        return true;
    *state = c = calloc(1, sizeof *c);
    if (!c)
        return err_set(err, ERR_MEMORY, "no memory to write " TRAIN_METRICS_FILE);
    c->o = o;
    return true;
}

static bool close_csv(void *state, struct err *err)
{
    struct csv *c = state;

    (void)err;
    train_append_close(&c->file);
    str_release(&c->text);
    free(c);
    return true;
}

const struct train_listener train_listener_csv = {
    .name = "csv",
    .open = open_csv,
    .event = hear,
    .close = close_csv,
};
