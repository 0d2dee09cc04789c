/*
 * tensorboard -- events.out.tfevents.*: curves for TensorBoard
 *
 * A file of records: u64 length, masked CRC-32C of its 8 bytes, so many bytes, their masked
 * CRC-32C; all little-endian.  A masked sum is ((c >> 15) | (c << 17)) + 0xa282ead8.  The bytes are
 * a TbEvent (tensorboard.proto).  Source: TensorFlow, "TFRecord and tf.train.Example".
 */
#ifndef TRAIN_LISTEN_TENSORBOARD_H
#define TRAIN_LISTEN_TENSORBOARD_H

#include <stddef.h>
#include <stdint.h>

/* Of more steps than this, the file holds every second one, or every third ...; TensorBoard itself
 * shows a thousand of a curve. */
enum { TRAIN_TENSORBOARD_STEPS = 1000 };

/* CRC-32C (Castagnoli): polynomial 0x1edc6f41, reflected; RFC 3720, B.4. */
uint32_t train_crc32c(const void *data, size_t bytes);

#endif
