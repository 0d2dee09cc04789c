/*
 * inverted -- see inverted.h
 */
#include "nn/model/inverted.h"

#include "nn/op/batchnorm.h"
#include "nn/op/conv2d.h"
#include "nn/op/linear.h"
#include "nn/op/reshape.h"

#include <math.h>

static const double LEAST = 0.9;        /* rounding of channels: nn_model_divisible */

struct block {
    const struct nn_inverted *v;
    const struct nn_inverted_stage *stage;
    const char *prefix;
    int stride, to;
    double droppath;
};

/* A convolution without bias, padded as the network does, and its norm. */
static int conv_bn(struct nn_build *b, const struct nn_inverted *v, const char *prefix,
                   const char *conv, const char *bn, int x, struct nn_conv2d attr)
{
    return nn_model_conv_bn_of(b, prefix, conv, bn, x,
                               nn_model_filter(b, x, v->tf ? NN_MODEL_PAD_SAME : NN_MODEL_PAD_EVEN,
                                               attr),
                               (struct nn_bn){ .epsilon = v->tf ? 1e-3 : 0 });
}

static struct nn_conv2d filter(int channels, int size, int stride, int groups)
{
    return (struct nn_conv2d){ .channels = channels, .size = NN_BOTH(size),
                               .stride = NN_BOTH(stride), .groups = groups };
}

static int act(struct nn_build *b, const struct block *k, int x)
{
    return k->stage->relu || !k->v->act ? nn_relu(b, x) : k->v->act(b, x);
}

static int gated(struct nn_build *b, const struct block *k, int x, int from)
{
    int wide = nn_build_dim(b, x, 3), width;

    if (!k->stage->gated)
        return x;
    width = k->v->gate_wide ? nn_model_divisible(0.25 * wide, LEAST)
                            : (int)nearbyint(0.25 * from);
    return nn_model_squeeze(b, k->prefix, "se.conv_reduce", "se.conv_expand", x, width,
                            k->v->gate_wide ? nn_relu : k->v->act, k->v->gate);
}

static int block(struct nn_build *b, const struct block *k, int x)
{
    const struct nn_inverted_stage *s = k->stage;
    int from = nn_build_dim(b, x, 3), wide = nn_model_divisible(from * s->expand, LEAST), y;

    switch (s->kind) {
    case NN_INVERTED_SEPARABLE:
        y = act(b, k, conv_bn(b, k->v, k->prefix, "conv_dw", "bn1", x,
                              filter(from, s->size, k->stride, from)));
        y = conv_bn(b, k->v, k->prefix, "conv_pw", "bn2", gated(b, k, y, from),
                    filter(k->to, 1, 1, 1));
        break;
    case NN_INVERTED_RESIDUAL:
        y = act(b, k, conv_bn(b, k->v, k->prefix, "conv_pw", "bn1", x, filter(wide, 1, 1, 1)));
        y = act(b, k, conv_bn(b, k->v, k->prefix, "conv_dw", "bn2", y,
                              filter(wide, s->size, k->stride, wide)));
        y = conv_bn(b, k->v, k->prefix, "conv_pwl", "bn3", gated(b, k, y, from),
                    filter(k->to, 1, 1, 1));
        break;
    case NN_INVERTED_FUSED:
        y = act(b, k, conv_bn(b, k->v, k->prefix, "conv_exp", "bn1", x,
                              filter(wide, s->size, k->stride, 1)));
        y = conv_bn(b, k->v, k->prefix, "conv_pwl", "bn2", y, filter(k->to, 1, 1, 1));
        break;
    default:
        y = act(b, k, conv_bn(b, k->v, k->prefix, "conv", "bn1", x,
                              filter(k->to, s->size, k->stride, 1)));
        if (s->size == 1)       /* the last one is no residual */
            return y;
    }
    return k->stride == 1 && from == k->to ? nn_add(b, x, nn_droppath(b, y, k->droppath)) : y;
}

static int times(int n, double by)
{
    return by > 0 ? (int)ceil(n * by) : n;
}

int nn_inverted_wide(int n, double width)
{
    return width > 0 ? nn_model_divisible(n * width, LEAST) : n;
}

static int stages(struct nn_build *b, const struct nn_inverted *v, const struct nn_model_args *args,
                  int x)
{
    int all = 0, done = 0, number = -1, first = 0;

    for (const struct nn_inverted_stage *s = v->stage; s->n; s++)
        all += times(s->n, v->depth);
    for (const struct nn_inverted_stage *s = v->stage; s->n; s++) {
        first = s->more ? first : 0;
        number += !s->more;
        for (int i = 0; i < times(s->n, v->depth); i++) {
            char prefix[40];
            struct block k = { .v = v, .stage = s, .prefix = prefix, .stride = i ? 1 : s->stride,
                               .to = nn_inverted_wide(s->channels, v->width),
                               .droppath = nn_model_droppath(args, ++done, all) };

            snprintf(prefix, sizeof prefix, "blocks.%d.%d.", number, first++);
            x = block(b, &k, x);
        }
    }
    return x;
}

static struct nn_graph *end_behind_mean(struct nn_build *b, const struct nn_inverted *v, int x,
                                        const struct nn_model_args *args)
{
    x = nn_reshape(b, nn_meanpool(b, x), (struct nn_reshape){ .shape = { 1, 1, -1 } });
    x = v->act(b, nn_conv(b, "conv_head", x, (struct nn_conv2d){
        .channels = v->head, .bias = true }));
    return nn_model_end(b, x, "classifier", args);
}

struct nn_graph *nn_inverted_build(const struct nn_model *m, const struct nn_inverted *v,
                                   const struct nn_model_args *args, struct err *err)
{
    const struct block bare = { .v = v, .stage = &(const struct nn_inverted_stage){ .n = 0 } };
    struct nn_build b;
    int x = nn_model_begin(&b, m, args, err);

    x = act(&b, &bare, conv_bn(&b, v, "", "conv_stem", "bn1", x,
                               filter(nn_inverted_wide(v->stem, v->width), 3, 2, 1)));
    x = stages(&b, v, args, x);
    if (v->head_last)
        return end_behind_mean(&b, v, x, args);
    x = act(&b, &bare, conv_bn(&b, v, "", "conv_head", "bn2", x, filter(v->head, 1, 1, 1)));
    return nn_model_end(&b, x, "classifier", args);
}
