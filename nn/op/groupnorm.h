/* groupnorm -- attributes, for builders; the operator is in groupnorm.c */
#ifndef NN_OP_GROUPNORM_H
#define NN_OP_GROUPNORM_H

struct nn_groupnorm {
    int groups;                 /* the channels fall into so many */
    double epsilon;             /* added to the variance */
};

#endif
