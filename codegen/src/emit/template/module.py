"""@about@

    import @net@

    model = @net@.Model(threads=2)
    answer = model(@call@)

@values_text@
A numpy array, whatever numpy takes for one, or any object with the buffer protocol (`array.array`, `memoryview`) will do; a single
image may lack the first dimension. @copies_text@ Answers are numpy arrays
where numpy is installed, else memoryviews.
"""

import array as _array
import ctypes as _ctypes
import operator as _operator
import os as _os
import threading as _threading
import weakref as _weakref
@imports@
try:
    import numpy as _numpy
except ImportError:
    _numpy = None

__all__ = [@names@]

__version__ = "@version@"

#: A digest of the network's code and weights.
HASH = "@hash@"

#: The shape of each input, by name. The first dimension is the images: any multiple of it is taken.
INPUTS = {@inputs@}

#: The shape of each output, by name, for so many images.
OUTPUTS = {@outputs@}

#: The most threads of a model.
MAX_THREADS = @max_threads@

# Models take a multiple of so many images.
_IMAGES = @batch@
# Of each input: the name, the shape of one image's part, its length, what errors call it, and what it must be.
_INPUTS = [@taken@]
_IMAGE_LENGTH = sum(length for _, _, length, _, _ in _INPUTS)
# Of each output: the name, the shape of one image's part, and its length.
_PARTS = [@parts@]
_ANSWER_LENGTH = sum(length for _, _, length in _PARTS)


class _Tensor(_ctypes.Structure):
    _fields_ = [("name", _ctypes.c_char_p), ("shape", _ctypes.c_size_t * 4), ("length", _ctypes.c_size_t)]


class _Description(_ctypes.Structure):
    _fields_ = [
        ("name", _ctypes.c_char_p),
        ("version", _ctypes.c_char_p),
        ("hash", _ctypes.c_char_p),
        ("input_count", _ctypes.c_size_t),
        ("inputs", _ctypes.POINTER(_Tensor)),
        ("output_count", _ctypes.c_size_t),
        ("outputs", _ctypes.POINTER(_Tensor)),
    ]


def _load():
    path = _os.path.join(_os.path.dirname(_os.path.abspath(__file__)), "lib@net@.so")
    try:
        library = _ctypes.CDLL(path)
    except OSError as error:
        uname = _os.uname() if hasattr(_os, "uname") else None
        here = f"{uname.sysname} on {uname.machine}" if uname else _os.name
        raise ImportError(f"the library of @net@ cannot be loaded: {error}; this is {here}: take a wheel for it", path=path) from error
    library.@net@_describe.restype = _ctypes.POINTER(_Description)
    found = library.@net@_describe().contents.hash.decode()
    if found != HASH:
        raise ImportError(f"{path} is of another network: its hash is {found}, this module's {HASH}", path=path)
    library.@net@_create.argtypes = [_ctypes.c_size_t, _ctypes.POINTER(_ctypes.c_void_p)]
    library.@net@_copy_weights.argtypes = [_ctypes.c_void_p]
    library.@net@_level.argtypes = [_ctypes.c_void_p]
    library.@net@_level.restype = _ctypes.c_char_p
    library.@net@_last_error.argtypes = [_ctypes.c_char_p, _ctypes.c_size_t]
    library.@net@_last_error.restype = _ctypes.c_size_t
    library.@net@_destroy.argtypes = [_ctypes.c_void_p]
    library.@net@_destroy.restype = None
    return library


_library = _load()
# Its arguments are prepared by the caller, which takes less time than to convert them here.
_run = _library.@net@_run
_destroy = _library.@net@_destroy
_byte = _ctypes.c_char.from_buffer
_byref = _ctypes.byref
_FLOAT32 = _numpy.dtype("=f4") if _numpy is not None else None
_ndarray = _numpy.ndarray if _numpy is not None else ()


def _failed(status):
    """The exception for a status of the library that is not 0."""
    text = _ctypes.create_string_buffer(1024)
    _library.@net@_last_error(text, len(text))
    kinds = {1: ValueError, 2: ValueError, 4: MemoryError}
    return kinds.get(status, RuntimeError)(text.value.decode(errors="replace"))


def _count(shape, of):
    """The images of an input of this shape, and whether they lack the first dimension."""
    _, image, length, what, takes = of
    shape = tuple(shape)
    images, single = None, False
    if len(shape) == 4 and shape[1:] == image or len(shape) == 2 and shape[1] == length:
        images = shape[0]
    elif shape == image:
        images, single = 1, True
    elif len(shape) == 1 and shape[0] % length == 0:
        images = shape[0] // length
    if not images or images % _IMAGES:
        raise ValueError(f"{what} has shape {shape}, the network takes {takes}")
    return images, single


def _flat(values, found, what):
    """The numbers of nested lists, one after another in `found`, and the shape of the lists."""
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        try:
            found.append(values)
        except TypeError:
            raise TypeError(f"{what} holds a {type(values).__name__}: the network takes float32") from None
        return ()
    shapes = {_flat(value, found, what) for value in values}
    if len(shapes) > 1:
        raise ValueError(f"{what} has lists of different lengths")
    return (len(values), *(shapes.pop() if shapes else ()))


def _view(images, what):
    """An input in C order and the shape it has, without numpy."""
    try:
        view = memoryview(images)
    except TypeError:
        if not isinstance(images, (list, tuple)):
            kind = type(images).__name__
            raise TypeError(f"{what} is a {kind}: the network takes float32 in a buffer or in lists") from None
        values = _array.array("f")
        return values, _flat(images, values, what)
    if view.format not in ("f", "=f", "<f", "@f") or view.itemsize != 4:
        raise TypeError(f"{what} has values of format {view.format!r}, the network takes float32, 'f'")
    if view.readonly or not view.c_contiguous:
        return _array.array("f", view.tobytes()), view.shape
    return view, view.shape


