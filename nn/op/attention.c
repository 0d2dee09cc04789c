/*
 * attention -- tokens take the mean of what others say, by how much their queries like their keys
 *
 * x [N,T,3C] holds queries, keys and values side by side, each of `heads` heads of d = C / heads:
 *   y[n,i,h] = sum over j of p[i,j] v[j,h],  p[i] = softmax over j of q[i,h] k[j,h] / sqrt(d) + b
 * y [N,T,C].  Vaswani et al. 2017, arXiv:1706.03762, eq. 1.  Causal: j up to i alone.  by_head: the
 * three of a head side by side, then those of the next.
 *
 * Pictures x [N,H,W,3C] have pixels for tokens; with `window` those of each window x window by
 * themselves.  With `shift` the windows begin so many pixels further on, and those that reach over
 * the edge see what comes in on the other side, but not across the seam (-100 is added); rolled:
 * pixels lie so already.  With
 * `relative` b is a trained number for each head and each distance of rows and columns.  Liu et al.
 * 2021, arXiv:2103.14030, sec. 3.2; as timm's.
 *
 * With g = dp p:  dv = p' dy,  dp = dy v',  ds = g - p sum(g),  dq = ds k / sqrt(d),
 * dk = ds' q / sqrt(d), db = ds.  p is made again in backward.  A window and a head is a piece of
 * work; what the bias is due is summed in a fixed number of parts.
 */
#include "nn/op/attention.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { X, TABLE };

#define FUTURE ((real)-1e30)

static const struct field attrs[] = {
    FIELD_INT(struct nn_attention, heads, NULL, 1, 1, 4096, "heads, which share the channels"),
    FIELD_BOOL(struct nn_attention, causal, "tokens see themselves and those before"),
    FIELD_INT(struct nn_attention, window, NULL, 0, 0, 4096,
              "of pictures: side of windows that see themselves alone, in pixels; 0: all see all"),
    FIELD_INT(struct nn_attention, shift, NULL, 0, 0, 4096,
              "pixels that windows begin further right and down"),
    FIELD_BOOL(struct nn_attention, rolled, "pixels lie as the shift puts them"),
    FIELD_BOOL(struct nn_attention, relative, "of pictures: a bias for each distance and head"),
    FIELD_BOOL(struct nn_attention, by_head,
               "queries, keys and values of a head are side by side, not those of all heads"),
    FIELDS_END
};

static bool is_picture(const struct nn_type *x)
{
    return x->rank == 4;
}

/* Height and width of a window. */
static void window_of(const struct nn_attention *a, const struct nn_type *x, int size[2])
{
    for (int d = 0; d < 2; d++)
        size[d] = !is_picture(x) ? 1 : a->window ? a->window : x->dim[1 + d].n;
}

static const char *param(const void *attr, const struct nn_type *x, int i, struct nn_param *p)
{
    const struct nn_attention *a = attr;
    int size[2];

    if (i != TABLE || !a->relative || !is_picture(x))
        return NULL;
    window_of(a, x, size);
    *p = (struct nn_param){ .shape = { (2 * size[0] - 1) * (2 * size[1] - 1), a->heads },
                            .init = NN_INIT_TRUNC };
    return "relative_position_bias_table";
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_attention *a = attr;
    const struct nn_type *x = &in[X];
    int size[2], last = x->rank - 1;

    if ((x->rank != 3 && !is_picture(x)) || x->dtype != DTYPE_F32 || !x->dim[0].batch)
        return err_set(err, ERR_INPUT, "attention: needs batch x tokens x channels, or pictures");
    for (int d = 1; d <= last; d++)
        if (x->dim[d].batch || x->dim[d].n < 1)
            return err_set(err, ERR_INPUT, "attention: its tokens and channels must be fixed");
    if (x->dim[last].n % (3 * (int64_t)a->heads))
        return err_set(err, ERR_INPUT, "attention: %d channels are no queries, keys and values of "
                       "%d heads", x->dim[last].n, a->heads);
    if (!is_picture(x) && (a->window || a->shift || a->relative))
        return err_set(err, ERR_INPUT, "attention: windows and distances are of pictures");
    window_of(a, x, size);
    for (int d = 0; d < 2 && is_picture(x); d++) {
        if (x->dim[1 + d].n % size[d])
            return err_set(err, ERR_INPUT, "attention: windows of %d do not fill %d pixels",
                           size[d], x->dim[1 + d].n);
        if (a->shift >= size[d])
            return err_set(err, ERR_INPUT, "attention: shift %d must be below the window, %d",
                           a->shift, size[d]);
        if ((int64_t)size[0] * size[1] > 1 << 14)
            return err_set(err, ERR_INPUT, "attention: windows of %dx%d are too large", size[0],
                           size[1]);
    }
    if (!is_picture(x) && x->dim[1].n > 1 << 14)
        return err_set(err, ERR_INPUT, "attention: %d tokens are too many", x->dim[1].n);
    if (a->relative != (n_in > TABLE) ||
        (a->relative && !nn_type_param(&nn_op_attention, attr, n_in, in, TABLE, err)))
        return err->kind ? false : err_set(err, ERR_INPUT, "attention: relative and a table of "
                                           "distances go together");
    *out = *x;
    out->dim[last].n /= 3;
    return nn_type_fits(&nn_op_attention, out, err);
}

