/* fuzz: any bytes as a table of variants; what is read chooses what a convolution can take */
#include "nn/op/conv2d.h"
#include "nn/variant.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nn_conv2d attr = { .channels = 256, .size = NN_BOTH(3), .stride = NN_BOTH(1),
                              .dilation = NN_BOTH(1), .pad = NN_ALL(1), .groups = 1 };
    struct nn_call c = { .attr = &attr, .mode = NN_TRAIN, .n_in = 2,
                         .x[0].shape = { 4, { 4, 14, 14, 32 } },
                         .y.shape = { 4, { 4, 14, 14, 256 } } };
    char *text = calloc(size + 1, 1);
    struct err err = { 0 };
    struct nn_variants *t;

    if (!text)
        return 0;
    memcpy(text, data, size);
    t = nn_variants_read(text, &err);
    if (!t && (err.kind == ERR_NONE || !err.msg[0]))
        abort();
    if (t && !nn_variants_choose(t, &nn_op_conv2d, &c, &err))
        abort();
    for (int k = 0; t && nn_op_conv2d.choices[k].name; k++)
        if (!nn_op_conv2d.choices[k].can(&c, c.variant[k]))
            abort();
    nn_variants_free(t);
    free(text);
    return 0;
}
