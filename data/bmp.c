/*
 * bmp -- Windows and OS/2 bitmaps
 *
 * A file header of 14 bytes, an information header of 12 to 124, masks or a palette, pixels.  1, 4
 * and 8 bits of palette, also run-length coded; 16, 24 and 32 bits, also with masks; rows from the
 * bottom unless the height is negative.  What run lengths leave out is transparent.  Source: the
 * BITMAPINFOHEADER ... BITMAPV5HEADER pages, and Jason Summers' BMP Suite for what occurs.
 */
#include "data/format.h"
#include "nn/base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { PLAIN, RLE8, RLE4, MASKS };

struct bmp {
    const uint8_t *pixel;       /* [rows of stride] or codes, `left` bytes */
    size_t left, stride;
    const uint8_t *palette;     /* entries of entry_size bytes: blue, green, red */
    uint32_t colours, entry_size;
    uint32_t bits, packing, mask[4];    /* red, green, blue, alpha */
    bool top_down;
};

static bool broken(const char *what, struct err *err)
{
    return data_format_broken("BMP", what, err);
}

/* Width, height, bits and packing. */
static bool read_sizes(const uint8_t *b, uint32_t head, struct bmp *m, struct data_header *h,
                       struct err *err)
{
    if (head == 12) {
        h->width = (int)data_le16(b + 18);
        h->height = (int)data_le16(b + 20);
        m->bits = data_le16(b + 24);
    } else {
        int64_t w = (int32_t)data_le32(b + 18), tall = (int32_t)data_le32(b + 22);

        if (w < 0 || tall == INT32_MIN)
            return broken("its width or height makes no sense", err);
        h->width = (int)w;
        h->height = (int)(tall < 0 ? -tall : tall);
        m->top_down = tall < 0;
        m->bits = data_le16(b + 28);
        m->packing = head >= 40 ? data_le32(b + 30) : PLAIN;
    }
    if (!h->width || !h->height)
        return broken("its width or height is 0", err);
    if (m->packing > MASKS || (head == 64 && m->packing == MASKS))
        return err_set(err, ERR_UNSUPPORTED, "BMP with compression %u is not read: %s",
                       (unsigned)m->packing, data_format_convert);
    if (m->bits != 1 && m->bits != 4 && m->bits != 8 && m->bits != 16 && m->bits != 24 &&
        m->bits != 32)
        return err_set(err, ERR_UNSUPPORTED, "BMP with %u bits a pixel is not read: %s",
                       (unsigned)m->bits, data_format_convert);
    if ((m->packing == RLE8 && m->bits != 8) || (m->packing == RLE4 && m->bits != 4) ||
        (m->packing == MASKS && m->bits != 16 && m->bits != 32))
        return broken("its compression does not go with its bits a pixel", err);
    return true;
}

/* Palette or masks, which lie behind the header and before the pixels. */
static bool read_colours(const uint8_t *b, uint32_t head, uint32_t offset, struct bmp *m,
                         struct err *err)
{
    uint32_t used = head >= 40 ? data_le32(b + 46) : 0;

    if (m->bits <= 8) {
        if (used > 1u << m->bits)
            return broken("it has more colours than its pixels can name", err);
        m->palette = b + 14 + head;
        m->entry_size = head == 12 ? 3 : 4;
        m->colours = (offset - 14 - head) / m->entry_size;
        if (m->colours > (used ? used : 1u << m->bits))
            m->colours = used ? used : 1u << m->bits;
    } else if (m->packing == MASKS) {
        if (head < 52 && offset < 14 + head + 12)
            return broken("its masks lie outside the header", err);
        for (int c = 0; c < (head >= 56 ? 4 : 3); c++)
            m->mask[c] = data_le32(b + 54 + 4 * c);
    } else if (m->bits == 16) {
        m->mask[0] = 0x7c00;
        m->mask[1] = 0x03e0;
        m->mask[2] = 0x001f;
    } else {
        m->mask[0] = 0xff0000;
        m->mask[1] = 0x00ff00;
        m->mask[2] = 0x0000ff;
    }
    return true;
}

