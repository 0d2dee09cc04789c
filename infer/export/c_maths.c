/*
 * c_maths -- in C, functions of numbers, sums along dimensions, products of matrices, attention
 *
 * A function of one or two numbers is an expression of the table below; a loop around it is written
 * into the file, once for all nodes where nothing in it is a node's own.
 */
#include "infer/export/c.h"
#include "nn/op/arith.h"
#include "nn/op/attention.h"
#include "nn/op/lrn.h"
#include "nn/op/math.h"
#include "nn/op/matmul.h"
#include "nn/op/reduce.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define B INFER_C_BIT

/* What becomes of v; $a and $b are the node's numbers. */
static const struct {
    const char *text;
    uint64_t parts;
} math[NN_MATH_KIND_COUNT] = {
    [NN_MATH_affine] = { "v * $a + $b", 0 },
    [NN_MATH_abs] = { "v < 0.0f ? -v : v", 0 },
    [NN_MATH_neg] = { "-v", 0 },
    [NN_MATH_exp] = { "exp_of(v)", B(EXP) },
    [NN_MATH_log] = { "log_of(v)", B(LOG_OF) },
    [NN_MATH_sqrt] = { "root_of(v)", B(ROOT_OF) },
    [NN_MATH_reciprocal] = { "1.0f / v", 0 },
    [NN_MATH_floor] = { "floor_of(v)", B(FLOOR_OF) },
    [NN_MATH_ceil] = { "-floor_of(-v)", B(FLOOR_OF) },
    [NN_MATH_round] = { "round_of(v)", B(ROUND_OF) },
    [NN_MATH_trunc] = { "trunc_of(v)", B(TRUNC_OF) },
    [NN_MATH_sign] = { "v > 0.0f ? 1.0f : v < 0.0f ? -1.0f : v", 0 },
    [NN_MATH_erf] = { "erf_of(v)", B(ERF_OF) },
    [NN_MATH_sin] = { "sin_of(v)", B(SIN_OF) },
    [NN_MATH_cos] = { "sin_of(v + 1.57079633f)", B(SIN_OF) },
    [NN_MATH_tan] = { "sin_of(v) / sin_of(v + 1.57079633f)", B(SIN_OF) },
    [NN_MATH_asin] = { "atan_of(v * inverse_root(1.0f - v * v))", B(ATAN_OF) | B(INVERSE_ROOT) },
    [NN_MATH_acos] = { "1.57079633f - atan_of(v * inverse_root(1.0f - v * v))",
                       B(ATAN_OF) | B(INVERSE_ROOT) },
    [NN_MATH_atan] = { "atan_of(v)", B(ATAN_OF) },
    [NN_MATH_sinh] = { "0.5f * (exp_of(v) - exp_of(-v))", B(EXP) },
    [NN_MATH_cosh] = { "0.5f * (exp_of(v) + exp_of(-v))", B(EXP) },
    [NN_MATH_asinh] = { "v < 0.0f ? -log_of(root_of(v * v + 1.0f) - v)\n"
                        "                      : log_of(root_of(v * v + 1.0f) + v)",
                        B(LOG_OF) | B(ROOT_OF) },
    [NN_MATH_acosh] = { "log_of(v + root_of(v * v - 1.0f))", B(LOG_OF) | B(ROOT_OF) },
    [NN_MATH_atanh] = { "0.5f * log_of((1.0f + v) / (1.0f - v))", B(LOG_OF) },
    [NN_MATH_softplus] = { "softplus_of(v)", B(SOFTPLUS_OF) },
    [NN_MATH_softsign] = { "v / (1.0f + (v < 0.0f ? -v : v))", 0 },
    [NN_MATH_elu] = { "v < 0.0f ? $a * (exp_of(v) - 1.0f) : v", B(EXP) },
    [NN_MATH_selu] = { "$b * (v > 0.0f ? v : $a * (exp_of(v) - 1.0f))", B(EXP) },
    [NN_MATH_celu] = { "v > 0.0f ? v : $a * (exp_of(v / $a) - 1.0f)", B(EXP) },
    [NN_MATH_mish] = { "v * tanh_of(softplus_of(v))", B(TANH_OF) | B(SOFTPLUS_OF) },
    [NN_MATH_thresholded] = { "v > $a ? v : 0.0f", 0 },
    [NN_MATH_hardsigmoid] = { "clamp_of(v * $a + $b, 0.0f, 1.0f)", B(CLAMP_OF) },
    [NN_MATH_clip] = { "clamp_of(v, $a, $b)", B(CLAMP_OF) },
    [NN_MATH_isnan] = { "v != v ? 1.0f : 0.0f", 0 },
    [NN_MATH_isinf] = { "(v < -UNLIMITED && $a != 0.0f) || (v > UNLIMITED && $b != 0.0f)\n"
                        "                   ? 1.0f : 0.0f", B(CLAMP_OF) },
    [NN_MATH_not] = { "v == 0.0f ? 1.0f : 0.0f", 0 },
    [NN_MATH_truth] = { "v != 0.0f ? 1.0f : 0.0f", 0 },
};

