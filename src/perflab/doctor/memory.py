"""Memory: pages, addresses, how much is free, and whether any of it is on disk."""

from __future__ import annotations

from perflab.doctor.record import Finding, Record, fine, note, unknown, warning
from perflab.units import human

RANDOM = 2
"""What the kernel calls a layout randomised in full: stack, mappings and heap."""

WARN_FREE_BYTES = 512 * 2**20
"""A block is refused that needs half of what is free: the full plan's largest asks for 165 MiB, beside processes."""

NOTE_FREE_BYTES = 2 * 2**30
"""Room for those inputs, an interpreter with numpy (some 50 MiB) for each of a dozen workers, and the page cache."""

WARN_SHARED_BYTES = 256 * 2**20
"""The inputs of one block may all be segments at once, 165 MiB in the full plan; containers get 64 MiB unless told."""


def huge_pages(record: Record) -> Finding:
    """When the kernel gives memory in pages of 2 MiB."""
    effect = "memory grows in steps of 2 MiB, and first touches cost differently from block to block"
    remedy = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
    if record.huge_pages is None:
        return unknown("huge-pages", "how it gives huge pages", effect, "compare memory within one machine only")
    if record.huge_pages == "always":
        return note("huge-pages", "always", effect, remedy)
    if record.huge_pages == "madvise":
        effect = "only who asks gets them; numpy does for large arrays, segments have a setting of their own"
        return fine("huge-pages", "madvise", effect)
    return fine("huge-pages", record.huge_pages, "all memory comes in small pages")


def aslr(record: Record) -> Finding:
    """Whether each process draws a layout of its own, as the statistics need it."""
    effect = "all blocks share one layout and its luck: intervals are too narrow"
    if record.fixed_layout:
        return warning("aslr", "switched off for this process", effect, "start perflab without setarch -R, or debugger")
    if record.aslr is None:
        return unknown("aslr", "whether addresses are randomised", effect, "repeat the run after a reboot")
    if record.aslr == 0:
        return warning("aslr", "off", effect, "sysctl kernel.randomize_va_space=2")
    if record.aslr < RANDOM:
        return note("aslr", "on, but not for the heap", effect, "sysctl kernel.randomize_va_space=2")
    return fine("aslr", "on", "each block draws a layout of its own, so that its luck averages out")


def swap(record: Record) -> Finding:
    """Whether memory lies on disk, or goes there just now."""
    total, used, moving = record.swap_bytes, record.swap_used_bytes, record.passed.swapped_pages
    effect = "a page that must be fetched from disk costs ms in the middle of a sample"
    if moving:
        found = f"{moving} pages moved while it was watched"
        return warning("swap", found, effect, "end what uses the memory, then swapoff -a && swapon -a")
    if total is None or used is None:
        return unknown("swap", "whether memory is on disk", effect, "keep enough memory free")
    if used:
        found = f"{human(used, 'bytes')} of {human(total, 'bytes')} in use, none moving just now"
        return note("swap", found, effect, "swapoff -a && swapon -a, once there is enough free memory")
    return fine("swap", f"none of {human(total, 'bytes')} in use" if total else "there is none", "no page is on disk")


def memory(record: Record) -> Finding:
    """How much memory a run may use without swapping."""
    effect = "a block that needs more than half of it is refused; near the end of it the kernel drops caches, or swaps"
    if record.free_bytes is None:
        return unknown("memory", "how much is free", effect, "choose smaller inputs (--set size=…) if it swaps")
    found = f"{human(record.free_bytes, 'bytes')} may be used"
    if record.free_bytes < WARN_FREE_BYTES:
        return warning("memory", found, effect, "end what uses it, raise the container's limit, or --set size=1e6")
    if record.free_bytes < NOTE_FREE_BYTES:
        return note("memory", found, effect, "keep to the quick or the default plan, or to --set size=…")
    return fine("memory", found, "enough for every plan")


def shared_memory(record: Record) -> Finding:
    """How much room segments of shared memory have."""
    effect = "a segment beyond it fails, or kills its writer with SIGBUS"
    if record.shared_free_bytes is None:
        return unknown("shared-memory", "how large segments may become", effect, "keep inputs small (--set size=…)")
    found = f"{human(record.shared_free_bytes, 'bytes')} free in /dev/shm"
    if record.shared_free_bytes < WARN_SHARED_BYTES:
        return warning("shared-memory", found, effect, "docker --shm-size=1g, or remove what was left in /dev/shm")
    return fine("shared-memory", found, "segments have room")
