/*
 * vertex -- the import file of Google's Vertex AI and AutoML: labels in the columns behind the name
 *
 *     TRAIN,gs://bucket/a.jpg,cat,indoors
 *     UNASSIGNED,gs://bucket/b.jpg
 *
 * No names of columns; the first column, a part, may be missing.  A name with a bucket is looked
 * for below the table's folder by its end.  Source: Vertex AI's page on preparing image training
 * data for classification.
 */
#include "data/table.h"

#include <string.h>

static bool recognise(const struct data_table *t)
{
    return !t->headed && t->delimiter != ' ' && t->name <= 1 &&
           (t->addresses || t->ragged || t->n_others > 1);
}

static bool row(struct data_table_reader *r, struct err *err)
{
    const struct data_csv *c = &r->csv;
    enum data_split split = DATA_UNSPLIT;
    int at = c->n > 1 && !data_rows_is_picture(c->cell[0]) && data_rows_split(c->cell[0], &split);
    int got;

    if (!at && c->n > 1 && data_rows_is_picture(c->cell[1]) && !data_rows_is_picture(c->cell[0]))
        return err_set(err, ERR_INPUT, "line %d: '%.60s' is no part: TRAIN, VALIDATION, TEST or "
                       "UNASSIGNED", c->line, c->cell[0]);
    got = data_rows_begin(&r->rows, c->line, c->cell[at], split, NULL, err);
    if (got <= 0)
        return got == 0;
    for (int i = at + 1; i < c->n; i++) {
        if (!data_rows_labels(&r->rows, c->cell[i], "", err))
            return false;
    }
    return data_rows_end(&r->rows, err);
}

static void put(struct data_rows_out *o, const struct data_index *x, int i, const char *name)
{
    const struct data_sample *s = &x->sample[i];
    static const char *const words[] = { "UNASSIGNED", "TRAIN", "VALIDATION", "TEST" };
    struct str *address = &o->scratch;

    str_clear(address);
    str_printf(address, "gs://bucket/%s", name);
    str_printf(&o->text, "%s,", words[s->split]);
    data_csv_put(&o->text, str_text(address));
    for (int j = 0; j < x->n_labels; j++) {
        if (data_rows_mark_of(s, j) == 1) {
            str_addc(&o->text, ',');
            data_csv_put(&o->text, x->label[j]);
        }
    }
    str_addc(&o->text, '\n');
}

static const struct data_table_form form = {
    .recognise = recognise, .row = row,
    .out = { .cannot = DATA_ROWS_NO_UNKNOWN | DATA_ROWS_NO_LONE, .put = put },
};

/* ---- the source ------------------------------------------------------------------------------ */

static bool probe(const struct data_probe *p)
{
    return data_table_probe(p, &form);
}

static bool read(const char *path, const struct data_source_options *opt, struct data_build *b,
                 struct err *err)
{
    return data_table_read(path, NULL, opt, b, &form, err);
}

static bool write(const struct data_index *x, const char *path, struct err *err)
{
    return data_table_write(x, path, &form, err);
}

const struct data_source data_source_vertex = {
    .name = "vertex", .doc = "Google Vertex AI: part, gs://bucket/name, labels in columns behind",
    .probe = probe, .read = read, .write = write,
};
