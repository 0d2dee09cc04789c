/*
 * table -- labels in a CSV
 */
#ifndef DATA_SOURCE_TABLE_H
#define DATA_SOURCE_TABLE_H

#include "data/build.h"

/* Reads text[0..bytes), a 0 byte behind it, and writes into it.  `path` is where it came from:
 * names in it are relative to its folder.  The error names path and line. */
bool data_table_read(char *text, size_t bytes, const char *path, struct data_build *b,
                     struct err *err);

#endif
