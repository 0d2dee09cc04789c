/*
 * gif: the first frame decodes wherever it lies and however it is coded
 */
#include "tests/data/made.h"

/* Codes packed into sub-blocks of at most `block` bytes; returns the bytes written. */
struct packer {
    uint8_t bytes[70000];
    size_t n;
    uint32_t hold;
    int held;
};

static void pack(struct packer *p, int code, int bits)
{
    p->hold |= (uint32_t)code << p->held;
    for (p->held += bits; p->held >= 8; p->held -= 8, p->hold >>= 8)
        p->bytes[p->n++] = (uint8_t)p->hold;
}

static size_t blocks(struct packer *p, uint8_t *out, size_t block)
{
    size_t n = 0;

    if (p->held)
        pack(p, 0, 8 - p->held);
    for (size_t at = 0; at < p->n; at += block) {
        size_t k = p->n - at < block ? p->n - at : block;

        out[n++] = (uint8_t)k;
        memcpy(out + n, p->bytes + at, k);
        n += k;
    }
    out[n++] = 0;
    return n;
}

struct frame {
    int screen[2], x, y, w, h;
    bool interlaced, local;
    int transparent;                    /* -1: none */
};

/* Everything up to the codes; four colours: black, red, green, blue. */
static size_t head(uint8_t *b, const struct frame *f, int code_bits)
{
    static const uint8_t colours[] = { 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255 };
    const int place[] = { f->x, f->y, f->w, f->h };
    size_t n = 0;

    memcpy(b, "GIF89a", 6);
    for (int i = 0; i < 2; i++) {
        b[6 + 2 * i] = (uint8_t)f->screen[i];
        b[7 + 2 * i] = (uint8_t)(f->screen[i] >> 8);
    }
    b[10] = f->local ? 0 : 0x81;
    b[11] = b[12] = 0;
    n = 13;
    if (!f->local) {
        memcpy(b + n, colours, 12);
        n += 12;
    }
    if (f->transparent >= 0) {
        memcpy(b + n, "\x21\xf9\4\1\0\0\0\0", 8);
        b[n + 6] = (uint8_t)f->transparent;
        n += 8;
    }
    memcpy(b + n, "\x21\xfe\3abc\0", 7);                        /* a comment */
    n += 7;
    b[n++] = 0x2c;
    for (int i = 0; i < 4; i++) {
        b[n++] = (uint8_t)place[i];
        b[n++] = (uint8_t)(place[i] >> 8);
    }
    b[n++] = (uint8_t)((f->interlaced ? 0x40 : 0) | (f->local ? 0x81 : 0));
    if (f->local) {
        memcpy(b + n, colours, 12);
        n += 12;
    }
    b[n++] = (uint8_t)code_bits;
    return n;
}

/* Pixels as letters: k r g b, and w for white. */
static void is(const struct data_image *m, int w, int h, const char *letters)
{
    assert_int_equal(m->width, w);
    assert_int_equal(m->height, h);
    for (int i = 0; i < w * h; i++) {
        const uint8_t *p = m->pixel + 3 * i;
        char c = p[0] && p[1] ? 'w' : p[0] ? 'r' : p[1] ? 'g' : p[2] ? 'b' : 'k';

        if (c != letters[i])
            fail_msg("pixel %d is %c, not %c", i, c, letters[i]);
    }
}

static size_t codes(uint8_t *b, size_t n, const int *code, int count, size_t block)
{
    static struct packer p;

    memset(&p, 0, sizeof p);
    for (int i = 0; i < count; i++)
        pack(&p, code[i], 3);
    n += blocks(&p, b + n, block);
    b[n++] = 0x3b;
    return n;
}

static void frames_lie_anywhere(void **state)
{
    static const int code[] = { 4, 1, 2, 4, 3, 0, 5 };  /* 4: clear, 5: end */
    static const struct { struct frame f; const char *want; int w, h; } c[] = {
        { { { 2, 2 }, 0, 0, 2, 2, false, false, -1 }, "rgbk", 2, 2 },
        { { { 2, 2 }, 0, 0, 2, 2, false, true, 2 }, "rwbk", 2, 2 },
        { { { 4, 3 }, 1, 1, 2, 2, false, false, -1 }, "wwwwwrgwwbkw", 4, 3 },
        { { { 2, 2 }, 1, 0, 2, 2, false, false, -1 }, "wrgwbk", 3, 2 },
        { { { 0, 0 }, 0, 0, 2, 2, false, false, 0 }, "rgbw", 2, 2 },
    };
    uint8_t b[200];

    (void)state;
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        for (size_t block = 1; block <= 3; block++) {
            size_t n = codes(b, head(b, &c[i].f, 2), code, 7, block);
            struct data_image m = made_decoded(b, n);

            is(&m, c[i].w, c[i].h, c[i].want);
            data_image_release(&m);
        }
    }
}

