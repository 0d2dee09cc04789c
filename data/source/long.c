/*
 * long -- a table with a row for each label of a picture
 *
 *     ImageID,Source,LabelName,Confidence
 *     000002b66c9c498e,verification,/m/01g317,1
 *
 * As in Open Images (Kuznetsova et al. 2020, arXiv:1811.00982), a confidence of 0 is a verified no,
 * and where a table has one, labels that are not listed are unknown; else they are no.  From 0.5
 * on it is a yes; in between and -1: unknown.
 */
#include "data/table.h"

struct own {
    bool any_no;
    int samples;
};

/* Without a confidence it takes rows that add labels up: a tenth of them or more. */
static bool recognise(const struct data_table *t)
{
    return t->label >= 0 && (t->value >= 0 || (t->added && 10 * t->added >= t->rows));
}

static bool begin(struct data_table_reader *r, struct err *err)
{
    if (r->table.label < 0)
        return data_table_say_no_label(&r->table, NULL, err);
    r->own = arena_alloc(r->table.mem, sizeof(struct own));
    r->rows.gather = true;
    return r->own || err_set(err, ERR_MEMORY, "memory is out");
}

static bool read_value(const struct data_table_reader *r, int *value, struct err *err)
{
    const char *cell = data_table_cell(r, r->table.value);
    double x;

    *value = 1;
    if (r->table.value < 0 || data_rows_value(cell, value))
        return true;
    if (!str_to_double(cell, &x))
        return err_set(err, ERR_INPUT, "line %d: '%.60s' is no confidence from 0 to 1",
                       r->csv.line, cell);
    *value = x >= 0.5 ? 1 : x == 0 ? 0 : -1;
    return true;
}

static bool row(struct data_table_reader *r, struct err *err)
{
    struct own *own = r->own;
    const char *name = data_table_cell(r, r->table.label);
    int value, label, got = data_table_begin(r, err);

    if (got <= 0)
        return got == 0;
    if (!read_value(r, &value, err))
        return false;
    own->samples = r->rows.sample >= own->samples ? r->rows.sample + 1 : own->samples;
    if (name[strspn(name, " \t")]) {
        label = data_rows_label(&r->rows, name, strlen(name), err);
        if (label < 0 || !data_rows_mark(&r->rows, label, value, err))
            return false;
        own->any_no |= value == 0;
    }
    return data_rows_end(&r->rows, err);
}

static bool end(struct data_table_reader *r, struct err *err)
{
    const struct own *own = r->own;

    (void)err;
    for (int i = 0; own->any_no && i < own->samples; i++)
        data_build_rest(r->rows.b, i, -1);
    return true;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Yes alone says it all when every picture and every label has one and nothing is unknown; else
 * every mark is written, and no rule is needed to read it. */
static void put_head(struct data_rows_out *o, const struct data_index *x)
{
    for (int i = 0; i < x->n && !o->all; i++) {
        o->all = true;
        for (int j = 0; j < x->n_labels && o->all; j++)
            o->all = data_rows_mark_of(&x->sample[i], j) != 1;
    }
    str_printf(&o->text, "filename,label,confidence%s\n", o->splits ? ",split" : "");
}

static void put(struct data_rows_out *o, const struct data_index *x, int i, const char *name)
{
    const struct data_sample *s = &x->sample[i];

    for (int j = 0; j < x->n_labels; j++) {
        int mark = data_rows_mark_of(s, j);

        if (mark != 1 && !o->all)
            continue;
        data_csv_put(&o->text, name);
        str_addc(&o->text, ',');
        data_csv_put(&o->text, x->label[j]);
        str_printf(&o->text, ",%d", mark);
        if (o->splits)
            str_printf(&o->text, ",%s", data_rows_split_word(s->split));
        str_addc(&o->text, '\n');
    }
}

static const struct data_table_form form = {
    .recognise = recognise, .begin = begin, .row = row, .end = end,
    .out = { .put_head = put_head, .put = put },
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

const struct data_source data_source_long = {
    .name = "long", .doc = "a table with a row for each label of a picture (Open Images)",
    .probe = probe, .read = read, .write = write,
};
