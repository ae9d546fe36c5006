"""The two files of results: written whole after every part, so that an interrupted run keeps what it has."""

import json
import os
import re

# What is measured in time. An emulator's times mean nothing: they are not kept.
SPEED = re.compile(r"(^|_)(ms|us|seconds|gb_per_s|tokens_per_s|tflop_per_s)(_|$)")


def slug(name):
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def without_speeds(record):
    return {name: value for name, value in record.items() if not SPEED.search(name)}


def write_whole(path, text):
    """Nobody ever sees half a file."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


class Results:
    """Parts by name under a head that says what they were measured on.

    Parts of an earlier run of the same card and driver stay until they are run again; every part carries its own
    commit, command and time.
    """

    def __init__(self, folder, head, names, report):
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.report = folder / (slug(head["gpu"]) + ".json"), report
        earlier = self._earlier(head)
        self.data = {**head, "parts": [earlier.get(name, {"name": name, "status": "not run"}) for name in names]}

    def _earlier(self, head):
        try:
            data = json.loads(self.path.read_text())
            same = all(data.get(name) == head.get(name) for name in ("gpu", "emulated", "driver"))
            return {part["name"]: part for part in data["parts"]} if same else {}
        except (OSError, ValueError, KeyError):
            return {}

    def set(self, part):
        """Put a part into its place and write both files."""
        if self.data["emulated"]:
            part = without_speeds({**part, "records": [without_speeds(record) for record in part.get("records", [])]})
        at = next(i for i, old in enumerate(self.data["parts"]) if old["name"] == part["name"])
        self.data["parts"][at] = part
        self.write()

    def write(self):
        write_whole(self.path, json.dumps(self.data, indent=1) + "\n")
        write_whole(self.path.with_suffix(".md"), self.report(self.data))
