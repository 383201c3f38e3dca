"""Figures: same bytes each time, nothing clipped or covered, and never a crash."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from perflab import registry
from perflab.model import Case, Curve, Estimand, Estimate, Figure, Mark, Quantity, Reference, Verdict
from perflab.report import circumstances, figures, layout, palette, plots
from perflab.report.content import Drawing

LONG = "a rather long name of a case that cannot possibly stand in one line of the label column"
LOUD = Quantity("wall_ns", "ns", "wall time of one warm call")


def estimate(centre: float, blocks: int = 12) -> Estimate:
    values = tuple(centre * (1 + 0.01 * (number - blocks / 2)) for number in range(blocks))
    return Estimate(centre, min(values), max(values), values)


def drawing(
    count: int, kind: str = "strip", estimand: Estimand = Estimand.RATIO, label: str = "case", **more
) -> Drawing:
    marks = tuple(
        Mark(Case("w", strategy=f"s{n}"), f"{label} {n}", series=f"series {n % 5}" if kind == "lines" else "", x=2.0**n)
        for n in range(count)
    )
    references = (Reference(1.0, "control"), Reference(1.02, "almost the control"), Reference(2.0, "ceiling"))
    figure = Figure("f", "One message, told in the title", kind, "wall_ns", estimand, marks, references=references)
    estimates = tuple(estimate(1.0 + 0.3 * n) for n in range(count))
    verdicts = (("S01", Verdict.CONFIRMED, "a sentence"), ("S02", Verdict.REFUTED, LONG * 3))
    return replace(Drawing("f", figure, LOUD, estimates, verdicts), **more)


def text_boxes(sheet: figures.Sheet) -> dict[str, tuple[float, float, float, float]]:
    """Every text that is drawn, with its left, low, right and high edge as fractions of the sheet."""
    renderer = FigureCanvasAgg(sheet.canvas).get_renderer()
    texts = [text for text in sheet.canvas.axes[0].texts if text.get_text().strip()]
    width, height = sheet.canvas.bbox.width, sheet.canvas.bbox.height
    found = {}
    for number, text in enumerate(texts):
        box = text.get_window_extent(renderer)
        found[f"{number} {text.get_text()}"] = (box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height)
    return found


def touch(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two boxes share more than a hair of area."""
    across, along = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return across > 0.001 and along > 0.002


@pytest.mark.parametrize("kind", ["strip", "lines"])
@pytest.mark.parametrize("count", [2, 20])
@pytest.mark.parametrize("label", ["case", LONG, "unbreakable" * 9])
def test_no_text_is_clipped_or_covered(kind: str, count: int, label: str) -> None:
    """Labels, values, ticks, references and title stay apart and on the sheet, with 2 and with 20 marks."""
    boxes = text_boxes(plots.draw(drawing(count, kind, label=label)))
    assert all(left >= 0 and low >= 0 and right <= 1 and high <= 1 for left, low, right, high in boxes.values()), boxes
    pairs = itertools.combinations(boxes, 2)
    # A reference's label in a lines figure stands inside the box, where curves and nothing else may pass.
    assert not [(a, b) for a, b in pairs if touch(boxes[a], boxes[b])]


def test_borders_are_drawn_and_named_where_they_lie_on_the_axis() -> None:
    """Names stand above the box, on a level of their own where they would touch; what is off the axis is left out."""
    borders = (("first", 1.1), ("second", 1.2), ("third", 9.0))
    marks = tuple(Mark(Case("w", strategy=str(x)), str(x), series="one", x=x) for x in (1.0, 2.0, 3.0))
    figure = Figure("f", "t", "lines", "wall_ns", Estimand.LEVEL, marks, caches=True)
    plain = Drawing("f", figure, LOUD, tuple(estimate(n) for n in (1.0, 2.0, 3.0)), ())
    sheets = [plots.draw(replace(plain, borders=found)) for found in ((), borders)]
    assert sheets[1].height > sheets[0].height
    texts = {text.get_text(): text.get_position() for text in sheets[1].canvas.axes[0].texts}
    assert "third 9" not in texts and texts["first 1.1"][1] > texts["second 1.2"][1]
    boxes = text_boxes(sheets[1])
    assert not [(a, b) for a, b in itertools.combinations(boxes, 2) if touch(boxes[a], boxes[b])]


def test_caches_that_hold_data_are_told_from_the_circumstances() -> None:
    """Not those of instructions, nor sizes that the system did not tell."""
    told = {"caches": {"L1d": 49152, "L1i": 32768, "L2": 2**20, "L3": None}}
    assert circumstances.caches(told) == (("L1d", 49152.0), ("L2", 2.0**20))
    assert circumstances.caches({}) == ()


