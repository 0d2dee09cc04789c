/*
 * model -- the table of architectures, and what they share
 */
#include "nn/model/model.h"
#include "nn/op/conv2d.h"
#include "nn/op/linear.h"

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
    err_set(err, ERR_USAGE, "no architecture is called \"%s\"%s%s%s (there are %s)", name,
            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "", str_text(&known));
    str_release(&known);
    return NULL;
}

double nn_model_droppath(const struct nn_model_args *args, int i, int n)
{
    return args->droppath * i / n;
}

int nn_model_conv_bn(struct nn_build *b, const char *prefix, const char *conv, const char *bn,
                     int x, struct nn_conv2d attr)
{
    char name[64];

    snprintf(name, sizeof name, "%s%s", prefix, conv);
    x = nn_conv(b, name, x, attr);
    snprintf(name, sizeof name, "%s%s", prefix, bn);
    return nn_batchnorm(b, name, x);
}

int nn_model_begin(struct nn_build *b, const struct nn_model *m, const struct nn_model_args *args,
                   struct err *err)
{
    if (args->height < m->least || args->width < m->least) {
        *b = (struct nn_build){ .err = err };
        err_set(err, ERR_INPUT, "%s: pictures of %dx%d are too small, %dx%d is the least", m->name,
                args->width, args->height, m->least, m->least);
        return -1;
    }
    *b = nn_build_begin(err);
    return nn_input(b, "image", 3, (int[]){ args->height, args->width, args->channels });
}

struct nn_graph *nn_model_end(struct nn_build *b, int x, const char *name,
                              const struct nn_model_args *args)
{
    x = nn_meanpool(b, x);
    if (args->dropout > 0)
        x = nn_dropout(b, x, args->dropout);
    x = nn_dense(b, name, x, (struct nn_linear){ .width = args->labels, .bias = true });
    nn_build_output(b, "logits", x);
    return nn_build_end(b);
}
