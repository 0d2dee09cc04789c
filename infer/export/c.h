/*
 * c -- what the files of the exported C share: parts, the file in the making, its words
 *
 * The file is weights, functions (the parts that are used), layers and one function that calls them
 * in order.  Every operator has one row in c_ops.c, which writes its weights and its call.  Memory
 * is what nn_plan_new lays out for one picture: each value at a fixed place of one arena.
 */
#ifndef INFER_EXPORT_C_H
#define INFER_EXPORT_C_H

#include "infer/model.h"
#include "nn/base/str.h"
#include "nn/op/strided.h"
#include "nn/plan.h"

enum infer_c_part_id {
    INFER_C_EXP, INFER_C_SOFTPLUS_OF, INFER_C_SIGMOID_OF, INFER_C_TANH_OF, INFER_C_NORMAL_OF,
    INFER_C_INVERSE_ROOT, INFER_C_CLAMP_OF, INFER_C_WINDOW, INFER_C_INSIDE, INFER_C_LANES,
    INFER_C_CONV, INFER_C_DEPTHWISE, INFER_C_MAXPOOL, INFER_C_AVGPOOL, INFER_C_MEANPOOL,
    INFER_C_CLAMP, INFER_C_ADD, INFER_C_MUL, INFER_C_LEAKY, INFER_C_GELU, INFER_C_GELU_TANH,
    INFER_C_SILU, INFER_C_HARDSWISH, INFER_C_SIGMOID, INFER_C_TANHS, INFER_C_SOFTMAX,
    INFER_C_AFFINE, INFER_C_GROUPNORM, INFER_C_LAYERNORM, INFER_C_COPY,
    INFER_C_LAYERS,             /* those below are in c_parts_maths.c */
    INFER_C_ROOT_OF = INFER_C_LAYERS, INFER_C_LOG_OF, INFER_C_TRUNC_OF, INFER_C_FLOOR_OF,
    INFER_C_ROUND_OF, INFER_C_ERF_OF, INFER_C_SIN_OF, INFER_C_ATAN_OF, INFER_C_POW_OF,
    INFER_C_STRIDED, INFER_C_TAKE, INFER_C_GATHER, INFER_C_RESIZE, INFER_C_WHERE, INFER_C_REDUCE,
    INFER_C_MATMUL, INFER_C_LRN, INFER_C_ATTENTION, INFER_C_PARTS
};

/* Functions in C, and the parts that must stand before them (those have smaller ids). */
struct infer_c_part {
    uint64_t needs;             /* bit i: part i */
    const char *text;
};
#define INFER_C_BIT(part) ((uint64_t)1 << INFER_C_##part)
extern const struct infer_c_part infer_c_layers[INFER_C_LAYERS];
extern const struct infer_c_part infer_c_maths[INFER_C_PARTS - INFER_C_LAYERS];

static inline const struct infer_c_part *infer_c_part(int id)
{
    return id < INFER_C_LAYERS ? &infer_c_layers[id] : &infer_c_maths[id - INFER_C_LAYERS];
}

enum { INFER_C_LANES_WIDE = 8 };        /* LANES of the part: weights lie in runs of it */

/* The network of a file in the making. */
struct infer_c {
    const struct nn_graph *graph;
    const struct nn_params *params;
    const struct nn_plan *plan;         /* batch 1, bare */
    int *after;                 /* node i: the relu or relu6 that its call does as well, or -1 */
    bool *done;                 /* node i is done by another's call; a leaf: it is written */
    uint64_t parts;             /* used */
    size_t constants;           /* numbers written */
    size_t room;                /* numbers behind the values, for one call at a time */
    int deepest;                /* channels of a pixel that a convolution reads at most */
    struct str weights, layers, calls;
};

/* A node at its call. */
struct infer_c_site {
    struct infer_c *c;
    int id;
    const struct nn_node *node;
    const struct shape *in, *out;       /* of input 0 and of the value, with a batch of 1 */
    long long count;                    /* numbers of the value */
    char x[32], y[32];                  /* expressions of the same */
    struct str *calls;
    struct err *err;
};

/* Of an operator: writes its constants and the line that calls its part. */
typedef bool infer_c_write(struct infer_c_site *s);
infer_c_write infer_c_concat, infer_c_pad, infer_c_same, infer_c_transpose, infer_c_slice,
    infer_c_expand, infer_c_gather, infer_c_resize, infer_c_embed;              /* c_moves.c */
infer_c_write infer_c_math, infer_c_arith, infer_c_where, infer_c_reduce, infer_c_lrn,
    infer_c_matmul, infer_c_attention;                                          /* c_maths.c */

/* The constant PREFIXid of n numbers.  False: they are not finite. */
bool infer_c_store(struct infer_c *c, const char *prefix, int id, size_t n, const real *x,
                   struct err *err);
/* The constant PREFIXid, a struct strided. */
void infer_c_strided(struct infer_c_site *s, const char *prefix, const struct nn_strided *places);
/* infer_c_value of input i. */
bool infer_c_input(struct infer_c_site *s, int i, char text[32]);
/* Appends x as a constant and ", ". */
void infer_c_argument(struct infer_c_site *s, double x);
bool infer_c_no_memory(struct err *err);

/* Writes node's weights and its call.  The node has been checked by its type hook.  ERR_UNSUPPORTED
 * for what C has no words for, ERR_INPUT for weights that are not finite. */
bool infer_c_node(struct infer_c *c, int node, struct err *err);
/* Whether there is a row for it. */
bool infer_c_knows(const struct nn_op *op);
/* Fills after and done: relu and relu6 where the one value that they limit is made. */
void infer_c_fuse(struct infer_c *c, const int *uses);
/* The expression for a value: "arena + 64". */
bool infer_c_value(struct infer_c *c, int node, char text[32], struct err *err);

struct infer_proof;

/* Compiles the text of a file whose functions are called NAME_... and holds its answers to the
 * proof's pictures against the proof's.  Appends to report what came of it, or that there is no
 * compiler. */
bool infer_c_verify(const struct infer_proof *proof, bool logits, const char *name,
                    const struct str *text, struct str *report, struct err *err);

/* A constant of C that reads back as x, which is finite, with few digits: "0.1f". */
void infer_c_number(struct str *out, float x);
/* "{ 1, 2 }" */
void infer_c_ints(struct str *out, int n, const int64_t *x);
/* static const float PREFIXid[n] = { ... }; */
void infer_c_array(struct str *out, const char *prefix, int id, size_t n, const float *x);
/* A string literal, in ASCII whatever the text's bytes; no trigraph comes of it. */
void infer_c_string(struct str *out, const char *text);
/* For comments: what could end them or trip a compiler becomes '_'. */
void infer_c_comment(struct str *out, const char *text);
/* The file name of path as the beginning of identifiers: letters, digits, '_'. */
void infer_c_name(struct str *out, const char *path);

#endif
