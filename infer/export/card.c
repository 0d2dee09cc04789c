/*
 * card -- a model card in Markdown: what the model file itself knows, for people
 *
 * After Mitchell et al. 2019, "Model cards for model reporting".  Nothing is said that the file
 * does not know: where pictures came from, under which licence, and whom the model is for is left
 * to who hands it on, and the card says so.  Markdown is CommonMark with the tables of GitHub.
 */
#include "infer/calibration.h"
#include "infer/export/export.h"
#include "nn/base/file.h"
#include "nn/base/record.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Text as Markdown shows it: what could be markup is escaped, a line break is a space. */
static void plain(struct str *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F) {
            str_addc(out, ' ');
            continue;
        }
        if (strchr("\\`*_{}[]<>#|~&!$", *p))
            str_addc(out, '\\');
        str_addc(out, *p);
    }
}

/* A JSON value for eyes: six digits, lists as "3x5", objects as "key value, key value" without
 * empty texts and lists of more than a handful, or of objects. */
static void value_text(struct str *out, const json_t *value)
{
    enum { HANDFUL = 8 };
    const char *key, *comma = "";
    json_t *member;
    size_t i;

    if (json_is_string(value)) {
        plain(out, json_string_value(value));
    } else if (json_is_real(value)) {
        str_printf(out, "%g", json_real_value(value));
    } else if (json_is_integer(value)) {
        str_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_boolean(value)) {
        str_add(out, json_is_true(value) ? "yes" : "no");
    } else if (json_is_array(value)) {
        json_array_foreach((json_t *)(uintptr_t)value, i, member) {
            str_add(out, i ? "x" : "");
            value_text(out, member);
        }
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, member) {
            if (json_array_size(member) > HANDFUL || json_is_object(json_array_get(member, 0)) ||
                (json_is_string(member) && !json_string_length(member)))
                continue;
            str_add(out, comma);
            plain(out, key);
            str_addc(out, ' ');
            value_text(out, member);
            comma = ", ";
        }
    } else {
        str_add(out, "unknown");
    }
}

static void bullet(struct str *out, const char *name, const json_t *value)
{
    if (!value || json_is_null(value))
        return;
    str_printf(out, "- %s: ", name);
    value_text(out, value);
    str_addc(out, '\n');
}

/* ---- sections -------------------------------------------------------------------------------- */

static void labels_section(const struct infer_model *m, struct str *out)
{
    const struct infer_calibration *c = m->calibration;

    str_printf(out, "# Image classifier of %d labels\n\n", m->n_labels);
    str_add(out, m->task == DATA_SINGLE
                     ? "For a picture it gives each label a probability; they add up to 1, and the "
                       "likeliest is the\nanswer.\n"
                     : "A picture may carry any number of the labels: for each it gives a "
                       "probability of its own.\n");
    str_add(out, c && c->threshold ? "\n## Labels\n\n| | label | told from |\n|---|---|---|\n"
                                   : "\n## Labels\n\n| | label |\n|---|---|\n");
    for (int l = 0; l < m->n_labels; l++) {
        str_printf(out, "| %d | ", l);
        plain(out, m->label[l]);
        if (c && c->threshold)
            str_printf(out, " | %.3f", c->threshold[l]);
        str_add(out, " |\n");
    }
}

/* Wilson 1927: 95 % of the shares that a sample of n may come from, which showed p. */
static void wilson(struct str *out, double p, double n)
{
    double z = 1.959964, middle = (p + z * z / (2 * n)) / (1 + z * z / n);
    double half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n));

    str_printf(out, " (%.3f to %.3f)", fmax(0, middle - half), fmin(1, middle + half));
}

static void figures_section(const json_t *provenance, struct str *out)
{
    const json_t *figures = json_object_get(provenance, "figures");
    const json_t *pictures = json_object_get(figures, "pictures");
    double n = json_number_value(pictures);
    const char *name;
    json_t *value;

    str_add(out, "\n## Figures\n\n");
    if (!json_object_size(figures)) {
        str_add(out, "The file holds none.  `discern eval MODEL DATA` measures them.\n");
        return;
    }
    if (pictures)
        str_printf(out, "Of %.0f pictures set aside for validation", n);
    else
        str_add(out, "Of the validation");
    if (json_is_true(json_object_get(json_object_get(provenance, "data"), "taught")))
        str_add(out, ", whose labels are\nwhat the model's teacher said: agreement with it, not "
                     "accuracy");
    str_add(out, ", by which the best epoch was chosen, so a little\ntoo good.  In brackets: 95 % "
                 "intervals (Wilson).  `discern eval MODEL DATA` measures on others.\n\n"
                 "| figure | |\n|---|---|\n");
    json_object_foreach((json_t *)(uintptr_t)figures, name, value) {
        if (!strcmp(name, "pictures") || json_is_null(value))
            continue;
        str_add(out, "| ");
        plain(out, name);
        str_add(out, " | ");
        value_text(out, value);
        if (!strcmp(name, "accuracy") && n > 0)
            wilson(out, json_number_value(value), n);
        str_add(out, " |\n");
    }
}

