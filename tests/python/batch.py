"""What `rexnet_digits.batch.Classify` must do, in the ways in which Ray Data, Daft, pandas and Spark call it: run by tests/python_wheel.rs.

    batch.py ROWS.jsonl: the rows that `sartor run` makes of the pictures in them
"""

import inspect
import io
import json
import multiprocessing
import pickle
import sys

import numpy
import pandas
from common import fails
from PIL import Image
from rexnet_digits import Model, preprocess
from rexnet_digits.batch import Classify

rows = [json.loads(line) for line in open(sys.argv[1])]
pictures = [open(row["path"], "rb").read() for row in rows]
assert len(rows) == 6 and sum("error" in row for row in rows) == 1
bad, good = (next(at for at, row in enumerate(rows) if ("error" in row) == failed) for failed in (True, False))


def check(classes, chances, errors):
    for at, row in enumerate(rows):
        if at == bad:
            assert classes[at] == -1 and numpy.isnan(chances[at]) and errors[at] == "UnidentifiedImageError: cannot identify image file", errors[at]
        else:
            best = row["top"][0]
            assert classes[at] == best["class"] and abs(chances[at] - best["probability"]) < 0.02 and errors[at] == "", (at, row)


# Ray Data: a class, made once in a process with keyword arguments, called with a dict of arrays, whose answer is another.
column = numpy.array(pictures, dtype=object)
classify = Classify(column="picture", top=2)
answer = classify({"id": numpy.arange(6), "picture": column})
assert list(answer) == ["id", "class", "name", "probability", "class2", "name2", "probability2", "error"], list(answer)
assert all(isinstance(values, numpy.ndarray) and values.shape == (6,) for values in answer.values())
assert answer["class"].dtype == numpy.int32 and answer["probability"].dtype == numpy.float32
check(answer["class"], answer["probability"], answer["error"])
for at, row in enumerate(rows):
    if at != bad:
        assert answer["class2"][at] == row["top"][1]["class"] and answer["name"][at] == str(answer["class"][at])
# Columns of pixels and of inputs, which Ray makes one array of.
image = Image.open(io.BytesIO(pictures[good])).convert("RGB")
inputs = numpy.stack([preprocess(image)] * 70)
assert (Classify("image")({"image": inputs})["class"] == answer["class"][good]).all()
assert (Classify("image")({"image": numpy.stack([numpy.asarray(image)] * 3)})["class"] == answer["class"][good]).all()
empty = Classify("image")({"image": inputs[:0], "id": numpy.arange(0)})
assert all(len(values) == 0 for values in empty.values())

# Spark's mapInPandas, and Ray Data with batch_format="pandas": frames.
frames = [pandas.DataFrame({"id": [1, 2], "bytes": pictures[:2]}), pandas.DataFrame({"id": [3, 4, 5, 6], "bytes": pictures[2:]})]
frame = pandas.concat(map(Classify(), iter(frames)), ignore_index=True)
assert list(frame.columns) == ["id", "class", "name", "probability", "error"] and list(frame["id"]) == [1, 2, 3, 4, 5, 6]
check(frame["class"], frame["probability"], frame["error"])


# Daft: a class whose call takes a series and returns a list, made with keyword arguments.
class Series:
    def __init__(self, values):
        self.values = values

    def to_pylist(self):
        return self.values


listed = Classify()(Series([*pictures, None]))
check(*([row[name] for row in listed] for name in ["class", "probability", "error"]))
assert listed[-1]["error"] == "ValueError: there is no picture" and type(listed[0]["class"]) is int
assert Classify()(pictures)[:bad] == listed[:bad]

# An object travels to other processes, before and after it was used, and opens the network there.
sent = pickle.dumps(classify)
assert len(sent) < 200 and pickle.loads(sent)({"picture": column})["class"].tolist() == answer["class"].tolist()
with multiprocessing.get_context("fork").Pool(2) as pool:
    for found in pool.map(classify, [{"picture": column}] * 4):
        assert found["class"].tolist() == answer["class"].tolist()
assert inspect.isclass(Classify) and all(p.default is not p.empty for p in list(inspect.signature(Classify).parameters.values()))

# Mistakes of the caller stop the job; those of a row do not.
fails(KeyError, "there is no column 'bytes', but 'picture'", Classify(), {"picture": column})
fails(TypeError, "the batch is a int", Classify(), 5)
fails(ValueError, "top is 11: use 1 to 10", Classify, top=11)
fails(TypeError, "column is a int", Classify, 3)
fails(ValueError, "threads is 0", Classify(threads=0), pictures)
wrong = Classify()([inputs[0].astype("float64"), inputs[0][:, :5], "text", inputs[0] * numpy.float32("nan"), inputs[0]])
errors = [row["error"] for row in wrong]
assert "array of float64 of shape (3, 32, 32)" in errors[0] and "of shape (3, 5, 32): the network takes" in errors[1]
assert errors[2].startswith("ValueError") and errors[3] == "the answer is NaN or infinite" and errors[4] == ""
assert [row["class"] for row in wrong[:4]] == [-1] * 4 and wrong[4]["class"] == answer["class"][good]
assert Model().threads == 1
print("all well")
