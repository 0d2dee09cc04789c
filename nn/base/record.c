/*
 * record -- structs as JSON through their field tables, on jansson
 *
 * Jansson parses and holds; writing is our own, because Debian 12's jansson 2.14 writes 0.1 as
 * 0.10000000000000001.
 */
#include "nn/base/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ELEMENTS = 64, INDENT = 2 };

static bool is_whole(const struct field *f)
{
    return f->kind == FIELD_KIND_INT || f->kind == FIELD_KIND_INTS || f->kind == FIELD_KIND_LIST;
}

/* ---- to JSON --------------------------------------------------------------------------------- */

static json_t *string_to_json(const char *text)
{
    struct str s = { 0 };

    if (!text)
        return json_null();
    str_utf8(&s, text);

    json_t *json = s.failed ? NULL : json_string_nocheck(str_text(&s));

    str_release(&s);
    return json;
}

static json_t *number_to_json(const struct field *f, const void *obj, int i)
{
    double x = field_number(f, obj, i);

    if (!isfinite(x))           /* JSON has none */
        return json_null();
    return is_whole(f) ? json_integer((json_int_t)x) : json_real(x);
}

static json_t *list_to_json(const struct field *f, const void *obj)
{
    json_t *list = json_array();
    int n = f->count;

    while (f->kind == FIELD_KIND_LIST && n > 0 && field_number(f, obj, n - 1) == 0)
        n--;
    for (int i = 0; list && i < n; i++) {
        if (json_array_append_new(list, number_to_json(f, obj, i))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *member_to_json(const struct field *f, const void *obj)
{
    switch (f->kind) {
    case FIELD_KIND_BOOL:
        return json_boolean(field_number(f, obj, 0) != 0);
    case FIELD_KIND_STRING:
        return string_to_json(*(const char **)field_at(f, obj));
    case FIELD_KIND_ENUM: {
        struct str s = { 0 };

        field_text(f, obj, &s);

        json_t *json = s.failed ? NULL : string_to_json(str_text(&s));

        str_release(&s);
        return json;
    }
    case FIELD_KIND_INTS:
    case FIELD_KIND_LIST:
    case FIELD_KIND_FLOATS:
        return list_to_json(f, obj);
    default:
        return number_to_json(f, obj, 0);
    }
}

json_t *record_to_json(const struct field *table, const void *obj)
{
    json_t *json = json_object();

    for (const struct field *f = table; json && f && f->name; f++) {
        if (json_object_set_new(json, f->name, member_to_json(f, obj))) {
            json_decref(json);
            json = NULL;
        }
    }
    return json;
}

/* ---- from JSON ------------------------------------------------------------------------------- */

static bool wrong_type(const struct field *f, const char *want, const json_t *got, struct err *err)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list", [JSON_STRING] = "a text",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a fraction", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false", [JSON_NULL] = "null",
    };

    return err_set(err, ERR_INPUT, "%s: is %s, not %s", f->name, names[json_typeof(got)], want);
}

static bool one_number(const struct field *f, const json_t *value, double *x, struct err *err)
{
    if (is_whole(f) ? !json_is_integer(value) : !json_is_number(value))
        return wrong_type(f, is_whole(f) ? "a whole number" : "a number", value, err);
    *x = json_number_value(value);
    return true;
}

static bool list_from_json(const struct field *f, void *obj, const json_t *value, struct err *err)
{
    double x[MAX_ELEMENTS] = { 0 };
    size_t n = json_array_size(value);

    if (n > (size_t)f->count || (n < (size_t)f->count && f->kind != FIELD_KIND_LIST) ||
        n > MAX_ELEMENTS)
        return err_set(err, ERR_INPUT, "%s: has %zu numbers, not %d", f->name, n, f->count);
    for (size_t i = 0; i < n; i++)
        if (!one_number(f, json_array_get(value, i), &x[i], err))
            return false;
    return field_set_numbers(f, obj, (int)n, x, err);
}

static bool member_from_json(const struct field *f, void *obj, const json_t *value,
                             struct arena *mem, struct err *err)
{
    double x;

    switch (f->kind) {
    case FIELD_KIND_BOOL:
        if (!json_is_boolean(value))
            return wrong_type(f, "true or false", value, err);
        x = json_is_true(value);
        return field_set_numbers(f, obj, 1, &x, err);
    case FIELD_KIND_ENUM:
        if (!json_is_string(value))
            return wrong_type(f, "a text", value, err);
        return field_set(f, obj, json_string_value(value), mem, err);
    case FIELD_KIND_STRING:
        if (json_is_null(value)) {
            *(const char **)field_at(f, obj) = NULL;
            return true;
        }
        if (!json_is_string(value))
            return wrong_type(f, "a text", value, err);
        return field_set(f, obj, json_string_value(value), mem, err);
    case FIELD_KIND_DURATION:
        if (json_is_string(value))
            return field_set(f, obj, json_string_value(value), mem, err);
        break;
    case FIELD_KIND_INTS:
    case FIELD_KIND_LIST:
    case FIELD_KIND_FLOATS:
        if (json_is_array(value))
            return list_from_json(f, obj, value, err);
        break;
    default:
        break;
    }
    return one_number(f, value, &x, err) && field_set_numbers(f, obj, 1, &x, err);
}

bool record_from_json(const struct field *table, void *obj, const json_t *json, struct arena *mem,
                      struct err *err)
{
    const char *key;
    json_t *value;

    if (!json_is_object(json))
        return err_set(err, ERR_INPUT, "not a JSON object");
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        const struct field *f = field_find(table, key);

        if (!f) {
            const char *near = field_nearest(table, key);

            return err_set(err, ERR_INPUT, "unknown key \"%.80s\"%s%s%s", key,
                           near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
        if (!member_from_json(f, obj, value, mem, err))
            return false;
    }
    return true;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Jansson says nothing where memory is out, or calls the string that it had none for a wrong token:
 * what is wrong twice is wrong. */
static json_t *load(const char *text, size_t bytes, size_t flags, json_error_t *e)
{
    json_t *json;

    memset(e, 0, sizeof *e);
    json = json_loadb(text, bytes, flags, e);
    return json ? json : json_loadb(text, bytes, flags, e);
}

static bool is_memory(const json_error_t *e)
{
    return !e->text[0] || json_error_code(e) == json_error_out_of_memory;
}

json_t *record_parse(const char *text, size_t bytes, struct err *err)
{
    json_error_t e;
    json_t *json = load(text, bytes, JSON_REJECT_DUPLICATES, &e);

    if (!json && is_memory(&e))
        err_set(err, ERR_MEMORY, "cannot hold %zu bytes of JSON", bytes);
    else if (!json)
        err_set(err, ERR_INPUT, "line %d: %s", e.line, e.text);
    return json;
}

json_t *record_parse_next(const char *text, size_t bytes, size_t most, size_t *used,
                          struct err *err)
{
    json_error_t e;
    json_t *json = load(text, bytes < most ? bytes : most,
                        JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &e);

    if (json)
        *used = (size_t)e.position;
    else if (is_memory(&e))
        err_set(err, ERR_MEMORY, "cannot hold %zu bytes of JSON", bytes);
    else if (json_error_code(&e) == json_error_premature_end_of_input && bytes > most)
        err_set(err, ERR_INPUT, "a JSON value of more than %zu bytes", most);
    else
        err_set(err, ERR_INPUT, "%s", e.text);
    return json;
}

static void dump_real(double x, struct str *out)
{
    size_t start = out->len;

    str_number(out, x);
    if (!out->failed && !strpbrk(out->data + start, ".e"))
        str_add(out, ".0");     /* else it would read back as an integer */
}

/* Whether the elements have no elements themselves: such a list is one line. */
static bool is_flat(const json_t *json)
{
    json_t *value;
    size_t i;

    if (json_is_object(json))
        return json_object_size(json) == 0;
    json_array_foreach(json, i, value)
        if (json_is_array(value) || json_is_object(value) || json_is_string(value))
            return false;
    return true;
}

/* The comma before element i, and where it begins; i = -1: the end of the list.  depth: blanks
 * before the elements; -1: all is one line. */
static void separate(const json_t *json, int i, int depth, struct str *out)
{
    if (i > 0)
        str_addc(out, ',');
    if (depth >= 0 && !is_flat(json))
        str_printf(out, "\n%*s", i < 0 ? depth - INDENT : depth, "");
    else if (depth >= 0 && i > 0)
        str_addc(out, ' ');
}

/* depth: as separate has it, of what is in json. */
static void dump(const json_t *json, int depth, struct str *out)
{
    int deeper = depth < 0 ? depth : depth + INDENT, n = 0;
    const char *key;
    json_t *value;
    size_t i;

    switch (json_typeof(json)) {
    case JSON_OBJECT:
        str_addc(out, '{');
        json_object_foreach((json_t *)(uintptr_t)json, key, value) {
            separate(json, n++, depth, out);
            str_json(out, key);
            str_add(out, depth < 0 ? ":" : ": ");
            dump(value, deeper, out);
        }
        separate(json, -1, depth, out);
        str_addc(out, '}');
        break;
    case JSON_ARRAY:
        str_addc(out, '[');
        json_array_foreach(json, i, value) {
            separate(json, n++, depth, out);
            dump(value, deeper, out);
        }
        separate(json, -1, depth, out);
        str_addc(out, ']');
        break;
    case JSON_STRING:
        str_json(out, json_string_value(json));
        break;
    case JSON_INTEGER:
        str_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        break;
    case JSON_REAL:
        dump_real(json_real_value(json), out);
        break;
    case JSON_TRUE:
        str_add(out, "true");
        break;
    case JSON_FALSE:
        str_add(out, "false");
        break;
    case JSON_NULL:
        str_add(out, "null");
        break;
    }
}

char *record_dump(const json_t *json)
{
    struct str s = { 0 };

    dump(json, -1, &s);
    if (s.failed)
        str_release(&s);
    return s.data;
}

char *record_dump_lines(const json_t *json)
{
    struct str s = { 0 };

    dump(json, INDENT, &s);
    str_addc(&s, '\n');
    if (s.failed)
        str_release(&s);
    return s.data;
}
