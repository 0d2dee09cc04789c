/*
 * sums -- operators over several numbers: sums, largest, and choices: ops.h
 */
#include "nn/io/onnx_in/ops.h"

#include "nn/op/reduce.h"

#include <math.h>
#include <string.h>

/* ---- along dimensions ------------------------------------------------------------------------ */

/* The mean of all pixels of a picture. */
static nn_onnx_val *pixel_mean(nn_onnx_reader *r, nn_onnx_val *x)
{
    static const int8_t nhwc[4] = { 0, 2, 3, 1 }, rows[2] = { 0, 1 };
    int in = nn_onnx_place(r, x, 4, nhwc);

    return nn_onnx_new_node(r, x->type, 2, x->dim, nn_onnx_emit(r, &nn_op_meanpool, NULL, 1, &in),
                            2, rows);
}

/* One number more of a constant's. */
static double more(int kind, double so_far, double x, bool first)
{
    switch (kind) {
    case NN_REDUCE_MAX: return first || x > so_far ? x : so_far;
    case NN_REDUCE_MIN: return first || x < so_far ? x : so_far;
    case NN_REDUCE_PROD: return first ? x : so_far * x;
    default: return first ? x : so_far + x;
    }
}

static nn_onnx_val *reduced_const(nn_onnx_reader *r, int kind, nn_onnx_val *x, unsigned set)
{
    int64_t dim[SHAPE_MAX_RANK], perm[SHAPE_MAX_RANK], each = 1;
    int rank = 0, n = 0;
    nn_onnx_val *v;
    double *d;

    if (kind >= NN_REDUCE_ARGMAX) {
        err_set(r->err, ERR_UNSUPPORTED, "the place of a constant's largest");
        return NULL;
    }
    for (int d_ = 0; d_ < x->rank; d_++)
        if (!(set >> d_ & 1)) {
            perm[n++] = d_;
            dim[rank++] = x->dim[d_];
        }
    for (int d_ = 0; d_ < x->rank; d_++)
        if (set >> d_ & 1) {
            perm[n++] = d_;
            each *= x->dim[d_];
        }
    x = nn_onnx_v_transpose(r, x, perm);
    v = x ? nn_onnx_new_const(r, x->type, rank, dim, &d) : NULL;
    for (int64_t i = 0; v && i < nn_onnx_count(rank, dim); i++) {
        for (int64_t k = 0; k < each; k++)
            d[i] = more(kind, d[i], nn_onnx_num(x, i * each + k), k == 0);
        if (kind == NN_REDUCE_MEAN)
            d[i] /= (double)each;
    }
    return v;
}

nn_onnx_val *nn_onnx_reduced(nn_onnx_reader *r, int kind, nn_onnx_val *x, unsigned set, bool last)
{
    struct nn_reduce a = { .kind = kind, .last = last };
    int64_t dim[SHAPE_MAX_RANK];
    int8_t ax[SHAPE_MAX_RANK], to[SHAPE_MAX_RANK];
    int rank = 0, n = 0, k = 0;

    if (!set)
        return x;
    if (nn_onnx_is_const(x))
        return reduced_const(r, kind, x, set);
    if (kind == NN_REDUCE_MEAN && x->rank == 4 && set == 12 && x->ax[0] == 0)
        return pixel_mean(r, x);
    if (x->ax[0] >= 0 && set >> x->ax[0] & 1 && !(x = nn_onnx_apart(r, x)))
        return NULL;
    for (int d = 0; d < x->rank && rank < SHAPE_MAX_RANK; d++)
        if (!(set >> d & 1)) {
            to[d] = (int8_t)rank;
            dim[rank++] = x->dim[d];
        }
    for (int i = 0; i < x->n_ax && n < SHAPE_MAX_RANK; i++) {
        if (x->ax[i] >= 0 && set >> x->ax[i] & 1)
            a.axes[k++] = i;
        else
            ax[n++] = x->ax[i] < 0 ? -1 : to[x->ax[i]];
    }
    return nn_onnx_new_node(r, x->type, rank, dim, nn_onnx_emit(r, &nn_op_reduce, &a, 1, &x->node),
                            n, ax);
}