static void bands_text(const struct infer_calibration *c, struct str *out)
{
    if (!infer_calibration_has_bands(c))
        return;
    for (int b = 2; b >= 0; b--) {
        str_printf(out, "- %s: ", infer_band_names[b + INFER_BAND_LOW]);
        if (b)
            str_printf(out, "confidence from %.3f, at least %.0f %% right promised; ",
                       c->band[b - 1], 100 * c->band_stated[b - 1]);
        else
            str_add(out, "the rest; ");
        str_printf(out, "%.1f %% of %d were right\n", 100 * c->band_right[b], c->band_pictures[b]);
    }
}

static void calibration_section(const struct infer_calibration *c, struct str *out)
{
    str_add(out, "\n## Calibration\n\n");
    if (!c) {
        str_add(out, "None was fitted: probabilities are the network's own.  `discern calibrate` "
                     "fits one.\n");
        return;
    }
    if (c->pictures)
        str_printf(out, "Fitted on %d pictures.\n\n", c->pictures);
    if (c->scale || c->shift)
        str_add(out, "- a factor and a summand for each label's logit\n");
    else
        str_printf(out, "- temperature %g: logits are divided by it\n", c->temperature);
    if (c->pictures)
        str_printf(out, "- log-loss %.4f before, %.4f after; calibration error (ECE) %.4f before, "
                   "%.4f after\n", c->log_loss[0], c->log_loss[1], c->ece[0], c->ece[1]);
    if (c->threshold && c->goal != INFER_GOAL_NONE) {
        str_printf(out, "- thresholds chosen for %s", infer_goal_names[c->goal]);
        if (c->goal != INFER_GOAL_F1)
            str_printf(out, " %g", c->goal_at);
        str_add(out, " of each label\n");
    }
    bands_text(c, out);
    if (infer_calibration_tells_unknown(c)) {
        str_add(out, "- called unknown: ");
        infer_calibration_add_unknown(out, c);
        str_addc(out, '\n');
    }
}

static void preparation_section(const struct infer_model *m, struct str *out)
{
    str_printf(out, "\n## Preparation\n\nInput: %d x %d pixels, %s.  Numbers are (pixel / 255 - "
                    "mean) / std.\n\n| | | |\n|---|---|---|\n", m->prep.size[1], m->prep.size[0],
               m->prep.color == DATA_GREY ? "grey" : "RGB");
    for (const struct field *f = data_prep_fields; f->name; f++) {
        str_printf(out, "| `%s` | ", f->name);
        field_text(f, &m->prep, out);
        str_add(out, " | ");
        plain(out, f->doc);
        str_add(out, " |\n");
    }
}

static void making_section(const struct infer_model *m, const json_t *provenance, struct str *out)
{
    static const char *const told[][2] = {
        { "data", "data" }, { "settings", "settings" }, { "epoch", "epoch kept" },
        { "step", "steps" }, { "loss", "training loss" }, { "version", "discern" },
        { "git", "source" }, { "date", "date" },
    };

    str_add(out, "\n## How it was made\n\n- network: ");
    plain(out, m->arch);
    str_printf(out, ", %" PRId64 " parameters\n", nn_params_trained(m->params));
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        bullet(out, told[i][1], json_object_get(provenance, told[i][0]));
    if (!json_object_size(provenance))
        str_add(out, "- by what training and on what pictures, the file does not say\n");
}

static void limits_section(const struct infer_model *m, struct str *out)
{
    str_add(out, "\n## Limits\n\n");
    if (!infer_calibration_tells_unknown(m->calibration) && m->task == DATA_SINGLE)
        str_add(out, "- It knows no \"none of these\": a picture of anything else is answered with "
                     "the same labels,\n  and may be answered surely.\n");
    str_add(out, "- The figures hold for pictures like those that it has learnt from; for other "
                 "cameras, places and\n  times they have to be measured.\n"
                 "- The model file does not know where its pictures came from, under which "
                 "licence, who is in them,\n  and what the model is meant for: who hands it on "
                 "adds that here.\n");
}

static void use_section(const struct infer_model *m, struct str *out)
{
    str_add(out, "\n## Use\n\n```\n"
                 "discern predict MODEL photo.jpg         what it shows\n"
                 "discern eval MODEL DATA                 how well it does on labelled pictures\n"
                 "discern info MODEL                      all that the file holds\n"
                 "discern export MODEL                    as ONNX, for other programs\n```\n");
    if (m->calibration && m->calibration->threshold)
        str_add(out, "\nOther programs have the thresholds in the ONNX metadata "
                     "`discern.calibration`.\n");
}

static bool write_card(const struct infer_model *m, const struct infer_export_options *o,
                       const char *path, struct str *report, struct err *err)
{
    json_t *provenance = record_parse(m->provenance, strlen(m->provenance), err);
    struct str out = { 0 };
    bool ok;

    (void)o;
    if (!provenance)
        return err_in(err, "provenance");
    labels_section(m, &out);
    figures_section(provenance, &out);
    calibration_section(m->calibration, &out);
    preparation_section(m, &out);
    making_section(m, provenance, &out);
    limits_section(m, &out);
    use_section(m, &out);
    json_decref(provenance);
    str_printf(report, "a card of %d labels; what it is meant for and where its pictures came from "
                       "is yours to add", m->n_labels);
    ok = out.failed ? err_set(err, ERR_MEMORY, "no memory for the card")
                    : file_replace(path, str_text(&out), out.len, err);
    str_release(&out);
    return ok;
}

const struct infer_exporter infer_export_card = {
    .name = "card",
    .suffix = ".md",
    .write = write_card,
};
