/*
 * header -- what the first bytes of a picture say, and whether a decoder may see the rest
 *
 * JPEG: ITU-T T.81, EXIF 2.3.  PNG: W3C PNG, third edition.  GIF89a.  BMP: BITMAPINFOHEADER and
 * its elders.  The walks follow the same segments as stb_image 2.27 does, so that what was
 * checked is what it will read.
 */
#include "data/header.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

const char *const data_format_names[] = { "JPEG", "PNG", "BMP", "GIF", NULL };

static uint32_t be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t be32(const uint8_t *p) { return be16(p) << 16 | be16(p + 2); }
static uint32_t le16(const uint8_t *p) { return (uint32_t)p[1] << 8 | p[0]; }
static uint32_t le32(const uint8_t *p) { return le16(p + 2) << 16 | le16(p); }

/* ---- what we do not read --------------------------------------------------------------------- */

static const char convert[] =
    "convert it to JPEG or PNG first, e.g. with ImageMagick: convert IN OUT.png";
static const char raw[] = "export it as JPEG from a raw converter, e.g. darktable-cli IN OUT.jpg";
static const char frames[] =
    "that is a video; take pictures out of it, e.g. ffmpeg -i IN -r 1 %05d.jpg";

static const struct foreign {
    int offset;
    const char *magic;
    int len;
    const char *name, *how;
} foreign[] = {
    { 8, "WEBP", 4, "WebP", convert },
    { 0, "RIFF", 4, "RIFF (sound or video)", "not a picture" },
    { 4, "ftypavi", 7, "AVIF", convert },
    { 4, "ftyphei", 7, "HEIC", "convert it first: heif-convert IN OUT.jpg" },
    { 4, "ftyphev", 7, "HEIC", "convert it first: heif-convert IN OUT.jpg" },
    { 4, "ftypmif1", 8, "HEIF", "convert it first: heif-convert IN OUT.jpg" },
    { 4, "ftypmsf1", 8, "HEIF", "convert it first: heif-convert IN OUT.jpg" },
    { 4, "ftypcrx", 7, "camera raw (CR3)", raw },
    { 4, "ftyp", 4, "MP4 or QuickTime", frames },
    { 0, "\x1a\x45\xdf\xa3", 4, "Matroska or WebM", frames },
    { 0, "II*\0\x10\0\0\0CR", 10, "camera raw (CR2)", raw },
    { 0, "II*\0", 4, "TIFF or camera raw", convert },
    { 0, "MM\0*", 4, "TIFF or camera raw", convert },
    { 0, "II+\0", 4, "BigTIFF", convert },
    { 0, "MM\0+", 4, "BigTIFF", convert },
    { 0, "IIRO", 4, "camera raw (ORF)", raw },
    { 0, "IIU\0", 4, "camera raw (RW2)", raw },
    { 0, "FUJIFILMCCD-RAW", 15, "camera raw (RAF)", raw },
    { 0, "\0\0\0\x0cjP  ", 8, "JPEG 2000", convert },
    { 0, "\xff\x4f\xff\x51", 4, "JPEG 2000", convert },
    { 0, "\0\0\0\x0cJXL ", 8, "JPEG XL", convert },
    { 0, "\xff\x0a", 2, "JPEG XL", convert },
    { 0, "8BPS", 4, "Photoshop (PSD)", convert },
    { 0, "gimp xcf", 8, "GIMP (XCF)", convert },
    { 0, "%PDF", 4, "PDF", "take its pictures out first: pdfimages -all IN OUT" },
    { 0, "\0\0\1\0", 4, "icon (ICO)", convert },
    { 0, "\0\0\2\0", 4, "cursor (CUR)", convert },
    { 0, "\x1f\x8b", 2, "gzip", "unpack it first: gunzip IN" },
    { 0, "BZh", 3, "bzip2", "unpack it first: bunzip2 IN" },
    { 0, "\xfd" "7zXZ", 5, "xz", "unpack it first: unxz IN" },
    { 0, "\x28\xb5\x2f\xfd", 4, "zstd", "unpack it first: unzstd IN" },
    { 0, "PK\3\4", 4, "zip", "unpack it first: unzip IN" },
    { 0, "Rar!", 4, "RAR", "unpack it first" },
    { 0, "7z\xbc\xaf", 4, "7-Zip", "unpack it first" },
    { 0, "#?R", 3, "Radiance HDR", convert },
    { 0, "v/1\1", 4, "OpenEXR", convert },
    { 0, "qoif", 4, "QOI", convert },
    { 0, "DDS ", 4, "DDS", convert },
    { 0, "SIMPLE  =", 9, "FITS", convert },
    { 0, "\x89HDF", 4, "HDF5", "not a picture; export its pictures as PNG files" },
    { 0, "\x93NUMPY", 6, "NumPy array", "not a picture; export it as PNG files" },
    { 0, "P1\n", 3, "PBM", convert },
    { 0, "P2\n", 3, "PGM", convert },
    { 0, "P3\n", 3, "PPM", convert },
    { 0, "P4\n", 3, "PBM", convert },
    { 0, "P5\n", 3, "PGM", convert },
    { 0, "P6\n", 3, "PPM", convert },
};

