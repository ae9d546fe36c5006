"""Numbers out of the parts that ended well: medians over rounds, and what bars and tables ask for."""

import statistics

KEYS = ("weights", "context", "method", "budget", "batch")


class Measures:
    def __init__(self, parts):
        self.records = [record for part in parts if part["status"] == "ok" for record in part.get("records", [])]

    def kind(self, kind):
        return [record for record in self.records if record["kind"] == kind]

    def roof(self):
        """GB/s: the faster of reading and copying, so that no share of it is flattered. None if not measured."""
        rates = [record[name] for record in self.kind("device") for name in ("read_gb_per_s", "copy_gb_per_s")
                 if name in record]
        return max(rates, default=None)

    def decode(self):
        """Decode steps by (weights, context, method, budget, batch): medians over the rounds."""
        return rounds(self.kind("decode"))

    def prefill(self):
        """Prompts by the same keys. The first round of a length warms up; it counts only where it is the only one."""
        warm = {tuple(record.get(key) for key in KEYS) for record in self.kind("prefill")
                if record["round"] > 0 and "left_out" not in record}
        return rounds(record for record in self.kind("prefill")
                      if record["round"] > 0 or tuple(record.get(key) for key in KEYS) not in warm)

    def step_ms(self, weights, context, method, budget, batch):
        return self.decode().get((weights, context, method, budget, batch), {}).get("step_ms")

    def gain(self, weights, context, budget, batch):
        """Step of the full cache over that of rocketkv, or None."""
        full = self.step_ms(weights, context, "full", 0, batch)
        ours = self.step_ms(weights, context, "rocketkv", budget, batch)
        return full / ours if full and ours else None


def rounds(records):
    """{keys: {name: median}} of what has been measured."""
    found = {}
    for record in records:
        if "left_out" not in record:
            found.setdefault(tuple(record.get(key) for key in KEYS), []).append(record)
    return {
        keys: {name: statistics.median(r[name] for r in same) for name, value in same[0].items()
               if name not in KEYS and name != "round" and not isinstance(value, str)}
        for keys, same in found.items()
    }
