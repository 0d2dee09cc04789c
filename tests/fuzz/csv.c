/* fuzz: any bytes as a table of labels, in every form; an index that is made of them is whole */
#include "tests/fuzz/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const formats[8] = { NULL, "csv", "cells", "long", "vertex" };

    table_fuzz(data, size, "tests/fuzz/corpus/csv", formats);
    return 0;
}
