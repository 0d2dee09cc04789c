/*
 * csv: tables read as RFC 4180 and spreadsheets write them; an error names the line
 */
#include "tests/data/made.h"

#include "data/csv.h"

/* The cells, "|" between them and "/" after rows; or "! " and the message. */
static const char *rows(const char *text)
{
    static char out[1024];
    char *copy = strdup(text);
    struct data_csv c;
    struct err err = { 0 };
    size_t n = 0;
    int got = -1;

    out[0] = 0;
    if (data_csv_open(&c, copy, strlen(text), &err)) {
        while ((got = data_csv_next(&c, &err)) > 0) {
            for (int i = 0; i < c.n; i++)
                n += (size_t)snprintf(out + n, sizeof out - n, "%s%s", i ? "|" : "", c.cell[i]);
            n += (size_t)snprintf(out + n, sizeof out - n, "/");
        }
        data_csv_close(&c);
    }
    if (got < 0)
        snprintf(out, sizeof out, "! %s", err.msg);
    free(copy);
    return out;
}

static void cells_and_rows(void **state)
{
    (void)state;
    assert_string_equal(rows(""), "");
    assert_string_equal(rows("a"), "a/");
    assert_string_equal(rows("a,b\n1,2\n"), "a|b/1|2/");
    assert_string_equal(rows("a,b\r\n1,\r\n,2"), "a|b/1|/|2/");
    assert_string_equal(rows("a,b\r1,2\r"), "a|b/1|2/");
    assert_string_equal(rows("a;b\n1,5;2\n"), "a|b/1,5|2/");
    assert_string_equal(rows("a\tb\n1\t\n"), "a|b/1|/");
    assert_string_equal(rows("\xef\xbb\xbf" "a,b\n\n \n1,2"), "a|b/1|2/");
    assert_string_equal(rows(" a , b c \n"), "a|b c/");
    assert_string_equal(rows("a,b,\n,,\n , ,\n,2,\n"), "a|b|/|2|/");
}

static void the_delimiter_is_told_from_several_lines(void **state)
{
    (void)state;
    assert_string_equal(rows("a;b\n1,5;2\n2,5;3\n"), "a|b/1,5|2/2,5|3/");
    assert_string_equal(rows("1.jpg;cat,dog\n2.jpg;dog,cat\n"), "1.jpg|cat,dog/2.jpg|dog,cat/");
    assert_string_equal(rows("1.jpg,cat:dog\n2.jpg,dog:cat\n"), "1.jpg|cat:dog/2.jpg|dog:cat/");
    assert_string_equal(rows("name|tags\n1.jpg|a,b\n2.jpg|a,b,c\n"),
                        "name|tags/1.jpg|a,b/2.jpg|a,b,c/");
    assert_string_equal(rows("fname,labels\n1.jpg,cat dog\n2.jpg,dog\n"),
                        "fname|labels/1.jpg|cat dog/2.jpg|dog/");
    assert_string_equal(rows("my photo.jpg,1\nno photo.jpg,0\n"), "my photo.jpg|1/no photo.jpg|0/");
    /* one stray character in the first line decides nothing */
    assert_string_equal(rows("a;x,y\n1,2\n3,4\n5,6\n"), "a;x|y/1|2/3|4/5|6/");
    /* a quoted delimiter is none */
    assert_string_equal(rows("\"a,b,c\";1\n\"d,e,f\";2\n"), "a,b,c|1/d,e,f|2/");
    /* nor one behind a line's end in quotes, where other delimiters would tear the row */
    assert_string_equal(rows("1,\"a\n;b\"\n2,\"a\n;b\"\n"), "1|a\n;b/2|a\n;b/");
    /* rows of different lengths */
    assert_string_equal(rows("a.jpg,x,y,z\nb.jpg,x\nc.jpg,p q\n"),
                        "a.jpg|x|y|z/b.jpg|x/c.jpg|p q/");
}

static void spaces_are_delimiters_where_nothing_else_is(void **state)
{
    (void)state;
    assert_string_equal(rows("1.jpg cat\n2.jpg  dog \n"), "1.jpg|cat/2.jpg|dog/");
    assert_string_equal(rows("2\nBald Young \n1.jpg -1  1\n2.jpg  1 -1\n"),
                        "2/Bald|Young/1.jpg|-1|1/2.jpg|1|-1/");
    assert_string_equal(rows("\"my photo.jpg\" 1 0\n\"a\"  0 1\n"), "my photo.jpg|1|0/a|0|1/");
    assert_string_equal(rows("\"a\"b 1\n\"c\" 2\n"), "! line 1: text after a closing quote");
}

