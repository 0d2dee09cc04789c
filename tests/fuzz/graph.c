/* fuzz: any bytes as a graph text; what is read writes a text that reads the same */
#include "nn/graph.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct nn_var vars[] = { { "classes", 10 }, { "size", 32 } };
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read((const char *)data, size, 2, vars, &err), *again;
    struct str text = { 0 };

    if (!g) {
        if (err.kind == ERR_NONE || !err.msg[0])
            abort();
        return 0;
    }
    if (!nn_graph_check(g, &err) || !nn_graph_write(g, &text))
        abort();
    again = nn_graph_read(str_text(&text), text.len, 0, NULL, &err);
    if (!again || !nn_graph_equal(g, again))
        abort();
    nn_graph_free(again);
    nn_graph_free(g);
    str_release(&text);
    return 0;
}
