/*
 * param -- a parameter: trained, or a buffer that forward writes while training
 *
 * Its shape is the one in memory; the permutation leads to the one in files (a convolution's weight
 * lies as [kh,kw,C,K] and is stored as [K,C,kh,kw]).
 */
#include "nn/op.h"

#include <limits.h>

const char *const nn_init_names[] = {
    "zeros", "ones", "he", "glorot", "lecun", "constant", "trunc", "orthogonal", "dirac", NULL
};

static const struct field attrs[] = {
    FIELD_LIST(struct nn_param, shape, SHAPE_MAX_RANK, 0, INT_MAX, "dimensions in memory"),
    FIELD_LIST(struct nn_param, perm, SHAPE_MAX_RANK, 0, SHAPE_MAX_RANK - 1,
               "for each dimension in files the one in memory; all 0: the same order"),
    FIELD_ENUM(struct nn_param, init, nn_init_names, 0, "first values"),
    FIELD_BOOL(struct nn_param, buffer, "state that is written while training, not trained"),
    FIELD_FLOAT(struct nn_param, value, NULL, 0, -1e6, 1e6, "of init constant"),
    FIELD_INT(struct nn_param, groups, NULL, 1, 1, 1 << 20,
              "filters fall into so many, each with its own channels"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_param *a = attr;
    unsigned seen = 0, any = 0;

    (void)n_in;
    (void)in;
    *out = nn_type_of_param(a);
    if (!out->rank)
        return err_set(err, ERR_INPUT, "param: needs a shape");
    for (int i = out->rank; i < SHAPE_MAX_RANK; i++)
        if (a->shape[i])
            return err_set(err, ERR_INPUT, "param: shape: a dimension of 0 stands before others");
    for (int i = 0; i < SHAPE_MAX_RANK; i++) {
        any |= (unsigned)a->perm[i];
        if (i < out->rank)
            seen |= 1u << a->perm[i];
        else if (a->perm[i])
            return err_set(err, ERR_INPUT, "param: perm is longer than shape");
    }
    if (any && seen != (1u << out->rank) - 1)
        return err_set(err, ERR_INPUT, "param: perm does not name each of the %d dimensions once",
                       out->rank);
    return nn_type_fits(&nn_op_param, out, err);
}

const struct nn_op nn_op_param = {
    .name = "param", .doc = "a parameter of the network",
    .flags = NN_OP_LEAF,
    .attr_size = sizeof(struct nn_param), .attrs = attrs,
    .type = type,
    .cases = (const struct nn_case[]){
        { "shape=3x3x4x6 perm=3x2x0x1 init=he", "", NULL },
        { "shape=7 buffer=true init=ones", "", NULL },
        { NULL, NULL, NULL }
    },
};
