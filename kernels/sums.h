/* Sums of vectors at all levels: what the levels share, then the levels themselves. See docs/kernels.md. */
#ifndef PERFLAB_SUMS_H
#define PERFLAB_SUMS_H

#include "spans.h"
#include "exact.h"
#include "binned.h"

struct wide { /* a two's complement integer of 128 bits */
    int64_t high;
    uint64_t low;
};

struct kernels {
    const char *name;
    int lanes;
    double (*float64)(struct span);
    void (*float64_lanes)(struct span, int, double *); /* the lanes of the sum of aligned rows, distant or not, or of
                                                          less than one row */
    float (*float32)(struct span);
    struct wide (*int64)(struct span);
    double (*compensated)(struct span);
    void (*deposit)(struct binned *, struct span);
};

static void wide_add(struct wide *to, struct wide by) {
    to->low += by.low;
    to->high = (int64_t)((uint64_t)to->high + (uint64_t)by.high + (to->low < by.low));
}

static double binned_sum(const struct kernels *level, struct span all) {
    struct binned state = binned_nothing();
    level->deposit(&state, all);
    return binned_value(&state);
}

#define LEVEL_HEADER "sums_level.h"
#include "dispatch.h"

#endif
