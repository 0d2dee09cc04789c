/*
 * foreign_config -- how others prepare pictures and what they call their labels
 *
 * From config.json (timm's and Hugging Face's) and preprocessor_config.json beside the weights,
 * from a file of names, from what the caller says, and where nobody says anything from what
 * networks of that name were mostly trained with.
 */
#ifndef INFER_FOREIGN_CONFIG_H
#define INFER_FOREIGN_CONFIG_H

#include "infer/foreign/names.h"
#include "infer/foreign/normalize.h"

#define INFER_CONFIG_MODEL "config.json"
#define INFER_CONFIG_PICTURES "preprocessor_config.json"

struct infer_config {
    const char *arch;           /* timm's name of the network, without its tag; NULL: not said */
    const char *kind;           /* Hugging Face's model_type; NULL: not said */
    const char *other;          /* what is computed otherwise than ours, in words; NULL: nothing */
    struct data_prep prep;      /* what was not said is 0 */
    bool has_prep;              /* mean and deviation were said */
    bool has_filter;
    const char *filter;         /* one that is wanted and not here; NULL: none */
    bool letterbox, squash;     /* resize was said; else CROP */
    bool pressed;               /* squashed first, and then its middle taken: that is not here */
    struct infer_names names;
    bool several;               /* multi-label: config.json's problem_type */
    struct arena *mem;          /* lent: of the strings */
};

/* Each adds what its JSON says; what it has no word for is passed over.  ERR_INPUT: what it says
 * makes no sense, or is more than a file of settings holds. */
bool infer_config_model(struct infer_config *c, const char *text, size_t bytes, struct err *err);
bool infer_config_pictures(struct infer_config *c, const char *text, size_t bytes,
                           struct err *err);
/* The files of that name in the folder, where they are. */
bool infer_config_read(struct infer_config *c, const char *folder, struct err *err);

/* What of the preparation is said and not here, a line each. */
void infer_config_tell(const struct infer_config *c, struct str *told);

/* Our name of timm's network `arch`; NULL: it is none of ours. */
const char *infer_config_network(const char *arch);

/* Mean and deviation as somebody said; AUTO: nobody. */
void infer_config_normalize(struct infer_config *c, enum infer_normalize how);

/* Into prep what is said of mean and deviation, filter, crop and resizing. */
void infer_config_take(const struct infer_config *c, struct data_prep *prep);

/* What is not yet said, for a network of that name and that size.  Returns what was said. */
struct infer_prep_said infer_config_fill(struct infer_config *c, const char *arch, int size);

#endif
