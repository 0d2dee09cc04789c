/*
 * op -- what an operator is, and the table of them
 *
 * All knowledge of an operator sits in its file nn/op/NAME.c: attributes, types, cost, forward,
 * hand-written backward, ONNX form, the cases that the generic tests run.  A line in nn/op/ops.def
 * registers it.  The address of its descriptor is its identity; names stand in files, numbers
 * nowhere.
 */
#ifndef NN_OP_H
#define NN_OP_H

#include "nn/base/err.h"
#include "nn/base/field.h"
#include "nn/base/pool.h"
#include "nn/base/rng.h"
#include "nn/base/tensor.h"
#include "nn/kernel/kernel.h"

enum { NN_MAX_IN = 16, NN_CHOICES = 4, NN_VARIANTS = 16 };

/* n, or n times the batch where batch is set: the symbolic dimensions of a graph. */
struct nn_dim {
    int32_t n, batch;
};

struct nn_type {
    enum dtype dtype;
    int rank;
    struct nn_dim dim[SHAPE_MAX_RANK];
};

enum nn_mode { NN_INFER, NN_TRAIN };

/* What backward reads beside dy and the parameters; whatever is not claimed may be overwritten by
 * then. */
enum nn_keep {
    NN_KEEP_X = 1,              /* inputs */
    NN_KEEP_Y = 2,              /* the output */
    NN_KEEP_STASH = 4,          /* what forward left in stash */
};

enum nn_op_flag {
    NN_OP_INPLACE = 1,          /* forward allows y.data == x[0].data; both have as many numbers */
    NN_OP_RANDOM = 2,           /* TRAIN draws from rng (seed, stream, counter) */
    NN_OP_ACROSS_BATCH = 4,     /* TRAIN mixes the pictures of a batch */
    NN_OP_LEAF = 8,             /* input, param, const: no inputs, never run */
    NN_OP_LOSS = 16,            /* a training copy's last node: scalar out, never stored */
    NN_OP_TRAIN_ONLY = 32,      /* INFER: y = x[0]; the inference form is without it */
    NN_OP_SCALES = 64,          /* y is input 1 times something, plus a bias: its 0 silences x */
    NN_OP_HALF = 128,           /* x, y, dx, dy that are pictures may be bf16, each for itself */
    NN_OP_ALIKE = 1024,         /* of HALF: x and y are of one dtype */
    NN_OP_AFTER = 256,          /* INFER: heeds c->after */
    NN_OP_AFTER_TRAIN = 512,    /* TRAIN too, backward as well */
    NN_OP_CUT_FROM_X = 2048,    /* backward finds anew what was cut: y is for residuals alone */
};

/*
 * What a step does to its result before it writes it: y = cut(result + residual), residual first.
 * Nodes behind an operator that says NN_OP_AFTER are computed so (nn/fuse.h).  Backward sees dy
 * behind all that: with g = dy where lo < y < hi, else 0, it goes on with g, and the residual's
 * gradient is g.
 */
struct nn_after {
    bool adds, cuts;                    /* adds: there is a residual, also in backward */
    real lo, hi;
    struct tensor residual;             /* data NULL: none */
    struct tensor dresidual;            /* backward adds; data NULL: not wanted */
    bool fresh;                         /* backward writes dresidual */
};

/*
 * One call of an operator: everything that it may touch.  Tensors are dense, of `real` where
 * DTYPE_F32.  During type-only use (space, flops, packed) every data is NULL.
 */
struct nn_call {
    const void *attr;
    enum nn_mode mode;
    int n_in;
    struct tensor x[NN_MAX_IN];         /* inputs; TRAIN may write those that are buffers */
    struct tensor y;                    /* forward: to write; backward: holds it if kept */
    struct tensor dx[NN_MAX_IN];        /* backward adds into these; data NULL = not wanted */
    unsigned fresh;                     /* bit i: dx[i] holds nothing yet, is to be written */
    bool again;                         /* forward, TRAIN: once more on what it ran on, y is gone.
                                           The same y; stash is as it left it, and so are buffers
                                           to stay */
    struct tensor dy;                   /* backward reads; forward: data NULL */
    struct nn_after after;
    unsigned char variant[NN_CHOICES];  /* of each of the operator's choices: nn/variant.h */
    void *packed;                       /* what pack() made of the weights; NULL without the hook */
    void *stash, *scratch;              /* as large as space() said; 64-byte aligned; NULL when 0 */
    const struct nn_kernels *k;
    struct pool *pool;                  /* may be NULL: one thread */
    int threads;                        /* of the pool; space() sees it, for scratch per worker */
    uint64_t seed, stream, counter;     /* RANDOM: number i is rng_f32(seed, stream, counter + i) */
};

