/*
 * calibration -- see calibration.h
 */
#include "infer/calibration.h"

#include "infer/answers.h"
#include "nn/base/record.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const infer_unknown_names[] = { "none", "confidence", "energy", NULL };
const char *const infer_goal_names[] = { "none", "f1", "precision", "recall", NULL };
const char *const infer_band_names[] = { "", "lo", "med", "hi", NULL };

#define SHARE(m, doc) FIELD_FLOAT(struct infer_calibration, m, NULL, 0, 0, 1, doc)
#define SHARES(m, n, doc) FIELD_FLOATS(struct infer_calibration, m, n, 0, 0, 1, doc)

static const struct field members[] = {
    FIELD_FLOAT(struct infer_calibration, temperature, NULL, 1, 1e-3, 1e3, "divides logits"),
    FIELD_ENUM(struct infer_calibration, goal, infer_goal_names, INFER_GOAL_NONE,
               "what thresholds were chosen for"),
    SHARE(goal_at, "precision or recall that was wished"),
    FIELD_FLOATS(struct infer_calibration, band, 2, 0, 0, 2, "confidence of med, hi"),
    SHARES(band_stated, 2, "share of right answers that med, hi promise"),
    SHARES(band_right, 3, "share of right answers of lo, med, hi"),
    FIELD_INTS(struct infer_calibration, band_pictures, NULL, 3, 0, 0, 2e9, "answers in each"),
    FIELD_ENUM(struct infer_calibration, unknown, infer_unknown_names, INFER_UNKNOWN_NONE,
               "how a picture unlike all is told"),
    FIELD_FLOAT(struct infer_calibration, unknown_at, NULL, 0, -1e9, 1e9, "below which score"),
    SHARE(unknown_false, "share of known pictures called unknown"),
    FIELD_INT(struct infer_calibration, unknown_foreign, NULL, 0, 0, 2e9, "foreign pictures tried"),
    SHARE(unknown_caught, "share of them called unknown"),
    FIELD_INT(struct infer_calibration, pictures, NULL, 0, 0, 2e9, "fitted on so many"),
    FIELD_FLOATS(struct infer_calibration, log_loss, 2, 0, 0, 1e9, "before and after"),
    SHARES(ece, 2, "before and after"),
    FIELDS_END
};

/* Members that have a number for each label. */
static const struct list {
    const char *name;
    size_t offset;
    double min, max;
} lists[] = {
    { "scale", offsetof(struct infer_calibration, scale), 1e-6, 1e6 },
    { "shift", offsetof(struct infer_calibration, shift), -1e6, 1e6 },
    { "threshold", offsetof(struct infer_calibration, threshold), 0, 1 },
};
enum { LISTS = sizeof lists / sizeof *lists };

static const double **list_at(const struct list *l, const struct infer_calibration *c)
{
    return (const double **)(uintptr_t)((const char *)c + l->offset);
}

struct infer_calibration infer_calibration_none(void)
{
    struct infer_calibration c = { 0 };

    field_defaults(members, &c);
    return c;
}

struct infer_calibration *infer_calibration_copy(const struct infer_calibration *c, int n_labels,
                                                 struct arena *mem)
{
    struct infer_calibration *copy = arena_copy(mem, c, sizeof *c);

