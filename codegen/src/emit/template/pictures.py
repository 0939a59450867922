"""How a picture becomes the network's input: the steps of `sartor run`.

The picture is resized so that it just covers `_RESIZE`, with its aspect ratio kept and with antialiasing, and `_CROP` is cut out around its
centre. Only what is cut out is computed: by Pillow where it is installed, else by numpy, else here.
"""

import array as _array
import operator as _operator

try:
    import numpy as _numpy
except ImportError:
    _numpy = None
try:
    from PIL import Image as _Image, ImageOps as _ImageOps
except ImportError:
    _Image = None

# Heights and widths.
_RESIZE = @resize@
_CROP = @crop@
_INTERPOLATION = "@interpolation@"
# Of red, green and blue, for values of 0 to 1.
_MEAN = @mean@
_STD = @std@
# Whether the network itself normalises pixels of 0 to 255.
_INSIDE = @inside@
# The channels of RGB in the order that the network takes, and whether they are the last dimension.
_CHANNELS = @channels@
_CHANNELS_LAST = @channels_last@


def preprocess(picture):
    """The network's input of a picture: float32 of the shape @shape@, @done@.

    `picture` is a Pillow image, which is turned upright as its EXIF data says and converted to RGB, or an array of uint8 of the shape
    (rows, columns, 3), red first: numpy's, or any object with the buffer protocol. The answer is a numpy array where numpy is installed, else
    a memoryview.

    Raises TypeError if it is neither, and ValueError if it is empty or has another shape or mode.
    """
    if _Image is not None and isinstance(picture, _Image.Image):
        if picture.mode[0] in "IF":
            raise ValueError(f"the picture has mode {picture.mode!r}: convert it to 8 bits a channel")
        picture = _ImageOps.exif_transpose(picture).convert("RGB")
        width, height = picture.size
    else:
        picture = _pixels(picture)
        height, width, _ = picture.shape
    if height == 0 or width == 0:
        raise ValueError(f"the picture is empty: {height} rows, {width} columns")
    rows, columns = _sides(height, width)
    if _Image is not None:
        pixels = _by_pillow(picture, rows, columns)
    elif _numpy is not None:
        pixels = _by_numpy(picture, rows, columns)
    else:
        pixels = _by_hand(picture, rows, columns)
    return _normalised(pixels)


def _pixels(picture):
    """A view of the pixels of an array."""
    try:
        view = memoryview(picture)
    except (TypeError, ValueError, BufferError):
        kind = type(picture).__name__
        if _numpy is None or isinstance(picture, (str, bytes, dict)):
            raise TypeError(f"the picture is a {kind}: use a Pillow image or an array of uint8") from None
        array = _numpy.asarray(picture)
        if array.dtype != _numpy.uint8:
            raise TypeError(f"the picture is a {kind} of {array.dtype}: use a Pillow image or an array of uint8") from None
        view = memoryview(array)
    if view.format != "B":
        raise TypeError(f"the picture has values of format {view.format!r}: use uint8, 0 to 255")
    if view.ndim != 3 or view.shape[2] != 3:
        raise ValueError(f"the picture has shape {view.shape}: use (rows, columns, 3)")
    return view


