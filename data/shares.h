/*
 * shares -- moves units between the parts of a split until labels have their shares
 *
 * What split.c corrects its lots with; nobody else includes it.
 *
 * Each label has bounds for each part, and the cost of a split is the sum of squares of what lies
 * outside of them.  Label by label, the rarest first, units move from parts that have too many to
 * parts that have too few, nearest lot first, where that lowers the cost; and two change places
 * where only both together do; until nothing does.  A move changes the counts of a unit's own
 * labels alone, so a round takes time in proportion to the labels that all pictures carry.
 */
#ifndef DATA_SHARES_H
#define DATA_SHARES_H

#include "data/index.h"

enum { DATA_PARTS = DATA_TEST + 1 };

/* Pictures that move together. */
struct data_unit {
    uint64_t hash;              /* its lot is hash / 2^64 */
    int cluster;                /* whose it is */
    enum data_split part;       /* in and out */
    int first, n;               /* entries */
};

/* How many pictures of a label a unit has. */
struct data_entry {
    int unit, label, n;
};

struct data_label {
    int first, n;               /* entries, in order of lots */
    int all;                    /* pictures that shares are of */
    int count[DATA_PARTS], low[DATA_PARTS], high[DATA_PARTS];
};

struct data_shares {
    double share[DATA_PARTS];
    bool exact;                 /* bounds: one number, or between half and double of the share */
    struct data_unit *unit;     /* in order of lots */
    int n_units;
    struct data_entry *entry;   /* as they come; in order of units afterwards */
    int n_entries;
    struct data_label *label;   /* [n_labels + 1]: the last is "no label", and no class that could
                                   be small.  In: count of what does not move; out: of all */
    int n_labels;
};

double data_unit_lot(const struct data_unit *u);

/* Moves.  A label that has units keeps one to train on. */
bool data_shares_correct(struct data_shares *s, struct err *err);

#endif
