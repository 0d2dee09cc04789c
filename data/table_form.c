/*
 * table_form -- a form of table as a source: the road that all of them go
 */
#include "data/table.h"

#include "nn/base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_MAX = 1 << 30 };

bool data_table_is_called(const struct data_probe *p)
{
    return p->kind == FILE_REGULAR && (!strcmp(p->ending, "csv") || !strcmp(p->ending, "tsv"));
}

bool data_table_probe(const struct data_probe *p, const struct data_table_form *form)
{
    size_t at = p->head_bytes >= 3 && !memcmp(p->head, "\xef\xbb\xbf", 3) ? 3 : 0;
    struct data_table t;
    struct err ignored;
    bool is;

    if (p->kind != FILE_REGULAR)
        return false;
    while (at < p->head_bytes && strchr(" \t\r\n", p->head[at]) && p->head[at])
        at++;
    if (at < p->head_bytes && (p->head[at] == '{' || p->head[at] == '['))
        return false;
    if (!data_table_sketch(&t, (const char *)p->head, p->head_bytes, p->bytes > p->head_bytes,
                           p->opt, &ignored))
        return false;
    t.named |= data_table_is_called(p);
    is = t.named && form->recognise(&t);
    data_table_release(&t);
    return is;
}

/* ---- reading --------------------------------------------------------------------------------- */

const char *data_table_cell(const struct data_table_reader *r, int column)
{
    return column >= 0 && column < r->csv.n ? r->csv.cell[column] : "";
}

bool data_table_part(const struct data_table_reader *r, enum data_split *split, struct err *err)
{
    const char *word = data_table_cell(r, r->table.split);
    int held = -1;

    if (!data_rows_split(word, split))
        return err_set(err, ERR_INPUT, "line %d: '%.60s' is no part: train, val, test or nothing",
                       r->csv.line, word);
    word = data_table_cell(r, r->table.held);
    if (!data_rows_value(word, &held))
        return err_set(err, ERR_INPUT, "line %d: is_valid holds '%.60s', not True or False",
                       r->csv.line, word);
    if (held >= 0)
        *split = held ? DATA_VAL : DATA_TRAIN;
    return true;
}

int data_table_begin(struct data_table_reader *r, struct err *err)
{
    enum data_split split;

    if (!data_table_part(r, &split, err))
        return -1;
    return data_rows_begin(&r->rows, r->csv.line, data_table_cell(r, r->table.name), split,
                           data_table_cell(r, r->table.group), err);
}

static bool check_cells(const struct data_table_reader *r, struct err *err)
{
    const struct data_table *t = &r->table;
    int n = r->csv.n;

    /* One empty cell more is a delimiter at the end of the line. */
    if (!t->headed || n == t->columns || (n == t->columns + 1 && !r->csv.cell[n - 1][0]))
        return true;
    return err_set(err, ERR_INPUT, "line %d: %d cells where the first line has %d", r->csv.line, n,
                   t->columns);
}

static bool read_rows(struct data_table_reader *r, const struct data_table_form *form,
                      struct err *err)
{
    int got = 1;

    for (int i = 0; i < r->table.counted + r->table.headed && got > 0; i++)
        got = data_csv_next(&r->csv, err);
    if (got < 0 || (form->begin && !form->begin(r, err)))
        return false;
    while ((got = data_csv_next(&r->csv, err)) > 0) {
        if (!check_cells(r, err) || !form->row(r, err))
            return false;
    }
    return got == 0 && (!form->end || form->end(r, err)) && data_rows_finish(&r->rows, err);
}

bool data_table_read(const char *path, const char *part, const struct data_source_options *opt,
                     struct data_build *b, const struct data_table_form *form, struct err *err)
{
    struct data_table_reader r = { .own = NULL };
    size_t size;
    char *text = (char *)file_read(path, TABLE_MAX, &size, err);
    bool ok;

    if (!text)
        return false;
    ok = data_rows_init(&r.rows, path, part, opt, b, err) &&
         data_table_sketch(&r.table, text, size, false, opt, err) &&
         data_csv_open(&r.csv, text, size, err);
    if (ok && r.rows.opt->label && r.table.label < 0)
        ok = data_table_say_no_label(&r.table, r.rows.opt->label, err);
    if (ok && r.table.group >= 0)
        data_build_grouped(b);
    ok = ok && read_rows(&r, form, err) &&
         data_table_tell(&r.table, form == &data_table_marks, b, err);
    if (!ok)
        err_in(err, "%s", path);
    if (form->release)
        form->release(&r);
    data_csv_close(&r.csv);
    data_table_release(&r.table);
    data_rows_release(&r.rows);
    free(text);
    return ok;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Reading takes spaces off. */
static bool check_labels(const struct data_index *x, struct err *err)
{
    for (int j = 0; j < x->n_labels; j++) {
        const char *label = x->label[j];
        size_t n = strlen(label);

        if (!n || strchr(" \t\r\n", label[0]) || strchr(" \t\r\n", label[n - 1]))
            return err_set(err, ERR_INPUT, "the label '%.60s' begins or ends with a space, which "
                           "tables do not keep (jsonl does)", label);
    }
    return true;
}

bool data_table_write(const struct data_index *x, const char *path,
                      const struct data_table_form *form, struct err *err)
{
    return check_labels(x, err) ? data_rows_write(x, path, &form->out, err)
                                : err_in(err, "%s", path);
}