/* With dimensions of 1 where some are gone. */
static nn_onnx_val *kept(nn_onnx_reader *r, nn_onnx_val *y, const nn_onnx_val *x, unsigned set)
{
    int64_t dim[SHAPE_MAX_RANK];

    for (int d = 0; d < x->rank; d++)
        dim[d] = set >> d & 1 ? 1 : x->dim[d];
    return y ? nn_onnx_v_reshape(r, y, x->rank, dim) : NULL;
}

static nn_onnx_val *mapped(nn_onnx_reader *r, nn_onnx_val *x, enum nn_math_kind kind)
{
    return x ? nn_onnx_v_math(r, &(struct nn_math){ .kind = kind }, x, x->type) : NULL;
}

nn_onnx_val *nn_onnx_log_sum_exp(nn_onnx_reader *r, nn_onnx_val *x, unsigned set)
{
    nn_onnx_val *most = nn_onnx_reduced(r, NN_REDUCE_MAX, x, set, false), *wide, *y;

    wide = most ? kept(r, most, x, set) : NULL;
    y = wide ? nn_onnx_v_arith(r, NN_ARITH_SUB, x, wide, x->type) : NULL;
    y = mapped(r, y, NN_MATH_exp);
    y = y ? nn_onnx_reduced(r, NN_REDUCE_SUM, y, set, false) : NULL;
    y = mapped(r, y, NN_MATH_log);
    return y ? nn_onnx_v_arith(r, NN_ARITH_ADD, y, most, x->type) : NULL;
}

static nn_onnx_val *reduce_as(nn_onnx_at *a, nn_onnx_val *x, unsigned set)
{
    static const struct { const char *name; int kind; } plain[] = {
        { "ReduceSum", NN_REDUCE_SUM }, { "ReduceMean", NN_REDUCE_MEAN },
        { "ReduceMax", NN_REDUCE_MAX }, { "ReduceMin", NN_REDUCE_MIN },
        { "ReduceProd", NN_REDUCE_PROD },
    };
    const char *name = a->node->op_type;

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (!strcmp(plain[i].name, name))
            return nn_onnx_reduced(a->r, plain[i].kind, x, set, false);
    if (!strcmp(name, "ReduceLogSumExp"))
        return nn_onnx_log_sum_exp(a->r, x, set);
    if (!strcmp(name, "ReduceL1"))
        x = mapped(a->r, x, NN_MATH_abs);
    else if (strcmp(name, "ReduceLogSum"))
        x = nn_onnx_v_arith(a->r, NN_ARITH_MUL, x, x, x->type);
    x = x ? nn_onnx_reduced(a->r, NN_REDUCE_SUM, x, set, false) : NULL;
    if (!strcmp(name, "ReduceL2"))
        x = mapped(a->r, x, NN_MATH_sqrt);
    return !strcmp(name, "ReduceLogSum") ? mapped(a->r, x, NN_MATH_log) : x;
}

bool nn_onnx_lower_reduce(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *y;
    int64_t axes[SHAPE_MAX_RANK];
    unsigned set = 0;
    int n = x ? nn_onnx_at_ints_or(a, "axes", 1, SHAPE_MAX_RANK, axes) : -2;

    if (n == -2)
        return false;
    for (int i = 0; i < n; i++) {
        int d = nn_onnx_at_axis(a, axes[i], x->rank);

        if (d < 0)
            return false;
        set |= 1u << d;
    }
    if (n <= 0 && !nn_onnx_at_int(a, "noop_with_empty_axes", 0))
        set = (1u << x->rank) - 1;
    y = reduce_as(a, x, set);
    return nn_onnx_at_done(a, nn_onnx_at_int(a, "keepdims", 1) ? kept(a->r, y, x, set) : y);
}

bool nn_onnx_lower_arg(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *y;
    bool least = !strcmp(a->node->op_type, "ArgMin");
    int axis = x ? nn_onnx_at_axis(a, nn_onnx_at_int(a, "axis", 0), x->rank) : -1;

    if (axis < 0)
        return false;
    y = nn_onnx_reduced(a->r, least ? NN_REDUCE_ARGMIN : NN_REDUCE_ARGMAX, x, 1u << axis,
                        nn_onnx_at_int(a, "select_last_index", 0));
    if (y && nn_onnx_at_int(a, "keepdims", 1))
        y = kept(a->r, y, x, 1u << axis);
    if (y)
        y->type = NN_ONNX_T_INT64;
    return nn_onnx_at_done(a, y);
}

/* ---- choices --------------------------------------------------------------------------------- */

