"""Make .venv and install the pinned packages. Run by any Python 3 there is: its syntax is old on purpose."""

import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
HERE = Path(__file__).resolve().parent.parent
VENV = HERE / ".venv"
LOG = VENV / "install.log"


def main() -> None:
    """Install, or say in one sentence why not."""
    try:
        make_all()
    except KeyboardInterrupt:
        sys.exit("\nStopped before everything was installed; the same command takes it up again.")


def make_all() -> None:
    """Make .venv, fill it, and mark it as complete."""
    if sys.version_info < OLDEST:
        version = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit(
            f"This needs Python 3.11 or later, and {sys.executable} is {version}."
            " Name a newer one: make PYTHON=python3.13 ..."
        )
    make_venv()
    install()
    (VENV / ".installed").touch()


def make_venv() -> None:
    """Make .venv, anew if another Python made it."""
    mark = VENV / "python-version"
    if mark.exists() and mark.read_text() == sys.version:
        return
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if made.returncode != 0:
        sys.exit(
            "Python could not make a virtual environment in .venv."
            " On Debian and Ubuntu it needs a package: apt-get install python3-venv"
        )
    mark.write_text(sys.version)


def install() -> None:
    """Install what requirements-dev.txt names, with a dot for each package."""
    say("Installing the packages into .venv (once; about a minute) ")
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--retries", "2"]
    command += ["-r", str(HERE / "requirements-dev.txt")]
    lines = []
    with LOG.open("w") as log:
        pip = subprocess.Popen(command, cwd=str(HERE), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in pip.stdout or []:
            log.write(line)
            lines.append(line.strip())
            if line.startswith("Collecting"):
                say(".")
    say("\n")
    if pip.wait() != 0:
        sys.exit(f"The packages could not be installed: {reason(lines)} (All of pip's words: .venv/install.log)")


def reason(lines: "list[str]") -> str:
    """Return why pip failed, from what it printed."""
    signs = ("NewConnectionError", "NameResolutionError", "ProxyError", "ConnectTimeoutError")
    if any(sign in line for line in lines for sign in signs):
        return "the package index cannot be reached; is this machine online?"
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["pip said nothing."])[-1]


def say(text: str) -> None:
    """Print without waiting for the end of a line; not among what a command answers: ``KEY=$(make -s key ...)``."""
    sys.stderr.write(text)
    sys.stderr.flush()


if __name__ == "__main__":
    main()
