"""`torch.nn.parallel`: modules on several devices, of which there is one. May import: nn.modules."""

from flambeau.nn.modules.parallel import DataParallel

__all__ = ["DataParallel"]
