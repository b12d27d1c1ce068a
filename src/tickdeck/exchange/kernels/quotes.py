"""Questions from Python that need a kernel."""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.auction import auction_price


@kernel(entry=True)
def indicative(at, listing):
    """Price, size and imbalance of an auction now."""
    return auction_price(np.uint64(at), np.uint64(listing))
