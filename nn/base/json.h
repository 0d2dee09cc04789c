/*
 * json -- a JSON text written member by member
 *
 * Commas are put where they belong.  key NULL: an element of an array, or the outermost value.
 * Text that is not UTF-8 is mended; a number that is none is null; others read back exactly, whole
 * ones without an exponent.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "nn/base/str.h"

void json_begin(struct str *out, const char *key, char bracket);        /* '{' or '[' */
void json_end(struct str *out, char bracket);                           /* '}' or ']' */
void json_text(struct str *out, const char *key, const char *text);     /* NULL is null */
void json_number(struct str *out, const char *key, double x);
void json_float(struct str *out, const char *key, float x);     /* as short as floats are */
void json_raw(struct str *out, const char *key, const char *json);      /* JSON already */

#endif
