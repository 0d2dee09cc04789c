/*
 * gif -- the first frame of a GIF
 *
 * GIF87a and 89a: screen, table of colours, extensions, and a frame whose colour numbers are LZW
 * codes of growing length.  The picture is the screen, grown to hold the frame where that reaches
 * past it; what the frame does not cover, or calls transparent, is.  Later frames are not looked
 * at.
 */
#include "data/format.h"

#include <stdlib.h>
#include <string.h>

struct gif {
    const uint8_t *palette;             /* colours * 3 bytes */
    int colours, transparent;           /* transparent: a colour's number, or -1 */
    int x, y, w, h;                     /* the frame on the canvas */
    bool interlaced;
    int code_bits;                      /* of a colour's number */
    const uint8_t *data, *end;          /* sub-blocks; behind the last byte of the file */
};

static bool broken(const char *what, struct err *err)
{
    return data_format_broken("GIF", what, err);
}

/* Past a chain of sub-blocks; NULL when the file ends before it does. */
static const uint8_t *skip_blocks(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p) {
        if (end - p <= *p)
            return NULL;
        p += *p + 1;
    }
    return p < end ? p + 1 : NULL;
}

/* The extensions before the first frame; one of them names the transparent colour. */
static const uint8_t *skip_extensions(const uint8_t *p, const uint8_t *end, struct gif *g)
{
    while (p && p < end && *p == 0x21) {
        if (end - p < 3)
            return NULL;
        if (p[1] == 0xf9 && p[2] >= 4 && end - p >= 7)
            g->transparent = p[3] & 1 ? p[6] : -1;
        p = skip_blocks(p + 2, end);
    }
    return p;
}

static bool open_gif(const uint8_t *b, size_t size, struct gif *g, struct data_header *h,
                     struct err *err)
{
    const uint8_t *p = b + 13, *end = b + size;

    memset(g, 0, sizeof *g);
    g->transparent = -1;
    if (size < 13)
        return data_format_truncated("GIF", err);
    if (b[10] & 0x80) {
        g->palette = p;
        g->colours = 2 << (b[10] & 7);
        if (end - p < 3 * g->colours)
            return data_format_truncated("GIF", err);
        p += 3 * g->colours;
    }
    p = skip_extensions(p, end, g);
    if (!p || p >= end)
        return data_format_truncated("GIF", err);
    if (*p == 0x3b)
        return broken("no picture in it", err);
    if (*p != 0x2c)
        return broken("an unknown block", err);
    if (end - p < 11)
        return data_format_truncated("GIF", err);
    g->x = (int)data_le16(p + 1);
    g->y = (int)data_le16(p + 3);
    g->w = (int)data_le16(p + 5);
    g->h = (int)data_le16(p + 7);
    if (!g->w || !g->h)
        return broken("its first frame has no pixels", err);
    h->width = (int)data_le16(b + 6) > g->x + g->w ? (int)data_le16(b + 6) : g->x + g->w;
    h->height = (int)data_le16(b + 8) > g->y + g->h ? (int)data_le16(b + 8) : g->y + g->h;
    g->interlaced = p[9] & 0x40;
    if (p[9] & 0x80) {
        g->palette = p + 10;
        g->colours = 2 << (p[9] & 7);
        if (end - p - 10 <= 3 * g->colours)
            return data_format_truncated("GIF", err);
        p += 3 * g->colours;
    }
    p += 10;
    if (!g->palette)
        return broken("no table of colours", err);
    g->code_bits = *p++;
    if (g->code_bits < 1 || g->code_bits > 11)
        return broken("an impossible code length", err);
    g->data = p;
    g->end = end;
    return p < end || data_format_truncated("GIF", err);
}

static bool check(const uint8_t *bytes, size_t size, struct data_header *header, struct err *err)
{
    struct gif g;

    return open_gif(bytes, size, &g, header, err);
}

/* ---- LZW ------------------------------------------------------------------------------------- */

enum { CODES = 4096 };

/* Bits of a chain of sub-blocks, lowest first. */
struct bits {
    const uint8_t *p, *end;
    int block;                          /* bytes left in this one */
    uint32_t hold;
    int held;
};

enum { ENDED = -1, CUT = -2 };          /* the chain did; the file did */

