/*
 * jpeg -- JPEG's structure, checked before stb_image may see it
 *
 * ITU-T T.81, EXIF 2.3.  The walk follows the same segments as stb_image 2.27 does, so that what
 * was checked is what it will read: it trusts Huffman tables, scans and samplings too much.
 */
#include "data/exif.h"
#include "data/format.h"

#include <stdlib.h>
#include <string.h>

static bool broken(const char *what, struct err *err)
{
    return data_format_broken("JPEG", what, err);
}

/* What the walk has seen so far. */
struct jpeg {
    struct data_header *h;
    int components, scans;
    bool progressive, exif, adobe;
    uint8_t id[4], quant[4];                    /* of each component */
    uint8_t quants, dc, ac;                     /* tables seen, a bit each */
};

static bool jpeg_quants(struct jpeg *j, const uint8_t *p, size_t n, struct err *err)
{
    while (n) {
        size_t need = p[0] >> 4 ? 129 : 65;

        if (p[0] >> 4 > 1 || (p[0] & 15) > 3 || n < need)
            return broken("a quantisation table makes no sense", err);
        j->quants |= (uint8_t)(1 << (p[0] & 15));
        p += need;
        n -= need;
    }
    return true;
}

/* Codes must fit their lengths, or stb_image 2.27 writes outside its tables (CVE-2022-28042). */
static bool jpeg_huffman(struct jpeg *j, const uint8_t *p, size_t n, struct err *err)
{
    while (n) {
        int total = 0, code = 0, class = p[0] >> 4, id = p[0] & 15;

        if (n < 17 || class > 1 || id > 3)
            return broken("a Huffman table makes no sense", err);
        for (int len = 1; len <= 16; len++) {
            code = 2 * code + p[len];
            total += p[len];
            if (code > 1 << len)
                return broken("a Huffman table has more codes than fit", err);
        }
        if (total < 1 || total > 256 || n < 17 + (size_t)total)
            return broken("a Huffman table makes no sense", err);
        for (int i = 0; !class && i < total; i++) {
            if (p[17 + i] > 15)
                return broken("a Huffman table names impossible lengths", err);
        }
        if (class)
            j->ac |= (uint8_t)(1 << id);
        else
            j->dc |= (uint8_t)(1 << id);
        p += 17 + total;
        n -= 17 + (size_t)total;
    }
    return true;
}

static bool jpeg_frame(struct jpeg *j, int marker, const uint8_t *p, size_t n, struct err *err)
{
    if (j->components)
        return broken("it has two frames", err);
    if (marker == 0xc3 || marker == 0xf7)
        return err_set(err, ERR_UNSUPPORTED, "lossless JPEG is not read: %s",
                       data_format_convert);
    if (marker >= 0xc9)
        return err_set(err, ERR_UNSUPPORTED, "JPEG with arithmetic coding is not read: %s",
                       data_format_convert);
    if (marker > 0xc2)
        return err_set(err, ERR_UNSUPPORTED, "hierarchical JPEG is not read: %s",
                       data_format_convert);
    if (n < 6)
        return broken("its frame header is too short", err);
    if (p[0] != 8)
        return err_set(err, ERR_UNSUPPORTED, "JPEG with %d bits a sample is not read, only 8: %s",
                       p[0], data_format_convert);
    j->h->height = (int)data_be16(p + 1);
    j->h->width = (int)data_be16(p + 3);
    if (!j->h->width || !j->h->height)
        return broken("its width or height is 0", err);
    if ((p[5] != 1 && p[5] != 3 && p[5] != 4) || n != 6 + 3 * (size_t)p[5])
        return broken("it must have 1, 3 or 4 colour components", err);
    for (int i = 0; i < p[5]; i++) {
        const uint8_t *c = p + 6 + 3 * i;

        if (c[1] >> 4 < 1 || c[1] >> 4 > 4 || (c[1] & 15) < 1 || (c[1] & 15) > 4 || c[2] > 3)
            return broken("a colour component makes no sense", err);
        j->id[i] = c[0];
        j->quant[i] = c[2];
    }
    j->components = p[5];
    j->progressive = marker == 0xc2;
    return true;
}

