"""The journal: what is acknowledged is there, what is torn is dropped, what is damaged is told."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tickdeck.core import COMMAND, EVENT, FormatError, JournalError, Records, UsageError
from tickdeck.tape.journal import JournalWriter
from tickdeck.tape.journal_layout import END, MOST_ROWS, Layout
from tickdeck.tape.journal_reader import JournalReader

ODD = np.dtype(
    {
        "names": ["a", "b", "c", "d", "e"],
        "formats": ["<u1", "<f8", "S3", "(3,)<i2", "<u4"],
        "offsets": [3, 8, 16, 20, 28],
        "itemsize": 40,
    }
)
SMALL = np.dtype([("number", "<u8"), ("side", "u1")])


def numbered(first: int, count: int) -> Records:
    """Records that tell their sequence numbers."""
    records = np.zeros(count, SMALL)
    records["number"] = np.arange(first, first + count)
    records["side"] = records["number"] % 251
    return records


def fill(folder: Path, *counts: int, durable: bool = False, **options: object) -> Path:
    """A journal of batches of these lengths by one writer; its last segment."""
    with JournalWriter(folder, SMALL, durable=durable, **options) as journal:  # type: ignore[arg-type]
        for count in counts:
            journal.append(numbered(journal.sequence + 1, count))
    return last_segment(folder)


def last_segment(folder: Path) -> Path:
    return max(folder.glob("segment-*.arrows"), key=lambda path: path.name[-11:])


def read_all(folder: Path, start: int = 1, **options: int) -> tuple[list[int], JournalReader]:
    """The numbers that a journal holds, each checked against its sequence number."""
    reader = JournalReader(folder, SMALL, start, **options)
    numbers: list[int] = []
    for first, records in reader:
        assert not isinstance(records, str)
        assert records["number"].tolist() == list(range(first, first + len(records)))
        assert (records["side"] == records["number"] % 251).all()
        numbers += records["number"].tolist()
    return numbers, reader


def batch_ends(path: Path) -> list[int]:
    """Byte at which the schema and each batch of a segment end, by pyarrow alone."""
    ends = []
    with path.open("rb") as file:
        while True:
            try:
                pa.ipc.read_message(file)
            except (EOFError, pa.ArrowInvalid):
                return ends
            ends.append(file.tell())


def killed(folder: Path, *counts: int) -> Path:
    """A journal whose writer never closed it."""
    path = fill(folder, *counts)
    os.truncate(path, path.stat().st_size - len(END))
    return path


@pytest.mark.parametrize("dtype", [COMMAND, EVENT, ODD, SMALL], ids=["command", "event", "odd", "small"])
@pytest.mark.parametrize("durable", [True, False])
def test_records_come_back_bit_for_bit(tmp_path: Path, dtype: np.dtype[np.void], durable: bool) -> None:
    made = np.random.default_rng(1)
    written = []
    with JournalWriter(tmp_path, dtype, durable=durable) as journal:
        for count in (1, 2, 8, 1, 13, 300, MOST_ROWS + 1, 0, 5):
            records = np.zeros(count, dtype)
            for name in dtype.names or ():
                shape = records[name].shape
                size = records[name].nbytes
                records[name] = np.frombuffer(made.bytes(size), dtype[name].base).reshape(shape)
            written.append(records)
            assert journal.append(records) == sum(map(len, written))
    found = [records for _, records in JournalReader(tmp_path, dtype)]
    back = np.concatenate(found)
    for name in dtype.names or ():
        assert back[name].tobytes() == np.concatenate(written)[name].tobytes()


def test_any_arrow_reader_opens_a_segment(tmp_path: Path) -> None:
    path = fill(tmp_path, 3, 1, 20)
    table = pa.ipc.open_stream(path.read_bytes()).read_all()
    assert table.column_names == ["number", "side"]
    assert table["number"].to_pylist() == list(range(1, 25))


def test_batch_metadata_holds_sequence_count_and_checksum(tmp_path: Path) -> None:
    import struct
    import zlib

    path = fill(tmp_path, 8, 16)
    stream = pa.ipc.open_stream(path.read_bytes())
    stream.read_next_batch()
    batch, metadata = stream.read_next_batch_with_custom_metadata()
    crc = zlib.crc32(struct.pack("<Q", 9))
    for column in batch.columns:
        crc = zlib.crc32(column.buffers()[1], crc)
    assert dict(metadata) == {b"first_sequence": b"%020d" % 9, b"count": b"%010d" % 16, b"crc32": b"%08x" % crc}


def test_a_segment_that_pyarrow_wrote_otherwise_is_read(tmp_path: Path) -> None:
    """Another version of pyarrow may lay out its headers differently: here columns with validity bitmaps of their own and more metadata."""
    path = fill(tmp_path, 5, 9, 16)
    stream = pa.ipc.open_stream(path.read_bytes())
    with path.open("wb") as file, pa.ipc.new_stream(file, stream.schema) as sink:
        while True:
            try:
                batch, metadata = stream.read_next_batch_with_custom_metadata()
            except StopIteration:
                break
            sink.write_batch(batch, custom_metadata={"by": "another", **{k.decode(): v.decode() for k, v in metadata.items()}})
    assert read_all(tmp_path)[0] == list(range(1, 31))


def test_notes_take_sequence_numbers_and_keep_their_place(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, SMALL) as journal:
        assert journal.append(numbered(1, 2)) == 2
        assert journal.append_note("né") == 3
        assert journal.append(numbered(4, 1)) == 4
    found = [(first, item if isinstance(item, str) else len(item)) for first, item in JournalReader(tmp_path, SMALL)]
    assert found == [(1, 2), (3, "né"), (4, 1)]


def test_each_start_begins_a_segment_and_the_sequence_goes_on(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    fill(tmp_path)
    fill(tmp_path, 2, 2)
    names = sorted(path.name for path in tmp_path.glob("*.arrows"))
    assert names == [f"segment-{first:020d}-{number:04d}.arrows" for first, number in ((1, 1), (4, 2), (4, 3))]
    assert read_all(tmp_path)[0] == list(range(1, 8))


def test_a_full_segment_is_followed_by_another(tmp_path: Path) -> None:
    fill(tmp_path, *[10] * 20, segment_bytes=3_000)
    assert len(list(tmp_path.glob("*.arrows"))) > 3
    assert read_all(tmp_path)[0] == list(range(1, 201))


def test_reading_starts_at_any_record(tmp_path: Path) -> None:
    fill(tmp_path, 3, 4, segment_bytes=100)
    fill(tmp_path, 5, 1)
    for start in range(1, 15):
        assert read_all(tmp_path, start)[0] == list(range(start, 14)), start


def test_a_record_that_is_not_there_yet_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    assert read_all(tmp_path, 4)[0] == []
    with pytest.raises(FormatError, match="ends before record 5"):
        read_all(tmp_path, 5)


def test_small_batches_are_put_together_in_order(tmp_path: Path) -> None:
    fill(tmp_path, *[1] * 10, 7, 3, 20)
    lengths = [len(records) for _, records in JournalReader(tmp_path, SMALL, chunk=8)]
    assert lengths == [8, 2, 7, 3, 20]
    assert read_all(tmp_path, chunk=8)[0] == list(range(1, 41))


def test_metadata_of_the_writer_is_read_back(tmp_path: Path) -> None:
    fill(tmp_path, 1, metadata={"listings": "[1, 2]"})
    assert read_all(tmp_path)[1].metadata == {"listings": "[1, 2]"}


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    with (
        JournalWriter(tmp_path, SMALL),
        pytest.raises(JournalError, match=rf"process {os.getpid()} +is writing this journal|process {os.getpid()} is writing"),
    ):
        JournalWriter(tmp_path, SMALL)
    JournalWriter(tmp_path, SMALL).close()


def test_a_closed_journal_takes_nothing(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path, SMALL)
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append(numbered(1, 1))
    with pytest.raises(JournalError, match="closed"):
        journal.reopen()


def test_other_records_are_refused(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, SMALL) as journal, pytest.raises(UsageError, match="dtype"):
        journal.append(np.zeros(1, EVENT))
    with pytest.raises(UsageError, match="'when'"):
        JournalWriter(tmp_path / "b", np.dtype([("when", "<M8[ns]")]))
    other = np.dtype([("number", "<i8"), ("side", "u1")])
    for use in (lambda: list(JournalReader(tmp_path, other)), lambda: JournalWriter(tmp_path, other)):
        with pytest.raises(FormatError, match="'number' is <u8 in the file, <i8 in the program"):
            use()


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = fill(tmp_path, 1)
    content = path.read_bytes()
    schema = pa.ipc.open_stream(content).schema
    later = schema.with_metadata({**schema.metadata, b"tickdeck.journal": b"2"}).serialize().to_pybytes()
    path.write_bytes(later + content[batch_ends(path)[0] :])
    with pytest.raises(FormatError, match="version 2"):
        read_all(tmp_path)


def test_a_foreign_stream_is_refused(tmp_path: Path) -> None:
    path = fill(tmp_path, 1)
    path.write_bytes(pa.schema([("a", pa.int64())]).serialize())
    with pytest.raises(FormatError, match="not a segment of a journal"):
        read_all(tmp_path)


def test_a_torn_tail_at_every_byte_is_dropped_and_counted(tmp_path: Path) -> None:
    path = killed(tmp_path, 3, 2, 5)
    content = path.read_bytes()
    ends = batch_ends(path)
    kept = dict(zip(ends, (0, 3, 5, 10)))
    for size in range(len(content) + 1):
        path.write_bytes(content[:size])
        whole = max((end for end in ends if end <= size), default=0)
        numbers, reader = read_all(tmp_path)
        assert numbers == list(range(1, kept.get(whole, 0) + 1)), size
        assert sum(tail.bytes for tail in reader.tails) == size - whole, size
        assert all(tail.offset == whole and tail.path == path for tail in reader.tails)


@pytest.mark.parametrize("size", [0, 5, 200, 700, 1_000])
def test_a_writer_goes_on_after_a_torn_tail_in_a_new_segment(tmp_path: Path, size: int) -> None:
    path = killed(tmp_path, 3, 2)
    torn = path.read_bytes()[: min(size, path.stat().st_size - 1)]
    path.write_bytes(torn)
    numbers, reader = read_all(tmp_path)
    kept = len(numbers)
    with JournalWriter(tmp_path, SMALL) as journal:
        assert (journal.sequence, journal.tail is not None) == (kept, reader.tails != [])
        journal.append(numbered(kept + 1, 4))
    assert path.read_bytes() == torn
    assert read_all(tmp_path)[0] == list(range(1, kept + 5))


def test_every_flipped_bit_before_the_last_batch_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = killed(tmp_path, 3, 2, 5)
    content = path.read_bytes()
    before_last = batch_ends(path)[-2]
    for at in range(before_last):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        with pytest.raises(FormatError) as caught:
            numbers, _ = read_all(tmp_path)
            # A few bytes of Arrow's headers carry no meaning.
            assert numbers == list(range(1, 11)), at
            raise FormatError(f"{path}: unused byte")
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_flipped_bit_in_the_last_batch_loses_that_batch_or_is_an_error(tmp_path: Path) -> None:
    path = killed(tmp_path, 3, 2, 5)
    content = path.read_bytes()
    for closed in (b"", END):
        for at in range(batch_ends(path)[-2], len(content)):
            damaged = bytearray(content + closed)
            damaged[at] ^= 1 << at % 8
            path.write_bytes(damaged)
            try:
                numbers, reader = read_all(tmp_path)
            except FormatError as error:
                assert closed and f"{path}, byte " in str(error)
            else:
                assert numbers == list(range(1, 11)) or (not closed and numbers == list(range(1, 6)) and reader.tails), at
        path.write_bytes(content)


def test_a_missing_segment_is_a_gap(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    middle = fill(tmp_path, 2)
    fill(tmp_path, 4)
    content = middle.read_bytes()
    middle.unlink()
    with pytest.raises(FormatError, match="records 4 to 5 are missing"):
        read_all(tmp_path)
    middle.write_bytes(content)
    os.truncate(middle, batch_ends(middle)[0] + 20)
    with pytest.raises(FormatError, match="records 4 to 5 are missing"):
        read_all(tmp_path)
    next(iter(tmp_path.glob("*-0001.arrows"))).unlink()
    with pytest.raises(FormatError, match="begins at record 4"):
        read_all(tmp_path)


def test_a_writer_does_not_go_on_after_damage(tmp_path: Path) -> None:
    path = killed(tmp_path, 3, 2)
    content = bytearray(path.read_bytes())
    content[batch_ends(path)[0] + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(FormatError, match="damaged"):
        JournalWriter(tmp_path, SMALL)


class FullDisk:
    """`os.pwritev` and `os.pwrite` of a disk that has so many bytes left."""

    def __init__(self, patch: pytest.MonkeyPatch, left: int) -> None:
        self.left = left
        self._write = os.pwrite
        patch.setattr(os, "pwritev", lambda file, parts, offset: self(file, b"".join(parts), offset))
        patch.setattr(os, "pwrite", self)

    def __call__(self, file: int, content: bytes, offset: int) -> int:
        taken = min(self.left, len(content))
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.left -= taken
        return self._write(file, bytes(content)[:taken], offset)


@pytest.mark.parametrize("left", [0, 1, 500, 900, 1_500])
def test_a_full_disk_stops_the_writer_and_loses_nothing_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    journal = JournalWriter(tmp_path, SMALL)
    journal.append(numbered(1, 3))
    with monkeypatch.context() as patch:
        disk = FullDisk(patch, left)
        acknowledged = 3
        with pytest.raises(JournalError, match=r"stopped after record \d+ \(No space left on device\).*reopen") as caught:
            while True:
                acknowledged = journal.append(numbered(acknowledged + 1, 4))
        assert f"record {acknowledged} " in str(caught.value)
        disk.left = 10**6
        with pytest.raises(JournalError, match="No space left"):
            journal.append(numbered(acknowledged + 1, 1))
        assert read_all(tmp_path)[0] == list(range(1, acknowledged + 1))
        disk.left = 0
        with pytest.raises(JournalError, match="No space left"):
            journal.reopen()
    journal.reopen()
    assert journal.append(numbered(acknowledged + 1, 2)) == acknowledged + 2
    journal.close()
    numbers, reader = read_all(tmp_path)
    assert numbers == list(range(1, acknowledged + 3)) and reader.tails == []


def test_an_append_of_many_batches_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with JournalWriter(tmp_path, SMALL) as journal:
        journal.append(numbered(1, 3))
        with monkeypatch.context() as patch:
            FullDisk(patch, 2 * MOST_ROWS * 9)
            with pytest.raises(JournalError, match="after record 3 "):
                journal.append(numbered(4, 5 * MOST_ROWS))
        assert journal.sequence == 3
    assert read_all(tmp_path)[0] == [1, 2, 3]


def test_a_disk_that_has_no_room_for_the_next_segment_appends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = JournalWriter(tmp_path, SMALL, segment_bytes=1)
    journal.append(numbered(1, 3))
    make = os.open

    def full(path: object, *rest: int) -> int:
        if "segment" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        return make(path, *rest)  # type: ignore[call-overload, no-any-return]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        for _ in range(2):
            with pytest.raises(JournalError, match=r"after record 3 .*No space left"):
                journal.append(numbered(4, 2))
    assert read_all(tmp_path)[0] == [1, 2, 3]
    journal.reopen()
    assert journal.append(numbered(4, 2)) == 5
    journal.close()
    assert read_all(tmp_path)[0] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("call", ["fdatasync", "fsync"])
def test_a_failed_sync_acknowledges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    journal = JournalWriter(tmp_path, SMALL)
    journal.append(numbered(1, 3))

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(JournalError, match="Input/output error"):
            journal.append(numbered(4, 2)) if call == "fdatasync" else journal.flush()
    assert read_all(tmp_path)[0] == [1, 2, 3]
    journal.reopen()
    journal.append(numbered(4, 1))
    journal.close()
    assert read_all(tmp_path)[0] == [1, 2, 3, 4]


def test_what_could_not_be_cut_off_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch is whole, its sync failed, so did the truncation: it was never acknowledged, and the next segment takes its place."""
    journal = JournalWriter(tmp_path, SMALL)
    journal.append(numbered(1, 3))

    def fail(*_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        patch.setattr(os, "ftruncate", fail)
        with pytest.raises(JournalError):
            journal.append(numbered(4, 2))
    journal.reopen()
    assert journal.sequence == 3
    journal.append(numbered(4, 7))
    journal.close()
    numbers, reader = read_all(tmp_path)
    assert numbers == list(range(1, 11)) and "takes its place" in str(reader.tails[0])


def test_an_interrupted_append_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = JournalWriter(tmp_path, SMALL)
    journal.append(numbered(1, 3))

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            journal.append(numbered(4, 100))
    journal.append(numbered(4, 1))
    journal.close()
    assert read_all(tmp_path)[0] == [1, 2, 3, 4]


def test_a_file_size_limit_stops_the_writer(tmp_path: Path) -> None:
    """The system's own refusal of a write in the middle of a batch."""
    script = f"""
import resource, signal, sys
import numpy as np
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_journal import SMALL, numbered
from tickdeck.core import JournalError
from tickdeck.tape.journal import JournalWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = JournalWriter({str(tmp_path)!r}, SMALL)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_001, resource.RLIM_INFINITY))
try:
    while True:
        journal.append(numbered(journal.sequence + 1, 10))
except JournalError as error:
    print(journal.sequence, error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    acknowledged = int(done.stdout.split()[0])
    assert acknowledged > 100 and "File too large" in done.stdout
    numbers, reader = read_all(tmp_path)
    assert numbers == list(range(1, acknowledged + 1)) and reader.tails == []


def test_acknowledged_records_survive_kill_9(tmp_path: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_journal import SMALL, numbered
from tickdeck.tape.journal import JournalWriter
journal = JournalWriter(sys.argv[1], SMALL, durable=sys.argv[2] == "durable", segment_bytes=100_000)
while True:
    print(journal.append(numbered(journal.sequence + 1, journal.sequence * 7919 % 900 + 1)), flush=True)
"""
    for durable in ("durable", "plain"):
        folder = tmp_path / durable
        reached = 0
        for lines in (3, 40, 11):
            process = subprocess.Popen([sys.executable, "-c", script, str(folder), durable], stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            process.kill()
            told = [int(line) for line in process.stdout.read().split("\n") if line.endswith(tuple("0123456789"))]
            process.wait()
            numbers, _ = read_all(folder)
            assert len(numbers) >= max(told, default=reached) >= reached
            assert numbers == list(range(1, len(numbers) + 1))
            reached = len(numbers)
        assert reached > 1_000


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(0, 40), max_size=4), min_size=1, max_size=4), st.integers(1, 50), st.integers(1, 60))
def test_any_history_reads_back(
    tmp_path_factory: pytest.TempPathFactory, starts: list[list[int]], chunk: int, start: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    for counts in starts:
        fill(folder, *counts, segment_bytes=1_500)
    total = sum(map(sum, starts))
    if start <= total + 1:
        assert read_all(folder, start, chunk=chunk)[0] == list(range(start, total + 1))


def test_headers_of_all_lengths_are_what_pyarrow_reads(tmp_path: Path) -> None:
    layout = Layout(ODD)
    schema = layout.columns.serialize().to_pybytes()
    for count in (1, 2, 3, 7, 8, 9, 100, 1_001):
        message = b"".join(layout.encode(7, np.zeros(count, ODD)))
        batch = pa.ipc.open_stream(schema + message).read_next_batch()
        batch.validate(full=True)
        assert batch.num_rows == count


def test_segments_with_contradicting_names_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    path = fill(tmp_path, 2)
    path.rename(path.with_name(f"segment-{4:020d}-0001.arrows"))
    with pytest.raises(FormatError, match="contradict"):
        read_all(tmp_path)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such folder"):
        JournalReader(tmp_path / "none", SMALL)
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be written"):
        JournalWriter(tmp_path / "file" / "journal", SMALL)


def test_numbers_of_batches_rise_without_holes(tmp_path: Path) -> None:
    fill(tmp_path, 4, 4, 4)
    firsts = [first for first, _ in JournalReader(tmp_path, SMALL, chunk=1)]
    assert all(later - earlier == 4 for earlier, later in pairwise(firsts))


def test_the_soak_campaign_finds_a_reader_that_drops_a_good_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tickdeck.soak import FindingError
    from tickdeck.soak.journal import JournalCampaign
    from tickdeck.tape.journal_segment import Segment

    def short(segment: Segment) -> bool:
        return False

    monkeypatch.setattr(Segment, "_whole_batch_follows", short)
    monkeypatch.setattr(Segment, "_is_closed", short)
    monkeypatch.setattr(Segment, "_own_batch", lambda *_: None)
    monkeypatch.setattr(Segment, "_any_batch", lambda *_: (_ for _ in ()).throw(ValueError("bad")))
    with pytest.raises((FindingError, FormatError), match=r"acknowledged|goes on after|missing"):
        for seed in range(10):
            JournalCampaign(tmp_path, "").try_one(random.Random(seed))
