/*
 * csv -- tables as text: RFC 4180, and what spreadsheets and scripts make of it
 *
 * The delimiter is the candidate that parts most of the first lines, and into equally many cells:
 * it scores a point for each line that it parts, and another for each that has as many cells as
 * most, by the line: one that tears quoted cells apart makes more lines.  Of equals the one that
 * stands first in a line wins: "a.jpg;cat,dog" has a list in its second cell.  Spaces are tried
 * last, since names have them.
 */
#include "data/csv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- the delimiter --------------------------------------------------------------------------- */

enum { SNIFF_BYTES = 1 << 16, SNIFF_ROWS = 100 };

static bool ends_line(char c)
{
    return c == '\n' || c == '\r';
}

/* Behind the quote that closes the one at p, or end. */
static const char *skip_quoted(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '"' && (++p >= end || *p != '"'))
            return p;
    }
    return end;
}

/* Cells of the row at *p, were d the delimiter; *p moves behind the row.
 * *first: bytes before the first d. */
static int count_cells(const char **p, const char *end, char d, size_t *first)
{
    const char *start = *p, *q = start;
    bool begins = true, gap = false, any = false;
    int n = 1;

    *first = SIZE_MAX;
    while (q < end && !ends_line(*q)) {
        if (*q == d && (d != ' ' || any)) {
            *first = n == 1 && !gap ? (size_t)(q - start) : *first;
            n += d != ' ';
            begins = gap = true;
            q++;
        } else if (*q == '"' && begins) {
            n += gap && d == ' ';
            begins = gap = false;
            any = true;
            q = skip_quoted(q, end);
        } else if (*q != ' ') {
            n += gap && d == ' ';
            begins = gap = false;
            any = true;
            q++;
        } else {
            q++;
        }
    }
    while (q < end && ends_line(*q))
        q++;
    *p = q;
    return n;
}

/* How well d parts the first rows; *first: where it stands in a row at the least. */
static int score_delimiter(const char *p, const char *end, char d, size_t *first, int *rows)
{
    int cells[SNIFF_ROWS], parted = 0, best = 0;

    *first = SIZE_MAX;
    for (*rows = 0; p < end && *rows < SNIFF_ROWS; ++*rows) {
        size_t at;

        cells[*rows] = count_cells(&p, end, d, &at);
        parted += cells[*rows] > 1;
        *first = at < *first ? at : *first;
    }
    for (int i = 0; i < *rows; i++) {
        int same = 0;

        for (int j = 0; j < *rows && cells[i] > 1; j++)
            same += cells[j] == cells[i];
        best = same > best ? same : best;
    }
    return parted + best;
}

static char find_delimiter(const char *p, const char *end)
{
    static const char candidates[] = ",;\t| ";
    char best = ',';
    int best_score = 0, best_rows = 1;
    size_t best_first = SIZE_MAX;

    if (end - p > SNIFF_BYTES)
        end = p + SNIFF_BYTES;
    while (p < end && ends_line(*p))
        p++;
    for (const char *d = candidates; *d; d++) {
        size_t first;
        int rows, score = score_delimiter(p, end, *d, &first, &rows);
        int better = score * best_rows - best_score * rows;

        if (*d == ' ' && best_score > best_rows)
            break;
        if (better > 0 || (score && better == 0 && first < best_first)) {
            best = *d;
            best_score = score;
            best_rows = rows;
            best_first = first;
        }
    }
    return best;
}

/* ---- rows ------------------------------------------------------------------------------------ */

bool data_csv_open(struct data_csv *c, char *text, size_t bytes, struct err *err)
{
    static const char save[] = "save it as CSV in UTF-8";

    memset(c, 0, sizeof *c);
    if (bytes >= 2 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2)))
        return err_set(err, ERR_INPUT, "text in UTF-16, not UTF-8: %s", save);
    if (memchr(text, 0, bytes))
        return err_set(err, ERR_INPUT, "not a table of text: there are zero bytes in it (%s)",
                       save);
    c->p = text;
    c->end = text + bytes;
    if (bytes >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        c->p += 3;
    c->delimiter = find_delimiter(c->p, c->end);
    c->next_line = 1;
    return true;
}

