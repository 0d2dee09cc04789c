/*
 * info_text -- what a model file holds, for eyes
 *
 * Provenance is JSON that a training wrote, of whatever version: what is not there is left out.
 */
#include "infer/info.h"

#include "nn/base/cli.h"
#include "nn/base/record.h"

#include <inttypes.h>
#include <string.h>

enum { LABELS_SHOWN = 20, HEAD = 13 };

void infer_info_rounded(struct str *out, double x, const char *unit)
{
    static const char *const scale[] = { "", "k", "M", "G", "T" };
    int s = 0;

    while (s < 4 && x >= 999.5) {
        x /= 1000;
        s++;
    }
    str_printf(out, "%.3g %s%s", x, scale[s], unit);
}

/* 1234567 as 1,234,567. */
static void grouped(struct str *out, int64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, n);

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
            str_addc(out, ',');
        str_addc(out, digits[i]);
    }
}

/* "name         text", over as many lines as it takes.  Nothing for nothing. */
static void add_line(struct str *out, const char *name, struct str *text)
{
    struct str clean = { 0 };

    cli_clean(&clean, str_text(text));
    if (clean.len) {
        cli_column(out, name, HEAD, false);
        cli_wrap(out, str_text(&clean), HEAD, HEAD);
    }
    out->failed |= text->failed || clean.failed;
    str_release(&clean);
    str_release(text);
}

/* ---- provenance ------------------------------------------------------------------------------ */

static const json_t *member(const json_t *o, const char *key)
{
    return json_object_get(o, key);
}

/* Appends "before VALUE after" where there is one. */
static bool add_member(struct str *out, const char *before, const json_t *value, const char *after)
{
    if (json_is_string(value) && *json_string_value(value)) {
        str_printf(out, "%s%s%s", before, json_string_value(value), after);
    } else if (json_is_integer(value)) {
        str_add(out, before);
        grouped(out, json_integer_value(value));
        str_add(out, after);
    } else if (json_is_real(value)) {
        str_printf(out, "%s%.4g%s", before, json_real_value(value), after);
    } else {
        return false;
    }
    return true;
}

/* "2026-11-21 11:09 UTC by discern 0.1.0 (4a515b0): epoch 3 of 10". */
static void add_trained(const json_t *all, struct str *out)
{
    const char *date = json_string_value(member(all, "date"));
    struct str text = { 0 };

    if (date && strlen(date) >= 16)
        str_printf(&text, "%.10s %.5s UTC", date, date + 11);
    add_member(&text, " by discern ", member(all, "version"), "");
    add_member(&text, " (", member(all, "git"), ")");
    if (add_member(&text, text.len ? ", epoch " : "epoch ", member(all, "epoch"), ""))
        add_member(&text, " of ", member(member(all, "settings"), "epochs"), "");
    add_member(&text, ", step ", member(all, "step"), "");
    add_line(out, "trained", &text);
}

static void add_data(const json_t *data, struct str *out)
{
    struct str text = { 0 };

    add_member(&text, "", member(data, "train"), " pictures to learn from");
    add_member(&text, text.len ? ", " : "", member(data, "val"), " to check with");
    add_member(&text, text.len ? ", fingerprint " : "fingerprint ", member(data, "fingerprint"),
               "");
    add_line(out, "data", &text);
}

/* taught: what a teacher said is what counted as right. */
static void add_figures(const json_t *figures, bool taught, struct str *out)
{
    struct str text = { 0 };
    const char *key;
    const json_t *value;

    json_object_foreach((json_t *)(uintptr_t)figures, key, value) {
        struct str name = { 0 };

        if (!json_is_number(value) || !strcmp(key, "pictures"))
            continue;
        for (const char *p = key; *p; p++)
            str_addc(&name, *p == '_' ? ' ' : *p);
        str_printf(&text, "%s%s %.4g", text.len ? ", " : "", str_text(&name),
                   json_number_value(value));
        str_release(&name);
    }
    if (text.len)
        add_member(&text, "; on ", member(figures, "pictures"), " pictures held out");
    if (text.len && taught)
        str_add(&text, ", right being what the teacher says");
    add_line(out, "figures", &text);
}

