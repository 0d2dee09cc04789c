/* fuzz: any bytes as a safetensors file; what is read is touched in full */
#include "nn/io/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = { 0 };
    struct st_file *f = st_parse(data, size, &err);

    if (!f) {
        if (err.kind == ERR_NONE || !err.msg[0])
            abort();
        return 0;
    }
    for (int i = 0; i < f->n; i++) {
        const struct st_entry *e = &f->entry[i];
        float *x = malloc((size_t)shape_count(&e->tensor.shape) * sizeof *x + 1);

        if (x)
            st_floats(e, x, &err);
        free(x);
        if (st_find(f, e->name) != e)
            abort();
    }
    for (int i = 0; i < f->n_meta; i++)
        if (!st_meta(f, f->meta[i].key))
            abort();
    st_close(f);
    return 0;
}
