"""What the scripts beside this one share."""

import array


def floats(path):
    """The f32 of a raw file."""
    values = array.array("f")
    with open(path, "rb") as file:
        values.frombytes(file.read())
    return values


def fails(kind, part, call, *args, **named):
    """Checks that a call raises an error of this very kind, whose text has this part."""
    try:
        call(*args, **named)
    except kind as error:
        assert type(error) is kind and part in str(error), repr(error)
    else:
        raise AssertionError(f"no {kind.__name__}: {part}")