struct job {
    const struct nn_call *c;
    int heads, depth, width;            /* width: all heads */
    struct nn_windows w;
    int tokens;                         /* of a window */
    int64_t places;                     /* windows of the batch */
    real scale;
    size_t room;                        /* numbers a worker */
};

static struct job job_of(const struct nn_call *c)
{
    const struct nn_attention *a = c->attr;
    const int64_t *dim = c->x[X].shape.dim;
    bool picture = c->x[X].shape.rank == 4;
    struct job j = { .c = c, .heads = a->heads,
                     .width = (int)(dim[c->x[X].shape.rank - 1] / 3),
                     .w = { .shift = a->shift, .rolled = a->rolled } };

    j.depth = j.width / j.heads;
    for (int d = 0; d < 2; d++) {
        j.w.grid[d] = picture ? (int)dim[1 + d] : d ? (int)dim[1] : 1;
        j.w.size[d] = picture && a->window ? a->window : j.w.grid[d];
        j.w.windows[d] = j.w.grid[d] / j.w.size[d];
    }
    j.tokens = j.w.size[0] * j.w.size[1];
    j.places = dim[0] * j.w.windows[0] * j.w.windows[1];
    j.scale = (real)(1 / sqrt((double)j.depth));
    /* q k v, dq dk dv, y or dy; p and dp */
    j.room = (size_t)j.tokens * ((size_t)j.depth * 7 + (size_t)j.tokens * 2);
    return j;
}

/* Two products of tokens^2 and depth. */
static int64_t flops(const struct nn_call *c)
{
    struct job j = job_of(c);

    return 4 * j.places * j.tokens * j.tokens * j.width;
}

static int64_t table_count(const struct nn_call *c)
{
    return c->n_in > TABLE ? shape_count(&c->x[TABLE].shape) : 0;
}

static void space(const struct nn_call *c, size_t *stash, size_t *scratch)
{
    struct job j = job_of(c);
    size_t parts = c->mode == NN_TRAIN ? NN_PARTS * (size_t)table_count(c) : 0;

    *stash = 0;
    *scratch = (j.room * (size_t)c->threads + parts) * sizeof(real);
}

/* Row (d 0) or column of token t of a window among what is shifted. */
static int place_of(const struct nn_windows *w, int64_t window, int t, int d)
{
    int place = (int)(window % ((int64_t)w->windows[0] * w->windows[1]));

    return d ? place % w->windows[1] * w->size[1] + t % w->size[1]
             : place / w->windows[1] * w->size[0] + t / w->size[1];
}

int64_t nn_windows_pixel(const struct nn_windows *w, int64_t window, int t)
{
    int64_t picture = window / ((int64_t)w->windows[0] * w->windows[1]);
    int shift = w->rolled ? 0 : w->shift;
    int row = (place_of(w, window, t, 0) + shift) % w->grid[0];
    int column = (place_of(w, window, t, 1) + shift) % w->grid[1];

    return (picture * w->grid[0] + row) * w->grid[1] + column;
}

