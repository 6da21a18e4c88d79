"""`torch.utils.data._utils`: where programs find `collate` and `worker`."""

from flambeau.utils.data import collate as collate
from flambeau.utils.data import fetch as fetch
from flambeau.utils.data import workers as worker

__all__ = ["collate", "fetch", "worker"]
