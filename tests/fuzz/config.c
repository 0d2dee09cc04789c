/* fuzz: any bytes as the two files of settings beside weights; what comes of them can be used */
#include "infer/foreign/foreign_config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_words(const struct err *err)
{
    if (err->kind == ERR_NONE || !err->msg[0])
        abort();
}

/* config.json up to a zero byte, preprocessor_config.json behind it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *zero = size ? memchr(text, 0, size) : NULL;
    size_t first = zero ? (size_t)(zero - text) : size;
    struct infer_config c = { .mem = arena_new() };
    struct err err = { 0 };

    if (!c.mem)
        return 0;
    if (!infer_config_model(&c, text, first, &err) ||
        (zero && !infer_config_pictures(&c, zero + 1, size - first - 1, &err))) {
        expect_words(&err);
    } else {
        infer_config_fill(&c, "resnet18", 224);
        if (!field_check(data_prep_fields, &c.prep, &err))      /* as infer_model_new does */
            expect_words(&err);
        for (int i = 0; i < c.names.n; i++)
            if (!c.names.name[i] || !*c.names.name[i])
                abort();
    }
    arena_free(c.mem);
    return 0;
}