static bool begins(const uint8_t *bytes, size_t size, const char *word)
{
    size_t n = strlen(word);

    if (size < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (tolower(bytes[i]) != word[i])
            return false;
    }
    return true;
}

/* Text that should have been a picture: a failed download, mostly. */
static bool text_says(const uint8_t *bytes, size_t size, struct err *err)
{
    const uint8_t *p = bytes, *end = bytes + size;
    char shown[41];
    int n = 0;

    if (size >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
        p += 3;
    while (p < end && isspace(*p))
        p++;
    if (begins(p, (size_t)(end - p), "version https://git-lfs"))
        return err_set(err, ERR_INPUT,
                       "a Git LFS pointer, not the picture: fetch it with git lfs pull");
    if (begins(p, (size_t)(end - p), "<svg"))
        return err_set(err, ERR_UNSUPPORTED,
                       "SVG is not read: convert it first: rsvg-convert -o OUT.png IN");
    if (begins(p, (size_t)(end - p), "<?xml")) {
        size_t look = (size_t)(end - p) < 1024 ? (size_t)(end - p) : 1024;

        if (memmem(p, look, "<svg", 4))
            return err_set(err, ERR_UNSUPPORTED,
                           "SVG is not read: convert it first: rsvg-convert -o OUT.png IN");
        return err_set(err, ERR_INPUT, "XML text, not a picture");
    }
    if (begins(p, (size_t)(end - p), "<!doctype html") || begins(p, (size_t)(end - p), "<html"))
        return err_set(err, ERR_INPUT,
                       "a web page (HTML), not a picture: the download may have failed");
    for (const uint8_t *q = p; q < end && q - p < 512; q++) {
        if (*q < 9 || (*q > 13 && *q < 32) || *q == 127)
            return err_set(err, ERR_INPUT,
                           "no picture: its first bytes %02x %02x %02x %02x are those of "
                           "no known format", bytes[0], size > 1 ? bytes[1] : 0,
                           size > 2 ? bytes[2] : 0, size > 3 ? bytes[3] : 0);
    }
    for (; p < end && n < 40 && *p >= 32 && *p < 127; p++)
        shown[n++] = (char)*p;
    shown[n] = 0;
    if (!n)
        return err_set(err, ERR_INPUT, "no picture: its %zu bytes are neither that nor text", size);
    return err_set(err, ERR_INPUT, "text, not a picture: it begins \"%s\"", shown);
}

static bool refuse(const uint8_t *bytes, size_t size, struct err *err)
{
    size_t zeros = 0;

    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        const struct foreign *f = &foreign[i];

        if (size >= (size_t)(f->offset + f->len) &&
            !memcmp(bytes + f->offset, f->magic, (size_t)f->len))
            return err_set(err, ERR_UNSUPPORTED, "%s is not read: %s", f->name, f->how);
    }
    while (zeros < size && !bytes[zeros])
        zeros++;
    if (zeros == size)
        return err_set(err, ERR_INPUT, "nothing but zero bytes: copy or download it again");
    return text_says(bytes, size, err);
}

