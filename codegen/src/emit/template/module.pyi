from types import TracebackType
from typing import Any, Dict, Final, Optional, SupportsIndex, Tuple, Type, TypeVar@overload@

import numpy as np
import numpy.typing as npt

__all__ = [@names@]

__version__: Final[str]
HASH: Final[str]
INPUTS: Final[Dict[str, Tuple[int, ...]]]
OUTPUTS: Final[Dict[str, Tuple[int, ...]]]
MAX_THREADS: Final[int]
@pictures@
_Self = TypeVar("_Self", bound="Model")

class Model:
    def __init__(self, threads: SupportsIndex = 1) -> None: ...
@call@
    def copy_weights(self) -> None: ...
    @property
    def threads(self) -> int: ...
    @property
    def level(self) -> str: ...
    def close(self) -> None: ...
    def __enter__(self: _Self) -> _Self: ...
    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType], /
    ) -> None: ...
    def __del__(self) -> None: ...
    def __reduce__(self) -> Tuple[Type["Model"], Tuple[int]]: ...
