/*
 * const -- a value that belongs to the network, is stored with it and never changes
 */
#include "nn/op.h"

#include <limits.h>

static const struct field attrs[] = {
    FIELD_LIST(struct nn_param, shape, SHAPE_MAX_RANK, 0, INT_MAX, "dimensions in memory"),
    FIELD_LIST(struct nn_param, perm, SHAPE_MAX_RANK, 0, SHAPE_MAX_RANK - 1,
               "for each dimension in files the one in memory; all 0: the same order"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    return nn_op_param.type(attr, n_in, in, out, err) || err_in(err, "const");
}

const struct nn_op nn_op_const = {
    .name = "const", .doc = "a stored value that is not trained",
    .flags = NN_OP_LEAF,
    .attr_size = sizeof(struct nn_param), .attrs = attrs,
    .type = type,
    .cases = (const struct nn_case[]){
        { "shape=2x3", "", NULL }, { "shape=5", "", NULL }, { NULL, NULL, NULL }
    },
};
