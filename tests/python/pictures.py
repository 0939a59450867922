"""What wheels must do with pictures, with numpy and Pillow or without: run in a fresh environment by tests/python_pictures.rs.

    pictures.py LIST PREFIX FILE..: LIST has the path, width and height of raw pictures, beside which the inputs lie that the library makes
    of them; PREFIX0.usual has the input of the first file, and so on
"""

import array
import sys

import other
import usual
from common import fails, floats

try:
    import numpy
except ImportError:
    numpy = None
try:
    from PIL import Image
except ImportError:
    Image = None


def far(found, path, level):
    """By how many levels of 255 the two inputs differ at most, and in the mean."""
    found, expected = array.array("f", memoryview(found).cast("B").tobytes()), floats(path)
    assert len(found) == len(expected), (len(found), len(expected))
    levels = [abs(a - b) / level for a, b in zip(found, expected)]
    return max(levels), sum(levels) / len(levels)


def check(picture, path):
    result = usual.preprocess(picture)
    assert tuple(result.shape) == (3, 32, 32)
    # The largest deviation has the smallest level.
    far_usual = far(result, path + ".usual", 1 / 255 / 0.229)
    result = other.preprocess(picture)
    assert tuple(result.shape) == (32, 32, 3)
    for most, mean in [far_usual, far(result, path + ".other", 1)]:
        assert most <= 1.1 and mean <= 0.05, f"{path}: {most} levels, {mean} in the mean"


usual_model, other_model = usual.Model(), other.Model()
with open(sys.argv[1]) as file:
    lines = file.read().splitlines()
for path, width, height in zip(lines[::3], map(int, lines[1::3]), map(int, lines[2::3])):
    with open(path + ".rgb", "rb") as file:
        raw = file.read()
    picture = memoryview(raw).cast("B", (height, width, 3))
    check(picture, path)
    if numpy is not None:
        pixels = numpy.frombuffer(raw, numpy.uint8).reshape(height, width, 3)
        wide = numpy.zeros((height, 2 * width, 4), numpy.uint8)
        wide[:, ::2, :3] = pixels
        check(wide[:, ::2, :3], path)
    if Image is not None:
        check(Image.frombytes("RGB", (width, height), raw), path)
    # The answer is what the model takes.
    assert tuple(usual_model(usual.preprocess(picture)).shape) == (2,)
    assert tuple(other_model(other.preprocess(picture)).shape) == (2,)

assert usual.LABELS == ("cat", '"dog"\\ \U0001f980') and not hasattr(other, "LABELS")
assert "(3, 32, 32), normalised values" in usual.preprocess.__doc__
assert "(32, 32, 3), values of 0 to 255" in other.preprocess.__doc__
if Image is not None:
    for index, path in enumerate(sys.argv[3:]):
        most, mean = far(usual.preprocess(Image.open(path)), f"{sys.argv[2]}{index}.usual", 1 / 255 / 0.229)
        assert most <= 5 and mean <= 1, f"{path}: {most} levels, {mean} in the mean"
    lying = Image.open(sys.argv[3])
    standing = bytes(memoryview(usual.preprocess(lying.transpose(Image.ROTATE_270))).cast("B"))
    lying.getexif()[0x0112] = 6
    assert bytes(memoryview(usual.preprocess(lying)).cast("B")) == standing
    fails(ValueError, "mode 'F': convert it", usual.preprocess, Image.new("F", (4, 4)))
    fails(ValueError, "the picture is empty", usual.preprocess, Image.new("RGB", (0, 4)))
    for mode in ["L", "1", "P", "RGBA", "CMYK", "LA"]:
        assert tuple(usual.preprocess(Image.new(mode, (4, 4))).shape) == (3, 32, 32)
fails(TypeError, "the picture is a str", usual.preprocess, "cat.jpg")
fails(ValueError, "shape (12,): use (rows, columns, 3)", usual.preprocess, bytes(12))
fails(TypeError, "use uint8, 0 to 255", usual.preprocess, memoryview(array.array("f", [0.0] * 12)).cast("B").cast("f", (2, 2, 3)))
if numpy is not None:
    fails(ValueError, "shape (4, 4): use", usual.preprocess, numpy.zeros((4, 4), numpy.uint8))
    fails(ValueError, "the picture is empty", usual.preprocess, numpy.zeros((0, 4, 3), numpy.uint8))
    fails(TypeError, "uint8", usual.preprocess, numpy.zeros((4, 4, 3)))
    fails(TypeError, "", usual.preprocess, [[[0.5, 0.5, 0.5]]])
print("all well", "by Pillow" if Image is not None else "by numpy" if numpy is not None else "by hand")
