"""Compile every kernels/<name>.pyx into perflab.kernels.<name>; everything else stands in pyproject.toml."""

import shutil
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

REMEDY = "on Debian or Ubuntu: apt install build-essential python3-dev; on macOS: xcode-select --install"

# The bodies check all bounds before their loops and hold no state. Generated C goes to build_dir: beside the sources
# it would end up in the wheel.
DIRECTIVES = {"language_level": 3, "embedsignature": True, "freethreading_compatible": True, "boundscheck": False}

# A body compiled once, not inlined into each twin: twins then run the very same instructions at the same address, and
# differ in the GIL alone. (Functions marked inline still are.)
BODY_APART = ["-fno-inline-functions", "-fno-inline-small-functions", "-fno-inline-functions-called-once"]


class BuildKernels(build_ext):
    """build_ext that says in one line what it lacks, instead of a page of traceback."""

    def build_extensions(self):
        """Compile, once compiler and headers are known to be there; SystemExit with one line otherwise."""
        self.require_compiler()
        self.require_headers()
        if self.compiler.compiler_type == "unix":
            for extension in self.extensions:
                extension.extra_compile_args = BODY_APART
        try:
            super().build_extensions()
        except (CompileError, LinkError):
            failed = f"'{self.compiler_command()}' failed, see its messages above"
            raise SystemExit(f"perflab could not build its kernels: {failed}; if it lacks a header: {REMEDY}") from None

    def require_compiler(self):
        """SystemExit where the compiler's command is not on PATH; MSVC is sought by setuptools itself."""
        command = self.compiler_command()
        if self.compiler.compiler_type == "unix" and shutil.which(command) is None:
            raise SystemExit(f"perflab needs a C compiler to build its kernels: '{command}' was not found; {REMEDY}")

    def compiler_command(self):
        """The first word of what compiles, as CC or Python's own configuration says."""
        return getattr(self.compiler, "compiler_so", ["the C compiler"])[0]

    def require_headers(self):
        """SystemExit where Python.h is in none of the include folders."""
        if not any(Path(folder, "Python.h").is_file() for folder in self.include_dirs):
            folders = ", ".join(self.include_dirs)
            raise SystemExit(f"perflab needs Python's headers to build its kernels: no Python.h in {folders}; {REMEDY}")


def kernels():
    """An extension for each .pyx; the headers are listed so that a change of one compiles its users again."""
    headers = sorted(str(path) for pattern in ("*.h", "*.pxd", "*.pxi") for path in Path("kernels").glob(pattern))
    return [
        Extension(f"perflab.kernels.{path.stem}", [str(path)], include_dirs=["kernels"], depends=headers)
        for path in sorted(Path("kernels").glob("*.pyx"))
    ]


setup(
    ext_modules=cythonize(
        kernels(), build_dir="build/cython", include_path=["kernels"], compiler_directives=DIRECTIVES
    ),
    cmdclass={"build_ext": BuildKernels},
)
