/*
 * model -- the table of architectures, and what they share
 */
#include "nn/model/model.h"
#include "nn/op/batchnorm.h"
#include "nn/op/conv2d.h"
#include "nn/op/linear.h"
#include "nn/op/reshape.h"

#include <string.h>

static const struct nn_model *const families[] = {
#define NN_FAMILY(name) nn_family_##name,
#include "nn/model/models.def"
#undef NN_FAMILY
    NULL
};

/* Model i of all; NULL behind the last, *n = how many there are. */
static const struct nn_model *find(int i, int *n)
{
    *n = 0;
    for (const struct nn_model *const *f = families; *f; f++)
        for (const struct nn_model *m = *f; m->name; m++)
            if ((*n)++ == i)
                return m;
    return NULL;
}

int nn_model_count(void)
{
    int n;

    find(-1, &n);
    return n;
}

const struct nn_model *nn_model_at(int i)
{
    int n;

    return find(i, &n);
}

struct nn_graph *nn_model_build(const struct nn_model *m, const struct nn_model_args *args,
                                struct err *err)
{
    return m->build(m, args, err);
}

static const char *name_at(int i, const void *ctx)
{
    (void)ctx;
    return nn_model_at(i)->name;
}

const struct nn_model *nn_model_find(const char *name, struct err *err)
{
    const char *near;

    for (int i = 0; i < nn_model_count(); i++)
        if (!strcmp(nn_model_at(i)->name, name))
            return nn_model_at(i);
    near = str_nearest(name, nn_model_count(), name_at, NULL);
    err_set(err, ERR_USAGE,
            "no architecture is called \"%s\"%s%s%s (discern info --models lists them)", name,
            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

double nn_model_droppath(const struct nn_model_args *args, int i, int n)
{
    return args->droppath * i / n;
}

int nn_model_conv_bn(struct nn_build *b, const char *prefix, const char *conv, const char *bn,
                     int x, struct nn_conv2d attr)
{
    return nn_model_conv_bn_of(b, prefix, conv, bn, x, attr, (struct nn_bn){ .epsilon = 0 });
}

int nn_model_conv_bn_of(struct nn_build *b, const char *prefix, const char *conv, const char *bn,
                        int x, struct nn_conv2d attr, struct nn_bn norm)
{
    char name[128];

    snprintf(name, sizeof name, "%s%s", prefix, conv);
    x = nn_conv(b, name, x, attr);
    snprintf(name, sizeof name, "%s%s", prefix, bn);
    return nn_batchnorm_of(b, name, x, norm);
}

struct nn_conv2d nn_model_filter(const struct nn_build *b, int x, enum nn_model_pad pad,
                                 struct nn_conv2d attr)
{
    for (int d = 0; d < 2; d++) {
        int size = attr.size[d], stride = attr.stride[d], n = nn_build_dim(b, x, 1 + d);
        int all = pad == NN_MODEL_PAD_EVEN ? size / 2 * 2
                                           : ((n + stride - 1) / stride - 1) * stride + size - n;

        all = all < 0 ? 0 : all;
        attr.pad[d] = all / 2;
        attr.pad[2 + d] = all - all / 2;
    }
    return attr;
}

int nn_model_dense(struct nn_build *b, const char *prefix, const char *name, int x, int width)
{
    char text[128];

    snprintf(text, sizeof text, "%s%s", prefix, name);
    return nn_dense(b, text, x, (struct nn_linear){ .width = width, .bias = true });
}

int nn_model_layernorm(struct nn_build *b, const char *prefix, const char *name, int x,
                       double epsilon)
{
    char text[128];

    snprintf(text, sizeof text, "%s%s", prefix, name);
    return nn_layernorm(b, text, x, epsilon);
}

int nn_model_divisible(double n, double least)
{
    int rounded = (int)(n + 4) / 8 * 8;

    if (rounded < 8)
        rounded = 8;
    return rounded < least * n ? rounded + 8 : rounded;
}

int nn_model_squeeze(struct nn_build *b, const char *prefix, const char *reduce,
                     const char *expand, int x, int width, nn_model_map *act, nn_model_map *gate)
{
    int y = nn_reshape(b, nn_meanpool(b, x), (struct nn_reshape){ .shape = { 1, 1, -1 } });
    char name[64];

    snprintf(name, sizeof name, "%s%s", prefix, reduce);
    y = act(b, nn_conv(b, name, y, (struct nn_conv2d){ .channels = width, .bias = true }));
    snprintf(name, sizeof name, "%s%s", prefix, expand);
    y = nn_conv(b, name, y, (struct nn_conv2d){ .channels = nn_build_dim(b, x, 3), .bias = true });
    return nn_gate(b, x, gate(b, y));
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

struct nn_graph *nn_model_end_conv(struct nn_build *b, int x, const char *name,
                                   const struct nn_model_args *args)
{
    x = nn_meanpool(b, x);
    if (args->dropout > 0)
        x = nn_dropout(b, x, args->dropout);
    x = nn_reshape(b, x, (struct nn_reshape){ .shape = { 1, 1, -1 } });
    x = nn_conv(b, name, x, (struct nn_conv2d){ .channels = args->labels, .bias = true });
    nn_build_output(b, "logits", nn_flatten(b, x));
    return nn_build_end(b);
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
