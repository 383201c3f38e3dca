"""Asks whether processes share global variables, and what a child finds in them when it starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from perflab.experiments._facts import told, transcript
from perflab.model import (
    Arm,
    Case,
    Claim,
    Design,
    Estimand,
    Experiment,
    Figure,
    Group,
    Mark,
    Observation,
    Quantity,
    Role,
    Sample,
    Settings,
)
from perflab.outcomes import always
from perflab.programs import run_program

QUANTITIES = (
    Quantity("printed", "", "what two children and their parent print of a global that each child adds to"),
    Quantity("inherited", "", "which value a child finds in a global that its parent changed before starting it"),
    Quantity("subclass", "", "what an object of a subclass, with a run() of its own, reports once it is joined"),
)

APART = "child 1: 15, child 2: 20, parent: 10"
TOGETHER = "child 1: 15, child 2: 25, parent: 25"
OF_PARENT, OF_MODULE = "parent", "module"
RAN = "7 doubled is 14"

TASKS = """
def task1():
    global num
    num += 5
    print("child 1:", num)
    print("inherited:", mark)

def task2():
    global num
    num += 10
    print("child 2:", num)
"""

SUBCLASS = """
class Doubler(Worker):
    def __init__(self, number):
        super().__init__()
        self.number = number

    def run(self):
        print("subclass:", self.number, "doubled is", 2 * self.number)
"""

AT_MODULE = (
    """
import multiprocessing

Worker = multiprocessing.get_context("METHOD").Process
num = 10
mark = "module"
"""
    + TASKS
    + SUBCLASS
    + """
