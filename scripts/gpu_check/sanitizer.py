"""Kernel tests under compute-sanitizer: groups of tests, one after the other, for as long as there is time."""

import re
import shutil
import time

from .outcome import Outcome

# Words in the names of tests: what all kernels do to global memory, and what those do that use shared memory.
GROUPS = {
    "memcheck": ("rotate_and_append", "build_bounds ", "select ", "attend ", "gather ", "keep_best ", "vote ", "embed ",
                 "rms_norm ", "silu_mul ", "add ", "copy ", "sample ", "linear ", "attend_prefill "),
    "racecheck": ("select ", "attend ", "keep_best ", "rotate_and_append", "vote ", "rms_norm ", "sample ", "linear ",
                  "attend_prefill "),
}
# Some tests ask for memory that no device has: such an answer is no fault.
OPTIONS = {"memcheck": ["--report-api-errors", "no"], "racecheck": []}
FOUND = 86  # exit code of the tool when it has found something
SHORTEST = 5  # seconds that are worth the tool's start


def run_sanitizer(context, limit, tool):
    """One group may take half of the time that is left, so that a slow one does not starve all that follow."""
    program = shutil.which("compute-sanitizer", path=context.environment["PATH"])
    command = ["compute-sanitizer", "--tool", tool, "--error-exitcode", str(FOUND), *OPTIONS[tool],
               context.programs / "gpu_tests"]
    text = " ".join(str(word) for word in [*command, "GROUP"])
    if program is None:
        return Outcome("left out" if context.emulated else "failed", "compute-sanitizer is not installed", text)
    end = time.monotonic() + limit
    records, problems = [], []
    for group in GROUPS[tool]:
        left = end - time.monotonic()
        record = {"kind": "sanitizer", "tool": tool, "tests": group.strip(), "state": "not run", "passed": 0}
        records.append(record)
        if left < SHORTEST:
            continue
        ended = context.run([program, *command[1:], group], max(left / 2, SHORTEST), f"{tool}-{group.strip()}")
        record["passed"] = len(re.findall(r" \.\.\. ok ", ended.output))
        record["state"] = {0: "clean", None: "not finished"}.get(ended.code, "faulty")
        if record["state"] == "faulty":
            problems.append(f"{group.strip()}: {fault(ended)}")
    clean = [record["tests"] for record in records if record["state"] == "clean"]
    others = [f"{record['tests']} {record['state']}" for record in records if record["state"].startswith("not")]
    if problems:
        return Outcome("failed", "; ".join(problems), text)
    if not clean:
        return Outcome("failed", "no group of tests ended in time", text)
    remark = f"{len(clean)} of {len(records)} groups, {sum(record['passed'] for record in records)} tests"
    return Outcome("ok", f"{remark}: {'; '.join(others)}" if others else remark, text, records)


def fault(ended):
    """What the tool or a test says first."""
    lines = (ended.output + "\n" + ended.errors).splitlines()
    for line in lines:
        if re.match(r"========= (?!COMPUTE-SANITIZER)\S", line) or " ... FAILED" in line:
            return line.lstrip("= ")
    return f"exit code {ended.code}: {ended.last_words()}"
