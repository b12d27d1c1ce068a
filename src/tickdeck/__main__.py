"""``python -m tickdeck``."""

from tickdeck.cli import main

main()