bool nn_onnx_lower_where(nn_onnx_at *a)
{
    for (int i = 0; i < 3; i++)
        if (!nn_onnx_at_in(a, i))
            return false;
    return nn_onnx_at_done(a, nn_onnx_v_where(a->r, a->x[0], a->x[1], a->x[2]));
}

bool nn_onnx_lower_trilu(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *mask, *zero;
    bool upper = nn_onnx_at_int(a, "upper", 1);
    int64_t k = 0, n, m;
    double *d;

    if (!x || x->rank < 2)
        return x && nn_onnx_at_cannot(a, "of no matrix");
    if (a->n_in > 1 && a->x[1] && nn_onnx_ints_of(a->r, a->x[1], 1, &k) != 1)
        return false;
    m = x->dim[x->rank - 2];
    n = x->dim[x->rank - 1];
    mask = nn_onnx_new_const(a->r, NN_ONNX_T_BOOL, 2, x->dim + x->rank - 2, &d);
    for (int64_t i = 0; mask && i < m * n; i++)
        d[i] = upper ? i % n >= (double)(i / n) + (double)k : i % n <= (double)(i / n) + (double)k;
    zero = nn_onnx_v_scalar(a->r, x->type, 0);
    return mask && zero && nn_onnx_at_done(a, nn_onnx_v_where(a->r, mask, x, zero));
}

/* Sums of all up to each place are products with a triangle of ones. */
bool nn_onnx_lower_cumsum(nn_onnx_at *a)
{
    enum { MOST = 4096 };
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *along = nn_onnx_at_in(a, 1), *ones;
    bool less = nn_onnx_at_int(a, "exclusive", 0), back = nn_onnx_at_int(a, "reverse", 0);
    int64_t n, axis, perm[SHAPE_MAX_RANK];
    double *d;
    int k;

    if (!x || !along || nn_onnx_ints_of(a->r, along, 1, &axis) != 1 ||
        (k = nn_onnx_at_axis(a, axis, x->rank)) < 0)
        return false;
    n = x->dim[k];
    if (n > MOST)
        return nn_onnx_at_cannot(a, "over a dimension of thousands, or the batch");
    ones = nn_onnx_new_const(a->r, NN_ONNX_T_INT64, 2, (int64_t[]){ n, n }, &d);
    for (int64_t i = 0; ones && i < n * n; i++) {
        int64_t of = back ? i % n : i / n, at = back ? i / n : i % n;

        d[i] = of < at || (of == at && !less);
    }
    for (int i = 0; i < x->rank; i++)
        perm[i] = i;
    perm[k] = x->rank - 1;
    perm[x->rank - 1] = k;
    x = ones ? nn_onnx_v_transpose(a->r, x, perm) : NULL;
    x = x ? nn_onnx_v_product(a->r, x, ones) : NULL;
    return nn_onnx_at_done(a, x ? nn_onnx_v_transpose(a->r, x, perm) : NULL);
}

/* ---- places ---------------------------------------------------------------------------------- */

/* All numbers in one row. */
static nn_onnx_val *in_a_row(nn_onnx_reader *r, nn_onnx_val *x)
{
    int64_t n = nn_onnx_count(x->rank, x->dim);

    return nn_onnx_v_reshape(r, x, 1, &n);
}

/* So many whole numbers of a constant. */
static int64_t *places_of(nn_onnx_at *a, nn_onnx_val *index, int64_t *n)
{
    int64_t *at;

    *n = nn_onnx_count(index->rank, index->dim);
    at = *n < 0 || *n > 1 << 24 ? NULL : arena_array(a->r->mem, (size_t)*n + 1, sizeof *at);
    if (!at)
        err_set(a->r->err, ERR_MEMORY, "no memory for %lld places", (long long)*n);
    return at && nn_onnx_ints_of(a->r, index, (int)*n, at) >= 0 ? at : NULL;
}

static bool of_one_picture(nn_onnx_at *a, const nn_onnx_val *x)
{
    return nn_onnx_is_const(x) || a->r->batch == 1 || x->ax[0] < 0 ||
           nn_onnx_at_cannot(a, "places within a batch");
}

