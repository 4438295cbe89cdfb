"""One installation in a folder of its own, to which any number of lives come one after the other.

`python -m knowledge.tests.crash.world FOLDER` writes the names of all lives in one line, then reads
one request a line (`{"life": …, "seed": …}`) and answers each with one line. Both `make crash-test`
and pytest drive it through `World`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import IO, Any, Self

ROOT = Path(__file__).resolve().parents[3]
# The environment of whoever runs the tests stays outside, with its model servers and databases.
_KEPT = ("PATH", "LD_LIBRARY_PATH")


@dataclass
class Report:
    """How one life went.

    Attributes:
        story: what was done, in order, for people.
        kills: how often a process was killed at each point, or at a random moment.
        breaches: what was found to be wrong; empty when all is well.
    """

    story: list[str] = field(default_factory=list)
    kills: dict[str, int] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of every process of an installation."""
    return {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        # Not `dev`, which reads a developer's .env file.
        "DJANGO_SETTINGS_MODULE": "knowledge.settings.base",
        "DATA_DIR": str(folder / "data"),
        "SECRET_KEY": "crash-" * 12,
        "HOST": "127.0.0.1",
        "SAMPLE": "false",
        "WARM_UP": "false",  # a thread, and no process with threads may be forked
        "EMBEDDING_MODEL": "fake",
        "LLM_PROVIDER": "extractive",
        "LOG_LEVEL": "ERROR",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


class World:
    """A running `world` process; it is told which life to lead and says how it went.

    Attributes:
        folder: everything that it writes; its `log` is that of every process.
        lives: the names of all lives.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="knowledge-crash-"))
        (self.folder / "tmp").mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self.folder)],
            cwd=ROOT,
            env=environment(self.folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lives: list[str] = json.loads(self._answer())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(keep=False)

    def lead(self, life: str, *, seed: str) -> Report:
        """Lead one life from the same beginning and with the same random choices each time."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"life": life, "seed": seed}) + "\n")
        self._process.stdin.flush()
        return Report(**json.loads(self._answer()))

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"The world ended with {self._process.wait()}; see {self.folder}")
        return answer

    def close(self, *, keep: bool) -> None:
        """End it, and remove its folder unless somebody should look into it."""
        assert self._process.stdin is not None
        self._process.stdin.close()  # it ends, and with it the processes that it has started
        self._process.terminate()
        self._process.wait()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


class Installation:
    """The folders of the world: what each life begins with, and what it works on."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.log = folder / "log"
        self._beginning = folder / "beginning"
        self._tmp = folder / "tmp"

    def keep_as_beginning(self) -> None:
        shutil.copytree(self.data, self._beginning)

    def begin_anew(self) -> None:
        """Put everything back as it was at the beginning."""
        for folder in (self.data, self._tmp):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._beginning, self.data)
        self._tmp.mkdir()


def main(folder: Path, requests: IO[str], answers: IO[str]) -> None:
    """Make the installation, then lead lives in it until there are no more requests."""
    import django

    django.setup()

    from knowledge.tests.crash import operations
    from knowledge.tests.crash.catalogue import LIVES
    from knowledge.tests.crash.lives import lead, make_beginning

    operations.prepare()
    installation = Installation(folder)
    notes = make_beginning(installation)
    print(json.dumps(sorted(LIVES)), file=answers, flush=True)
    for line in requests:
        request: dict[str, Any] = json.loads(line)
        installation.begin_anew()
        report = lead(LIVES[request["life"]], Random(request["seed"]), installation, notes)
        print(json.dumps(asdict(report)), file=answers, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.stdin, sys.stdout)
