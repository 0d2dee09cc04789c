/*
 * cmd_predict_out -- see cmd_predict_out.h
 */
#include "infer/cmd_predict_out.h"

#include "data/csv.h"
#include "infer/calibration.h"
#include "nn/base/cli.h"
#include "nn/base/json.h"
#include "nn/base/tell.h"

#include <math.h>
#include <stdio.h>

static int likeliest(const struct infer_out *o, const discern_answer *a)
{
    int best = 0;

    for (int l = 1; l < discern_labels(o->model); l++)
        if (a->probability[l] > a->probability[best])
            best = l;
    return best;
}

/* ---- text ------------------------------------------------------------------------------------ */

static void text_label(struct str *out, const struct infer_out *o, int label, double probability)
{
    cli_clean(out, discern_label(o->model, label));
    str_printf(out, " %.1f%%", 100 * probability);
}

static void text(struct str *out, const struct infer_out *o, const char *file,
                 const discern_answer *a, int told)
{
    int best = likeliest(o, a);

    cli_clean(out, file);
    for (int k = 0; k < told; k++) {
        str_add(out, k ? ", " : ": ");
        text_label(out, o, a->guess[k].index, (double)a->guess[k].probability);
    }
    if (!told) {
        str_add(out, o->unknown && a->unknown ? ": unknown (likeliest: " : ": none (likeliest: ");
        text_label(out, o, best, (double)a->probability[best]);
        str_addc(out, ')');
    }
    if (a->band != DISCERN_BAND_NONE)
        str_printf(out, "  [%s]", infer_band_names[a->band]);
    if (a->unknown && (told || !o->unknown))
        str_add(out, "  [unknown?]");
    str_addc(out, '\n');
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* In o->text, which puts the comma between two of them. */
static void result_begin(struct str *out, const struct infer_out *o, const char *file)
{
    json_begin(out, NULL, '{');
    if (o->form == INFER_NDJSON)
        json_text(out, "schema", "discern.predict.line/1");
    json_text(out, "file", file);
}

static void result_error(struct str *out, const struct infer_out *o, const char *file, int code,
                         const char *message)
{
    result_begin(out, o, file);
    json_begin(out, "error", '{');
    json_number(out, "code", code);
    json_text(out, "message", message);
    json_end(out, '}');
    json_end(out, '}');
}

static void result(struct str *out, const struct infer_out *o, const char *file,
                   const discern_answer *a, int told)
{
    result_begin(out, o, file);
    json_begin(out, "answers", '[');
    for (int k = 0; k < told; k++) {
        json_begin(out, NULL, '{');
        json_text(out, "label", a->guess[k].label);
        json_number(out, "index", a->guess[k].index);
        json_float(out, "probability", a->guess[k].probability);
        json_end(out, '}');
    }
    json_end(out, ']');
    if (a->band != DISCERN_BAND_NONE)
        json_text(out, "band", infer_band_names[a->band]);
    if (discern_tells_unknown(o->model))
        json_raw(out, "unknown", a->unknown ? "true" : "false");
    json_end(out, '}');
}

/* ---- a table --------------------------------------------------------------------------------- */

static void row_begin(struct str *out, const char *file, int rank, const char *label)
{
    data_csv_put(out, file);
    str_printf(out, ",%d,", rank);
    data_csv_put(out, label);
    str_addc(out, ',');
}

static void rows(struct str *out, const struct infer_out *o, const char *file,
                 const discern_answer *a, int told)
{
    const char *unknown = !discern_tells_unknown(o->model) ? "" : a->unknown ? "1" : "0";
    bool named = o->unknown && a->unknown;

    for (int k = 0; k < told || (!told && k == 0); k++) {
        row_begin(out, file, told ? k + 1 : 0, told ? a->guess[k].label : named ? "unknown" : "");
        if (told)
            str_float(out, a->guess[k].probability);
        str_printf(out, ",%s,%s,\n", infer_band_names[a->band], unknown);
    }
}

static void row_error(struct str *out, const char *file, const char *message)
{
    row_begin(out, file, 0, "");
    str_add(out, ",,,");
    data_csv_put(out, message);
    str_addc(out, '\n');
}

/* ---- all ------------------------------------------------------------------------------------- */

/* Sends lines; JSON waits. */
static bool give(struct infer_out *o, struct err *err)
{
    bool ok;

    if (o->text.failed)
        return err_set(err, ERR_MEMORY, "no memory for the answers%s",
                       o->form == INFER_JSON ? ": --ndjson needs none" : "");
    if (o->form == INFER_JSON)
        return true;
    ok = !o->text.len || (fwrite(o->text.data, 1, o->text.len, stdout) == o->text.len);
    str_clear(&o->text);
    return cli_flush(err) && (ok || err_set(err, ERR_IO, "standard output: cannot write"));
}

bool infer_out_begin(struct infer_out *o, struct err *err)
{
    if (o->form == INFER_CSV)
        str_add(&o->text, "file,rank,label,probability,band,unknown,error\n");
    return give(o, err);
}

static void add_error(struct infer_out *o, const char *file, int code, const char *message)
{
    tell_line(stderr, TELL_ERROR, message);
    o->failed++;
    if (o->form == INFER_CSV) {
        row_error(&o->text, file, message);
    } else if (o->form != INFER_TEXT) {
        result_error(&o->text, o, file, code, message);
        if (o->form == INFER_NDJSON)
            str_addc(&o->text, '\n');
    }
}

bool infer_out_missed(struct infer_out *o, const char *file, const struct err *why,
                      struct err *err)
{
    add_error(o, file, cli_status(why), why->msg);
    return give(o, err);
}

bool infer_out_answer(struct infer_out *o, const char *file, const discern_answer *a,
                      struct err *err)
{
    int told = o->unknown && a->unknown ? 0 : a->n;

    o->pictures++;
    if (a->status != DISCERN_OK) {
        add_error(o, file, a->status, a->message);
        return give(o, err);
    }
    if (o->form == INFER_TEXT)
        text(&o->text, o, file, a, told);
    else if (o->form == INFER_CSV)
        rows(&o->text, o, file, a, told);
    else
        result(&o->text, o, file, a, told);
    if (o->form == INFER_NDJSON)
        str_addc(&o->text, '\n');
    return give(o, err);
}

bool infer_out_end(struct infer_out *o, struct err *err)
{
    struct str out = { 0 };
    bool ok;

    if (o->form != INFER_JSON)
        return true;
    json_begin(&out, NULL, '{');
    json_text(&out, "schema", "discern.predict/1");
    json_text(&out, "model", o->name);
    json_text(&out, "task", discern_is_multi(o->model) ? "multi" : "single");
    json_number(&out, "threshold", o->threshold);
    json_number(&out, "pictures", o->pictures);
    json_number(&out, "failed", o->failed);
    json_begin(&out, "results", '[');
    if (o->text.len)
        json_raw(&out, NULL, str_text(&o->text));
    json_end(&out, ']');
    json_end(&out, '}');
    out.failed |= o->text.failed;
    ok = cli_print(&out, err);
    str_release(&out);
    return ok;
}

void infer_out_release(struct infer_out *o)
{
    str_release(&o->text);
}