def test_a_reference_is_named_where_no_mark_is() -> None:
    """Curves begin on its line at the left, one of which stays there: its name stands between the marks."""
    marks = tuple(Mark(Case("w", strategy=name), name, series=name, x=x) for name in ("up", "flat") for x in (1.0, 2.0))
    figure = Figure("f", "t", "lines", "wall_ns", Estimand.RATIO, marks, references=(Reference(1.0, "one worker"),))
    estimates = (estimate(1.0), estimate(2.0), estimate(1.0), estimate(1.03))
    axes = plots.draw(Drawing("f", figure, LOUD, estimates, ())).canvas.axes[0]
    (label,) = [text for text in axes.texts if text.get_text() == "one worker"]
    box = label.get_window_extent(FigureCanvasAgg(axes.figure).get_renderer())
    spots = [
        place for group in axes.collections for place in group.get_offset_transform().transform(group.get_offsets())
    ]
    assert len(spots) > 4 * 12
    assert not [(x, y) for x, y in spots if box.x0 - 3 < x < box.x1 + 3 and box.y0 - 3 < y < box.y1 + 3]


@pytest.mark.parametrize("kind", ["strip", "lines"])
def test_a_figure_drawn_twice_has_the_same_bytes(kind: str) -> None:
    """Neither a date nor a random id nor the order of drawing shows in SVG or PNG."""
    first, second = (plots.draw(drawing(4, kind)) for _ in range(2))
    assert figures.svg(first, "f") == figures.svg(second, "f")
    assert figures.png(first) == figures.png(second)


def test_svg_ids_depend_on_the_name_of_the_figure() -> None:
    """Two figures on one page do not share the ids of their shapes."""
    ids = [set(re.findall(r'id="(m[0-9a-f]{10})"', figures.svg(plots.draw(drawing(3)), s).decode())) for s in "fg"]
    assert ids[0] and ids[0].isdisjoint(ids[1])


@pytest.mark.parametrize("kind", ["strip", "lines"])
def test_every_block_is_a_dot(kind: str) -> None:
    """The number of small dots is the number of block values, and each mark has one median."""
    sheet = plots.draw(drawing(3, kind))
    scatters = [one for one in sheet.canvas.axes[0].collections if len(one.get_sizes())]
    sizes = [(one.get_sizes()[0], len(one.get_offsets())) for one in scatters]
    dots = sum(count for size, count in sizes if size == 11)
    assert dots == 3 * 12
    # A series of a lines figure shows its marker once more, beside its name.
    assert sum(count for size, count in sizes if size == 40) == (3 if kind == "strip" else 6)


def test_a_median_stands_right_of_the_control_when_it_is_larger() -> None:
    """Positions follow the numbers: on a ratio axis equal factors are equal distances."""
    values = [1.0, 2.0, 4.0]
    one = drawing(3, estimates=tuple(Estimate(v, None, None, (v,)) for v in values))
    sheet = plots.draw(one)
    xs = [c.get_offsets()[0][0] for c in sheet.canvas.axes[0].collections if c.get_sizes()[0] == 40]
    assert xs[2] - xs[1] == pytest.approx(xs[1] - xs[0]) and xs[1] > xs[0]


@pytest.mark.parametrize("kind", ["strip", "lines"])
@pytest.mark.parametrize("estimand", list(Estimand))
@pytest.mark.parametrize(
    "values", [(), (0.0,), (0.0, 5.0), (-3.0, 4.0), (7.0, 7.0), (1e-9, 1e12), (5e8,)], ids=lambda values: str(values)
)
def test_any_numbers_can_be_drawn(kind: str, estimand: Estimand, values: tuple[float, ...]) -> None:
    """Nothing measured, zeros, negative differences, one value, twenty decades: a well-formed SVG each time."""
    count = max(1, len(values))
    estimates = [Estimate(v, None, None, (v, v)) for v in values] or [Estimate(None, None, None)]
    one = drawing(count, kind, estimand, estimates=tuple(estimates))
    picture = figures.svg(plots.draw(one), "f")
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert b"nan" not in picture.lower()


def test_a_mark_without_a_measurement_is_named_among_the_others() -> None:
    """The rest is drawn, its row says so, and the note tells why."""
    estimates = (estimate(1.0), Estimate(None, None, None))
    texts = text_boxes(plots.draw(drawing(2, estimates=estimates, notes=("Missing: case 1 (died: gone)",))))
    said = [key.split(" ", 1)[1] for key in texts]
    assert "not measured" in said and "Missing: case 1 (died: gone)" in said and "1.00×" in said


def test_a_dollar_sign_is_text() -> None:
    """A label that looks like mathematics is drawn as it stands."""
    assert "$x^2$ 0" in {key.split(" ", 1)[1] for key in text_boxes(plots.draw(drawing(1, label="$x^2$")))}


def test_a_strategy_has_one_colour_in_every_figure() -> None:
    """Whatever stands beside it: a known name keeps its look, an unknown one gets the same each time."""
    threads, new = (Mark(Case(strategy=name), name) for name in ("threads", "brand_new"))
    alone, together = palette.looks_of_rows([threads]), palette.looks_of_rows([new, threads])
    assert alone[0] == together[1] == palette.LOOKS["threads"]
    assert palette.looks_of_rows([new]) == together[:1]


