"""The functions to measure, in folders of their own, as Lambda would unpack them, and the environments they run in.

Ours come from the package, compiled files and all. The others are bench/handlers/*.py, written for this and doing the
same: one GetItem, one 302. Frameworks are installed under .local/bench on first use, all of pinned releases, and boto3
of the same release for all, as Lambda has it.
"""

from __future__ import annotations

import compileall
import hashlib
import json
import os
import py_compile
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
from bench.lambda_machine import Function
from bench.tls import Authority, make_authority
from dev.deploy import package

HANDLERS = Path(__file__).parent / "handlers"
_ENVIRONMENTS = ROOT / ".local" / "bench"
_LAMBDA = "lambda"  # the environment of what brings its own packages, or needs none
_DEPLOYED = {"OWN_HOSTS": "sho.rt"}  # what the template only refers to
_FROM_TEMPLATE = ("AWS_CLIENT", "TRUST_CLOUDFRONT")  # settings that decide what a function imports, or how it works
_MEMORY, _TABLE = {"LINK_CACHE_SECONDS": "3600"}, {"LINK_CACHE_SECONDS": "0"}
_OTHERS = "function.app"


@dataclass(frozen=True)
class Contestant:
    """A function that can be started."""

    name: str
    title: str
    python: Path
    folder: Path
    handler: str
    zip_bytes: int
    environ: Mapping[str, str] = field(default_factory=dict)
    counts: bool = False
    """Whether each redirect sends a click."""
    authority: Authority = field(kw_only=True)
    """The one that its AWS has its certificate from."""

    @property
    def is_ours(self) -> bool:
        """Tell whether it comes from our package."""
        return self.handler != _OTHERS

    def start(self) -> Function:
        """Start it."""
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",  # the task folder is read-only
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_SESSION_TOKEN": "bench",
            "LAMBDA_TASK_ROOT": str(self.folder),
            "BASE_URL": "https://sho.rt",
            "AWS_CA_BUNDLE": str(self.authority.amazon if self._has_own_client else self.authority.whole_store),
            "SERVICE": "shortener-bench",  # metrics are part of what a redirect costs
            "POWERTOOLS_SERVICE_NAME": "bench",
            **self.environ,
        }
        command = [str(self.python), "-m", "awslambdaric", self.handler]
        return Function(command, self.folder, environ, self.authority.context(), counts=self.counts)

    @property
    def _has_own_client(self) -> bool:
        return self.environ.get("AWS_CLIENT") in {"http", "by-hand"}


def prepare(scratch: Path) -> list[Contestant]:
    """Build and unpack everything into ``scratch``; the first time this installs frameworks and takes a minute."""
    authority = make_authority(scratch / "tls")
    return [*_others(scratch, authority), *_ours(scratch, authority)]


def _ours(scratch: Path, authority: Authority) -> Iterator[Contestant]:
    folder, code = scratch / "package", _package()
    python, size = environment(_LAMBDA), code.stat().st_size
    yield from _redirects(folder, code, authority)
    if before := os.environ.get("BEFORE"):
        yield from _redirects(scratch / "before", Path(before), authority, "_before", " (before)")
    title = "our API function, following a link without counting"  # as deployed, it has no queue: it serves no visitors
    handler, environ = as_deployed(code, "APIHandler")
    yield Contestant("api", title, python, folder, handler, size, {**environ, **_TABLE}, authority=authority)
    if before:
        handler, environ = as_deployed(Path(before), "APIHandler")
        title = f"{title} (before)"
        where, given = scratch / "before", {**environ, **_TABLE}
        yield Contestant("api_before", title, python, where, handler, size, given, authority=authority)


def _redirects(
    folder: Path, code: Path, authority: Authority, suffix: str = "", when: str = ""
) -> Iterator[Contestant]:
    with zipfile.ZipFile(code) as zipped:
        zipped.extractall(folder)
    python, size = environment(_LAMBDA), code.stat().st_size
    handler, settings = as_deployed(code, "RedirectHandler")
    for name, where, environ in (("memory", "link in memory", _MEMORY), ("table", "link from the table", _TABLE)):
        title, given = f"our redirect function, {where}{when}", {**settings, **environ}
        yield Contestant(
            f"{name}{suffix}", title, python, folder, handler, size, given, counts=True, authority=authority
        )


