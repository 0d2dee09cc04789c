/* fuzz: any bytes as JSON; what is read and how far, and what is refused, is as jansson has it */
#include "nn/base/record_read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const char *text, size_t size, bool document)
{
    size_t flags = JSON_REJECT_DUPLICATES |
                   (document ? 0 : JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY), used;
    json_error_t error = { .position = 0 };
    struct record_read_stop stop;
    json_t *theirs = json_loadb(text, size, flags, &error),
           *ours = record_read_value(text, size, document, &used, &stop);

    if (!theirs != !ours || (ours && !json_equal(theirs, ours)))
        abort();
    if (ours && !document && used != (size_t)error.position)
        abort();
    if (!ours && (stop.memory || !stop.why || stop.line < 1))
        abort();
    json_decref(theirs);
    json_decref(ours);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1);       /* not a byte more: reading on is found */

    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    compare(text, size, true);
    compare(text, size, false);
    free(text);
    return 0;
}
