/*
 * sandbox -- pictures from strangers are decoded in processes that can do nothing else
 *
 * Each worker is the program itself, or `discern` where that is another (libdiscern), started anew
 * with the hidden argument DATA_SANDBOX_ARGUMENT and our build, which must be its own;
 * before it looks at a picture it gives up everything but reading requests, writing answers and
 * memory: a seccomp allow-list without files, network or other programs, and limits on memory and
 * files.  Bytes go in and pixels come out through shared memory.  A worker that dies, hangs or does
 * what it may not costs one answer and is replaced.  docs/data.md says what that stops and costs.
 */
#ifndef DATA_SANDBOX_H
#define DATA_SANDBOX_H

#include "data/image.h"

struct data_sandbox_options {
    const char *program;        /* what workers run, found in PATH if it has no '/'; NULL: the
                                   program that asks */
    int workers;                /* >= 1: pictures at a time */
    int timeout_ms;             /* for one picture; 0 = 10 s */
    int recycle;                /* pictures until a worker is replaced; 0 = 10,000 */
};

/* Workers with these limits (NULL: the default's).  The program must run data_sandbox_worker when
 * its first argument of two is DATA_SANDBOX_ARGUMENT.  ERR_UNSUPPORTED when the kernel refuses
 * seccomp, or the program is of another build.  The result may be used by any number of threads. */
struct data_sandbox *data_sandbox_new(const struct data_sandbox_options *opt,
                                      const struct data_limits *limits, struct err *err);
void data_sandbox_free(struct data_sandbox *s);         /* NULL is fine; nobody may be decoding */

/* As data_image_decode with `how`, whose limits are those of the sandbox, in a worker that is free
 * (waits for one).  A picture that makes it crash,
 * hang, or do what it may not is ERR_INPUT saying which; no new worker to be had is ERR_IO. */
bool data_sandbox_decode(struct data_sandbox *s, const uint8_t *bytes, size_t size,
                         const struct data_decode *how, struct data_image *image,
                         struct err *err);

/* What a command's --sandbox does: *how = the default, with a sandbox of `workers` when it is
 * wanted.  The caller frees how->sandbox. */
bool data_sandbox_choose(bool wanted, int workers, struct data_decode *how, struct err *err);
#define DATA_SANDBOX_FIELD(T) \
    FIELD_BOOL(T, sandbox, "decode in processes that can do nothing else: for pictures from " \
               "strangers")

/* What a worker runs, from main() and before anything else, with its second argument; returns its
 * exit status.  decode NULL: data_image_decode (tests give one that misbehaves). */
#define DATA_SANDBOX_ARGUMENT "--decode-worker"
typedef bool data_sandbox_decode_fn(const uint8_t *bytes, size_t size,
                                    const struct data_decode *how, struct data_image *image,
                                    struct err *err);
int data_sandbox_worker(const char *build, data_sandbox_decode_fn *decode);

#endif
