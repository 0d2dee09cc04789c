/*
 * sandbox -- pictures from strangers are decoded in processes that can do nothing else
 *
 * Each worker is the program itself, started anew (fork and exec of /proc/self/exe with the hidden
 * argument DATA_SANDBOX_ARGUMENT), before it does anything else limited by RLIMIT_AS, FSIZE, CORE
 * and a seccomp allow-list of calls (read, write, memory, exit): no files, no network, no other
 * programs.  Bytes go in and pixels come out through shared memory.  A worker that dies, hangs or
 * misbehaves costs one answer and is replaced.  Design and measurements: docs/data.md.
 */
#ifndef DATA_SANDBOX_H
#define DATA_SANDBOX_H

#include "data/image.h"

struct data_sandbox_options {
    int workers;                /* >= 1 */
    int timeout_ms;             /* for one picture; 0 = 10 s */
    int recycle;                /* pictures until a worker is replaced; 0 = 10,000 */
};

/* ERR_UNSUPPORTED when the kernel refuses seccomp, or this build has none.  Thread-safe. */
struct data_sandbox *data_sandbox_new(const struct data_sandbox_options *opt,
                                      const struct data_decode *how, struct err *err);
void data_sandbox_free(struct data_sandbox *s);         /* NULL is fine */

/* As data_image_decode, in a worker that is free (waits for one).  A crash, a timeout or too much
 * memory is ERR_INPUT saying which. */
bool data_sandbox_decode(struct data_sandbox *s, const uint8_t *bytes, size_t size,
                         struct data_image *image, struct err *err);

/* What a worker runs, from main() before anything else; its exit status. */
#define DATA_SANDBOX_ARGUMENT "--decode-worker"
int data_sandbox_worker(void);

#endif
