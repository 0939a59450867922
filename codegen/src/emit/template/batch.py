"""Classifies batches of rows, in the engines that spread them over processes and machines.

    import ray
    from @net@.batch import Classify

    pictures = ray.data.read_parquet("pictures.parquet")
    rows = pictures.map_batches(Classify, fn_constructor_kwargs={"column": "bytes"}, concurrency=4)

`Classify` takes a batch as Ray Data, pandas, Spark or Daft has it, and makes what is expected there: see `Classify.__call__`.
"""

import io as _io
import os as _os
from collections.abc import Mapping as _Mapping

import numpy as _numpy

from . import @imported@

try:
    from PIL import Image as _Image, UnidentifiedImageError as _UnidentifiedImageError
except ImportError:
    _Image = None

__all__ = ["Classify"]

# The names of the classes, and whether the outputs are probabilities already.
_LABELS = @labels@
_CLASSES = @classes@
_ARE_PROBABILITIES = @are_probabilities@
_PREPROCESS = @preprocess@
(_IMAGES, *_SHAPE), = INPUTS.values()
# Images that are computed at once; models take a multiple of `_IMAGES`.
_ROWS = -(-32 // _IMAGES) * _IMAGES


class Classify:
    """A classifier of rows, each of which has a picture: the bytes of a file, pixels, or the network's input.

    A process opens the network once, when it gets its first batch: also after a fork, and where the object was pickled to.
    """

    def __init__(self, column="bytes", top=1, threads=1):
        """Classifies what is in `column`, finds the `top` likeliest classes, and computes with so many threads a process."""
        if not isinstance(column, str):
            raise TypeError(f"column is a {type(column).__name__}: use a column's name")
        if isinstance(top, bool) or not isinstance(top, int):
            raise TypeError(f"top is a {type(top).__name__}: use a whole number")
        if not 1 <= top <= _CLASSES:
            raise ValueError(f"top is {top}: use 1 to {_CLASSES}")
        self._column, self._top, self._threads = column, top, threads
        self._model = self._process = None

    def __reduce__(self):
        return type(self), (self._column, self._top, self._threads)

    def __call__(self, batch):
        """Classifies a batch.

        - A dict of columns, as Ray Data passes it: returns the other columns and those of the answers, as arrays.
        - A pandas frame, as Ray Data and Spark pass it: returns a frame of the same.
        - A series or column with `to_pylist`, as Daft and Arrow have it, a list or an array: returns a list with a dict for each row.

        Answers are `class`, `name` and `probability`, for the second likeliest class `class2` and so on, and `error`. Where a picture cannot
        be classified, `error` says why, `class` is -1, `name` is empty and `probability` is NaN. Elsewhere `error` is empty.

        Raises KeyError if there is no such column, TypeError for another kind of batch, and ImportError if bytes are to be read and there
        is no Pillow.
        """
        if isinstance(batch, _Mapping):
            answers = self._answers(self._in(batch, batch.keys()))
            return {**{name: values for name, values in batch.items() if name != self._column}, **answers}
        if hasattr(batch, "columns") and hasattr(batch, "assign"):
            answers = self._answers(self._in(batch, batch.columns))
            return batch.drop(columns=[self._column]).assign(**{name: list(values) for name, values in answers.items()})
        if hasattr(batch, "to_pylist"):
            batch = batch.to_pylist()
        if not isinstance(batch, (list, tuple, _numpy.ndarray)):
            kind = type(batch).__name__
            raise TypeError(f"the batch is a {kind}: use a dict of columns, a pandas frame, or a list or series of pictures")
        answers = {name: values.tolist() for name, values in self._answers(batch).items()}
        return [dict(zip(answers, row)) for row in zip(*answers.values())]

    def _in(self, batch, columns):
        if self._column not in columns:
            raise KeyError(f"there is no column {self._column!r}, but {', '.join(map(repr, columns)) or 'none'}")
        return batch[self._column]

    def _open(self):
        if self._model is None or self._process != _os.getpid():
            self._model, self._process = Model(self._threads), _os.getpid()
        return self._model

    def _answers(self, pictures):
        """The columns of the answers."""
        pictures = list(pictures)
        count = len(pictures)
        errors = _numpy.full(count, "", object)
        classes = _numpy.full((count, self._top), -1, _numpy.int32)
        chances = _numpy.full((count, self._top), _numpy.nan, _numpy.float32)
        for begin in range(0, count, _ROWS):
            rows, images = [], _numpy.zeros((_ROWS, *_SHAPE), _numpy.float32)
            for row in range(begin, min(begin + _ROWS, count)):
                try:
                    images[len(rows)] = _image(pictures[row])
                except ImportError:
                    raise
                except Exception as error:  # decoders raise many kinds
                    errors[row] = f"{type(error).__name__}: {error}"
                else:
                    rows.append(row)
            if rows:
                scores = self._open()(images[: -(-len(rows) // _IMAGES) * _IMAGES])
                for row, scores in zip(rows, scores.reshape(-1, _CLASSES).astype(_numpy.float64)):
                    if _numpy.isfinite(scores).all():
                        classes[row] = order = _numpy.argsort(-scores, kind="stable")[: self._top]
                        chances[row] = _probabilities(scores)[order]
                    else:
                        errors[row] = "the answer is NaN or infinite"
        answers = {}
        for rank in range(self._top):
            end = "" if rank == 0 else str(rank + 1)
            answers["class" + end] = classes[:, rank]
            answers["name" + end] = _numpy.array([_name(index) for index in classes[:, rank].tolist()], object)
            answers["probability" + end] = chances[:, rank]
        answers["error"] = errors
        return answers


def _name(index):
    if index < 0:
        return ""
    return _LABELS[index] if index < len(_LABELS) else str(index)


def _probabilities(scores):
    if _ARE_PROBABILITIES:
        return scores
    shares = _numpy.exp(scores - scores.max())
    return shares / shares.sum()


def _image(picture):
    """The network's input of a picture."""
    if picture is None:
        raise ValueError("there is no picture")
    if isinstance(picture, (bytes, bytearray, memoryview)):
        if _PREPROCESS is None:
            raise ImportError("the network does not know how pictures become its input: compile it with --preprocess")
        if _Image is None:
            raise ImportError("files of pictures are read by Pillow: pip install pillow")
        try:
            image = _Image.open(_io.BytesIO(picture))
        except _UnidentifiedImageError:
            # Pillow's own text has an address in it, which differs each time.
            raise _UnidentifiedImageError("cannot identify image file") from None
        with image:
            return _PREPROCESS(image)
    image = _numpy.asarray(picture)
    if image.dtype == _numpy.uint8 and _PREPROCESS is not None:
        return _PREPROCESS(image)
    if image.dtype != _numpy.float32 or image.shape != tuple(_SHAPE):
        raise ValueError(f"the picture is an array of {image.dtype} of shape {image.shape}: the network takes float32 of shape {tuple(_SHAPE)}")
    return image
