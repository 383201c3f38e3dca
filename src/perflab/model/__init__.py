"""The nouns of the lab: frozen, slotted, free of behaviour that measures, reads files or prints.

Every other module may import them, from this package; they import none of it. Each module of the package builds on
those before it: ``words``, ``cases``; ``claims`` and ``figures``, which speak of cases; ``designs``, made of them;
``plans`` and settings; ``components``, found by their place; ``records`` of a run; ``results``, derived from them.
"""

from perflab.model.cases import STANDARD_QUANTITIES, Case, Number, Observation, Params, Quantity
from perflab.model.claims import Claim, Clause
from perflab.model.components import Call, Experiment, Part, Probe, Sample, Strategy, Task, Workload
from perflab.model.designs import Arm, Design, Group
from perflab.model.figures import Choice, Curve, Figure, Guide, Mark, Reference
from perflab.model.plans import PARALLEL_NS, PLANS, Plan, Settings, Thresholds
from perflab.model.records import BlockRecord, Failure, GroupRecord, RoundRecord, Run
from perflab.model.results import Analysis, CaseSummary, ClauseResult, Estimate, Judgement
from perflab.model.words import Estimand, Relation, Role, Verdict, Word

__all__ = [
    "PARALLEL_NS",
    "PLANS",
    "STANDARD_QUANTITIES",
    "Analysis",
    "Arm",
    "BlockRecord",
    "Call",
    "Case",
    "CaseSummary",
    "Choice",
    "Claim",
    "Clause",
    "ClauseResult",
    "Curve",
    "Design",
    "Estimand",
    "Estimate",
    "Experiment",
    "Failure",
    "Figure",
    "Group",
    "GroupRecord",
    "Guide",
    "Judgement",
    "Mark",
    "Number",
    "Observation",
    "Params",
    "Part",
    "Plan",
    "Probe",
    "Quantity",
    "Reference",
    "Relation",
    "Role",
    "RoundRecord",
    "Run",
    "Sample",
    "Settings",
    "Strategy",
    "Task",
    "Thresholds",
    "Verdict",
    "Word",
    "Workload",
]
