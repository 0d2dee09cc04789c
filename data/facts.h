/*
 * facts -- what an index is made from: build.c gathers, rules.c decides; nobody else includes this
 */
#ifndef DATA_FACTS_H
#define DATA_FACTS_H

#include "data/build.h"
#include "data/lookup.h"
#include "data/walk.h"
#include "nn/base/arena.h"

enum { DATA_BUILD_LABELS = 1 << 24 };

/* Most bytes of marks, a byte a label and sample. */
#define DATA_BUILD_MARKS ((size_t)4 << 30)

/* In sample.hash while the index is made: labels that nothing is said about are unknown. */
#define DATA_BUILD_REST (UINT64_C(1) << 63)

struct data_build_label {
    const char *name;
    bool left_out;              /* it does not count: the file of classes lacks it */
    int at;                     /* its position in the index; -1: none (yet) */
    int n_others;               /* files in its folders that are no pictures */
    const char *other;          /* one of them; NULL: none */
};

/* Marks of one sample that were told together. */
struct data_build_run {
    uint32_t prev;              /* the sample's run before, + 1; 0: none */
    uint32_t n;
    size_t first;
};

struct data_build {
    struct data_index *x;       /* samples as they come; NULL once it is handed out */
    const char *root;
    struct data_source_options opt;
    bool grouped;               /* samples came with their groups */

    struct data_build_label *label;
    int n_labels, label_cap;
    struct data_lookup labels, names;   /* of the samples, as far as they were looked up */

    struct data_build_run *run;
    size_t n_runs, run_cap;
    uint32_t *mark;             /* label << 2 | value + 1 */
    size_t n_marks, mark_cap;

    struct data_walk walk;      /* its tag is the label */
    size_t skip;                /* of data_build_folder under way */
    enum data_split split;
};

/* The last run of a sample, + 1; 0: none. */
static inline uint32_t data_build_run_of(const struct data_sample *s)
{
    return (uint32_t)s->hash;
}

#endif
