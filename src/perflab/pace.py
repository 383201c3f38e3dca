"""How much of a run's time is left, and which experiments would be worth more of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Open:
    """What an experiment left open: whether any claim of the tutorial's, and the share of a block that it needs."""

    taught: bool
    share: float = 1.0


@dataclass(slots=True)
class Progress:
    """What is left to do, in weights and measured seconds: the basis of "time left"."""

    weights: dict[str, float]
    deadline_ns: int
    seconds: dict[str, float] = field(default_factory=dict)
    still_open: dict[str, Open] = field(default_factory=dict)
    """Experiments that were measured and have claims which more blocks might decide."""

    def finish(self, name: str, seconds: float) -> None:
        """Note the seconds of a visit to an experiment; whether another would be worth while is said afterwards."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.still_open.pop(name, None)

    def left_s(self, name: str, elapsed_s: float, done: int, planned: int, now_ns: int) -> float:
        """Seconds left: the current experiment's at its pace, the others' at the pace per weight seen so far.

        All of the budget's, once a claim was left open: what is left over goes to those.
        """
        current = elapsed_s / done * max(planned, done) if done else None
        seen = sum(self.seconds.values()) + (current or 0)
        weight = sum(self.weights[one] for one in self.seconds) + (self.weights[name] if current else 0)
        ahead = [one for one in self.weights if one not in self.seconds and (one != name or not current)]
        budget_left = max(0.0, (self.deadline_ns - now_ns) / 1e9)
        if not weight or self.still_open:
            return budget_left
        left = sum(self.weights[one] for one in ahead) * seen / weight + ((current or elapsed_s) - elapsed_s)
        return min(left, budget_left)
