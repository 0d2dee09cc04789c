/*
 * table -- what each column of a table of labels is for
 *
 * The first line names columns when no cell of it looks like a file name, and one is a word that
 * we know or a file name stands below.  Of words, those that stand first in their list win.
 */
#include "data/table.h"

#include "nn/base/arena.h"
#include "nn/base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SKETCH_BYTES = 1 << 16, SKETCH_LINES = 8, SKETCH_ROWS = 1000 };

/* ---- words ----------------------------------------------------------------------------------- */

static const char *const *const words[] = {
    [DATA_TABLE_NAME] = (const char *const[]){
        "filename", "file", "filepath", "imagepath", "imagefile", "imagefilename", "imagename",
        "image", "path", "img", "imgpath", "imgname", "fname", "picture", "photo", "imageuri",
        "imagegcsuri", "uri", "url", "imageurl", "imageid", "id", "name", NULL },
    [DATA_TABLE_LABEL] = (const char *const[]){
        "classificationannotations", "classificationannotation", "labelname", "labelnames",
        "classname", "classnames", "categoryname", "categorynames", "labels", "label", "tags",
        "tag", "classes", "class", "categories", "category", "targets", "target", "genres",
        "genre", "choices", "choice", NULL },
    [DATA_TABLE_VALUE] = (const char *const[]){
        "confidence", "score", "probability", "value", NULL },
    [DATA_TABLE_SPLIT] = (const char *const[]){
        "split", "mluse", "subset", "set", "partition", "part", NULL },
    [DATA_TABLE_HELD] = (const char *const[]){ "isvalid", NULL },
};
enum { SURE_SPLITS = 2 };       /* the first words for parts are never labels */

int data_table_rank(const char *word, enum data_table_role role)
{
    char plain[32];
    size_t n = 0;

    for (const char *p = word; *p; p++) {
        if (strchr(" _-.", *p))
            continue;
        if (n + 1 >= sizeof plain)
            return -1;
        plain[n++] = (char)tolower((unsigned char)*p);
    }
    plain[n] = 0;
    for (int i = 0; words[role][i]; i++) {
        if (!strcmp(plain, words[role][i]))
            return i;
    }
    return -1;
}

bool data_table_is_role(const char *head)
{
    int split = data_table_rank(head, DATA_TABLE_SPLIT);

    return data_table_rank(head, DATA_TABLE_LABEL) >= 0 ||
           data_table_rank(head, DATA_TABLE_HELD) >= 0 || (split >= 0 && split < SURE_SPLITS);
}

/* ---- rows of the sketch ---------------------------------------------------------------------- */

struct row {
    char **cell;
    int n;
};

/* Reads up to SKETCH_ROWS rows; what a cut tears apart is left out.  -1 on failure. */
static int read_rows(struct data_table *t, char *text, size_t bytes, bool cut, struct row *row,
                     struct err *err)
{
    struct data_csv csv;
    int n = 0, got = 0;

    while (cut && bytes && text[bytes - 1] != '\n' && text[bytes - 1] != '\r')
        bytes--;
    text[bytes] = 0;
    if (!data_csv_open(&csv, text, bytes, err))
        return -1;
    while (n < SKETCH_ROWS && (got = data_csv_next(&csv, err)) > 0) {
        row[n].n = csv.n;
        row[n].cell = arena_copy(t->mem, csv.cell, (size_t)csv.n * sizeof *csv.cell);
        if (!row[n++].cell) {
            err_set(err, ERR_MEMORY, "memory is out");
            cut = false;
            got = -1;
            break;
        }
    }
    t->delimiter = csv.delimiter;
    data_csv_close(&csv);
    if (got < 0 && (!cut || !n))
        return -1;
    if (!n)
        err_set(err, ERR_INPUT, "empty file");
    return n ? n : -1;
}

static bool is_count(const struct row *row, int n)
{
    return n > 2 && row[0].n == 1 && row[1].n > 1 &&
           strspn(row[0].cell[0], "0123456789") == strlen(row[0].cell[0]) &&
           (row[2].n == row[1].n || row[2].n == row[1].n + 1);
}

static bool any_picture(const struct row *row)
{
    for (int i = 0; i < row->n; i++) {
        if (data_rows_is_picture(row->cell[i]))
            return true;
    }
    return false;
}

static bool names_columns(const struct row *row, int n, const char *label)
{
    if (any_picture(&row[0]))
        return false;
    for (int i = 0; i < row[0].n; i++) {
        if ((label && !strcasecmp(row[0].cell[i], label)) ||
            data_table_rank(row[0].cell[i], DATA_TABLE_NAME) >= 0 ||
            data_table_rank(row[0].cell[i], DATA_TABLE_SPLIT) >= 0 ||
            data_table_is_role(row[0].cell[i]))
            return true;
    }
    for (int i = 1; i < n; i++) {
        if (any_picture(&row[i]))
            return true;
    }
    return false;
}

