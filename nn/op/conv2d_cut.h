/*
 * conv2d_cut -- how conv2d's passes over pixels are cut into pieces, and its filters packed
 */
#ifndef NN_OP_CONV2D_CUT_H
#define NN_OP_CONV2D_CUT_H

#include "nn/op.h"

/* conv2d's choices, by their places in its table. */
enum { NN_CONV2D_FORWARD, NN_CONV2D_INPUT, NN_CONV2D_WEIGHT };

/* A pass writes `batch` pictures of rows x columns pixels with `outputs` channels in each of
 * `groups` groups; a number is a sum of `terms`. */
struct nn_conv2d_pass {
    int64_t batch, terms;
    int groups, rows, columns, outputs;
    int tile;                   /* pieces begin at multiples of so many rows */
};

/* A piece is some pictures, a band of their rows and a run of the outputs of a group: a function
 * of the pass and the way that it is cut in. */
struct nn_conv2d_cut {
    struct nn_conv2d_pass pass;
    int pictures, rows, outputs;        /* parts of each; outputs in whole groups of NN_GROUP */
    int most_rows;              /* of a piece */
    bool deep;                  /* rows go before outputs: a piece has its filters from the one
                                   before it, not its pixels */
    int n;                      /* pieces */
};

/* Variants of forward and of the pass towards x.  Ways to cut: which of rows and filters pieces
 * have from the one before, and how many they are; they change no bit, and a way that does what one
 * before it does cannot be chosen.  Behind them another algorithm (conv2d_winograd.h), which is cut
 * as nn_conv2d_cut_rule says of its own pass. */
enum { NN_CONV2D_CUTS = 4, NN_CONV2D_WINOGRAD = NN_CONV2D_CUTS };
extern const char *const nn_conv2d_names[];     /* NULL-terminated */
struct nn_conv2d_cut nn_conv2d_cut(struct nn_conv2d_pass pass, int way);
bool nn_conv2d_cut_can(struct nn_conv2d_pass pass, int way);
int nn_conv2d_cut_rule(struct nn_conv2d_pass pass);

/* Piece i: its first and how many. */
struct nn_conv2d_piece {
    int group;
    int64_t picture, pictures;
    int row, rows, output, outputs;
};
struct nn_conv2d_piece nn_conv2d_piece(const struct nn_conv2d_cut *u, int i);

/* Filters w[taps,c,groups*k] of `groups` groups, packed for forward or (turned) for backward. */
struct nn_conv2d_filters {
    int taps, c, k, groups;     /* channels and outputs of one group */
    bool turned, half;
    bool winograd;              /* 3x3 as the winograd slots want them */
    bool together;              /* the groups are one job, with k_group; else each has its own */
};

/* Can they be one?  `to` of a group's channels are written, `from` are read. */
static inline bool nn_conv2d_together(int groups, int from, int to)
{
    return groups > 1 && from <= to && to <= 16 && !(to & (to - 1));
}

/* Numbers from a tap, from NN_GROUP outputs and from a group to the next; bytes in all. */
int64_t nn_conv2d_tap(const struct nn_conv2d_filters *f);
int64_t nn_conv2d_outputs(const struct nn_conv2d_filters *f);
int64_t nn_conv2d_group(const struct nn_conv2d_filters *f);
size_t nn_conv2d_bytes(const struct nn_conv2d_filters *f);
/* Packs w into b on the call's pool. */
void nn_conv2d_pack(const struct nn_call *c, const struct nn_conv2d_filters *f, const real *w,
                    void *b);

#endif
