"""`torch.utils.data._utils.collate`: how samples become batches; programs say it for classes of theirs, too."""

from flambeau.utils.data.collate import STRINGS_OR_OBJECTS as np_str_obj_array_pattern
from flambeau.utils.data.collate import collate, default_collate, default_collate_fn_map, default_convert

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert", "np_str_obj_array_pattern"]
