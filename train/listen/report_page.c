/*
 * report_page -- see report.h; parts from answers: infer/eval/report.h
 */
#include "train/listen/report.h"

#include "data/census.h"
#include "data/page.h"
#include "infer/eval/plot.h"
#include "infer/eval/report.h"
#include "nn/base/file.h"
#include "nn/base/record.h"
#include "train/cfg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the figure ------------------------------------------------------------------------------ */

static int looks(const struct train_report *r)
{
    int n = 0;

    for (int i = 0; i < r->n_rows; i++)
        n += r->row[i].val_pictures > 0;
    return n;
}

static bool add_headline(struct str *out, const struct train_report *r,
                         const struct infer_report *a, struct err *err)
{
    int n = looks(r);

    if (!infer_report_headline(out, a, "pictures that were held out", err))
        return false;
    str_add(out, "<p>");
    if (r->index->taught)
        str_add(out, "<b>These pictures have no labels but those that the teacher gave them</b>: "
                     "all that is called true, right or wrong here is so in its eyes. ");
    if (n > 1)
        str_printf(out, "This is the best of %d looks at the same pictures, and choosing the best "
                        "flatters. ", n);
    str_add(out, "The interval is what another draw of as many pictures would do to the figure. "
                 "What to expect of new pictures is told by those that took no part in anything: "
                 "<code>discern eval</code>.</p>\n");
    infer_report_tiles(out, a);
    return true;
}

/* ---- curves of the training ------------------------------------------------------------------ */

/* Column of the rows at an offset, as an array. */
static const double *column(const struct train_report *r, size_t offset, double *x)
{
    for (int i = 0; i < r->n_rows; i++)
        x[i] = *(const double *)((const char *)&r->row[i] + offset);
    return x;
}
#define COLUMN(r, m, x) column(r, offsetof(struct train_metrics, m), x)

static double best_epoch(const struct train_report *r)
{
    double best = NAN;

    for (int i = 0; i < r->n_rows; i++)
        best = r->row[i].best > 0 && r->row[i].val_pictures > 0 ? r->row[i].epoch : best;
    return best;
}

static bool any(const struct train_report *r, const double *x)
{
    for (int i = 0; i < r->n_rows; i++)
        if (isfinite(x[i]))
            return true;
    return false;
}

/* Up to two columns over the epochs; what has no number is left out of the legend. */
static void add_history(struct str *out, const struct train_report *r, const char *title,
                        bool share, const double *epoch, const char *const name[2],
                        const double *const y[2])
{
    struct infer_plot_line line[2];
    double best = best_epoch(r);
    int n = 0;

    for (int i = 0; i < 2; i++)
        if (y[i] && any(r, y[i]))
            line[n++] = (struct infer_plot_line){ .name = name[i], .n = r->n_rows, .x = epoch,
                                                  .y = y[i], .colour = i };
    if (n)
        infer_plot_add(out, &(struct infer_plot){ .title = title, .x_title = "epoch",
                                                  .x_whole = true, .x = { NAN, NAN },
                                                  .y = { NAN, NAN },
                                                  .y_share = share, .mark = best,
                                                  .mark_name = "best", .n = n, .line = line });
}

static bool add_histories(struct str *out, const struct train_report *r, struct err *err)
{
    double *x = calloc((size_t)r->n_rows * 6 + 1, sizeof *x), *at[6];
    const struct train_metrics *last = &r->row[r->n_rows - 1];
    bool single = r->model->task == DATA_SINGLE;

    if (!x)
        return err_set(err, ERR_MEMORY, "no memory for curves");
    for (int i = 0; i < 6; i++)
        at[i] = x + (size_t)i * (size_t)r->n_rows;
    COLUMN(r, epoch, at[0]);
    COLUMN(r, loss, at[1]);
    COLUMN(r, val_log_loss, at[2]);
    COLUMN(r, accuracy, at[3]);
    single ? COLUMN(r, val_accuracy, at[4]) : COLUMN(r, val_map, at[4]);
    COLUMN(r, lr, at[5]);
    str_printf(out, "<h2>How it learnt</h2>\n<p>%.0f epochs, %.0f steps, in ", last->epoch,
               last->step);
    str_duration(out, last->seconds);
    str_printf(out, "; %.0f pictures a second at the end", last->pictures_per_second);
    if (last->memory_mb > 0)
        str_printf(out, ", %.0f MB of memory at most", last->memory_mb);
    str_add(out, ". Learning is measured on pictures as they are varied and with the loss as it is "
                 "set, so its curves may run worse than those of the pictures held out.</p>\n"
                 "<div class=grid>\n");
    add_history(out, r, "Loss", false, at[0], (const char *const[]){ "learning", "held out" },
                (const double *const[]){ at[1], at[2] });
    add_history(out, r, r->index->taught ? "Agreement" : single ? "Accuracy" : "mAP", true, at[0],
                (const char *const[]){ "learning", "held out" },
                (const double *const[]){ at[3], at[4] });
    add_history(out, r, "Learning rate", false, at[0], (const char *const[]){ NULL, NULL },
                (const double *const[]){ at[5], NULL });
    str_add(out, "</div>\n");
    free(x);
    return true;
}

