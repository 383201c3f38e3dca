/* One source, compiled once for each instruction set; which of them runs is chosen at import.
 *
 * Before including this, define LEVEL_HEADER, the header with the bodies, and `struct kernels`, the table of pointers
 * to them, whose first member is `const char *name`. LEVEL_HEADER is included once a level and ends by defining the
 * table NAME(table). It finds, defined for the level:
 *
 *   NAME(stem)      stem with the level's name appended
 *   VECTOR_BYTES    width of a vector; 0: no vectors, plain C on single elements
 *   TARGET          the attribute that lets the compiler use the level's instructions
 *   INLINE          what a helper begins with; it is inlined whatever the flags say
 *   APART           what a function begins with that is never inlined
 *   FUSE(x, one)    x, in a form that may become part of a fused multiply-add (see below)
 *   NOT_UNROLLED    before a loop whose body shall stand in the machine code once
 *   HIDE(pointer)   in it: the compiler no longer knows where pointer points, and moves no load out
 *
 * No -march=native: the binary runs everywhere. No target_clones: they can't be forced, and need ifunc, which musl and
 * macOS lack. No -ffast-math: it would take the compensation, the bins and the signs of zeros away.
 *
 * FUSE: where the level has fused multiply-add, x * one + y with a `one` that the compiler can't see is the exact sum
 * x + y, rounded once, and bit for bit that of the addition. Cores whose adders and multipliers are different units
 * (AMD's since Zen 3) so do twice as many additions a cycle; on others nothing changes. */
#ifndef PERFLAB_DISPATCH_H
#define PERFLAB_DISPATCH_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(_MSC_VER) && defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#error "perflab's sums need arithmetic without excess precision: build with -msse2 -mfpmath=sse"
#endif

#if (defined(__GNUC__) || defined(__clang__)) && !defined(PERFLAB_SCALAR_ONLY)
#define HAVE_VECTORS 1
#else
#define HAVE_VECTORS 0
#endif

#if HAVE_VECTORS && defined(__x86_64__)
#define HAVE_X86_LEVELS 1
#include <immintrin.h>
#else
#define HAVE_X86_LEVELS 0
#endif

#if defined(__clang__)
#define NOT_UNROLLED _Pragma("clang loop unroll(disable)")
#elif defined(__GNUC__)
#define NOT_UNROLLED _Pragma("GCC unroll 1")
#else
#define NOT_UNROLLED
#endif

#if defined(__GNUC__) || defined(__clang__)
#define HIDE(pointer) __asm__ volatile("" : "+r"(pointer))
#else
#define HIDE(pointer) (void)(pointer)
#endif

#if defined(__GNUC__) || defined(__clang__)
#define FORCE_INLINE static inline __attribute__((always_inline, unused))
#define NEVER_INLINE static __attribute__((noinline, unused))
#define ALIGN_64 __attribute__((aligned(64)))
#else
#define FORCE_INLINE static __forceinline
#define NEVER_INLINE static __declspec(noinline)
#define ALIGN_64 __declspec(align(64))
#endif

#define PASTED(stem, level) stem##_##level
#define PASTE(stem, level) PASTED(stem, level)
#define NAME(stem) PASTE(stem, LEVEL)
#define INLINE FORCE_INLINE TARGET
#define APART NEVER_INLINE TARGET

/* Read where a value must be opaque; volatile, so that no compiler and no link-time pass knows it. */
static const volatile double unseen_one = 1.0;

#endif

/* --- the levels, best first ------------------------------------------------------------------------------------ */

#if HAVE_X86_LEVELS
#define LEVEL v4
#define VECTOR_BYTES 64
#define TARGET __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi,bmi2")))
#define FUSE(x, one) ((x) * (one))
#define LARGER(a, b) _mm512_max_pd(a, b)
#include LEVEL_HEADER
#undef LEVEL
#undef VECTOR_BYTES
#undef TARGET
#undef LARGER

#define LEVEL v3
#define VECTOR_BYTES 32
#define TARGET __attribute__((target("avx2,fma,bmi,bmi2")))
#define LARGER(a, b) _mm256_max_pd(a, b)
#include LEVEL_HEADER
#undef LEVEL
#undef VECTOR_BYTES
#undef TARGET
#undef FUSE
#undef LARGER
#endif

#if HAVE_VECTORS
#define LEVEL baseline
#define VECTOR_BYTES 16
#define TARGET
#define FUSE(x, one) (x)
#if HAVE_X86_LEVELS
#define LARGER(a, b) _mm_max_pd(a, b)
#endif
#include LEVEL_HEADER
#undef LEVEL
#undef VECTOR_BYTES
#undef TARGET
#undef FUSE
#undef LARGER
#endif

#define LEVEL scalar
#define VECTOR_BYTES 0
#define TARGET
#define FUSE(x, one) (x)
#include LEVEL_HEADER
#undef LEVEL
#undef VECTOR_BYTES
#undef TARGET
#undef FUSE

/* --- the choice ------------------------------------------------------------------------------------------------ */

#define MOST_LEVELS 4

/* Written once, while the module is imported. */
static const struct kernels *level_found[MOST_LEVELS], *level_chosen;
static int levels_found;

/* Finds the levels that this processor and its system can run, best first, and chooses the best. */
static void find_levels(void) {
    const struct kernels **found = level_found;
    int count = 0;
#if HAVE_X86_LEVELS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2")) {
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl"))
            found[count++] = &table_v4;
        found[count++] = &table_v3;
    }
#endif
#if HAVE_VECTORS
    found[count++] = &table_baseline;
#endif
    found[count++] = &table_scalar;
    levels_found = count;
    level_chosen = found[0];
}

/* NULL: not among those found. */
static const struct kernels *level_named(const char *name) {
    for (int i = 0; i < levels_found; i++)
        if (strcmp(level_found[i]->name, name) == 0) return level_found[i];
    return NULL;
}

static void choose_level(const struct kernels *level) { level_chosen = level; }
