/*
 * json -- long JSON piece by piece
 */
#include "data/json.h"

#include <string.h>

static void skip_space(struct data_json *j)
{
    for (; j->p < j->end && strchr(" \t\r\n", *j->p) && *j->p; j->p++)
        j->line += *j->p == '\n';
}

static bool at(struct data_json *j, char c)
{
    skip_space(j);
    return j->p < j->end && *j->p == c;
}

static void advance(struct data_json *j, size_t bytes)
{
    for (; bytes; bytes--, j->p++)
        j->line += *j->p == '\n';
}

static bool parse(struct data_json *j, json_t **value, struct err *err)
{
    size_t used = 0;

    *value = record_parse_next(j->p, (size_t)(j->end - j->p), DATA_JSON_MOST, &used, err);
    if (!*value)
        return err_in(err, "line %d", j->line);
    advance(j, used);
    return true;
}

static void begin(struct data_json *j, const char *text, size_t bytes)
{
    *j = (struct data_json){ .p = text, .end = text + bytes, .line = 1, .first = true };
    if (bytes >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        j->p += 3;
}

void data_json_open(struct data_json *j, const char *text, size_t bytes)
{
    begin(j, text, bytes);
    j->list = at(j, '[');
    j->p += j->list;
}

static int fail(struct data_json *j, const char *want, struct err *err)
{
    skip_space(j);
    if (j->p >= j->end)
        err_set(err, ERR_INPUT, "line %d: the file ends where %s should be", j->line, want);
    else
        err_set(err, ERR_INPUT, "line %d: '%.1s' where %s should be", j->line, j->p, want);
    return -1;
}

/* Past the comma before another element; 0: the list ends with `close`, which is passed. */
static int next_element(struct data_json *j, char close, struct err *err)
{
    bool first = j->first;

    j->first = false;
    if (at(j, close)) {
        j->p++;
        return 0;
    }
    if (first)
        return j->p < j->end ? 1 : fail(j, "a value", err);
    if (!at(j, ','))
        return fail(j, "a comma", err);
    j->p++;
    skip_space(j);
    return 1;
}

int data_json_next(struct data_json *j, json_t **value, int *line, struct err *err)
{
    int more;

    if (j->list) {
        more = next_element(j, ']', err);
        if (more <= 0)
            return more;
    } else {
        skip_space(j);
        if (j->p >= j->end)
            return 0;
    }
    *line = j->line;
    return parse(j, value, err) ? 1 : -1;
}

bool data_json_object(struct data_json *j, const char *text, size_t bytes, struct err *err)
{
    begin(j, text, bytes);
    if (!at(j, '{'))
        return fail(j, "{", err) > 0;
    j->p++;
    return true;
}

int data_json_member(struct data_json *j, json_t **name, struct err *err)
{
    int more = next_element(j, '}', err);

    if (more <= 0)
        return more;
    if (!at(j, '"'))
        return fail(j, "a name in quotes", err);
    if (!parse(j, name, err))
        return -1;
    if (!at(j, ':')) {
        json_decref(*name);
        return fail(j, "a colon", err);
    }
    j->p++;
    skip_space(j);
    return 1;
}

bool data_json_list(struct data_json *j, struct err *err)
{
    if (!at(j, '['))
        return fail(j, "[", err) > 0;
    j->p++;
    j->list = j->first = true;
    return true;
}

bool data_json_skip(struct data_json *j, struct err *err)
{
    json_t *value = NULL;
    int got, line;

    if (at(j, '[')) {
        if (!data_json_list(j, err))
            return false;
        while ((got = data_json_next(j, &value, &line, err)) > 0)
            json_decref(value);
        j->first = false;
        return got == 0;
    }
    if (!parse(j, &value, err))
        return false;
    json_decref(value);
    return true;
}
