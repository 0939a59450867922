"""What mypy must take, in its strict mode."""

from typing import Dict, Tuple

import numpy as np
import numpy.typing as npt
import rexnet_digits


def scores(images: npt.NDArray[np.float32], threads: int = 2) -> npt.NDArray[np.float32]:
    with rexnet_digits.Model(threads=threads) as model:
        level: str = model.level
        model.copy_weights()
        print(level, model.threads + 1)
        return model(images)


outputs: Dict[str, Tuple[int, ...]] = rexnet_digits.OUTPUTS
text: str = rexnet_digits.__version__ + rexnet_digits.HASH
rexnet_digits.Model("2")  # type: ignore[arg-type]
rexnet_digits.Model().nothing  # type: ignore[attr-defined]
rexnet_digits.Model()(input=[0.0], x=[0.0])  # type: ignore[call-arg]
