/* Counters in memory that threads may share, and a chain of additions in a register. */
#ifndef PERFLAB_SHARING_H
#define PERFLAB_SHARING_H

#include "opaque.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define increment_atomically(counter) ((void)_InterlockedIncrement64((volatile __int64 *)(counter)))
#else
#define increment_atomically(counter) ((void)__atomic_fetch_add((counter), 1, __ATOMIC_SEQ_CST))
#endif

/* volatile: each turn loads and stores, as a counter that others see would be. Turns of other threads get lost. */
static void increment_plainly(int64_t *counter, int64_t n) {
    volatile int64_t *seen = counter;
    for (; n > 0; n--) *seen = (int64_t)((uint64_t)*seen + 1);
}

static void increment_in_turn(int64_t *counter, int64_t n) {
    for (; n > 0; n--) increment_atomically(counter);
}

/* n ones, each added to the sum before it: the sum passes through n additions, 16 a turn of the loop. */
static int64_t add_in_a_chain(int64_t n) {
    int64_t total = 0, one = 1;
    make_opaque(one);
#define ADD total += one; make_opaque(total);
#define ADD_4 ADD ADD ADD ADD
    for (; n >= 16; n -= 16) { ADD_4 ADD_4 ADD_4 ADD_4 }
    for (; n > 0; n--) { ADD }
#undef ADD_4
#undef ADD
    return total;
}

#endif
