#!/usr/bin/env python3
"""Make test/fixtures/text: token ids and prompts from independent implementations.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 gguf==0.19.0 jinja2==3.1.6
    python scripts/make_text_fixture.py SmolLM2-135M-Instruct.Q4_1.gguf

The GGUF file is the one that `rocketkv pull` fetches. Written are

    smollm2_ids.json        texts and ids of SmolLM2's own vocabulary, by `tokenizers`
    <style>.tokenizer.json  small vocabularies with the components of a model family, trained on the text below
    style_ids.json          the same texts in these vocabularies, with what decoding gives back
    chat_prompts.json       conversations in three template styles, rendered by Jinja2
"""

import io
import json
import sys
from pathlib import Path

import sentencepiece
from gguf import GGUFReader
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = Path(__file__).parent.parent / "test" / "fixtures" / "text"

TEXTS = [
    "",
    " ",
    "a",
    "Hello world",
    " Hello  world ",
    "The quick brown fox jumps over the lazy dog.",
    "  two leading and two trailing  ",
    "a b  c   d    e     f",
    "\n",
    "line one\nline two\n\nline four\n\n\n",
    "tabs\tand\t\ttabs \t mixed",
    "windows\r\nline\r\n\r\nends",
    "trailing newline and spaces \n   \n  x",
    "It's we're I'll they've she'd I'm don't",
    "IT'S WE'RE I'LL DON'T O'Neill 'tis rock'n'roll it'\u017f",
    "0 1 12 123 1234 12345 1234567890",
    "3.14159, 1,000,000 and 2^10 = 1024; 50% off, $9.99",
    "v1.2.3-rc4 2024-07-26T12:34:56Z 192.168.0.1",
    "\u0661\u0662\u0663 \uff11\uff12\uff13 \u00b2\u00b3 \u2168 \u00bd",
    "caf\u00e9 na\u00efve \u00fcber stra\u00dfe \u0141\u00f3d\u017a \u00f8re",
    "cafe\u0301 e\u0301\u0323 \ufb01ne",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u4eca\u5929\u5929\u6c14\u4e0d\u9519",
    "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c \u30ab\u30bf\u30ab\u30ca \ud55c\uad6d\uc5b4 \ud14d\uc2a4\ud2b8",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\U0001f600 smile \U0001f680\U0001f680 rocket",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd",
    "\ufeffbyte order mark",
    "control \x00 \x01 \x07 \x1b[0m \x7f chars",
    "spaces \u00a0 \u2003 \u3000 \u200b \u0085 \u2028 \u2029 end",
    "def f(x):\n    return x ** 2  # square\n\n\nclass A:\n\tpass\n",
    "for (let i = 0; i < n; i++) { a[i] += b[i]; }",
    "https://example.org/path/to/file.html?q=1&r=two#frag",
    "snake_case camelCase PascalCase HTTPServer kebab-case __init__",
    "!!! ??? ... --- === <<< >>> @#$%^&*()",
    "\"quoted\" \u201ccurly\u201d \u2018single\u2019 \u2014 dash \u2013 \u2026",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "                                                ",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "xyzzy zzyzx rocket Rocket ROCKET rockets",
    "<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n caf\u00e9 \U0001f680 <|im_end|>\n",
    "a<|im_end|>b <|im_end|> c<|endoftext|>",
    "<|im_start <|im_end|<|im_end|>|> |im_end|>",
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>",
    "<s>[INST] Hi there [/INST] Hello</s><s>[INST] Again [/INST]",
    "x </s> y<s>",
    "<tool_call>\n{\"name\": \"f\"}\n</tool_call>",
    "left  <|strip|>  right<|strip|>",
    "rkv arkv rkv_ (rkv) rkv rkvrkv",
    "\u2581raw\u2581mark and <0x0A> <unk> text",
    "The capital of France is",
]

