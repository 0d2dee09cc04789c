/* fuzz: any bytes as a table of labels; an index that is made of them is whole */
#include "data/csv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size, int n_labels, const char *const *labels)
{
    struct err err = { 0 };
    char *text = malloc(size + 1);
    struct data_index *x;

    if (!text)
        return;
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    x = data_csv_index(text, size, "tests/fuzz/corpus/csv/t.csv", n_labels, labels, &err);
    free(text);
    if (!x && (err.kind == ERR_NONE || !err.msg[0]))
        abort();
    for (int i = 0; x && i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];

        if (!s->name[0] || !s->path[0] || s->split > DATA_TEST)
            abort();
        for (int j = 0; j < x->n_labels; j++) {
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
