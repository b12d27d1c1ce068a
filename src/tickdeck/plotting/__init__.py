"""Pictures of a market: its depth over time, and at one time."""

from tickdeck.plotting.depth import DepthSnapshot, depth_at, depth_chart
from tickdeck.plotting.heatmap import heatmap
from tickdeck.plotting.recording import Recording, record

__all__ = ["DepthSnapshot", "Recording", "depth_at", "depth_chart", "heatmap", "record"]