CORPUS = """
The rocket cache keeps what the end of the prompt attends to and drops the rest. Every head keeps the same number of
tokens, but each head may keep different ones. It's a simple idea: the model reads less, and we're able to go further.
A long text has many words that nobody will ask for. The needle in the haystack is the one sentence that matters.
What is the answer? The answer is 1234567890. Don't guess; I'll wait. They've seen it, she'd say so, I'm sure.
def attend(query, keys, values):
    scores = [dot(query, key) for key in keys]
    return mix(softmax(scores), values)  # one step

for (let i = 0; i < n; i++) { sum += values[i] * weights[i]; }
Caf\u00e9 na\u00efve \u00fcber stra\u00dfe. \u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u4f60\u597d\uff0c\u4e16\u754c\u3002 \u4eca\u5929\u5929\u6c14\u4e0d\u9519\u3002
Hello world, hello there. The quick brown fox jumps over the lazy dog. HTTPServer parseRequest getValue setValue.
<b>Hello</b> 3.14159 and 2.71828, 100% of $9.99 on 2024-07-26, at https://example.org/path?q=1.
"""

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def special(text: str) -> AddedToken:
    return AddedToken(text, special=True, normalized=False)


def write(name: str, value: object) -> None:
    (OUT / name).write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


# ------------------------------------------------------------------------------------------------------- SmolLM2 ---


def smollm2(path: str) -> Tokenizer:
    """The GGUF's tokens and merges under the components of the model's own tokenizer."""
    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([special(token) for token, kind in zip(tokens, kinds) if kind == 3])
    return tokenizer


# ------------------------------------------------------------------------------------------------ byte-level BPE ---


def byte_level(steps: list, specials: list[str], whole_words: bool = False, nfc: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=whole_words))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=640, min_frequency=1, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([CORPUS], trainer)
    if whole_words:
        # A word that no merge leads to: only the whole-word rule finds it.
        form = json.loads(tokenizer.to_str())
        form["model"]["vocab"]["\u0120zzyzx"] = len(form["model"]["vocab"])
        tokenizer = Tokenizer.from_str(json.dumps(form))
    tokenizer.add_special_tokens([special(text) for text in specials])
    return tokenizer


def by_pattern(pattern: str) -> list:
    return [
        pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]


def byte_level_styles() -> dict[str, Tokenizer]:
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
    chatml = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    headers = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    styles = {
        "gpt2": byte_level([plain], chatml[:1]),
        "smollm": byte_level([pre_tokenizers.Digits(individual_digits=True), plain], chatml),
        "llama3": byte_level(by_pattern(LLAMA3), headers, whole_words=True),
        "qwen2": byte_level(by_pattern(QWEN2), chatml, nfc=True),
        "tekken": byte_level(by_pattern(TEKKEN), ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"], whole_words=True),
    }
    for name, bos in [("llama3", "<|begin_of_text|>"), ("tekken", "<s>")]:
        template = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, styles[name].token_to_id(bos))]
        )
        styles[name].post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), template])
    styles["qwen2"].add_tokens(
        [
            AddedToken("<tool_call>", normalized=False),
            AddedToken("</tool_call>", normalized=False),
            AddedToken("<|strip|>", normalized=False, lstrip=True, rstrip=True),
            AddedToken("rkv", normalized=False, single_word=True),
        ]
    )
    return styles


# ------------------------------------------------------------------------------------------------- SentencePiece ---


