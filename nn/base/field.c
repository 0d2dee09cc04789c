/*
 * field -- struct members described once
 *
 * All kinds but STRING are read and written as doubles, which hold every int; one pair of functions
 * knows how each lies in memory.
 */
#include "nn/base/field.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- elements -------------------------------------------------------------------------------- */

static double get(const struct field *f, const void *obj, int i)
{
    const void *p = field_at(f, obj);

    switch (f->kind) {
    case FIELD_KIND_BOOL:
        return ((const bool *)p)[i];
    case FIELD_KIND_INT:
    case FIELD_KIND_ENUM:
    case FIELD_KIND_INTS:
    case FIELD_KIND_LIST:
        return ((const int *)p)[i];
    case FIELD_KIND_FLOAT:
    case FIELD_KIND_FLOATS:
    case FIELD_KIND_DURATION:
        return ((const double *)p)[i];
    case FIELD_KIND_STRING:
    case FIELD_KIND_END:
        break;
    }
    assert(!"a number");
    return 0;
}

static void put(const struct field *f, void *obj, int i, double x)
{
    void *p = field_at(f, obj);

    switch (f->kind) {
    case FIELD_KIND_BOOL:
        ((bool *)p)[i] = x != 0;
        break;
    case FIELD_KIND_INT:
    case FIELD_KIND_ENUM:
    case FIELD_KIND_INTS:
    case FIELD_KIND_LIST:
        assert(x >= INT_MIN && x <= INT_MAX);
        ((int *)p)[i] = (int)x;
        break;
    case FIELD_KIND_FLOAT:
    case FIELD_KIND_FLOATS:
    case FIELD_KIND_DURATION:
        ((double *)p)[i] = x;
        break;
    case FIELD_KIND_STRING:
    case FIELD_KIND_END:
        assert(!"a number");
    }
}

double field_number(const struct field *f, const void *obj, int i)
{
    assert(i >= 0 && i < f->count);
    return get(f, obj, i);
}

static const char **string(const struct field *f, const void *obj)
{
    return field_at(f, obj);
}

