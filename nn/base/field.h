/*
 * field -- struct members described once
 *
 * A table of fields is the one home of a setting's name, type, default, range and meaning.  From it
 * come command-line options and --help, operator attributes in graph text and ONNX, JSON, range
 * errors, the generated docs.  Tables are static const and end with FIELDS_END.
 */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include "nn/base/arena.h"
#include "nn/base/err.h"
#include "nn/base/str.h"

enum field_kind {
    FIELD_KIND_END,
    FIELD_KIND_BOOL,        /* bool */
    FIELD_KIND_INT,         /* int */
    FIELD_KIND_FLOAT,       /* double */
    FIELD_KIND_ENUM,        /* int, index into names */
    FIELD_KIND_STRING,      /* const char *; NULL is "not given" */
    FIELD_KIND_INTS,        /* int[count] */
    FIELD_KIND_LIST,        /* int[count]: a list of up to count numbers, zeros behind it */
    FIELD_KIND_FLOATS,      /* double[count] */
    FIELD_KIND_DURATION,    /* double, seconds; text may say 90, 90s, 20m, 1.5h */
};

struct field {
    const char *name;               /* "stride"; on a command line "--stride" */
    const char *onnx;               /* the ONNX attribute, or NULL */
    enum field_kind kind;
    int count;                      /* length of INTS, LIST and FLOATS, else 1 */
    size_t offset;
    double def, min, max;           /* of every element; BOOL has but def, STRING none */
    const char *const *names;       /* ENUM: NULL-terminated, index = value */
    const char *text;               /* STRING: default; may be NULL */
    const char *hint;               /* the value's name in help: "FILE"; NULL = from the kind */
    char letter;                    /* short option, or 0 */
    const char *doc;                /* one phrase, lower case, unit included */
    const char *group;              /* heading in help of this field and those behind it; NULL: as
                                       the one before */
};

/* More members may follow what a macro asks for: FIELD_BOOL(T, m, "doc", .letter = 'f'). */
#define FIELD_BOOL(T, m, doc_, ...) \
    { .name = #m, .kind = FIELD_KIND_BOOL, .count = 1, .offset = offsetof(T, m), \
      .doc = doc_, ##__VA_ARGS__ }
#define FIELD_INT(T, m, onnx_, def_, min_, max_, doc_, ...) \
    { .name = #m, .onnx = onnx_, .kind = FIELD_KIND_INT, .count = 1, .offset = offsetof(T, m), \
      .def = def_, .min = min_, .max = max_, .doc = doc_, ##__VA_ARGS__ }
#define FIELD_FLOAT(T, m, onnx_, def_, min_, max_, doc_, ...) \
    { .name = #m, .onnx = onnx_, .kind = FIELD_KIND_FLOAT, .count = 1, .offset = offsetof(T, m), \
      .def = def_, .min = min_, .max = max_, .doc = doc_, ##__VA_ARGS__ }
#define FIELD_ENUM(T, m, names_, def_, doc_, ...) \
    { .name = #m, .kind = FIELD_KIND_ENUM, .count = 1, .offset = offsetof(T, m), \
      .names = names_, .def = def_, .doc = doc_, ##__VA_ARGS__ }
#define FIELD_STRING(T, m, hint_, text_, doc_, ...) \
    { .name = #m, .kind = FIELD_KIND_STRING, .count = 1, .offset = offsetof(T, m), \
      .hint = hint_, .text = text_, .doc = doc_, ##__VA_ARGS__ }
#define FIELD_INTS(T, m, onnx_, n, def_, min_, max_, doc_, ...) \
    { .name = #m, .onnx = onnx_, .kind = FIELD_KIND_INTS, .count = n, .offset = offsetof(T, m), \
      .def = def_, .min = min_, .max = max_, .doc = doc_, ##__VA_ARGS__ }
#define FIELD_LIST(T, m, n, min_, max_, doc_, ...) \
    { .name = #m, .kind = FIELD_KIND_LIST, .count = n, .offset = offsetof(T, m), \
      .min = min_, .max = max_, .doc = doc_, ##__VA_ARGS__ }
#define FIELD_FLOATS(T, m, n, def_, min_, max_, doc_, ...) \
    { .name = #m, .kind = FIELD_KIND_FLOATS, .count = n, .offset = offsetof(T, m), \
      .def = def_, .min = min_, .max = max_, .doc = doc_, ##__VA_ARGS__ }
#define FIELD_DURATION(T, m, def_, doc_, ...) \
    { .name = #m, .kind = FIELD_KIND_DURATION, .count = 1, .offset = offsetof(T, m), \
      .def = def_, .min = 0, .max = 1e9, .doc = doc_, ##__VA_ARGS__ }
#define FIELDS_END  { .name = NULL }

/* Whether its value is a path: its hint is FILE, DIR, MODEL or LIST. */
bool field_is_path(const struct field *f);

/* The field called `name` ('_' and '-' are the same), or NULL.  NULL tables are empty. */
const struct field *field_find(const struct field *table, const char *name);
int field_count(const struct field *table);

/* Every member = its default. */
void field_defaults(const struct field *table, void *obj);

/* Every element that is 0 (NULL, false) = its default:
 * how an attribute left out by a builder is filled. */
void field_fill(const struct field *table, void *obj);

/* Sets one member from text.  One number for INTS or FLOATS (not LIST) sets all elements; a list
 * "3x5" or "3,5" sets the first ones, the rest become 0.  Checks range and form, naming the field.
 * Strings are copied into mem, or borrowed when mem is NULL.  On failure obj is as it was. */
bool field_set(const struct field *f, void *obj, const char *text, struct arena *mem,
               struct err *err);

/* Element i of any kind but STRING, as a number. */
double field_number(const struct field *f, const void *obj, int i);

/* Sets one member, of any kind but STRING, from n numbers: one sets all elements, a list the first
 * ones, the rest become 0.  How JSON and ONNX are read; checks as field_set does. */
bool field_set_numbers(const struct field *f, void *obj, int n, const double *x, struct err *err);

/* Ranges of every member; the error names the field, the value and the range. */
bool field_check(const struct field *table, const void *obj, struct err *err);

/* Appends the value as field_set reads it back: numbers in full, equal elements once, lists
 * as "3x5" without zeros at the end, but two numbers at least ("16x0": one would stand for
 * all).  A NULL string is nothing. */
void field_text(const struct field *f, const void *obj, struct str *out);
bool field_is_default(const struct field *f, const void *obj);
bool field_equal(const struct field *table, const void *a, const void *b);

/* Appends the range in words: "1 to 64", "0 or more", "a|b|c", or nothing.  Open ends are INT_MIN
 * and INT_MAX of whole numbers, 1e30 and beyond of others. */
void field_range(const struct field *f, struct str *out);

/* The nearest name in the table, or NULL. */
const char *field_nearest(const struct field *table, const char *name);

/* The element at obj as a plain member: pointers into obj. */
static inline void *field_at(const struct field *f, const void *obj)
{
    return (char *)(uintptr_t)obj + f->offset;
}

#endif