/* ---- settings, data, provenance -------------------------------------------------------------- */

/* A JSON value as people write it: "0.1", "1x2", "yes". */
static void add_value(struct str *out, const json_t *v)
{
    struct str text = { 0 };

    switch (json_typeof(v)) {
    case JSON_STRING: str_add(&text, json_string_value(v)); break;
    case JSON_INTEGER: str_printf(&text, "%lld", (long long)json_integer_value(v)); break;
    case JSON_REAL: str_number(&text, json_real_value(v)); break;
    case JSON_TRUE: str_add(&text, "yes"); break;
    case JSON_FALSE: str_add(&text, "no"); break;
    default: str_add(&text, "-");
    }
    if (json_is_array(v))
        str_clear(&text);
    data_page_text(out, str_text(&text));
    out->failed |= text.failed;
    str_release(&text);
    for (size_t i = 0; i < json_array_size(v); i++) {
        str_add(out, i ? "x" : "");
        if (!json_is_array(json_array_get(v, i)))
            add_value(out, json_array_get(v, i));
    }
}

/* The reason in a note "NAME VALUE: reason" about this setting; NULL: it is about another. */
static const char *reason_in(const char *note, const char *name)
{
    size_t n = strlen(name);
    const char *colon = strstr(note, ": ");

    return !strncmp(note, name, n) && note[n] == ' ' && colon ? colon + 2 : NULL;
}

static const char *reason(const struct train_report *r, const char *name)
{
    const char *why = NULL;

    for (int i = 0; i < r->n_notes && !why; i++)
        why = reason_in(r->note[i], name);
    return why;
}

/* Whether a note stands as the reason of a setting. */
static bool is_reason(const struct train_report *r, json_t *settings, const char *note)
{
    const char *name;
    json_t *value;

    json_object_foreach(settings, name, value) {
        const char *why = reason_in(note, name);

        if (why && why == reason(r, name))
            return true;
    }
    return false;
}

static void add_setting(struct str *out, const char *name, const json_t *value, const char *why,
                        const char *doc)
{
    str_add(out, "<tr><td>");
    data_page_text(out, name);
    str_add(out, "<td class=name>");
    add_value(out, value);
    str_add(out, why ? "<td>" : "<td class=dim>");
    data_page_text(out, why ? why : doc ? doc : "");
    str_add(out, "</tr>\n");
}

/* Those that were decided with a reason first, the others folded away. */
static void add_settings(struct str *out, const struct train_report *r, json_t *settings)
{
    const char *name;
    json_t *value;

    str_add(out, "<h2>Settings</h2>\n");
    if (r->n_notes)
        str_add(out, "<p>What was decided, and why.</p>\n<div class=wide><table>\n");
    json_object_foreach(settings, name, value)
        if (reason(r, name))
            add_setting(out, name, value, reason(r, name), NULL);
    str_add(out, r->n_notes ? "</table></div>\n<ul class=small>\n" : "");
    for (int i = 0; i < r->n_notes; i++) {
        if (is_reason(r, settings, r->note[i]))
            continue;
        str_add(out, "<li>");
        data_page_text(out, r->note[i]);
        str_add(out, "</li>\n");
    }
    str_add(out, r->n_notes ? "</ul>\n" : "");
    str_add(out, "<details><summary>All the others</summary>\n<div class=wide><table>\n");
    json_object_foreach(settings, name, value) {
        const struct field *f = field_find(train_cfg_fields, name);

        if (!reason(r, name))
            add_setting(out, name, value, NULL, f ? f->doc : NULL);
    }
    str_add(out, "</table></div></details>\n");
}

static void add_data(struct str *out, const struct train_report *r, const json_t *data)
{
    const char *fingerprint = json_string_value(json_object_get(data, "fingerprint"));
    int count[DATA_PARTS] = { 0 };

    for (int i = 0; i < r->index->n; i++)
        count[r->index->sample[i].split]++;
    str_printf(out, "<h2>Data</h2>\n<p>%d pictures with %d labels%s, %s: %d to learn from, %d held "
                    "out to check with", r->index->n, r->index->n_labels,
               r->index->taught ? " by the teacher" : "",
               r->index->task == DATA_SINGLE ? "one each" : "any number each", count[DATA_TRAIN],
               count[DATA_VAL]);
    if (count[DATA_TEST])
        str_printf(out, ", %d in the test part, which the training has not looked at",
                   count[DATA_TEST]);
    str_add(out, ". Which is where: <code>split.csv</code> in the run folder.");
    if (fingerprint) {
        str_add(out, " Fingerprint of names, parts and labels: <code>");
        data_page_text(out, fingerprint);
        str_add(out, "</code>.");
    }
    str_add(out, "</p>\n");
}