/* 3 by 3 regions; windows that touch no seam are all in one. */
int nn_windows_region(const struct nn_windows *w, int64_t window, int t)
{
    int r[2];

    for (int d = 0; d < 2; d++) {
        int at = place_of(w, window, t, d);

        r[d] = at < w->grid[d] - w->size[d] ? 0 : at < w->grid[d] - w->shift ? 1 : 2;
    }
    return 3 * r[0] + r[1];
}

int nn_windows_distance(const struct nn_windows *w, int i, int k)
{
    int rows = i / w->size[1] - k / w->size[1] + w->size[0] - 1;
    int columns = i % w->size[1] - k % w->size[1] + w->size[1] - 1;

    return rows * (2 * w->size[1] - 1) + columns;
}

/* Where part `part` of a head begins among a token's numbers. */
static int first_of(const struct job *j, int part, int head)
{
    bool by_head = ((const struct nn_attention *)j->c->attr)->by_head;

    return by_head ? (head * 3 + part) * j->depth : part * j->width + head * j->depth;
}

/* Part `part` (0 queries, 1 keys, 2 values) of a head as [tokens,depth]. */
static void take(const struct job *j, const real *from, int64_t pitch, int64_t place, int first,
                 real *to)
{
    for (int t = 0; t < j->tokens; t++)
        memcpy(to + (int64_t)t * j->depth, from + nn_windows_pixel(&j->w, place, t) * pitch + first,
               (size_t)j->depth * sizeof *to);
}

static void give(const struct job *j, const real *from, int64_t pitch, int64_t place, int first,
                 bool add, real *to)
{
    for (int t = 0; t < j->tokens; t++) {
        real *y = to + nn_windows_pixel(&j->w, place, t) * pitch + first;

        if (add)
            j->c->k->add_f32(j->depth, y, from + (int64_t)t * j->depth, y);
        else
            memcpy(y, from + (int64_t)t * j->depth, (size_t)j->depth * sizeof *y);
    }
}

/* What is added to the products before the softmax. */
static void add_bias(const struct job *j, int64_t place, int head, real *p)
{
    const struct nn_attention *a = j->c->attr;
    const real *table = j->c->n_in > TABLE ? j->c->x[TABLE].data : NULL;

    for (int i = 0; i < j->tokens && (table || a->causal || a->shift); i++) {
        int mine = nn_windows_region(&j->w, place, i);

        for (int k = 0; k < j->tokens; k++) {
            real *s = p + (int64_t)i * j->tokens + k;

            if (table)
                *s += table[(int64_t)nn_windows_distance(&j->w, i, k) * j->heads + head];
            if (a->shift && nn_windows_region(&j->w, place, k) != mine)
                *s += NN_WINDOWS_SEAM;
            if (a->causal && k > i)
                *s = FUTURE;
        }
    }
}

/* q, k and v of a head, and p. */
static void probabilities(const struct job *j, int64_t place, int head, real *q, real *p)
{
    const struct nn_call *c = j->c;
    int64_t n = (int64_t)j->tokens * j->depth;

    for (int part = 0; part < 3; part++)
        take(j, c->x[X].data, 3 * j->width, place, first_of(j, part, head), q + part * n);
    for (int64_t i = 0; i < n; i++)
        q[i] *= j->scale;
    c->k->gemm_f32(false, true, j->tokens, j->tokens, j->depth, q, j->depth, q + n, j->depth,
                   false, p, j->tokens);
    add_bias(j, place, head, p);
    c->k->softmax_f32(j->tokens, j->tokens, p, p);
}

static void forward_piece(void *arg, int i, int worker)
{
    const struct job *j = arg;
    int64_t place = i / j->heads, n = (int64_t)j->tokens * j->depth;
    int head = i % j->heads;
    real *q = (real *)j->c->scratch + j->room * (size_t)worker, *y = q + 6 * n, *p = q + 7 * n;

    probabilities(j, place, head, q, p);
    j->c->k->gemm_f32(false, false, j->tokens, j->depth, j->tokens, p, j->tokens, q + 2 * n,
                      j->depth, false, y, j->depth);
    give(j, y, j->width, place, head * j->depth, false, j->c->y.data);
}

static void forward(const struct nn_call *c)
{
    struct job j = job_of(c);

    pool_for(c->pool, (int)(j.places * j.heads), forward_piece, &j);
}

