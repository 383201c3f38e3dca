/* A one-dimensional input: where it begins, how far its elements are apart in bytes, how many they are. */
#ifndef PERFLAB_SPANS_H
#define PERFLAB_SPANS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *first;
    ptrdiff_t stride;
    ptrdiff_t count;
};

/* Cuts the first `most` elements off. */
static inline struct span take(struct span *rest, ptrdiff_t most) {
    struct span part = *rest;
    if (part.count > most) part.count = most;
    rest->first += part.count * rest->stride;
    rest->count -= part.count;
    return part;
}

/* Whether any of the words, taken as they lie there, differs from `word` (or, with `equal`, is it). */
static inline int any_word(struct span all, uint64_t word, int equal) {
    for (; all.count; all.count--, all.first += all.stride) {
        uint64_t found;
        memcpy(&found, all.first, sizeof found);
        if ((found == word) == equal) return 1;
    }
    return 0;
}

/* From here on a vector counts as read from memory: part of it is where a third-level cache has 32 MiB. */
#define DISTANT_BYTES ((ptrdiff_t)12 << 20)

/* Vectors that a second-level cache holds are read half beside half, in two streams: on an AMD EPYC of family 26 with
 * vectors of 32 bytes that is 1.1 to 1.3 times as fast as one stream, with those of 64 bytes as fast, or 1.05 to 1.2
 * times where each load crosses a line and so asks for two at once, which pays up to two fifths of that cache. */
#define BESIDE_FROM ((ptrdiff_t)56 << 10)
#define CROSSING_BELOW ((ptrdiff_t)448 << 10)
#define BESIDE_BELOW ((ptrdiff_t)704 << 10)

#define NEGATIVE_ZERO_BITS UINT64_C(0x8000000000000000)

#endif
