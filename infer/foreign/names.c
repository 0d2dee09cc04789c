/*
 * names -- see names.h
 */
#include "infer/foreign/names.h"

#include "nn/base/file.h"
#include "nn/base/record.h"

#include <stdlib.h>
#include <string.h>

enum { LABELS_MAX = 1 << 20, FILE_BYTES = 16 << 20, PASSES = 8 };

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory for names of labels");
}

static bool make_room(struct infer_names *out, size_t n, struct arena *mem, struct err *err)
{
    if (n < 1 || n > LABELS_MAX)
        return err_set(err, ERR_INPUT, "%zu names of labels", n);
    out->name = arena_array(mem, n, sizeof *out->name);
    out->n = out->name ? (int)n : 0;
    return out->name || no_memory(err);
}

struct numbered {
    const char *name;
    int i;
};

static int by_name(const void *pa, const void *pb)
{
    const struct numbered *a = pa, *b = pb;
    int order = strcmp(a->name, b->name);

    return order ? order : a->i - b->i;
}

/* The first of alike names stays, the others get their number.  *n: how many did. */
static bool number_doubles(struct infer_names *out, struct numbered *all, struct arena *mem, int *n,
                           struct err *err)
{
    *n = 0;
    for (int i = 0; i < out->n; i++)
        all[i] = (struct numbered){ out->name[i], i };
    qsort(all, (size_t)out->n, sizeof *all, by_name);
    for (int i = 1; i < out->n; i++) {
        if (strcmp(all[i].name, all[i - 1].name) != 0)
            continue;
        out->name[all[i].i] = arena_printf(mem, "%s (%d)", all[i].name, all[i].i);
        if (!out->name[all[i].i])
            return no_memory(err);
        ++*n;
    }
    return true;
}

/* Of names that stand twice the later ones get their number: "crane (517)"; what is empty, too.  A
 * name with its number may be there as well, and is then numbered once more. */
static bool tell_apart(struct infer_names *out, struct arena *mem, struct err *err)
{
    struct numbered *all = arena_array(mem, (size_t)out->n, sizeof *all);
    int doubles = 1;

    if (!all)
        return no_memory(err);
    for (int i = 0; i < out->n; i++) {
        if (!str_is_utf8(out->name[i]))
            return err_set(err, ERR_INPUT, "the name of label %d is no UTF-8", i);
        if (!*out->name[i] && !(out->name[i] = arena_printf(mem, "label %d", i)))
            return no_memory(err);
    }
    for (int pass = 0; pass < PASSES && doubles; pass++)
        if (!number_doubles(out, all, mem, &doubles, err))
            return false;
    return !doubles || err_set(err, ERR_INPUT, "%d names of labels stand twice, and numbers do not "
                               "tell them apart", doubles);
}

/* Behind the number of a line, or of WordNet; NULL: there is none. */
static const char *behind(const char *line, int number, bool synset)
{
    char *end;

    if (synset)
        return line[0] == 'n' && strspn(line + 1, "0123456789") == 8 && line[9] == ' ' ? line + 10
                                                                                       : NULL;
    return strtol(line, &end, 10) == number && end > line && *end == ' ' ? end + 1 : NULL;
}

static void strip(struct infer_names *out, bool synset)
{
    for (int i = 0; i < out->n; i++)
        if (!behind(out->name[i], i, synset))
            return;
    for (int i = 0; i < out->n; i++)
        out->name[i] = behind(out->name[i], i, synset);
}

bool infer_names_lines(const char *text, struct arena *mem, struct infer_names *out,
                       struct err *err)
{
    char *copy = arena_str(mem, strncmp(text, "\xef\xbb\xbf", 3) ? text : text + 3), *line = copy;
    size_t n = 1, length;

    if (!copy)
        return no_memory(err);
    for (length = strlen(copy); length && strchr("\r\n\t ", copy[length - 1]);)
        copy[--length] = '\0';
    for (const char *p = copy; *p; p++)
        n += *p == '\n';
    if (!length)
        return err_set(err, ERR_INPUT, "holds no names");
    if (!make_room(out, n, mem, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        char *end = line + strcspn(line, "\n");

        *end = '\0';
        if (end > line && end[-1] == '\r')
            end[-1] = '\0';
        out->name[i] = line;
        line = end + 1;
    }
    strip(out, false);
    strip(out, true);
    return tell_apart(out, mem, err);
}

bool infer_names_file(const char *path, struct arena *mem, struct infer_names *out,
                      struct err *err)
{
    size_t size;
    char *text = (char *)file_read(path, FILE_BYTES, &size, err);
    bool ok = text && (infer_names_lines(text, mem, out, err) || err_in(err, "%s", path));

    free(text);
    return ok;
}

static bool keep(const json_t *name, size_t i, struct arena *mem, struct infer_names *out,
                 struct err *err)
{
    if (!json_is_string(name))
        return err_set(err, ERR_INPUT, "label %zu is no string", i);
    out->name[i] = arena_str(mem, json_string_value(name));
    return out->name[i] || no_memory(err);
}

static bool from_list(json_t *list, struct arena *mem, struct infer_names *out,
                      struct err *err)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!keep(json_array_get(list, i), i, mem, out, err))
            return false;
    return true;
}

