/*
 * provenance -- see provenance.h
 */
#include "train/provenance.h"

#include "infer/learnt.h"
#include "nn/base/about.h"
#include "train/figures.h"
#include "train/plan.h"

#include <inttypes.h>
#include <math.h>

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *figures(const struct infer_figures *f)
{
    struct train_figure of[TRAIN_FIGURES];
    int n = f ? train_figures(f, of) : 0;
    json_t *o = f ? json_object() : json_null();

    if (f)
        json_object_set_new(o, "pictures", json_integer(f->n));
    for (int i = 0; i < n; i++)
        json_object_set_new(o, of[i].name, number(of[i].value));
    return o;
}

json_t *train_provenance_data(const struct data_index *x, int train, int val)
{
    json_t *o = json_object();
    char fingerprint[17];

    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, data_index_fingerprint(x));
    json_object_set_new(o, "task", json_string(data_task_names[x->task]));
    json_object_set_new(o, "labels", json_integer(x->n_labels));
    json_object_set_new(o, "train", json_integer(train));
    json_object_set_new(o, "val", json_integer(val));
    json_object_set_new(o, "taught", json_boolean(x->taught));
    json_object_set_new(o, "fingerprint", json_string(fingerprint));
    json_object_set_new(o, "sample", infer_learnt_sample(x, DATA_TRAIN));
    return o;
}

/* Of a path: where it lay is nobody's business. */
static const char *last_part(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return slash ? slash + 1 : path;
}

static json_t *settings(const struct train_provenance *p)
{
    struct train_cfg cfg = *p->cfg;
    struct str recipe = { 0 };
    json_t *o;

    cfg.arch = p->arch;
    cfg.init = last_part(cfg.init);
    cfg.teacher = last_part(cfg.teacher);
    cfg.unlabelled = last_part(cfg.unlabelled);
    data_recipe_text(p->recipe, &recipe);
    cfg.augment = str_text(&recipe);
    o = recipe.failed ? NULL : record_to_json(train_cfg_fields, &cfg);
    str_release(&recipe);
    json_object_del(o, "time");
    json_object_del(o, "threads");
    json_object_del(o, "memory");
    if (!train_plan_changes(&cfg))
        json_object_del(o, "shortened");
    return o;
}

char *train_provenance_text(const struct train_provenance *p)
{
    json_t *o = json_object();
    bool ok = o && !json_object_set_new(o, "version", json_string(about_version)) &&
              !json_object_set_new(o, "git", json_string(about_git)) &&
              !json_object_set_new(o, "decoders", json_string(data_decoders)) &&
              !json_object_set_new(o, "settings", settings(p)) &&
              !json_object_set(o, "data", p->data) &&
              !json_object_set_new(o, "epoch", json_integer(p->epoch)) &&
              !json_object_set_new(o, "step", json_integer(p->step)) &&
              !json_object_set_new(o, "loss", number(p->loss)) &&
              !json_object_set_new(o, "figures", figures(p->val_figures)) &&
              !json_object_set_new(o, "date", json_string(p->date));
    char *text = ok ? record_dump(o) : NULL;

    json_decref(o);
    return text;
}