static void interlaced_rows_go_to_their_places(void **state)
{
    static const struct frame f = { { 1, 9 }, 0, 0, 1, 9, true, false, -1 };
    static const int code[] = { 4, 1, 2, 4, 3, 1, 4, 2, 3, 4, 1, 2, 4, 3, 5 };
    uint8_t b[200];
    struct data_image m = made_decoded(b, codes(b, head(b, &f, 2), code, 15, 255));

    (void)state;
    is(&m, 1, 9, "rbrrbggbg");          /* rows 0 8, 4, 2 6, 1 3 5 7 came as r g b r g b r g b */
    data_image_release(&m);
}

static void odd_codes(void **state)
{
    static const struct frame f = { { 3, 1 }, 0, 0, 3, 1, false, false, -1 };
    static const int no_clear[] = { 1, 2, 3, 5 }, own[] = { 4, 1, 6, 5 }, early[] = { 4, 1, 5 };
    static const int beyond[] = { 4, 1, 7, 5 }, first[] = { 6, 1, 5 }, none[] = { 4, 5 };
    static const int more[] = { 4, 1, 2, 4, 3, 4, 1, 7, 5 };
    uint8_t b[200];
    size_t n = head(b, &f, 2);
    struct data_image m = made_decoded(b, codes(b, n, no_clear, 4, 255));

    (void)state;
    is(&m, 3, 1, "rgb");
    data_image_release(&m);
    m = made_decoded(b, codes(b, n, own, 4, 255)); /* a code that is made by its own use */
    is(&m, 3, 1, "rrr");
    data_image_release(&m);
    m = made_decoded(b, codes(b, n, early, 3, 255));
    is(&m, 3, 1, "rww");
    data_image_release(&m);
    m = made_decoded(b, codes(b, n, more, 9, 255)); /* beyond the last pixel is not read */
    is(&m, 3, 1, "rgb");
    data_image_release(&m);
    made_refused(b, codes(b, n, beyond, 4, 255), ERR_INPUT, "not in its table");
    made_refused(b, codes(b, n, first, 3, 255), ERR_INPUT, "not in its table");
    made_refused(b, codes(b, n, none, 2, 255), ERR_INPUT, "no data");
    b[n - 1] = 0;
    made_refused(b, codes(b, n, own, 4, 255), ERR_INPUT, "code length");
    b[n - 1] = 12;
    made_refused(b, codes(b, n, own, 4, 255), ERR_INPUT, "code length");
}

/* The greediest encoder: a code for every string that the table has, until it is full. */
static void a_full_table_stays_as_it_is(void **state)
{
    enum { SIDE = 200 };
    static const struct frame f = { { SIDE, SIDE }, 0, 0, SIDE, SIDE, false, false, -1 };
    static struct packer p;
    static int child[4096][4];
    static uint8_t b[90000];
    struct data_image m;
    int next = 6, bits = 3, now = -1;
    size_t n;

    (void)state;
    pack(&p, 4, 3);
    for (uint64_t i = 0; i < SIDE * SIDE; i++) {
        int c = (int)rng_below(5, rng_stream(RNG_TEST, 7), i, 4);

        if (now >= 0 && child[now][c]) {
            now = child[now][c];
            continue;
        }
        if (now >= 0) {
            pack(&p, now, bits);
            if (next < 4096) {
                if (next == 1 << bits && bits < 12)
                    bits++;
                child[now][c] = next++;
            }
        }
        now = c;
    }
    pack(&p, now, bits);
    if (next < 4096 && next == 1 << bits)
        bits++;
    pack(&p, 5, bits);
    n = head(b, &f, 2);
    n += blocks(&p, b + n, 255);
    m = made_decoded(b, n);
    assert_true(next == 4096);
    for (uint64_t i = 0; i < SIDE * SIDE; i++) {
        uint32_t c = rng_below(5, rng_stream(RNG_TEST, 7), i, 4);
        const uint8_t *q = m.pixel + 3 * i;

        assert_int_equal(c, q[0] ? 1 : q[1] ? 2 : q[2] ? 3 : 0);
    }
    data_image_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_lie_anywhere),
        cmocka_unit_test(interlaced_rows_go_to_their_places),
        cmocka_unit_test(odd_codes),
        cmocka_unit_test(a_full_table_stays_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