def _sides(height, width):
    """Of the rows and of the columns: how many there are, to how many they are resized, and the first of the crop."""
    if _RESIZE[0] * width >= _RESIZE[1] * height:
        resized = _RESIZE[0], width * _RESIZE[0] // height
    else:
        resized = height * _RESIZE[1] // width, _RESIZE[1]
    # Half the margin, rounded as `round` does.
    first = [(to - crop) // 2 + ((to - crop) % 4 == 3) for to, crop in zip(resized, _CROP)]
    return [*zip((height, width), resized, first)]


def _by_pillow(picture, rows, columns):
    if not isinstance(picture, _Image.Image):
        picture = _Image.frombytes("RGB", (columns[0], rows[0]), picture.tobytes())
    filter = {"bilinear": _Image.BILINEAR, "bicubic": _Image.BICUBIC}[_INTERPOLATION]

    def part(side, crop):
        size, to, first = side
        return first * size / to, min((first + crop) * size / to, size)

    # Along rows first, whichever Pillow would choose: values are rounded in between.
    (left, right), (top, bottom) = part(columns, _CROP[1]), part(rows, _CROP[0])
    between = picture.resize((_CROP[1], rows[0]), filter, box=(left, 0, right, rows[0]))
    return between.resize((_CROP[1], _CROP[0]), filter, box=(0, top, _CROP[1], bottom)).tobytes()


def _bilinear(x):
    return max(0.0, 1.0 - abs(x))


def _bicubic(x):
    x = abs(x)
    if x < 1.0:
        return (1.5 * x - 2.5) * x * x + 1.0
    return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0 if x < 2.0 else 0.0


def _taps(side, crop):
    """For each place of the crop: the first place that it is made of, and the weights of those from there on."""
    size, to, first = side
    filter, radius = {"bilinear": (_bilinear, 1.0), "bicubic": (_bicubic, 2.0)}[_INTERPOLATION]
    scale = size / to
    wide = max(scale, 1.0)
    taps = []
    for place in range(first, first + crop):
        centre = (place + 0.5) * scale
        begin = max(int(centre - radius * wide + 0.5), 0)
        end = min(int(centre + radius * wide + 0.5), size)
        weights = [filter((at - centre + 0.5) / wide) for at in range(begin, end)]
        total = sum(weights)
        taps.append((begin, [weight / total for weight in weights]))
    return taps


def _read(taps):
    """The first place that is read, and the end."""
    return min(begin for begin, _ in taps), max(begin + len(weights) for begin, weights in taps)


def _by_numpy(picture, rows, columns):
    def resized(pixels, taps):
        # Along the first dimension.
        answer = _numpy.zeros((len(taps), *pixels.shape[1:]), _numpy.float32)
        for tap in range(max(len(weights) for _, weights in taps)):
            places = [min(begin + tap, len(pixels) - 1) for begin, _ in taps]
            weights = [weights[tap] if tap < len(weights) else 0.0 for _, weights in taps]
            answer += _numpy.array(weights, _numpy.float32)[:, None, None] * pixels[places]
        return (answer.clip(0, 255) + _numpy.float32(0.5)).astype(_numpy.uint8)

    rows, columns = _taps(rows, _CROP[0]), _taps(columns, _CROP[1])
    begin, end = _read(rows)
    read = _numpy.asarray(picture)[begin:end].transpose(1, 0, 2)
    between = resized(read, columns).transpose(1, 0, 2)
    return resized(between, [(first - begin, weights) for first, weights in rows]).tobytes()


def _by_hand(picture, rows, columns):
    def rounded(weights, values):
        value = sum(map(_operator.mul, weights, values))
        return int(min(max(value, 0.0), 255.0) + 0.5)

    width = 3 * columns[0]
    rows, columns = _taps(rows, _CROP[0]), _taps(columns, _CROP[1])
    begin, end = _read(rows)
    pixels = picture.tobytes()
    between = []
    for row in range(begin, end):
        line = pixels[row * width : (row + 1) * width]
        places = [(3 * first, weights) for first, weights in columns]
        between.append(
            [rounded(weights, line[at + c : at + 3 * len(weights) : 3]) for at, weights in places for c in range(3)]
        )
    answer = bytearray()
    for first, weights in rows:
        lines = between[first - begin : first - begin + len(weights)]
        answer += bytes(rounded(weights, values) for values in zip(*lines))
    return bytes(answer)


def _normalised(pixels):
    """The input, of the crop's pixels."""
    height, width = _CROP
    tables = []
    for mean, std in zip(_MEAN, _STD):
        tables.append(_array.array("f", [value if _INSIDE else (value / 255 - mean) / std for value in range(256)]))
    if _numpy is not None:
        pixels = _numpy.frombuffer(pixels, _numpy.uint8).reshape(height, width, 3)
        planes = [_numpy.array(tables[channel], _numpy.float32)[pixels[:, :, channel]] for channel in _CHANNELS]
        return _numpy.stack(planes, axis=2 if _CHANNELS_LAST else 0)
    values, area = _array.array("f", bytes(4 * len(pixels))), height * width
    for place, channel in enumerate(_CHANNELS):
        plane = _array.array("f", map(tables[channel].__getitem__, pixels[channel::3]))
        values[slice(place, None, 3) if _CHANNELS_LAST else slice(place * area, (place + 1) * area)] = plane
    return memoryview(values).cast("B").cast("f", (height, width, 3) if _CHANNELS_LAST else (3, height, width))
