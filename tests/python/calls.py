"""What a wheel of rexnet_digits must do, with numpy or without: run in a fresh environment by tests/python_wheel.rs.

    calls.py INPUT.f32 ANSWER.f32: two images, and the answer that Rust gives for each, bit for bit
"""

import array
import copy
import os
import pickle
import sys
import threading

import rexnet_digits as net
from common import fails, floats

try:
    import numpy
except ImportError:
    numpy = None

LENGTH, CLASSES = 3 * 32 * 32, 10


def bits(answer):
    return bytes(answer) if numpy is None else answer.tobytes()


two, answer = floats(sys.argv[1]), floats(sys.argv[2])
one, first = two[:LENGTH], answer[:CLASSES]
model = net.Model()

# What the module says.
# The only input has a name too.
assert bits(model(input=one)) == bits(model({"input": one})) == first.tobytes()
fails(TypeError, "the network has no input 'x', it takes 'input'", model, x=one)
assert net.INPUTS == {"input": (1, 3, 32, 32)} and list(net.OUTPUTS.values()) == [(1, 10)]
assert len(net.HASH) == 16 and net.__version__.endswith(net.HASH) and net.MAX_THREADS == 1024
assert model.threads == 1 and model.level == os.environ["EXPECTED_LEVEL"], model.level
assert repr(model) == "rexnet_digits.Model(threads=1)"
assert net.__doc__ and net.Model.__doc__ and net.Model.__call__.__doc__

# Buffers, read-only ones, lists; flat or in shape; one image or several.
shaped = memoryview(one).cast("B").cast("f", (1, 3, 32, 32))
for images in [one, shaped, memoryview(one), shaped.toreadonly(), shaped.tolist(), memoryview(bytes(one)).cast("f")]:
    assert bits(model(images)) == first.tobytes(), type(images)
    assert tuple(model(images).shape) == (1, 10)
single = model(memoryview(one).cast("B").cast("f", (3, 32, 32)))
assert bits(single) == first.tobytes() and tuple(single.shape) == (10,)
for threads in (1, 2, 3):
    copied = net.Model(threads=threads)
    batch = copied(two)
    copied.copy_weights()
    assert bits(copied(two)) == bits(batch)
    assert bits(batch) == answer.tobytes() and tuple(batch.shape) == (2, 10)
if numpy is not None:
    images = numpy.array(two, "f4").reshape(2, 3, 32, 32)
    fixed = images.copy()
    fixed.flags.writeable = False
    wide = numpy.zeros((4, 3, 32, 64), "f4")
    wide[::2, :, :, ::2] = images
    odd = numpy.frombuffer(b"x" + images.tobytes(), "u1")[1:].view("f4").reshape(images.shape)
    for same in [images, fixed, wide[::2, :, :, ::2], numpy.asfortranarray(images), odd, images.tolist(), list(images)]:
        result = model(same)
        assert type(result) is numpy.ndarray and result.dtype == numpy.float32
        assert result.tobytes() == answer.tobytes() and result.flags.writeable
    assert model(images[1]).tobytes() == answer[CLASSES:].tobytes()
    fails(TypeError, "values of float64, the network takes float32", model, images.astype("f8"))
    fails(TypeError, ">f4", model, images.astype(">f4"))
    fails(ValueError, "shape (2, 3, 32, 31)", model, images[..., 1:])

# Errors are Python's.
fails(TypeError, "the network takes float32", model, array.array("d", one))
fails(TypeError, "the network takes float32", model, object())
fails(ValueError, "the network takes (N, 3, 32, 32)", model, one[1:])
fails(ValueError, "the network takes (N, 3, 32, 32)", model, array.array("f"))
fails(ValueError, "shape (1, 2)", model, [[1.0, 2.0]])
fails(ValueError, "", model, [[1.0, 2.0], [3.0]])
fails(ValueError, "threads is 0: use 1 to 1024", net.Model, 0)
fails(ValueError, "threads is 1025: use 1 to 1024", net.Model, 1025)
fails(TypeError, "threads is a str", net.Model, "2")
fails(TypeError, "threads is a float", net.Model, 1.5)
os.environ["SARTOR_MAX_LEVEL"], allowed = "fast", os.environ["SARTOR_MAX_LEVEL"]
fails(RuntimeError, "SARTOR_MAX_LEVEL=fast", net.Model)
os.environ["SARTOR_MAX_LEVEL"] = allowed

# Pickles and copies open the network again.
for other in [pickle.loads(pickle.dumps(net.Model(2))), copy.deepcopy(net.Model(2))]:
    assert other.threads == 2 and bits(other(one)) == first.tobytes()

# Threads: calls of one model wait for each other, and Python goes on meanwhile.
results = [None] * 8
shared, many = net.Model(2), array.array("f", list(one) * 50)


def work(index):
    results[index] = bits(shared(many))


workers = [threading.Thread(target=work, args=(index,)) for index in range(len(results))]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
assert results == [first.tobytes() * 50] * len(results)
went_on = threading.Event()
ticker = threading.Thread(target=went_on.set)
ticker.start()
shared(many)
assert went_on.wait(10)

# A fork: the child has no threads of its parent's, and says so.
child = os.fork()
if child == 0:
    status = 1
    try:
        fails(RuntimeError, "not in this forked process: open one after the fork", shared, one)
        assert bits(model(one)) == first.tobytes() and bits(pickle.loads(pickle.dumps(model))(one)) == first.tobytes()
        shared.close()
        status = 0
    finally:
        os._exit(status)
assert os.waitpid(child, 0)[1] == 0
assert bits(shared(one)) == first.tobytes()

# The end.
with net.Model() as closed:
    pass
closed.close()
fails(ValueError, "the model is closed", closed, one)
print("all well", "with numpy" if numpy is not None else "without numpy")
