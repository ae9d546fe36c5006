"""The tables of measurements: each function takes Measures and gives a heading, column names and rows."""

from .measures import KEYS


def number(value, digits=3):
    if value is None:
        return "-"
    return f"{value:.{digits}g}" if abs(value) < 10 ** digits else f"{value:.0f}"


def share(rate, roof):
    return "-" if rate is None or roof is None else f"{100 * rate / roof:.0f} %"


def gib(value):
    return "-" if value is None else f"{value / 2**30:.2f}"


def bandwidth(m):
    rows = [(record["name"], number(record.get("copy_gb_per_s")), number(record.get("read_gb_per_s")))
            for record in m.kind("device")]
    return "Memory bandwidth, GB/s (a copy counts what is read and what is written)", ("card", "copy", "read"), rows


def decode(m):
    rows = []
    steps = m.decode()
    for weights, context, method, budget, batch in steps:
        step = steps[weights, context, method, budget, batch]
        gain = m.gain(weights, context, budget, batch) if method != "full" else None
        read = step["weight_bytes"] + step["kv_read_bytes"]
        ms = step.get("step_ms")
        rate = None if ms is None else read / ms / 1e6
        rows.append((weights, batch, context, method if budget == 0 else f"{method} {budget}", number(ms),
                     "-" if gain is None else f"{gain:.2f}", number(rate), share(rate, m.roof()),
                     gib(step["kv_bytes"]), gib(step["device_bytes_used"])))
    rows.sort(key=lambda row: row[:2])
    columns = ("weights", "batch", "tokens", "method", "step ms", "gain", "GB/s", "of bandwidth", "KV GiB",
               "device GiB used")
    return "Decode steps, whole model", columns, rows


def stages(m):
    names = ("linear_ms", "select_ms", "attend_ms", "sample_ms")
    rows = []
    for (weights, context, method, budget, batch), step in m.decode().items():
        if "linear_ms" in step:
            rows.append((weights, batch, context, method if budget == 0 else f"{method} {budget}",
                         *(number(step[name]) for name in names)))
    rows.sort(key=lambda row: row[:2])
    return ("Stages of a decode step, ms on the device (steps are replayed as one graph: its time is divided as that "
            "of the last step that was not)"), ("weights", "batch", "tokens", "method", "linear", "select", "attend",
                                             "sample"), rows


def prefill(m):
    rows = [(weights, context, method if budget == 0 else f"{method} {budget}", number(found.get("ms")),
             number(found.get("tokens_per_s")), number(found.get("compress_ms")), gib(found["kv_bytes_peak"]),
             gib(found["work_bytes_peak"]))
            for (weights, context, method, budget, _), found in m.prefill().items()]
    return "Prefill, whole model", ("weights", "tokens", "method", "ms", "tokens/s", "of it eviction, ms",
                                    "KV peak GiB", "work peak GiB"), rows


def dense_attention(m):
    rows = [(record["tokens"], number(record.get("us")), number(record.get("gb_per_s")),
             share(record.get("gb_per_s"), m.roof())) for record in m.kind("attend")]
    return "Attention of a layer to the full cache", ("tokens", "us", "GB/s", "of bandwidth"), rows


def sparse_attention(m):
    rows = [(record["context"], record["budget"], record["kept"], record["top_k"],
             *(number(record.get(name)) for name in ("select_us", "select_gb_per_s", "attend_us", "attend_gb_per_s",
                                                     "bounds_us"))) for record in m.kind("select_attend")]
    return "A layer after RocketKV's eviction", ("tokens", "budget", "kept", "top-k", "select us", "GB/s", "attend us",
                                                 "GB/s", "all page bounds us"), rows


def eviction(m):
    rows = [(record["context"], record["budget"], record["keep"],
             *(number(record.get(name)) for name in ("vote_us", "keep_best_us", "gather_us")))
            for record in m.kind("evict")]
    return "Eviction of a layer", ("tokens", "budget", "kept", "vote us", "keep best us", "gather us"), rows


def prompt_attention(m):
    rows = [(record["tokens"], record["chunk"], number(record.get("us")), number(record.get("tflop_per_s")))
            for record in m.kind("attend_prefill")]
    return "Attention of a prompt's last chunk, one layer", ("tokens", "chunk", "us", "TFLOP/s"), rows


def linear(m):
    rows = [(record["weights"], record["use"], record["n"], f"{record['rows']} x {record['cols']}",
             number(record.get("us")), number(record.get("gb_per_s")),
             share(record.get("gb_per_s"), m.roof()) if record["use"] == "decode" else "-",
             number(record.get("tflop_per_s"))) for record in m.kind("linear")]
    return "Projections", ("weights", "use", "n", "matrix", "us", "GB/s of weights", "of bandwidth", "TFLOP/s"), rows


def small(m):
    rows = [(record["op"], record.get("n", "-"), number(record.get("us")), number(record.get("gb_per_s")))
            for record in m.kind("small")]
    return "Small ops", ("op", "n", "us", "GB/s"), rows


def compare(m):
    rows = [(record["weights"], record["kv"], record["context"], record["method"], number(record["prefill_error"]),
             number(record["decode_error"] if record["decode_steps"] else None),
             f"{record['positions_differ']} of {record['positions']}")
            for record in m.kind("compare")]
    return ("Small models of random weights against the CPU: relative errors of logits (of decode steps before a "
            "choice differs), kept and selected positions that differ"), (
        "weights", "cache", "tokens", "method", "after prefill", "decode steps", "positions"), rows


def sanitizers(m):
    rows = [(record["tool"], record["tests"], record["state"], record["passed"]) for record in m.kind("sanitizer")]
    return "Kernel tests under compute-sanitizer", ("tool", "tests with", "state", "passed"), rows


def left_out(m):
    rows = [(record["kind"], ", ".join(f"{key} {record[key]}" for key in KEYS if key in record), record["left_out"])
            for record in m.records if "left_out" in record]
    return "Left out", ("what", "of", "why"), rows


ALL = (bandwidth, decode, stages, prefill, dense_attention, sparse_attention, eviction, prompt_attention, linear, small,
       compare, sanitizers, left_out)