/* Whether a setting is off: what is 0, no, none, auto or false, and of what multiplies 1. */
static bool is_off(const char *key, const json_t *value)
{
    static const char *const words[] = { "", "no", "none", "auto" };
    static const char *const times[] = { "progressive", "accumulate", "bias_lr", "layer_lr" };
    const char *word = json_string_value(value);
    double x = json_number_value(value);
    bool off = json_is_false(value) || json_is_null(value) || json_is_array(value) ||
               (json_is_number(value) && x <= 0 && strcmp(key, "seed") != 0);

    for (size_t i = 0; word && i < sizeof words / sizeof *words; i++)
        off |= !strcmp(word, words[i]);
    for (size_t i = 0; json_is_number(value) && i < sizeof times / sizeof *times; i++)
        off |= x == 1 && !strcmp(key, times[i]);
    return off;
}

/* Whether a setting says something about another one, which is not so. */
static bool is_of_another(const json_t *settings, const char *key)
{
    static const struct {
        const char *name, *of, *values; /* NULL: any but none */
    } belongs[] = { { "teacher_share", "teacher", NULL }, { "temperature", "teacher", NULL },
                    { "drop", "sched", "step plateau" },  { "drop_every", "sched", "step" },
                    { "patience", "sched", "plateau" } };

    for (size_t i = 0; i < sizeof belongs / sizeof *belongs; i++)
        if (!strcmp(belongs[i].name, key)) {
            const char *word = json_string_value(member(settings, belongs[i].of));

            return !word || !*word || (belongs[i].values && !strstr(belongs[i].values, word));
        }
    return false;
}

/* Settings that are on, and not told elsewhere. */
static void add_recipe(const json_t *settings, struct str *out)
{
    static const char *const elsewhere[] = { "arch", "size", "color", "channels", "resize",
                                             "filter", "background", "epochs", "steps", "val",
                                             "isa", "on_nan", "variants" };
    struct str text = { 0 };
    const char *key;
    const json_t *value;

    json_object_foreach((json_t *)(uintptr_t)settings, key, value) {
        const char *word = json_string_value(value);
        bool said = is_off(key, value) || is_of_another(settings, key);

        for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
            said |= !strcmp(key, elsewhere[i]);
        if (said)
            continue;
        if (json_is_true(value))
            str_printf(&text, "%s%s", text.len ? ", " : "", key);
        else if (word)
            str_printf(&text, "%s%s %s", text.len ? ", " : "", key, word);
        else if (json_is_number(value))
            str_printf(&text, "%s%s %.6g", text.len ? ", " : "", key, json_number_value(value));
    }
    add_line(out, "recipe", &text);
}

/* Of a table of variants how many entries it has; --json has all of it. */
static void add_variants(const json_t *settings, struct str *out)
{
    const char *table = json_string_value(member(settings, "variants"));
    struct err ignored = { 0 };
    struct nn_variants *t = table ? nn_variants_read(table, &ignored) : NULL;
    struct str text = { 0 };

    if (t && *nn_variants_kernels(t))
        str_printf(&text, "measured with %s: another way than by rule for %d shape%s of layers",
                   nn_variants_kernels(t), nn_variants_count(t),
                   str_plural(nn_variants_count(t)));
    add_line(out, "variants", &text);
    nn_variants_free(t);
}

static void add_provenance(const struct infer_model *m, struct str *out)
{
    json_t *all = json_loads(m->provenance, 0, NULL);

    add_trained(all, out);
    add_data(member(all, "data"), out);
    add_figures(member(all, "figures"), json_is_true(member(member(all, "data"), "taught")), out);
    add_recipe(member(all, "settings"), out);
    add_variants(member(all, "settings"), out);
    json_decref(all);
}

/* ---- calibration ----------------------------------------------------------------------------- */

static void add_thresholds(const struct infer_model *m, struct str *out)
{
    const struct infer_calibration *c = m->calibration;
    struct str text = { 0 };

    if (!c->threshold)
        return;
    for (int l = 0; l < m->n_labels && l < LABELS_SHOWN; l++)
        str_printf(&text, "%s%s %.3g", l ? ", " : "", m->label[l], c->threshold[l]);
    if (m->n_labels > LABELS_SHOWN)
        str_printf(&text, " and %d more (--json has them)", m->n_labels - LABELS_SHOWN);
    if (c->goal)
        str_printf(&text, "; chosen for %s", infer_goal_names[c->goal]);
    if (c->goal == INFER_GOAL_PRECISION || c->goal == INFER_GOAL_RECALL)
        str_printf(&text, " %.3g", c->goal_at);
    add_line(out, "thresholds", &text);
}