/* ---- columns --------------------------------------------------------------------------------- */

static void count_cell(struct data_table_column *c, const char *cell)
{
    enum data_split split;
    int value;

    if (!*cell)
        return;
    c->filled++;
    if (data_rows_value(cell, &value)) {
        c->marks++;
        c->zeros += value == 0;
    }
    c->splits += data_rows_split(cell, &split);
    c->pictures += data_rows_is_picture(cell);
}

/* The column whose name stands first among the words, of those that fit (NULL: all do). */
static int find_word(const struct data_table *t, enum data_table_role role,
                     bool (*fits)(const struct data_table *t, int i))
{
    int best = -1, best_rank = 0;

    for (int i = 0; t->headed && i < t->columns; i++) {
        int here = data_table_rank(t->column[i].head, role);

        if (here >= 0 && (best < 0 || here < best_rank) && (!fits || fits(t, i))) {
            best = i;
            best_rank = here;
        }
    }
    return best;
}

static bool not_label(const struct data_table *t, int i)
{
    return i != t->label;
}

static bool mostly_pictures(const struct data_table *t, int i)
{
    return i != t->label && 2 * t->column[i].pictures > t->column[i].filled;
}

/* "set" and its like may be labels: they name parts when nothing else is in them. */
static bool only_splits(const struct data_table *t, int i)
{
    const struct data_table_column *c = &t->column[i];

    return i != t->name && i != t->label &&
           ((c->filled && c->splits == c->filled) ||
            (c->head && data_table_rank(c->head, DATA_TABLE_SPLIT) < SURE_SPLITS));
}

static bool no_role(const struct data_table *t, int i)
{
    return i != t->name && i != t->label;
}

static int find_name(const struct data_table *t)
{
    int i = find_word(t, DATA_TABLE_NAME, mostly_pictures);

    for (int j = 0; i < 0 && j < t->columns; j++)
        i = mostly_pictures(t, j) ? j : -1;
    if (i < 0)
        i = find_word(t, DATA_TABLE_NAME, not_label);
    return i < 0 ? t->label == 0 : i;
}

static int find_split(const struct data_table *t)
{
    if (t->headed)
        return find_word(t, DATA_TABLE_SPLIT, only_splits);
    for (int i = 0; t->columns > 2 && i < t->columns; i++) {
        if (only_splits(t, i))
            return i;
    }
    return -1;
}

/* The column of that name, but for the files'; -1: there is none. */
static int find_head(const struct data_table *t, const char *head)
{
    for (int i = 0; head && t->headed && i < t->columns; i++) {
        if (i != t->name && !strcasecmp(t->column[i].head, head))
            return i;
    }
    return -1;
}

static void find_roles(struct data_table *t, const struct data_source_options *opt)
{
    t->name = -1;
    t->label = find_head(t, opt->label);
    t->name = find_name(t);
    t->split = find_split(t);
    t->held = t->split < 0 ? find_word(t, DATA_TABLE_HELD, no_role) : -1;
    t->group = find_head(t, opt->group);
    if (!opt->label)
        t->label = find_word(t, DATA_TABLE_LABEL, no_role);
    t->value = t->label >= 0 ? find_word(t, DATA_TABLE_VALUE, no_role) : -1;
    for (int i = 0; i < t->columns; i++) {
        struct data_table_column *c = &t->column[i];

        if (i == t->name || i == t->split || i == t->held || i == t->group || i == t->label ||
            i == t->value || (c->head && !*c->head && (!i || !c->filled)))
            continue;           /* without a name and first: numbers of rows */
        c->is_mark = c->filled && 2 * c->marks >= c->filled;
        c->is_other = !c->is_mark;
        t->n_marks += c->is_mark;
        t->zeros += c->is_mark ? c->zeros : 0;
        t->n_others += c->is_other;
    }
    if (t->label < 0 && !opt->label && (t->headed ? !t->n_marks && t->n_others == 1
                                                   : t->n_marks + t->n_others == 1)) {
        for (int i = 0; i < t->columns; i++) {
            if (t->column[i].is_mark || t->column[i].is_other)
                t->label = i;
        }
        t->column[t->label].is_mark = t->column[t->label].is_other = false;
        t->n_marks = t->n_others = 0;
    }
}

/* ---- the sketch ------------------------------------------------------------------------------ */

/* How many rows give a picture that was there another label: neighbours in a sorted list. */
struct said {
    const char *name, *label;
};

