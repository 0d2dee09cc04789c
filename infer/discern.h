/*
 * discern.h -- libdiscern: answers about pictures, from models that `discern train` made
 *
 * C99 and C++.  Inference only: training is the program.  Nothing is printed, no signal is caught,
 * no environment is read, and there are no globals but OpenBLAS's own.
 *
 *     discern_error e;
 *     discern_model *m = discern_open("cats.safetensors", NULL, &e);
 *     discern_session *s = m ? discern_session_new(m, NULL, &e) : NULL;
 *     discern_guess guess[3];
 *     int n = s ? discern_file(s, "photo.jpg", guess, 3, &e) : -1;
 *     for (int i = 0; i < n; i++)
 *         printf("%s %.1f%%\n", guess[i].label, 100 * guess[i].probability);
 *     if (n < 0)
 *         fprintf(stderr, "%s\n", e.message);
 *     discern_session_free(s);
 *     discern_close(m);
 *
 * A model does not change and may be used by many threads; a session belongs to one thread at a
 * time.  A model must outlive its sessions.  Errors are written where e says, which may be NULL;
 * on success e is as it was.  docs/library.md: building against it, the ABI, other languages.
 */
#ifndef DISCERN_H
#define DISCERN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#define DISCERN_API __attribute__((visibility("default")))
#else
#define DISCERN_API
#endif

/* What went wrong.  Numbers stay. */
enum discern_status {
    DISCERN_OK = 0,
    DISCERN_USAGE = 2,          /* the caller broke what is said here */
    DISCERN_INPUT = 3,          /* a model or picture is missing, damaged or not of a kind read */
    DISCERN_IO = 4,             /* the system refused to read or write */
    DISCERN_MEMORY = 5
};

typedef struct discern_error {
    int status;                 /* enum discern_status */
    char message[512];          /* one line, UTF-8: what, where, and what helps */
} discern_error;

typedef struct discern_model discern_model;
typedef struct discern_session discern_session;

/* "0.1.0". */
DISCERN_API const char *discern_version(void);

/* ---- models ---------------------------------------------------------------------------------- */

/* Structs of options begin with their size as the caller knows it; what lies behind is 0, which is
 * each option's default.  A NULL of them: all defaults. */
typedef struct discern_model_options {
    size_t size;                /* sizeof(discern_model_options) */
    int raw;                    /* 1: without what calibration put into the file */
    int unused;                 /* was padding: not looked at */
    int precision;              /* of its answers, enum discern_precision */
    int unused_either;          /* as unused */
    int features;               /* 1: answers carry what the first network saw (discern_features) */
} discern_model_options;

/* What a network keeps of a picture between its layers: 32-bit numbers, whose answers are those of
 * `discern eval` and of exported files to the last places; or 16-bit ones (bf16), which are faster
 * where the processor multiplies them, take half the memory, and change probabilities in the third
 * digit or so.  auto is fp32. */
enum discern_precision { DISCERN_PRECISION_AUTO, DISCERN_PRECISION_FP32, DISCERN_PRECISION_BF16 };

/* A model file.  NULL on failure. */
DISCERN_API discern_model *discern_open(const char *path, const discern_model_options *o,
                                        discern_error *e);
/* Several that know the same labels, in whatever order, answering as one: their probabilities'
 * mean.  Labels, thresholds and the rest are the first one's. */
DISCERN_API discern_model *discern_open_many(int n, const char *const *path,
                                             const discern_model_options *o, discern_error *e);
/* A model file's bytes, which are lent during the call only. */
DISCERN_API discern_model *discern_open_memory(const void *data, size_t bytes,
                                               const discern_model_options *o, discern_error *e);
DISCERN_API void discern_close(discern_model *m);      /* NULL is fine */

DISCERN_API int discern_labels(const discern_model *m);         /* how many */
/* UTF-8, lent until the model is closed; NULL for no label's number. */
DISCERN_API const char *discern_label(const discern_model *m, int index);
/* 1: a picture may have several labels, or none; 0: it has one. */
DISCERN_API int discern_is_multi(const discern_model *m);
/* The probability from which a label is told: as calibration found it, else 0.5 where a picture
 * may have several, else 0. */
