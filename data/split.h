/*
 * split -- which pictures train and which are held out
 *
 * The unit is a cluster: pictures with the same bytes, near-duplicates (phash.h), and pictures of
 * one declared group stay on one side.  Each cluster draws a lot in [0, 1), the smallest hash of
 * its members' bytes: below `test` it is tested with, below test + val validated with, else
 * trained on.  So which pictures are held out depends on each alone, and files added later move
 * none of the old ones but those whose clusters they join.
 *
 * That gives a label its share give or take what chance does.  The corrections move the clusters
 * whose lots lie nearest to the border, as few as it takes:
 *   STILL  only small labels that lots treat badly (less than half of the share, more than double,
 *          nothing on one side); everything else stands still for ever.
 *   EXACT  every label of every part within one picture of its share, as far as clusters and
 *          several labels a picture allow (in the spirit of Sechidis et al. 2011, "On the
 *          stratification of multi-label data": rarest labels first).
 * Neither leaves a label without a picture to train on.
 *
 * Exact shares and standing still exclude each other for any rule that sees the set alone; a split
 * that was written down (data_split_write) and given back (data_source_options.split_file) has
 * both: what it names stays, and only what is new is drawn and corrected.
 */
#ifndef DATA_SPLIT_H
#define DATA_SPLIT_H

#include "data/index.h"
#include "nn/base/progress.h"

enum data_split_shares { DATA_SPLIT_STILL, DATA_SPLIT_EXACT };

struct data_split_options {
    double val, test;           /* shares of the pictures, together < 1 */
    int shares;                 /* enum data_split_shares */
    bool no_near;               /* do not look for near-duplicates: nothing is decoded */
    bool grow;                  /* a split file was given: what is new is drawn as well */
    bool redraw;                /* forget what the data or a split file say */
    int threads;
    const struct data_decode *decode;   /* for near-duplicates; NULL: the default */
    struct progress *progress;  /* of looking for them; NULL: nobody asks */
    int *cluster;               /* NULL, or [x->n] for the smallest sample that each stays with;
                                   then clusters are looked for even if nothing is to be drawn */
};

/* What a split came to. */
struct data_split_result {
    int drawn;                  /* pictures that were not placed already */
    int clusters;               /* of more than one picture; of these and those below, only what */
    int clustered;              /* was looked for */
    int straddling;             /* clusters that what was placed already tears apart: leaks */
    int unreadable;             /* files that cannot be read or, where looks were compared, decoded;
                                   training and figures leave them out */
    int unreadable_in[DATA_TEST + 1];   /* of each part */
    double worst;               /* largest distance of a label's part from its share, in pictures */
};

/*
 * Gives every UNSPLIT sample, and every TRAIN sample when no VAL is there, a split.  What the index
 * holds already stays, and new members of its clusters join it.  Where a VAL part is there none is
 * drawn, likewise TEST, and shares are of what is drawn; with `grow` they are of the whole, and new
 * pictures go where they are missing; TRAIN is then drawn only where val > 0 asks for a VAL.
 * Files that cannot be read go to TRAIN, where they are reported.  Needs hashes (makes them).  The
 * same for any number of threads.  *result may be NULL.
 */
bool data_split(struct data_index *x, const struct data_split_options *opt,
                struct data_split_result *result, struct err *err);

/* A table `name,split`, atomically.  A sample without a part is left out. */
bool data_split_write(const struct data_index *x, const char *path, struct err *err);

/* Sets the split of every sample that the table names; names that are no longer there are counted
 * in *gone, which may be NULL.  ERR_INPUT names the line of a word that is no part, or when not one
 * name fits. */
bool data_split_read(struct data_index *x, const char *path, int *gone, struct err *err);

#endif
