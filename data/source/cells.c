/*
 * cells -- a table with a picture's label, or all of its labels, in one cell
 *
 *     fname,labels,is_valid
 *     a.jpg,cat indoors,False
 *
 * What stands between labels is told from the whole table.  '|' and ';' always do.  ',' '/' and
 * space, which names of single labels have too, do when the pieces are fewer than the different
 * cells, and the column is called in the plural (then equally many will do), or half of the pieces
 * stand alone somewhere; of several the one with the fewest pieces.  fastai's tables are such, and
 * Kaggle's.
 */
#include "data/table.h"

#include "nn/base/arena.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

/* ---- sets of texts --------------------------------------------------------------------------- */

/* By their hashes; never full. */
struct set {
    uint64_t *slot;             /* 0: empty */
    size_t n, cap;
};

static bool set_has(const struct set *s, uint64_t hash)
{
    for (size_t i = hash; s->cap; i++) {
        uint64_t here = s->slot[i & (s->cap - 1)];

        if (!here || here == hash)
            return here != 0;
    }
    return false;
}

static bool set_grow(struct set *s)
{
    struct set old = *s;
    size_t cap = old.cap ? 2 * old.cap : 64;

    s->slot = calloc(cap, sizeof *s->slot);
    if (!s->slot) {
        s->slot = old.slot;
        return false;
    }
    s->cap = cap;
    for (size_t i = 0; i < old.cap; i++) {
        size_t at = old.slot[i];

        while (old.slot[i] && s->slot[at & (cap - 1)])
            at++;
        if (old.slot[i])
            s->slot[at & (cap - 1)] = old.slot[i];
    }
    free(old.slot);
    return true;
}

/* 1: it is new, 0: it was there, -1: memory is out. */
static int set_add(struct set *s, const char *text, size_t bytes)
{
    uint64_t hash = XXH3_64bits(text, bytes);
    size_t at;

    hash += !hash;
    if (set_has(s, hash))
        return 0;
    if (2 * s->n >= s->cap && !set_grow(s))
        return -1;
    for (at = hash; s->slot[at & (s->cap - 1)]; at++)
        ;
    s->slot[at & (s->cap - 1)] = hash;
    s->n++;
    return 1;
}

/* ---- what stands between labels -------------------------------------------------------------- */

static const char *const separators[] = { "|", ";", ",", "/", " " };
enum { SEPARATORS = sizeof separators / sizeof *separators, STRONG = 2 };

struct vocabulary {
    struct set whole, piece[SEPARATORS];
    bool parts[SEPARATORS];     /* some cell has two pieces at least */
};

static void vocabulary_release(struct vocabulary *v)
{
    free(v->whole.slot);
    for (int i = 0; i < SEPARATORS; i++)
        free(v->piece[i].slot);
}

static bool add_pieces(struct vocabulary *v, int i, const char *cell)
{
    int n = 0;

    while (*cell) {
        size_t bytes = strcspn(cell, separators[i]), from = strspn(cell, " \t\r\n"), to = bytes;

        while (to > from && strchr(" \t\r\n", cell[to - 1]))
            to--;
        if (to > from) {
            n++;
            if (set_add(&v->piece[i], cell + from, to - from) < 0)
                return false;
        }
        cell += bytes + (cell[bytes] != 0);
    }
    v->parts[i] |= n > 1;
    return true;
}

static bool add_cell(struct vocabulary *v, const char *cell)
{
    size_t from = strspn(cell, " \t\r\n"), n = strlen(cell);
    int added;

    while (n > from && strchr(" \t\r\n", cell[n - 1]))
        n--;
    if (n == from)
        return true;
    added = set_add(&v->whole, cell + from, n - from);
    for (int i = 0; added > 0 && i < SEPARATORS; i++) {
        if (!add_pieces(v, i, cell))
            return false;
    }
    return added >= 0;
}

static size_t count_alone(const struct vocabulary *v, const struct set *pieces)
{
    size_t n = 0;

    for (size_t i = 0; i < pieces->cap; i++)
        n += pieces->slot[i] && set_has(&v->whole, pieces->slot[i]);
    return n;
}

static const char *find_separator(const struct vocabulary *v, bool plural)
{
    const char *best = "";
    size_t fewest = SIZE_MAX;

    for (int i = 0; i < SEPARATORS; i++) {
        size_t n = v->piece[i].n;

        if (!v->parts[i])
            continue;
        if (i < STRONG)
            return separators[i];
        if (n < fewest && (plural ? n <= v->whole.n
                                  : n < v->whole.n && 2 * count_alone(v, &v->piece[i]) >= n)) {
            best = separators[i];
            fewest = n;
        }
    }
    return best;
}

static bool is_plural(const char *head)
{
    size_t n = head ? strlen(head) : 0;

    return n > 1 && (head[n - 1] == 's' || head[n - 1] == 'S') && head[n - 2] != 's' &&
           head[n - 2] != 'S';
}

/* ---- reading --------------------------------------------------------------------------------- */

struct line {
    int line;
    enum data_split split;
    const char *name, *labels, *group;
};

/* Rows wait until the last was seen. */
struct own {
    struct line *row;
    size_t n, cap;
    bool any;                   /* some cell has something in it */
    struct vocabulary words;
};

