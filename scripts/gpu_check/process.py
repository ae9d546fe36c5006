"""Commands with a time limit."""

import dataclasses
import os
import signal
import subprocess
import time


@dataclasses.dataclass(frozen=True)
class Ended:
    code: int | None  # None: stopped at the limit
    seconds: float
    output: str  # of stdout
    errors: str  # of stderr

    def last_words(self):
        """The last line that says something, for people."""
        lines = [line.strip() for line in (self.output + "\n" + self.errors).splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"


def run(command, limit, log, folder, environment):
    """Run `command` in `folder` for at most `limit` seconds; what it writes stays in `log`.out and `log`.err.

    A command that is stopped takes its children with it.
    """
    start = time.monotonic()
    paths = [log.with_name(log.name + suffix) for suffix in (".out", ".err")]
    with open(paths[0], "wb") as out, open(paths[1], "wb") as errors:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=errors, start_new_session=True)
        try:
            code = process.wait(max(limit, 0))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    texts = [path.read_text(errors="replace") for path in paths]
    return Ended(code, time.monotonic() - start, *texts)
