"""What is measured on: the card, its driver and clocks, the compilers, the commit."""

import ctypes
import os
import pathlib
import re
import shutil
import statistics
import subprocess

# Where CUDA is found that is not in the PATH; the last one is of `make cuda`.
CUDA_FOLDERS = ("/usr/local/cuda/bin", "/usr/local/cuda/compute-sanitizer",
                str(pathlib.Path(__file__).resolve().parents[2] / ".tools/cuda/nvidia/cu13/bin"))


class NoCard(Exception):
    """Says why there is no card to be checked."""


def card():
    """Name and compute capability of the first card, from the driver itself. @raises NoCard"""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        raise NoCard("no NVIDIA driver is installed (libcuda.so.1 is not found)") from None
    error = driver.cuInit(0)
    count = ctypes.c_int(0)
    if error == 0:
        error = driver.cuDeviceGetCount(ctypes.byref(count))
    if error != 0:
        raise NoCard(f"the NVIDIA driver fails with CUDA error {error}")
    if count.value == 0:
        raise NoCard("the NVIDIA driver sees no device")
    name = ctypes.create_string_buffer(256)
    driver.cuDeviceGetName(name, len(name), 0)
    major, minor = ctypes.c_int(), ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(major), 75, 0)
    driver.cuDeviceGetAttribute(ctypes.byref(minor), 76, 0)
    return {"gpu": name.value.decode(), "arch": f"sm_{major.value}{minor.value}"}


def environment():
    """The environment of all commands: CUDA's programs are found, and a make above is not."""
    values = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    values["PATH"] = os.pathsep.join([values.get("PATH", os.defpath), *CUDA_FOLDERS])
    return values


def said(command, folder=None):
    """What a command prints, or None when it cannot."""
    path = shutil.which(command[0], path=environment()["PATH"])
    if path is None:
        return None
    try:
        ended = subprocess.run([path, *command[1:]], cwd=folder, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.strip() if ended.returncode == 0 else None


def host():
    """The rest of the machine."""
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    nvcc = re.search(r"release \S+, V(\S+)", said(["nvcc", "--version"]) or "")
    gcc = said(["g++", "-dumpfullversion"])
    return {
        "cpu": model[1] if model else None,
        "cores": os.cpu_count(),
        "nvcc": nvcc[1] if nvcc else None,
        "g++": gcc,
    }


def driver():
    """The driver's version and the card's limits, as they were found; none of them is ever changed."""
    fields = ("driver_version", "clocks.max.sm", "clocks.max.memory", "power.limit")
    line = said(["nvidia-smi", "-i", "0", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"])
    values = [value.strip() for value in line.splitlines()[0].split(",")] if line else [None] * len(fields)
    return dict(zip(("driver", "sm_mhz_max", "memory_mhz_max", "power_limit_w"), values))


def commit(root):
    """Commit of the sources and how many files differ from it, or Nones without git."""
    head = said(["git", "rev-parse", "HEAD"], root)
    if head is None:
        return {"commit": None, "files_changed": None}
    changed = said(["git", "status", "--porcelain", "--untracked-files=no"], root)
    return {"commit": head, "files_changed": len((changed or "").splitlines())}


class Clocks:
    """Clocks and temperature of the card while something runs: `with Clocks(path) as clocks: ...; clocks.summary()`."""

    FIELDS = ("clocks.sm", "clocks.mem", "power.draw", "temperature.gpu", "utilization.gpu")
    NAMES = ("sm_mhz", "memory_mhz", "power_w", "temperature_c")

    def __init__(self, path):
        self.path, self.process = path, None

    def __enter__(self):
        program = shutil.which("nvidia-smi", path=environment()["PATH"])
        if program is not None:
            command = [program, "-i", "0", f"--query-gpu={','.join(self.FIELDS)}", "--format=csv,noheader,nounits",
                       "-lms", "500"]
            with open(self.path, "wb") as out:
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def summary(self):
        """[lowest, median, highest] of each over the samples in which the card was busy; empty without any."""
        if self.process is None:
            return {}
        samples = []
        for line in self.path.read_text(errors="replace").splitlines():
            try:
                values = [float(word) for word in line.split(",")]
            except ValueError:
                continue  # not supported by this card, or cut off
            if len(values) == len(self.FIELDS) and values[-1] > 0:
                samples.append(values)
        return {name: [min(column), statistics.median(column), max(column)]
                for name, column in zip(self.NAMES, zip(*samples))}
