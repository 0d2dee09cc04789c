/*
 * convnext -- convolutions in the shape of transformers
 *
 * Liu et al., "A ConvNet for the 2020s", arXiv:2201.03545, fig. 4 and sec. 2.7: 4x4 patches; blocks
 * of a 7x7 depthwise convolution, a layer norm, two linear layers of each pixel and a scale; a norm
 * and a 2x2 convolution between stages.  Names of timm's; epsilon 1e-6.
 */
#include "nn/model/model.h"
#include "nn/op/conv2d.h"
#include "nn/op/scale.h"

#include <string.h>

enum { STAGES = 4, WIDER = 4, FIRST = 96 };

static int block(struct nn_build *b, const char *prefix, int x, double droppath)
{
    int width = nn_build_dim(b, x, 3);
    char name[96];
    int y;

    snprintf(name, sizeof name, "%sconv_dw", prefix);
    y = nn_conv(b, name, x, (struct nn_conv2d){
        .channels = width, .size = NN_BOTH(7), .pad = NN_ALL(3), .groups = width, .bias = true });
    y = nn_model_layernorm(b, prefix, "norm", y, 1e-6);
    y = nn_gelu(b, nn_model_dense(b, prefix, "mlp.fc1", y, WIDER * width));
    y = nn_model_dense(b, prefix, "mlp.fc2", y, width);
    snprintf(name, sizeof name, "%.*s", (int)strlen(prefix) - 1, prefix);   /* its "gamma" */
    y = nn_scale(b, name, y, (struct nn_scale){ .first = 1e-6 });
    return nn_add(b, x, nn_droppath(b, y, droppath));
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const int *blocks = m->row;
    struct nn_build b;
    int x = nn_model_begin(&b, m, args, err), done = 0, all = 0;

    for (int s = 0; s < STAGES; s++)
        all += blocks[s];
    x = nn_conv(&b, "stem.0", x, (struct nn_conv2d){
        .channels = FIRST, .size = NN_BOTH(4), .stride = NN_BOTH(4), .bias = true });
    x = nn_layernorm(&b, "stem.1", x, 1e-6);
    for (int s = 0; s < STAGES; s++) {
        char name[48], prefix[64];

        if (s) {
            snprintf(name, sizeof name, "stages.%d.downsample.0", s);
            x = nn_layernorm(&b, name, x, 1e-6);
            snprintf(name, sizeof name, "stages.%d.downsample.1", s);
            x = nn_conv(&b, name, x, (struct nn_conv2d){
                .channels = FIRST << s, .size = NN_BOTH(2), .stride = NN_BOTH(2), .bias = true });
        }
        for (int i = 0; i < blocks[s]; i++) {
            snprintf(prefix, sizeof prefix, "stages.%d.blocks.%d.", s, i);
            x = block(&b, prefix, x, nn_model_droppath(args, ++done, all));
        }
    }
    x = nn_layernorm(&b, "head.norm", nn_meanpool(&b, x), 1e-6);
    if (args->dropout > 0)
        x = nn_dropout(&b, x, args->dropout);
    nn_build_output(&b, "logits", nn_model_dense(&b, "", "head.fc", x, args->labels));
    return nn_build_end(&b);
}

#define NETWORK(called, tested, ...) \
    { .name = "convnext_" called, .doc = "ConvNeXt-" called ", Liu et al. 2022, arXiv:2201.03545", \
      .size = 224, .least = 32, .sample = tested, .row = (const int[STAGES]){ __VA_ARGS__ }, \
      .build = build }

const struct nn_model nn_family_convnext[] = {
    NETWORK("tiny", false, 3, 3, 9, 3),
    NETWORK("small", false, 3, 3, 27, 3),
    { .name = NULL }
};
