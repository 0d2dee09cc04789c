/*
 * c_moves -- in C, operators that put numbers elsewhere or repeat them
 */
#include "infer/export/c.h"
#include "nn/op/concat.h"
#include "nn/op/expand.h"
#include "nn/op/gather.h"
#include "nn/op/pad.h"
#include "nn/op/resize.h"
#include "nn/op/slice.h"
#include "nn/op/strided.h"
#include "nn/op/transpose.h"

#include <stdio.h>
#include <stdlib.h>

static void copy(struct infer_c_site *s, long long rows, long long n, const char *x, long long from,
                 long long at, long long to)
{
    str_printf(s->calls, "copy(%lld, %lld, %s, %lld, %s + %lld, %lld);\n", rows, n, x, from, s->y,
               at, to);
    s->c->parts |= INFER_C_BIT(COPY);
}

bool infer_c_concat(struct infer_c_site *s)
{
    int axis = ((const struct nn_concat *)s->node->attr)->axis;
    long long to = nn_op_run(s->out, axis), at = 0;

    for (int i = 0; i < s->node->n_in; i++) {
        long long n = nn_op_run(&s->c->plan->shape[s->node->in[i]], axis);
        char x[32];

        if (!infer_c_input(s, i, x))
            return false;
        str_add(s->calls, i ? "    " : "");
        copy(s, s->count / to, n, x, n, at, to);
        at += n;
    }
    return true;
}

/* What is not a constant: the places that a table names. */
static bool pad_of_places(struct infer_c_site *s, int axis, long long inner)
{
    const struct nn_pad *a = s->node->attr;
    int from = (int)s->in->dim[axis], n = (int)s->out->dim[axis];
    real *place = calloc((size_t)n, sizeof *place);
    bool ok = place || infer_c_no_memory(s->err);

    for (int i = 0; ok && i < n; i++)
        place[i] = (real)nn_pad_place(a, from, i);
    ok = ok && infer_c_store(s->c, "place", s->id, (size_t)n, place, s->err);
    free(place);
    str_printf(s->calls, "gather(%lld, %d, %d, %lld, %s, place%d, %s);\n", s->count / n / inner, n,
               from, inner, s->x, s->id, s->y);
    s->c->parts |= INFER_C_BIT(GATHER);
    return ok;
}

/* Rows of the places before, of x and of those behind, each a copy. */
bool infer_c_pad(struct infer_c_site *s)
{
    const struct nn_pad *a = s->node->attr;
    int axis = nn_op_axis(a->axis, s->out->rank);
    long long to = nn_op_run(s->out, axis), inner = nn_op_behind(s->out, axis);
    long long before = a->before * inner, own = nn_op_run(s->in, axis), behind = a->after * inner;
    long long most = before > behind ? before : behind, rows = s->count / to;
    real *value;
    char by[32];
    bool ok;

    if (a->mode != NN_PAD_CONSTANT)
        return pad_of_places(s, axis, inner);
    value = calloc((size_t)most + 1, sizeof *value);
    ok = value || infer_c_no_memory(s->err);
    for (long long i = 0; ok && i < most; i++)
        value[i] = (real)a->value;
    if (ok && most)
        ok = infer_c_store(s->c, "value", s->id, (size_t)most, value, s->err);
    free(value);
    snprintf(by, sizeof by, "value%d", s->id);
    if (before) {
        copy(s, rows, before, by, 0, 0, to);
        str_add(s->calls, "    ");
    }
    copy(s, rows, own, s->x, own, before, to);
    if (behind) {
        str_add(s->calls, "    ");
        copy(s, rows, behind, by, 0, before + own, to);
    }
    return ok;
}

/* The same numbers: where they lie in place, which is nearly always, nothing is left to do. */
bool infer_c_same(struct infer_c_site *s)
{
    if (s->c->plan->value[s->id] != s->c->plan->value[s->node->in[0]])
        copy(s, 1, s->count, s->x, 0, 0, 0);
    return true;
}

void infer_c_strided(struct infer_c_site *s, const char *prefix, const struct nn_strided *places)
{
    struct str *out = &s->c->layers;

    str_printf(out, "static const struct strided %s%d = { %d, %lld, ", prefix, s->id,
               places->rank, (long long)nn_strided_rows(places));
    infer_c_ints(out, places->rank, places->dim);
    str_add(out, ", { ");
    for (int i = 0; i < places->n_in; i++) {
        str_add(out, i ? ", " : "");
        infer_c_ints(out, places->rank, places->step[i]);
    }
    str_add(out, " } };\n");
    s->c->parts |= INFER_C_BIT(STRIDED);
}

