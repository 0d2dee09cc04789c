/*
 * input -- what comes from outside: a batch of pictures, or of anything
 *
 * The type is [N, shape...].
 */
#include "nn/op/input.h"
#include "nn/op.h"

static const struct field attrs[] = {
    FIELD_LIST(struct nn_input, shape, SHAPE_MAX_RANK - 1, 0, 1 << 24,
               "dimensions after the batch: height, width and channels of a picture"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_input *a = attr;
    int n = 0;

    (void)n_in;
    (void)in;
    *out = (struct nn_type){ .dtype = DTYPE_F32, .rank = 1, .dim = { { 1, 1 } } };
    for (; n < SHAPE_MAX_RANK - 1 && a->shape[n]; n++)
        out->dim[out->rank++].n = a->shape[n];
    if (!n)
        return err_set(err, ERR_INPUT, "input: needs a shape");
    for (; n < SHAPE_MAX_RANK - 1; n++)
        if (a->shape[n])
            return err_set(err, ERR_INPUT, "input: shape: a dimension of 0 stands before others");
    return nn_type_fits(&nn_op_input, out, err);
}

const struct nn_op nn_op_input = {
    .name = "input", .doc = "a value from outside, one of each picture of the batch",
    .flags = NN_OP_LEAF,
    .attr_size = sizeof(struct nn_input), .attrs = attrs,
    .type = type,
    .cases = (const struct nn_case[]){
        { "shape=5x7x3", "", NULL }, { "shape=4", "", NULL }, { NULL, NULL, NULL }
    },
};