/* Of v and w. */
static const struct {
    const char *name, *text;
    uint64_t parts;
} arith[NN_ARITH_KINDS] = {
    [NN_ARITH_ADD] = { "sum", "v + w", 0 },
    [NN_ARITH_SUB] = { "difference", "v - w", 0 },
    [NN_ARITH_MUL] = { "product", "v * w", 0 },
    [NN_ARITH_DIV] = { "quotient", "v / w", 0 },
    [NN_ARITH_POW] = { "power", "pow_of(v, w)", B(POW_OF) },
    [NN_ARITH_MIN] = { "least", "v > w ? w : v", 0 },
    [NN_ARITH_MAX] = { "most", "v < w ? w : v", 0 },
    [NN_ARITH_PRELU] = { "prelu", "v < 0.0f ? v * w : v", 0 },
    [NN_ARITH_MOD] = { "modulo", "v - w * floor_of(v / w)", B(FLOOR_OF) },
    [NN_ARITH_FMOD] = { "rest", "v - w * trunc_of(v / w)", B(TRUNC_OF) },
    [NN_ARITH_LESS] = { "less", "v < w ? 1.0f : 0.0f", 0 },
    [NN_ARITH_LESS_EQUAL] = { "less_equal", "v <= w ? 1.0f : 0.0f", 0 },
    [NN_ARITH_EQUAL] = { "equal", "v == w ? 1.0f : 0.0f", 0 },
    [NN_ARITH_AND] = { "both", "v != 0.0f && w != 0.0f ? 1.0f : 0.0f", 0 },
    [NN_ARITH_OR] = { "either", "v != 0.0f || w != 0.0f ? 1.0f : 0.0f", 0 },
    [NN_ARITH_XOR] = { "one_alone", "(v != 0.0f) != (w != 0.0f) ? 1.0f : 0.0f", 0 },
    [NN_ARITH_WHOLE_DIV] = { "whole_quotient", "w == 0.0f ? 0.0f : trunc_of(v / w)", B(TRUNC_OF) },
};

/* A node's number, which C can write: limits of clips may be infinite. */
static void number(struct str *out, double x)
{
    infer_c_number(out, (float)fmax(fmin(x, (double)FLT_MAX), -(double)FLT_MAX));
}

/* text with a for $a and b for $b; whether there was one. */
static bool filled(struct str *out, const char *text, double a, double b)
{
    bool any = false;

    for (const char *p = text; *p; p++)
        if (*p == '$') {
            number(out, *++p == 'a' ? a : b);
            any = true;
        } else {
            str_addc(out, *p);
        }
    return any;
}

bool infer_c_math(struct infer_c_site *s)
{
    const struct nn_math *a = s->node->attr;
    struct str name = { 0 }, text = { 0 }, loop = { 0 };
    /* of a clip the most counts where it is less than the least */
    double low = a->kind == NN_MATH_clip ? fmin(a->a, a->b) : a->a;

    str_printf(&name, "each_%s", field_find(s->node->op->attrs, "kind")->names[a->kind]);
    if (filled(&text, math[a->kind].text, low, a->b))
        str_printf(&name, "%d", s->id);         /* it has numbers of its own */
    str_printf(&loop,
               "\nstatic void %s(int n, const float *x, float *y)\n{\n"
               "    for (int i = 0; i < n; i++) {\n        float v = x[i];\n\n"
               "        y[i] = %s;\n    }\n}\n",
               str_text(&name), str_text(&text));
    if (!strstr(str_text(&s->c->layers), str_text(&loop)))
        str_add(&s->c->layers, str_text(&loop));
    str_printf(s->calls, "%s(%lld, %s, %s);\n", str_text(&name), s->count, s->x, s->y);
    s->c->parts |= math[a->kind].parts;
    str_release(&name);
    str_release(&text);
    str_release(&loop);
    return true;
}

static void broadcast(struct infer_c_site *s)
{
    const struct nn_call c = nn_plan_call(s->c->plan, s->id);
    const struct nn_strided places = nn_strided_broadcast(&c);

    infer_c_strided(s, "strided", &places);
}

bool infer_c_arith(struct infer_c_site *s)
{
    int kind = ((const struct nn_arith *)s->node->attr)->kind;
    struct str loop = { 0 };
    char other[32];

    if (!infer_c_input(s, 1, other))
        return false;
    broadcast(s);
    str_printf(&loop,
               "\nstatic void %s(const struct strided *s, const float *a, const float *b,\n"
               "        float *y)\n{\n"
               "    int n = s->dim[s->rank - 1], of_a = s->step[0][s->rank - 1];\n"
               "    int of_b = s->step[1][s->rank - 1];\n\n"
               "    for (int r = 0; r < s->rows; r++, y += n) {\n"
               "        const float *p = a + strided_at(s, 0, r), *q = b + strided_at(s, 1, r);\n\n"
               "        for (int i = 0; i < n; i++) {\n"
               "            float v = p[i * of_a], w = q[i * of_b];\n\n"
               "            y[i] = %s;\n        }\n    }\n}\n",
               arith[kind].name, arith[kind].text);
    if (!strstr(str_text(&s->c->layers), str_text(&loop)))
        str_add(&s->c->layers, str_text(&loop));
    str_release(&loop);
    str_printf(s->calls, "%s(&strided%d, %s, %s, %s);\n", arith[kind].name, s->id, s->x, other,
               s->y);
    s->c->parts |= arith[kind].parts;
    return true;
}

