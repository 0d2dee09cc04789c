/*
 * cmd_calibrate -- discern calibrate: make a model's confidences mean what they say
 */
#include "data/build.h"
#include "data/sandbox.h"
#include "infer/cmd.h"
#include "infer/eval/eval.h"
#include "infer/eval/evaluate.h"
#include "infer/fit.h"
#include "nn/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NEVER_NAMED = 20 };

struct options {
    int split, method, unknown_by, batch, threads;
    const char *goal, *unknown, *out;
    double hi, med, false_alarms;
    bool reset, json, sandbox, force;
    struct data_source_options source;
};

static const struct field options[] = {
    FIELD_ENUM(struct options, split, infer_eval_parts, INFER_PART_VAL,
               "which pictures; auto: as val"),
    FIELD_ENUM(struct options, method, infer_fit_methods, INFER_FIT_TEMPERATURE,
               "one number for all labels, or scale and shift for each"),
    FIELD_STRING(struct options, goal, "GOAL", "auto",
                 "from where a label is told: f1, precision:0.9, recall:0.9, none (0.5; of one "
                 "label a picture: always); auto: f1, of one label a picture none"),
    FIELD_FLOAT(struct options, hi, NULL, INFER_FIT_HI, 0, 0.9999,
                "share of right answers that the band \"hi\" promises; 0: no bands"),
    FIELD_FLOAT(struct options, med, NULL, INFER_FIT_MED, 0.01, 0.9999, "the same of \"med\""),
    FIELD_ENUM(struct options, unknown_by, infer_unknown_names, INFER_UNKNOWN_ENERGY,
               "by what a picture unlike all is told"),
    FIELD_FLOAT(struct options, false_alarms, NULL, INFER_FIT_FALSE_ALARMS, 1e-6, 0.5,
                "share of known pictures that may be called unknown"),
    FIELD_STRING(struct options, unknown, "DIR", NULL,
                 "pictures of none of the labels: how many of them are called unknown"),
    { .name = "out", .kind = FIELD_KIND_STRING, .count = 1, .offset = offsetof(struct options, out),
      .hint = "FILE", .letter = 'o', .doc = "where to; without it, MODEL itself is replaced" },
    FIELD_BOOL(struct options, reset, "take calibration out of the model; without DATA"),
    FIELD_BOOL(struct options, force,
               "overwrite FILE; calibrate on pictures that the model has learnt from"),
    FIELD_BOOL(struct options, json, "one JSON object instead of a report"),
    INFER_CMD_PACE_FIELDS(struct options),
    DATA_SOURCE_FIELDS(struct options, source),
    FIELDS_END
};

struct job {
    const struct options *o;
    struct infer_fit_options fit;
    struct infer_model *m;
    struct infer_eval r;        /* which part, what could not be read */
    struct data_decode how;
    int threads;
    struct infer_calibration c;
    struct infer_fit_notes notes;
    const char *out;
};

/* ---- options --------------------------------------------------------------------------------- */

static bool read_goal(const char *text, struct infer_fit_options *fit, struct err *err)
{
    size_t word = strcspn(text, ":");
    bool share = text[word] == ':', ok;

    if (!strcmp(text, "auto"))
        return true;
    for (fit->goal = 0; infer_goal_names[fit->goal]; fit->goal++)
        if (strlen(infer_goal_names[fit->goal]) == word &&
            !strncmp(infer_goal_names[fit->goal], text, word))
            break;
    ok = infer_goal_names[fit->goal] && share == (fit->goal >= INFER_GOAL_PRECISION) &&
         (!share || (str_to_double(text + word + 1, &fit->goal_at) && fit->goal_at > 0 &&
                     fit->goal_at < 1));
    return ok || err_set(err, ERR_USAGE, "--goal %s: is none of auto, none, f1, precision:SHARE "
                                         "and recall:SHARE, SHARE between 0 and 1", text);
}

