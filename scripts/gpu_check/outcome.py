"""How a part is run and what comes of it."""

import dataclasses
import pathlib

from . import process


@dataclasses.dataclass
class Context:
    """Where and how parts run."""

    root: pathlib.Path
    programs: pathlib.Path  # folder of gpu_tests and gpu_bench, seen from the root
    folder: pathlib.Path  # for logs and temporary files, below the root
    emulated: bool
    environment: dict
    jobs: int

    def run(self, command, limit, log):
        return process.run([str(word) for word in command], limit, self.folder / log, self.root, self.environment)


@dataclasses.dataclass
class Outcome:
    status: str  # ok, failed or left out
    remark: str  # why, or what is to be known of it
    command: str
    records: list = dataclasses.field(default_factory=list)


def outcome_of(ended, command, limit, records=(), remark=""):
    """ok for code 0; else failed, without any number."""
    text = " ".join(str(word) for word in command)
    if ended.code is None:
        return Outcome("failed", f"it took longer than {limit:.0f} s", text)
    if ended.code != 0:
        return Outcome("failed", f"exit code {ended.code}: {ended.last_words()}", text)
    return Outcome("ok", remark, text, list(records))
