/*
 * c_text -- numbers, strings and names as C has them
 */
#include "infer/export/c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MOST = 48 };

/* Compilers round a decimal constant to the nearest float, as strtof does: 9 digits are enough. */
void infer_c_number(struct str *out, float x)
{
    char text[32];

    snprintf(text, sizeof text, "%.8g", (double)x);
    if (strtof(text, NULL) != x)
        snprintf(text, sizeof text, "%.9g", (double)x);
    str_add(out, text);
    str_add(out, strpbrk(text, ".e") ? "f" : ".0f");
}

void infer_c_ints(struct str *out, int n, const int64_t *x)
{
    for (int i = 0; i < n; i++)
        str_printf(out, "%s%lld", i ? ", " : "{ ", (long long)x[i]);
    str_add(out, " }");
}

void infer_c_array(struct str *out, const char *prefix, int id, size_t n, const float *x)
{
    enum { WIDE = 96 };
    size_t line = out->len;

    str_printf(out, "static const float %s%d[%zu] = {", prefix, id, n);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || out->len - line > WIDE) {
            str_add(out, "\n   ");
            line = out->len;
        }
        str_addc(out, ' ');
        infer_c_number(out, x[i]);
        str_addc(out, ',');
    }
    str_add(out, "\n};\n");
}

void infer_c_string(struct str *out, const char *text)
{
    str_addc(out, '"');
    for (const char *p = text; *p; p++) {
        unsigned char b = (unsigned char)*p;

        if (b == '"' || b == '\\' || b == '?')
            str_printf(out, "\\%c", b);
        else if (b < 0x20 || b > 0x7E)
            str_printf(out, "\\%03o", b);   /* three digits: one that follows is not taken in */
        else
            str_addc(out, (char)b);
    }
    str_addc(out, '"');
}

void infer_c_comment(struct str *out, const char *text)
{
    for (const char *p = text; *p; p++)
        str_addc(out, *p < 0x20 || *p > 0x7E || strchr("*/\\?", *p) ? '_' : *p);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void infer_c_name(struct str *out, const char *path)
{
    const char *slash = strrchr(path, '/'), *from = slash ? slash + 1 : path;
    const char *dot = strrchr(from, '.'), *end = dot && dot != from ? dot : from + strlen(from);
    size_t start = out->len;

    if (from == end || !is_letter(*from))
        str_add(out, "net_");
    for (const char *p = from; p < end && out->len - start < NAME_MOST; p++)
        if (is_letter(*p) || (*p >= '0' && *p <= '9'))
            str_addc(out, *p);
        else if (out->len > start && out->data[out->len - 1] != '_')
            str_addc(out, '_');
    if (out->len && out->data[out->len - 1] == '_')
        str_cut(out, out->len - 1);
}