/* ds = p (dp - sum of p dp over the row), in dp's place. */
static void through_softmax(int n, const real *p, real *dp)
{
    for (int i = 0; i < n; i++, p += n, dp += n) {
        real sum = 0;

        for (int k = 0; k < n; k++)
            sum += p[k] * dp[k];
        for (int k = 0; k < n; k++)
            dp[k] = p[k] * (dp[k] - sum);
    }
}

/* Gradients of a head; sums[distance, head] += what the table is due. */
static void backward_head(const struct job *j, int64_t place, int head, real *room, real *sums)
{
    const struct nn_call *c = j->c;
    int64_t n = (int64_t)j->tokens * j->depth;
    int first = head * j->depth, t = j->tokens, d = j->depth;
    real *q = room, *k = q + n, *v = k + n, *grad = v + n, *dy = grad + 3 * n, *p = dy + n;
    real *ds = p + (int64_t)t * t;

    probabilities(j, place, head, q, p);
    take(j, c->dy.data, j->width, place, first, dy);
    c->k->gemm_f32(true, false, t, d, t, p, t, dy, d, false, grad + 2 * n, d);
    c->k->gemm_f32(false, true, t, t, d, dy, d, v, d, false, ds, t);
    through_softmax(t, p, ds);
    for (int i = 0; sums && i < t; i++)
        for (int o = 0; o < t; o++)
            sums[(int64_t)nn_windows_distance(&j->w, i, o) * j->heads + head] +=
                ds[(int64_t)i * t + o];
    if (!c->dx[X].data)
        return;
    c->k->gemm_f32(false, false, t, d, t, ds, t, k, d, false, grad, d);
    for (int64_t i = 0; i < n; i++)
        grad[i] *= j->scale;
    c->k->gemm_f32(true, false, t, d, t, ds, t, q, d, false, grad + n, d);   /* q is scaled */
    for (int part = 0; part < 3; part++)
        give(j, grad + part * n, 3 * j->width, place, first_of(j, part, head), true,
             c->dx[X].data);
}

static real *parts_of(const struct job *j)
{
    return (real *)j->c->scratch + j->room * (size_t)j->c->threads;
}

/* A part of the windows, each with all its heads. */
static void backward_part(void *arg, int i, int worker)
{
    const struct job *j = arg;
    int64_t first = j->places * i / NN_PARTS, end = j->places * (i + 1) / NN_PARTS;
    real *sums = j->c->n_in > TABLE ? parts_of(j) + i * table_count(j->c) : NULL;

    if (sums)
        memset(sums, 0, (size_t)table_count(j->c) * sizeof *sums);
    for (int64_t place = first; place < end; place++)
        for (int head = 0; head < j->heads; head++)
            backward_head(j, place, head, (real *)j->c->scratch + j->room * (size_t)worker, sums);
}

static void backward(const struct nn_call *c)
{
    struct job j = job_of(c);
    int64_t n = table_count(c);

    pool_for(c->pool, NN_PARTS, backward_part, &j);
    for (int i = 0; n && c->dx[TABLE].data && i < NN_PARTS; i++)
        c->k->add_f32(n, c->dx[TABLE].data, parts_of(&j) + i * n, c->dx[TABLE].data);
}

/* A node between others: its result's name; NULL: it failed. */
static const char *between(struct nn_onnx_out *o, const char *op, int n_in, const char *const *in)
{
    const char *out = nn_onnx_name(o, op);

    for (int i = 0; i < n_in; i++)
        if (!in[i])
            return NULL;
    return out && nn_onnx_begin(o, op, n_in, in, out) ? out : NULL;
}

static const char *two(struct nn_onnx_out *o, const char *op, const char *a, const char *b)
{
    return between(o, op, 2, (const char *[]){ a, b });
}

static const char *shaped(struct nn_onnx_out *o, const char *x, int rank, const int64_t *shape)
{
    return two(o, "Reshape", x, nn_onnx_int64s(o, "shape", rank, shape));
}

static const char *turned(struct nn_onnx_out *o, const char *x, int rank, const int *perm)
{
    const char *y = between(o, "Transpose", 1, &x);

    return y && nn_onnx_ints(o, "perm", rank, perm) ? y : NULL;
}