static bool truncated(const char *format, struct err *err)
{
    return err_set(err, ERR_INPUT,
                   "truncated %s: the file ends in the middle; copy or download it again", format);
}

static bool broken(struct err *err, const char *format, const char *what)
{
    return err_set(err, ERR_INPUT, "broken %s: %s", format, what);
}

/* ---- EXIF ------------------------------------------------------------------------------------ */

/* Tag 0x0112 of the first folder of a TIFF structure; 1 when it is not there or makes no sense. */
static int exif_orientation(const uint8_t *t, size_t size)
{
    bool little = size >= 2 && t[0] == 'I';
    uint32_t (*u16)(const uint8_t *) = little ? le16 : be16;
    uint32_t (*u32)(const uint8_t *) = little ? le32 : be32;
    size_t at;
    uint32_t n;

    if (size < 14 || (memcmp(t, "II", 2) && memcmp(t, "MM", 2)) || u16(t + 2) != 42)
        return 1;
    at = u32(t + 4);
    if (at > size - 2)
        return 1;
    n = u16(t + at);
    for (at += 2; n && size - at >= 12; n--, at += 12) {
        if (u16(t + at) == 0x0112) {
            uint32_t v = u16(t + at + 8);

            return u16(t + at + 2) == 3 && u32(t + at + 4) == 1 && v >= 1 && v <= 8 ? (int)v : 1;
        }
    }
    return 1;
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

/* What the walk has seen so far. */
struct jpeg {
    struct data_header *h;
    int components, scans;
    bool progressive, exif;
    uint8_t id[4], quant[4];                    /* of each component */
    uint8_t quants, dc, ac;                     /* tables seen, a bit each */
};

static bool jpeg_quants(struct jpeg *j, const uint8_t *p, size_t n, struct err *err)
{
    while (n) {
        size_t need = p[0] >> 4 ? 129 : 65;

        if (p[0] >> 4 > 1 || (p[0] & 15) > 3 || n < need)
            return broken(err, "JPEG", "a quantisation table makes no sense");
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
            return broken(err, "JPEG", "a Huffman table makes no sense");
        for (int len = 1; len <= 16; len++) {
            code = 2 * code + p[len];
            total += p[len];
            if (code > 1 << len)
                return broken(err, "JPEG", "a Huffman table has more codes than fit");
        }
        if (total < 1 || total > 256 || n < 17 + (size_t)total)
            return broken(err, "JPEG", "a Huffman table makes no sense");
        for (int i = 0; !class && i < total; i++) {
            if (p[17 + i] > 15)
                return broken(err, "JPEG", "a Huffman table names impossible lengths");
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
        return broken(err, "JPEG", "it has two frames");
    if (marker == 0xc3 || marker == 0xf7)
        return err_set(err, ERR_UNSUPPORTED, "lossless JPEG is not read: %s", convert);
    if (marker >= 0xc9)
        return err_set(err, ERR_UNSUPPORTED, "JPEG with arithmetic coding is not read: %s",
                       convert);
    if (marker > 0xc2)
        return err_set(err, ERR_UNSUPPORTED, "hierarchical JPEG is not read: %s", convert);
    if (n < 6)
        return broken(err, "JPEG", "its frame header is too short");
    if (p[0] != 8)
        return err_set(err, ERR_UNSUPPORTED, "JPEG with %d bits a sample is not read, only 8: %s",
                       p[0], convert);
    j->h->height = (int)be16(p + 1);
    j->h->width = (int)be16(p + 3);
    if (!j->h->width || !j->h->height)
        return broken(err, "JPEG", "its width or height is 0");
    if ((p[5] != 1 && p[5] != 3 && p[5] != 4) || n != 6 + 3 * (size_t)p[5])
        return broken(err, "JPEG", "it must have 1, 3 or 4 colour components");
    for (int i = 0; i < p[5]; i++) {
        const uint8_t *c = p + 6 + 3 * i;

        if (c[1] >> 4 < 1 || c[1] >> 4 > 4 || (c[1] & 15) < 1 || (c[1] & 15) > 4 || c[2] > 3)
            return broken(err, "JPEG", "a colour component makes no sense");
        j->id[i] = c[0];
        j->quant[i] = c[2];
    }
    j->components = p[5];
    j->progressive = marker == 0xc2;
    return true;
}

static bool jpeg_scan(struct jpeg *j, const uint8_t *p, size_t n, struct err *err)
{
    enum { SCANS_MAX = 100 };   /* real ones have about ten; each costs a pass over the picture */
    int parts = n ? p[0] : 0, start, end, high, low;

    if (!j->components)
        return broken(err, "JPEG", "a scan comes before the frame header");
    if (parts < 1 || parts > j->components || n != 4 + 2 * (size_t)parts)
        return broken(err, "JPEG", "a scan header makes no sense");
    start = p[1 + 2 * parts];
    end = p[2 + 2 * parts];
    high = p[3 + 2 * parts] >> 4;
    low = p[3 + 2 * parts] & 15;
    if (j->progressive && (start > end || end > 63 || high > 13 || low > 13 ||
                           (start == 0 && end != 0) || (start > 0 && parts > 1)))
        return broken(err, "JPEG", "a scan header makes no sense");
    j->scans++;
    if (j->scans > (j->progressive ? SCANS_MAX : j->components))
        return broken(err, "JPEG", "it has too many scans");
    for (int i = 0; i < parts; i++) {
        int c = 0, dc = p[2 + 2 * i] >> 4, ac = p[2 + 2 * i] & 15;
        bool need_dc = !j->progressive || (start == 0 && high == 0);
        bool need_ac = !j->progressive || start > 0;

        while (c < j->components && j->id[c] != p[1 + 2 * i])
            c++;
        if (c == j->components || dc > 3 || ac > 3)
            return broken(err, "JPEG", "a scan header makes no sense");
        if (!(j->quants >> j->quant[c] & 1))
            return broken(err, "JPEG", "a quantisation table is missing");
        if ((need_dc && !(j->dc >> dc & 1)) || (need_ac && !(j->ac >> ac & 1)))
            return broken(err, "JPEG", "a Huffman table is missing");
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
                       convert);
    if (marker == 0xda)
        return jpeg_scan(j, p, n, err);
    if (marker == 0xdd || marker == 0xdc)
        return n == 2 || broken(err, "JPEG", "a segment has the wrong length");
    if (marker == 0xe1 && !j->exif && n >= 6 && !memcmp(p, "Exif\0", 5)) {
        j->exif = true;
        j->h->orientation = exif_orientation(p + 6, n - 6);
        return true;
    }
    if ((marker >= 0xe0 && marker <= 0xef) || marker == 0xfe)
        return true;
    return broken(err, "JPEG", "an unknown marker");
}

static bool jpeg(const uint8_t *bytes, size_t size, struct data_header *h, struct err *err)
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
            return broken(err, "JPEG", "junk between its segments");
        while (p < end && *p == 0xff)
            p++;
        if (p >= end) {
            if (!j.scans)
                return truncated("JPEG", err);
            h->unfinished = true;
            break;
        }
        marker = *p++;
        if (marker == 0xd9)
            break;
        if (end - p < 2)
            return truncated("JPEG", err);
        n = be16(p);
        if (n < 2)
            return broken(err, "JPEG", "a segment has the wrong length");
        if (n > (size_t)(end - p))
            return truncated("JPEG", err);
        if (!jpeg_segment(&j, marker, p + 2, n - 2, err))
            return false;
        p += n;
        if (marker == 0xda)
            p = jpeg_skip_data(p, end);
    }
    if (!j.scans)
        return broken(err, "JPEG", "no picture in it");
    /* A block of 8x8 takes a bit at the very least. */
    if ((uint64_t)h->width * (uint64_t)h->height > 512 * (uint64_t)size)
        return err_set(err, ERR_INPUT,
                       "truncated or broken JPEG: %zu bytes cannot hold %d x %d pixels", size,
                       h->width, h->height);
    for (h->used = size; h->unfinished && h->used && bytes[h->used - 1] == 0xff; h->used--)
        ;
    /* A download that was given its full length at the start; its zeros would decode as grey. */
    if (h->unfinished && size >= 16 && !memcmp(bytes + size - 16, (const uint8_t[16]){ 0 }, 16))
        return truncated("JPEG", err);
    return true;
}

/* ---- PNG ------------------------------------------------------------------------------------- */

/* CRC-32 of PNG, four bits at a time. */
static uint32_t crc32(const uint8_t *p, size_t n)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
        0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t c = 0xffffffff;

    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        c = table[c & 15] ^ c >> 4;
        c = table[c & 15] ^ c >> 4;
    }
    return ~c;
}

