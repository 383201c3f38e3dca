"""An experiment from another distribution, whose cases behave as their parameter says."""

from __future__ import annotations

import os
import signal
import time

from perflab.errors import WrongAnswer
from perflab.model import (
    Arm,
    Case,
    Claim,
    Clause,
    Design,
    Estimand,
    Experiment,
    Group,
    Quantity,
    Relation,
)


def case(behaviour: str) -> Case:
    """The case that behaves as named."""
    return Case(strategy="scripted", params=(("does", behaviour),))


CONTROL = case("steady")
BEHAVIOURS = os.environ.get("SCRIPTED_CASES", "slow raises wrong dies hangs litters").split()
OTHERS = tuple(case(name) for name in BEHAVIOURS)


def probe(opened: Case):
    """Observe a cost that is scripted, not timed; or misbehave."""
    does = opened.param("does")
    if does == "litters":
        _litter()

    def sample(count: int) -> dict[str, float]:
        if does == "raises":
            raise RuntimeError("scripted to raise")
        if does == "wrong":
            raise WrongAnswer("answered 1, expected 2")
        if does == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if does == "hangs":
            time.sleep(1000)
        time.sleep(float(os.environ.get("SCRIPTED_SLEEP", "0")) or 0.0005)
        return {"cost": 2.0 if does == "slow" else 1.0}

    yield sample


def _litter() -> None:
    """Start a worker, make a segment and a semaphore, and close none of them."""
    import multiprocessing
    from multiprocessing import shared_memory

    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=time.sleep, args=(1000,))
    worker.start()
    segment = shared_memory.SharedMemory(create=True, size=4096)
    lock = context.Lock()
    _litter.kept = (worker, segment, lock)


def design(settings) -> Design:
    """Each misbehaving case beside the control, in one host; ``--set`` has no say."""
    arms = (Arm(CONTROL), *(Arm(one, CONTROL, host=f"host-{one.param('does')}") for one in OTHERS))
    claims = [
        Claim(
            f"{one.param('does')}-costs-more",
            "it costs more",
            (Clause(one, "cost", Estimand.RATIO, Relation.ABOVE, 1.5, CONTROL),),
        )
        for one in OTHERS
    ]
    return Design((Group("all", arms),), tuple(claims))


EXPERIMENT = Experiment(
    name="scripted",
    question="Does what fails cost one case only?",
    design=design,
    probe=probe,
    quantities=(Quantity("cost", "points", "scripted"),),
    weight=1,
)
