"""The parts of scripts/gpu_check.py, in the order of the data: machine, parts, results, report."""