void data_csv_close(struct data_csv *c)
{
    free(c->cell);
    c->cell = NULL;
}

/* Past the end of line at c->p. */
static void end_line(struct data_csv *c)
{
    if (c->p[0] == '\r' && c->p + 1 < c->end && c->p[1] == '\n')
        c->p++;
    c->p++;
    c->next_line++;
}

static void skip_blanks(struct data_csv *c)
{
    while (c->p < c->end && (*c->p == ' ' || (*c->p == '\t' && c->delimiter != '\t')))
        c->p++;
}

/* A cell with quotes; c->p stands on the first.  Undoes "" in place. */
static char *quoted_cell(struct data_csv *c, struct err *err)
{
    char *start = ++c->p, *out = start;
    int line = c->next_line;

    for (;; c->p++) {
        if (c->p >= c->end) {
            err_set(err, ERR_INPUT, "line %d: a quote is never closed", line);
            return NULL;
        }
        if (*c->p == '"') {
            if (c->p + 1 >= c->end || c->p[1] != '"')
                break;
            c->p++;
        } else if (*c->p == '\n' || (*c->p == '\r' && (c->p + 1 >= c->end || c->p[1] != '\n')))
            c->next_line++;
        *out++ = *c->p;
    }
    c->p++;
    if (c->delimiter != ' ')
        skip_blanks(c);
    if (c->p < c->end && *c->p != c->delimiter && !ends_line(*c->p)) {
        err_set(err, ERR_INPUT, "line %d: text after a closing quote", c->next_line);
        return NULL;
    }
    *out = 0;
    return start;
}

/* A cell without; does not yet end it. */
static char *plain_cell(struct data_csv *c, char **end)
{
    char *start = c->p;

    while (c->p < c->end && *c->p != c->delimiter && !ends_line(*c->p))
        c->p++;
    for (*end = c->p; *end > start && ((*end)[-1] == ' ' || (*end)[-1] == '\t');)
        --*end;
    return start;
}

static bool add_cell(struct data_csv *c, char *cell, struct err *err)
{
    if (c->n == c->cap) {
        int cap = c->cap ? 2 * c->cap : 64;
        char **p = realloc(c->cell, (size_t)cap * sizeof *p);

        if (!p)
            return err_set(err, ERR_MEMORY, "line %d: cannot hold %d cells", c->line, cap);
        c->cell = p;
        c->cap = cap;
    }
    c->cell[c->n++] = cell;
    return true;
}

/* Behind the delimiter at c->p, if a cell follows: else behind the line. */
static bool next_cell(struct data_csv *c)
{
    bool more = c->p < c->end && *c->p == c->delimiter;

    if (more && c->delimiter == ' ') {
        skip_blanks(c);
        more = c->p < c->end && !ends_line(*c->p);
    } else if (more) {
        c->p++;
    }
    if (!more && c->p < c->end)
        end_line(c);
    return more;
}

int data_csv_next(struct data_csv *c, struct err *err)
{
    enum { CELLS_MAX = 100000 };
    bool blank = true;

    do {
        bool more = true;

        if (c->p >= c->end)
            return 0;
        c->line = c->next_line;
        c->n = 0;
        while (more) {
            char *cell, *end = NULL;

            skip_blanks(c);
            cell = c->p < c->end && *c->p == '"' ? quoted_cell(c, err) : plain_cell(c, &end);
            if (!cell || !add_cell(c, cell, err))
                return -1;
            if (c->n > CELLS_MAX) {
                err_set(err, ERR_INPUT, "line %d: more than %d cells", c->line, CELLS_MAX);
                return -1;
            }
            more = next_cell(c);
            if (end)
                *end = 0;
            blank = blank && !*cell;
        }
    } while (blank);
    return 1;
}

void data_csv_put(struct str *out, const char *text)
{
    size_t n = strlen(text);

    if (!strpbrk(text, ",;\t|\"\r\n") && (!n || (text[0] != ' ' && text[n - 1] != ' '))) {
        str_add(out, text);
        return;
    }
    str_addc(out, '"');
    for (; *text; text++) {
        if (*text == '"')
            str_addc(out, '"');
        str_addc(out, *text);
    }
    str_addc(out, '"');
}
