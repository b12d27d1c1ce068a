"""How long messages between a participant and the exchange take."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from tickdeck.core import UsageError


@dataclass(frozen=True)
class Network:
    """A participant's connection; times in microseconds.

    A message takes a fixed latency and a lognormal jitter (sigma 1, so that one in a hundred takes ten times the median jitter). Orders
    and their executions go over an ordered connection: a lost message is sent again after `retransmit`, and what was sent later waits for
    it, unless it is reordered. Market data is not repeated: who lost the last message sees the state before it.

    Parameters
    ----------
    latency, jitter : float
        Of orders to the exchange and of executions back; mean of the jitter.
    feed, feed_jitter : float, optional
        Of market data; by default as orders.
    loss : float
        Probability that a message is lost.
    retransmit : float
        How long the sender of a lost order waits before it sends it again.
    reorder : float
        Probability that an order does not wait for one sent earlier that has not arrived.
    """

    latency: float = 200.0
    jitter: float = 50.0
    feed: float | None = None
    feed_jitter: float | None = None
    loss: float = 0.0
    retransmit: float = 200_000.0
    reorder: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if value is not None and not value >= 0:
                raise UsageError(f"network: {item.name} must not be negative, but is {value}")
        for name in ("loss", "reorder"):
            if getattr(self, name) >= 1:
                raise UsageError(f"network: {name} is a probability below 1, not {getattr(self, name)}")
        if max(self.latency, self.jitter, self.retransmit, self.feed or 0, self.feed_jitter or 0) > 60e6:
            raise UsageError("network: times are in microseconds and at most a minute")

    def row(self) -> tuple[float, ...]:
        """The fields in the order of the kernels' record, ns."""
        feed = self.latency if self.feed is None else self.feed
        feed_jitter = self.jitter if self.feed_jitter is None else self.feed_jitter
        times = (self.latency * 1e3, self.jitter * 1e3, feed * 1e3, feed_jitter * 1e3)
        return (*times, self.loss, self.retransmit * 1e3, self.reorder)


NETWORKS = {
    "none": Network(latency=0.0, jitter=0.0),
    "colocated": Network(latency=20.0, jitter=5.0),
    "metro": Network(latency=400.0, jitter=100.0, loss=0.00001),
    "remote": Network(latency=15_000.0, jitter=3_000.0, loss=0.0005, reorder=0.001),
    "lossy": Network(latency=20_000.0, jitter=20_000.0, loss=0.02, reorder=0.2),
}
"""Connections by name."""


def network(text: str) -> Network:
    """A connection from its name, or from settings such as ``latency=200,jitter=50,loss=0.001``, or both: ``metro,loss=0.01``.

    Raises
    ------
    UsageError
        No such name or setting, or a value out of range.

    Examples
    --------
    >>> network("colocated,loss=0.01").loss
    0.01
    """
    head, *rest = text.split(",")
    if "=" in head:
        head, rest = "metro", [head, *rest]
    if head not in NETWORKS:
        raise UsageError(f"network {head!r}: choose one of {', '.join(NETWORKS)}, or write settings as latency=200,jitter=50")
    known = {item.name for item in fields(Network)}
    settings: dict[str, float] = {}
    for item in rest:
        name, _, value = item.partition("=")
        try:
            settings[name] = float(value)
        except ValueError:
            raise UsageError(f"network setting {item!r}: write it as latency=200") from None
        if name not in known:
            raise UsageError(f"network setting {name!r}: there are {', '.join(sorted(known))}")
    return replace(NETWORKS[head], **settings)
