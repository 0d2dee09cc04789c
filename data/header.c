/*
 * header -- what the first bytes of a picture say, and whether a decoder may see the rest
 *
 * The table of the formats that we read, and that of those which we only know by name.
 */
#include "data/header.h"

#include "data/exif.h"
#include "data/format.h"

#include <ctype.h>
#include <string.h>

static const struct data_reader *const readers[] = {
    [DATA_JPEG] = &data_reader_jpeg,
    [DATA_PNG] = &data_reader_png,
    [DATA_BMP] = &data_reader_bmp,
    [DATA_GIF] = &data_reader_gif,
#ifdef WITH_WEBP
    [DATA_WEBP] = &data_reader_webp,
#endif
};
enum { READERS = sizeof readers / sizeof *readers };

const char *const data_format_names[] = { "JPEG", "PNG", "BMP", "GIF", "WebP", NULL };

const struct data_reader *data_format_reader(enum data_format format)
{
    return readers[format];
}

bool data_format_truncated(const char *format, struct err *err)
{
    return err_set(err, ERR_INPUT,
                   "truncated %s: the file ends in the middle; copy or download it again", format);
}

bool data_format_broken(const char *format, const char *what, struct err *err)
{
    return err_set(err, ERR_INPUT, "broken %s: %s", format, what);
}

/* ---- what we do not read --------------------------------------------------------------------- */

const char data_format_convert[] =
    "convert it to JPEG or PNG first, e.g. with ImageMagick: convert IN OUT.png";
static const char heif[] = "convert it first: heif-convert IN OUT.jpg";
static const char raw[] = "export it as JPEG from a raw converter, e.g. darktable-cli IN OUT.jpg";
static const char frames[] =
    "that is a video; take pictures out of it, e.g. ffmpeg -i IN -r 1 %05d.jpg";

static const struct foreign {
    int offset;
    const char *magic;
    int len;
    const char *name, *how;
} foreign[] = {
    { 8, "WEBP", 4, "WebP", data_format_convert },
    { 0, "RIFF", 4, "RIFF (sound or video)", "not a picture" },
    { 4, "ftypavi", 7, "AVIF", data_format_convert },
    { 4, "ftyphei", 7, "HEIC", heif },
    { 4, "ftyphev", 7, "HEIC", heif },
    { 4, "ftypmif1", 8, "HEIF", heif },
    { 4, "ftypmsf1", 8, "HEIF", heif },
    { 4, "ftypcrx", 7, "camera raw (CR3)", raw },
    { 4, "ftyp", 4, "MP4 or QuickTime", frames },
    { 0, "\x1a\x45\xdf\xa3", 4, "Matroska or WebM", frames },
    { 0, "II+\0", 4, "BigTIFF", data_format_convert },
    { 0, "MM\0+", 4, "BigTIFF", data_format_convert },
    { 0, "IIRO", 4, "camera raw (ORF)", raw },
    { 0, "IIRS", 4, "camera raw (ORF)", raw },
    { 0, "IIU\0", 4, "camera raw (RW2)", raw },
    { 0, "FUJIFILMCCD-RAW", 15, "camera raw (RAF)", raw },
    { 0, "FOVb", 4, "camera raw (X3F)", raw },
    { 0, "\0MRM", 4, "camera raw (MRW)", raw },
    { 0, "\0\0\0\x0cjP  ", 8, "JPEG 2000", data_format_convert },
    { 0, "\xff\x4f\xff\x51", 4, "JPEG 2000", data_format_convert },
    { 0, "\0\0\0\x0cJXL ", 8, "JPEG XL", data_format_convert },
    { 0, "\xff\x0a", 2, "JPEG XL", data_format_convert },
    { 0, "8BPS", 4, "Photoshop (PSD)", data_format_convert },
    { 0, "gimp xcf", 8, "GIMP (XCF)", data_format_convert },
    { 0, "%PDF", 4, "PDF", "take its pictures out first: pdfimages -all IN OUT" },
    { 0, "\0\0\1\0", 4, "icon (ICO)", data_format_convert },
    { 0, "\0\0\2\0", 4, "cursor (CUR)", data_format_convert },
    { 0, "BA\x28\0\0\0", 6, "OS/2 bitmap array", data_format_convert },
    { 0, "\x1f\x8b", 2, "gzip", "unpack it first: gunzip IN" },
    { 0, "BZh", 3, "bzip2", "unpack it first: bunzip2 IN" },
    { 0, "\xfd" "7zXZ", 5, "xz", "unpack it first: unxz IN" },
    { 0, "\x28\xb5\x2f\xfd", 4, "zstd", "unpack it first: unzstd IN" },
    { 0, "PK\3\4", 4, "zip", "unpack it first: unzip IN" },
    { 0, "Rar!", 4, "RAR", "unpack it first" },
    { 0, "7z\xbc\xaf", 4, "7-Zip", "unpack it first" },
    { 0, "#?R", 3, "Radiance HDR", data_format_convert },
    { 0, "v/1\1", 4, "OpenEXR", data_format_convert },
    { 0, "qoif", 4, "QOI", data_format_convert },
    { 0, "DDS ", 4, "DDS", data_format_convert },
    { 0, "SIMPLE  =", 9, "FITS", data_format_convert },
    { 0, "\x89HDF", 4, "HDF5", "not a picture; export its pictures as PNG files" },
    { 0, "\x93NUMPY", 6, "NumPy array", "not a picture; export it as PNG files" },
    { 0, "P1\n", 3, "PBM", data_format_convert },
    { 0, "P2\n", 3, "PGM", data_format_convert },
    { 0, "P3\n", 3, "PPM", data_format_convert },
    { 0, "P4\n", 3, "PBM", data_format_convert },
    { 0, "P5\n", 3, "PGM", data_format_convert },
    { 0, "P6\n", 3, "PPM", data_format_convert },
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

/* What is not read, by its first bytes, or NULL. */
static const struct foreign *find_foreign(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        const struct foreign *f = &foreign[i];

        if (size >= (size_t)(f->offset + f->len) &&
            !memcmp(bytes + f->offset, f->magic, (size_t)f->len))
            return f;
    }
    return NULL;
}

