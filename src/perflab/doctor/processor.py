"""The cores and the clock: how many there really are, how fast they run, how finely time can be told."""

from __future__ import annotations

from perflab.doctor.record import Finding, Record, fine, note, unknown, warning
from perflab.units import human

STEADY = frozenset({"performance"})
"""The governor that keeps the highest clock whatever the load."""

SLOW = frozenset({"powersave"})
"""The lowest clock whatever the load, except under the drivers that only borrow its name."""

SCALES_ITSELF = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")
"""Drivers whose "powersave" follows the load, as schedutil does elsewhere."""

GOOD_SOURCES = frozenset({"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "riscv_clocksource"})
"""Read by the process itself, without a system call."""

SLOW_SOURCES = frozenset({"hpet", "acpi_pm", "pit", "jiffies", "refined-jiffies"})
"""Each reading is a system call and a slow device, or a tick of ms."""

COST_ABOVE_NS = 1000.0
"""A reading without a system call costs Python some 50 to 100 ns; a µs means a system call or a trap."""

STEP_ABOVE_NS = 120_000
"""1 % of the shortest sample that a plan takes (12 ms): a coarser clock rounds away what a run resolves."""


def cores(record: Record) -> Finding:
    """Every answer to "how many cores", where they disagree and where there is but one."""
    effective = record.cores.get("effective")
    answers = {name: count for name, count in record.cores.items() if count and name != "effective"}
    if not effective or not answers:
        effect = "more workers than cores take turns, and look slow"
        return unknown("cores", "how many cores may be used", effect, "give the workers by --set workers=…")
    told = ", ".join(f"{name.replace('_', ' ')} {count:g}" for name, count in answers.items())
    found = f"{effective:g} usable ({told})"
    if effective < 2:
        effect = "nothing can run in parallel: threads and processes can only take turns"
        return warning("cores", found, effect, "allow two cores or more (taskset, docker --cpus)")
    if len(set(answers.values())) > 1:
        effect = "the answers disagree: what goes by another one starts more workers than there are cores"
        return note("cores", found, effect, "perflab goes by the least; tell other programs their number of workers")
    return fine("cores", found, "all answers agree")


def smt(record: Record) -> Finding:
    """Whether usable CPUs share a core; what a virtual machine says of it is hearsay."""
    effect = "two busy CPUs of one core gain far less than two cores"
    remedy = "compare with the ceiling of the same run, or keep to one CPU of each core (taskset)"
    if not record.siblings:
        return unknown("smt", "which CPUs share a core", effect, remedy)
    usable, real = len(record.siblings), len(set(record.siblings))
    if real < usable:
        return note("smt", f"{usable} usable CPUs on {real} {'core' if real == 1 else 'cores'}", effect, remedy)
    if any(len(one) > 1 for one in record.siblings):
        effect = "a neighbour on the other half of a core slows it, unseen by the load of this half"
        return note("smt", f"{usable} cores, whose other CPUs are not ours to use", effect, "keep those CPUs idle")
    if record.hypervisor:
        return note("smt", f"{usable} CPUs, none shares a core: so says the hypervisor", effect, remedy)
    return fine("smt", f"{usable} CPUs, each a core of its own", "each worker can have a core")


def governor(record: Record) -> Finding:
    """How the clock follows the load, and whether all cores do it alike."""
    effect = "the clock changes with the load: the first samples are slower than the rest"
    remedy = "cpupower frequency-set -g performance"
    if not record.governors:
        return unknown("governor", "how its clock is governed", effect, "watch for drift over the rounds of a run")
    found = ", ".join(sorted(record.governors)) + (f" ({record.scaling_driver})" if record.scaling_driver else "")
    if len(record.governors) > 1:
        return warning("governor", found, "cores differ: a sample depends on where it ran", remedy)
    if record.governors & SLOW and record.scaling_driver not in SCALES_ITSELF:
        return warning("governor", found, "the lowest clock: memory looks faster than it is, beside the cores", remedy)
    if record.governors <= STEADY:
        return fine("governor", found, "the clock does not wait for load")
    return note("governor", found, effect, remedy)


def turbo(record: Record) -> Finding:
    """Whether one busy core runs faster than all of them can."""
    effect = "one busy core runs faster than all together: speed-ups by workers look smaller than they are"
    if record.turbo is None:
        return unknown("turbo", "whether its clock is boosted", effect, "read speed-ups beside the run's ceiling")
    if record.turbo:
        remedy = "read speed-ups beside the ceiling, or switch it off (…/cpufreq/boost, …/intel_pstate/no_turbo)"
        return note("turbo", "on", effect, remedy)
    return fine("turbo", "off", "the clock is the same for one busy core and for all")


def clock(record: Record) -> Finding:
    """What a reading of the lab's clock costs, and the least step it makes: both measured."""
    step, cost = record.clock_step_ns, record.clock_cost_ns
    effect = "nothing shorter than a step, or than a reading, can be told"
    if step is None or cost is None:
        return unknown("clock", "how finely it tells time", effect, "take longer samples (--full)")
    found = f"a reading costs {human(cost, 'ns')}, the least step seen is {human(step, 'ns')}"
    if step > STEP_ABOVE_NS:
        return warning("clock", found, "samples are rounded to more than 1 %", "take longer samples (--full)")
    if cost > COST_ABOVE_NS:
        effect = "operations of µs are measured with a clock that takes as long"
        return note("clock", found, effect, "choose a clock source that needs no system call: see clock-source")
    return fine("clock", found, f"{effect}; samples last 12 ms and more")


def clock_source(record: Record) -> Finding:
    """What the kernel tells the time by."""
    effect = "a slow source makes each reading a system call"
    if record.clock_source is None:
        return unknown("clock-source", "its clock source", effect, "go by the measured cost of the clock")
    if record.clock_source in SLOW_SOURCES:
        remedy = "find out why the kernel gave up tsc (dmesg | grep -i clocksource); boot with tsc=reliable if it may"
        return warning("clock-source", record.clock_source, effect, remedy)
    if record.clock_source in GOOD_SOURCES:
        return fine("clock-source", record.clock_source, "read without a system call")
    return note("clock-source", record.clock_source, effect, "go by the measured cost of the clock")
