"""``make package``: the reproducible package for AWS, checked before it is deployed.

It has two zips: one that five functions share, and that of the API function, which has Swagger UI as well. A start
loads the whole zip, and visitors of links should not wait for what they never see.

`chalice package` creates the functions and the API; .chalice/resources.yaml is merged in; this module adds what neither
can express, compiles the sources (Lambda's task folder is read-only: each cold start would compile them again), and
transforms SAM to plain CloudFormation, so that the linted template is the deployed one.
"""

from __future__ import annotations

import copy
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from chalice.cli.factory import CLIFactory
from chalice.config import Config
from chalice.deploy.validate import validate_configuration

from dev.deploy import dependencies, domains, front, minify, sbom, template_checks
from dev.deploy.domains import DomainsRefused, Hosts
from dev.deploy.front import Front, FrontRefused
from dev.deploy.lock import Target
from dev.paths import ROOT

Read = TypeVar("Read")
DIST = ROOT / "dist"
STAGES = ("local", "dev", "prod")
MAX_PACKAGE_BYTES = 4 * 1024 * 1024
MAX_API_PACKAGE_BYTES = 5 * 1024 * 1024  # half a megabyte is Swagger UI, which nothing reads when a function starts
REFERENCE = Path("chalicelib", "web", "reference")
"""What only the zip of the API function has."""
_SOURCES = ("app.py", "chalicelib", ".chalice", "requirements.txt", "requirements.lock")
_SOURCES_OF_LIBRARIES = ("*.cpp", "*.h")  # a quarter of a megabyte of what ada_url and cffi are compiled from
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first day a zip can hold, the same for all files: same input, same bytes
_THIS_MACHINE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
_ALIAS_ARN = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-api:live"

# In the role itself, not beside it: Lambda refuses to trace for a role that may not write traces yet.
_TRACE = {
    "Fn::If": [
        "IsTraced",
        {
            "PolicyName": "trace",
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
                        "Resource": "*",  # X-Ray has no resources: AWS allows nothing else here
                    }
                ],
            },
        },
        {"Ref": "AWS::NoValue"},
    ]
}


class PackageRefused(Exception):
    """The package must not be deployed; the message gives the reason."""


@dataclass(frozen=True)
class Package:
    """A built package: two zips for Lambda, and a template for CloudFormation."""

    code: Path
    template: Path

    @property
    def api_code(self) -> Path:
        """Return the zip of the API function: the same, and what only that function serves."""
        return self.code.with_name("api.zip")

    @property
    def uncompiled(self) -> Path:
        """Return the same code without compiled files, to measure what those are worth."""
        return self.code.with_name("code-uncompiled.zip")

    @property
    def bill(self) -> Path:
        """Return what says which packages are in it, with versions, hashes and licences: CycloneDX."""
        return self.code.with_name("sbom.cdx.json")

    @property
    def content(self) -> dict[str, Any]:
        """Return the template."""
        template: dict[str, Any] = json.loads(self.template.read_text())
        return template

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        """Return the properties of its tables, by their names."""
        tables = _of_type(self.content, "AWS::DynamoDB::Table")
        return {each["Properties"]["TableName"]: each["Properties"] for each in tables}

    @property
    def digests(self) -> dict[str, str]:
        """Return a short name for exactly this code, of each zip, by the parameter that says where it was uploaded."""
        return {name: _digest_of(zipped) for name, zipped in self.zips.items()}

    @property
    def zips(self) -> dict[str, Path]:
        """Return its zips, by the parameter that says where each was uploaded."""
        return {"ArtifactKey": self.code, "ApiArtifactKey": self.api_code}


def _digest_of(zipped: Path) -> str:
    return hashlib.sha256(zipped.read_bytes()).hexdigest()[:16]


def location(stage: str, *, for_this_machine: bool, behind: Front | None = None) -> Package:
    """Return where the package of ``stage`` is or will be."""
    parts = [stage, *(["at", behind.kind, *behind.names_at] if behind else []), *(["here"] if for_this_machine else [])]
    target = DIST / "-".join(parts)
    return Package(target / "code.zip", target / "template.json")


