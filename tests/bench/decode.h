/*
 * decode -- what the bench `decode` compares with
 */
#ifndef BENCH_DECODE_H
#define BENCH_DECODE_H

#include <stddef.h>
#include <stdint.h>

/* RGB samples; free() them.  NULL on failure. */
uint8_t *decode_plain(const uint8_t *bytes, size_t size, int *width, int *height);

#endif