def test_series_of_one_figure_are_all_told_apart() -> None:
    """Also two series of one strategy, which share its colour, and more series than there are colours."""
    pairs = [Mark(Case(strategy="threads"), "a", series=name) for name in ("python threads", "nogil threads")]
    looks = palette.looks_of_series([*pairs, *(Mark(Case(), "m", series=f"s{n}") for n in range(30))])
    assert len(set(looks.values())) == len(looks) == 32
    first, second = looks["python threads"], looks["nogil threads"]
    assert first.color == second.color and first.hollow != second.hollow


@pytest.mark.parametrize(
    "together",
    [
        ["thread", "fork", "forkserver", "spawn"],
        ["plain", "rawvalue", "value", "array", "shared_memory", "manager", "numpy"],
        ["pipe", "queue", "simplequeue", "manager", "shared_memory"],
    ],
    ids=["starting", "access", "messages"],
)
def test_what_is_shown_together_looks_apart(together: list[str]) -> None:
    """Each way of starting, sharing and sending has a look of its own."""
    assert {name for name in together if name not in palette.LOOKS} == set()
    assert len({palette.LOOKS[name] for name in together}) == len(together)


def test_every_strategy_looks_apart_from_the_others_without_being_listed() -> None:
    """A strategy is one new file: one that the palette does not name gets a look drawn by its name."""
    names = [*registry.strategies(), "brand_new", "another_new"]
    looks = palette.looks_of_rows([Mark(Case(strategy=name), name) for name in names])
    assert len(set(looks)) == len(names)


def test_the_text_width_is_that_of_the_drawn_text() -> None:
    """Layout relies on it: within two hundredths of an inch of what is drawn."""
    sheet = figures.Sheet(7, 1)
    sheet.write(1, 0.5, "Wide enough, isn't it?")
    left, _, right, _ = next(iter(text_boxes(sheet).values()))
    assert math.isclose((right - left) * 7, figures.text_width("Wide enough, isn't it?"), abs_tol=0.03)


def test_all_figures_are_as_wide_as_the_page_wants_them() -> None:
    """The axis takes what labels and values leave; only where too little is left does the sheet grow."""
    assert {round(plots.draw(drawing(3, kind)).width, 6) for kind in ("strip", "lines")} == {7.6}
    wide = Quantity("wall_ns", "operations of a kind that takes long to name", "")
    assert plots.draw(drawing(2, estimand=Estimand.LEVEL, label=LONG, quantity=wide)).width > 7.6


def test_a_reference_may_stand_at_a_multiple_of_a_mark() -> None:
    """Two orders above a case lie where that case was measured; without its measurement there is no line."""
    case = Case(strategy="value")
    lines = (Reference(100.0, "two orders", case), Reference(3.0, "none", Case(strategy="missing")))
    figure = Figure("f", "t", "strip", "access_ns", Estimand.LEVEL, (Mark(case, "value"),), references=lines)
    drawing = Drawing("f", figure, Quantity("access_ns", "ns", "one access"), (Estimate(2.5, 2.0, 3.0),), ())
    assert [(line.value, line.label) for line in layout.references(drawing)] == [(250.0, "two orders")]


def with_a_law(points: tuple[tuple[float, float], ...]) -> Drawing:
    """Four curves and a declared one."""
    one = drawing(4, "lines")
    return replace(one, figure=replace(one.figure, curves=(Curve("a law to hold them against", points),)))


def broken_lines(sheet: figures.Sheet) -> list[list[tuple[float, float]]]:
    """The points of every broken line of more than two."""
    lines = sheet.canvas.axes[0].get_lines()
    return [
        list(zip(*line.get_data(), strict=True)) for line in lines if line.is_dashed() and len(line.get_xdata()) > 2
    ]


def test_a_declared_curve_runs_through_its_points() -> None:
    """On the axes of the figure: x from left to right, values from below, the control's own line at 1."""
    ((first, second, third),) = broken_lines(plots.draw(with_a_law(((1.0, 1.0), (2.0, 2.0), (4.0, 4.0)))))
    assert first[0] < second[0] < third[0]
    assert first[1] > second[1] > third[1]
    # Equal factors are equal distances on both logarithmic axes.
    assert second[0] - first[0] == pytest.approx(third[0] - second[0])
    assert first[1] - second[1] == pytest.approx(second[1] - third[1])


def test_the_axes_show_a_declared_curve_as_well() -> None:
    """Far beyond all that was measured, it stays on the sheet; its name stands beside the others and covers none."""
    sheet = plots.draw(with_a_law(((0.01, 0.001), (1.0, 1.0), (900.0, 700.0))))
    (line,) = broken_lines(sheet)
    assert all(0 < x < sheet.width and 0 < y < sheet.height for x, y in line)
    boxes = text_boxes(sheet)
    assert any("a law to hold them" in words for words in boxes)
    assert not [(a, b) for a, b in itertools.combinations(boxes, 2) if touch(boxes[a], boxes[b])]
