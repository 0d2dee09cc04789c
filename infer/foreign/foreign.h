/*
 * foreign -- a network of ours from weights that others trained
 *
 * Which network it is follows from the names and shapes of the tensors; how pictures are prepared
 * and what labels are called from files beside them (foreign_config.h).
 */
#ifndef INFER_FOREIGN_H
#define INFER_FOREIGN_H

#include "infer/foreign/foreign_config.h"
#include "infer/model.h"

struct infer_foreign_options {
    const char *arch;           /* NULL: as the tensors say */
    const char *labels;         /* a file of names; NULL: as files beside the weights say */
    int size;                   /* 0: as files beside say, or what the network was made for */
    double crop;                /* share of a picture that is seen; 0: likewise */
    enum infer_normalize normalize;
    bool to_train;              /* may be without the last layer, which then begins anew */
};

/*
 * Every tensor is a parameter's, and every parameter has one: what is missing, left over or of
 * another shape is said in `told`, all of it, before the error.  What was recognised, and where
 * preparation and labels come from, are lines there too.  NULL on failure.
 */
struct infer_model *infer_foreign_open(const char *path, const struct infer_foreign_options *o,
                                       struct str *told, struct err *err);

#endif