static bool jpeg_scan(struct jpeg *j, const uint8_t *p, size_t n, struct err *err)
{
    /* Each costs a pass over the picture; at 50 million pixels WORK_MAX allows 21. */
    enum { SCANS_USUAL = 10, SCANS_MAX = 100, WORK_MAX = 1 << 30 };
    int parts = n ? p[0] : 0, start, end, high, low;

    if (!j->components)
        return broken("a scan comes before the frame header", err);
    if (parts < 1 || parts > j->components || n != 4 + 2 * (size_t)parts)
        return broken("a scan header makes no sense", err);
    start = p[1 + 2 * parts];
    end = p[2 + 2 * parts];
    high = p[3 + 2 * parts] >> 4;
    low = p[3 + 2 * parts] & 15;
    if (j->progressive && (start > end || end > 63 || high > 13 || low > 13 ||
                           (start == 0 && end != 0) || (start > 0 && parts > 1)))
        return broken("a scan header makes no sense", err);
    j->scans++;
    if (j->scans > (j->progressive ? SCANS_MAX : j->components) ||
        (j->scans > SCANS_USUAL && (int64_t)j->h->width * j->h->height > WORK_MAX / j->scans))
        return broken("it has too many scans", err);
    for (int i = 0; i < parts; i++) {
        int c = 0, dc = p[2 + 2 * i] >> 4, ac = p[2 + 2 * i] & 15;
        bool need_dc = !j->progressive || (start == 0 && high == 0);
        bool need_ac = !j->progressive || start > 0;

        while (c < j->components && j->id[c] != p[1 + 2 * i])
            c++;
        if (c == j->components || dc > 3 || ac > 3)
            return broken("a scan header makes no sense", err);
        if (!(j->quants >> j->quant[c] & 1))
            return broken("a quantisation table is missing", err);
        if ((need_dc && !(j->dc >> dc & 1)) || (need_ac && !(j->ac >> ac & 1)))
            return broken("a Huffman table is missing", err);
    }
    return true;
}

/* The next byte after entropy-coded data: the FF of a marker that is no restart, or `end`. */
static const uint8_t *jpeg_skip_data(const uint8_t *p, const uint8_t *end)
{
    while (p < end) {
        const uint8_t *m = memchr(p, 0xff, (size_t)(end - p));

        if (!m)
            return end;
        p = m + 1;
        while (p < end && *p == 0xff)
            p++;
        if (p < end && *p && (*p < 0xd0 || *p > 0xd7))
            return p - 1;
    }
    return end;
}

/* One segment with a length. */
static bool jpeg_segment(struct jpeg *j, int marker, const uint8_t *p, size_t n, struct err *err)
{
    if (marker == 0xdb)
        return jpeg_quants(j, p, n, err);
    if (marker == 0xc4)
        return jpeg_huffman(j, p, n, err);
    if ((marker >= 0xc0 && marker <= 0xcf && marker != 0xc8 && marker != 0xcc) || marker == 0xf7)
        return jpeg_frame(j, marker, p, n, err);
    if (marker == 0xcc)
        return err_set(err, ERR_UNSUPPORTED, "JPEG with arithmetic coding is not read: %s",
                       data_format_convert);
    if (marker == 0xda)
        return jpeg_scan(j, p, n, err);
    if (marker == 0xdd || marker == 0xdc)
        return n == 2 || broken("a segment has the wrong length", err);
    if (marker == 0xe1 && !j->exif && n >= 6 && !memcmp(p, "Exif\0", 5)) {
        j->exif = true;
        j->h->orientation = data_exif_orientation(p + 6, n - 6);
        return true;
    }
    if (marker == 0xee && n >= 12 && !memcmp(p, "Adobe", 6))
        j->adobe = true;
    if ((marker >= 0xe0 && marker <= 0xef) || marker == 0xfe)
        return true;
    return broken("an unknown marker", err);
}