bool infer_c_where(struct infer_c_site *s)
{
    char a[32], b[32];

    if (!infer_c_input(s, 1, a) || !infer_c_input(s, 2, b))
        return false;
    broadcast(s);
    str_printf(s->calls, "where(&strided%d, %s, %s, %s, %s);\n", s->id, s->x, a, b, s->y);
    s->c->parts |= INFER_C_BIT(WHERE);
    return true;
}

/* Input 0 are the dimensions that stay, 1 those that go; the last one, of 1, is nobody's. */
bool infer_c_reduce(struct infer_c_site *s)
{
    static const char *const kinds[] = { "SUM", "MEAN", "MOST", "LEAST", "PRODUCT", "MOST_AT",
                                         "LEAST_AT" };
    const struct nn_reduce *a = s->node->attr;
    struct nn_strided of[2] = { { .n_in = 1 }, { .n_in = 1 } };
    int64_t step = shape_count(s->in);

    for (int d = 0; d < s->in->rank; d++) {
        struct nn_strided *to = &of[0];

        for (int i = 0; i < SHAPE_MAX_RANK - 1 && a->axes[i]; i++)
            to = a->axes[i] == d ? &of[1] : to;
        step /= s->in->dim[d];
        to->dim[to->rank] = s->in->dim[d];
        to->step[0][to->rank++] = step;
    }
    str_add(s->calls, "reduce(");
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "gone" : "stays";

        of[i].dim[of[i].rank++] = 1;
        infer_c_strided(s, name, &of[i]);
        str_printf(s->calls, "&%s%d, ", name, s->id);
    }
    str_printf(s->calls, "%s, %d, %s, %s);\n", kinds[a->kind], a->last, s->x, s->y);
    s->c->parts |= INFER_C_BIT(REDUCE);
    return true;
}

bool infer_c_lrn(struct infer_c_site *s)
{
    const struct nn_lrn *a = s->node->attr;
    long long n = s->out->dim[s->out->rank - 1];

    str_printf(s->calls, "lrn(%lld, %lld, %d, ", s->count / n, n, a->size);
    infer_c_argument(s, a->alpha / a->size);
    infer_c_argument(s, -a->beta);
    infer_c_argument(s, a->bias);
    str_printf(s->calls, "%s, %s);\n", s->x, s->y);
    s->c->parts |= INFER_C_BIT(LRN);
    return true;
}

bool infer_c_matmul(struct infer_c_site *s)
{
    const struct nn_call c = nn_plan_call(s->c->plan, s->id);
    const struct nn_strided places = nn_matmul_places(&c);
    const struct nn_matmul *a = s->node->attr;
    const struct shape *y = s->out;
    char other[32];

    if (!infer_c_input(s, 1, other))
        return false;
    infer_c_strided(s, "strided", &places);
    str_printf(s->calls, "matmul(&strided%d, %lld, %lld, %lld, %d, %s, %s, %s);\n", s->id,
               (long long)y->dim[y->rank - 2], (long long)y->dim[y->rank - 1],
               (long long)s->in->dim[s->in->rank - 1], a->turned, s->x, other, s->y);
    s->c->parts |= INFER_C_BIT(MATMUL);
    return true;
}

bool infer_c_attention(struct infer_c_site *s)
{
    enum { TABLE = 1 };
    const struct nn_attention *a = s->node->attr;
    const int64_t *dim = s->in->dim;
    bool picture = s->in->rank == 4;
    int rows = picture ? (int)dim[1] : 1, columns = (int)dim[picture ? 2 : 1];
    int high = a->window ? a->window : rows, wide = a->window ? a->window : columns;
    int depth = (int)dim[s->in->rank - 1] / 3 / a->heads;
    size_t room = (size_t)high * (size_t)wide * (size_t)(depth + 1);
    char table[32] = "0";

    if (s->node->n_in > TABLE && !infer_c_input(s, TABLE, table))
        return false;
    if (s->c->room < room)
        s->c->room = room;
    str_printf(&s->c->layers,
               "static const struct attention attention%d = { %d, %d, %d, %d, %d, %d, %d, %d, %d, "
               "%d };\n", s->id, rows, columns, high, wide, a->shift, a->rolled, a->heads, depth,
               a->causal, a->by_head);
    str_printf(s->calls, "attend(&attention%d, ", s->id);
    infer_c_argument(s, 1 / sqrt((double)depth));
    str_printf(s->calls, "%s, %s, arena + %zu, %s);\n", s->x, table,
               s->c->plan->bytes / sizeof(real), s->y);
    s->c->parts |= INFER_C_BIT(ATTENTION);
    return true;
}