def _array_of(images, what):
    """An input as a numpy array in C order."""
    if not isinstance(images, _ndarray):
        images = _numpy.asarray(images, dtype=_FLOAT32 if isinstance(images, (list, tuple)) else None)
    if images.dtype != _FLOAT32:
        raise TypeError(f"{what} has values of {images.dtype}, the network takes float32: use .astype('float32')")
    return _numpy.require(images, requirements=["C", "A"])


def _read(images, of):
    """An input in C order, its images, and whether they lack the first dimension."""
    if _numpy is None:
        images, shape = _view(images, of[3])
    else:
        if type(images) is not _ndarray or images.dtype is not _FLOAT32 or not images.flags.carray:
            images = _array_of(images, of[3])
        shape = images.shape
    return (images, *_count(shape, of))


def _in_order(inputs, named):
    """The inputs in the network's order, of those that are given in order or in a dict, and by name."""
    names = [name for name, *_ in _INPUTS]
    listed = ", ".join(map(repr, names))
    if len(inputs) == 1 and isinstance(inputs[0], dict):
        given = list(inputs[0].items())
    elif len(inputs) > len(names):
        raise TypeError(f"{len(inputs)} inputs are given, the network takes {len(names)}: {listed}")
    else:
        given = list(zip(names, inputs))
    found = {}
    for name, images in [*given, *named.items()]:
        if name not in names:
            raise TypeError(f"the network has no input {name!r}, it takes {listed}")
        if name in found:
            raise TypeError(f"input {name!r} is given twice")
        found[name] = images
    missing = ", ".join(repr(name) for name in names if name not in found)
    if missing:
        raise TypeError(f"inputs are missing: {missing}; the network takes {listed}")
    return [found[name] for name in names]
@joined@

class Model:
    """The network with the memory and the threads to run it.

    A call may come from any thread; calls of one model wait for each other, and models run side by side. Other Python threads go on
    meanwhile. A model that is pickled is opened anew where it is read. After a fork, the child opens models of its own: one of several
    threads does not run there.
    """

    __slots__ = ("__weakref__", "_handle", "_lock", "_threads")

    def __init__(self, threads=1):
        """A model of `threads` threads, of which the caller is one."""
        self._handle = None
        try:
            threads = _operator.index(threads)
        except TypeError:
            raise TypeError(f"threads is a {type(threads).__name__}: use a whole number") from None
        if not 1 <= threads <= MAX_THREADS:
            raise ValueError(f"threads is {threads}: use 1 to {MAX_THREADS}")
        handle = _ctypes.c_void_p()
        status = _library.@net@_create(threads, _byref(handle))
        if status:
            raise _failed(status)
        self._handle, self._threads, self._lock = handle, threads, _threading.Lock()
        _models.add(self)

    def __call__(self, *inputs, **named):
        """Computes the outputs of images: model(@call@).

        Returns @answer_text@.

        Raises TypeError if the values are not float32 or an input is missing, unknown or given twice, ValueError if the shape is not the network's or the model is closed, and
        RuntimeError if the model has several threads and the process was forked since it was made.
        """
        if len(inputs) != len(_INPUTS) or named or isinstance(inputs[0], dict):
            inputs = _in_order(inputs, named)
        images, count, single = @take@
        length = count * _ANSWER_LENGTH
        answer = _numpy.empty(length, _FLOAT32) if _numpy is not None else bytearray(4 * length)
        try:
            source = _byref(_byte(images))
        except TypeError:  # read-only
            source = _ctypes.c_void_p(images.__array_interface__["data"][0])
        with self._lock:
            if self._handle is None:
                raise ValueError("the model is closed")
            status = _run(
                self._handle,
                source,
                _ctypes.c_size_t(count * _IMAGE_LENGTH),
                _byref(_byte(answer)),
                _ctypes.c_size_t(length),
            )
        if status:
            raise _failed(status)
        return _answer(answer, count, single)

    def copy_weights(self):
        """Copies the weights into memory of the model's own, in huge pages where the system has them.

        Calls take the same time then, wherever the system has put the file of the library: for processes that run for long. Results are the
        same. A model that is pickled reads the file again where it is opened.
        """
        with self._lock:
            if self._handle is None:
                raise ValueError("the model is closed")
            status = _library.@net@_copy_weights(self._handle)
        if status:
            raise _failed(status)

    @property
    def threads(self):
        """The threads of the model."""
        return self._threads

    @property
    def level(self):
        """The level that the model runs at, such as 'avx2'."""
        with self._lock:
            if self._handle is None:
                raise ValueError("the model is closed")
            return _library.@net@_level(self._handle).decode()

    def close(self):
        """Ends the model and its threads now. Without it, they end with the object."""
        with self._lock:
            handle, self._handle = self._handle, None
        if handle is not None:
            _destroy(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        # While Python ends, what a module holds may be gone.
        if getattr(self, "_handle", None) is not None and _destroy is not None:
            _destroy(self._handle)

    def __reduce__(self):
        return type(self), (self._threads,)

    def __repr__(self):
        return f"{type(self).__module__}.{type(self).__qualname__}(threads={self._threads})"


_models = _weakref.WeakSet()


def _forked():
    """A thread that held a lock is not in the child."""
    for model in _models:
        model._lock = _threading.Lock()


if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(after_in_child=_forked)


def _part(answer, begin, length, shape):
    if _numpy is not None:
        return answer[begin : begin + length].reshape(shape)
    return memoryview(answer)[4 * begin : 4 * (begin + length)].cast("f", shape)


def _answer(answer, count, single):
    """The outputs, as the caller has them."""
@split@
