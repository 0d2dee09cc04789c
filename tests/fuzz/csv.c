/* fuzz: any bytes as a table of labels; an index that is made of them is whole */
#include "data/source/table.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size, int n_labels, const char *const *labels)
{
    struct err err = { 0 };
    char *text = malloc(size + 1);
    struct data_source_options opt = { .n_labels = n_labels, .labels = labels };
    struct data_build *b = data_build_new("t.csv", &opt, &err);
    struct data_index *x = NULL;

    if (!text || !b)
        abort();
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    if (data_table_read(text, size, "tests/fuzz/corpus/csv/t.csv", b, &err))
        x = data_build_finish(b, &err);
    data_build_free(b);
    free(text);
    if (!x && (err.kind == ERR_NONE || !err.msg[0]))
        abort();
    for (int i = 0; x && i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];

        if (!s->name[0] || !s->path[0] || s->split > DATA_TEST)
            abort();
        if (x->task == DATA_SINGLE && (s->label < 0 || s->label >= x->n_labels))
            abort();
        for (int j = 0; x->task == DATA_MULTI && j < x->n_labels; j++) {
            if (s->mark[j] < -1 || s->mark[j] > 1)
                abort();
        }
    }
    data_index_free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const labels[] = { "cat", "dog" };

    check(data, size, 0, NULL);
    check(data, size, 2, labels);
    return 0;
}
