/*
 * model -- the table of architectures
 */
#include "nn/model/model.h"

#include <string.h>

static const struct nn_model *const models[] = {
#define NN_MODEL(name) &nn_model_##name,
#include "nn/model/models.def"
#undef NN_MODEL
};

int nn_model_count(void)
{
    return (int)(sizeof models / sizeof *models);
}

const struct nn_model *nn_model_at(int i)
{
    return models[i];
}

static const char *name_at(int i, const void *ctx)
{
    (void)ctx;
    return models[i]->name;
}

const struct nn_model *nn_model_find(const char *name, struct err *err)
{
    const char *near;
    struct str known = { 0 };

    for (int i = 0; i < nn_model_count(); i++)
        if (!strcmp(models[i]->name, name))
            return models[i];
    near = str_nearest(name, nn_model_count(), name_at, NULL);
    for (int i = 0; i < nn_model_count(); i++)
        str_printf(&known, "%s%s", i ? ", " : "", models[i]->name);
    err_set(err, ERR_INPUT, "no architecture is called \"%s\"%s%s%s; there are %s", name,
            near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "", str_text(&known));
    str_release(&known);
    return NULL;
}