def sentencepiece_styles() -> dict[str, Tokenizer]:
    """A BPE vocabulary trained by SentencePiece with Llama's settings, in both forms that tokenizer.json files have."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS.strip().split("\n")),
        model_writer=model,
        model_type="bpe",
        vocab_size=600,
        byte_fallback=True,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        character_coverage=0.98,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [processor.id_to_piece(i) for i in range(processor.vocab_size())]
    ids = {piece: i for i, piece in enumerate(pieces)}
    merges = []
    for rank, piece in sorted((-processor.get_score(i), piece) for i, piece in enumerate(pieces)):
        if not processor.is_byte(ids[piece]) and not processor.is_control(ids[piece]) and piece != "<unk>":
            halves = [(piece[:k], piece[k:]) for k in range(1, len(piece))]
            merges += [pair for pair in halves if pair[0] in ids and pair[1] in ids]

    styles = {}
    for name in ["llama2", "mistral"]:
        tokenizer = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        if name == "llama2":
            tokenizer.normalizer = normalizers.Sequence(
                [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
            )
        else:
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        tokenizer.decoder = decoders.Sequence(
            [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        tokenizer.add_special_tokens([special(text) for text in ["<unk>", "<s>", "</s>"]])
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
        styles[name] = tokenizer

    for text in TEXTS:
        if text and not any(mark in text for mark in ["<s>", "</s>", "<unk>"]):
            wanted = processor.encode(text)
            found = styles["llama2"].encode(text, add_special_tokens=False).ids
            assert wanted == found, f"SentencePiece and tokenizers differ on {text!r}: {wanted} {found}"
    return styles


# ---------------------------------------------------------------------------------------------------------- chat ---

CHATML = """\
{%- for message in messages -%}
    {%- if loop.first and message['role'] != 'system' -%}
        {{- '<|im_start|>system\\nYou are a test.<|im_end|>\\n' -}}
    {%- endif -%}
    {{- '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>' + '\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
"""

HEADERS = """\
{{- bos_token }}
{% if not tools is defined %}{% set tools = none %}{% endif %}
{%- set ns = namespace(system='', turns=0) %}
{%- if messages[0]['role'] == 'system' %}
    {%- set ns.system = messages[0]['content'] | trim %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set rest = messages %}
{%- endif %}
{%- if ns.system or tools is not none %}
    {{- "<|start_header_id|>system<|end_header_id|>\\n\\n" + ns.system + "<|eot_id|>" }}
{%- endif %}
{%- for message in rest %}
    {%- set ns.turns = ns.turns + 1 %}
    {{- '<|start_header_id|>' ~ message['role'] ~ '<|end_header_id|>\\n\\n' ~ message['content'] | trim ~ '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

INSTRUCT = """\
{{ bos_token }}{% for message in messages %}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant') }}
{%- elif message['role'] == 'user' %}
{{- '[INST] ' + message['content'] + ' [/INST]' }}
{%- elif message['role'] == 'assistant' %}
{{- ' ' + message['content'] + eos_token }}
{%- else %}
{{ raise_exception('Only user and assistant roles are supported') }}
{%- endif %}
{%- endfor %}
"""

SYSTEM = {"role": "system", "content": " Be brief. "}
USER = {"role": "user", "content": "What is 2 + 2?"}
ASSISTANT = {"role": "assistant", "content": "4 \U0001f680 {{ not a template }}"}
AGAIN = {"role": "user", "content": "  And 'twice' \"that\"?\n<b>&amp;</b>  "}
CONVERSATIONS = [[USER], [SYSTEM, USER], [USER, ASSISTANT, AGAIN], [SYSTEM, USER, ASSISTANT, AGAIN], [ASSISTANT, USER]]


def chat_prompts() -> list[dict]:
    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = raise_exception
    prompts = []
    for style, template, bos, eos in [
        ("chatml", CHATML, "", "<|im_end|>"),
        ("llama3", HEADERS, "<|begin_of_text|>", "<|eot_id|>"),
        ("mistral", INSTRUCT, "<s>", "</s>"),
    ]:
        cases = []
        for messages in CONVERSATIONS:
            for generation_prompt in [True, False]:
                case = {"messages": messages, "generationPrompt": generation_prompt}
                try:
                    case["prompt"] = environment.from_string(template).render(
                        messages=messages,
                        tools=None,
                        documents=None,
                        add_generation_prompt=generation_prompt,
                        bos_token=bos,
                        eos_token=eos,
                    )
                except TemplateError as error:
                    case["error"] = str(error)
                cases.append(case)
        prompts.append({"style": style, "template": template, "bos": bos, "eos": eos, "cases": cases})
    return prompts


def encoded(tokenizer: Tokenizer) -> list[dict]:
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        cases.append({"ids": ids, "decoded": tokenizer.decode(ids), "all": tokenizer.decode(ids, False)})
    return cases


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    write("smollm2_ids.json", {"texts": TEXTS, "cases": encoded(smollm2(sys.argv[1]))})
    styles = byte_level_styles() | sentencepiece_styles()
    for name, tokenizer in styles.items():
        write(f"{name}.tokenizer.json", json.loads(tokenizer.to_str()))
    write("style_ids.json", {"texts": TEXTS, "styles": {name: encoded(style) for name, style in styles.items()}})
    write("chat_prompts.json", chat_prompts())


if __name__ == "__main__":
    main()
