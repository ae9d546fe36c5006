"""What an H100 should reach on the Llama-3.1-8B shape; nothing is asked of other cards.

The bars follow from a roofline: bytes that a step has to read over 3.35 TB/s, and the share of it that careful kernels
are known to reach.
"""

SMALL_BUDGETS = (256, 512, 1024)


def is_for(gpu):
    return "H100" in gpu


def lowest(values):
    """None unless all were measured: a bar is not met by the part of it that was."""
    values = list(values)
    return None if not values or None in values else min(values)


def steps_per_s(m, weights):
    ms = m.step_ms(weights, 4096, "full", 0, 1)
    return None if ms is None else 1e3 / ms


def dense_share(m):
    """Of the roof, at bf16 and 4096 tokens: weights and cache over the time of a step."""
    step = m.decode().get(("bf16", 4096, "full", 0, 1))
    if step is None or m.roof() is None or "step_ms" not in step:
        return None
    return 100 * (step["weight_bytes"] + step["kv_read_bytes"]) / step["step_ms"] / 1e6 / m.roof()


def attention_share(m):
    rates = [record.get("gb_per_s") for record in m.kind("attend") if record["tokens"] >= 32768]
    rate = lowest(rates)
    return None if rate is None or m.roof() is None else 100 * rate / m.roof()


def sparse_us(m):
    """Selection and attention of one layer, the slowest of all lengths and small budgets."""
    times = [record["select_us"] + record["attend_us"] for record in m.kind("select_attend")
             if record["budget"] in SMALL_BUDGETS and "select_us" in record]
    return max(times, default=None)


def prefill_s(m, context):
    ms = m.prefill().get(("bf16", context, "rocketkv", 512, None), {}).get("ms")
    return None if ms is None else ms / 1e3


def gain(weights, context, batch):
    return lambda m: lowest(m.gain(weights, context, budget, batch) for budget in SMALL_BUDGETS)


# Text, unit, least or most, value, how it is found.
BARS = [
    ("dense decode, bf16, 4K tokens, batch 1", "tokens/s", "least", 180, lambda m: steps_per_s(m, "bf16")),
    ("the same, share of the measured bandwidth", "%", "least", 81, dense_share),
    ("dense decode, Q8_0, 4K tokens, batch 1", "tokens/s", "least", 350, lambda m: steps_per_s(m, "q8_0")),
    ("dense decode, Q4_0, 4K tokens, batch 1", "tokens/s", "least", 560, lambda m: steps_per_s(m, "q4_0")),
    ("dense attention at 32K tokens and more, share of the measured bandwidth", "%", "least", 85, attention_share),
    ("selection and attention of a layer, B <= 1024", "us", "most", 8, sparse_us),
    ("step gain, bf16, 128K tokens, batch 1, smallest of B <= 1024", "x", "least", 1.9, gain("bf16", 131072, 1)),
    ("step gain, Q8_0, 128K tokens, batch 1, smallest of B <= 1024", "x", "least", 2.7, gain("q8_0", 131072, 1)),
    ("step gain, Q4_0, 128K tokens, batch 1, smallest of B <= 1024", "x", "least", 3.6, gain("q4_0", 131072, 1)),
    ("step gain, Q8_0, 32K tokens, batch 4, smallest of B <= 1024", "x", "least", 2.5, gain("q8_0", 32768, 4)),
    ("step gain, bf16, 6K tokens, batch 1, B = 512: the break-even", "x", "least", 1,
     lambda m: m.gain("bf16", 6144, 512, 1)),
    ("prefill, bf16, 32K tokens, rocketkv", "s", "most", 2.2, lambda m: prefill_s(m, 32768)),
    ("prefill, bf16, 128K tokens, rocketkv", "s", "most", 19, lambda m: prefill_s(m, 131072)),
]


def rows(m):
    """Table rows: text, bar, measured, met or not."""
    for text, unit, direction, bar, find in BARS:
        value = find(m)
        wanted = f"{'>=' if direction == 'least' else '<='} {bar} {unit}"
        if value is None:
            yield text, wanted, "not measured", "-"
        else:
            met = value >= bar if direction == "least" else value <= bar
            yield text, wanted, f"{value:.3g} {unit}", "met" if met else "not met"
