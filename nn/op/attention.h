/* attention -- attributes, for builders, and how windows lie; the operator is in attention.c */
#ifndef NN_OP_ATTENTION_H
#define NN_OP_ATTENTION_H

#include <stdbool.h>
#include <stdint.h>

struct nn_attention {
    int heads;
    bool causal;                /* tokens see themselves and those before */
    int window;                 /* of pictures: side of the windows that see themselves; 0: all */
    int shift;                  /* by so many pixels these begin further right and down */
    bool rolled;                /* pixels lie as if they did: what is to be seen is left */
    bool relative;              /* of pictures: a trained bias for each distance and head */
    bool by_head;               /* of each head its queries, keys and values, not of each of these
                                   all heads */
};

/* Rows and columns of a picture, of a window, and how many windows there are: size fills grid. */
struct nn_windows {
    int grid[2], size[2], windows[2];
    int shift;                  /* by so much windows begin further right and down */
    bool rolled;                /* pixels lie as if they did */
};

/* The pixel, counted over the batch, that token t of a window is; windows are counted likewise. */
int64_t nn_windows_pixel(const struct nn_windows *w, int64_t window, int t);
/* Which side of the seams it is on: tokens of a window see those of their own region. */
int nn_windows_region(const struct nn_windows *w, int64_t window, int t);
/* The row of the table of distances for tokens i and k of a window. */
int nn_windows_distance(const struct nn_windows *w, int i, int k);
/* What is added to products across a seam. */
#define NN_WINDOWS_SEAM (-100)

#endif
