/* What C compilers must not see through: values in a chain, and a flag that another thread writes. */
#ifndef PERFLAB_OPAQUE_H
#define PERFLAB_OPAQUE_H

#include <stdint.h>

/* make_opaque(value): afterwards the compiler knows nothing of value, so it can neither fold a loop of additions
 * to n(n-1)/2 (clang and newer gcc do) nor spread it over vector lanes. It costs no instruction with gcc and clang.
 * Elsewhere, and under PERFLAB_NO_ASM, an exclusive or with a zero that must be loaded does the same: add and xor do
 * not associate. The load stands beside the chain, which grows from one cycle to two. */
#if (defined(__GNUC__) || defined(__clang__)) && !defined(PERFLAB_NO_ASM)
#define make_opaque(value) __asm__ volatile("" : "+r"(value))
#else
static const volatile int64_t perflab_unknown_zero = 0;
#define make_opaque(value) ((value) ^= perflab_unknown_zero)
#endif

/* load_flag(pointer): read what another thread may have written since, and what it wrote before that. */
#if defined(__GNUC__) || defined(__clang__)
#define load_flag(pointer) __atomic_load_n((pointer), __ATOMIC_ACQUIRE)
#else
#define load_flag(pointer) (*(const volatile int32_t *)(pointer)) /* MSVC: volatile reads acquire on x86 and x64 */
#endif

#endif
