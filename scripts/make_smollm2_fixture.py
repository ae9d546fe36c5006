"""Writes test/fixtures/smollm2/logits.json: what SmolLM2-135M-Instruct (Q4_1) computes, by an independent float64 model.

    python3 -m venv .tools/venv && .tools/venv/bin/pip install numpy==2.4.6 gguf==0.19.0
    .tools/venv/bin/python scripts/make_smollm2_fixture.py SmolLM2-135M-Instruct.Q4_1.gguf

`build/rocketkv pull smollm2` fetches the file. Nothing of rocketkv is used: the package `gguf` reads the file and
dequantises, all else is written here with numpy. It takes two minutes and 4 GB on two cores.

The fixture holds token ids, logits at some positions of a long prompt, and greedy continuations with the lead of every
step (logit of the best token minus the second best), so that a test can tell a defect from a tie. It also holds how
far the roundings that a fast engine is allowed move the logits; they are measured here by doing them in numpy:

    kv_bf16     K after RoPE and V rounded to bf16
    int8        kv_bf16, and the input of every matrix as int8 with one scale per 32 values
    bf16        kv_bf16, and the input of every matrix as well as its weights rounded to bf16
"""

import argparse
import hashlib
import json
import re
from pathlib import Path

import gguf
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PROMPT = ROOT / "scripts" / "demo" / "prompt.txt"
OUT = ROOT / "test" / "fixtures" / "smollm2" / "logits.json"
PROMPT_TOKENS = 1600
POSITIONS = [0, 31, 511, 1023, 1499, PROMPT_TOKENS - 1]
TOP = 40
SAMPLED = 64
GREEDY_STEPS = 32
CHAT = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n"
    "<|im_start|>assistant\n"
)


class Tokenizer:
    """Byte-level BPE as SmolLM2 uses it, for ASCII text: digits stand alone, then GPT-2's pattern."""

    WORD = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")
    SPECIAL = re.compile(r"(<\|im_start\|>|<\|im_end\|>)")

    def __init__(self, tokens, merges):
        self.ids = {token: i for i, token in enumerate(tokens)}
        self.rank = {tuple(merge.split(" ")): i for i, merge in enumerate(merges)}

    def encode(self, text):
        ids = []
        for part in self.SPECIAL.split(text):
            if self.SPECIAL.fullmatch(part):
                ids.append(self.ids[part])
                continue
            for piece in re.split(r"([0-9])", part):
                if piece.isdigit():
                    ids.append(self.ids[piece])
                else:
                    for word in self.WORD.findall(piece):
                        ids += [self.ids[symbol] for symbol in self.merge(word)]
        return ids

    def merge(self, word):
        symbols = list(word.replace(" ", "\u0120").replace("\n", "\u010a"))
        while len(symbols) > 1:
            pairs = list(zip(symbols, symbols[1:]))
            best = min(pairs, key=lambda pair: self.rank.get(pair, len(self.rank)))
            if best not in self.rank:
                break
            merged, i = [], 0
            while i < len(symbols):
                if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == best:
                    merged.append(symbols[i] + symbols[i + 1])
                    i += 2
                else:
                    merged.append(symbols[i])
                    i += 1
            symbols = merged
        return symbols


def to_bf16(x):
    """Nearest bf16, ties to even."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32).astype(np.float64)


def to_int8_blocks(x):
    """Nearest multiple of max|x| / 127 in every block of 32."""
    blocks = x.reshape(*x.shape[:-1], -1, 32)
    scale = np.abs(blocks).max(axis=-1, keepdims=True) / 127
    return (np.rint(blocks / np.where(scale == 0, 1, scale)) * scale).reshape(x.shape)


class Model:
    """Llama in float64. Rows of Q and K are in GGUF's order: dim 2i turns with dim 2i + 1."""

    def __init__(self, reader, rounding="exact"):
        number = lambda key: reader.fields[f"llama.{key}"].contents()
        self.layers = number("block_count")
        self.heads = number("attention.head_count")
        self.kv_heads = number("attention.head_count_kv")
        self.head_dim = number("rope.dimension_count")
        self.eps = number("attention.layer_norm_rms_epsilon")
        self.inv_freq = number("rope.freq_base") ** (-np.arange(0, self.head_dim, 2) / self.head_dim)
        self.rounding = rounding
        self.weights = {t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64) for t in reader.tensors}
        self.embedding = self.weights["token_embd.weight"]
        if rounding == "bf16":
            self.weights = {n: to_bf16(w) if w.ndim == 2 else w for n, w in self.weights.items()}
        self.cache = [([], []) for _ in range(self.layers)]
        self.length = 0

    def forward(self, tokens, logits_at):
        """Append tokens to the sequence. Returns logits [len(logits_at), vocab] of the given new tokens."""
        x = self.embedding[tokens]
        positions = np.arange(self.length, self.length + len(tokens))
        for layer in range(self.layers):
            w = lambda name: self.weights[f"blk.{layer}.{name}.weight"]
            normed = self.norm(x, w("attn_norm"))
            q = self.rope(self.heads_of(self.matmul(normed, w("attn_q"))), positions)
            k = self.round_kv(self.rope(self.heads_of(self.matmul(normed, w("attn_k"))), positions))
            v = self.round_kv(self.heads_of(self.matmul(normed, w("attn_v"))))
            keys, values = self.cache[layer]
            keys.append(k)
            values.append(v)
            mixed = self.attend(q, np.concatenate(keys, axis=1), np.concatenate(values, axis=1), positions)
            x = x + self.matmul(mixed, w("attn_output"))
            normed = self.norm(x, w("ffn_norm"))
            gate, up = self.matmul(normed, w("ffn_gate")), self.matmul(normed, w("ffn_up"))
            x = x + self.matmul(gate / (1 + np.exp(-gate)) * up, w("ffn_down"))
        self.length += len(tokens)
        return self.matmul(self.norm(x[logits_at], self.weights["output_norm.weight"]), self.weights["token_embd.weight"])

    def matmul(self, x, w):
        if self.rounding == "int8":
            x = to_int8_blocks(x)
        elif self.rounding == "bf16":
            x = to_bf16(x)
        return x @ w.T

    def norm(self, x, w):
        return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.eps) * w

    def heads_of(self, x):
        """[tokens, heads * head_dim] -> [heads, tokens, head_dim]"""
        return x.reshape(len(x), -1, self.head_dim).transpose(1, 0, 2)

    def rope(self, x, positions):
        angle = positions[:, None] * self.inv_freq
        cos, sin = np.cos(angle), np.sin(angle)
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1).reshape(x.shape)

    def round_kv(self, x):
        return x if self.rounding == "exact" else to_bf16(x)

    def attend(self, q, k, v, positions):
        """Causal attention. q [heads, tokens, d], k and v [kv_heads, cached, d] -> [tokens, heads * d]"""
        hidden = np.arange(k.shape[1]) > positions[:, None]
        out = []
        for head in range(self.heads):
            kv_head = head // (self.heads // self.kv_heads)
            score = np.where(hidden, -np.inf, q[head] @ k[kv_head].T / np.sqrt(self.head_dim))
            weight = np.exp(score - score.max(axis=-1, keepdims=True))
            out.append(weight / weight.sum(axis=-1, keepdims=True) @ v[kv_head])
        return np.concatenate(out, axis=-1)


