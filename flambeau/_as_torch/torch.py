"""What `import torch` finds when this folder is on Python's path: flambeau. `flambeau run` puts it there."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))  # a checkout that isn't installed

import flambeau

sys.modules[__name__] = flambeau