static bool open_bmp(const uint8_t *b, size_t size, struct bmp *m, struct data_header *h,
                     struct err *err)
{
    uint32_t offset, head;
    size_t need;

    memset(m, 0, sizeof *m);
    if (size < 26)
        return data_format_truncated("BMP", err);
    offset = data_le32(b + 10);
    head = data_le32(b + 14);
    if (head > 1024)
        return broken("its header makes no sense", err);
    if (head != 12 && head != 16 && head != 40 && head != 52 && head != 56 && head != 64 &&
        head != 108 && head != 124)
        return err_set(err, ERR_UNSUPPORTED, "BMP with a header of %u bytes is not read: %s",
                       (unsigned)head, data_format_convert);
    if (size < 14 + (size_t)head)
        return data_format_truncated("BMP", err);
    if (!read_sizes(b, head, m, h, err))
        return false;
    if (offset < 14 + head)
        return broken("its pixels lie inside the header", err);
    if (offset >= size)
        return data_format_truncated("BMP", err);
    if (!read_colours(b, head, offset, m, err))
        return false;
    m->pixel = b + offset;
    m->left = size - offset;
    m->stride = ((size_t)h->width * m->bits + 31) / 32 * 4;
    /* The padding of the last row may be missing. */
    if ((m->packing == PLAIN || m->packing == MASKS) &&
        (!size_mul(m->stride, (size_t)h->height - 1, &need) ||
         !size_add(need, ((size_t)h->width * m->bits + 7) / 8, &need) || need > m->left))
        return data_format_truncated("BMP", err);
    return true;
}

static bool check(const uint8_t *bytes, size_t size, struct data_header *header, struct err *err)
{
    struct bmp m;

    return open_bmp(bytes, size, &m, header, err);
}

/* The palette as RGBA; what it does not have is black. */
static void fill_palette(const struct bmp *m, uint8_t (*rgba)[4])
{
    memset(rgba, 0, 256 * sizeof *rgba);
    for (uint32_t i = 0; i < 256; i++) {
        const uint8_t *p = m->palette + (size_t)i * m->entry_size;

        if (i < m->colours) {
            rgba[i][0] = p[2];
            rgba[i][1] = p[1];
            rgba[i][2] = p[0];
        }
        rgba[i][3] = 255;
    }
}

/* One row of 1, 4 or 8 bits a pixel. */
static void index_row(const struct bmp *m, const uint8_t (*rgba)[4], const uint8_t *p, int width,
                      uint8_t *out)
{
    unsigned bits = m->bits, mask = (1u << bits) - 1;

    for (int x = 0; x < width; x++, out += 3) {
        size_t bit = (size_t)x * bits;

        memcpy(out, rgba[p[bit / 8] >> (8 - bits - bit % 8) & mask], 3);
    }
}

/* A channel's eight upper bits: shift first, then look up their share of 255. */
struct channel {
    uint32_t mask;
    int shift;
    uint8_t share[256];
};

static void fill_channel(struct channel *c, uint32_t mask, uint8_t without)
{
    uint32_t most;

    c->mask = mask;
    c->shift = 0;
    while (mask && !(mask >> c->shift & 1))
        c->shift++;
    while (mask >> c->shift > 255)
        c->shift++;
    most = mask >> c->shift;
    for (uint32_t v = 0; v < 256; v++)
        c->share[v] = !most ? without : v >= most ? 255 : (uint8_t)((v * 255 + most / 2) / most);
}

static void mask_row(const struct channel *c, int channels, unsigned bits, const uint8_t *p,
                     int width, uint8_t *out)
{
    for (int x = 0; x < width; x++, out += channels, p += bits / 8) {
        uint32_t v = bits == 16 ? data_le16(p) : data_le32(p);

        for (int k = 0; k < channels; k++)
            out[k] = c[k].share[(v & c[k].mask) >> c[k].shift];
    }
}

