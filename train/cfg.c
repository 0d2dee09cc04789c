/*
 * cfg -- see cfg.h
 */
#include "train/cfg.h"

#include "nn/kernel/cpu.h"
#include "nn/variant.h"
#include "train/arch.h"
#include "train/optim/optim.h"
#include "train/plan.h"
#include "train/settings.h"

const struct field train_cfg_fields[] = {
#include "train/settings.def"
    FIELDS_END
};

const char *const train_channels_names[] = { "auto", "rgb", "grey", NULL };
const char *const train_resize_names[] = { "auto", "crop", "squash", "letterbox", NULL };
const char *const train_calibrate_names[] = { "auto", "yes", "no", NULL };
const char *const train_on_nan_names[] = { "stop", "rollback", NULL };

const char *const train_norms_names[] = { "auto", "learn", "keep", NULL };
const char *const train_probe_names[] = { "auto", "yes", "no", "only", NULL };
const char *const train_weights_names[] = { "auto", "he", "glorot", "lecun", "trunc", "orthogonal",
                                            "dirac", NULL };

void train_cfg_rename(json_t *settings)
{
    json_t *value = json_object_get(settings, "color");

    if (!value || json_object_get(settings, "channels"))
        return;
    json_object_set(settings, "channels", value);
    json_object_del(settings, "color");
}

/* The table is one. */
static bool check_variants(const struct train_cfg *cfg, struct err *err)
{
    struct nn_variants *t = nn_variants_read(cfg->variants, err);

    nn_variants_free(t);
    return t || err_in(err, "variants");
}

static bool check_few(const struct train_cfg *cfg, struct err *err)
{
    if (!cfg->few)
        return true;
    if (!cfg->init)
        return err_set(err, ERR_USAGE,
                       "few %d: needs a network that has learnt to see: --init says which",
                       cfg->few);
    if (cfg->epochs || cfg->steps || cfg->time > 0)
        return err_set(err, ERR_USAGE,
                       "few %d: makes no steps; leave epochs, steps and time out", cfg->few);
    if ((cfg->probe && cfg->probe != TRAIN_PROBE_ONLY) || cfg->lora || cfg->teacher)
        return err_set(err, ERR_USAGE,
                       "few %d: the head is all that is learnt; leave probe, lora and teacher out",
                       cfg->few);
    return true;
}

/* Settings that say something about another one need it. */
static bool check_belongs(const struct train_cfg *cfg, struct err *err)
{
    static const struct {
        const char *name, *of;
    } belongs[] = { { "lora_alpha", "lora" }, { "lora_layers", "lora" },
                    { "teacher_share", "teacher" }, { "temperature", "teacher" },
                    { "teacher_sum", "teacher" } };
    struct str value = { 0 };
    const struct field *f;

    for (size_t i = 0; i < sizeof belongs / sizeof *belongs; i++) {
        f = field_find(train_cfg_fields, belongs[i].name);
        if (field_is_default(f, cfg) ||
            !field_is_default(field_find(train_cfg_fields, belongs[i].of), cfg))
            continue;
        field_text(f, cfg, &value);
        err_set(err, ERR_USAGE, "%s %s: says how --%s is meant, which is not given", f->name,
                str_text(&value), belongs[i].of);
        str_release(&value);
        return false;
    }
    return true;
}

/* What speaks of a teacher needs one. */
static bool check_teacher(const struct train_cfg *cfg, struct err *err)
{
    if (cfg->unlabelled && (!cfg->teacher || !cfg->teacher_share))
        return err_set(err, ERR_USAGE,
                       "unlabelled %s: pictures without labels teach nothing by themselves: "
                       "--teacher MODEL says what they show%s", cfg->unlabelled,
                       cfg->teacher ? ", and its share must be more than 0" : "");
    if (cfg->unlabelled && cfg->sampling)
        return err_set(err, ERR_USAGE,
                       "sampling %s draws pictures by their labels, and those of --unlabelled have "
                       "none: give one of them", data_sampling_names[cfg->sampling]);
    return true;
}

bool train_check(const struct train_cfg *cfg, struct err *err)
{
    struct data_recipe recipe;

    if (!field_check(train_cfg_fields, cfg, err) ||
        !data_recipe_parse(cfg->augment, &(struct data_recipe_facts){ .n = 1 }, &recipe, err))
        return false;
    if ((cfg->epochs > 0) + (cfg->steps > 0) + (cfg->time > 0) > 1)
        return err_set(err, ERR_USAGE,
                       "epochs, steps and time say the same thing: give one of them");
    if (cfg->probe == TRAIN_PROBE_ONLY && (cfg->epochs || cfg->steps || cfg->time > 0))
        return err_set(err, ERR_USAGE,
                       "probe only: makes no steps; leave epochs, steps and time out");
    if (cfg->probe == TRAIN_PROBE_ONLY && !cfg->few && (cfg->lora || cfg->teacher))
        return err_set(err, ERR_USAGE,
                       "probe only: the last layer is all that is learnt; leave lora and teacher "
                       "out");
    if ((cfg->probe == TRAIN_PROBE_ONLY || cfg->probe == TRAIN_PROBE_YES) && !cfg->init)
        return err_set(err, ERR_USAGE,
                       "probe %s: needs a network that has learnt to see: --init says which",
                       train_probe_names[cfg->probe]);
    if (cfg->batch == 1)
        return err_set(err, ERR_USAGE, "batch 1: batch-norm needs two pictures a step at least");
    if (cfg->lora && !cfg->init)
        return err_set(err, ERR_USAGE,
                       "lora %d: weights that are drawn are not worth keeping: --init MODEL says "
                       "which to begin with", cfg->lora);
    return check_few(cfg, err) && check_belongs(cfg, err) &&
           check_teacher(cfg, err) && train_plan_check(cfg, err) &&
           check_variants(cfg, err) && train_arch_check(cfg->arch, err) &&
           nn_kernels_get(cfg->isa, err) && train_optim_find(cfg->optim, err);
}