/*
 * What an operator can compute in several ways, which give the same but for last bits: its forward
 * pass, or its gradient towards an input.  The variant is chosen when a step is planned
 * (nn/variant.h), so that all hooks of the operator see it in c->variant; another one is a name
 * more, what `can` and `rule` say of it, and a case where the pass is computed.  These two are
 * functions of the attributes, of the shapes and dtypes of x and y, of mode and kernels: nothing
 * else, no threads, no address.  In INFER a rule between variants of other bits must not look at
 * the batch either, and rows() gives the bits of forward in each of them.
 */
enum { NN_FORWARD = -1 };
struct nn_choice {
    const char *name;                   /* this, and the names of variants: a word, without '=' */
    int of;                             /* NN_FORWARD, or the input whose gradient it is */
    const char *const *variant;         /* names, NULL-terminated, NN_VARIANTS at most */
    bool (*can)(const struct nn_call *c, int variant);  /* and differs from those before it */
    int (*rule)(const struct nn_call *c);               /* one that it can */
};

/* A parameter as its operator wants it: the attributes of op `param` (and of `const`). */
struct nn_param {
    int shape[SHAPE_MAX_RANK];          /* in memory; the rank is the number of leading non-zeros */
    int perm[SHAPE_MAX_RANK];           /* dimension i in files is perm[i] in memory; all 0: i */
    int init;                           /* enum nn_init */
    bool buffer;                        /* state that forward writes, not trained */
    double value;                       /* of init constant */
    int groups;                         /* filters fall into so many, each with its own channels */
};

/*
 * Rules of first values; fan_out is the last dimension in memory, fan_in the product of the rest.
 * constant: all are `value`.  he, glorot, lecun: normal, variance 2/fan_in, 2/(fan_in+fan_out),
 * 1/fan_in.  trunc: normal of deviation 0.02, drawn again beyond two deviations (ViT, ConvNeXt).
 * orthogonal: the matrix [fan_in, fan_out] of each group has orthonormal columns, or rows where
 * these are fewer (Saxe et al., arXiv:1312.6120).  dirac: of the filters of each group the first
 * ones pass a channel on, filter k channel k, for as many as there are channels (Zagoruyko and
 * Komodakis, arXiv:1706.00388); the others, and what is no filter (rank 4), as he.
 */
enum nn_init { NN_INIT_ZEROS, NN_INIT_ONES, NN_INIT_HE, NN_INIT_GLOROT, NN_INIT_LECUN,
               NN_INIT_CONSTANT, NN_INIT_TRUNC, NN_INIT_ORTHOGONAL, NN_INIT_DIRAC };
extern const char *const nn_init_names[];       /* NULL-terminated */

/* One case of the generic tests; the list ends with a NULL attr. */
struct nn_case {
    const char *attr;           /* as in graph text: "channels=4 size=3 pad=1" */
    const char *in;             /* shapes, batch first, of the inputs that are not derived:
                                   "2x5x5x3 2x4"; after '=' a constant, without a batch: "=4" */
    const char *fill;           /* a letter an input: g grid (default), p rows of probabilities,
                                   t 0 or 1, u -1 (unknown), 0 or 1, v positive; NULL = all g */
};

struct nn_onnx_out;             /* nn/io/onnx.h */
struct nn_onnx_node;

struct nn_op {
    const char *name, *onnx, *doc;
    uint8_t in_min, in_max;     /* inputs, derived parameters included */
    uint8_t keep;               /* enum nn_keep */
    uint16_t flags;             /* enum nn_op_flag */
    uint16_t no_grad;           /* bit i: input i has no gradient (targets, running statistics) */
    uint16_t packs;             /* bit i: forward reads input i packed, where packed() is not 0 */
    uint16_t fresh;             /* bit i: backward heeds c->fresh for dx[i]; else it is cleared */
    size_t attr_size;           /* 0: no attributes */
    const struct field *attrs;