def greedy(model, logits, steps):
    """Continue by the best token. Returns token ids and the lead of each over the second best."""
    tokens, leads = [], []
    for _ in range(steps):
        second, best = np.argsort(logits)[-2:]
        tokens.append(int(best))
        leads.append(round(float(logits[best] - logits[second]), 4))
        logits = model.forward([best], [0])[0]
    return tokens, leads


def error_of(logits, exact):
    """How far logits [n, vocab] are from the exact ones."""
    shift = np.abs(logits - exact)
    log_p = lambda x: x - x.max(axis=-1, keepdims=True) - np.log(
        np.exp(x - x.max(axis=-1, keepdims=True)).sum(axis=-1, keepdims=True))
    kl = (np.exp(log_p(exact)) * (log_p(exact) - log_p(logits))).sum(axis=-1)
    return {
        "max": round(float(shift.max()), 4),
        "rms": round(float(np.sqrt((shift**2).mean())), 4),
        "kl": round(float(kl.max()), 6),
        "same_top1": int((logits.argmax(axis=-1) == exact.argmax(axis=-1)).sum()),
    }


def rounded(values):
    return [round(float(x), 4) for x in values]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gguf", type=Path, help="SmolLM2-135M-Instruct.Q4_1.gguf")
    path = parser.parse_args().gguf
    reader = gguf.GGUFReader(path)
    field = lambda key: reader.fields[f"tokenizer.ggml.{key}"].contents()
    tokenizer = Tokenizer(field("tokens"), field("merges"))
    prompt = tokenizer.encode(PROMPT.read_text())[:PROMPT_TOKENS]
    chat = tokenizer.encode(CHAT)

    model = Model(reader)
    exact = model.forward(prompt, POSITIONS)
    long_tokens, long_leads = greedy(model, exact[-1], GREEDY_STEPS)
    model = Model(reader)
    chat_tokens, chat_leads = greedy(model, model.forward(chat, [-1])[0], GREEDY_STEPS)
    del model
    rounding = {}
    for name in ("kv_bf16", "int8", "bf16"):
        rounding[name] = error_of(Model(reader, name).forward(prompt, POSITIONS), exact)
        print(name, rounding[name])

    sampled = sorted(np.random.default_rng(1).choice(exact.shape[1], SAMPLED, replace=False).tolist())
    fixture = {
        "recipe": "scripts/make_smollm2_fixture.py",
        "model": {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        "prompt": {"file": "scripts/demo/prompt.txt", "tokens": prompt},
        "chat": {"text": CHAT, "tokens": chat},
        "rounding": rounding,
        "sampled_ids": sampled,
        "logits": [
            {
                "position": position,
                "mean": round(float(row.mean()), 5),
                "std": round(float(row.std()), 5),
                "top_ids": (top := np.argsort(-row)[:TOP]).tolist(),
                "top": rounded(row[top]),
                "sampled": rounded(row[sampled]),
            }
            for position, row in zip(POSITIONS, exact)
        ],
        "greedy": [
            {"after": "prompt", "tokens": long_tokens, "leads": long_leads},
            {"after": "chat", "tokens": chat_tokens, "leads": chat_leads},
        ],
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(fixture).replace('], "', '],\n"').replace('}, {"', '},\n{"') + "\n")


if __name__ == "__main__":
    main()