DISCERN_API float discern_threshold(const discern_model *m, int index);
/* 1: calibration has found how to tell pictures like nothing that the model learnt. */
DISCERN_API int discern_tells_unknown(const discern_model *m);
/* What the first network sees: height, width, channels. */
DISCERN_API void discern_input(const discern_model *m, int size[3]);
/* Features are what goes into the last layer of the first network, a row of numbers that is alike
 * for pictures that look alike: how many; 0: the model was opened without.  And what they are, in
 * words ("what goes into fc (512 numbers)", or ""), lent until the model is closed. */
DISCERN_API int discern_features(const discern_model *m);
DISCERN_API const char *discern_features_from(const discern_model *m);

/* ---- answers --------------------------------------------------------------------------------- */

typedef struct discern_session_options {
    size_t size;                /* sizeof(discern_session_options) */
    int threads;                /* 0: one a processor */
    int batch;                  /* pictures at a time in discern_files; 0: 32 */
    int top;                    /* labels told at most; 0: 3, or all where there may be several */
    double threshold;           /* tell labels from this probability on; 0: each model's own
                                   (discern_threshold); negative: all */
    int views;                  /* test-time augmentation, enum discern_views */
    int sandbox;                /* 1: decode in processes that can do nothing else (Linux) */
    const char *worker;         /* the program that they run: path of `discern`; NULL: from PATH */
} discern_session_options;

/* Of each picture: as in training's validation; that and its mirror image; those two and both
 * again, closer by an eighth; those two, and both moved by a pixel, up and left and down and right,
 * which count half as much each.  Probabilities are the views' mean. */
enum discern_views { DISCERN_VIEW_ONE, DISCERN_VIEW_MIRROR, DISCERN_VIEW_FOUR, DISCERN_VIEW_SIX };

DISCERN_API discern_session *discern_session_new(const discern_model *m,
                                                 const discern_session_options *o,
                                                 discern_error *e);
DISCERN_API void discern_session_free(discern_session *s);     /* NULL is fine */

typedef struct discern_guess {
    const char *label;          /* lent until the model is closed */
    int index;
    float probability;
} discern_guess;

/* The labels told of one picture, likeliest first, at most n; how many, -1 on failure.  A file
 * (JPEG, PNG, BMP, GIF, and what else `discern doctor` names); a file's bytes; or pixels, RGB, rows
 * `stride` bytes apart. */
DISCERN_API int discern_file(discern_session *s, const char *path, discern_guess *top, int n,
                             discern_error *e);
DISCERN_API int discern_memory(discern_session *s, const void *data, size_t bytes,
                               discern_guess *top, int n, discern_error *e);
DISCERN_API int discern_pixels(discern_session *s, const uint8_t *rgb, int width, int height,
                               ptrdiff_t stride, discern_guess *top, int n, discern_error *e);

/* How much a confidence is worth: bands that calibration has drawn (docs/eval.md). */
enum discern_band { DISCERN_BAND_NONE, DISCERN_BAND_LOW, DISCERN_BAND_MED, DISCERN_BAND_HI };

/* All that is known of one picture.  Grows at its end only; what it points to is lent during the
 * call that gives it. */
typedef struct discern_answer {
    int file;                   /* which of the row, from 0 */
    int status;                 /* enum discern_status; not DISCERN_OK: there is no answer */
    const char *message;        /* why, in one line that names the file; "" */
    int n;                      /* labels told, */
    const discern_guess *guess; /* likeliest first */
    int unknown;                /* 1: like nothing that the model learnt (calibration found how) */
    int band;                   /* enum discern_band, of the likeliest label */
    const float *probability;   /* of every label */
    const float *input;         /* what the first network saw: numbers of discern_input */
    const float *features;      /* of the picture as it is: discern_features numbers, or NULL */
} discern_answer;

/* 0: go on.  Anything else ends discern_files, which then is a success. */
typedef int discern_answer_fn(void *ctx, const discern_answer *answer);

/* Answers to n files, on all threads, in their order; memory does not grow with n.  A file without
 * an answer is no failure of the call: *answer says it.  0; -1 on failure. */
DISCERN_API int discern_files(discern_session *s, int n, const char *const *path,
                              discern_answer_fn *fn, void *ctx, discern_error *e);
/* The same for one file's bytes. */
DISCERN_API int discern_bytes(discern_session *s, const void *data, size_t bytes,
                              discern_answer_fn *fn, void *ctx, discern_error *e);

#ifdef __cplusplus
}
#endif

#endif