static bool png(const uint8_t *bytes, size_t size, struct data_header *h, struct err *err)
{
    const uint8_t *p = bytes + 8, *end = bytes + size;
    bool data = false;

    for (bool first = true; ; first = false) {
        const uint8_t *type, *body;
        size_t n;

        if (end - p < 12)
            return truncated("PNG", err);
        n = be32(p);
        type = p + 4;
        body = p + 8;
        if (n > INT_MAX)
            return broken(err, "PNG", "a chunk's length makes no sense");
        if (n > (size_t)(end - p) - 12)
            return truncated("PNG", err);
        if (first && !memcmp(type, "CgBI", 4))
            return err_set(err, ERR_UNSUPPORTED,
                           "Apple's own kind of PNG (CgBI) is not read: restore it with "
                           "pngcrush -revert-iphone-optimizations IN OUT.png");
        /* Upper case = needed to show the picture.  The rest may be broken. */
        if (!(type[0] & 32) && crc32(type, n + 4) != be32(body + n))
            return broken(err, "PNG", "a checksum is wrong; copy or download it again");
        if (first != !memcmp(type, "IHDR", 4))
            return broken(err, "PNG", "its header is not where it belongs");
        if (first) {
            if (n != 13)
                return broken(err, "PNG", "its header has the wrong length");
            if (be32(body) > INT_MAX || be32(body + 4) > INT_MAX || !be32(body) || !be32(body + 4))
                return broken(err, "PNG", "its width or height makes no sense");
            h->width = (int)be32(body);
            h->height = (int)be32(body + 4);
        }
        if (!memcmp(type, "IDAT", 4))
            data = true;
        if (!memcmp(type, "eXIf", 4))
            h->orientation = exif_orientation(body, n);
        if (!memcmp(type, "IEND", 4))
            break;
        p = body + n + 4;
    }
    h->used = size;
    return data || broken(err, "PNG", "no picture in it");
}