/* Numbers of x, from one on, as they are. */
static bool take(struct infer_c_site *s, const struct nn_strided *places, long long from)
{
    infer_c_strided(s, "strided", places);
    str_printf(s->calls, "take(&strided%d, %s + %lld, %s);\n", s->id, s->x, from, s->y);
    s->c->parts |= INFER_C_BIT(TAKE);
    return true;
}

bool infer_c_transpose(struct infer_c_site *s)
{
    const struct nn_call c = nn_plan_call(s->c->plan, s->id);
    const struct nn_strided places = nn_transpose_places(&c);

    return take(s, &places, 0);
}

bool infer_c_expand(struct infer_c_site *s)
{
    struct nn_call c = nn_plan_call(s->c->plan, s->id);
    struct nn_strided places;

    c.n_in = 1;                 /* of the second one nothing is read */
    places = nn_strided_broadcast(&c);
    return take(s, &places, 0);
}

bool infer_c_slice(struct infer_c_site *s)
{
    const struct nn_slice *a = s->node->attr;
    int64_t run = nn_op_run(s->in, a->axis), inner = nn_op_behind(s->in, a->axis);
    struct nn_strided places = { .rank = 3, .n_in = 1,
                                 .dim = { s->count / (a->count * inner), a->count, inner },
                                 .step = { { run, a->step * inner, 1 } } };

    if (a->step == 1) {         /* one run */
        places.dim[1] = 1;
        places.dim[2] *= a->count;
    }
    return take(s, &places, a->start * inner);
}

/* A batch of one: whether places are of each picture or of all is the same. */
bool infer_c_gather(struct infer_c_site *s)
{
    const struct nn_gather *a = s->node->attr;
    const struct shape *index = &s->c->plan->shape[s->node->in[1]];
    long long n = index->dim[index->rank - 1], inner = nn_op_behind(s->in, a->axis);
    char at[32];

    if (!infer_c_input(s, 1, at))
        return false;
    str_printf(s->calls, "gather(%lld, %lld, %lld, %lld, %s, %s, %s);\n", s->count / n / inner, n,
               (long long)s->in->dim[a->axis], inner, s->x, at, s->y);
    s->c->parts |= INFER_C_BIT(GATHER);
    return true;
}

/* What a place becomes is a sum of NN_RESIZE_TAPS places: a table of both. */
bool infer_c_resize(struct infer_c_site *s)
{
    enum { TAPS = NN_RESIZE_TAPS };
    const struct nn_resize *a = s->node->attr;
    int axis = nn_op_axis(a->axis, s->out->rank);
    int64_t from = s->in->dim[axis], inner = nn_op_behind(s->in, axis);
    size_t n = (size_t)a->size * TAPS;
    real *at = calloc(n, sizeof *at), *weight = calloc(n, sizeof *weight);
    bool ok = (at && weight) || infer_c_no_memory(s->err);

    for (int i = 0; ok && i < a->size; i++) {
        struct nn_resize_taps t = nn_resize_taps(a, from, i);

        for (int k = 0; k < t.n; k++) {
            at[i * TAPS + k] = (real)t.at[k];
            weight[i * TAPS + k] = (real)t.weight[k];
        }
    }
    ok = ok && infer_c_store(s->c, "place", s->id, n, at, s->err) &&
         infer_c_store(s->c, "weight", s->id, n, weight, s->err);
    free(at);
    free(weight);
    str_printf(s->calls, "resize(%lld, %d, %lld, %lld, %s, place%d, weight%d, %s);\n",
               s->count / a->size / inner, a->size, (long long)from, (long long)inner, s->x, s->id,
               s->id, s->y);
    s->c->parts |= INFER_C_BIT(RESIZE);
    return ok;
}

/* Positions on the network's own tokens, then on those of the picture. */
bool infer_c_embed(struct infer_c_site *s)
{
    enum { POSITION = 1, TOKEN };
    long long width = s->out->dim[2], own = s->node->n_in - TOKEN;
    char position[32], token[32];

    if (!infer_c_input(s, POSITION, position))
        return false;
    for (int i = 0; i < own; i++) {
        if (!infer_c_input(s, TOKEN + i, token))
            return false;
        str_printf(s->calls, "add(%lld, -UNLIMITED, UNLIMITED, %s, %s + %lld, %s + %lld);\n    ",
                   width, token, position, i * width, s->y, i * width);
    }
    str_printf(s->calls, "add(%lld, -UNLIMITED, UNLIMITED, %s, %s + %lld, %s + %lld);\n",
               s->count - own * width, s->x, position, own * width, s->y, own * width);
    s->c->parts |= INFER_C_BIT(ADD);
    return true;
}
