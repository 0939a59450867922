"""What wheels of two inputs must do, with numpy or without: run in a fresh environment by tests/inputs.rs.

Both networks are sums: of (N, 2, 3, 3), and of a value for each of the two channels. Their inputs are called left and right, and as no
argument can be called.
"""

import array

import odd
import pair
from common import fails

try:
    import numpy
except ImportError:
    numpy = None


def shaped(values, shape):
    if numpy is not None:
        return numpy.array(values, "f4").reshape(shape)
    return memoryview(array.array("f", values)).cast("B").cast("f", shape)


assert pair.INPUTS == {"left": (1, 2, 3, 3), "right": (1, 2, 1, 1)}
assert list(odd.INPUTS) == ["input.1", "\"\\"]
assert "pair.Model(threads=2)" in pair.__doc__ and "model(left=left, right=right)" in pair.__doc__
assert "(N, 2, 3, 3) and (N, 2, 1, 1)" in pair.__doc__ and 'model({"input.1": ..., ' in odd.__doc__

lefts, rights = [float(i) for i in range(36)], [100.0, 200.0, 300.0, 400.0]
sums = [left + rights[i // 9] for i, left in enumerate(lefts)]
answer = array.array("f", sums).tobytes()
left, right = shaped(lefts, (2, 2, 3, 3)), shaped(rights, (2, 2, 1, 1))
model = pair.Model(threads=2)
for result in [
    model(left, right),
    model(left=left, right=right),
    model(right=right, left=left),
    model(left, right=right),
    model({"right": right, "left": left}),
    model({"left": left}, right=right),
    model(lefts, rights),
    model(left, shaped(rights, (2, 2))),
    odd.Model()(left, right),
    odd.Model()({"input.1": left, "\"\\": right}),
    odd.Model()(**{"input.1": left}, **{"\"\\": right}),
]:
    assert tuple(result.shape) == (2, 2, 3, 3) and bytes(memoryview(result).cast("B")) == answer
one = model(shaped(lefts[:18], (2, 3, 3)), shaped(rights[:2], (2, 1, 1)))
assert tuple(one.shape) == (2, 3, 3) and bytes(memoryview(one).cast("B")) == answer[: 18 * 4]
assert tuple(model(shaped(lefts[:18], (2, 3, 3)), rights[:2]).shape) == (1, 2, 3, 3)

fails(TypeError, "inputs are missing: 'right'; the network takes 'left', 'right'", model, left)
fails(TypeError, "inputs are missing: 'left', 'right'", model)
fails(TypeError, "the network has no input 'middle', it takes 'left', 'right'", model, left, middle=right)
fails(TypeError, "the network has no input 'a'", model, {"a": left})
fails(TypeError, "input 'left' is given twice", model, left, right, left=left)
fails(TypeError, "input 'left' is given twice", model, {"left": left, "right": right}, left=left)
fails(TypeError, "3 inputs are given, the network takes 2", model, left, right, right)
fails(ValueError, "different numbers of images: 'left' 2, 'right' 1", model, left, rights[:2])
fails(ValueError, "input \"left\" has shape (2, 2, 1, 1), the network takes (N, 2, 3, 3)", model, right, right)
fails(TypeError, "input \"right\" has values of", model, left, array.array("d", rights))
fails(TypeError, "", model, left, {"right": right})
print("all well", "with numpy" if numpy is not None else "without numpy")
