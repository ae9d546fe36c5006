"""Writes test/fixtures/data: the same three records in the forms that data sets are published in.

    python3 -m venv V && V/bin/pip install pyarrow==26.0.1 && V/bin/python scripts/make_data_fixture.py

A few KB. The records have what real ones have: text beyond ASCII, a list, a list of objects, whole numbers of 64 bits, null.
`test/unit/data_files_test.ts` holds them once more and compares.
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

OUT = Path(__file__).parent.parent / "test" / "fixtures" / "data"

RECORDS = [
    {
        "_id": f"r{i}",
        "context": f"Zeile {i}: 北京大学 — «naïve» 😀 " + "lorem ipsum " * 20,
        "answers": [f"eins {i}", "zwei"][: i + 1],
        "length": 1000 + i,
        "all_classes": None if i == 0 else ["A", "B"],
        "turns": [{"input": f"q{i}", "answer": "a"}, {"input": "last", "answer": None}],
    }
    for i in range(3)
]

SCHEMA = pa.schema([
    ("_id", pa.string()),
    ("context", pa.large_string()),
    ("answers", pa.list_(pa.string())),
    ("length", pa.int64()),
    ("all_classes", pa.list_(pa.string())),
    ("turns", pa.list_(pa.struct([("input", pa.string()), ("answer", pa.string())]))),
])


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(RECORDS, schema=SCHEMA)
    for codec in ["snappy", "zstd", "gzip", "none"]:
        pq.write_table(table, OUT / f"{codec}.parquet", compression=codec, row_group_size=2)
    pq.write_table(table, OUT / "pages_v2.parquet", compression="zstd", data_page_version="2.0")
    # What datasets.Dataset.save_to_disk leaves behind: streams, and a file that names them.
    folder = OUT / "saved"
    folder.mkdir(exist_ok=True)
    names = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    for name, part in zip(names, [table.slice(0, 2), table.slice(2)]):
        with pa.ipc.new_stream(folder / name, SCHEMA) as writer:
            writer.write_table(part)
    state = {"_data_files": [{"filename": name} for name in names], "_split": "test"}
    (folder / "state.json").write_text(json.dumps(state, indent=1) + "\n")


main()
