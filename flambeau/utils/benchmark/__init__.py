"""`torch.utils.benchmark`: times of statements, measured as often as it takes to know them."""

from flambeau.utils.benchmark.compare import Compare
from flambeau.utils.benchmark.measurement import Measurement, TaskSpec, select_unit, unit_to_english
from flambeau.utils.benchmark.timer import Timer, timer

__all__ = ["Compare", "Measurement", "TaskSpec", "Timer", "select_unit", "timer", "unit_to_english"]