if __name__ == "__main__":
    mark = "parent"
    children = [Worker(target=task1), Worker(target=task2), Doubler(7)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    print("parent:", num)
"""
)
"""The tutorial's first program with the guard that it lacks; a second global is changed before the start."""

UNDER_GUARD = (
    """
import multiprocessing

Worker = multiprocessing.get_context("METHOD").Process
mark = "module"
"""
    + TASKS
    + """
if __name__ == "__main__":
    num = 10
    children = [Worker(target=task1), Worker(target=task2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    print("parent:", num)
"""
)
"""The tutorial's second program, which sets the number under the guard: only a parent ever does that."""

IN_THREADS = (
    """
from threading import Thread as Worker

num = 10
mark = "module"
"""
    + TASKS
    + SUBCLASS
    + """
mark = "parent"
for thread in [Worker(target=task1), Worker(target=task2), Doubler(7)]:
    thread.start()
    thread.join()
print("parent:", num)
"""
)
"""The control: what sharing would print. One after the other, because threads that add at once could race."""

PROGRAMS: Mapping[str, str] = {"at module level": AT_MODULE, "under the guard": UNDER_GUARD, "": IN_THREADS}
"""By where they set the number."""

THREAD = Case(strategy="thread")


def design(settings: Settings) -> Design:
    """Both programs by each start method, and the same in threads."""
    methods = settings.chosen_start_methods
    module, guard = ([_case(method, place) for method in methods] for place in ("at module level", "under the guard"))
    arms = tuple(Arm(case) for case in (THREAD, *module, *guard))
    claims = (
        _apart(module),
        _copied(module),
        _imported(module),
        Claim(
            "S11-guard",
            "The tutorial's second program, which sets its number under the guard, prints 15, 20 and 10",
            tuple(
                always(case, "printed", APART, f"{case.start_method}, set under the guard") for case in _freshest(guard)
            ),
            ("S11",),
            conditions="by each start method; the children are said to print 15 and 20, and the parent 10",
        ),
        _subclassed(module),
    )
    return Design((Group("programs", arms, single=True),), claims, (_figure(module, guard),))


def _case(method: str, place: str) -> Case:
    return Case(strategy="process", start_method=method, params=(("number", place),))


def _freshest(cases: list[Case]) -> list[Case]:
    """Those first that begin with a fresh interpreter: a claim's own value is that of its first clause."""
    return sorted(cases, key=lambda case: case.start_method == "fork")


def _apart(module: list[Case]) -> Claim:
    shared = always(THREAD, "printed", TOGETHER, "two threads print 15 and 25, and 25 is left", Role.SUPPORTS)
    clauses = (always(case, "printed", APART, f"{case.start_method} prints 15, 20 and 10") for case in module)
    return Claim(
        "S11",
        "Processes share no globals: the children print 15 and 20, the parent 10",
        (*clauses, shared),
        ("S11",),
        conditions="the tutorial's first program, with the guard that some start methods need",
    )


def _copied(module: list[Case]) -> Claim:
    clauses = (
        always(case, "inherited", OF_PARENT, f"{case.start_method}, a copy of the parent's")
        for case in _freshest(module)
    )
    return Claim(
        "S11-copy",
        "A child begins with a copy of its parent's variables, because starting it forks the parent",
        tuple(clauses),
        ("S11",),
        conditions="a global that the parent changed before the start, by each start method",
    )


def _imported(module: list[Case]) -> Claim:
    fresh = [case for case in module if case.start_method != "fork"]
    clauses = (always(case, "inherited", OF_MODULE, f"{case.start_method}, as the module sets it") for case in fresh)
    return Claim(
        "S11-import",
        "A child that is not forked from its parent begins with the variables of the module, imported again",
        tuple(clauses),
        ("S11",),
        conditions="a global that the parent changed before the start, under spawn and forkserver",
        not_applicable="" if fresh else "only fork is measured, and it starts no process in another way",
    )


def _subclassed(module: list[Case]) -> Claim:
    cases = [(case, f"a subclass of Process, {case.start_method}") for case in module]
    return Claim(
        "S12",
        "Process can be subclassed like Thread",
        tuple(always(case, "subclass", RAN, label) for case, label in [*cases, (THREAD, "a subclass of Thread")]),
        ("S12",),
        conditions="a class with an __init__ and a run() of its own; its attributes reach the child",
    )


def _figure(module: list[Case], guard: list[Case]) -> Figure:
    marks = [Mark(case, case.start_method, series="set at module level") for case in module]
    marks += [Mark(case, case.start_method, series="set under the guard") for case in guard]
    return Figure(
        "globals-printed",
        "How often the tutorial's programs print 15, 20 and 10",
        "strip",
        "printed",
        Estimand.SHARE,
        tuple(marks),
        log=False,
        claims=("S11", "S11-guard"),
    )


def probe(case: Case) -> Iterator[Sample]:
    """One sample runs the program; its lines are told apart by their first words."""
    place = str(case.param("number"))
    source = PROGRAMS[place].replace("METHOD", case.start_method)

    def sample(count: int) -> Mapping[str, Observation]:
        ended = run_program(source)
        printed = {"printed": transcript(ended, without=("inherited", "subclass"))}
        if place == "under the guard":
            return printed
        return {**printed, "inherited": told(ended, "inherited"), "subclass": told(ended, "subclass")}

    yield sample


EXPERIMENT = Experiment(
    name="globals",
    question="Do processes share global variables, and what does a child find in them?",
    design=design,
    probe=probe,
    quantities=QUANTITIES,
    how=(
        "Whole programs are run, each from a file of its own, and what all of their processes print is compared with "
        "what is expected. Two children add 5 and 10 to one global number; a second global is changed by the parent "
        "before it starts them, and a child says which value it finds; a third child is an object of a subclass. The "
        "tutorial's second program sets the number under the main guard, where only the parent ever comes by. The same "
        "tasks in two threads show what sharing would print: 15, 25 and 25. Lines are sorted, because processes print "
        "in no certain order."
    ),
    limits=(
        "A program that sets its globals under the guard works with fork alone: with spawn and forkserver the children "
        "import the module again, do not find the number, and end with a NameError while the parent prints 10. As they "
        "are printed, the tutorial's programs are no Python at all (`def task1:` lacks its parentheses, and the "
        "indentation is lost); here they are written anew with the same numbers. The threads of the control run one "
        "after the other, so that they cannot race."
    ),
    weight=2.5,
    place=50,
)
