/*
 * groupnorm -- each group of channels of a picture with mean 0 and variance 1, then scaled, shifted
 *
 * y = (x - mean) / sqrt(var + epsilon) * gamma + beta; mean and variance (divided by their number,
 * M = pixels * C / groups) over all pixels of a picture and C / groups neighbouring channels; gamma
 * and beta [C].  Batches do not matter.
 *   dbeta = sum dy;  dgamma = sum dy x^;  dx = (g - mean(g) - x^ mean(g x^)) / s,  g = dy gamma
 * with s = sqrt(var + epsilon), x^ = (x - mean) / s.  Wu and He 2018, arXiv:1803.08494.
 * x is [N,C] or [N,H,W,C].  A picture is one piece of work; its sums run pixel by pixel.
 */
#include "nn/op/groupnorm.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <math.h>

enum { X, GAMMA, BETA, INPUTS };

static const struct field attrs[] = {
    FIELD_INT(struct nn_groupnorm, groups, NULL, 32, 1, 1 << 16,
              "the channels fall into so many, which must divide them"),
    FIELD_FLOAT(struct nn_groupnorm, epsilon, NULL, 1e-5, 1e-12, 1, "added to the variance"),
    FIELDS_END
};

static const char *param(const void *attr, const struct nn_type *x, int i, struct nn_param *p)
{
    (void)attr;
    if (i < GAMMA || i >= INPUTS)
        return NULL;
    *p = (struct nn_param){ .shape = { x->rank ? x->dim[x->rank - 1].n : 0 },
                            .init = i == GAMMA ? NN_INIT_ONES : NN_INIT_ZEROS };
    return i == GAMMA ? "weight" : "bias";
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_groupnorm *a = attr;
    int c;

    if (!nn_type_channels(&nn_op_groupnorm, &in[X], err))
        return false;
    if (in[X].rank == 3 || in[X].rank > 4)
        return err_set(err, ERR_INPUT, "groupnorm: needs batch x channels or a batch of pictures");
    c = in[X].dim[in[X].rank - 1].n;
    if (c % a->groups)
        return err_set(err, ERR_INPUT, "groupnorm: %d channels do not fall into %d groups", c,
                       a->groups);
    for (int i = GAMMA; i < INPUTS; i++)
        if (!nn_type_param(&nn_op_groupnorm, attr, n_in, in, i, err))
            return false;
    *out = in[X];
    return nn_type_fits(&nn_op_groupnorm, out, err);
}

struct job {
    int channels, groups, share;        /* share: channels a group */
    int64_t pictures, pixels;
    double m;                           /* numbers that a mean is taken of */
};

static struct job job_of(const struct nn_call *c)
{
    const struct shape *s = &c->y.shape;
    struct job j = { .channels = (int)s->dim[s->rank - 1],
                     .groups = ((const struct nn_groupnorm *)c->attr)->groups,
                     .pictures = s->dim[0] };

    j.share = j.channels / j.groups;
    j.pixels = shape_count(s) / j.pictures / j.channels;
    j.m = (double)j.pixels * j.share;
    return j;
}

/* Means, variances and the map: about 10. */
static int64_t flops(const struct nn_call *c)
{
    return 10 * shape_count(&c->y.shape);
}

/* stash: of each picture mean[C] and 1/s[C], alike within a group.  scratch: of each picture three
 * rows of C and, to add up over the pictures, dgamma[C] and dbeta[C]; then the parts of that. */
enum { ROWS = 5 };

static void space(const struct nn_call *c, size_t *stash, size_t *scratch)
{
    struct job j = job_of(c);
    size_t n = (size_t)j.channels * sizeof(real);

    *stash = c->mode == NN_TRAIN ? 2 * n * (size_t)j.pictures : 0;
    *scratch = ROWS * n * (size_t)j.pictures + (c->mode == NN_TRAIN ? 2 * NN_PARTS * n : 0);
}

/* row[C]: each group's entries become its sum / by. */
static void spread(const struct job *j, real *row, double by)
{
    for (int g = 0; g < j->groups; g++) {
        real *of = row + g * j->share;
        double sum = 0;

        for (int c = 0; c < j->share; c++)
            sum += of[c];
        for (int c = 0; c < j->share; c++)
            of[c] = (real)(sum / by);
    }
}

static real *rows_of(const struct nn_call *c, const struct job *j, int64_t picture)
{
    return (real *)c->scratch + picture * ROWS * j->channels;
}

static void forward_pictures(const struct nn_call *c, int64_t first, int64_t count)
{
    const struct nn_groupnorm *a = c->attr;
    const real *gamma = c->x[GAMMA].data, *beta = c->x[BETA].data;
    struct job j = job_of(c);
    int n = j.channels;

    for (int64_t p = first; p < first + count; p++) {
        const real *x = (const real *)c->x[X].data + p * j.pixels * n;
        real *scale = rows_of(c, &j, p), *shift = scale + n;
        real *mean = c->stash ? (real *)c->stash + 2 * p * n : shift + n, *inv = mean + n;

        for (int i = 0; i < n; i++)
            mean[i] = inv[i] = 0;
        c->k->colsum_f32(j.pixels, n, x, mean);
        spread(&j, mean, j.m);
        c->k->colvar_f32(j.pixels, n, x, mean, inv);
        spread(&j, inv, j.m);
        for (int i = 0; i < n; i++) {
            double f = 1 / sqrt(inv[i] + a->epsilon);

            inv[i] = (real)f;
            scale[i] = (real)(gamma[i] * f);
            shift[i] = (real)(beta[i] - mean[i] * gamma[i] * f);
        }
        c->k->affine_f32(j.pixels, n, x, scale, shift, (real *)c->y.data + p * j.pixels * n);
    }
}