static bool read_options(struct job *j, int n_args, struct err *err)
{
    const struct options *o = j->o;

    if (o->reset ? n_args != 1 : n_args != 2)
        return err_set(err, ERR_USAGE, o->reset
                                           ? "--reset takes MODEL alone"
                                           : "DATA is missing: pictures that the model has not "
                                             "learnt from, with their labels");
    if (o->hi > 0 && o->med > o->hi)
        return err_set(err, ERR_USAGE, "--med %g: promises more than --hi %g", o->med, o->hi);
    j->fit = infer_fit_defaults(j->m->task);
    j->fit.method = o->method;
    j->fit.stated[0] = o->med;
    j->fit.stated[1] = o->hi;
    j->fit.unknown = o->unknown_by;
    j->fit.false_alarms = o->false_alarms;
    return read_goal(o->goal, &j->fit, err);
}

/* What is written has the model alone: of a checkpoint the training's numbers would be lost. */
static bool refuse_checkpoint(const char *path, struct err *err)
{
    struct infer_file *f = infer_file_open(path, err);
    bool ok = f != NULL;

    if (ok && infer_file_training(f))
        ok = err_set(err, ERR_INPUT,
                     "%s: is where a training stands, and goes on from; calibrate its "
                     "best.safetensors, or name another file by -o", path);
    infer_file_close(f);
    return ok;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void on_bad(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct job *j = ctx;

    (void)sample;
    j->r.failed++;
    cli_say("%s - left out", why->msg);
}

static bool ask(struct job *j, const struct data_index *x, struct infer_answers *a,
                struct err *err)
{
    struct progress progress;
    struct infer_evaluate_options how = {
        .threads = j->threads, .decode = &j->how, .logits = true, .bad = on_bad, .bad_ctx = j,
        .model = j->r.side[0].name, .progress = &progress,
    };
    struct infer_predictor *q =
        infer_cmd_predictor(j->m, j->o->batch < x->n ? j->o->batch : x->n, j->threads, err);
    bool ok;

    cli_progress(&progress, "looked at", "pictures", x->n);
    ok = q && infer_answer(q, x, &j->m->prep, &how, a, err);
    progress_end(&progress);
    infer_predictor_free(q);
    return ok;
}

static void say_note(struct infer_eval *r)
{
    if (r->note.len)
        cli_say("%s", str_text(&r->note));
    str_clear(&r->note);
}

/* Confidence in what was learnt by heart says nothing of what is new. */
static bool refuse_learnt(struct job *j, struct data_index *part, struct err *err)
{
    if (!infer_eval_note_learnt(&j->r, &j->r.side[0], part, INFER_PART_VAL, j->threads, err))
        return false;
    if (j->r.side[0].learnt * 10 > part->n && !j->o->force)
        return err_set(err, ERR_INPUT,
                       "%s; calibrated on them the model would be much too sure (--force does it)",
                       str_text(&j->r.note));
    say_note(&j->r);
    return true;
}

static bool fit(struct job *j, const char *data, struct err *err)
{
    enum infer_eval_part asked = j->o->split == INFER_PART_AUTO ? INFER_PART_VAL
                                                                : (enum infer_eval_part)j->o->split;
    struct data_index *x = infer_cmd_data(j->m, j->r.side[0].name, data, &j->o->source, err);
    struct data_index *part = NULL;
    struct infer_answers a = { 0 };
    bool ok = false;

    if (!x)
        return false;
    if (j->o->out && (!cli_may_write(j->o->out, data, j->o->force, err) ||
                      !data_index_spares(x, j->o->out, err)))
        goto out;
    part = infer_eval_choose(&j->r, x, asked, j->threads, &j->how, err);
    if (!part)
        goto out;
    say_note(&j->r);
    if (!refuse_learnt(j, part, err))
        goto out;
    ok = ask(j, part, &a, err) && infer_fit(&a, &j->fit, j->m->mem, &j->c, &j->notes, err);
    if (!ok && err->kind == ERR_INPUT)
        err_in(err, "%s", data);
out:
    infer_answers_release(&a);
    if (part != x)
        data_index_free(part);
    data_index_free(x);
    return ok;
}

/* How many pictures of none of the labels are called unknown. */
static bool try_foreign(struct job *j, const char *folder, struct err *err)
{
    struct data_index x = { .task = DATA_SINGLE, .label = j->m->label,
                            .n_labels = j->m->n_labels, .mem = arena_new() };
    struct infer_answers a = { 0 };
    bool ok = x.mem || err_set(err, ERR_MEMORY, "no memory for %s", folder);

    ok = ok && data_index_add_folder(&x, folder, 0, -1, DATA_UNSPLIT, err);
    if (ok && x.n == 0)
        ok = err_set(err, ERR_INPUT, "%s: no pictures in this folder", folder);
    ok = ok && ask(j, &x, &a, err);
    if (ok) {
        a.task = j->m->task;
        infer_fit_apply(&a, &j->c, a.probability);
        infer_fit_foreign(&a, &j->c);
    }
    infer_answers_release(&a);
    free(x.sample);
    arena_free(x.mem);
    return ok;
}

/* ---- the report ------------------------------------------------------------------------------ */

static bool never_told(const struct job *j, int label)
{
    return j->c.threshold && j->c.threshold[label] >= 1;
}

/* The labels that no answer will have. */
static void add_never(const struct job *j, struct str *out)
{
    struct str names = { 0 };
    int n = 0;

    for (int l = 0; l < j->m->n_labels && n < NEVER_NAMED; l++)
        if (never_told(j, l)) {
            str_add(&names, n++ ? ", " : "");
            cli_clean(&names, j->m->label[l]);
        }
    if (n < j->notes.never)
        str_printf(&names, " and %d more", j->notes.never - n);
    if (n) {
        str_printf(out, "%-18s", "never told");
        cli_wrap(out, str_text(&names), 18, 18);
    }
    out->failed |= names.failed;
    str_release(&names);
}

static void tell_thresholds(const struct job *j, struct str *out)
{
    const struct infer_calibration *c = &j->c;
    double low = 1, high = 0;

    if (!c->threshold)
        return;
    for (int l = 0; l < j->m->n_labels; l++) {
        low = fmin(low, c->threshold[l]);
        high = fmax(high, c->threshold[l]);
    }
    str_printf(out, "thresholds        for %s", infer_goal_names[c->goal]);
    if (c->goal_at > 0)
        str_printf(out, " %g", c->goal_at);
    str_printf(out, ": %.3f to %.3f", low, high);
    if (j->notes.few)
        str_printf(out, "; %d label%s fewer than %d pictures with or without and share one",
                   j->notes.few, j->notes.few == 1 ? " has" : "s have", INFER_FIT_LABEL);
    if (j->notes.never)
        str_printf(out, "; %d label%s never reach%s it and %s not told", j->notes.never,
                   str_plural(j->notes.never), j->notes.never == 1 ? "es" : "",
                   j->notes.never == 1 ? "is" : "are");
    str_addc(out, '\n');
    add_never(j, out);
}

static void tell_bands(const struct infer_calibration *c, struct str *out)
{
    for (int b = 2; b >= 0 && infer_calibration_has_bands(c); b--) {
        str_printf(out, "%-18s", b == 2 ? "bands" : "");
        str_printf(out, "%-4s %5d answers", infer_band_names[b + 1], c->band_pictures[b]);
        if (c->band_pictures[b])
            str_printf(out, ", %.1f%% right", 100 * c->band_right[b]);
        if (b > 0 && c->band[b - 1] <= 1)
            str_printf(out, ": from a confidence of %.3f, promises %g%%", c->band[b - 1],
                       100 * c->band_stated[b - 1]);
        else if (b > 0)
            str_printf(out, ": no confidence promises %g%%", 100 * c->band_stated[b - 1]);
        str_addc(out, '\n');
    }
}

static void write_text(const struct job *j, struct str *out)
{
    const struct infer_calibration *c = &j->c;

    cli_clean(out, j->r.side[0].name);
    str_add(out, " on ");
    cli_clean(out, j->r.data);
    str_printf(out, ", part %s: %d pictures", j->r.part, c->pictures);
    if (j->r.failed)
        str_printf(out, " (%d could not be read)", j->r.failed);
    str_add(out, "\n\n                  before   after\n");
    str_printf(out, "log loss          %.4f  %.4f\n", c->log_loss[0], c->log_loss[1]);
    str_printf(out, "calibration error %.4f  %.4f\n\n", c->ece[0], c->ece[1]);
    if (c->scale)
        str_add(out, "logits            scale and shift of each label\n");
    else
        str_printf(out, "temperature       %.4f\n", c->temperature);
    tell_bands(c, out);
    tell_thresholds(j, out);
    if (infer_calibration_tells_unknown(c)) {
        str_add(out, "unknown           ");
        infer_calibration_add_unknown(out, c);
        str_addc(out, '\n');
    }
}

static void write_json(const struct job *j, struct str *out, struct err *err)
{
    char *record = infer_calibration_text(&j->c, j->m->n_labels);

    if (!record)
        err_set(err, ERR_MEMORY, "no memory for the report");
    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.calibrate/1");
    json_text(out, "model", j->r.side[0].name);
    json_text(out, "data", j->r.data);
    json_text(out, "split", j->r.part);
    json_number(out, "pictures", j->c.pictures);
    json_number(out, "failed", j->r.failed);
    json_number(out, "learnt", j->r.side[0].learnt < 0 ? NAN : j->r.side[0].learnt);
    json_raw(out, "calibration", record ? record : "null");
    json_number(out, "few", j->notes.few);
    json_number(out, "never", j->notes.never);
    json_begin(out, "never_told", '[');
    for (int l = 0; l < j->m->n_labels; l++)
        if (never_told(j, l))
            json_text(out, NULL, j->m->label[l]);
    json_end(out, ']');
    json_text(out, "wrote", j->out);
    json_end(out, '}');
    str_addc(out, '\n');
    free(record);
}

static bool calibrate(struct job *j, const char *data, struct err *err)
{
    struct str out = { 0 };
    bool ok;

    if (j->m->calibration)
        cli_say("%s: was calibrated already, by %d pictures; all of that is fitted anew",
                j->r.side[0].name, j->m->calibration->pictures);
    /* The network's own answers are what is fitted to. */
    j->m->calibration = NULL;
    ok = data_sandbox_choose(j->o->sandbox, j->threads, &j->how, err) && fit(j, data, err) &&
         (!j->o->unknown || try_foreign(j, j->o->unknown, err)) &&
         infer_model_calibrate(j->m, &j->c, err) && infer_model_write(j->m, j->out, NULL, err);
    if (ok && j->o->json)
        write_json(j, &out, err);
    else if (ok)
        write_text(j, &out);
    ok = ok && !err->kind && cli_print(&out, err);
    str_release(&out);
    data_sandbox_free(j->how.sandbox);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct job j = { .o = &o };
    bool ok;
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED)
        return cli_fail(&err, o.json);
    j.m = infer_cmd_model(args.arg, args.n, &err);
    if (!j.m)
        return cli_fail(&err, o.json);
    j.threads = o.threads ? o.threads : pool_cpus();
    j.r = (struct infer_eval){
        .side = { { .name = args.arg[0], .n = 1, .model = { j.m }, .path = { args.arg[0] },
                    .learnt = -1 } },
        .sides = 1, .data = args.arg[1],
        .grow = o.source.split_file != NULL };
    j.out = o.out ? o.out : args.arg[0];
    ok = read_options(&j, args.n, &err) &&
         (o.out ? cli_may_write(o.out, args.arg[0], o.force, &err)
                : refuse_checkpoint(args.arg[0], &err));
    if (ok && o.reset) {
        j.m->calibration = NULL;
        ok = infer_model_write(j.m, j.out, NULL, &err);
    } else if (ok) {
        ok = calibrate(&j, args.arg[1], &err);
    }
    if (ok)
        cli_say("wrote %s", j.out);
    str_release(&j.r.note);
    infer_model_free(j.m);
    return ok ? 0 : cli_fail(&err, o.json);
}

const struct cli_command infer_cmd_calibrate = {
    .name = "calibrate",
    .summary = "make a model's confidences mean what they say",
    .synopsis = "MODEL [DATA]",
    .about = "DATA is as for discern eval; of it the pictures that were held out of the training "
             "are taken (part val).  Finds by how much to divide the network's logits so that of "
             "answers with a confidence of 0.8 eight in ten are right, from which confidence "
             "answers are \"hi\" and \"med\", from which probability a label is told, and what is "
             "unlike all that was learnt; tells log loss and calibration error before and after; "
             "and puts it into the model, where predict, eval, export and the library find it.  "
             "discern train does so at its end.",
    .examples = "discern calibrate cats.safetensors photos/\n"
                "discern calibrate cats.safetensors photos/ --goal precision:0.9 -o sure\n"
                "discern calibrate cats.safetensors --reset\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 2,
    .run = run,
};
