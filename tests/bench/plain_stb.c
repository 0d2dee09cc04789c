/*
 * plain_stb -- stb_image as anybody would use it: the yardstick of the bench `decode`
 */
#include "tests/bench/decode.h"

#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

uint8_t *decode_plain(const uint8_t *bytes, size_t size, int *width, int *height)
{
    int channels;

    return stbi_load_from_memory(bytes, (int)size, width, height, &channels, 3);
}
