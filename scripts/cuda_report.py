#!/usr/bin/env python3
"""A table of what nvcc made of every CUDA kernel, from the objects that `make cuda` leaves and the logs beside them.

Usage: scripts/cuda_report.py <table to write, .md> <object, .cu.o>...

Registers, spills and shared memory come from ptxas, the widths of global loads from the machine code. Ends with 1 if
a kernel of HOT spills: those run at every token.
"""

import collections
import pathlib
import re
import shutil
import subprocess
import sys

# Files whose kernels move the bytes of a decode step or of a prompt.
HOT = ("attend", "attend_prefill_bf16", "linear_gemm", "linear_rows", "rotate_append", "select", "vote")

ENTRY = re.compile(r"Compiling entry function '(\S+)' for '(\S+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")
# Global loads to registers (LDG) and by cp.async to shared memory (LDGSTS), with their width in bits.
LOAD = re.compile(r"\b(LDG|LDGSTS)\.E(\.[A-Z0-9.]*)?\s")
WIDTH = re.compile(r"\.(128|64|U16|S16|U8|S8)\b")


class Kernel:
    def __init__(self, source, arch):
        self.source, self.arch = source, arch
        self.registers = self.stack = self.spilled = self.shared = 0
        self.loads = collections.Counter()  # by bits
        self.copies = collections.Counter()


def read_log(path, kernels):
    """What ptxas -v said: kernels[name, arch]."""
    source = path.name.removesuffix(".cu.o")
    kernel = None
    for line in path.with_name(path.name + ".log").read_text().splitlines():
        if match := ENTRY.search(line):
            kernel = kernels[match[1], match[2]] = Kernel(source, match[2])
        elif kernel is None:
            continue
        elif match := SPILLS.search(line):
            kernel.stack, kernel.spilled = int(match[1]), int(match[2]) + int(match[3])
        elif match := USED.search(line):
            kernel.registers = int(match[1])
            shared = SHARED.search(line)
            kernel.shared = int(shared[1]) if shared else 0
            kernel = None


def read_code(cuobjdump, objects, kernels):
    """Count the global loads in the machine code."""
    for path in objects:
        code = subprocess.run([cuobjdump, "-sass", path], check=True, capture_output=True, text=True).stdout
        arch = kernel = None
        for line in code.splitlines():
            if match := re.match(r"\s*arch = (\S+)", line):
                arch = match[1]
            elif match := re.match(r"\s*Function : (\S+)", line):
                kernel = kernels.get((match[1], arch))
            elif kernel is not None and (match := LOAD.search(line)):
                width = WIDTH.search(match[2] or "")
                bits = 32 if width is None else int(width[1].lstrip("US"))
                (kernel.loads if match[1] == "LDG" else kernel.copies)[bits] += 1


def demangle(names):
    """Short names: no return type, namespaces or arguments."""
    result = subprocess.run(["c++filt"], input="\n".join(names), check=True, capture_output=True, text=True).stdout
    short = {}
    for name, text in zip(names, result.splitlines()):
        text = re.sub(r"^void ", "", text).replace("rkv::gpu::", "").replace("(anonymous namespace)::", "")
        depth = 0
        for i, c in enumerate(text):  # the first parenthesis outside of template arguments
            depth += (c == "<") - (c == ">")
            if c == "(" and depth == 0:
                text = text[:i]
                break
        short[name] = text.replace("|", "\\|")
    return short


def widths(counter):
    return ", ".join(f"{counter[bits]} x {bits}" for bits in sorted(counter, reverse=True)) or "-"


def table(kernels):
    short = demangle([name for name, _ in kernels])
    lines = [
        "# CUDA kernels as compiled",
        "",
        "Written by `make cuda-report`. Loads are instructions of the machine code by their width in bits per thread, to",
        "registers and by `cp.async` to shared memory; shared memory is the static part, in bytes.",
        "",
        "| file | kernel | arch | registers | spilled bytes | shared | global loads | cp.async |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (name, arch), k in sorted(kernels.items(), key=lambda item: (item[1].source, short[item[0][0]], item[0][1])):
        lines.append(
            f"| {k.source}{' (hot)' if k.source in HOT else ''} | `{short[name]}` | {arch} | {k.registers} | {k.spilled} "
            f"| {k.shared} | {widths(k.loads)} | {widths(k.copies)} |"
        )
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) < 3:
        sys.exit("Cannot write the report: expected a file to write and objects")
    out, objects = pathlib.Path(sys.argv[1]), [pathlib.Path(path) for path in sys.argv[2:]]
    fetched = pathlib.Path(__file__).parent.parent / ".tools/cuda/nvidia/cu13/bin/cuobjdump"
    cuobjdump = shutil.which("cuobjdump") or fetched
    kernels = {}
    for path in objects:
        read_log(path, kernels)
    read_code(cuobjdump, objects, kernels)
    if not kernels:
        sys.exit("Cannot write the report: found no kernels")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(table(kernels))
    short = demangle([name for name, _ in kernels])
    spilling = [f"{short[name]} for {arch}: {k.spilled} bytes" for (name, arch), k in kernels.items()
                if k.source in HOT and k.spilled > 0]
    print(f"{len(kernels)} kernels in {out}")
    if spilling:
        sys.exit("Cannot accept kernels that spill:\n" + "\n".join(spilling))


if __name__ == "__main__":
    main()
