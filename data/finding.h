/*
 * finding -- what is wrong with a set of pictures, and what would help
 *
 * One line of findings.def each: name, severity, what it is, what to do.  Each follows from facts
 * (audit.h) and numbers (census.h) alone.  Thresholds, and why: docs/data.md, "Checking a set".
 */
#ifndef DATA_FINDING_H
#define DATA_FINDING_H

#include "data/census.h"

/* ERROR: figures measured on this set are not to be believed, or part of it is lost.  WARNING: it
 * will do worse than it could.  NOTE: worth knowing.  --strict minds the first two. */
enum data_severity { DATA_ERROR, DATA_WARNING, DATA_NOTE };
extern const char *const data_severity_names[];     /* "error" "warning" "note" NULL */

/* One instance: pictures, or something else, and what is to be said of them. */
struct data_case {
    const char *what;           /* a label, a path, a group; NULL: the pictures say it */
    const char *note;           /* "low 0.81"; may be NULL */
    size_t first;               /* of data_findings.sample */
    int n;                      /* pictures */
};

struct data_finding {
    const char *name, *title, *advice;
    enum data_severity severity;
    struct data_case *of;
    int n;                      /* > 0 */
};

struct data_findings {
    struct data_finding *finding;       /* the severest first */
    int n;
    int count[DATA_NOTE + 1];   /* of each severity */
    const int *sample;
    struct arena *mem;
};

struct data_findings *data_findings_new(const struct data_audit *a, const struct data_census *c,
                                        struct err *err);
void data_findings_free(struct data_findings *f);   /* NULL is fine */

/* ---- for those that find --------------------------------------------------------------------- */

/* Cases in the making.  Memory that runs out is remembered, as struct str does. */
struct data_finder {
    const struct data_audit *a;
    const struct data_census *c;
    enum data_severity severity;        /* as in findings.def; may be changed before the end */
    struct arena *mem;
    bool failed;
    struct data_case *of;
    int n, cap;
    int *sample;
    size_t n_samples, cap_samples;
};

/* Begins a case; fmt NULL: no note.  `what` lives as long as the index. */
void data_finder_case(struct data_finder *f, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds a picture to the last case. */
void data_finder_picture(struct data_finder *f, int sample);
/* A case of one picture. */
void data_finder_one(struct data_finder *f, int sample, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

typedef void data_find_fn(struct data_finder *f);

#define DATA_FINDING(name, severity, title, advice) data_find_fn data_find_##name;
#include "data/findings.def"
#undef DATA_FINDING

#endif
