"""The files of a report: what they say, that they repeat, and that nothing in a run can break them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pytest
import report_samples

from perflab.model import Analysis, Design, Estimate, Experiment, Settings, Verdict
from perflab.report import html, markdown, render
from perflab.report.compose import compose
from perflab.report.content import Content
from perflab.report.estimates import estimator
from perflab.verdict import analyse

GOLDEN = Path(__file__).parent / "golden" / "report.md"
VOID = {"meta", "link", "br", "hr", "img", "input"}


@pytest.fixture(scope="module")
def folder(analysis: Analysis, experiments: dict[str, Experiment], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(analysis, tmp_path_factory.mktemp("report"), experiments=experiments).parent


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def content(analysis: Analysis, experiments: dict[str, Experiment]) -> Content:
    return compose(analysis, estimator(analysis, experiments), experiments)


class Outline(HTMLParser):
    """Elements as opened and closed; ``wrong`` collects what does not nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Note it."""
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        """Note it."""
        self.text.append(data)


def test_the_page_is_well_formed_and_its_ids_are_unique(page: str) -> None:
    """Every element closes where it should; no id occurs twice, and every link on the page has its place."""
    outline = Outline(page)
    assert not outline.wrong and not outline.open
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 20
    links = [a["href"] for tag, a in outline.elements if tag in ("a", "use") and a.get("href")]
    assert {str(link)[1:] for link in links} <= set(ids) and all(str(link).startswith("#") for link in links)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)


def test_the_page_needs_no_network(page: str) -> None:
    """No attribute and no style refers to anything outside of the file; scripts there are none."""
    for tag, attributes in Outline(page).elements:
        assert tag not in ("script", "link", "iframe", "img", "object")
        for name, value in attributes.items():
            assert name not in ("src", "srcset") and not name.startswith("on")
            if name not in ("aria-label", "title", "content"):
                assert "://" not in (value or "")
    assert "@import" not in page and not re.search(r"url\((?!#)", page)


def test_hostile_text_stays_text(page: str, folder: Path) -> None:
    """What a failure or a sentence says is shown as it is, and becomes neither an element nor a table cell."""
    outline = Outline(page)
    assert "script" not in {tag for tag, _ in outline.elements}
    assert sum(report_samples.HOSTILE in text for text in outline.text) >= 4
    text = (folder / "report.md").read_text(encoding="utf-8")
    outside_of_code = re.sub(r"(`{4,})text\n.*?\n\1", "", text, flags=re.DOTALL)
    assert outside_of_code != text and "<script" not in outside_of_code and "<b>" not in outside_of_code
    rows = [line for line in outside_of_code.splitlines() if line.startswith("| S11")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [6]


def test_every_declared_figure_is_drawn_and_shown(folder: Path, page: str, experiments, analysis: Analysis) -> None:
    """As SVG, as PNG, on the page with a text for those who do not see it, and in the Markdown."""
    declared = sum(len(one.design(analysis.run.settings).figures) for one in experiments.values())
    assert declared == 6
    for suffix in ("svg", "png"):
        assert len(list((folder / "figures").glob(f"*.{suffix}"))) == declared
    pictures = [attributes for tag, attributes in Outline(page).elements if tag == "svg"]
    assert len(pictures) == declared and all(len(one["aria-label"] or "") > 10 for one in pictures)
    shown = re.findall(r"\]\((figures/[^)]+)\)", (folder / "report.md").read_text(encoding="utf-8"))
    assert len(shown) == declared and all((folder / name).exists() for name in shown)
    assert not list(folder.rglob(".*"))


def test_rendering_twice_gives_the_same_bytes(folder: Path, analysis: Analysis, experiments, tmp_path: Path) -> None:
    """A report is a function of the run: a change in it is a change in what was measured or in the method."""
    render(analysis, tmp_path, experiments=experiments)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == 14
    assert [name for name in files if (folder / name).read_bytes() != (tmp_path / name).read_bytes()] == []


def test_the_markdown_is_as_it_was(content: Content) -> None:
    """The golden report; PERFLAB_WRITE_GOLDEN=1 writes it anew, for a reader to see the difference."""
    text = markdown.write(content)
    if os.environ.get("PERFLAB_WRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_the_first_line_is_the_counts(content: Content) -> None:
    """As the summary of a job shows it."""
    first = markdown.write(content).splitlines()[0]
    assert first == "**8 claims: 4 confirmed, 1 refuted, 1 unresolved, 1 not applicable, 1 failed**"


def test_markdown_keeps_below_its_limit(content: Content) -> None:
    """Rows of cases go first, and the report says so; the answers stay."""
    whole = markdown.write(content)
    short = markdown.write(content, most_bytes=len(whole.encode()) - 1000)
    assert len(short.encode()) <= len(whole.encode()) - 1000
    assert "more rows of cases stand in report.html" in short and short.count("| S22 |") == whole.count("| S22 |") == 1


def test_a_fence_is_longer_than_any_in_its_text() -> None:
    """A traceback with backticks cannot end the block that shows it."""
    assert markdown.fence("a\n````\nb")[0] == "`````text"


def test_the_time_is_accounted_for(content: Content) -> None:
    """Ledger and report by name, what nobody booked as such, all of it as a share of the wall time."""
    assert {what: (seconds, share) for what, seconds, share in content.spent} == {
        "taking samples": ("57.6 s", "58 %"),
        "starting and opening hosts": ("24.0 s", "24 %"),
        "gathering evidence": ("4.8 s", "5 %"),
        "waiting": ("2.4 s", "2 %"),
        "the report": ("4.0 s", "4 %"),
        "everything else": ("7.2 s", "7 %"),
        "in all": ("100.0 s", "100 %"),
    }


def test_a_failed_case_is_told_with_its_reason(content: Content) -> None:
    """In its section with the evidence, and under the figure that wanted to show it."""
    gil = next(section for section in content.sections if section.name == "gil")
    assert [(f.kind, report_samples.HOSTILE in f.message, "Traceback" in f.detail) for f in gil.failures] == [
        ("raised", True, True)
    ]
    assert gil.drawings[0].notes == (f"Missing: executor (raised: RuntimeError: {report_samples.HOSTILE})",)
    assert not any("executor" in row.case for row in gil.cases)


def test_texts_are_told_where_there_is_no_median(content: Content) -> None:
    """An outcome is counted, not averaged."""
    text = next(section for section in content.sections if section.name == "text")
    assert [row.median for row in text.cases] == [f"15 20 10 ({report_samples.BLOCKS}×)"]


def test_scripted_estimates_are_what_is_drawn(analysis: Analysis, experiments) -> None:
    """The figure asks for exactly its marks, and shows what it is told."""
    asked = []

    def scripted(*question: object) -> Estimate:
        asked.append(question)
        return Estimate(2.0, 1.0, 3.0, (1.0, 2.0, 3.0))

    without_maps = {name: replace(one, design=partial(_bare, one)) for name, one in experiments.items()}
    drawings = [one for section in compose(analysis, scripted, without_maps).sections for one in section.drawings]
    assert len(asked) == sum(len(one.figure.marks) for one in drawings)
    assert {estimate.value for one in drawings for estimate in one.estimates} == {2.0}
    assert ("gil", report_samples.THREADS, report_samples.SERIAL, "speedup", "ratio") in asked


def _bare(experiment: Experiment, settings: Settings) -> Design:
    return replace(experiment.design(settings), guides=())


def test_an_estimator_that_fails_costs_the_marks_not_the_report(
    analysis: Analysis, experiments, tmp_path: Path
) -> None:
    """Every figure is still written, and says what is missing and why."""

    def failing(*question: object) -> Estimate:
        raise KeyError("no such quantity")

    page = render(analysis, tmp_path, failing, experiments).read_text(encoding="utf-8")
    assert len(list((tmp_path / "figures").glob("*.svg"))) == 6
    assert "no such quantity" in page


def test_a_drawing_that_cannot_be_drawn_says_so(monkeypatch, analysis: Analysis, experiments, tmp_path: Path) -> None:
    """A fault in one kind of figure leaves the others, and the verdicts under its title."""
    from perflab.report import lines

    def broken(drawing: object) -> None:
        raise ZeroDivisionError("found a hole")

    monkeypatch.setattr(lines, "draw", broken)
    render(analysis, tmp_path, experiments=experiments)
    assert len(list((tmp_path / "figures").glob("*.svg"))) == 6


def test_a_run_of_experiments_that_are_gone_is_still_reported(analysis: Analysis, tmp_path: Path) -> None:
    """Its answers and cases are shown; a note says why there are no figures."""
    page = render(analysis, tmp_path, experiments={}).read_text(encoding="utf-8")
    assert "This perflab has no experiment" in page and "S22" in page


def test_a_design_that_raises_costs_its_figures_alone(analysis: Analysis, experiments) -> None:
    """The section stays, with a note that names the error."""

    def design(settings: object) -> None:
        raise RuntimeError("not today")

    changed = {**experiments, "gil": replace(experiments["gil"], design=design)}
    content = compose(analysis, lambda *question: Estimate(1.0, None, None, (1.0,)), changed)
    gil = next(section for section in content.sections if section.name == "gil")
    assert gil.drawings == () and "RuntimeError: not today" in gil.notes[0] and len(gil.answers) == 6


def test_a_run_without_a_block_is_reported(experiments, tmp_path: Path) -> None:
    """Interrupted before the first block: everything unresolved, nothing crashes."""
    empty = replace(report_samples.scripted_run(), blocks=(), ended={}, environment={})
    analysis = analyse(empty, experiments)
    assert {j.verdict for j in analysis.judgements} == {Verdict.UNRESOLVED, Verdict.NOT_APPLICABLE}
    page = render(analysis, tmp_path, experiments=experiments).read_text(encoding="utf-8")
    assert "unresolved" in page and not Outline(page).wrong


def test_inlining_keeps_nothing_of_the_outside(content: Content) -> None:
    """Ids carry the figure's name, colours become the page's, namespaces and comments go."""
    drawing = content.sections[1].drawings[0]
    shape = '<!-- a --><g id="a" fill="#1f2328"><use xlink:href="#a"/></g>'
    svg = f'<?xml?><svg xmlns="http://x" viewBox="0 0 1 1">{shape}</svg>'
    assert html.inline(drawing, svg).endswith(
        f'viewBox="0 0 1 1"><g id="{drawing.stem}-a" fill="var(--ink)"><use href="#{drawing.stem}-a"/></g></svg>'
    )


def test_what_a_terminal_prints_needs_no_matplotlib() -> None:
    """The measuring process imports the words of the report, never its pictures."""
    code = (
        "import sys, perflab.report.text; print(sorted({'matplotlib', 'numpy', 'jinja2', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


DRAWN_BY_SEVERAL = """
import os, sys
sys.path.insert(0, sys.argv[1])
import report_samples
from pathlib import Path
from perflab import report
from perflab.verdict import analyse
report.MANY, os.cpu_count = 1, lambda: 2
report.render(analyse(report_samples.scripted_run(), report_samples.EXPERIMENTS), Path(sys.argv[2]),
              experiments=report_samples.EXPERIMENTS)
print(sorted({"numpy", "matplotlib"} & sys.modules.keys()))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="figures are shared out to forked processes only")
def test_figures_drawn_by_several_processes_are_the_same(folder: Path, tmp_path: Path) -> None:
    """With many figures others draw them, in this order and to the same bytes; their parent loads nothing heavy."""
    samples = str(Path(report_samples.__file__).parent)
    command = [sys.executable, "-c", DRAWN_BY_SEVERAL, samples, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 4
    for file in files:
        assert (tmp_path / file).read_bytes() == (folder / file).read_bytes(), file
