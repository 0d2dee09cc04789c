/*
 * json -- long JSON piece by piece, so that memory holds one piece and not the whole
 *
 * A cursor over text: through a row of values (JSON lines, or the elements of a list), and through
 * an object's members without parsing them.  Pieces are parsed by jansson, at most DATA_JSON_MOST
 * bytes each.  Bytes are hostile; time is linear.
 */
#ifndef DATA_JSON_H
#define DATA_JSON_H

#include "nn/base/record.h"

enum { DATA_JSON_MOST = 4 << 20 };

struct data_json {
    const char *p, *end;
    int line;                   /* of p, from 1 */
    bool list;                  /* inside a list: commas, and ']' is the end */
    bool first;
};

/* Text that is a list of values in brackets, or values one behind the other. */
void data_json_open(struct data_json *j, const char *text, size_t bytes);
/* The next value, the caller's: 1 there is one, 0 end, -1 failure (naming the line).  *line: where
 * it begins. */
int data_json_next(struct data_json *j, json_t **value, int *line, struct err *err);

/* For an object: past its '{'.  false: it is none. */
bool data_json_object(struct data_json *j, const char *text, size_t bytes, struct err *err);
/* The next member's name, the caller's (json_decref); the value stands at the cursor.  1, 0 end,
 * -1 failure. */
int data_json_member(struct data_json *j, json_t **name, struct err *err);
/* Steps into the member's list, whose values data_json_next then gives to its end; false: it is no
 * list. */
bool data_json_list(struct data_json *j, struct err *err);
/* Passes over the member's value, whatever it is. */
bool data_json_skip(struct data_json *j, struct err *err);

#endif
