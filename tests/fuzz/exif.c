/* fuzz: any bytes as EXIF data */
#include "data/exif.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int orientation = data_exif_orientation(data, size);
    const char *kind = data_exif_kind(data, size);

    if (orientation < 1 || orientation > 8 || (orientation > 1 && !kind))
        abort();
    return 0;
}
