/*
 * replay -- runs a fuzz target over its committed corpus, one test a file
 *
 * The folder is tests/fuzz/corpus/NAME for the program NAME.  Put findings of `make fuzz` there.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    char folder[512], path[1024], **name = NULL;
    struct err err = { 0 };
    int n;

    (void)argc;
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", slash ? slash + 1 : argv[0]);
    n = file_list(folder, &name, &err);
    if (n < 1) {
        printf("%s: no corpus: %s\n", folder, err.msg);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        size_t size;
        uint8_t *data;

        snprintf(path, sizeof path, "%s/%s", folder, name[i]);
        data = file_read(path, 64 << 20, &size, &err);
        if (!data) {
            printf("%s\n", err.msg);
            return 1;
        }
        LLVMFuzzerTestOneInput(data, size);
        printf("[       OK ] %s\n", name[i]);
        free(data);
    }
    free(name);
    return 0;
}