    for (int i = 0; copy && i < LISTS; i++) {
        const double **at = list_at(&lists[i], copy);

        if (!*at)
            continue;
        *at = arena_copy(mem, *at, (size_t)n_labels * sizeof **at);
        if (!*at)
            return NULL;
    }
    return copy;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *list_to_json(int n, const double *x)
{
    json_t *list = json_array();

    for (int i = 0; list && i < n; i++)
        if (json_array_append_new(list, json_real(x[i]))) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

char *infer_calibration_text(const struct infer_calibration *c, int n_labels)
{
    json_t *json = record_to_json(members, c);
    bool ok = json;
    char *text;

    for (int i = 0; ok && i < LISTS; i++) {
        const double *x = *list_at(&lists[i], c);

        ok = !x || !json_object_set_new(json, lists[i].name, list_to_json(n_labels, x));
    }
    text = ok ? record_dump(json) : NULL;
    json_decref(json);
    return text;
}

/* Takes the list out of the object. */
static bool take_list(const struct list *l, json_t *json, int n_labels,
                      struct infer_calibration *c, struct arena *mem, struct err *err)
{
    const json_t *list = json_object_get(json, l->name);
    double *x;

    if (!list)
        return true;
    if (!json_is_array(list) || json_array_size(list) != (size_t)n_labels)
        return err_set(err, ERR_INPUT, "%s: is no list of %d numbers, one for each label", l->name,
                       n_labels);
    x = arena_array(mem, (size_t)n_labels, sizeof *x);
    if (!x)
        return err_set(err, ERR_MEMORY, "no memory for %d numbers", n_labels);
    for (int i = 0; i < n_labels; i++) {
        const json_t *value = json_array_get(list, (size_t)i);

        x[i] = json_number_value(value);
        if (!json_is_number(value) || !(x[i] >= l->min && x[i] <= l->max))
            return err_set(err, ERR_INPUT, "%s: that of label %d is no number from %g to %g",
                           l->name, i, l->min, l->max);
    }
    *list_at(l, c) = x;
    json_object_del(json, l->name);
    return true;
}

/* What no single value can break. */
static bool check(const struct infer_calibration *c, struct err *err)
{
    if (!c->scale != !c->shift)
        return err_set(err, ERR_INPUT, "scale and shift: one of them is missing");
    if (c->band[0] > c->band[1])
        return err_set(err, ERR_INPUT, "band: med begins at %g, above hi at %g", c->band[0],
                       c->band[1]);
    if (c->goal != INFER_GOAL_NONE && !c->threshold)
        return err_set(err, ERR_INPUT, "threshold: is missing, though there is a goal");
    return true;
}

struct infer_calibration *infer_calibration_parse(const char *text, int n_labels,
                                                  struct arena *mem, struct err *err)
{
    json_t *json = record_parse(text, strlen(text), err);
    struct infer_calibration c = infer_calibration_none(), *copy = NULL;
    bool ok = json;

    if (ok && !json_is_object(json))
        ok = err_set(err, ERR_INPUT, "no JSON object");
    if (ok && !json_object_get(json, "temperature"))
        ok = err_set(err, ERR_INPUT, "\"temperature\" is missing");
    for (int i = 0; ok && i < LISTS; i++)
        ok = take_list(&lists[i], json, n_labels, &c, mem, err);
    ok = ok && record_from_json(members, &c, json, mem, err) && check(&c, err);
    json_decref(json);
    if (!ok)
        return NULL;
    copy = arena_copy(mem, &c, sizeof c);
    if (!copy)
        err_set(err, ERR_MEMORY, "no memory for a calibration");
    return copy;
}

/* ---- answers --------------------------------------------------------------------------------- */

float infer_calibration_threshold(const struct infer_calibration *c, enum data_task task, int label)
{
    if (c && c->threshold)
        return (float)c->threshold[label];
    return task == DATA_MULTI ? INFER_TOLD : 0;
}

bool infer_calibration_has_bands(const struct infer_calibration *c)
{
    return c && c->band[1] > 0;         /* med may begin at 0 */
}

enum infer_band infer_calibration_band(const struct infer_calibration *c, float confidence)
{
    if (!infer_calibration_has_bands(c))
        return INFER_BAND_NONE;
    return confidence >= (float)c->band[1] ? INFER_BAND_HI
           : confidence >= (float)c->band[0] ? INFER_BAND_MED : INFER_BAND_LOW;
}

double infer_sigmoid(double u)
{
    return u >= 0 ? 1 / (1 + exp(-u)) : exp(u) / (1 + exp(u));
}

double infer_softplus(double u)
{
    return fmax(u, 0) + log1p(exp(-fabs(u)));
}

double infer_energy(enum data_task task, int n_labels, const float *logits)
{
    double most = logits[0], sum = 0;

    if (task == DATA_MULTI) {
        for (int l = 0; l < n_labels; l++)
            sum += infer_softplus(logits[l]);
        return sum;
    }
    for (int l = 1; l < n_labels; l++)
        most = fmax(most, logits[l]);
    for (int l = 0; l < n_labels; l++)
        sum += exp(logits[l] - most);
    return most + log(sum);
}

bool infer_calibration_tells_unknown(const struct infer_calibration *c)
{
    return c && c->unknown != INFER_UNKNOWN_NONE;
}

void infer_calibration_add_unknown(struct str *out, const struct infer_calibration *c)
{
    str_printf(out, "%s below %.4g: %.1f%% of the pictures",
               infer_unknown_names[c->unknown], c->unknown_at, 100 * c->unknown_false);
    if (c->unknown_foreign)
        str_printf(out, ", %.1f%% of %d foreign ones", 100 * c->unknown_caught,
                   c->unknown_foreign);
}

bool infer_calibration_unknown(const struct infer_calibration *c, enum data_task task,
                               int n_labels, const float *probability, const float *logits)
{
    float most = 0;

    if (!infer_calibration_tells_unknown(c))
        return false;
    if (c->unknown == INFER_UNKNOWN_ENERGY)
        return logits && !(infer_energy(task, n_labels, logits) >= c->unknown_at);   /* NaN too */
    for (int l = 0; l < n_labels; l++)
        most = fmaxf(most, probability[l]);
    return most < (float)c->unknown_at;
}