static void plain_rows(const struct bmp *m, const struct data_header *h, int channels,
                       uint8_t *pixel)
{
    uint8_t palette[256][4];
    struct channel c[4];

    if (m->bits <= 8)
        fill_palette(m, palette);
    for (int k = 0; k < 4; k++)
        fill_channel(&c[k], m->mask[k], k == 3 ? 255 : 0);
    for (int y = 0; y < h->height; y++) {
        const uint8_t *p = m->pixel + (size_t)(m->top_down ? y : h->height - 1 - y) * m->stride;
        uint8_t *out = pixel + (size_t)y * (size_t)h->width * (size_t)channels;

        if (m->bits <= 8) {
            index_row(m, palette, p, h->width, out);
        } else if (m->bits == 24) {
            for (int x = 0; x < h->width; x++, out += 3, p += 3) {
                out[0] = p[2];
                out[1] = p[1];
                out[2] = p[0];
            }
        } else {
            mask_row(c, channels, m->bits, p, h->width, out);
        }
    }
}

/*
 * Pairs of bytes: n > 0 and a colour (two colours in turn for RLE4) n times; 0 and 0 end the row,
 * 1 the picture, 2 moves by the next two bytes, n >= 3 is n colours as they are, padded to 16 bits.
 */
static bool run_rows(const struct bmp *m, const struct data_header *h, uint8_t *rgba,
                     struct err *err)
{
    const uint8_t *p = m->pixel, *end = p + m->left;
    uint8_t palette[256][4];
    int x = 0, y = 0;
    bool four = m->packing == RLE4;

    fill_palette(m, palette);
    while (end - p >= 2) {
        int n = p[0], code = p[1];
        const uint8_t *from = p + 1;
        size_t listed = 0;                              /* bytes of colours as they are */
        uint8_t *out;

        p += 2;
        if (!n && code == 0) {
            x = 0;
            y++;
            continue;
        }
        if (!n && code == 1)
            return true;
        if (!n && code == 2) {
            if (end - p < 2)
                break;
            x += p[0];
            y += p[1];
            p += 2;
            if (x > h->width || y >= h->height)
                return broken("a move goes outside the picture", err);
            continue;
        }
        if (!n) {
            n = code;
            from = p;
            listed = four ? ((size_t)n + 1) / 2 : (size_t)n;
            if ((size_t)(end - p) < listed)
                break;
            p += listed;
            p += p < end && listed & 1;
        }
        if (y >= h->height || n > h->width - x)
            return broken("a run of pixels is longer than its row", err);
        out = rgba + 4 * ((size_t)(m->top_down ? y : h->height - 1 - y) * (size_t)h->width +
                          (size_t)x);
        for (int i = 0; i < n; i++, out += 4) {
            uint8_t v = from[!listed ? 0 : four ? i / 2 : i];

            memcpy(out, palette[!four ? v : i & 1 ? v & 15 : v >> 4], 4);
        }
        x += n;
    }
    return y >= h->height || (y == h->height - 1 && x == h->width) ||
           data_format_truncated("BMP", err);
}

static uint8_t *decode(const uint8_t *bytes, size_t size, const struct data_header *header,
                       size_t budget, int *channels, struct err *err)
{
    struct data_header same;
    struct bmp m;
    uint8_t *pixel;

    if (!open_bmp(bytes, size, &m, &same, err))
        return NULL;
    *channels = m.mask[3] || m.packing == RLE8 || m.packing == RLE4 ? 4 : 3;
    pixel = data_format_pixels(header, *channels, 0, budget, err);
    if (!pixel)
        return NULL;
    if (m.packing == PLAIN || m.packing == MASKS) {
        plain_rows(&m, header, *channels, pixel);
    } else if (!run_rows(&m, header, pixel, err)) {
        free(pixel);
        return NULL;
    }
    return pixel;
}

const struct data_reader data_reader_bmp = {
    .magic = { "BM" }, .magic_size = 2, .check = check, .decode = decode,
};
