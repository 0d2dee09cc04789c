/*
 * eval_csv -- see eval.h: each picture's answer, for whoever wants to reckon further
 */
#include "infer/eval/eval.h"

#include "data/csv.h"
#include "nn/base/file.h"

#include <string.h>

/* What stands between labels: the first of these that is in none of them. */
static char between(const struct infer_eval *e)
{
    static const char choice[] = "|;,/";

    for (const char *c = choice; *c; c++) {
        bool free = true;

        for (int l = 0; l < e->n_labels; l++)
            free &= !strchr(e->label[l], *c);
        if (free)
            return *c;
    }
    return choice[0];
}

/* The labels that a picture carries (truth), or was answered with. */
static void put_labels(struct str *row, const struct infer_eval *e, int i, bool truth, char mark,
                       struct str *cell)
{
    const struct infer_answers *a = &e->side[0].answers;

    str_clear(cell);
    for (int l = 0; l < e->n_labels; l++) {
        bool yes, known = infer_answers_known(a, i, l, &yes);

        if (truth ? !(known && yes) : !infer_answers_told(a, i, l))
            continue;
        if (cell->len)
            str_addc(cell, mark);
        str_add(cell, e->label[l]);
    }
    data_csv_put(row, str_text(cell));
}

static void put_row(struct str *row, const struct infer_eval *e, int i, char mark,
                    struct str *cell)
{
    const struct infer_answers *a = &e->side[0].answers;

    data_csv_put(row, e->index->sample[a->sample[i]].name);
    str_addc(row, ',');
    if (a->task == DATA_SINGLE) {
        data_csv_put(row, a->truth[i] < 0 ? "" : e->label[a->truth[i]]);
        str_addc(row, ',');
        data_csv_put(row, e->label[infer_answers_top(a, i)]);
    } else {
        put_labels(row, e, i, true, mark, cell);
        str_addc(row, ',');
        put_labels(row, e, i, false, mark, cell);
    }
    str_add(row, infer_answers_right(a, i) ? ",1" : ",0");
    for (int l = 0; l < e->n_labels; l++)
        str_printf(row, ",%.9g", (double)infer_answers_p(a, i, l));
    str_addc(row, '\n');
}

static bool put_out(struct str *row, struct file_out *f, struct err *err)
{
    bool ok = row->failed ? err_set(err, ERR_MEMORY, "no memory for a row")
                          : file_write(f, str_text(row), row->len, err);

    str_clear(row);
    return ok;
}

bool infer_eval_csv(const struct infer_eval *e, const char *path, struct err *err)
{
    struct file_out *f;
    struct str row = { 0 }, cell = { 0 };
    char mark = between(e);
    bool ok;

    file_sweep(path);
    f = file_create(path, err);
    ok = f;
    if (!f)
        return false;
    str_add(&row, "file,truth,answer,right");
    for (int l = 0; l < e->n_labels; l++) {
        str_clear(&cell);
        str_printf(&cell, "p:%s", e->label[l]);
        str_addc(&row, ',');
        data_csv_put(&row, str_text(&cell));
    }
    str_addc(&row, '\n');
    ok = put_out(&row, f, err);
    for (int i = 0; ok && i < e->side[0].answers.n; i++) {
        put_row(&row, e, i, mark, &cell);
        ok = put_out(&row, f, err);
    }
    ok = ok && (!cell.failed || err_set(err, ERR_MEMORY, "no memory for a row"));
    str_release(&row);
    str_release(&cell);
    if (ok)
        return file_commit(f, err);
    file_abandon(f);
    return false;
}