static bool from_object(json_t *object, struct arena *mem, struct infer_names *out,
                        struct err *err)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value) {
        char *end;
        long i = strtol(key, &end, 10);

        if (*end || end == key || i < 0 || i >= out->n || out->name[i])
            return err_set(err, ERR_INPUT, "\"%.40s\" is no number of one of %d labels", key,
                           out->n);
        if (!keep(value, (size_t)i, mem, out, err))
            return false;
    }
    return true;
}

bool infer_names_json(json_t *json, struct arena *mem, struct infer_names *out, struct err *err)
{
    bool list = json_is_array(json);

    *out = (struct infer_names){ .n = 0 };
    if (!list && !json_is_object(json))
        return true;
    return make_room(out, list ? json_array_size(json) : json_object_size(json), mem, err) &&
           (list ? from_list : from_object)(json, mem, out, err) && tell_apart(out, mem, err);
}

bool infer_names_number(int n, struct arena *mem, struct infer_names *out, struct str *told,
                        struct err *err)
{
    if (!make_room(out, (size_t)n, mem, err))
        return false;
    for (int i = 0; i < n; i++)
        if (!(out->name[i] = arena_printf(mem, "label %d", i)))
            return no_memory(err);
    if (told)
        str_printf(told, "labels: nobody names them, so they are \"label 0\" to \"label %d\"; "
                   "--labels FILE says them\n", n - 1);
    return true;
}

static const char *blank(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* UTF-8 of a code point at out; behind it. */
static char *put_utf8(char *out, long c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    }
    return out;
}

/* What stands behind a backslash at *p, put at *out, which takes no more than it has in the text:
 * \n, \xhh, \uhhhh, \Uhhhhhhhh, \ooo.  Python keeps both of what it does not know.  False: no
 * character. */
static bool python_escape(const char **p, char **out)
{
    static const char plain[][2] = { { 'n', '\n' }, { 't', '\t' }, { 'r', '\r' }, { 'a', '\a' },
                                     { 'b', '\b' }, { 'f', '\f' }, { 'v', '\v' }, { '\'', '\'' },
                                     { '"', '"' }, { '\\', '\\' } };
    int most = **p == 'x' ? 2 : **p == 'u' ? 4 : **p == 'U' ? 8 : 0, n = 0;
    char digits[9] = "", *end;
    long c;

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (**p == plain[i][0]) {
            *(*out)++ = plain[i][1];
            ++*p;
            return true;
        }
    if (!most && !(**p >= '0' && **p <= '7')) {
        *(*out)++ = '\\';
        return **p;
    }
    *p += most > 0;
    while (n < (most ? most : 3) && strchr(most ? "0123456789abcdefABCDEF" : "01234567", **p) &&
           **p)
        digits[n++] = *(*p)++;
    c = strtol(digits, &end, most ? 16 : 8);
    if (n < most || !c || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return false;
    *out = put_utf8(*out, c);
    return true;
}

/* A Python string that p begins with, into out; what is behind it, NULL: none. */
static const char *python_string(const char *p, char *out)
{
    char quote = *p++;

    if (quote != '\'' && quote != '"')
        return NULL;
    while (*p && *p != quote) {
        if (*p != '\\')
            *out++ = *p++;
        else if (p++, !python_escape(&p, &out))
            return NULL;
    }
    *out = '\0';
    return *p ? p + 1 : NULL;
}

static bool no_literal(struct err *err)
{
    return err_set(err, ERR_INPUT, "no list of names as Python writes it");
}

/* {0: 'cat', 1: 'dog'}, in any order, or ['cat', 'dog']. */
static bool from_python(const char *text, struct arena *mem, struct infer_names *out,
                        struct err *err)
{
    const char *p = blank(text);
    bool dict = *p == '{';
    char *room = arena_str(mem, text);
    size_t n = 1;

    for (const char *c = text; *c; c++)
        n += *c == ',';
    if (!room)
        return no_memory(err);
    if (!make_room(out, n, mem, err))
        return false;
    n = 0;
    p = blank(p + 1);
    while (*p && *p != '}' && *p != ']') {
        long i = (long)n;
        char *end;

        if (dict) {
            i = strtol(p, &end, 10);
            if (end == p || *blank(end) != ':')
                return no_literal(err);
            p = blank(blank(end) + 1);
        }
        if (i < 0 || i >= out->n || out->name[i] || !(p = python_string(p, room)))
            return no_literal(err);
        out->name[i] = room;
        room += strlen(room) + 1;
        n++;
        p = blank(p);
        if (*p == ',')
            p = blank(p + 1);
    }
    out->n = (int)n;
    for (size_t i = 0; i < n; i++)
        if (!out->name[i])
            return no_literal(err);
    return (*p == (dict ? '}' : ']') && n) ? tell_apart(out, mem, err) : no_literal(err);
}

bool infer_names_any(const char *text, struct arena *mem, struct infer_names *out, struct err *err)
{
    char first = *blank(text);
    struct err ignored;
    json_t *json = first == '[' || first == '{' ? record_parse(text, strlen(text), &ignored) : NULL;
    bool ok;

    *out = (struct infer_names){ .n = 0 };
    if (json)
        ok = infer_names_json(json, mem, out, err);
    else
        ok = (first == '[' || first == '{' ? from_python : infer_names_lines)(text, mem, out, err);
    json_decref(json);
    return ok;
}
