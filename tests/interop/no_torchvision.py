"""no_torchvision.py -- the names of torchvision that timm asks for, where there is no torchvision

timm's networks need none of it.  Import this before timm.
"""
import sys
from types import ModuleType


class _Anything:
    BILINEAR, BICUBIC, NEAREST, BOX, HAMMING, LANCZOS = 2, 3, 0, 4, 5, 1


class _Names(ModuleType):
    """A module in which every name is a class."""
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (_Anything,), {})


def _stand_in():
    for name in ("", ".transforms", ".transforms.functional", ".ops", ".ops.misc", ".datasets",
                 ".utils"):
        sys.modules["torchvision" + name] = _Names("torchvision" + name)
    names = sys.modules["torchvision"]
    names.transforms = sys.modules["torchvision.transforms"]
    names.transforms.functional = sys.modules["torchvision.transforms.functional"]


try:
    import torchvision  # noqa: F401
except ImportError:
    _stand_in()
