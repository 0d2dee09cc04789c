/*
 * block -- see block.h
 */
#include "nn/base/block.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { LINE = 64, HUGE_PAGE = 2 << 20 };

void *block_new(size_t bytes)
{
    size_t align = bytes < 2 * (size_t)HUGE_PAGE ? LINE : HUGE_PAGE;
    void *block;

    if (bytes > PTRDIFF_MAX - align)         /* sanitizers abort where malloc would only fail */
        return NULL;
    if (posix_memalign(&block, align, (bytes + LINE - 1) / LINE * LINE + (bytes ? 0 : LINE)))
        return NULL;
    if (align == HUGE_PAGE)
        madvise(block, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return block;
}

void block_free(void *block)
{
    free(block);
}
