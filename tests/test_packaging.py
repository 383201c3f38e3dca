"""What is built from this checkout, what is in it, and what a machine that can't build it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path, PurePosixPath

import pytest

import perflab

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("kernels", "src", "tests", "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.py")
COMPILED = re.compile(r"\.(c|so|pyd|pyc|o)$")


def installed(package):
    """The major version installed, 0 for none; not by importing it, since setuptools would replace distutils here."""
    try:
        return int(version(package).partition(".")[0])
    except PackageNotFoundError:
        return 0


pytestmark = pytest.mark.skipif(
    installed("setuptools") < 77 or not installed("Cython"),
    reason="the extra 'test' brings Cython and a setuptools that reads PEP 639",
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the sources as a clone has them, without anything compiled."""
    folder = tmp_path_factory.mktemp("checkout")
    leave = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__", "*.egg-info", ".*")
    for source in (ROOT / name for name in SOURCES if (ROOT / name).exists()):
        if source.is_dir():
            shutil.copytree(source, folder / source.name, ignore=leave)
        else:
            shutil.copy(source, folder)
    return folder


def hook(folder: Path, name: str, **variables: str) -> Path:
    """Call setuptools' build hook of that name, as pip does, in ``folder``; the archive that it made."""
    script = f"from setuptools import build_meta; print('MADE', build_meta.{name}('built'))"
    command, environment = [sys.executable, "-c", script], {**os.environ, **variables}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "built" / re.search(r"^MADE (.*)$", done.stdout, re.MULTILINE)[1]


@pytest.fixture(scope="module")
def sdist(checkout):
    """The source distribution, unpacked."""
    archive = hook(checkout, "build_sdist")
    with tarfile.open(archive) as packed:
        packed.extractall(checkout / "unpacked", filter="data")
    return checkout / "unpacked" / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel built from the source distribution; its code is never run, so that optimising it would be in vain."""
    two_at_once = tmp_path_factory.mktemp("options") / "distutils.cfg"
    two_at_once.write_text("[build_ext]\nparallel = 2\n")
    flags = f"{sysconfig.get_config_var('CFLAGS') or ''} -O0"
    with zipfile.ZipFile(hook(sdist, "build_wheel", CFLAGS=flags, DIST_EXTRA_CONFIG=str(two_at_once))) as packed:
        yield packed


def test_sdist_holds_what_a_build_and_its_tests_need(sdist):
    """Kernels with their headers, tests, licence; and nothing that was compiled."""
    held = {path.relative_to(sdist).as_posix() for path in sdist.rglob("*") if path.is_file()}
    for folder in ("kernels", "tests"):
        files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        assert {path.relative_to(ROOT).as_posix() for path in files if not COMPILED.search(path.name)} <= held
    assert {"LICENSE", "pyproject.toml", "setup.py", "src/perflab/py.typed"} <= held
    assert not [name for name in held if COMPILED.search(name)]


def test_wheel_holds_every_kernel_compiled_with_its_stub(wheel):
    """For each .pyx one extension module and one .pyi; no C, and no test."""
    names = wheel.namelist()
    kernels = {path.stem for path in (ROOT / "kernels").glob("*.pyx")}
    compiled = [PurePosixPath(name) for name in names if name.endswith((".so", ".pyd"))]
    assert sorted(path.name.split(".")[0] for path in compiled) == sorted(kernels)
    assert {path.parent.as_posix() for path in compiled} == {"perflab/kernels"}
    assert {f"perflab/kernels/{kernel}.pyi" for kernel in kernels} <= set(names)
    assert not [name for name in names if name.endswith((".c", ".pyx", ".h"))]
    assert {name.split("/")[0] for name in names} == {"perflab", f"perflab-{perflab.__version__}.dist-info"}


def test_wheel_holds_every_file_of_the_package(wheel, checkout):
    """Templates, styles, schemas, py.typed: whatever lies under src/perflab is installed."""
    files = (path for path in (checkout / "src").rglob("*") if path.is_file() and ".egg-info" not in str(path))
    assert {path.relative_to(checkout / "src").as_posix() for path in files} <= set(wheel.namelist())


def test_metadata_names_version_licence_and_command(wheel):
    """The version has one source, the licence is an SPDX expression, and `perflab` is the CLI."""
    info = f"perflab-{perflab.__version__}.dist-info"
    metadata = wheel.read(f"{info}/METADATA").decode()
    assert f"\nVersion: {perflab.__version__}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert "perflab = perflab.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert wheel.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_the_installed_perflab_is_this_version():
    """Tests run against what is installed, and its metadata agrees with the sources beside them."""
    source = (ROOT / "src" / "perflab" / "__init__.py").read_text(encoding="utf-8")
    assert re.search(r'__version__ = "(.*)"', source)[1] == distribution("perflab").version == perflab.__version__


@pytest.fixture
def unbuilt(sdist, tmp_path):
    """The unpacked source distribution without what another test compiled in it; C that was generated is kept."""
    return Path(shutil.copytree(sdist, tmp_path / "unbuilt", ignore=shutil.ignore_patterns("built", "lib.*", "temp.*")))


def refusal(folder: Path, prelude: str = "", **variables: str) -> str:
    """The last line said by a build that fails, which must show no traceback."""
    script = f"{prelude}\nfrom setuptools import build_meta\nbuild_meta.build_wheel('built')"
    command, environment = [sys.executable, "-c", script], {**os.environ, **variables}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.skipif(os.name == "nt", reason="there setuptools seeks MSVC in the registry and ignores CC")
def test_a_missing_compiler_ends_in_one_line(unbuilt):
    """What was not found and what to install, instead of a traceback."""
    said = refusal(unbuilt, CC="/nonexistent/cc")
    assert said.startswith(
        "perflab needs a C compiler to build its kernels: '/nonexistent/cc' was not found; on Debian"
    )
    assert "apt install build-essential python3-dev" in said


def test_missing_headers_end_in_one_line(unbuilt):
    """Likewise where Python was installed without its development files."""
    nowhere = (
        "import setuptools\nfrom distutils import sysconfig\nsysconfig.get_python_inc = lambda *a, **k: '/nowhere'"
    )
    said = refusal(unbuilt, nowhere)
    assert said.startswith("perflab needs Python's headers to build its kernels: no Python.h in ")
    assert "/nowhere" in said
    assert "python3-dev" in said


@pytest.mark.skipif(os.name == "nt", reason="there setuptools seeks MSVC in the registry and ignores CC")
def test_a_compiler_that_fails_ends_in_one_line(unbuilt):
    """A compiler that is there and does not work is named, with the same remedy."""
    said = refusal(unbuilt, CC="false")
    assert said.startswith("perflab could not build its kernels: 'false' failed, see its messages above")
    assert "build-essential" in said