    /* The output's type from the inputs'.  Refuses, in words, whatever forward could not do. */
    bool (*type)(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err);

    /* The parameter that input i (>= 1) is when it is not given: fills p, returns the suffix of its
     * name ("weight"), or NULL when the operator has no input i.  NULL hook: all inputs are given.
     * x is the type of input 0, not yet checked. */
    const char *(*param)(const void *attr, const struct nn_type *x, int i, struct nn_param *p);

    /* Multiply-adds count 2; forward only.  NULL: one a number of the output. */
    int64_t (*flops)(const struct nn_call *c);

    /* The operator cuts: y = min(max(x, lo), hi), NaN stays.  NULL: it does something else. */
    void (*cut)(const void *attr, real *lo, real *hi);

    /* Bytes of stash (forward leaves, backward reads) and scratch (either).  NULL: none. */
    void (*space)(const struct nn_call *c, size_t *stash, size_t *scratch);

    /* Bytes of the weights as forward's kernels want them, and how they are made: c->x into
     * c->packed.  INFER packs once, TRAIN before every forward.  What is packed depends on the
     * weights, the attributes, the kernels and the dtypes, not on the batch.  NULL: as they lie. */
    size_t (*packed)(const struct nn_call *c);
    void (*pack)(const struct nn_call *c);

    void (*forward)(const struct nn_call *c);       /* cannot fail */

    /* Of operators on pictures, INFER: rows [first, first + n) of one picture of y, as forward
     * makes them, by a worker of the pool; of x (input 0) nothing is read but the rows that these
     * see, [*from, *end), which may reach beyond the picture.  NULL, or sees says false: there is
     * only the whole. */
    void (*rows)(const struct nn_call *c, int64_t picture, int first, int n, int worker);
    bool (*sees)(const struct nn_call *c, int first, int n, int64_t *from, int64_t *end);
    void (*backward)(const struct nn_call *c);      /* NULL: no gradients at all */

    const struct nn_choice *choices;    /* NN_CHOICES at most, up to a NULL name; NULL: none */

    /* Writes the node into an ONNX file; NULL: one node called .onnx with the attributes that have
     * an ONNX name. */
    bool (*onnx_write)(struct nn_onnx_out *out, const struct nn_onnx_node *node, struct err *err);

    const struct nn_case *cases;
};

#define NN_OP(name) extern const struct nn_op nn_op_##name;
#include "nn/op/ops.def"
#undef NN_OP

int nn_op_count(void);
const struct nn_op *nn_op_at(int i);

/* NULL when there is none: err names it and the nearest. */
const struct nn_op *nn_op_find(const char *name, struct err *err);

/* Packs c->x into c->packed, where the operator does, and runs forward. */
void nn_op_forward(const struct nn_op *op, const struct nn_call *c);

/* Helpers of type hooks. */
bool nn_type_equal(const struct nn_type *a, const struct nn_type *b);
void nn_type_text(const struct nn_type *t, struct str *out);            /* "Nx32x32x3" */
struct nn_type nn_type_of_param(const struct nn_param *p);
/* Checks that input i is a parameter of the shape that the op's own param hook asks for. */
bool nn_type_param(const struct nn_op *op, const void *attr, int n_in, const struct nn_type *in,
                   int i, struct err *err);

/* Concrete shape for a batch.  False when an element count would not fit 2^40. */
bool nn_type_shape(const struct nn_type *t, int64_t batch, struct shape *out);

/* Forward flops of a call: op->flops, or one a number of the output. */
int64_t nn_op_flops(const struct nn_op *op, const struct nn_call *c);

/* Refuses a type of more numbers a picture than an int counts; every type hook ends with it. */
bool nn_type_fits(const struct nn_op *op, const struct nn_type *t, struct err *err);

/* Refuses a type without channels: batch first, a fixed last dimension. */
bool nn_type_channels(const struct nn_op *op, const struct nn_type *t, struct err *err);

