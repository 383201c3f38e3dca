"""How the time of a run is shared among its experiments, and how much of it is left."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Progress:
    """What is left to do, in weights and measured seconds: the basis of "time left"."""

    weights: dict[str, float]
    deadline_ns: int
    seconds: dict[str, float] = field(default_factory=dict)

    def share_ns(self, name: str, now_ns: int) -> int:
        """The instant by which ``name`` has used its share of the time left, by weight among those not yet done."""
        waiting = sum(weight for other, weight in self.weights.items() if other not in self.seconds)
        return now_ns + int(max(0, self.deadline_ns - now_ns) * self.weights[name] / waiting)

    def left_s(self, name: str, elapsed_s: float, done: int, planned: int, now_ns: int) -> float:
        """Seconds left: the current experiment's at its pace, the others' at the pace per weight seen so far."""
        current = elapsed_s / done * max(planned, done) if done else None
        seen = sum(self.seconds.values()) + (current or 0)
        weight = sum(self.weights[one] for one in self.seconds) + (self.weights[name] if current else 0)
        ahead = [one for one in self.weights if one not in self.seconds and (one != name or not current)]
        budget_left = max(0.0, (self.deadline_ns - now_ns) / 1e9)
        if not weight:
            return budget_left
        left = sum(self.weights[one] for one in ahead) * seen / weight + ((current or elapsed_s) - elapsed_s)
        return min(left, budget_left)
