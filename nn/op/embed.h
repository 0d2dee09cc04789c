/* embed -- attributes, for builders; the operator is in embed.c */
#ifndef NN_OP_EMBED_H
#define NN_OP_EMBED_H

struct nn_embed {
    int tokens;                 /* of its own, 0 to 2 */
};

#endif