static void forward(const struct nn_call *c)
{
    struct job j = job_of(c);

    nn_each_rows(c, j.pictures, j.pixels * j.channels, forward_pictures);
}

static void backward_pictures(const struct nn_call *c, int64_t first, int64_t count)
{
    const real *gamma = c->x[GAMMA].data;
    struct job j = job_of(c);
    int n = j.channels;

    for (int64_t k = first; k < first + count; k++) {
        int64_t at = k * j.pixels * n;
        const real *x = (const real *)c->x[X].data + at, *dy = (const real *)c->dy.data + at;
        const real *mean = (const real *)c->stash + 2 * k * n, *inv = mean + n;
        real *p = rows_of(c, &j, k), *q = p + n, *r = q + n, *dgamma = r + n, *dbeta = dgamma + n;

        for (int i = 0; i < n; i++)
            dgamma[i] = dbeta[i] = 0;
        c->k->coldot_f32(j.pixels, n, dy, x, mean, dgamma);
        c->k->colsum_f32(j.pixels, n, dy, dbeta);
        for (int i = 0; i < n; i++) {
            dgamma[i] *= inv[i];
            q[i] = gamma[i] * dgamma[i];
            r[i] = gamma[i] * dbeta[i];
        }
        spread(&j, q, j.m);             /* mean(g x^) */
        spread(&j, r, j.m);             /* mean(g) */
        for (int i = 0; i < n; i++) {
            p[i] = gamma[i] * inv[i];
            q[i] *= -inv[i] * inv[i];
            r[i] = -inv[i] * r[i] - q[i] * mean[i];
        }
        if (c->dx[X].data)
            c->k->norm_dx_f32(j.pixels, n, dy, x, p, q, r, (real *)c->dx[X].data + at);
    }
}

/* Of dgamma[C] and dbeta[C] as they stand behind each other: what the pictures have. */
static void sum_pictures(const struct nn_call *c, int64_t first, int64_t count, real *sum)
{
    struct job j = job_of(c);

    for (int64_t p = first; p < first + count; p++)
        c->k->add_f32(2 * j.channels, sum, rows_of(c, &j, p) + 3 * j.channels, sum);
}

static void backward(const struct nn_call *c)
{
    struct job j = job_of(c);
    int n = j.channels;
    real *parts = rows_of(c, &j, j.pictures), *sum;

    nn_each_rows(c, j.pictures, j.pixels * n, backward_pictures);
    sum = (real *)c->scratch;           /* p and q of the first picture have been used */
    for (int i = 0; i < 2 * n; i++)
        sum[i] = 0;
    nn_sum_parts(c, j.pictures, 2 * n, sum_pictures, parts, sum);
    if (c->dx[GAMMA].data)
        c->k->add_f32(n, c->dx[GAMMA].data, sum, c->dx[GAMMA].data);
    if (c->dx[BETA].data)
        c->k->add_f32(n, c->dx[BETA].data, sum + n, c->dx[BETA].data);
}

/* GroupNormalization came with opset 18.  A group is one channel of InstanceNormalization. */
static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_groupnorm *a = node->attr;
    const struct nn_type *t = &node->graph->node[node->id].type;
    const int64_t in_groups[3] = { 0, a->groups, -1 };
    const int64_t out[4] = { 0, t->dim[t->rank - 1].n, t->dim[1].n, t->dim[2].n };
    const char *gamma = nn_onnx_channels(o, node, GAMMA), *beta = nn_onnx_channels(o, node, BETA);
    const char *grouped = nn_onnx_name(o, node->out), *normed = nn_onnx_name(o, node->out);
    const char *back = nn_onnx_name(o, node->out);
    const char *to = nn_onnx_int64s(o, "shape", 3, in_groups);
    const char *from = nn_onnx_int64s(o, "shape", t->rank, out);
    const char *one = nn_onnx_repeat(o, "one", a->groups, 1);
    const char *zero = nn_onnx_repeat(o, "zero", a->groups, 0);

    (void)err;
    return gamma && beta && grouped && normed && back && to && from && one && zero &&
           nn_onnx_begin(o, "Reshape", 2, (const char *[]){ node->in[X], to }, grouped) &&
           nn_onnx_begin(o, "InstanceNormalization", 3, (const char *[]){ grouped, one, zero },
                         normed) &&
           nn_onnx_float(o, "epsilon", a->epsilon) &&
           nn_onnx_begin(o, "Reshape", 2, (const char *[]){ normed, from }, back) &&
           nn_onnx_affine(o, back, gamma, beta, node->out);
}

const struct nn_op nn_op_groupnorm = {
    .name = "groupnorm",
    .doc = "each group of channels of a picture with mean 0 and variance 1, then scaled",
    .in_min = INPUTS, .in_max = INPUTS, .keep = NN_KEEP_X | NN_KEEP_STASH,
    .flags = NN_OP_INPLACE | NN_OP_SCALES,
    .attr_size = sizeof(struct nn_groupnorm), .attrs = attrs,
    .type = type, .param = param, .flops = flops, .space = space, .forward = forward,
    .backward = backward, .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "groups=2", "3x2x5x6", NULL }, { "groups=1", "2x3x2x4", NULL },
        { "groups=3 epsilon=0.01", "4x2x2x3", NULL }, { "groups=2", "3x6", NULL },
        { "groups=4", "20x9x9x12", NULL },      /* several pieces */
        { NULL, NULL, NULL }
    },
};
