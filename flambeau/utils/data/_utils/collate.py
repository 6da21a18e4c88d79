"""`torch.utils.data._utils.collate`."""

from flambeau.utils.data.collate import STRINGS_OR_OBJECTS as np_str_obj_array_pattern
from flambeau.utils.data.collate import default_collate, default_convert

__all__ = ["default_collate", "default_convert", "np_str_obj_array_pattern"]
