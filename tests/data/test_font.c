/*
 * font: letters stay where they belong, and no two look alike
 */
#include "tests/data/made.h"

#include "data/font.h"

enum { W = 40, H = 24 };

static struct data_image blank(void)
{
    struct data_image m = { W, H, malloc((size_t)W * H * 3) };

    assert_non_null(m.pixel);
    memset(m.pixel, 255, (size_t)W * H * 3);
    return m;
}

/* Dark pixels in [x0,x1) x [y0,y1). */
static int ink(const struct data_image *m, int x0, int y0, int x1, int y1)
{
    int n = 0;

    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            n += m->pixel[3 * (y * m->width + x)] < 128;
    return n;
}

static void letters_stay_in_their_cells_and_differ(void **state)
{
    enum { N = '~' - ' ' + 1 };
    uint8_t *seen[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        char text[2] = { (char)(' ' + i), 0 };
        struct data_image m = blank();

        data_font_draw(&m, 3, 2, 1, text);
        assert_true(i ? ink(&m, 0, 0, W, H) > 1 : ink(&m, 0, 0, W, H) == 0);
        assert_int_equal(ink(&m, 3, 2, 3 + DATA_FONT_WIDTH - 1, 2 + DATA_FONT_HEIGHT - 1),
                         ink(&m, 0, 0, W, H));
        seen[i] = m.pixel;
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(seen[i], seen[k], (size_t)W * H * 3);
    }
    for (int i = 0; i < N; i++)
        free(seen[i]);
}

static bool same_text(const char *a, int columns_a, const char *b, int columns_b)
{
    struct data_image m = blank(), n = blank();
    bool same;

    data_font_draw(&m, 1, 1, columns_a, a);
    data_font_draw(&n, 1, 1, columns_b, b);
    same = !memcmp(m.pixel, n.pixel, (size_t)W * H * 3);
    data_image_release(&m);
    data_image_release(&n);
    return same;
}

static void long_texts_end_in_dots_and_strange_letters_are_marks(void **state)
{
    (void)state;
    assert_true(same_text("abcd", 4, "abcd", 6));
    assert_true(same_text("abcde", 4, "ab..", 4));
    assert_true(same_text("Bl\xc3\xbcte", 6, "Bl?te", 6));
    assert_true(same_text("a\n\xff\x01", 6, "a???", 6));
    assert_true(same_text("abc", 0, "", 6));
    assert_false(same_text("abc", 6, "abd", 6));
}

static void what_lies_outside_is_left_out(void **state)
{
    static const int place[][2] = { { -3, -4 }, { W - 2, H - 3 }, { -1000, 5 }, { 5, 1000 } };
    struct data_image m = blank();

    (void)state;
    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        data_font_draw(&m, place[i][0], place[i][1], 100, "WWWWWWWWWWWWWWWWWWWW");
    assert_true(ink(&m, 0, 0, W, H) > 0);
    data_image_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_stay_in_their_cells_and_differ),
        cmocka_unit_test(long_texts_end_in_dots_and_strange_letters_are_marks),
        cmocka_unit_test(what_lies_outside_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
