/*
 * address -- where a network lies that is not on this machine
 *
 * hf://OWNER/NAME[@REVISION][/FILE] of a Hugging Face hub, or the https:// (http://) address of one
 * file.  Such an address may become paths below a cache folder and further addresses: what it is
 * made of is checked here, and nowhere else.
 */
#ifndef INFER_ADDRESS_H
#define INFER_ADDRESS_H

#include "nn/base/arena.h"
#include "nn/base/err.h"

struct infer_address {
    const char *owner, *name;   /* of a repository; NULL: url is of a file */
    const char *rev;            /* "main" where none was said; may have '/' */
    const char *file;           /* "onnx/model.onnx"; NULL: the network that is there */
    const char *url;            /* NULL: of a repository */
    const char *last;           /* of url: what its file is called here */
};

/* Whether text begins as an address does, and is no path. */
bool infer_address_meant(const char *text);

/* For who wants a file: ERR_INPUT, and what to type, where path is an address; else true. */
bool infer_address_refuse(const char *path, struct err *err);

/* Strings are in mem.  What a hub's pages are called (ENDPOINT/OWNER/NAME, with /blob/REV/FILE or
 * /resolve/REV/FILE behind it) is of the repository.  ERR_INPUT names text. */
bool infer_address_parse(const char *text, const char *endpoint, struct arena *mem,
                         struct infer_address *out, struct err *err);

/* Whether an index or an address may call a file so: no absolute path, no "..", nothing hidden, no
 * more than 255 bytes a part.  deep: '/' may stand in it. */
bool infer_address_file(const char *name, bool deep);

/* "https://host:80/x" -> "host:80", in mem; NULL: no http or https, a password, or no memory. */
const char *infer_address_host(const char *url, struct arena *mem);

#endif
