/* fuzz: any bytes as the headers of idx files and as CIFAR's records; what they claim is there */
#include "data/source/arrays.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_told(bool ok, const struct err *err)
{
    if (!ok && (err->kind == ERR_NONE || !err->msg[0]))
        abort();
}

static void as_idx(const uint8_t *data, size_t size)
{
    struct data_raw raw;
    struct err err = { 0 };
    int n;
    bool ok = data_idx_images(data, size, size, &n, &raw, &err);

    check_told(ok, &err);
    if (ok && (n < 1 || raw.width < 1 || raw.height < 1 ||
               (uint64_t)n * (uint64_t)raw.width * (uint64_t)raw.height !=
                   size - DATA_IDX_IMAGES_START))
        abort();
    err.kind = ERR_NONE;
    ok = data_idx_labels(data, size, size, &n, &err);
    check_told(ok, &err);
    if (ok && (size_t)n != size - DATA_IDX_LABELS_START)
        abort();
}

static void as_cifar(const uint8_t *data, size_t size, int label_bytes)
{
    static const char *const names[] = { "plane", "car", "bird" };
    static const struct data_raw raw = { 32, 32, 3, true };
    struct data_cifar c = { label_bytes, names, label_bytes == 1 ? 3 : 0, &raw };
    struct err err = { 0 };
    struct data_build *b = data_build_new("cifar", NULL, &err);
    struct data_index *x = NULL;

    if (!b)
        abort();
    c.label = label_bytes == 1 ? names : NULL;
    if (data_cifar_records(b, &c, "cifar/data_batch_1.bin", data, size, DATA_TRAIN, &err))
        x = data_build_finish(b, &err);
    check_told(x != NULL, &err);
    for (int i = 0; x && i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];

        if (s->offset + 3072 > size || s->label < 0 || s->label >= x->n_labels)
            abort();
    }
    data_index_free(x);
    data_build_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_idx(data, size);
    as_cifar(data, size, 1);
    as_cifar(data, size, 2);
    return 0;
}