static bool same_string(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static bool is_whole(const struct field *f)
{
    return f->kind == FIELD_KIND_INT || f->kind == FIELD_KIND_INTS || f->kind == FIELD_KIND_LIST;
}

/* Elements that count: a list ends before its zeros. */
static int length(const struct field *f, const void *obj)
{
    int n = f->count;

    while (f->kind == FIELD_KIND_LIST && n > 0 && get(f, obj, n - 1) == 0)
        n--;
    return n;
}

static int name_count(const struct field *f)
{
    int n = 0;

    while (f->names[n])
        n++;
    return n;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
            return false;
    return *a == *b;
}

const struct field *field_find(const struct field *table, const char *name)
{
    for (const struct field *f = table; f && f->name; f++)
        if (same_name(f->name, name))
            return f;
    return NULL;
}

int field_count(const struct field *table)
{
    int n = 0;

    while (table && table[n].name)
        n++;
    return n;
}

static const char *name_at(int i, const void *table)
{
    return ((const struct field *)table)[i].name;
}

const char *field_nearest(const struct field *table, const char *name)
{
    return str_nearest(name, field_count(table), name_at, table);
}

void field_defaults(const struct field *table, void *obj)
{
    for (const struct field *f = table; f && f->name; f++) {
        if (f->kind == FIELD_KIND_STRING) {
            *string(f, obj) = f->text;
            continue;
        }
        for (int i = 0; i < f->count; i++)
            put(f, obj, i, f->def);
    }
}

void field_fill(const struct field *table, void *obj)
{
    for (const struct field *f = table; f && f->name; f++) {
        if (f->kind == FIELD_KIND_STRING) {
            if (!*string(f, obj))
                *string(f, obj) = f->text;
            continue;
        }
        for (int i = 0; i < f->count; i++)
            if (get(f, obj, i) == 0)
                put(f, obj, i, f->def);
    }
}

bool field_is_path(const struct field *f)
{
    static const char *const hints[] = { "FILE", "DIR", "MODEL", "LIST" };

    for (size_t i = 0; f->hint && i < sizeof hints / sizeof *hints; i++)
        if (!strcmp(f->hint, hints[i]))
            return true;
    return false;
}

bool field_is_default(const struct field *f, const void *obj)
{
    if (f->kind == FIELD_KIND_STRING)
        return same_string(*string(f, obj), f->text);
    for (int i = 0; i < f->count; i++)
        if (get(f, obj, i) != (f->kind == FIELD_KIND_BOOL ? f->def != 0 : f->def))
            return false;
    return true;
}

bool field_equal(const struct field *table, const void *a, const void *b)
{
    for (const struct field *f = table; f && f->name; f++) {
        if (f->kind == FIELD_KIND_STRING) {
            if (!same_string(*string(f, a), *string(f, b)))
                return false;
            continue;
        }
        for (int i = 0; i < f->count; i++)
            if (get(f, a, i) != get(f, b, i))
                return false;
    }
    return true;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

/* Ends that exclude nothing go unsaid. */
static bool open_below(const struct field *f)
{
    return f->min <= (is_whole(f) ? (double)INT_MIN : -1e30);
}

static bool open_above(const struct field *f)
{
    return f->max >= (is_whole(f) ? (double)INT_MAX : 1e30);
}

static void add_number(const struct field *f, double x, struct str *out)
{
    if (f->kind == FIELD_KIND_DURATION) {
        double unit = x != 0 && fmod(x, 3600) == 0 ? 3600 : x != 0 && fmod(x, 60) == 0 ? 60 : 1;

        str_number(out, x / unit);
        str_addc(out, unit == 3600 ? 'h' : unit == 60 ? 'm' : 's');
    } else if (x == floor(x) && fabs(x) <= INT_MAX) {
        str_printf(out, "%d", (int)x);
    } else {
        str_number(out, x);
    }
}

void field_range(const struct field *f, struct str *out)
{
    if (f->kind == FIELD_KIND_ENUM) {
        for (int i = 0; f->names[i]; i++)
            str_printf(out, "%s%s", i ? "|" : "", f->names[i]);
        return;
    }
    if (f->kind == FIELD_KIND_BOOL || f->kind == FIELD_KIND_STRING ||
        (open_below(f) && open_above(f)))
        return;
    if (f->kind == FIELD_KIND_DURATION && f->min == 0 && f->max >= 1e9)
        return;
    if (!open_below(f))
        add_number(f, f->min, out);
    str_add(out, open_below(f) ? "at most " : open_above(f) ? " or more" : " to ");
    if (!open_above(f))
        add_number(f, f->max, out);
}

static bool in_range(const struct field *f, double x)
{
    if (f->kind == FIELD_KIND_BOOL)
        return x == 0 || x == 1;
    if (is_whole(f) && (x < INT_MIN || x > INT_MAX))
        return false;
    if (f->kind == FIELD_KIND_ENUM)
        return x >= 0 && x < name_count(f);
    return x >= f->min && x <= f->max && isfinite(x);
}

/* "size: 99 is not in 1 to 64" */
static bool range_error(const struct field *f, const char *value, struct err *err)
{
    struct str range = { 0 };

    field_range(f, &range);
    if (f->kind == FIELD_KIND_ENUM)
        err_set(err, ERR_INPUT, "%s: number %s is not one of %s", f->name, value, str_text(&range));
    else if (!range.len)
        err_set(err, ERR_INPUT, "%s: %.80s is out of range", f->name, value);
    else
        err_set(err, ERR_INPUT, "%s: %.80s is not %s%s", f->name, value,
                open_below(f) || open_above(f) ? "" : "in ", str_text(&range));
    str_release(&range);
    return false;
}

static bool check_number(const struct field *f, double x, struct err *err)
{
    bool whole = is_whole(f) || f->kind == FIELD_KIND_ENUM || f->kind == FIELD_KIND_BOOL;

    if (in_range(f, x) && (!whole || x == floor(x)))
        return true;

    struct str value = { 0 };

    add_number(f, x, &value);
    if (in_range(f, x))
        err_set(err, ERR_INPUT, "%s: %s is not a whole number", f->name, str_text(&value));
    else
        range_error(f, str_text(&value), err);
    str_release(&value);
    return false;
}

bool field_check(const struct field *table, const void *obj, struct err *err)
{
    for (const struct field *f = table; f && f->name; f++) {
        if (f->kind == FIELD_KIND_STRING)
            continue;
        for (int i = 0; i < length(f, obj); i++)
            if (!check_number(f, get(f, obj, i), err))
                return false;
    }
    return true;
}

/* Whether n numbers may be given: elements left out are 0, which the range must allow. */
static bool good_length(const struct field *f, int n)
{
    return n == 1 || n == f->count || f->kind == FIELD_KIND_LIST || in_range(f, 0);
}

/* What the elements behind n given ones become: one number stands for all, but in a list. */
static double fills_with(const struct field *f, int n, double x)
{
    return n == 1 && f->kind != FIELD_KIND_LIST ? x : 0;
}

bool field_set_numbers(const struct field *f, void *obj, int n, const double *x, struct err *err)
{
    if (n < (f->kind == FIELD_KIND_LIST ? 0 : 1) || n > f->count)
        return err_set(err, ERR_INPUT, "%s: has %d numbers, not %d", f->name, n, f->count);
    for (int i = 0; i < n; i++)
        if (!check_number(f, x[i], err))
            return false;
    if (!good_length(f, n))
        return err_set(err, ERR_INPUT, "%s: has %d numbers of %d", f->name, n, f->count);
    for (int i = 0; i < f->count; i++)
        put(f, obj, i, i < n ? x[i] : n > 0 ? fills_with(f, n, x[0]) : 0);
    return true;
}

/* ---- text ------------------------------------------------------------------------------------ */

static bool parse_whole(const struct field *f, const char *text, double *x, struct err *err)
{
    const char *digits = text + (*text == '-' || *text == '+');
    size_t len = strspn(digits, "0123456789");

    if (len == 0 || digits[len])
        return err_set(err, ERR_INPUT, "%s: \"%.80s\" is not a whole number", f->name, text);

    /* Too long for a long gives its end, which no int field allows. */
    *x = (double)strtol(text, NULL, 10);
    return in_range(f, *x) || range_error(f, text, err);
}

static bool parse_float(const struct field *f, const char *text, double *x, struct err *err)
{
    if (!str_to_double(text, x))
        return err_set(err, ERR_INPUT, "%s: \"%.80s\" is not a number", f->name, text);
    return in_range(f, *x) || range_error(f, text, err);
}

static bool parse_duration(const struct field *f, const char *text, double *x, struct err *err)
{
    static const struct {
        char letter;
        int seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 } };
    size_t len = strlen(text);
    char number[64];
    int unit = 1;

    for (size_t i = 0; len > 0 && i < sizeof units / sizeof units[0]; i++) {
        if (text[len - 1] == units[i].letter) {
            unit = units[i].seconds;
            len--;
            break;
        }
    }
    if (len >= sizeof number)
        len = 0;
    memcpy(number, text, len);
    number[len] = 0;
    if (!str_to_double(number, x))
        return err_set(err, ERR_INPUT, "%s: \"%.80s\" is not a time such as 90, 90s, 20m or 1.5h",
                       f->name, text);
    *x *= unit;
    return in_range(f, *x) || range_error(f, text, err);
}

static bool parse_bool(const struct field *f, const char *text, double *x, struct err *err)
{
    static const char *const words[] = { "false", "true", "no", "yes", "0", "1" };

    for (int i = 0; i < 6; i++) {
        if (!strcmp(text, words[i])) {
            *x = i % 2;
            return true;
        }
    }
    return err_set(err, ERR_INPUT, "%s: \"%.80s\" is not true or false", f->name, text);
}

static const char *choice_at(int i, const void *field)
{
    return ((const struct field *)field)->names[i];
}

static bool parse_enum(const struct field *f, const char *text, double *x, struct err *err)
{
    for (int i = 0; f->names[i]; i++) {
        if (!strcmp(text, f->names[i])) {
            *x = i;
            return true;
        }
    }

    struct str range = { 0 };
    const char *near = str_nearest(text, name_count(f), choice_at, f);

    field_range(f, &range);
    err_set(err, ERR_INPUT, "%s: \"%.80s\" is not one of %s%s%s%s", f->name, text, str_text(&range),
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    str_release(&range);
    return false;
}

/* The numbers of a list, into obj if it is not NULL; *n = how many.  One number stands for all. */
static bool parse_list(const struct field *f, void *obj, const char *text, int *n, struct err *err)
{
    double x = 0;

    *n = 0;
    for (const char *p = text;; p++) {
        size_t len = strcspn(p, "x,");
        char one[64];

        if (*n == f->count)
            return err_set(err, ERR_INPUT, "%s: \"%.80s\" has more than %d number%s", f->name, text,
                           f->count, f->count == 1 ? "" : "s");
        if (len == 0 || len >= sizeof one)
            return err_set(err, ERR_INPUT, "%s: \"%.80s\" is not a list of numbers such as 3x5",
                           f->name, text);
        memcpy(one, p, len);
        one[len] = 0;
        if (!(is_whole(f) ? parse_whole : parse_float)(f, one, &x, err))
            return false;
        if (obj)
            put(f, obj, *n, x);
        ++*n;
        p += len;
        if (!*p)
            break;
    }
    if (!good_length(f, *n))
        return err_set(err, ERR_INPUT, "%s: \"%.80s\" has %d numbers of %d", f->name, text, *n,
                       f->count);
    if (!obj)
        return true;
    for (int i = *n; i < f->count; i++)
        put(f, obj, i, fills_with(f, *n, x));
    return true;
}

bool field_set(const struct field *f, void *obj, const char *text, struct arena *mem,
               struct err *err)
{
    bool ok = false;
    double x = 0;
    int n;

    switch (f->kind) {
    case FIELD_KIND_STRING:
        if (mem)
            text = arena_str(mem, text);
        if (!text)
            return err_set(err, ERR_MEMORY, "%s: no memory for its text", f->name);
        *string(f, obj) = text;
        return true;
    case FIELD_KIND_INTS:
    case FIELD_KIND_LIST:
    case FIELD_KIND_FLOATS:
        return parse_list(f, NULL, text, &n, err) && parse_list(f, obj, text, &n, err);
    case FIELD_KIND_BOOL:
        ok = parse_bool(f, text, &x, err);
        break;
    case FIELD_KIND_INT:
        ok = parse_whole(f, text, &x, err);
        break;
    case FIELD_KIND_FLOAT:
        ok = parse_float(f, text, &x, err);
        break;
    case FIELD_KIND_ENUM:
        ok = parse_enum(f, text, &x, err);
        break;
    case FIELD_KIND_DURATION:
        ok = parse_duration(f, text, &x, err);
        break;
    case FIELD_KIND_END:
        assert(!"a field");
        break;
    }
    if (ok)
        put(f, obj, 0, x);
    return ok;
}

static void list_text(const struct field *f, const void *obj, struct str *out)
{
    int n = f->count, least = f->kind == FIELD_KIND_LIST ? 1 : 2;
    bool equal = f->kind != FIELD_KIND_LIST;

    for (int i = 1; i < n; i++)
        equal = equal && get(f, obj, i) == get(f, obj, 0);
    if (equal)
        n = 1;
    /* One number would stand for all, so two stay: "3x0".  Not so in a list. */
    while (n > least && get(f, obj, n - 1) == 0)
        n--;
    for (int i = 0; i < n; i++) {
        if (i)
            str_addc(out, 'x');
        add_number(f, get(f, obj, i), out);
    }
}

void field_text(const struct field *f, const void *obj, struct str *out)
{
    switch (f->kind) {
    case FIELD_KIND_BOOL:
        str_add(out, get(f, obj, 0) != 0 ? "true" : "false");
        break;
    case FIELD_KIND_ENUM:
        if (in_range(f, get(f, obj, 0)))
            str_add(out, f->names[(int)get(f, obj, 0)]);
        else
            str_printf(out, "%d", (int)get(f, obj, 0));
        break;
    case FIELD_KIND_STRING:
        if (*string(f, obj))
            str_add(out, *string(f, obj));
        break;
    case FIELD_KIND_INT:
    case FIELD_KIND_FLOAT:
    case FIELD_KIND_DURATION:
        add_number(f, get(f, obj, 0), out);
        break;
    case FIELD_KIND_INTS:
    case FIELD_KIND_LIST:
    case FIELD_KIND_FLOATS:
        list_text(f, obj, out);
        break;
    case FIELD_KIND_END:
        break;
    }
}
