/* math -- attributes and the functions, for importers; the operator is in math.c */
#ifndef NN_OP_MATH_H
#define NN_OP_MATH_H

#define NN_MATH_KINDS(K) \
    K(affine) K(abs) K(neg) K(exp) K(log) K(sqrt) K(reciprocal) K(floor) K(ceil) K(round) \
    K(trunc) K(sign) K(erf) K(sin) K(cos) K(tan) K(asin) K(acos) K(atan) K(sinh) K(cosh) \
    K(asinh) K(acosh) K(atanh) K(softplus) K(softsign) K(elu) K(selu) K(celu) K(mish) \
    K(thresholded) K(hardsigmoid) K(clip) K(isnan) K(isinf) K(not) K(truth)

#define NN_MATH_KIND(k) NN_MATH_##k,
enum nn_math_kind { NN_MATH_KINDS(NN_MATH_KIND) NN_MATH_KIND_COUNT };
#undef NN_MATH_KIND

struct nn_math {
    int kind;                   /* enum nn_math_kind */
    double a, b;                /* affine a x + b; clip [a, b]; elu, selu, celu, thresholded,
                                   hardsigmoid as ONNX: alpha, gamma or beta; isinf: a < 0, b > 0
                                   count */
};

double nn_math_of(const struct nn_math *m, double x);

#endif
