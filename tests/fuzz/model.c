/* fuzz: any bytes as a model file; a model that is read is whole */
#include "infer/model.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = { 0 };
    struct infer_model *m = infer_model_parse(data, size, &err);

    if (!m) {
        if (err.kind == ERR_NONE || !err.msg[0])
            abort();
        return 0;
    }
    if (!nn_graph_check(m->graph, &err) || m->n_labels < 1 || !m->arch || !m->provenance)
        abort();
    infer_model_free(m);
    return 0;
}
