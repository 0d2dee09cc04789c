/* fuzz: any bytes as JSON of labels; an index that is made of them is whole */
#include "tests/fuzz/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const formats[8] = { NULL, "jsonl", "coco" };

    table_fuzz(data, size, "tests/fuzz/corpus/jsonl", formats);
    return 0;
}
