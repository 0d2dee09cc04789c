/*
 * exif -- the few facts that we take from a TIFF structure
 *
 * TIFF 6.0: byte order, 42, offset of the first folder; a folder is a count and entries of 12
 * bytes: tag, type, count, value or its offset.  EXIF 2.3: orientation is tag 0x0112, a SHORT.
 * Raw files: DNG has a version (0xc612); NEF, ARW, PEF keep the sensor's data in a folder below
 * (SubIFDs, 0x014a) and say who made them (Make, 0x010f).
 */
#include "data/exif.h"

#include "data/format.h"

#include <string.h>

enum { MAKE = 0x010f, ORIENTATION = 0x0112, SUB_FOLDERS = 0x014a, DNG_VERSION = 0xc612 };

struct tiff {
    const uint8_t *p, *entry;       /* entry: the first of the folder */
    size_t size, entries;           /* entries that lie inside */
    uint32_t (*u16)(const uint8_t *);
    uint32_t (*u32)(const uint8_t *);
};

static bool open_tiff(struct tiff *t, const uint8_t *p, size_t size)
{
    size_t at;

    if (size < 8 || (memcmp(p, "II", 2) && memcmp(p, "MM", 2)))
        return false;
    t->p = p;
    t->size = size;
    t->u16 = p[0] == 'I' ? data_le16 : data_be16;
    t->u32 = p[0] == 'I' ? data_le32 : data_be32;
    if (t->u16(p + 2) != 42)
        return false;
    at = t->u32(p + 4);
    if (at > size - 2) {
        t->entries = 0;
        return true;
    }
    t->entry = p + at + 2;
    t->entries = t->u16(p + at);
    if (t->entries > (size - at - 2) / 12)
        t->entries = (size - at - 2) / 12;
    return true;
}

static const uint8_t *find(const struct tiff *t, uint32_t tag)
{
    for (size_t i = 0; i < t->entries; i++)
        if (t->u16(t->entry + 12 * i) == tag)
            return t->entry + 12 * i;
    return NULL;
}

/* Whether the text of an entry begins so. */
static bool text_begins(const struct tiff *t, const uint8_t *entry, const char *word)
{
    size_t n = entry ? t->u32(entry + 4) : 0, at = entry ? t->u32(entry + 8) : 0;

    return n > 4 && n >= strlen(word) && at < t->size && t->size - at >= n &&
           !memcmp(t->p + at, word, strlen(word));
}

int data_exif_orientation(const uint8_t *tiff, size_t size)
{
    struct tiff t;
    const uint8_t *e;
    uint32_t v;

    if (!open_tiff(&t, tiff, size) || !(e = find(&t, ORIENTATION)))
        return 1;
    v = t.u16(e + 8);
    return t.u16(e + 2) == 3 && t.u32(e + 4) == 1 && v >= 1 && v <= 8 ? (int)v : 1;
}

const char *data_exif_kind(const uint8_t *tiff, size_t size)
{
    struct tiff t;
    const uint8_t *make;

    if (!open_tiff(&t, tiff, size))
        return NULL;
    if (size >= 10 && !memcmp(tiff + 8, "CR", 2))
        return "camera raw (CR2)";
    if (find(&t, DNG_VERSION))
        return "camera raw (DNG)";
    if (!find(&t, SUB_FOLDERS))
        return "TIFF";
    make = find(&t, MAKE);
    if (text_begins(&t, make, "NIKON"))
        return "camera raw (NEF)";
    if (text_begins(&t, make, "SONY"))
        return "camera raw (ARW)";
    if (text_begins(&t, make, "PENTAX") || text_begins(&t, make, "RICOH"))
        return "camera raw (PEF)";
    return "TIFF";
}
