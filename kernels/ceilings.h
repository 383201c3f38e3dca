/* What the hardware allows: reading without reckoning, reckoning without reading. */
#ifndef PERFLAB_CEILINGS_H
#define PERFLAB_CEILINGS_H

#include "spans.h"

struct kernels {
    const char *name;
    uint64_t (*load_only)(struct span);
    double (*arithmetic)(uint64_t);
};

#define LEVEL_HEADER "ceilings_level.h"
#include "dispatch.h"

#endif
