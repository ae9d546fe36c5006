"""The results as Markdown, for people."""

from . import bars, tables
from .measures import Measures


def table(columns, rows):
    lines = [columns, ["---"] * len(columns), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
            for line in lines]


def clocks(part):
    found = part.get("clocks", {}).get("sm_mhz")
    return "-" if not found else " / ".join(f"{value:.0f}" for value in found)


def part_row(part):
    seconds = f"{part['seconds']:.0f}" if "seconds" in part else "-"
    status = "**FAILED**" if part["status"] == "failed" else part["status"]
    changed = f" + {part['files_changed']} changed files" if part.get("files_changed") else ""
    commit = f"{part['commit'][:12]}{changed}" if part.get("commit") else "-"
    return part["name"], status, part.get("remark", ""), seconds, clocks(part), part.get("started", "-"), commit


def head_lines(data):
    yield f"# {data['gpu']}" + (": emulated, no speed was measured" if data["emulated"] else "")
    yield ""
    yield "Written by `make gpu-check`. A part that failed has no numbers here; a dash is for what was not measured."
    yield ""
    yield f"- command: `{data['command']}`"
    for name in ("arch", "driver", "power_limit_w", "sm_mhz_max", "memory_mhz_max", "cpu", "cores", "nvcc", "g++"):
        if data.get(name) is not None:
            yield f"- {name}: {data[name]}"


def markdown(data):
    m = Measures(data["parts"])
    lines = [*head_lines(data), "", "## Parts", ""]
    lines += table(("part", "state", "remark", "seconds", "SM clock, MHz, lowest / median / highest", "started (UTC)",
                    "commit"), [part_row(part) for part in data["parts"]])
    commands = [(part["name"], f"`{part['command']}`") for part in data["parts"] if part.get("command")]
    if bars.is_for(data["gpu"]) and not data["emulated"]:
        lines += ["", "## Bars for this card", "", *table(("what", "bar", "measured", ""), bars.rows(m))]
    for section in tables.ALL:
        heading, columns, rows = section(m)
        if rows:
            lines += ["", f"## {heading}", "", *table(columns, rows)]
    lines += ["", "## Commands", "", *table(("part", "command"), commands)]
    return "\n".join(lines) + "\n"