static int next_code(struct bits *b, int bits)
{
    int code;

    while (b->held < bits) {
        if (b->p == b->end)
            return CUT;
        if (!b->block) {
            b->block = *b->p;
            if (!b->block)
                return ENDED;
            b->p++;
            continue;
        }
        b->hold |= (uint32_t)*b->p++ << b->held;
        b->held += 8;
        b->block--;
    }
    code = (int)(b->hold & ((1u << bits) - 1));
    b->hold >>= bits;
    b->held -= bits;
    return code;
}

/*
 * Colour numbers to out[0..n), *got of them; false for codes that make no sense, or are cut.  A
 * code's string was written when the code was made, so the table keeps where and how long: the
 * string of the code before, and the byte that follows it in out.
 */
static bool unpack(const struct gif *g, uint8_t *out, int64_t n, int64_t *got, struct err *err)
{
    struct { int64_t start; int len; } table[CODES];
    struct bits b = { .p = g->data, .end = g->end };
    const int clear = 1 << g->code_bits, stop = clear + 1;
    int bits = g->code_bits + 1, next = clear + 2, last_len = 0;
    int64_t at = 0, last = 0;

    while (at < n) {
        int code = next_code(&b, bits), len = 1;

        if (code == CUT)
            return data_format_truncated("GIF", err);
        if (code == ENDED || code == stop)
            break;
        if (code == clear) {
            bits = g->code_bits + 1;
            next = clear + 2;
            last_len = 0;
            continue;
        }
        if (last_len && next < CODES) {
            table[next].start = last;
            table[next].len = last_len + 1;
            next++;
            if (next == 1 << bits && bits < 12)
                bits++;
        }
        if (code >= next || (code < clear && code > 255))
            return broken("a code that is not in its table", err);
        if (code < clear) {
            out[at] = (uint8_t)code;
        } else {
            int64_t from = table[code].start;

            len = table[code].len < n - at ? table[code].len : (int)(n - at);
            for (int i = 0; i < len; i++)       /* the last byte may be the first that is copied */
                out[at + i] = out[from + i];
        }
        last = at;
        last_len = len;
        at += len;
    }
    *got = at;
    return at > 0 || broken("its first frame has no data", err);
}

/* ---- pixels ---------------------------------------------------------------------------------- */

/* The row of the frame that comes as number i. */
static int row_of(const struct gif *g, int i)
{
    static const int start[] = { 0, 4, 2, 1 }, step[] = { 8, 8, 4, 2 };

    for (int pass = 0; g->interlaced && pass < 4; pass++) {
        int rows = (g->h - start[pass] + step[pass] - 1) / step[pass];

        if (i < rows)
            return start[pass] + i * step[pass];
        i -= rows > 0 ? rows : 0;
    }
    return i;
}

static void paint(const struct gif *g, const uint8_t *index, int64_t n, uint8_t *rgba, int width)
{
    for (int i = 0; i < g->h; i++) {
        const uint8_t *p = index + (int64_t)i * g->w;
        uint8_t *out = rgba + 4 * ((int64_t)(g->y + row_of(g, i)) * width + g->x);
        int64_t left = n - (int64_t)i * g->w;

        for (int x = 0; x < g->w && x < left; x++, out += 4) {
            if (p[x] == g->transparent)
                continue;
            if (p[x] < g->colours)
                memcpy(out, g->palette + 3 * p[x], 3);
            out[3] = 255;
        }
    }
}

static uint8_t *decode(const uint8_t *bytes, size_t size, const struct data_header *header,
                       size_t budget, int *channels, struct err *err)
{
    struct data_header same;
    struct gif g;
    uint8_t *pixel = NULL, *index = NULL;
    int64_t n, got = 0;

    if (!open_gif(bytes, size, &g, &same, err))
        return NULL;
    n = (int64_t)g.w * g.h;
    *channels = 4;
    pixel = data_format_pixels(header, 4, (size_t)n, budget, err);
    if (!pixel)
        return NULL;
    index = malloc((size_t)n);
    if (!index) {
        err_set(err, ERR_MEMORY, "cannot hold GIF of %d x %d pixels", g.w, g.h);
        goto fail;
    }
    if (!unpack(&g, index, n, &got, err))
        goto fail;
    paint(&g, index, got, pixel, header->width);
    free(index);
    return pixel;
fail:
    free(index);
    free(pixel);
    return NULL;
}

const struct data_reader data_reader_gif = {
    .magic = { "GIF87a", "GIF89a" }, .magic_size = 6,
    .check = check, .decode = decode,
};
