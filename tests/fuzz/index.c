/* fuzz: any bytes as the index of several safetensors files; what it leads to lies beside it */
#include "infer/foreign/foreign_file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The folder has safetensors files: the corpus of another target. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct infer_tensors t;
    struct err err = { 0 };

    if (!infer_tensors_parse((const char *)data, size, "tests/fuzz/corpus/safetensors", &t,
                             &err)) {
        if (err.kind == ERR_NONE || !err.msg[0])
            abort();
        return 0;
    }
    for (int i = 0; i < t.n; i++)
        if (!t.tensor[i]->name || st_bytes(t.tensor[i]) > (1 << 20))
            abort();
    infer_tensors_close(&t);
    return 0;
}
