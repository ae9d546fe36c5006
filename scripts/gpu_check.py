#!/usr/bin/env python3
"""Checks and measures the CUDA backend on the GPU of this machine, and writes docs/results/<gpu>.json and .md.

    make gpu-check                                          everything
    python3 scripts/gpu_check.py --parts build,decode-bf16  some parts; the others keep their results
    python3 scripts/gpu_check.py --emulated --out /tmp/x    the same parts on the emulator, without speeds

It needs nvcc, g++, make and python3, and no network. The first card counts: CUDA_VISIBLE_DEVICES chooses another.
Every part has its own time limit, and one that fails does not stop the others. Ends with 1 if any part failed.
"""

import argparse
import datetime
import os
import pathlib
import shlex
import signal
import sys
import time

from gpu_check import machine
from gpu_check.outcome import Context, Outcome
from gpu_check.parts import PARTS
from gpu_check.report import markdown
from gpu_check.results import Results

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTED = ROOT / "docs/results"
SHORTEST = 3  # seconds that are worth starting a part for


def arguments():
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(names), help=f"any of {','.join(names)}")
    parser.add_argument("--seconds", type=float, default=540, help="for all parts together (default: 540)")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results (default: docs/results)")
    parser.add_argument("--commit", help="commit of the sources, where there is no git to ask")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="jobs of make (default: one per core)")
    parser.add_argument("--emulated", action="store_true", help="run on the emulator; needs --out")
    parser.add_argument("--logs", default="build/gpu_check", help="folder below the root for what the parts print")
    parser.add_argument("--programs", type=pathlib.Path, help="folder of gpu_tests and gpu_bench, seen from the root")
    args = parser.parse_args()
    args.parts = args.parts.split(",")
    if unknown := [name for name in args.parts if name not in names]:
        parser.error(f"Cannot use --parts: expected some of {', '.join(names)}, found {', '.join(unknown)}")
    if args.emulated and args.out is None:
        parser.error("Cannot run emulated: expected --out with a folder for the results, found none")
    args.out = (args.out or DOCUMENTED).resolve()
    if args.emulated and args.out.is_relative_to(DOCUMENTED):
        parser.error("Cannot run emulated: expected --out outside docs/results, which holds measurements only")
    return args


def head_of(args):
    """What the results are of. @raises machine.NoCard"""
    card = {"gpu": "emulator", "arch": "emulated"} if args.emulated else machine.card()
    return {
        **card,
        "emulated": args.emulated,
        "command": shlex.join(["python3", "scripts/gpu_check.py", *sys.argv[1:]]),
        **({} if args.emulated else machine.driver()),
        **machine.host(),
    }


def run_part(part, context, limit, built):
    """@return what is written of the part."""
    started = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    start = time.monotonic()
    with machine.Clocks(context.folder / f"{part.name}.clocks") as clocks:
        if not built:
            outcome = Outcome("failed", "not run: the build failed", "")
        elif limit < SHORTEST:
            outcome = Outcome("failed", "not run: no time was left", "")
        else:
            try:
                outcome = part.run(context, limit)
            except OSError as error:
                outcome = Outcome("failed", f"it cannot be run: {error}", "")
    return {
        "name": part.name,
        "status": outcome.status,
        "remark": outcome.remark,
        "command": outcome.command,
        "started": started,
        "seconds": round(time.monotonic() - start, 1),
        **({} if context.emulated else {"clocks": clocks.summary()}),
        "records": outcome.records,
    }


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Cannot go on: it was told to end"))  # what runs is ended as well
    args = arguments()
    try:
        head = head_of(args)
    except machine.NoCard as reason:
        sys.exit(f"Cannot check a GPU: {reason}")
    folder = ROOT / args.logs
    folder.mkdir(parents=True, exist_ok=True)
    programs = args.programs or pathlib.Path("build/emu/plain" if args.emulated else "build")
    context = Context(ROOT, programs, folder, args.emulated, machine.environment(), args.jobs)
    results = Results(args.out, head, [part.name for part in PARTS], markdown)
    sources = machine.commit(ROOT) if args.commit is None else {"commit": args.commit, "files_changed": None}
    end = time.monotonic() + args.seconds
    failed, built = [], True
    for part in PARTS:
        if part.name not in args.parts:
            continue
        found = {**run_part(part, context, min(part.limit, end - time.monotonic()), built), **sources}
        results.set(found)
        built = built and not (part.name == "build" and found["status"] == "failed")
        if found["status"] == "failed":
            failed.append(part.name)
        state = "FAILED" if found["status"] == "failed" else found["status"]
        print(f"PART {part.name}: {state} {found['remark']}".strip(), flush=True)
    print(f"Results: {results.path} and .md; what the parts printed: {folder.relative_to(ROOT)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