static void add_bands(const struct infer_calibration *c, struct str *out)
{
    struct str text = { 0 };

    if (!infer_calibration_has_bands(c))
        return;
    for (int b = 2; b >= 0; b--) {
        if (!c->band_pictures[b])
            continue;
        str_printf(&text, "%s%s", text.len ? ", " : "", infer_band_names[b + INFER_BAND_LOW]);
        if (b)
            str_printf(&text, " from %.3g", c->band[b - 1]);
        str_printf(&text, " (right %.1f %% of %d)", 100 * c->band_right[b], c->band_pictures[b]);
    }
    add_line(out, "bands", &text);
}

static void add_calibration(const struct infer_model *m, struct str *out)
{
    const struct infer_calibration *c = m->calibration;
    struct str text = { 0 };

    if (!c) {
        str_add(&text, "none: discern calibrate fits one");
        add_line(out, "calibration", &text);
        return;
    }
    if (c->scale)
        str_add(&text, "a scale and a shift for each label");
    else
        str_printf(&text, "temperature %.4g", c->temperature);
    if (c->pictures)
        str_printf(&text, ", fitted on %d pictures: log-loss %.4g before, %.4g after; ECE %.4g "
                   "before, %.4g after", c->pictures, c->log_loss[0], c->log_loss[1], c->ece[0],
                   c->ece[1]);
    add_line(out, "calibration", &text);
    add_thresholds(m, out);
    add_bands(c, out);
    if (infer_calibration_tells_unknown(c)) {
        infer_calibration_add_unknown(&text, c);
        add_line(out, "unknown", &text);
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void add_labels(const struct infer_model *m, struct str *out)
{
    struct str text = { 0 };

    str_printf(&text, "%d: ", m->n_labels);
    for (int l = 0; l < m->n_labels && l < LABELS_SHOWN; l++)
        str_printf(&text, "%s%s", l ? ", " : "", m->label[l]);
    if (m->n_labels > LABELS_SHOWN)
        str_printf(&text, " and %d more (--json has them)", m->n_labels - LABELS_SHOWN);
    add_line(out, "labels", &text);
}

/* How a picture becomes numbers. */
static void add_preparation(const struct data_prep *prep, struct str *out)
{
    int channels = data_prep_channels(prep);
    struct str text = { 0 };

    for (const struct field *p = data_prep_fields; p->name; p++) {
        str_printf(&text, "%s%s ", text.len ? ", " : "", p->name);
        if (!strcmp(p->name, "mean") || !strcmp(p->name, "std")) {
            const double *x = !strcmp(p->name, "mean") ? prep->mean : prep->std;

            for (int c = 0; c < channels; c++)
                str_printf(&text, "%s%.4g", c ? " " : "", x[c]);
        } else {
            field_text(p, prep, &text);
        }
    }
    add_line(out, "preparation", &text);
}

/* The kernels that are not the reference. */
static void add_kernels(const struct nn_kernels *k, struct str *out)
{
    struct str text = { 0 };

#define SLOT(s)                                                                                    \
    if (strcmp(k->name.s, "ref") != 0)                                                             \
        str_printf(&text, "%s %s, ", #s, k->name.s);
    NN_SLOTS(SLOT)
#undef SLOT
    str_add(&text, text.len ? "the others plain C" : "plain C");
    add_line(out, "kernels", &text);
}

void infer_info_text(const struct infer_info *f, struct str *out)
{
    const struct infer_model *m = f->m;
    struct str text = { 0 };

    str_printf(&text, "%s, ", f->path);
    infer_info_rounded(&text, (double)f->file_bytes, "B");
    add_line(out, "model", &text);
    str_add(&text, m->task == DATA_SINGLE ? "single: one label a picture"
                                          : "multi: any number of labels a picture");
    add_line(out, "task", &text);
    add_labels(m, out);
    str_printf(&text, "%d x %d pixels, %s", m->prep.size[1], m->prep.size[0],
               m->prep.color == DATA_GREY ? "grey" : "RGB");
    add_line(out, "input", &text);
    add_preparation(&m->prep, out);
    str_printf(&text, "%s, ", m->arch);
    grouped(&text, f->parameters);
    str_add(&text, " parameters");
    add_line(out, "network", &text);
    infer_info_rounded(&text, (double)f->plan->flops, "flop");
    str_add(&text, " a picture; ");
    infer_info_rounded(&text, (double)f->weight_bytes, "B");
    str_add(&text, " of weights and ");
    infer_info_rounded(&text, (double)f->plan->bytes, "B");
    str_add(&text, " of values in memory (--plan: step by step)");
    add_line(out, "cost", &text);
    add_calibration(m, out);
    add_provenance(m, out);
    add_kernels(f->kernels, out);       /* long, and of the machine */
}