static void what_is_no_utf_8_text_is_refused_with_advice(void **state)
{
    char utf16[] = "\xff\xfe" "a\0,\0b\0", zero[] = "a\0b";
    struct data_csv c;
    struct err err;

    (void)state;
    assert_false(data_csv_open(&c, utf16, sizeof utf16 - 1, &err));
    assert_non_null(strstr(err.msg, "UTF-16"));
    assert_non_null(strstr(err.msg, "save it as CSV"));
    assert_false(data_csv_open(&c, zero, 3, &err));
    assert_int_equal(err.kind, ERR_INPUT);
}

static void what_is_put_reads_back_exactly(void **state)
{
    static const char *const cells[] = {
        "plain", "", "a,b", "a;b", "a\tb", "a|b", "say \"hi\"", "two\nlines", "cr\r\nlf", " before",
        "after ", "\xff\xfe not UTF-8", "\"", "'", "a b",
    };
    enum { N = sizeof cells / sizeof *cells };

    (void)state;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            struct str s = { 0 };
            struct data_csv c;
            struct err err;

            str_add(&s, "x,");
            data_csv_put(&s, cells[i]);
            str_addc(&s, ',');
            data_csv_put(&s, cells[j]);
            str_add(&s, ",y\n");
            assert_true(data_csv_open(&c, s.data, s.len, &err));
            assert_int_equal(data_csv_next(&c, &err), 1);
            assert_int_equal(c.n, 4);
            assert_string_equal(c.cell[1], cells[i]);
            assert_string_equal(c.cell[2], cells[j]);
            assert_int_equal(data_csv_next(&c, &err), 0);
            data_csv_close(&c);
            str_release(&s);
        }
    }
}

/* A million characters of each kind: this test has no clock, but nothing that is not linear ends
 * while somebody waits. */
static void hostile_text_takes_linear_time(void **state)
{
    static const char *const unit[] = {
        "\"", "\"\"", ",", " ", "\r", "\r\n", "a b", "\"\n\"", "| ;",
    };
    enum { BYTES = 1 << 20 };

    (void)state;
    for (size_t u = 0; u < sizeof unit / sizeof *unit; u++) {
        char *text = malloc(BYTES + 1);
        struct data_csv c;
        struct err err;

        assert_non_null(text);
        for (size_t i = 0; i < BYTES; i++)
            text[i] = unit[u][i % strlen(unit[u])];
        text[BYTES] = 0;
        assert_true(data_csv_open(&c, text, BYTES, &err));
        while (data_csv_next(&c, &err) > 0)
            assert_true(c.n > 0);
        data_csv_close(&c);
        free(text);
    }
}

static void quotes_hold_anything(void **state)
{
    (void)state;
    assert_string_equal(rows("\"a,b\",\"say \"\"hi\"\"\"\n\" 1\n2 \" , 3\n"),
                        "a,b|say \"hi\"/ 1\n2 |3/");
    assert_string_equal(rows("\"\",x\n"), "|x/");
    assert_string_equal(rows("a\"b,c\n"), "a\"b|c/");
    assert_string_equal(rows("a,b\n1,\"two"), "! line 2: a quote is never closed");
    assert_string_equal(rows("a\n\"x\ny\"z\n"), "! line 3: text after a closing quote");
}

static void lines_are_counted_through_quotes(void **state)
{
    char text[] = "a,b\n\"1\n2\r\n3\",x\r\ny,z\n";
    struct data_csv c;
    struct err err;

    (void)state;
    assert_true(data_csv_open(&c, text, strlen(text), &err));
    assert_int_equal(data_csv_next(&c, &err), 1);
    assert_int_equal(data_csv_next(&c, &err), 1);
    assert_int_equal(c.line, 2);
    assert_int_equal(data_csv_next(&c, &err), 1);
    assert_int_equal(c.line, 5);
    data_csv_close(&c);
    assert_false(data_csv_open(&c, (char[]){ 'a', 0, 'b', 0 }, 3, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_and_rows),
        cmocka_unit_test(the_delimiter_is_told_from_several_lines),
        cmocka_unit_test(spaces_are_delimiters_where_nothing_else_is),
        cmocka_unit_test(what_is_no_utf_8_text_is_refused_with_advice),
        cmocka_unit_test(what_is_put_reads_back_exactly),
        cmocka_unit_test(hostile_text_takes_linear_time),
        cmocka_unit_test(quotes_hold_anything),
        cmocka_unit_test(lines_are_counted_through_quotes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