static void add_fact(struct str *out, const char *name, const json_t *v)
{
    if (!v)
        return;
    str_printf(out, "<tr><td>%s<td class=name>", name);
    add_value(out, v);
    str_add(out, "</tr>\n");
}

static void add_origin(struct str *out, const struct train_report *r, const json_t *provenance)
{
    str_add(out, "<h2>Where it comes from</h2>\n");
    if (r->command) {
        str_add(out, "<p>The same training again:</p>\n<pre>");
        data_page_text(out, r->command);
        str_add(out, "</pre>\n");
    }
    str_add(out, "<div class=wide><table>\n<tr><td>network<td class=name>");
    data_page_text(out, r->model->arch);
    str_printf(out, ", %.3f M parameters</tr>\n<tr><td>input<td>%dx%d</tr>\n",
               1e-6 * (double)nn_params_trained(r->model->params), r->model->prep.size[1],
               r->model->prep.size[0]);
    add_fact(out, "epoch of the model", json_object_get(provenance, "epoch"));
    add_fact(out, "step of the model", json_object_get(provenance, "step"));
    add_fact(out, "begun", json_object_get(provenance, "date"));
    add_fact(out, "discern", json_object_get(provenance, "version"));
    add_fact(out, "git id", json_object_get(provenance, "git"));
    add_fact(out, "decoders", json_object_get(provenance, "decoders"));
    str_add(out, "</table></div>\n");
}

/* ---- the page -------------------------------------------------------------------------------- */

static bool carries(const struct data_sample *s, int label)
{
    return s->mark ? s->mark[label] > 0 : s->label == label;
}

/* learnt[l]: pictures that carry label l and were learnt from. */
static void count_learnt(const struct data_index *x, int *learnt)
{
    for (int i = 0; i < x->n; i++)
        for (int l = 0; x->sample[i].split == DATA_TRAIN && l < x->n_labels; l++)
            learnt[l] += carries(&x->sample[i], l);
}

static bool add_answers(struct str *out, const struct infer_report *a, struct err *err)
{
    infer_report_confusion(out, a);
    infer_report_labels(out, a);
    if (!infer_report_mistakes(out, a, err))
        return false;
    infer_report_calibration(out, a);
    return infer_report_curves(out, a, err);
}

/* a NULL: nothing was held out. */
static bool add_page(struct str *out, const struct train_report *r, const struct infer_report *a,
                     const json_t *provenance, struct err *err)
{
    struct str style = { 0 };
    bool ok = true;

    str_printf(&style, "%s%s", infer_plot_style, infer_report_style);
    data_page_begin(out, r->name, "discern train", str_text(&style));
    out->failed |= style.failed;
    str_release(&style);
    str_add(out, "<p class=dim>");
    data_page_text(out, r->model->arch);
    str_printf(out, " on pictures of %dx%d, %d labels%s</p>\n", r->model->prep.size[1],
               r->model->prep.size[0], r->model->n_labels,
               r->stopped ? "; stopped before its end" : "");
    if (a)
        ok = add_headline(out, r, a, err);
    else
        str_add(out, "<p><b>Nothing was held out</b>, so no figure tells how good the network is: "
                     "it may have learnt these pictures by heart. <code>discern eval</code> tells, "
                     "on others.</p>\n");
    if (ok && r->n_rows)
        ok = add_histories(out, r, err);
    if (ok && a)
        ok = add_answers(out, a, err);
    add_settings(out, r, json_object_get(provenance, "settings"));
    add_data(out, r, json_object_get(provenance, "data"));
    add_origin(out, r, provenance);
    data_page_end(out);
    return ok && (!out->failed || err_set(err, ERR_MEMORY, "no memory for the report"));
}

bool train_report_write(const struct train_report *r, const char *path, struct err *err)
{
    json_t *provenance = record_parse(r->model->provenance, strlen(r->model->provenance), err);
    int *learnt = calloc((size_t)r->index->n_labels + 1, sizeof *learnt);
    struct infer_figures f = { 0 };
    struct infer_report a = { .label = (const char *const *)r->model->label, .figures = &f,
                              .answers = r->answers, .index = r->val, .learnt = learnt,
                              .decode = r->decode, .threads = r->threads };
    struct str out = { 0 };
    bool ok = learnt || err_set(err, ERR_MEMORY, "no memory for the report");

    if (ok)
        count_learnt(r->index, learnt);
    ok = ok && provenance && (!r->answers || infer_figures(r->answers, &f, err)) &&
         add_page(&out, r, r->answers ? &a : NULL, provenance, err);
    if (!ok)
        err_in(err, "%s", path);
    ok = ok && file_replace(path, out.data, out.len, err);
    json_decref(provenance);
    free(learnt);
    infer_figures_release(&f);
    str_release(&out);
    return ok;
}
