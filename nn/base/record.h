/*
 * record -- structs as JSON through their field tables, on jansson
 */
#ifndef BASE_RECORD_H
#define BASE_RECORD_H

#include "nn/base/field.h"

#include <jansson.h>

/* A new JSON object with every member of the table: enums by name, INTS and FLOATS as lists,
 * durations in seconds; NULL strings and numbers not finite are null.  NULL when memory is out. */
json_t *record_to_json(const struct field *table, const void *obj);

/* Members from a JSON object.  A member that is not there keeps its value; an unknown key, a wrong
 * type or a value out of range is ERR_INPUT naming it, and members before it are set.  INTS and
 * FLOATS come as all their elements or as one number for all.  Strings are copied into mem. */
bool record_from_json(const struct field *table, void *obj, const json_t *json, struct arena *mem,
                      struct err *err);

/* Parses strictly (no duplicate keys, no trailing bytes);
 * the error names line and cause.  NULL on failure. */
json_t *record_parse(const char *text, size_t bytes, struct err *err);

/* Parses the one value that text begins with, of at most `most` bytes, as strictly; *used: its
 * bytes.  The error says the cause, without a line. */
json_t *record_parse_next(const char *text, size_t bytes, size_t most, size_t *used,
                          struct err *err);

/* One line of JSON, keys in insertion order, numbers that read back exactly;
 * free() it.  NULL when memory is out. */
char *record_dump(const json_t *json);

/* The same for people: a member a line, lists of numbers on one. */
char *record_dump_lines(const json_t *json);

#endif
