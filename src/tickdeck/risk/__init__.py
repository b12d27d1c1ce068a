"""Pre-trade limits and the account: one compiled gate for exchange, backtest and live."""
