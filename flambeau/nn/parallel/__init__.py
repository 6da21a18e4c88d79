"""`torch.nn.parallel`: modules on several devices, of which there is one. May import: nn.modules, `flambeau.missing`."""

from flambeau.missing import names
from flambeau.nn.modules.parallel import DataParallel

__all__ = ["DataParallel"]

globals().update(names("nn.parallel"))