bool nn_onnx_lower_gather_elements(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *index = nn_onnx_at_in(a, 1), *y;
    int axis = x && index ? nn_onnx_at_axis(a, nn_onnx_at_int(a, "axis", 0), x->rank) : -1;
    int64_t *at, n;

    if (axis < 0 || !of_one_picture(a, x) || !(at = places_of(a, index, &n)))
        return false;
    if (index->rank != x->rank)
        return err_set(a->r->err, ERR_INPUT, "places of another rank");
    for (int64_t i = 0; i < n; i++) {
        int64_t left = i, step = 1, place = 0;

        for (int d = x->rank - 1; d >= 0; left /= index->dim[d--]) {
            int64_t k = d == axis ? at[i] + (at[i] < 0 ? x->dim[d] : 0) : left % index->dim[d];

            if (k < 0 || k >= x->dim[d])
                return err_set(a->r->err, ERR_INPUT, "place %lld of %lld", (long long)k,
                               (long long)x->dim[d]);
            place += k * step;
            step *= x->dim[d];
        }
        at[i] = place;
    }
    y = in_a_row(a->r, x);
    y = y ? nn_onnx_v_pick(a->r, y, 0, n, at) : NULL;
    return y && nn_onnx_at_done(a, nn_onnx_v_reshape(a->r, y, index->rank, index->dim));
}

/* Where the runs begin that rows of places name, and how long they are; batch dimensions go
 * before. */
static int64_t *runs_of(nn_onnx_at *a, const nn_onnx_val *x, nn_onnx_val *index, int batch,
                        int64_t *n, int64_t *run)
{
    int64_t depth = index->rank ? index->dim[index->rank - 1] : 0, total, *at, per = 1, of = 1;

    if (!(at = places_of(a, index, &total)))
        return NULL;
    if (depth < 1 || depth + batch > x->rank) {
        err_set(a->r->err, ERR_INPUT, "places of %lld dimensions", (long long)depth);
        return NULL;
    }
    *run = nn_onnx_count(x->rank - batch - (int)depth, x->dim + batch + depth);
    for (int d = batch; d < x->rank; d++)
        of *= x->dim[d];
    for (int d = batch; d < index->rank - 1; d++)
        per *= index->dim[d];
    *n = total / depth;
    for (int64_t i = 0; i < *n; i++) {
        int64_t place = 0;

        for (int64_t d = 0; d < depth; d++) {
            int64_t size = x->dim[batch + d], k = at[i * depth + d];

            k += k < 0 ? size : 0;
            if (k < 0 || k >= size) {
                err_set(a->r->err, ERR_INPUT, "place %lld of %lld", (long long)k, (long long)size);
                return NULL;
            }
            place = place * size + k;
        }
        at[i] = place * *run + (batch ? i / per * of : 0);
    }
    return at;
}

/* Every number of so many runs. */
static int64_t *spread(nn_onnx_at *a, const int64_t *at, int64_t n, int64_t run)
{
    int64_t *all = n * run > 1 << 24 ? NULL
                                     : arena_array(a->r->mem, (size_t)(n * run) + 1, sizeof *all);

    if (!all)
        err_set(a->r->err, ERR_MEMORY, "no memory for so many places");
    for (int64_t i = 0; all && i < n * run; i++)
        all[i] = at[i / run] + i % run;
    return all;
}

bool nn_onnx_lower_gather_nd(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *index = nn_onnx_at_in(a, 1), *y;
    int64_t *at, n, run, dim[2 * SHAPE_MAX_RANK], batch = nn_onnx_at_int(a, "batch_dims", 0);
    int rank = 0;

    if (!x || !index || !of_one_picture(a, x))
        return false;
    if (batch < 0 || batch >= index->rank || batch >= x->rank)
        return err_set(a->r->err, ERR_INPUT, "%lld batch dimensions", (long long)batch);
    at = runs_of(a, x, index, (int)batch, &n, &run);
    at = at ? spread(a, at, n, run) : NULL;
    if (!at)
        return false;
    for (int d = 0; d < index->rank - 1; d++)
        dim[rank++] = index->dim[d];
    for (int d = (int)(batch + index->dim[index->rank - 1]); d < x->rank; d++)
        dim[rank++] = x->dim[d];
    y = in_a_row(a->r, x);
    y = y ? nn_onnx_v_pick(a->r, y, 0, n * run, at) : NULL;
    return y && nn_onnx_at_done(a, nn_onnx_v_reshape(a->r, y, rank, dim));
}

/* x and, at places at[n], the numbers of y: each place takes one of those that are due to it a
 * round, or a number that changes nothing. */
