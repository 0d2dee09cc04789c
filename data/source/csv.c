/*
 * csv -- a table with a column of 0 and 1 for each label
 *
 *     filename,cat,dog,split
 *     a.jpg,1,0,train
 *
 * -1 or nothing: unknown.  Columns that hold something else are passed over.  The lists of CelebA
 * (Liu et al. 2015) are such tables, with a count before them, spaces, and -1 for no: without a
 * single 0 below a count, -1 means 0.
 */
#include "data/table.h"

#include "nn/base/arena.h"

#include <stdlib.h>
#include <string.h>

static bool recognise(const struct data_table *t)
{
    return t->label < 0 && (t->headed ? t->n_marks > 0 : t->n_marks > 1 && !t->n_others);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool check_heads(const struct data_table *t, struct err *err)
{
    const char **head = arena_array(t->mem, (size_t)t->columns + 1, sizeof *head);
    int n = 0;

    if (!head)
        return err_set(err, ERR_MEMORY, "memory is out");
    for (int i = 0; i < t->columns; i++) {
        if (!t->column[i].is_mark)
            continue;
        if (!*t->column[i].head)
            return err_set(err, ERR_INPUT, "line %d: column %d has no name", 1 + t->counted, i + 1);
        head[n++] = t->column[i].head;
    }
    qsort(head, (size_t)n, sizeof *head, compare_texts);
    for (int i = 1; i < n; i++) {
        if (!strcmp(head[i], head[i - 1]))
            return err_set(err, ERR_INPUT, "line %d: two columns are called '%.60s'",
                           1 + t->counted, head[i]);
    }
    return true;
}

static bool begin(struct data_table_reader *r, struct err *err)
{
    struct data_table *t = &r->table;

    if (!t->headed)
        return err_set(err, ERR_INPUT, "line 1: no names of columns: the first line must be like "
                       "filename,cat,dog");
    if (!t->n_marks)
        return data_table_say_no_label(t, NULL, err);
    if (r->rows.opt->label)
        return err_set(err, ERR_INPUT, "--label %.60s: this layout has a column for each label "
                       "(--format cells has them in one)", r->rows.opt->label);
    if (!check_heads(t, err))
        return false;
    r->rows.line = r->csv.line;
    for (int i = 0; i < t->columns; i++) {
        struct data_table_column *c = &t->column[i];

        if (!c->is_mark)
            continue;
        c->label = data_rows_label(&r->rows, c->head, strlen(c->head), err);
        if (c->label < 0)
            return false;
    }
    return true;
}

static bool row(struct data_table_reader *r, struct err *err)
{
    const struct data_table *t = &r->table;
    /* Labels that the table has no column for are unknown. */
    bool given = r->rows.opt->n_labels || r->rows.opt->classes;
    int got = data_table_begin(r, err);

    if (got <= 0)
        return got == 0;
    if (given)
        data_build_rest(r->rows.b, r->rows.sample, -1);
    for (int i = 0; i < t->columns; i++) {
        const struct data_table_column *c = &t->column[i];
        const char *cell = data_table_cell(r, i);
        int value = 0;

        if (!c->is_mark)
            continue;
        if (!data_rows_value(cell, &value))
            return err_set(err, ERR_INPUT, "line %d: '%.60s' holds '%.60s': a label's column may "
                           "hold 1, 0, -1 or nothing (unknown)%s", r->csv.line, c->head, cell,
                           t->n_others ? "; --label COLUMN says that another has the labels" : "");
        if (t->counted && !t->zeros && value < 0)
            value = 0;
        if ((value || given) && !data_rows_mark(&r->rows, c->label, value, err))
            return false;
    }
    return data_rows_end(&r->rows, err);
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool check(const struct data_index *x, struct err *err)
{
    for (int j = 0; j < x->n_labels; j++) {
        if (data_table_is_role(x->label[j]) || data_rows_is_picture(x->label[j]) ||
            !strcmp(x->label[j], "filename"))
            return err_set(err, ERR_INPUT, "a column called '%.60s' would not be taken for a "
                           "label (--to jsonl can say it)", x->label[j]);
    }
    return true;
}

static void put_head(struct data_rows_out *o, const struct data_index *x)
{
    str_add(&o->text, "filename");
    for (int j = 0; j < x->n_labels; j++) {
        str_addc(&o->text, ',');
        data_csv_put(&o->text, x->label[j]);
    }
    str_add(&o->text, o->splits ? ",split\n" : "\n");
}

static void put(struct data_rows_out *o, const struct data_index *x, int i, const char *name)
{
    const struct data_sample *s = &x->sample[i];

    data_csv_put(&o->text, name);
    for (int j = 0; j < x->n_labels; j++)
        str_printf(&o->text, ",%d", data_rows_mark_of(s, j));
    if (o->splits)
        str_printf(&o->text, ",%s", data_rows_split_word(s->split));
    str_addc(&o->text, '\n');
}

const struct data_table_form data_table_marks = {
    .recognise = recognise, .begin = begin, .row = row,
    .out = { .check = check, .put_head = put_head, .put = put },
};

/* ---- the source ------------------------------------------------------------------------------ */

/* Whatever is called a table and is none of the others comes here, to be told what it lacks. */
static bool probe(const struct data_probe *p)
{
    return data_table_is_called(p) || data_table_probe(p, &data_table_marks);
}

static bool read(const char *path, const struct data_source_options *opt, struct data_build *b,
                 struct err *err)
{
    return data_table_read(path, NULL, opt, b, &data_table_marks, err);
}

static bool write(const struct data_index *x, const char *path, struct err *err)
{
    return data_table_write(x, path, &data_table_marks, err);
}

const struct data_source data_source_csv = {
    .name = "csv", .doc = "a table with a column of 0 and 1 for each label",
    .probe = probe, .read = read, .write = write,
};
