"""Two tapes in time order, played at a thousand times their pace, with a jump in the middle."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tickdeck as td
from tickdeck.core import ns_text


def write_tapes(folder: Path) -> list[Path]:
    """Two instruments on two tapes of different formats; both number theirs 1."""
    paths = []
    for name, seed in (("first.npy", 1), ("second.parquet", 2)):
        session = td.simulate(events=50_000, seed=seed)
        symbol = "ALPHA" if seed == 1 else "BETA"
        td.write(folder / name, session, {1: td.Instrument(symbol, tick_size="0.01", instrument_id=1)})
        paths.append(folder / name)
    return paths


def main() -> None:
    """Merge, seek, and play for a second."""
    with tempfile.TemporaryDirectory() as name, td.DataSource(*write_tapes(Path(name))) as tape:
        print({number: item.symbol for number, item in tape.instruments.items()}, "under ids of their own")

        # At full speed: everything, merged. Books need the tape from its start.
        market = td.Market(tape.instruments.values())
        for events in tape:
            market.apply(events)
        print(market, "at", ns_text(tape.time or 0))

        # From noon on, a thousand seconds a second, until ten minutes have been played. Files with an index are not read up to there.
        tape.seek("2024-03-05T17:00:00Z")
        tape.speed = 1_000
        until = td.to_ns("2024-03-05T17:10:00Z")
        trades = 0
        while (events := tape.next_chunk()) is not None and (tape.time or 0) < until:
            trades += int((events["action"] == td.Action.TRADE).sum())
        print(f"{trades:,} trades in the ten minutes up to {ns_text(tape.time or 0)}")


if __name__ == "__main__":
    main()
