/*
 * arrays -- what is said by the bytes of MNIST's and CIFAR's files, apart from files
 *
 * Bytes are hostile; every size is checked against the length of the file.
 */
#ifndef DATA_SOURCE_ARRAYS_H
#define DATA_SOURCE_ARRAYS_H

#include "data/build.h"

enum { DATA_IDX_IMAGES_START = 16, DATA_IDX_LABELS_START = 8 };

/* The header of an idx3 file of bytes, of which bytes[0..size) are the first, and the file has
 * file_bytes: so many pictures of that raw form from DATA_IDX_IMAGES_START on. */
bool data_idx_images(const uint8_t *bytes, size_t size, uint64_t file_bytes, int *n,
                     struct data_raw *raw, struct err *err);

/* The same of an idx1 file: so many labels, a byte each, from DATA_IDX_LABELS_START on. */
bool data_idx_labels(const uint8_t *bytes, size_t size, uint64_t file_bytes, int *n,
                     struct err *err);

/* What CIFAR's records look like. */
struct data_cifar {
    int label_bytes;            /* 1; CIFAR-100: 2, of which the last counts */
    const char *const *label;   /* names; NULL: numbers */
    int n_labels;
    const struct data_raw *raw; /* 32x32x3 planar; lives in the build's arena */
};

/* Tells the build the records of one file; names are "data_batch_1.bin#00017". */
bool data_cifar_records(struct data_build *b, const struct data_cifar *c, const char *path,
                        const uint8_t *bytes, size_t size, enum data_split split, struct err *err);

#endif
