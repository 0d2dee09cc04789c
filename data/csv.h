/*
 * csv -- tables as text: RFC 4180, and what spreadsheets and scripts make of it
 *
 * A delimiter of ',' ';' tab '|' or spaces (told from the first lines), quotes with "" and line
 * ends inside, a byte-order mark, LF, CR LF or CR.  Spaces around a bare cell are not part of it;
 * those in quotes are.  Rows without anything but delimiters are passed over, since spreadsheets
 * write them.  Bytes are hostile; time is linear.
 */
#ifndef DATA_CSV_H
#define DATA_CSV_H

#include "nn/base/err.h"
#include "nn/base/str.h"

#include <stddef.h>

struct data_csv {
    int line;                   /* of the row that was read last, from 1 */
    char **cell;                /* its cells, lent until the next row; their text: until the end */
    int n;
    char delimiter;
    /* private */
    char *p, *end;
    int cap, next_line;
};

/* Reads text[0..bytes) and writes into it; behind it comes a 0 byte that `bytes` leaves out.
 * UTF-16 and bytes that are no text are ERR_INPUT with advice. */
bool data_csv_open(struct data_csv *c, char *text, size_t bytes, struct err *err);
void data_csv_close(struct data_csv *c);        /* the text stays the caller's */

/* Reads the next row that is not blank: 1 there is one, 0 end, -1 failure (naming the line). */
int data_csv_next(struct data_csv *c, struct err *err);

/* Appends text as a cell, in quotes when it needs them to read back exactly. */
void data_csv_put(struct str *out, const char *text);

#endif
