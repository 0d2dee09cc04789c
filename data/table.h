/*
 * table -- labels in tables of text: what each column is for, and the forms that share this
 *
 * A form (data/source/csv.c, cells.c, long.c ...) tells itself apart by a sketch of the table,
 * which is made of its first 64 KiB alone; then it reads rows, and writes them.  The rules of the
 * sketch are in docs/data.md, "Layouts".
 */
#ifndef DATA_TABLE_H
#define DATA_TABLE_H

#include "data/csv.h"
#include "data/rows.h"
#include "data/source.h"

struct data_table_column {
    const char *head;           /* what the first line calls it; NULL where there is none */
    int filled;                 /* of the sketched rows, how many have something in it, and */
    int marks, zeros;           /* how many of these a mark, a mark 0, */
    int splits, pictures;       /* a word for a part, a file name */
    bool is_mark;               /* no other role, and most of what is in it are marks */
    bool is_other;              /* neither role nor marks, */
    bool is_text;               /* and it has few different texts, as a column of labels */
    int label;                  /* its label, while rows are read */
};

struct data_table {
    struct data_table_column *column;
    int columns;                /* of the first line with names; else of the longest row */
    bool headed;                /* the first line names columns */
    bool counted;               /* a count stands before it, as in CelebA's lists */
    bool ragged;                /* rows of different lengths, and no names of columns */
    int name, label, value, split, held, group;     /* columns, -1 for none: the file's name, the
                                   labels, a confidence, the part, "is_valid", options.group */
    int n_marks, n_others;      /* columns that are .is_mark, .is_other */
    int rows;                   /* sketched */
    int zeros;                  /* cells that say 0, in columns that are .is_mark */
    int added;                  /* rows that give a picture that was there another label */
    bool addresses;             /* names are like "gs://bucket/a.jpg" */
    bool named;                 /* where names stand is sure: by words, or most look like files */
    char delimiter;
    struct arena *mem;
};

/* Of text[0..bytes), which is copied, of a file that goes on behind it if `cut`; opt may be NULL.
 * With options.label only that column is .label.  Release it.  false: it is no table (err says
 * why). */
bool data_table_sketch(struct data_table *t, const char *text, size_t bytes, bool cut,
                       const struct data_source_options *opt, struct err *err);
void data_table_release(struct data_table *t);

/* No column for the labels: the columns that there are, and the option that names one. */
bool data_table_say_no_label(const struct data_table *t, const char *label, struct err *err);

/* What is read of a table with names of columns, by their roles, into the build; marks: the form
 * takes columns of 0 and 1 for labels. */
bool data_table_tell(const struct data_table *t, bool marks, struct data_build *b,
                     struct err *err);

/* A table that is read. */
struct data_table_reader {
    struct data_table table;
    struct data_csv csv;        /* at the row; its text stays until the end */
    struct data_rows rows;
    void *own;                  /* the form's */
};

/* How one form says labels.  Functions that are NULL have nothing to do. */
struct data_table_form {
    bool (*recognise)(const struct data_table *t);
    bool (*begin)(struct data_table_reader *r, struct err *err);
    bool (*row)(struct data_table_reader *r, struct err *err);
    bool (*end)(struct data_table_reader *r, struct err *err);
    void (*release)(struct data_table_reader *r);

    struct data_rows_form out;
};

/* The probe, read and write of a source that is this form of a table. */
bool data_table_probe(const struct data_probe *p, const struct data_table_form *form);
/* Whether the file is called as tables are: .csv, .tsv. */
bool data_table_is_called(const struct data_probe *p);
bool data_table_read(const char *path, const char *part, const struct data_source_options *opt,
                     struct data_build *b, const struct data_table_form *form, struct err *err);
bool data_table_write(const struct data_index *x, const char *path,
                      const struct data_table_form *form, struct err *err);

/* The row's cell in that column, "" where it is shorter or the column is -1. */
const char *data_table_cell(const struct data_table_reader *r, int column);
/* The part that the row tells of, by its word or by is_valid. */
bool data_table_part(const struct data_table_reader *r, enum data_split *split, struct err *err);
/* data_rows_begin with what the row says of name, part and group. */
int data_table_begin(struct data_table_reader *r, struct err *err);

/* Where a column's name (or a key of JSON) stands among the words for a role, best first; -1: it is
 * none of them.  Letters and digits alone count: "File_Name" is "filename". */
enum data_table_role {
    DATA_TABLE_NAME, DATA_TABLE_LABEL, DATA_TABLE_VALUE, DATA_TABLE_SPLIT, DATA_TABLE_HELD,
};
int data_table_rank(const char *word, enum data_table_role role);

/* Whether a column of that name would not be taken for a label. */
bool data_table_is_role(const char *head);

/* A table of 0 and 1: the form of data/source/csv.c, which others share. */
extern const struct data_table_form data_table_marks;

#endif