static const char *cut(struct nn_onnx_out *o, const char *x, int64_t axis, int64_t from, int64_t to)
{
    return between(o, "Slice", 4, (const char *[]){ x, nn_onnx_int64s(o, "from", 1, &from),
                                                   nn_onnx_int64s(o, "to", 1, &to),
                                                   nn_onnx_int64s(o, "axis", 1, &axis) });
}

/* [N,heads,T,d] of part `part` of x [N,T,3C]; keys with their last two dimensions turned. */
static const char *onnx_part(struct nn_onnx_out *o, const struct job *j, const char *x, int part)
{
    static const int plain[4] = { 0, 2, 1, 3 }, other[4] = { 0, 2, 3, 1 };
    const struct nn_attention *a = j->c->attr;
    const int64_t by_head[4] = { 0, j->tokens, j->heads, 3 * j->depth };
    const int64_t shape[4] = { 0, j->tokens, j->heads, j->depth };
    const int64_t from = part * (int64_t)(a->by_head ? j->depth : j->width);

    if (a->by_head)
        x = cut(o, shaped(o, x, 4, by_head), 3, from, from + j->depth);
    else
        x = shaped(o, cut(o, x, 2, from, from + j->width), 4, shape);
    return turned(o, x, 4, part == 1 ? other : plain);
}

/* The table's number for each two tokens, [heads,T,T], added. */
static const char *onnx_bias(struct nn_onnx_out *o, const struct job *j, const char *table,
                             const char *p)
{
    static const int first[3] = { 2, 0, 1 };
    const int64_t shape[3] = { j->tokens, j->tokens, j->heads };
    size_t n = (size_t)j->tokens * (size_t)j->tokens;
    int64_t *at = malloc(n * sizeof *at);
    const char *b = NULL;

    for (size_t i = 0; at && i < n; i++)
        at[i] = nn_windows_distance(&j->w, (int)(i / (size_t)j->tokens),
                                    (int)(i % (size_t)j->tokens));
    if (at)
        b = two(o, "Gather", table, nn_onnx_int64s(o, "distance", (int)n, at));
    free(at);
    return two(o, "Add", p, turned(o, shaped(o, b, 3, shape), 3, first));
}

/* What windows do not see across the seam, [windows,1,T,T], added. */
static const char *onnx_seam(struct nn_onnx_out *o, const struct job *j, const char *p)
{
    int windows = j->w.windows[0] * j->w.windows[1], t = j->tokens;
    const int64_t shape[4] = { windows, 1, t, t }, of[5] = { -1, windows, j->heads, t, t };
    const int64_t back[4] = { -1, j->heads, t, t };
    float *seam = malloc((size_t)windows * (size_t)t * (size_t)t * sizeof *seam), *s = seam;
    const char *mask = NULL;

    for (int w = 0; seam && w < windows; w++)
        for (int i = 0; i < t; i++)
            for (int k = 0; k < t; k++) {
                int mine = nn_windows_region(&j->w, w, i);

                *s++ = nn_windows_region(&j->w, w, k) == mine ? 0 : NN_WINDOWS_SEAM;
            }
    if (seam)
        mask = shaped(o, nn_onnx_floats(o, "seam", (int)(s - seam), seam), 4, shape);
    free(seam);
    return shaped(o, two(o, "Add", shaped(o, p, 5, of), mask), 4, back);
}

/* Rows (axis 1) or columns from `by` on, then those before. */
static const char *onnx_rolled(struct nn_onnx_out *o, const char *x, int axis, int side, int by)
{
    const char *y = two(o, "Concat", cut(o, x, axis, by, side), cut(o, x, axis, 0, by));

    return y && nn_onnx_int(o, "axis", axis) ? y : NULL;
}