/* ---- BMP ------------------------------------------------------------------------------------- */

static bool bmp(const uint8_t *b, size_t size, struct data_header *h, struct err *err)
{
    uint32_t offset, head, bits, packing = 0;
    uint64_t row, rows;

    if (size < 26)
        return truncated("BMP", err);
    offset = le32(b + 10);
    head = le32(b + 14);
    if (head != 12 && head != 40 && head != 56 && head != 108 && head != 124)
        return err_set(err, ERR_UNSUPPORTED, "BMP with a header of %u bytes is not read: %s",
                       (unsigned)head, convert);
    if (size < 14 + (size_t)head)
        return truncated("BMP", err);
    if (head == 12) {
        h->width = (int)le16(b + 18);
        h->height = (int)le16(b + 20);
        bits = le16(b + 24);
    } else {
        int64_t w = (int32_t)le32(b + 18), tall = (int32_t)le32(b + 22);

        if (w <= 0 || tall == 0 || tall == INT32_MIN)
            return broken(err, "BMP", "its width or height makes no sense");
        h->width = (int)w;
        h->height = (int)(tall < 0 ? -tall : tall);
        bits = le16(b + 28);
        packing = le32(b + 30);
    }
    if (!h->width || !h->height)
        return broken(err, "BMP", "its width or height is 0");
    if (packing == 1 || packing == 2)
        return err_set(err, ERR_UNSUPPORTED, "run-length BMP is not read: %s", convert);
    if (packing > 3)
        return err_set(err, ERR_UNSUPPORTED, "BMP with compression %u is not read: %s",
                       (unsigned)packing, convert);
    if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32)
        return err_set(err, ERR_UNSUPPORTED, "BMP with %u bits a pixel is not read: %s",
                       (unsigned)bits, convert);
    if (offset < 14 + head || offset >= size)
        return broken(err, "BMP", "its pixels lie outside the file");
    row = ((uint64_t)h->width * bits + 31) / 32 * 4;
    rows = (uint64_t)h->height;
    if (row * (rows - 1) + ((uint64_t)h->width * bits + 7) / 8 > size - offset)
        return truncated("BMP", err);
    h->used = size;
    return true;
}

