/*
 * foreign_names -- what others call the parameters of our networks
 *
 * Ours are timm's names.  A dialect is a list of rules by which names of another library become
 * those; the table is foreign_names.def.
 */
#ifndef INFER_FOREIGN_NAMES_H
#define INFER_FOREIGN_NAMES_H

#include "nn/base/str.h"

/* from: '#' stands for a run of digits, '*' for anything; what they stand for is {1}, {2} ... in
 * `to`.  {1+1} and {1+-1} add, {1/2+1} divides, rounds down and adds; {1@0,2,5} counts by runs that
 * begin at 0, 2 and 5: 4 is "1.2"; {1?dw,pw} is "dw" for even, "pw" for odd numbers.  A name that
 * ends in "[1/3]" is the second of three parts, one behind another.  to NULL: no parameter. */
struct infer_rename {
    const char *from, *to;
};

struct infer_dialect {
    const char *name;           /* "torchvision's MobileNetV2" */
    const char *mark;           /* a tensor that files in it have; NULL: any may be in it */
    const char *archs;          /* networks that it is of: a name, or with '*' */
    double epsilon;             /* of its batch-norms, where it is another than ours; else 0 */
    const struct infer_rename *rule;    /* the first that fits is taken; from NULL ends them */
};

/* The last one has no name. */
extern const struct infer_dialect infer_dialects[];

/* Does text fit a pattern of '#' and '*'? */
bool infer_name_fits(const char *pattern, const char *text);

/* Appends the name that a tensor has with us; part[0] of part[1] of it is the tensor (0 of 1: all).
 * A name that no rule fits stays.  False, and nothing: it is no parameter. */
bool infer_rename(const struct infer_dialect *d, const char *name, struct str *out, int part[2]);

#endif
