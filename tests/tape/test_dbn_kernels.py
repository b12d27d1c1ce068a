"""The kernels of DBN and Databento CSV compiled against the same kernels as plain Python."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from dbn_bytes import START, mbo, metadata, save, system, with_ts_out

from tickdeck.tape.dbn_records import BBO_SAMPLE, MBP_1, MBP_10, schema_layout

PROGRAM = """
import hashlib, sys
import numpy as np
from tickdeck.tape import ReadOptions, Source
from tickdeck.tape.databento_csv import DatabentoCsvReader
from tickdeck.tape.dbn import DbnReader
digest = hashlib.sha256()
for path in sys.argv[1:]:
    reader = (DatabentoCsvReader if path.endswith("csv") else DbnReader)(Source(path), ReadOptions(chunk=11))
    for chunk in reader:
        digest.update(chunk.tobytes())
    digest.update(repr(sorted(reader.report.counts.items())).encode())
print(digest.hexdigest())
"""


def random_records(schema: str, count: int, seed: int) -> bytes:
    import databento_dbn as dbn

    layout = schema_layout(schema)
    random = np.random.default_rng(seed)
    records = np.frombuffer(random.bytes(count * layout.itemsize), layout).copy()
    records["length"] = layout.itemsize // 4
    records["rtype"] = {MBP_10: 0x0A, MBP_1: 0x01, BBO_SAMPLE: 0xC3}[layout]
    records["ts_event"] = START
    records["instrument_id"] = random.integers(1, 4, count)
    if "action" in layout.names:
        records["action"] = random.choice(np.frombuffer(b"ACMTRN", "u1"), count)
    records["flags"] = random.choice([0, 128, 130, 168], count)
    for side in ("bid", "ask"):
        prices = np.sort(random.integers(-3, 20, records["levels"].shape), axis=1)
        records["levels"][f"{side}_px"] = prices[:, ::-1] if side == "bid" else prices
    return metadata(dbn.Schema.from_str(schema)) + records.tobytes()


def test_interpreted_and_compiled_kernels_give_the_same_events(tmp_path: Path) -> None:
    header = (
        "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,channel_id,order_id,flags,ts_in_delta,sequence"
    )
    row = "2025-07-17T08:05:03.36Z,{},160,2,{},A,B,-5.51,100,0,{},130,-5,851012"
    rows = [row.format(START + index, index % 3, index) for index in range(20)] + ["", "bad,row", row.format("x", 1, 1)]
    paths = [
        save(tmp_path / "mbo.dbn", metadata(None), system(), *(mbo(index) for index in range(30)), system(), mbo(31)),
        save(tmp_path / "ts_out.dbn", metadata(ts_out=True), *(with_ts_out(mbo(index)) for index in range(20))),
        save(tmp_path / "mbp-10.dbn", random_records("mbp-10", 25, 1)),
        save(tmp_path / "mbp-1.dbn", random_records("mbp-1", 25, 2)),
        save(tmp_path / "bbo.dbn", random_records("bbo-1s", 25, 3)),
        save(tmp_path / "mbo.csv", "\n".join([header, *rows]).encode()),
    ]
    found = []
    for disabled in ("0", "1"):
        run = subprocess.run(
            [sys.executable, "-W", "error::RuntimeWarning", "-c", PROGRAM, *map(str, paths)],
            env={**os.environ, "NUMBA_DISABLE_JIT": disabled},
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(run.stdout.strip())
    assert found[0] == found[1]
    assert len(found[0]) == hashlib.sha256().digest_size * 2
