/* attention -- attributes, for builders; the operator is in attention.c */
#ifndef NN_OP_ATTENTION_H
#define NN_OP_ATTENTION_H

#include <stdbool.h>

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

#endif