/* ---- GIF ------------------------------------------------------------------------------------- */

/* Past a chain of sub-blocks; NULL when the file ends before it does. */
static const uint8_t *gif_blocks(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p) {
        if (end - p <= *p)
            return NULL;
        p += *p + 1;
    }
    return p < end ? p + 1 : NULL;
}

static bool gif(const uint8_t *b, size_t size, struct data_header *h, struct err *err)
{
    const uint8_t *p = b + 13, *end = b + size;

    if (size < 13)
        return truncated("GIF", err);
    h->width = (int)le16(b + 6);
    h->height = (int)le16(b + 8);
    if (!h->width || !h->height)
        return broken(err, "GIF", "its width or height is 0");
    if (b[10] & 0x80)
        p += (size_t)end - (size_t)p < (size_t)(6 << (b[10] & 7)) ? end - p : 6 << (b[10] & 7);
    while (p && p < end && *p == 0x21)
        p = end - p < 3 ? NULL : gif_blocks(p + 2, end);
    if (!p || p >= end)
        return truncated("GIF", err);
    if (*p == 0x3b)
        return broken(err, "GIF", "no picture in it");
    if (*p != 0x2c)
        return broken(err, "GIF", "an unknown block");
    if (end - p < 11)
        return truncated("GIF", err);
    if (!le16(p + 5) || !le16(p + 7))
        return broken(err, "GIF", "its first frame has no pixels");
    if (!(p[9] & 0x80) && !(b[10] & 0x80))
        return broken(err, "GIF", "no table of colours");
    {
        ptrdiff_t colours = p[9] & 0x80 ? 6 << (p[9] & 7) : 0;

        if (end - p - 10 <= colours)
            return truncated("GIF", err);
        p += 10 + colours;
    }
    if (*p < 1 || *p > 11)
        return broken(err, "GIF", "an impossible code length");
    if (!gif_blocks(p + 1, end))
        return truncated("GIF", err);
    h->used = size;
    return true;
}

bool data_header_read(const uint8_t *bytes, size_t size, struct data_header *header,
                      struct err *err)
{
    memset(header, 0, sizeof *header);
    header->orientation = 1;
    if (!size)
        return err_set(err, ERR_INPUT, "empty file");
    if (size >= 3 && !memcmp(bytes, "\xff\xd8\xff", 3)) {
        header->format = DATA_JPEG;
        return jpeg(bytes, size, header, err);
    }
    if (size >= 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8)) {
        header->format = DATA_PNG;
        return png(bytes, size, header, err);
    }
    if ((size < 3 && !memcmp(bytes, "\xff\xd8", size)) ||
        (size < 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", size)))
        return truncated(bytes[0] == 0xff ? "JPEG" : "PNG", err);
    if (size >= 4 && !memcmp(bytes, "\x89PNG", 4))
        return broken(err, "PNG", "its line ends were converted, as a transfer in text mode does; "
                      "copy it as binary");
    if (size >= 6 && (!memcmp(bytes, "GIF87a", 6) || !memcmp(bytes, "GIF89a", 6))) {
        header->format = DATA_GIF;
        return gif(bytes, size, header, err);
    }
    if (size >= 14 && !memcmp(bytes, "BM", 2)) {
        header->format = DATA_BMP;
        return bmp(bytes, size, header, err);
    }
    return refuse(bytes, size, err);
}