/* Operators along one dimension: from 1, -1 is the last. */
static inline int nn_op_axis(int axis, int rank)
{
    return axis < 0 ? rank - 1 : axis;
}
/* That of a value with a batch, which it is not; refused where there is none. */
bool nn_type_axis(const struct nn_op *op, int axis, const struct nn_type *x, struct err *err);
/* Numbers of the dimensions behind it; with it. */
int64_t nn_op_behind(const struct shape *s, int axis);
int64_t nn_op_run(const struct shape *s, int axis);

/* Type hook of operators on two values of one type: *out is that type. */
bool nn_type_alike(const struct nn_op *op, const struct nn_type in[2], struct nn_type *out,
                   struct err *err);

/* The window of an operator over a picture [h,w,c]; dilation NULL is 1.  It does not fit when oh or
 * ow is 0.  Padding at the bottom and right only makes oh and ow larger. */
struct nn_window nn_window_of(int64_t h, int64_t w, int64_t c, const int size[2],
                              const int stride[2], const int dilation[2], const int pad[4]);
/* Type hook of such an operator: x is a batch of pictures, the window fits.  *out = x with the new
 * size. */
bool nn_type_window(const struct nn_op *op, const struct nn_type *x, const int size[2],
                    const int stride[2], const int dilation[2], const int pad[4],
                    struct nn_type *out, struct err *err);

/*
 * Numbers of a tensor that may be bf16, a tile at a time: `n` from `first` on, as `real`.  Where it
 * is real they lie where they are; where bf16, in room[NN_TILE].  nn_tile_in reads, nn_tile_out is
 * where to write, with what was there if `add`; nn_tile_put writes that back.
 */
enum { NN_TILE = 4096 };
const real *nn_tile_in(const struct nn_call *c, const struct tensor *t, int64_t first, int64_t n,
                       real *room);
real *nn_tile_out(const struct nn_call *c, const struct tensor *t, int64_t first, int64_t n,
                  bool add, real *room);
void nn_tile_put(const struct nn_call *c, const struct tensor *t, int64_t first, int64_t n,
                 const real *tile);

/*
 * Work in pieces over the pool.  Pieces follow from the shapes, never from the threads.
 */

/* fn(c, first, count) over n numbers, or over rows of `width` numbers each.  Where tensors of
 * rows * width numbers are bf16, fn is called for tiles of rows that lie in its call as real, from
 * row 0 on: it must index such tensors by row and ask for nothing else of the place.  width <=
 * NN_TILE then. */
typedef void nn_range_fn(const struct nn_call *c, int64_t first, int64_t count);
void nn_each_range(const struct nn_call *c, int64_t n, nn_range_fn *fn);
void nn_each_rows(const struct nn_call *c, int64_t rows, int64_t width, nn_range_fn *fn);
/* The same on tensors as they lie, for operators whose kernels know bf16. */
void nn_each_rows_as_is(const struct nn_call *c, int64_t rows, int64_t width, nn_range_fn *fn);

/* Hooks of operators that leave the numbers as they are, in their order: a copy unless in place. */
int64_t nn_no_flops(const struct nn_call *c);
void nn_identity_forward(const struct nn_call *c);
void nn_identity_backward(const struct nn_call *c);

/* Bands of output rows of n pictures: fn gets the window cut to the band (pt moved, so that it may
 * be negative, oh shortened), the picture, and the band's first number in that picture's output. */
typedef void nn_band_fn(const struct nn_call *c, const struct nn_window *band, int64_t picture,
                        int64_t first);
void nn_each_band(const struct nn_call *c, int64_t n, const struct nn_window *w, nn_band_fn *fn);

/* sum[width] += what fn adds to its own sum[width], zero before, over the rows: in NN_PARTS parts,
 * added up in order.  parts is scratch of NN_PARTS * width numbers. */
enum { NN_PARTS = 16 };
typedef void nn_part_fn(const struct nn_call *c, int64_t first, int64_t count, real *sum);
void nn_sum_parts(const struct nn_call *c, int64_t rows, int64_t width, nn_part_fn *fn, real *parts,
                  real *sum);
void nn_sum_parts_as_is(const struct nn_call *c, int64_t rows, int64_t width, nn_part_fn *fn,
                        real *parts, real *sum);

#endif