def as_deployed(code: Path, function: str) -> tuple[str, dict[str, str]]:
    """Return the handler and the settings that a package's own template, beside its zip, gives to ``function``.

    Raises:
        SystemExit: there is no template beside the zip.
    """
    template = code.with_name("template.json")
    if not template.exists():
        sys.exit(f"{template} is missing. BEFORE and PACKAGE name the code.zip in a folder that `make package` wrote.")
    properties = json.loads(template.read_text())["Resources"][function]["Properties"]
    variables = properties["Environment"]["Variables"]
    return properties["Handler"], {
        **_DEPLOYED,
        **{name: variables[name] for name in _FROM_TEMPLATE if name in variables},
    }


def _others(scratch: Path, authority: Authority) -> Iterator[Contestant]:
    with zipfile.ZipFile(_package()) as zipped:
        chalice = [name for name in zipped.namelist() if name.startswith("chalice/")]
        for name, title, file, environment_name in (
            ("python", "a bare Python function", "bare_python.py", _LAMBDA),
            ("chalice", "a bare Chalice route", "bare_chalice.py", _LAMBDA),
            ("baseline", "the baseline: Chalice, boto3 resource", "baseline.py", _LAMBDA),
            ("fastapi", "FastAPI, Mangum, boto3", "fastapi_mangum.py", "fastapi"),
            ("powertools", "AWS Lambda Powertools, boto3", "powertools_resolver.py", "powertools"),
            ("flask", "Flask, apig-wsgi, boto3", "flask_wsgi.py", "flask"),
        ):
            folder = scratch / name
            folder.mkdir()
            (folder / "function.py").write_bytes((HANDLERS / file).read_bytes())
            if name in {"chalice", "baseline"}:
                zipped.extractall(folder, chalice)
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            compileall.compile_dir(folder, quiet=1, invalidation_mode=mode)
            python = environment(environment_name)
            files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
            size = _zipped_size(scratch, {**files, **_own_files(environment_name)})
            yield Contestant(name, title, python, folder, _OTHERS, size, authority=authority)


def _package() -> Path:
    given = os.environ.get("PACKAGE")
    return Path(given) if given else package.build("local", for_this_machine=True, fresh=False).code


def environment(name: str) -> Path:
    """Return the Python of an environment, made and filled if it is not as its requirements want it."""
    folder = _ENVIRONMENTS / name
    python, mark = folder / "bin" / "python", folder / ".requirements"
    files = [HANDLERS / f"{each}.txt" for each in dict.fromkeys((_LAMBDA, name))]
    digest = hashlib.sha256(b"".join([sys.version.encode(), *(file.read_bytes() for file in files)])).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return python
    print(f"  installing {folder.relative_to(ROOT)} ...", file=sys.stderr)
    venv.create(folder, clear=True, with_pip=True)
    named = [argument for file in files for argument in ("-r", str(file))]
    command = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps", *named]
    subprocess.run(command, check=True, stdout=sys.stderr)
    mark.write_text(digest)
    return python


def _own_files(name: str) -> dict[str, Path]:
    """Return what a framework brings, by path: the files that the environment of Lambda does not have."""
    theirs, lambdas = (_site_packages(environment(each)) for each in (name, _LAMBDA))
    brought = {path.name for path in theirs.iterdir()} - {path.name for path in lambdas.iterdir()}
    files = (path for top in sorted(brought) for path in [theirs / top, *(theirs / top).rglob("*")] if path.is_file())
    return {path.relative_to(theirs).as_posix(): path for path in files}


def _site_packages(python: Path) -> Path:
    return next((python.parent.parent / "lib").glob("python*/site-packages"))


def _zipped_size(scratch: Path, files: Mapping[str, Path]) -> int:
    target = scratch / "size.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for name, path in sorted(files.items()):
            zipped.write(path, name)
    return target.stat().st_size
