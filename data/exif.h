/*
 * exif -- the few facts that we take from a TIFF structure
 *
 * EXIF data, in JPEG, PNG and WebP, are a TIFF file inside; most kinds of camera raw are one
 * outright.  Only its first folder is read.  Bytes are hostile.  Thread-safe.
 */
#ifndef DATA_EXIF_H
#define DATA_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* Tag Orientation of EXIF data, which begin with "II" or "MM": 1..8; 1 when it is not there, makes
 * no sense, or lies outside. */
int data_exif_orientation(const uint8_t *tiff, size_t size);

/* What a TIFF file is: "camera raw (NEF)", "TIFF" ...  NULL when it is none at all. */
const char *data_exif_kind(const uint8_t *tiff, size_t size);

#endif
