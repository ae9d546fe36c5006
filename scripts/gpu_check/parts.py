"""What is checked, in this order, and for how long at most. What matters most comes first: time may run out."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Callable

from .outcome import Context, Outcome, outcome_of
from .sanitizer import run_sanitizer


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    limit: float  # seconds
    run: Callable[[Context, float], Outcome]


def build(context, limit):
    programs = ["gpu_tests", "gpu_bench"]
    if context.emulated:
        goals = [f"build/emu/plain/{name}" for name in programs]
    else:  # warnings of another compiler must not keep a card from being measured
        goals = [f"build/{name}" for name in programs] + ["CUDA=1", "WERROR="]
    command = ["make", f"-j{context.jobs}", *goals]
    return outcome_of(context.run(command, limit, "build"), command, limit)


def kernel_tests(context, limit):
    command = [context.programs / "gpu_tests"]
    ended = context.run(command, limit, "kernels")
    failed = re.findall(r"^(.*) \.\.\. FAILED", ended.output, re.MULTILINE)
    total = re.search(r"^(\d+) passed, (\d+) failed$", ended.output, re.MULTILINE)
    if total is None and ended.code == 0:
        return Outcome("failed", "it did not say how many tests passed", str(command[0]))
    if total is None:
        return outcome_of(ended, command, limit)
    record = {"kind": "kernels", "passed": int(total[1]), "failed": int(total[2])}
    outcome = outcome_of(ended, command, limit, [record], f"{total[1]} tests")
    if failed:
        outcome.remark = f"{total[2]} tests failed: {'; '.join(failed)}"
    return outcome


def driver(name, part, real, emulated):
    """A part of gpu_bench with its options on a card and under the emulator."""

    def run(context, limit):
        options = ["shape=tiny", *emulated] if context.emulated else [*real, f"seconds={0.9 * limit:.0f}"]
        folder = context.folder.relative_to(context.root)
        command = [context.programs / "gpu_bench", part, "device=1", f"folder={folder}", *options]
        ended = context.run(command, limit, name)
        try:
            records = [json.loads(line) for line in ended.output.splitlines()]
        except ValueError:
            records = []
            if ended.code == 0:
                return Outcome("failed", "it printed lines that are no records", " ".join(map(str, command)))
        left_out = sum("left_out" in record for record in records)
        outcome = outcome_of(ended, command, limit, records, f"{left_out} measurements left out" if left_out else "")
        differing = [record for record in records if record.get("agrees") == "no"]
        if differing:
            of = [f"{record['method']} with {record['weights']} weights, {record['kv']} cache" for record in differing]
            outcome.remark = f"the CPU disagrees: {'; '.join(of)}"
        return outcome

    return run


def command_line(context, limit):
    """One answer of the demo's model, on the card and on the CPU."""
    home = context.environment.get("HOME", "")
    cache = context.environment.get("XDG_CACHE_HOME") or pathlib.Path(home, ".cache")
    models = pathlib.Path(context.environment.get("ROCKETKV_HOME") or pathlib.Path(cache, "rocketkv"), "models")
    program = "build/rocketkv"
    missing = [what for what, is_there in (
        ("Deno", all((context.root / path).exists() for path in (".tools/bin/deno", program))),
        ("the model smollm2", (models / "smollm2").exists()),
        ("a card", not context.emulated),
    ) if not is_there]
    if missing:
        return Outcome("left out", f"it needs {', '.join(missing)}", "")
    library = ["make", f"-j{context.jobs}", "lib", "CUDA=1", "WERROR="]
    if (ended := context.run(library, limit, "cli-build")).code != 0:
        return outcome_of(ended, library, limit)
    answers = []
    for device in ("cpu", "cuda"):
        command = [program, "generate", "--model", "smollm2", "--raw", "--file", "scripts/demo/prompt.txt",
                   "--new-tokens", "8", "--method", "rocketkv", "--budget", "256", "--device", device]
        ended = context.run(command, limit, f"cli-{device}")
        if ended.code != 0:
            return outcome_of(ended, command, limit)
        answers.append(ended.output)
    same = answers[0] == answers[1]
    return Outcome("ok" if same else "failed", "" if same else f"the CPU says {answers[0]!r}, the card {answers[1]!r}",
                   " ".join(map(str, command)), [{"kind": "cli", "answer": answers[1]}] if same else [])


SMALL_MODEL = ["contexts=160", "rounds=1"]
LONG = "contexts=2048,4096,32768,131072"
PARTS = [
    Part("build", 200, build),
    Part("device", 30, driver("device", "device", [], ["log2_mib=2", "rounds=1"])),
    Part("kernels", 60, kernel_tests),
    Part("compare", 45, driver("compare", "compare", ["shape=tiny"], ["weights=q8_0"])),
    Part("compare-long", 60, driver("compare-long", "compare", ["shape=narrow", "weights=f32,bf16,q8_0,q4_0,q4_k"],
                                    ["weights=q4_0"])),
    Part("decode-bf16", 100, driver("decode-bf16", "decode", ["weights=bf16"],
                                    ["weights=bf16", "steps=2", "batches=1,2", *SMALL_MODEL])),
    Part("attention", 40, driver("attention", "attention", [], ["contexts=160", "chunk=64", "rounds=1"])),
    Part("memcheck", 45, lambda context, limit: run_sanitizer(context, limit, "memcheck")),
    Part("racecheck", 45, lambda context, limit: run_sanitizer(context, limit, "racecheck")),
    Part("linear", 40, driver("linear", "linear", [],
                              ["weights=bf16,q4_0", "decode=1", "prefill=33", "uncached_mib=1", "rounds=1"])),
    Part("prefill", 75, driver("prefill", "prefill", [], ["weights=q4_0", "budget=48", *SMALL_MODEL])),
    Part("decode-q8_0", 75, driver("decode-q8_0", "decode", ["weights=q8_0", LONG],
                                   ["weights=q8_0", "steps=2", "batches=1", *SMALL_MODEL])),
    Part("decode-q4_0", 75, driver("decode-q4_0", "decode", ["weights=q4_0", LONG],
                                   ["weights=q4_0", "steps=2", "batches=1", *SMALL_MODEL])),
    Part("small", 20, driver("small", "small", [], ["n=1", "rounds=1"])),
    Part("cli", 90, command_line),
]
