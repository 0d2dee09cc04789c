/*
 * strided -- see strided.h
 */
#include "nn/op/strided.h"

int64_t nn_strided_width(const struct nn_strided *s)
{
    return s->rank ? s->dim[s->rank - 1] : 1;
}

int64_t nn_strided_rows(const struct nn_strided *s)
{
    int64_t rows = 1;

    for (int d = 0; d < s->rank - 1; d++)
        rows *= s->dim[d];
    return rows;
}

int64_t nn_strided_next(const struct nn_strided *s, int i)
{
    return s->rank ? s->step[i][s->rank - 1] : 0;
}

void nn_strided_at(const struct nn_strided *s, int64_t row, int64_t at[NN_STRIDED_IN])
{
    for (int i = 0; i < s->n_in; i++)
        at[i] = 0;
    for (int d = s->rank - 2; d >= 0; d--) {
        int64_t k = row % s->dim[d];

        row /= s->dim[d];
        for (int i = 0; i < s->n_in; i++)
            at[i] += k * s->step[i][d];
    }
}

void nn_strided_copy(const struct nn_strided *s, const struct nn_call *c, int64_t first,
                     int64_t count)
{
    int64_t n = nn_strided_width(s), next = nn_strided_next(s, 0), at[NN_STRIDED_IN];

    for (int64_t r = first; r < first + count; r++) {
        const real *x;
        real *y = (real *)c->y.data + r * n;

        nn_strided_at(s, r, at);
        x = (const real *)c->x[0].data + at[0];
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i * next];
    }
}

struct nn_strided nn_strided_broadcast(const struct nn_call *c)
{
    struct nn_strided s = { .rank = c->y.shape.rank, .n_in = c->n_in };

    for (int d = 0; d < s.rank; d++)
        s.dim[d] = c->y.shape.dim[d];
    for (int i = 0; i < c->n_in; i++) {
        const struct shape *x = &c->x[i].shape;
        int64_t step = 1;

        for (int d = x->rank - 1; d >= 0; step *= x->dim[d--])
            s.step[i][s.rank - x->rank + d] = x->dim[d] == 1 ? 0 : step;
    }
    return s;
}

static bool misfit(const struct nn_op *op, int i, const struct nn_type *x,
                   const struct nn_type *out, struct err *err)
{
    struct str a = { 0 }, b = { 0 };

    nn_type_text(x, &a);
    nn_type_text(out, &b);
    err_set(err, ERR_INPUT, "%s: input %d is %s, does not go with %s", op->name, i, str_text(&a),
            str_text(&b));
    str_release(&a);
    str_release(&b);
    return false;
}

bool nn_strided_type(const struct nn_op *op, int n_in, const struct nn_type *in,
                     struct nn_type *out, struct err *err)
{
    int with = -1;

    for (int i = 0; i < n_in; i++)
        if (in[i].rank && in[i].dim[0].batch && (with < 0 || in[i].rank > in[with].rank))
            with = i;
    if (with < 0)
        return err_set(err, ERR_INPUT, "%s: no input has a batch", op->name);
    *out = in[with];
    for (int i = 0; i < n_in; i++) {
        const struct nn_type *x = &in[i];
        bool batch = x->rank && x->dim[0].batch;
        int more = out->rank - x->rank;

        if (more < !batch || (batch && (more || x->dim[0].n != out->dim[0].n)))
            return misfit(op, i, x, out, err);
        for (int d = batch; d < x->rank; d++) {
            int32_t *n = &out->dim[more + d].n;

            if (x->dim[d].n != *n && x->dim[d].n != 1 && *n != 1)
                return misfit(op, i, x, out, err);
            *n = *n == 1 ? x->dim[d].n : *n;
        }
    }
    return nn_type_fits(op, out, err);
}
