

def _joined(inputs):
    """The inputs of each image one after another, the images, and whether all inputs lack the first dimension."""
    read = [_read(images, of) for images, of in zip(inputs, _INPUTS)]
    counts = {count for _, count, _ in read}
    if len(counts) > 1:
        told = ", ".join(f"{name!r} {count}" for (name, *_), (_, count, _) in zip(_INPUTS, read))
        raise ValueError(f"the inputs have different numbers of images: {told}")
    count, begin = counts.pop(), 0
    if _numpy is not None:
        joined = _numpy.empty((count, _IMAGE_LENGTH), _FLOAT32)
    else:
        joined = bytearray(4 * count * _IMAGE_LENGTH)
    for (images, _, _), (_, _, length, _, _) in zip(read, _INPUTS):
        if _numpy is not None:
            joined[:, begin : begin + length] = images.reshape(count, length)
        else:
            values = memoryview(images).cast("B")
            for image in range(count):
                at = 4 * (image * _IMAGE_LENGTH + begin)
                joined[at : at + 4 * length] = values[4 * image * length : 4 * (image + 1) * length]
        begin += length
    return joined, count, all(single for _, _, single in read)