static bool refuse(const uint8_t *bytes, size_t size, struct err *err)
{
    const struct foreign *f = find_foreign(bytes, size);
    size_t zeros = 0;
    const char *kind = data_exif_kind(bytes, size);

    if (kind)
        return err_set(err, ERR_UNSUPPORTED, "%s is not read: %s", kind,
                       strcmp(kind, "TIFF") ? raw : data_format_convert);
    if (f)
        return err_set(err, ERR_UNSUPPORTED, "%s is not read: %s", f->name, f->how);
    while (zeros < size && !bytes[zeros])
        zeros++;
    if (zeros == size)
        return err_set(err, ERR_INPUT, "nothing but zero bytes: copy or download it again");
    return text_says(bytes, size, err);
}

/* Whether the bytes begin as the format does, as far as they go. */
static bool has_magic(const struct data_reader *r, const uint8_t *bytes, size_t size)
{
    size_t at = (size_t)r->magic_at, n = (size_t)r->magic_size;

    if (at && size < at + n)
        return false;
    n = size - at < n ? size - at : n;
    for (int i = 0; r->magic[i]; i++)
        if (!memcmp(bytes + at, r->magic[i], n))
            return true;
    return false;
}

bool data_header_read(const uint8_t *bytes, size_t size, struct data_header *header,
                      struct err *err)
{
    memset(header, 0, sizeof *header);
    header->orientation = 1;
    header->used = size;
    if (!size)
        return err_set(err, ERR_INPUT, "empty file");
    for (int i = 0; i < READERS; i++) {
        const struct data_reader *r = readers[i];

        if (!has_magic(r, bytes, size))
            continue;
        if (size < (size_t)(r->magic_at + r->magic_size))
            return data_format_truncated(data_format_names[i], err);
        header->format = (enum data_format)i;
        return r->check(bytes, size, header, err);
    }
    if (size >= 4 && !memcmp(bytes, "\x89PNG", 4))
        return data_format_broken("PNG", "its line ends were converted, as a transfer in text mode "
                                  "does; copy it as binary", err);
    return refuse(bytes, size, err);
}

bool data_header_is_picture(const uint8_t *bytes, size_t size)
{
    const struct foreign *f = find_foreign(bytes, size);

    for (int i = 0; i < READERS; i++) {
        const struct data_reader *r = readers[i];

        /* Two letters may begin any text; a picture's are followed by zeros soon. */
        if (size >= (size_t)(r->magic_at + r->magic_size) && has_magic(r, bytes, size))
            return r->magic_size > 2 || memchr(bytes, 0, size);
    }
    if (size >= 4 && (!memcmp(bytes, "II*\0", 4) || !memcmp(bytes, "MM\0*", 4)))
        return true;
    return f && (f->how == data_format_convert || f->how == heif || f->how == raw);
}
