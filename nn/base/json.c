/*
 * json -- see json.h
 */
#include "nn/base/json.h"

#include <math.h>

static void lead(struct str *out, const char *key)
{
    if (out->len > 0 && out->data[out->len - 1] != '{' && out->data[out->len - 1] != '[')
        str_addc(out, ',');
    if (key) {
        str_json(out, key);
        str_addc(out, ':');
    }
}

void json_begin(struct str *out, const char *key, char bracket)
{
    lead(out, key);
    str_addc(out, bracket);
}

void json_end(struct str *out, char bracket)
{
    str_addc(out, bracket);
}

void json_text(struct str *out, const char *key, const char *text)
{
    lead(out, key);
    if (text)
        str_json(out, text);
    else
        str_add(out, "null");
}

void json_number(struct str *out, const char *key, double x)
{
    lead(out, key);
    if (x == floor(x) && fabs(x) < 1e15)
        str_printf(out, "%.0f", x);
    else if (isfinite(x))
        str_number(out, x);
    else
        str_add(out, "null");
}

void json_float(struct str *out, const char *key, float x)
{
    if (!isfinite(x)) {
        json_number(out, key, (double)x);
        return;
    }
    lead(out, key);
    str_float(out, x);
}

void json_raw(struct str *out, const char *key, const char *json)
{
    lead(out, key);
    str_add(out, json);
}