static bool check(const uint8_t *bytes, size_t size, struct data_header *h, struct err *err)
{
    const uint8_t *p = bytes + 2, *end = bytes + size;
    struct jpeg j = { .h = h };

    for (;;) {
        int marker;
        size_t n;

        /* Junk between segments is skipped before the frame header, an error after it: as stb. */
        while (!j.components && p < end && *p != 0xff)
            p++;
        if (p < end && *p != 0xff)
            return broken("junk between its segments", err);
        while (p < end && *p == 0xff)
            p++;
        if (p >= end) {
            if (!j.scans)
                return data_format_truncated("JPEG", err);
            h->unfinished = true;
            break;
        }
        marker = *p++;
        if (marker == 0xd9)
            break;
        if (end - p < 2)
            return data_format_truncated("JPEG", err);
        n = data_be16(p);
        if (n < 2)
            return broken("a segment has the wrong length", err);
        if (n > (size_t)(end - p))
            return data_format_truncated("JPEG", err);
        if (!jpeg_segment(&j, marker, p + 2, n - 2, err))
            return false;
        p += n;
        if (marker == 0xda)
            p = jpeg_skip_data(p, end);
    }
    if (!j.scans)
        return broken("no picture in it", err);
    if (j.components == 4 && !j.adobe)
        return err_set(err, ERR_UNSUPPORTED,
                       "JPEG of four colours without the Adobe marker that says which is not "
                       "read: %s", data_format_convert);
    /* A block of 8x8 takes a bit at the very least. */
    if ((uint64_t)h->width * (uint64_t)h->height > 512 * (uint64_t)size)
        return err_set(err, ERR_INPUT,
                       "truncated or broken JPEG: %zu bytes cannot hold %d x %d pixels", size,
                       h->width, h->height);
    for (h->used = size; h->unfinished && h->used && bytes[h->used - 1] == 0xff; h->used--)
        ;
    /* A download that was given its full length at the start; its zeros would decode as grey. */
    if (h->unfinished && size >= 16 && !memcmp(bytes + size - 16, (const uint8_t[16]){ 0 }, 16))
        return data_format_truncated("JPEG", err);
    return true;
}

/* ---- pixels ---------------------------------------------------------------------------------- */

#ifdef WITH_TURBOJPEG
#define decode_bytes data_format_turbojpeg
#else
#define decode_bytes data_format_stb
#endif

/* The same on the bytes up to the missing end marker, and a tail. */
static uint8_t *decode_mended(const uint8_t *bytes, const struct data_header *header,
                              const char *tail, size_t tail_size, size_t budget, int *channels,
                              struct err *err)
{
    uint8_t *copy = malloc(header->used + tail_size), *pixel;

    if (!copy) {
        err_set(err, ERR_MEMORY, "cannot hold %zu bytes of JPEG", header->used + tail_size);
        return NULL;
    }
    memcpy(copy, bytes, header->used);
    memcpy(copy + header->used, tail, tail_size);
    pixel = decode_bytes(copy, header->used + tail_size, header, budget, channels, err);
    free(copy);
    return pixel;
}

/*
 * Both decoders want the end marker.  Given it, libjpeg-turbo warns of data that it misses, but stb
 * would take a file that was cut anywhere, and fill the rest with grey.  So stb first gets bits
 * that no Huffman code begins with (all ones), then the marker: where it fails on the bits it still
 * wanted data, and where it fails on the stuffing behind them (FF 00 read as a marker) it did not.
 */
static uint8_t *decode(const uint8_t *bytes, size_t size, const struct data_header *header,
                       size_t budget, int *channels, struct err *err)
{
    struct err why = { 0 };
    uint8_t *pixel = NULL;
    bool whole = true;

    if (!header->unfinished)
        return decode_bytes(bytes, size, header, budget, channels, err);
#ifndef WITH_TURBOJPEG
    static const char ones[] = "\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\0\xff\xd9";

    pixel = decode_mended(bytes, header, ones, sizeof ones - 1, budget, channels, &why);
    whole = !pixel && strstr(why.msg, "unknown marker");
#endif
    if (!pixel && whole)
        pixel = decode_mended(bytes, header, "\xff\xd9", 2, budget, channels, &why);
    if (!pixel && why.kind == ERR_MEMORY)
        *err = why;
    else if (!pixel)
        data_format_truncated("JPEG", err);
    return pixel;
}

const struct data_reader data_reader_jpeg = {
    .magic = { "\xff\xd8\xff" }, .magic_size = 3,
    .check = check, .decode = decode,
};