static nn_onnx_val *combined(nn_onnx_at *a, enum nn_arith_kind kind, double neutral,
                             nn_onnx_val *x, nn_onnx_val *y, int64_t n, const int64_t *at)
{
    enum { ROUNDS = 64 };
    int64_t count = x->dim[0], one = 1, *from, *seen;
    nn_onnx_val *both[2] = { y, nn_onnx_v_scalar(a->r, x->type, neutral) };
    bool more = true;

    both[1] = both[1] ? nn_onnx_v_reshape(a->r, both[1], 1, &one) : NULL;
    y = both[1] ? nn_onnx_v_concat(a->r, 2, both, 0) : NULL;
    from = arena_array(a->r->mem, (size_t)count + 1, sizeof *from);
    seen = arena_array(a->r->mem, (size_t)count + 1, sizeof *seen);
    if (!y || !from || !seen)
        return NULL;
    for (int64_t round = 0; x && more; round++) {
        nn_onnx_val *part;

        more = false;
        for (int64_t i = 0; i < count; i++) {
            seen[i] = 0;
            from[i] = n;
        }
        for (int64_t i = 0; i < n; i++) {
            more |= seen[at[i]] > round;
            if (seen[at[i]]++ == round)
                from[at[i]] = i;
        }
        if (round == ROUNDS) {
            nn_onnx_at_cannot(a, "a reduction of so many numbers for one place");
            return NULL;
        }
        part = nn_onnx_v_pick(a->r, y, 0, count, from);
        x = part ? nn_onnx_v_arith(a->r, kind, x, part, x->type) : NULL;
    }
    return x;
}

/* ScatterND with a reduction; false and no error: there is none. */
static bool reduction_of(nn_onnx_at *a, enum nn_arith_kind *kind, double *neutral)
{
    static const struct {
        const char *word;
        enum nn_arith_kind kind;
        double neutral;
    } known[] = { { "add", NN_ARITH_ADD, 0 }, { "mul", NN_ARITH_MUL, 1 },
                  { "max", NN_ARITH_MAX, -3.4e38 }, { "min", NN_ARITH_MIN, 3.4e38 } };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (nn_onnx_at_is(a, "reduction", known[i].word, "none")) {
            *kind = known[i].kind;
            *neutral = known[i].neutral;
            return true;
        }
    return false;
}

/* What is new stands behind what was; then every place is picked from where it is now. */
bool nn_onnx_lower_scatter_nd(nn_onnx_at *a)
{
    nn_onnx_val *x = nn_onnx_at_in(a, 0), *index = nn_onnx_at_in(a, 1), *y = nn_onnx_at_in(a, 2);
    nn_onnx_val *both[2];
    int64_t *at, *from, n, run, count;
    enum nn_arith_kind kind;
    double neutral;

    if (!x || !index || !y || !of_one_picture(a, x) || !of_one_picture(a, y))
        return false;
    at = runs_of(a, x, index, 0, &n, &run);
    at = at ? spread(a, at, n, run) : NULL;
    count = nn_onnx_count(x->rank, x->dim);
    from = at && count < 1 << 24 ? arena_array(a->r->mem, (size_t)count + 1, sizeof *from) : NULL;
    if (!from)
        return at && err_set(a->r->err, ERR_MEMORY, "no memory for so many places");
    if (nn_onnx_count(y->rank, y->dim) != n * run)
        return err_set(a->r->err, ERR_INPUT, "%lld new numbers for %lld places",
                       (long long)nn_onnx_count(y->rank, y->dim), (long long)(n * run));
    for (int64_t i = 0; i < count; i++)
        from[i] = i;
    for (int64_t i = 0; i < n * run; i++)
        from[at[i]] = count + i;
    both[0] = in_a_row(a->r, x);
    both[1] = in_a_row(a->r, y);
    if (!both[0] || !both[1])
        return false;
    if (reduction_of(a, &kind, &neutral)) {
        y = combined(a, kind, neutral, both[0], both[1], n * run, at);
    } else {
        if (!nn_onnx_at_is(a, "reduction", "none", "none"))
            return nn_onnx_at_cannot(a, "with a reduction that is not known");
        y = nn_onnx_v_concat(a->r, 2, both, 0);
        y = y ? nn_onnx_v_pick(a->r, y, 0, count, from) : NULL;
    }
    return y && nn_onnx_at_done(a, nn_onnx_v_reshape(a->r, y, x->rank, x->dim));
}