def build(stage: str, *, for_this_machine: bool = False, fresh: bool = True, behind: Front | None = None) -> Package:
    """Build and check the package of ``stage``, for Graviton or ``for_this_machine``: each has its folder in dist/.

    With ``fresh=False`` a package is kept that was built from the same sources by the same Python; if only sources have
    changed, or another stage was built, the dependencies of the build before are kept. Neither needs a network.
    ``behind`` is another front than that of .chalice/deploy.json.

    Raises:
        PackageRefused
    """
    built = location(stage, for_this_machine=for_this_machine, behind=behind)
    target = built.code.parent
    architecture = _THIS_MACHINE if for_this_machine else "arm64"
    mark, inputs = target / ".inputs", _inputs_digest(stage, architecture)
    target.mkdir(parents=True, exist_ok=True)
    with (DIST / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands may build it, or the same dependencies, at the same time
        if not fresh and mark.exists() and mark.read_text() == inputs:
            return built
        mark.unlink(missing_ok=True)
        _build(built, stage, architecture, behind, fresh=fresh)
        mark.write_text(inputs)
    return built


def _build(built: Package, stage: str, architecture: str, behind: Front | None, *, fresh: bool) -> None:
    kept = _dependencies(architecture, fresh=fresh)
    with tempfile.TemporaryDirectory() as scratch:
        project, out, code = (Path(scratch) / name for name in ("project", "out", "code"))
        _copy_sources(project, architecture)
        _validate(project, stage)
        (project / "requirements.txt").write_text("")  # Chalice would download them without checking hashes
        shutil.copytree(kept / "code", code, ignore=shutil.ignore_patterns(*_SOURCES_OF_LIBRARIES))
        sam = _chalice_package(project, out, stage)
        with zipfile.ZipFile(out / "deployment.zip") as zipped:
            zipped.extractall(code)
        minify.minify(code / "chalicelib" / "web")
        if foreign := list(dependencies.foreign_runtime(code, kept / "code")):
            raise PackageRefused("\n".join(foreign))
        _write_zip(code, built.uncompiled)
        _compile(code)
        _write_zip(code, built.code)
        shutil.copytree(ROOT / REFERENCE, code / REFERENCE)
        _write_zip(code, built.api_code)
    built.bill.write_text(sbom.bill(built.api_code, json.loads((kept / dependencies.HASHES).read_text())))
    template = template_checks.transformed(completed(sam, stage, behind))
    _complete_versions(template, stage)
    # AWS takes them from the API's description, the local AWS from here.
    api = template["Resources"]["RestAPI"]["Properties"]
    api["BinaryMediaTypes"] = api["Body"]["x-amazon-apigateway-binary-media-types"]
    built.template.write_text(json.dumps(template, indent=1, sort_keys=True) + "\n")
    refuse_what_is_wrong(built, template, parameters(stage))


def refuse_what_is_wrong(built: Package, template: dict[str, Any], given: Mapping[str, str]) -> None:
    """Check what was built; ``given`` are the parameters that it will be deployed with.

    Raises:
        PackageRefused: with everything that is wrong.
    """
    wrong = [
        *template_checks.foreign_wheels(built.code),
        *sbom.refused_licenses(built.code),
        *template_checks.wide_permissions(template),
        *template_checks.deleting_failures(template),
        *domains.large_environments(template, given),
        *unknown_parameters(template, given),
        *template_checks.lint(built.template),
    ]
    for zipped, most in ((built.code, MAX_PACKAGE_BYTES), (built.api_code, MAX_API_PACKAGE_BYTES)):
        if zipped.stat().st_size > most:
            wrong.append(f"{zipped.name} is {zipped.stat().st_size:,} bytes; {most:,} are allowed.")
    if wrong:
        raise PackageRefused("\n".join(wrong))


def unknown_parameters(template: dict[str, Any], given: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each parameter that a template does not have: CloudFormation refuses those."""
    for name in given:
        if name not in template["Parameters"]:
            said = f"{name} is no parameter of this stage: take it out of .chalice/deploy.json."
            yield f"{said} Some are of one front alone."


def _inputs_digest(stage: str, architecture: str) -> str:
    digest = hashlib.sha256(f"{stage} {sys.version} {architecture}".encode())
    for path in [*_source_files(), *sorted((ROOT / "dev").rglob("*.py"))]:
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _dependencies(architecture: str, *, fresh: bool) -> Path:
    """Return the folder of what ships beside our own code, downloaded anew if ``fresh``; nothing older stays."""
    name = f"dependencies-{architecture}-{_PYTHON}-"
    kept, half = DIST / f"{name}{dependencies.digest()}", DIST / f".{name}"
    try:
        packages = dependencies.locked()
        if fresh or not kept.exists():
            shutil.rmtree(half, ignore_errors=True)
            dependencies.fetch(half, packages, Target(_PYTHON, architecture))
            for old in DIST.glob(f"{name}*"):
                shutil.rmtree(old)
            half.rename(kept)
    except dependencies.DependenciesRefused as refused:
        raise PackageRefused(str(refused)) from refused
    return kept


def _source_files() -> list[Path]:
    roots = [ROOT / name for name in _SOURCES]
    found = [path for root in roots for path in ([root] if root.is_file() else root.rglob("*")) if path.is_file()]
    return sorted(path for path in found if not {"__pycache__", "deployed", "deployments"} & set(path.parts))


def _copy_sources(project: Path, architecture: str) -> None:
    for path in _source_files():
        if (ROOT / REFERENCE) in path.parents:
            continue
        copy = project / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    file = project / ".chalice" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"lambda_architecture": architecture}))


def _environment() -> dict[str, str]:
    # Chalice imports the app to read its routes, which needs a BASE_URL and a region; the stack sets the real ones.
    given = {
        "BASE_URL": "https://placeholder.invalid",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",  # do not look for credentials on the network
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | given


def _validate(project: Path, stage: str) -> None:
    """Run the checks that `chalice deploy` makes and `chalice package` does not."""
    program = f"from dev.deploy.package import validate; validate({str(project)!r}, {stage!r})"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        raise PackageRefused(f"Chalice's own checks fail: {ran.stderr.strip().splitlines()[-1]}")


def validate(project: str, stage: str) -> None:
    """Validate the Chalice app of ``project``, in a process of its own: it imports the app."""
    os.chdir(project)
    config: Config = CLIFactory(project, environ=os.environ).create_config_obj(chalice_stage_name=stage)
    validate_configuration(config)


def _chalice_package(project: Path, out: Path, stage: str) -> dict[str, Any]:
    command = [str(Path(sys.executable).parent / "chalice"), "package", "--stage", stage]
    command += ["--template-format", "yaml", "--merge-template", ".chalice/resources.yaml", str(out)]
    ran = subprocess.run(command, cwd=project, env=_environment(), capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        words = (ran.stderr.strip() or ran.stdout.strip()).splitlines()
        raise PackageRefused(f"`chalice package` failed: {chr(10).join(words[-4:])}")
    if "Could not install dependencies" in ran.stdout + ran.stderr:
        raise PackageRefused(f"Packages are missing:\n{ran.stdout}{ran.stderr}")
    sam: dict[str, Any] = yaml.safe_load((out / "sam.yaml").read_text())
    return sam


def _compile(code: Path) -> None:
    # In a process of its own: the bytes depend on what a process has compiled before.
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    ran = subprocess.run([*command, "-s", str(code), "-p", "/var/task", str(code)], capture_output=True, check=False)
    if ran.returncode != 0:
        raise PackageRefused("A source file does not compile.")


def _write_zip(folder: Path, target: Path) -> None:
    half = target.with_name(f".{target.name}")  # a deployment that reads the old file at this moment finds it whole
    with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _LONG_AGO)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, path.read_bytes())
    half.replace(target)


def completed(sam: dict[str, Any], stage: str, behind: Front | None = None) -> dict[str, Any]:
    """Return the template with what neither Chalice nor a merge can express."""
    # The API names the function's alias by its name, not by its resource: BASE_URL makes the function wait for the API,
    # and neither could be made first otherwise.
    text = json.dumps(sam).replace("${APIHandler.Arn}/invocations", f"{_ALIAS_ARN}/invocations")
    text = text.replace("${Base}", parameters(stage).get("BaseUrl") or "https://$context.domainName/$context.stage")
    template: dict[str, Any] = json.loads(text)
    _complete_redirect(template)
    for table in _of_type(template, "AWS::DynamoDB::Table"):
        # Not RetainExceptOnCreate: a creation that fails could not delete a protected table and would end half undone.
        # What it leaves behind, the next deployment takes over.
        table["DeletionPolicy"] = table["UpdateReplacePolicy"] = "Retain" if stage == "prod" else "Delete"
        table["Properties"]["DeletionProtectionEnabled"] = stage == "prod"
    for role in _of_type(template, "AWS::IAM::Role"):
        if "Condition" not in role:  # CodeDeploy's, which is no function's
            role["Properties"].setdefault("Policies", []).append(_TRACE)
    if stage == "local":
        template["Parameters"]["Gradual"]["Default"] = "off"  # the local AWS has no CodeDeploy
    _write_table_names(template, stage)
    found, behind = hosts(stage), behind or front_of(stage)
    names = [host.name for host in found.all] if front.CLOUDFRONT in behind.names_at else []
    try:
        front.add(template, behind, names, found.all[0].certificate if names else "")
    except FrontRefused as refused:
        raise PackageRefused(str(refused)) from refused
    domains.add(template, found, behind, with_names=stage != "local")
    return template


# What the version before calls "http", which it does not know: while a deployment has changed only one of code and
# environment, it still serves visitors. The next version writes "http".
_HTTP_CLIENT = "by-hand"


def _complete_redirect(template: dict[str, Any]) -> None:
    """Give the redirect's function the API's properties, and a role that allows what a redirect does."""
    resources = template["Resources"]
    api, redirect = resources["APIHandler"]["Properties"], resources["RedirectHandler"]["Properties"]
    redirect |= {name: api[name] for name in ("Runtime", "Architectures", "Tags") if name in api}
    # Clients wait for both functions, and boto3 would be most of a cold start.
    api["Environment"] = {"Variables": {**api["Environment"]["Variables"], "AWS_CLIENT": _HTTP_CLIENT}}
    own = {"CLICKS_QUEUE_URL": {"Ref": "ClicksQueue"}}
    redirect["Environment"] = {"Variables": {**api["Environment"]["Variables"], **own}}
    policy = json.loads((ROOT / ".chalice" / "policy-redirect.json").read_text())
    role = copy.deepcopy(resources["ApiHandlerRole"])
    role["Properties"]["Policies"] = [{"PolicyName": "RedirectRolePolicy", "PolicyDocument": policy}]
    resources["RedirectRole"] = role
    redirect["Role"] = {"Fn::GetAtt": ["RedirectRole", "Arn"]}


def _complete_versions(template: dict[str, Any], stage: str) -> None:
    """Say which versions are kept, and make gradual traffic depend on its parameter: SAM has no words for either."""
    for version in _of_type(template, "AWS::Lambda::Version"):
        # On AWS all that were in use, to go back to; of a deployment that fails, none. On this machine every saved file
        # makes versions.
        version["DeletionPolicy"] = "Delete" if stage == "local" else "RetainExceptOnCreate"
    for resource in template["Resources"].values():
        if resource["Type"].startswith("AWS::CodeDeploy::"):
            resource["Condition"] = "IsGradual"
        if "UpdatePolicy" in resource:
            resource["UpdatePolicy"] = {"Fn::If": ["IsGradual", resource["UpdatePolicy"], {"Ref": "AWS::NoValue"}]}


def _of_type(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each for each in template["Resources"].values() if each.get("Type") == kind]


def _write_table_names(template: dict[str, Any], stage: str) -> None:
    """Write the names of tables into the template: a table that exists is taken over only if it is named literally."""
    for table in _of_type(template, "AWS::DynamoDB::Table"):
        parameter = table["Properties"]["TableName"]["Ref"]
        name = deployment(stage).get("parameters", {}).get(parameter, template["Parameters"][parameter]["Default"])
        table["Properties"]["TableName"] = name
        del template["Parameters"][parameter]


def deployment(stage: str) -> dict[str, Any]:
    """Return the parameters, domains and spaces of ``stage`` in .chalice/deploy.json, unchecked.

    Raises:
        PackageRefused: the file is no JSON.
    """
    try:
        stages: dict[str, dict[str, Any]] = json.loads((ROOT / ".chalice" / "deploy.json").read_text())
    except ValueError as invalid:
        raise PackageRefused(f".chalice/deploy.json is no JSON: {invalid}") from invalid
    return stages.get(stage, {})


def parameters(stage: str) -> dict[str, str]:
    """Return the parameters of ``stage`` as .chalice/deploy.json sets them; names of tables are in the template."""
    given: dict[str, str] = {
        name: value for name, value in deployment(stage).get("parameters", {}).items() if not name.endswith("TableName")
    }
    if default := hosts(stage).default:
        given.setdefault("BaseUrl", f"https://{default[0]}")
    return given


def hosts(stage: str) -> Hosts:
    """Return the hosts of ``stage``.

    Raises:
        PackageRefused
    """
    return _read(domains.read, stage)


def front_of(stage: str) -> Front:
    """Return the front of ``stage``.

    Raises:
        PackageRefused
    """
    return _read(front.read, stage)


def _read(read: Callable[[str, Mapping[str, Any]], Read], stage: str) -> Read:
    try:
        return read(stage, deployment(stage))
    except (DomainsRefused, FrontRefused) as refused:
        raise PackageRefused(str(refused)) from refused


def remark(stage: str) -> str:
    """Return a sentence, and the end of its line, for a stage that may have another address than was meant."""
    said = domains.without_base_url(stage, hosts(stage), parameters(stage))
    return said and f"{said}\n"


def main() -> None:
    """Build the package of a stage and print its size."""
    stage = sys.argv[1] if len(sys.argv) > 1 else "prod"
    if stage not in STAGES:
        sys.exit(f"There is no stage {stage!r}; there are {', '.join(STAGES)}.")
    print(f"Building the package of {stage} ...", flush=True)
    try:
        print(remark(stage), end="")
        built = build(stage, for_this_machine=stage == "local")
    except PackageRefused as refused:
        sys.exit(f"The package is refused:\n{refused}")
    for code in (built.code, built.api_code, built.uncompiled):
        print(f"  {code.relative_to(ROOT)}  {code.stat().st_size:,} bytes")
    print(
        f"  {built.bill.relative_to(ROOT)}  {len(sbom.packages_in(built.api_code))} packages, all of allowed licences"
    )
    print(f"  {built.template.relative_to(ROOT)}  {built.template.stat().st_size:,} bytes, cfn-lint has no objection")
    for zipped in built.zips.values():
        print(f"  {zipped.name} has sha256 {_digest_of(zipped)}...")


if __name__ == "__main__":
    main()