static int compare_said(const void *a, const void *b)
{
    const struct said *p = a, *q = b;
    int c = strcmp(p->name, q->name);

    return c ? c : strcmp(p->label, q->label);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool count_added(struct data_table *t, int n, const struct row *row)
{
    struct said *said = arena_array(t->mem, (size_t)n, sizeof *said);
    int m = 0;

    if (!said)
        return false;
    for (int i = 0; i < n && t->label >= 0; i++) {
        if (row[i].n > t->name && row[i].n > t->label)
            said[m++] = (struct said){ row[i].cell[t->name], row[i].cell[t->label] };
    }
    qsort(said, (size_t)m, sizeof *said, compare_said);
    for (int i = 1; i < m; i++)
        t->added += !strcmp(said[i].name, said[i - 1].name) &&
                    strcmp(said[i].label, said[i - 1].label);
    return true;
}

/* Columns of texts that come again, which labels do; numbers are measurements. */
static bool find_texts(struct data_table *t, int n, const struct row *row)
{
    const char **cell = arena_array(t->mem, (size_t)n + 1, sizeof *cell);

    for (int j = 0; cell && t->headed && j < t->columns; j++) {
        int m = 0, different = 1, numbers = 0;
        double x;

        for (int i = 0; t->column[j].is_other && i < n; i++) {
            if (row[i].n > j && *row[i].cell[j])
                cell[m++] = row[i].cell[j];
        }
        qsort(cell, (size_t)m, sizeof *cell, compare_texts);
        for (int i = 0; i < m; i++) {
            different += i && strcmp(cell[i], cell[i - 1]);
            numbers += str_to_double(cell[i], &x);
        }
        t->column[j].is_text = different > 1 && 2 * different <= m && 2 * numbers < m;
    }
    return cell != NULL;
}

static bool set_columns(struct data_table *t, int n, const struct row *row, int skip)
{
    int shift = t->counted && row[1].n + 1 == row[2].n;

    t->columns = t->headed ? row[skip - 1].n + shift : 0;
    for (int i = skip; i < n; i++) {
        if (!t->headed && row[i].n > t->columns) {
            t->ragged |= i > skip;
            t->columns = row[i].n;
        }
        t->ragged |= !t->headed && row[i].n < t->columns;
    }
    t->column = arena_array(t->mem, (size_t)t->columns + 1, sizeof *t->column);
    for (int i = 0; t->column && t->headed && i < t->columns; i++)
        t->column[i].head = i < shift ? "image_id" : row[skip - 1].cell[i - shift];
    for (int i = skip; t->column && i < n; i++) {
        for (int j = 0; j < row[i].n && j < t->columns; j++)
            count_cell(&t->column[j], row[i].cell[j]);
    }
    return t->column != NULL;
}

/* How much to look at: more where a line for each of many labels is long. */
static size_t sketch_bytes(const char *text, size_t bytes)
{
    size_t most = SKETCH_BYTES;
    int lines = 0;

    for (size_t i = 0; i < bytes; i++) {
        if (i == most && lines >= SKETCH_LINES)
            return i;
        if (i == most)
            most *= 2;
        lines += text[i] == '\n' || text[i] == '\r';
    }
    return bytes;
}

bool data_table_sketch(struct data_table *t, const char *text, size_t bytes, bool cut,
                       const struct data_source_options *opt, struct err *err)
{
    static const struct data_source_options defaults;
    struct row *row;
    char *copy;
    int n, skip;

    *t = (struct data_table){ .mem = arena_new() };
    opt = opt ? opt : &defaults;
    cut |= sketch_bytes(text, bytes) < bytes;
    bytes = sketch_bytes(text, bytes);
    row = t->mem ? arena_array(t->mem, SKETCH_ROWS, sizeof *row) : NULL;
    copy = row ? arena_alloc(t->mem, bytes + 1) : NULL;
    if (!copy) {
        err_set(err, ERR_MEMORY, "memory is out");
        goto fail;
    }
    memcpy(copy, text, bytes);
    n = read_rows(t, copy, bytes, cut, row, err);
    if (n < 0)
        goto fail;
    t->counted = is_count(row, n);
    t->headed = t->counted || names_columns(row, n, opt->label);
    skip = t->counted + t->headed;
    t->rows = n - skip;
    if (set_columns(t, n, row, skip)) {
        find_roles(t, opt);
        t->named = t->headed || mostly_pictures(t, t->name);
        t->addresses = t->rows > 0;
        for (int i = skip; i < n; i++)
            t->addresses &= row[i].n > t->name && strstr(row[i].cell[t->name], "://");
        if (count_added(t, n - skip, row + skip) && find_texts(t, n - skip, row + skip))
            return true;
    }
    err_set(err, ERR_MEMORY, "memory is out");
fail:
    data_table_release(t);
    return false;
}

void data_table_release(struct data_table *t)
{
    arena_free(t->mem);
    *t = (struct data_table){ 0 };
}
