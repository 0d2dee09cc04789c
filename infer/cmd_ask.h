/*
 * cmd_ask -- the pictures of a command line, put to a session of libdiscern in rows
 *
 * Files, folders, a list of both, a picture on standard input (data/names.h), in their order;
 * memory does not grow with their number.  What is made of an answer is the command's.
 */
#ifndef INFER_CMD_ASK_H
#define INFER_CMD_ASK_H

#include "infer/discern.h"
#include "nn/base/cli.h"

/* The members files_from, null of an options struct T. */
#define INFER_CMD_NAMES_FIELDS(T)                                                                 \
    FIELD_STRING(T, files_from, "LIST", NULL,                                                     \
                 "a file with more names of pictures and folders, one a line; - = standard "      \
                 "input"),                                                                        \
    { .name = "null", .kind = FIELD_KIND_BOOL, .count = 1, .letter = '0',                         \
      .offset = offsetof(T, null), .doc = "names in LIST end in 0 bytes, as find -print0 writes " \
                                          "them" }

struct infer_ask {
    discern_session *session;
    char *const *arg;           /* files, folders, "-" */
    int n;
    const char *list;           /* of files_from */
    bool null;
    const char *spare;          /* as struct data_names has it */
    /* Each ends it by false; with *err as it was, that is no failure.  picture, before it is read,
     * may be NULL. */
    bool (*picture)(void *ctx, const char *path, struct err *err);
    bool (*answer)(void *ctx, const char *path, const discern_answer *a, struct err *err);
    bool (*missed)(void *ctx, const char *path, const struct err *why, struct err *err);
    void *ctx;
};

/* Whether what was typed makes sense: standard input once, --null with a list.  *input: a picture
 * comes there. */
bool infer_ask_check(const char *list, bool null, int n, char *const *arg, bool *input,
                     struct err *err);

/* False where a call was, on failure, or where a signal came that is heeded. */
bool infer_ask_go(const struct infer_ask *a, struct err *err);

/* For who writes files meanwhile: from now on a signal that would end the process is remembered,
 * ends infer_ask_go, and ends the process in infer_ask_obey, when files have been seen to. */
void infer_ask_heed(void);
bool infer_ask_stopped(void);
void infer_ask_obey(void);

/* The kind of an error of the library; puts it into err and returns false. */
bool infer_ask_failed(const discern_error *e, struct err *err);

#endif
