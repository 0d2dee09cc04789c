/*
 * page -- what the pages that we write have in common
 *
 * One file that holds all it shows: no scripts, nothing loaded, and a content security policy that
 * says so.  Every text comes from outside and is escaped.  Light and dark, narrow and wide.
 */
#ifndef DATA_PAGE_H
#define DATA_PAGE_H

#include "data/index.h"
#include "nn/base/str.h"

/* Up to and with the heading: title, and in the window's title what it is ("discern train").
 * style: rules beside the common ones, for :root's --line, --soft, --bar and the classes n, row,
 * advice, error, warning, note. */
void data_page_begin(struct str *out, const char *title, const char *what, const char *style);
void data_page_end(struct str *out);

/* Text from outside: mended to UTF-8, escaped, control characters shown as '?'.  Also between
 * quotes. */
void data_page_text(struct str *out, const char *text);

/* A picture, no side longer than `side`, as data:image/jpeg;base64,...; free() it.  NULL where it
 * cannot be shown.  how NULL: the default.  Any thread. */
char *data_page_thumb(const struct data_sample *s, const struct data_decode *how, int side);

#endif