static bool recognise(const struct data_table *t)
{
    return t->label >= 0 && (t->delimiter != ' ' || t->name == 0);
}

static bool begin(struct data_table_reader *r, struct err *err)
{
    if (r->table.label < 0)
        return data_table_say_no_label(&r->table, NULL, err);
    r->own = arena_alloc(r->table.mem, sizeof(struct own));
    return r->own || err_set(err, ERR_MEMORY, "memory is out");
}

static bool row(struct data_table_reader *r, struct err *err)
{
    struct own *own = r->own;
    struct line line = {
        .line = r->csv.line, .name = data_table_cell(r, r->table.name),
        .labels = data_table_cell(r, r->table.label), .group = data_table_cell(r, r->table.group),
    };

    if (!data_table_part(r, &line.split, err))
        return false;
    if (own->n == own->cap) {
        size_t cap = own->cap ? 2 * own->cap : 1024;
        struct line *p = realloc(own->row, cap * sizeof *p);

        if (!p)
            return err_set(err, ERR_MEMORY, "cannot hold %zu rows", cap);
        own->row = p;
        own->cap = cap;
    }
    own->row[own->n++] = line;
    own->any |= line.labels[strspn(line.labels, " \t\r\n")] != 0;
    return r->rows.opt->delimiter || add_cell(&own->words, line.labels) ||
           err_set(err, ERR_MEMORY, "cannot hold %zu rows", own->n);
}

static bool end(struct data_table_reader *r, struct err *err)
{
    const struct own *own = r->own;
    const char *separator = r->rows.opt->delimiter, *head = r->table.column[r->table.label].head;

    if (!own->any && own->n && !r->rows.opt->whatever && !r->rows.opt->n_labels)
        return err_set(err, ERR_INPUT, "the column '%.60s' is empty in every row: there are no "
                       "labels in it (--label COLUMN names another)", head ? head : "");
    if (!separator)
        separator = find_separator(&own->words, is_plural(head));
    for (size_t i = 0; i < own->n; i++) {
        const struct line *l = &own->row[i];
        int got = data_rows_begin(&r->rows, l->line, l->name, l->split, l->group, err);

        if (got < 0 || (got && (!data_rows_labels(&r->rows, l->labels, separator, err) ||
                                !data_rows_end(&r->rows, err))))
            return false;
    }
    return true;
}

static void release(struct data_table_reader *r)
{
    struct own *own = r->own;

    if (!own)
        return;
    free(own->row);
    vocabulary_release(&own->words);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void join_labels(struct str *out, const struct data_index *x, const struct data_sample *s)
{
    const char *between = "";

    for (int j = 0; j < x->n_labels; j++) {
        if (data_rows_mark_of(s, j) == 1) {
            str_printf(out, "%s%s", between, x->label[j]);
            between = "|";
        }
    }
}

/* Whether reading would find labels as they are. */
static bool check(const struct data_index *x, struct err *err)
{
    struct vocabulary v = { 0 };
    struct str cell = { 0 };
    const char *separator = "";
    bool ok = true;

    for (int j = 0; ok && x->task == DATA_MULTI && j < x->n_labels; j++)
        ok = !strchr(x->label[j], '|') ||
             err_set(err, ERR_INPUT, "the label '%.60s' has the '|' in it that stands between "
                     "labels (--to csv or jsonl can say it)", x->label[j]);
    for (int i = 0; ok && i < x->n; i++) {
        str_clear(&cell);
        join_labels(&cell, x, &x->sample[i]);
        ok = (!cell.failed && add_cell(&v, str_text(&cell))) ||
             err_set(err, ERR_MEMORY, "memory is out");
    }
    if (ok)
        separator = find_separator(&v, x->task == DATA_MULTI);
    if (ok && *separator && (x->task == DATA_SINGLE || strcmp(separator, "|")))
        ok = err_set(err, ERR_INPUT, "labels have '%s' in them, and reading would part them "
                     "there (--to csv or jsonl can say them)", separator);
    str_release(&cell);
    vocabulary_release(&v);
    return ok;
}

static void put_head(struct data_rows_out *o, const struct data_index *x)
{
    str_printf(&o->text, "filename,%s%s\n", x->task == DATA_SINGLE ? "label" : "labels",
               o->splits ? ",split" : "");
}

static void put(struct data_rows_out *o, const struct data_index *x, int i, const char *name)
{
    const struct data_sample *s = &x->sample[i];

    str_clear(&o->scratch);
    join_labels(&o->scratch, x, s);
    data_csv_put(&o->text, name);
    str_addc(&o->text, ',');
    data_csv_put(&o->text, str_text(&o->scratch));
    if (o->splits)
        str_printf(&o->text, ",%s", data_rows_split_word(s->split));
    str_addc(&o->text, '\n');
}

static const struct data_table_form form = {
    .recognise = recognise, .begin = begin, .row = row, .end = end, .release = release,
    .out = { .cannot = DATA_ROWS_NO_UNKNOWN | DATA_ROWS_NO_LONE, .check = check,
             .put_head = put_head, .put = put },
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

const struct data_source data_source_cells = {
    .name = "cells", .doc = "a table with a picture's labels in one cell",
    .probe = probe, .read = read, .write = write,
};
