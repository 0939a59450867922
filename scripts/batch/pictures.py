"""Pictures as cameras have them, and parquet files of them."""

import io
import pathlib

import pyarrow
import pyarrow.parquet
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]


def jpegs(count, size):
    """Parts of a photograph, each another one, with the noise of a sensor, as JPEG of quality 90."""
    photo = Image.open(ROOT / "tests/pictures/files/photos/coffee.jpg").convert("RGB")
    width, height = photo.size
    noise = Image.merge("RGB", [Image.effect_noise(size, 40)] * 3)
    for index in range(count):
        left, top = index * 37 % (width // 4), index * 53 % (height // 4)
        part = photo.crop((left, top, left + 3 * width // 4, top + 9 * width // 16)).resize(size, Image.BICUBIC)
        file = io.BytesIO()
        Image.blend(part, noise, 0.05).save(file, "JPEG", quality=90)
        yield file.getvalue()


def parquet(path, count):
    """A file of so many rows of pictures of 640x480."""
    files = list(jpegs(100, (640, 480)))
    column = pyarrow.array([files[at % len(files)] for at in range(count)], pyarrow.binary())
    pyarrow.parquet.write_table(pyarrow.table({"id": range(count), "bytes": column}), path, row_group_size=50)
