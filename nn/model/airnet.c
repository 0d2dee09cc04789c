/*
 * airnet -- a plain network that learns small pictures in eight epochs
 *
 * A 2x2 convolution without padding, made to whiten what it sees (train/whiten.h) and then left as
 * it is; three groups of two 3x3 convolutions, the first of which ends in a max pool; a max pool
 * over what is left; a ninth of that; a linear layer without bias.  A norm and a GELU follow every
 * 3x3 convolution, of the first after the pool.  The norms' running statistics keep only six tenths
 * of themselves in each step, since there are but hundreds of steps.  Jordan, "94% on CIFAR-10 in
 * 3.29 seconds", arXiv:2404.00498, sec. 3.1 and listing 4, after Page's "How to train your ResNet".
 *
 * It is made for 32x32 pictures, where the last pool leaves one pixel: 236 MFLOP forward.  Of
 * larger ones it leaves more, which are averaged; the cost grows with the pixels.
 *
 * Its recipe (docs/train.md) begins with --whiten and --weights dirac and keeps the factors of the
 * norms: --freeze 'whiten.weight,*norm*.weight'.
 */
#include "nn/model/model.h"
#include "nn/op/batchnorm.h"
#include "nn/op/conv2d.h"
#include "nn/op/linear.h"
#include "nn/op/pool.h"
#include "nn/op/scale.h"

enum { GROUPS = 3, WINDOW = 2 };

static int filter(struct nn_build *b, const char *prefix, int i, int x, int channels)
{
    char name[64];

    snprintf(name, sizeof name, "%s.conv%d", prefix, i);
    return nn_conv(b, name, x, (struct nn_conv2d){
        .channels = channels, .size = NN_BOTH(3), .pad = NN_ALL(1) });
}

static int norm_gelu(struct nn_build *b, const char *prefix, int i, int x)
{
    char name[64];

    snprintf(name, sizeof name, "%s.norm%d", prefix, i);
    return nn_gelu(b, nn_batchnorm_of(b, name, x, (struct nn_bn){ .momentum = 0.4 }));
}

static int shrink(struct nn_build *b, int x, int by)
{
    return nn_maxpool(b, x, (struct nn_pool){ .size = NN_BOTH(by), .stride = NN_BOTH(by) });
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    static const int width[GROUPS] = { 64, 256, 256 };
    struct nn_build b;
    int x = nn_model_begin(&b, m, args, err);

    x = nn_gelu(&b, nn_conv(&b, "whiten", x, (struct nn_conv2d){
        .channels = 2 * WINDOW * WINDOW * args->channels, .size = NN_BOTH(WINDOW), .bias = true }));
    for (int i = 0; i < GROUPS; i++) {
        char name[32];

        snprintf(name, sizeof name, "group%d", i + 1);
        x = norm_gelu(&b, name, 1, shrink(&b, filter(&b, name, 1, x, width[i]), 2));
        x = norm_gelu(&b, name, 2, filter(&b, name, 2, x, width[i]));
    }
    x = nn_meanpool(&b, shrink(&b, x, 3));
    x = nn_scale(&b, "ninth", x, (struct nn_scale){ .first = 1.0 / 9, .fixed = true });
    if (args->dropout > 0)
        x = nn_dropout(&b, x, args->dropout);
    x = nn_dense(&b, "head", x, (struct nn_linear){ .width = args->labels });
    nn_build_output(&b, "logits", x);
    return nn_build_end(&b);
}

const struct nn_model nn_family_airnet[] = {
    {
        .name = "airnet",
        .doc = "plain network for small pictures and few epochs (Jordan 2024, arXiv:2404.00498)",
        .size = 32, .least = 25, .sample = true, .build = build,
    },
    { .name = NULL }
};
