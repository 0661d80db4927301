"""Create .venv, or the directory in VENV, and install the pinned packages of requirements-dev.txt, or of REQUIREMENTS.

Any Python 3 can run it: its syntax is old on purpose.
"""

import os
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
HERE = Path(__file__).resolve().parent.parent
VENV = HERE / (os.environ.get("VENV") or ".venv")  # make VENV=.venv-3.13 PYTHON=python3.13 ...
REQUIREMENTS = os.environ.get("REQUIREMENTS") or "requirements-dev.txt"
LOG = VENV / "install.log"


def main() -> None:
    """Install, or exit with one sentence."""
    try:
        install_all()
    except KeyboardInterrupt:
        sys.exit("\nStopped before everything was installed; the same command takes it up again.")


def install_all() -> None:
    """Create .venv, install the packages, and mark it as complete."""
    if sys.version_info < OLDEST:
        version = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit(
            f"This needs Python 3.11 or later, and {sys.executable} is {version}."
            " Name a newer one: make PYTHON=python3.13 ..."
        )
    create_venv()
    install()
    (VENV / ".installed").touch()


def create_venv() -> None:
    """Create .venv, again if another Python created it."""
    mark = VENV / "python-version"
    if mark.exists() and mark.read_text() == sys.version:
        return
    if VENV.exists() and any(VENV.iterdir()) and not (mark.exists() or (VENV / "pyvenv.cfg").exists()):
        sys.exit(f"{VENV} holds something else than a virtual environment: choose another VENV, or remove it.")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if made.returncode != 0:
        sys.exit(
            f"Python could not make a virtual environment in {VENV.name}."
            " On Debian and Ubuntu it needs a package: apt-get install python3-venv"
        )
    mark.write_text(sys.version)


def install() -> None:
    """Install the requirements, printing a dot for each package."""
    print_now(f"Installing the packages into {VENV.name} (once; about a minute) ")
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--retries", "2"]
    command += ["-r", str(HERE / REQUIREMENTS)]
    lines = []
    with LOG.open("w") as log:
        pip = subprocess.Popen(command, cwd=str(HERE), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in pip.stdout or []:
            log.write(line)
            lines.append(line.strip())
            if line.startswith("Collecting"):
                print_now(".")
    print_now("\n")
    if pip.wait() != 0:
        sys.exit(f"The packages could not be installed: {reason(lines)} (All of pip's words: {VENV.name}/install.log)")


def reason(lines: "list[str]") -> str:
    """Return why pip failed, from its output."""
    signs = ("NewConnectionError", "NameResolutionError", "ProxyError", "ConnectTimeoutError")
    if any(sign in line for line in lines for sign in signs):
        return "the package index cannot be reached; is this machine online?"
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["pip said nothing."])[-1]


def print_now(text: str) -> None:
    """Print at once to standard error: standard output belongs to the command, as in ``KEY=$(make -s key ...)``."""
    sys.stderr.write(text)
    sys.stderr.flush()


if __name__ == "__main__":
    main()