/* Pixels [N,H,W,n] as the tokens of windows, [N windows,T,n], or back. */
static const char *onnx_windows(struct nn_onnx_out *o, const struct job *j, const char *x, int n,
                                bool back)
{
    static const int perm[5] = { 0, 1, 3, 2, 4 };
    int64_t row = (int64_t)j->w.size[1] * n;
    const int64_t rows[5] = { -1, j->w.windows[0], j->w.size[0], j->w.windows[1], row };
    const int64_t cells[5] = { -1, j->w.windows[0], j->w.windows[1], j->w.size[0], row };
    const int64_t tokens[3] = { -1, j->tokens, n };
    const int64_t pixels[4] = { -1, j->w.grid[0], j->w.grid[1], n };

    if (j->w.windows[0] * j->w.windows[1] > 1)
        x = turned(o, shaped(o, x, 5, back ? cells : rows), 5, perm);
    return back ? shaped(o, x, 4, pixels) : shaped(o, x, 3, tokens);
}

/* x [N,T,3C] -> out [N,T,C] */
static const char *onnx_tokens(struct nn_onnx_out *o, const struct job *j, const char *x,
                               const char *table, const char *out)
{
    static const int back[4] = { 0, 2, 1, 3 };
    const struct nn_attention *a = j->c->attr;
    const int64_t shape[3] = { 0, j->tokens, j->width };
    const char *v[3], *p, *y[2];

    for (int i = 0; i < 3; i++)
        v[i] = onnx_part(o, j, x, i);
    p = two(o, "Mul", two(o, "MatMul", v[0], v[1]), nn_onnx_scalar(o, "scale", (double)j->scale));
    p = table ? onnx_bias(o, j, table, p) : p;
    p = a->shift ? onnx_seam(o, j, p) : p;
    p = between(o, "Softmax", 1, &p);
    if (!p || !nn_onnx_int(o, "axis", -1))
        return NULL;
    y[0] = turned(o, two(o, "MatMul", p, v[2]), 4, back);
    y[1] = nn_onnx_int64s(o, "shape", 3, shape);
    return y[0] && y[1] && out && nn_onnx_begin(o, "Reshape", 2, y, out) ? out : NULL;
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_attention *a = node->attr;
    const struct nn_graph *g = node->graph;
    const struct nn_node *n = &g->node[node->id];
    const struct nn_type *type = &g->node[n->in[X]].type;
    struct nn_call c = { .attr = a };
    struct job j;
    const char *x = node->in[X];
    bool rolls = a->shift && !a->rolled;

    if (a->causal)
        return err_set(err, ERR_UNSUPPORTED, "attention: a causal one is not written as ONNX");
    nn_type_shape(type, 1, &c.x[X].shape);
    j = job_of(&c);
    if (type->rank == 3)
        return onnx_tokens(o, &j, x, NULL, node->out);
    x = nn_onnx_turned(o, x, type);
    for (int d = 0; d < 2 && rolls; d++)
        x = onnx_rolled(o, x, 1 + d, j.w.grid[d], a->shift);
    x = onnx_tokens(o, &j, onnx_windows(o, &j, x, 3 * j.width, false),
                    a->relative ? node->in[TABLE] : NULL, nn_onnx_name(o, node->out));
    x = onnx_windows(o, &j, x, j.width, true);
    for (int d = 0; d < 2 && rolls; d++)
        x = onnx_rolled(o, x, 1 + d, j.w.grid[d], j.w.grid[d] - a->shift);
    return x && nn_onnx_from_nhwc(o, x, &n->type, node->out);
}

const struct nn_op nn_op_attention = {
    .name = "attention", .doc = "tokens take the mean of what others say, as queries like keys",
    .in_min = 1, .in_max = 2, .keep = NN_KEEP_X,
    .attr_size = sizeof(struct nn_attention), .attrs = attrs,
    .type = type, .param = param, .flops = flops, .space = space, .forward = forward,
    .backward = backward, .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "heads=2", "2x5x12", NULL }, { "", "3x1x6", NULL },
        { "heads=2 by_head=true", "2x3x12", NULL },
        { "heads=2 causal=true", "2x4x6", NULL }, { "heads=3", "1x70x27", NULL },
        { "heads=2", "2x3x2x12", NULL },
        { "heads=2 relative=true", "2x2x3x12", NULL },
        { "heads=2 window=2 relative=true", "2x4x6x12", NULL },
        { "heads=1 window=3 shift=1 relative=true", "2x6x6x6", NULL },
        { "heads=2 window=2 shift=1", "1x4x4x6", NULL },
        { "heads=1 window=2 shift=1 rolled=true", "1x4x4x6", NULL },
        { NULL, NULL, NULL }
    },
};
