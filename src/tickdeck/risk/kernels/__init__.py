"""The risk gate in compiled code: what an owner of a gate (exchange, backtest, live process) calls from its kernels.

``at`` is ``RiskGate.handle``, which stays valid for the life of the gate. Accounts and instruments are numbers from 1 on, in the
order in which the gate was given them; `side` is ``ord("B")`` or ``ord("A")``; prices are in units of 1e-9, sizes in units of the
instrument, times ns. The owner calls ``check`` last of its own checks and then tells what happened::

    checks.check(at, account, instrument, side, price, size, worst, reference, ts, flags, replaced) -> reason, 0: pass
        price       UNDEF_PRICE: an order without a limit
        worst       the worst price that such an order could take; UNDEF_PRICE where the book cannot fill it or is not known
        reference   for the collar; UNDEF_PRICE: the instrument's mark
        flags       OrderFlag: REDUCE_ONLY counts
        replaced    open size of the order that a replace changes (`size` is its new open size); 0: a new order
        limit and value of a rejection: layout.unpack(at).control[0].limit_value and .value
    updates.on_open(at, account, instrument, side, price, size, ts)             accepted, with all of `size` open
    updates.on_replaced(at, account, instrument, side, old_size, size, ts)      open sizes before and after
    updates.on_reduced(at, account, instrument, side, size)                     lost `size` without a fill and stays open
    updates.on_closed(at, account, instrument, side, size)                      cancelled or expired with `size` still open
    fills.on_fill(at, account, instrument, side, price, size, ts, leaves, aggressor, fee)
        leaves      open size of the order afterwards; 0 closes it (no on_closed); -1: an order that was never opened here
        aggressor   took liquidity; fee: money, or layout.BY_RATES
    updates.mark(at, instrument, price)                                         the market's price; costs a step for each holder
    updates.on_time(at, ts)                                                     days and weeks begin also without orders
    entries.state_hash(at) -> uint64

``entries`` has each of these as ``call_check``, ``call_open``, ... for ``core.calls.call_entry``, which compiles them once for all rooms.

A check changes no state. ``on_open`` and ``on_replaced`` take the token of the order rate and note the order for the duplicate window.
Nothing here allocates or fails: a fill that finds the pool of lots full joins its position's newest lot and is counted.
"""
