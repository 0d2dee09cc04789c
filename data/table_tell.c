/*
 * table_tell -- what was read of a table, in words, and what would have to be named
 */
#include "data/table.h"

#include "nn/base/str.h"

#include <string.h>

enum { TOLD = 8 };              /* columns of one kind */

/* 'cat', 'dog' and 3 more: the columns that are wanted; how many. */
static int add_columns(const struct data_table *t,
                       bool (*wanted)(const struct data_table *t, int i), const char *quote,
                       struct str *out)
{
    int n = 0;

    for (int i = 0; i < t->columns; i++) {
        if (!t->column[i].head || !*t->column[i].head || !wanted(t, i))
            continue;
        if (n < TOLD)
            str_printf(out, "%s%s%.30s%s", n ? ", " : "", quote, t->column[i].head, quote);
        n++;
    }
    if (n > TOLD)
        str_printf(out, " and %d more", n - TOLD);
    return n;
}

static bool is_any(const struct data_table *t, int i)
{
    (void)t, (void)i;
    return true;
}

static bool is_mark(const struct data_table *t, int i)
{
    return t->column[i].is_mark;
}

static bool is_other(const struct data_table *t, int i)
{
    return t->column[i].is_other;
}

static bool is_mark_or_other(const struct data_table *t, int i)
{
    return t->column[i].is_mark || t->column[i].is_other;
}

static bool is_text(const struct data_table *t, int i)
{
    return t->column[i].is_text;
}

bool data_table_say_no_label(const struct data_table *t, const char *label, struct err *err)
{
    struct str heads = { 0 };
    int line = 1 + t->counted;

    if (!t->headed) {
        err_set(err, ERR_INPUT, "line %d: no names of columns: the first line must be like "
                "filename,%.60s", line, label ? label : "label");
    } else {
        add_columns(t, is_any, "", &heads);
        if (label)
            err_set(err, ERR_INPUT, "line %d: no column of labels is called '%.60s'; the columns "
                    "are: %s", line, label, str_text(&heads));
        else
            err_set(err, ERR_INPUT, "line %d: no column for the labels: none is called label or "
                    "labels, or holds 0 and 1; --label COLUMN says which it is; the columns are: "
                    "%s", line, str_text(&heads));
    }
    str_release(&heads);
    return false;
}

static void add_role(const struct data_table *t, int column, const char *what, struct str *out)
{
    if (column >= 0)
        str_printf(out, "%s%s in '%.60s'", out->len ? ", " : "", what, t->column[column].head);
}

bool data_table_tell(const struct data_table *t, bool marks, struct data_build *b, struct err *err)
{
    struct str told = { 0 }, passed = { 0 }, rest = { 0 };
    bool ok;

    if (!t->headed)
        return true;
    add_role(t, t->name, "file names", &told);
    if (marks) {
        str_add(&told, ", labels in ");
        add_columns(t, is_mark, "'", &told);
        add_columns(t, is_text, "", &passed);
    } else {
        add_role(t, t->label, "labels", &told);
        add_role(t, t->value, "confidences", &told);
    }
    add_role(t, t->split, "parts", &told);
    add_role(t, t->held, "what is held out", &told);
    add_role(t, t->group, "groups", &told);
    if (add_columns(t, marks ? is_other : is_mark_or_other, "", &rest))
        str_printf(&told, "; passed over: %s", str_text(&rest));
    ok = (!told.failed && !passed.failed && !rest.failed) ||
         err_set(err, ERR_MEMORY, "memory is out");
    ok = ok && data_build_columns(b, str_text(&told), passed.len ? str_text(&passed) : NULL, err);
    str_release(&rest);
    str_release(&told);
    str_release(&passed);
    return ok;
}
