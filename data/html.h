/*
 * html -- what was found in a set, as a page with thumbnails
 *
 * data/page.h says what such a page is.
 */
#ifndef DATA_HTML_H
#define DATA_HTML_H

#include "data/finding.h"

/* Writes the page atomically.  The pictures that it shows, a few hundred at most, are read and
 * decoded again, on `threads` threads.  how NULL: the default. */
bool data_html_write(const char *path, const char *name, const struct data_audit *a,
                     const struct data_census *c, const struct data_findings *f,
                     const struct data_decode *how, int threads, struct err *err);

#endif
