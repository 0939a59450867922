#!/usr/bin/env python3
"""Writes the pictures of every kind, and what Pillow and torchvision make of them.

usage:  "$(scripts/setup-pytorch.sh)/bin/python" tests/pictures/files/generate.py     (and cjpeg: Debian's libjpeg-turbo-progs)

jpeg/ and png/ hold small pictures of every kind; jpeg.png and png.png beside them hold what Pillow's `convert("RGB")` makes of each,
one below the other in the order of the files' names. refused/ holds what is not read. upright.png holds EXIF's eight orientations of jpeg/ycc420.jpg and of
png/rgb8.png as `ImageOps.exif_transpose` turns them, resized to 20 and cropped to 16. photos/ holds two photographs;
presets/ holds what the transforms of torchvision's weights make of each, before the mean is subtracted.

The photographs are chelsea (Stefan van der Walt) and coffee (Rachel Michetti) of scikit-image, both CC0.
"""
import hashlib, io, pathlib, struct, subprocess, sys, tempfile, zipfile, zlib

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision import models
from torchvision.transforms import functional as F

HERE = pathlib.Path(__file__).resolve().parent
PHOTOS = {
    "chelsea": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "coffee": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
}


def photographs():
    with tempfile.TemporaryDirectory() as folder:
        fetch = "download -q --no-deps --no-cache-dir --disable-pip-version-check --only-binary=:all: scikit-image==0.25.2 -d".split()
        subprocess.run([sys.executable, "-m", "pip", *fetch, folder], check=True)
        with zipfile.ZipFile(next(pathlib.Path(folder).glob("*.whl"))) as wheel:
            for name, digest in PHOTOS.items():
                data = wheel.read(f"skimage/data/{name}.png")
                assert hashlib.sha256(data).hexdigest() == digest, name
                yield name, Image.open(io.BytesIO(data)).convert("RGB")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(samples, depth, colour, interlaced=False, extra=b""):
    """`samples` is height x width x channels; every row has filter 0."""
    height, width, channels = samples.shape

    def pack(rows):
        out = b""
        for row in rows:
            bits = "".join(f"{int(v):0{depth}b}" for v in row.reshape(-1))
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
        return out

    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    parts = [samples[y::dy, x::dx] for y, x, dy, dx in passes] if interlaced else [samples]
    data = b"".join(pack(part) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def pngs(photo):
    base = np.asarray(photo.resize((19, 13))).astype(int)
    grey, alpha = base[..., 1:2], base[..., 0:1]
    palette = chunk(b"PLTE", bytes(np.random.default_rng(0).integers(0, 256, 3 * 256).tolist()))
    wide = lambda values: values * 256 + (values * 37 + 11) % 256
    for depth in 1, 2, 4, 8:
        few = grey >> (8 - depth)
        short = chunk(b"PLTE", palette[8 : 8 + 3 * 2**depth])
        yield f"grey{depth}", png(few, depth, 0)
        yield f"grey{depth}_interlaced", png(few, depth, 0, True)
        yield f"palette{depth}", png(few, depth, 3, extra=short)
        yield f"palette{depth}_clear", png(few, depth, 3, depth == 4, short + chunk(b"tRNS", b"\0\x80"))
    yield "grey8_clear", png(grey, 8, 0, extra=chunk(b"tRNS", struct.pack(">H", int(grey[3, 3, 0]))))
    yield "rgb8_clear", png(base, 8, 2, extra=chunk(b"tRNS", struct.pack(">HHH", *map(int, base[3, 3]))))
    for depth, values in (8, lambda v: v), (16, wide):
        for interlaced in False, True:
            name = f"{depth}" + ("_interlaced" if interlaced else "")
            if depth == 16:
                yield f"grey{name}", png(values(grey), depth, 0, interlaced)
            yield f"rgb{name}", png(values(base), depth, 2, interlaced)
            yield f"greyalpha{name}", png(values(np.concatenate([grey, alpha], 2)), depth, 4, interlaced)
            yield f"rgba{name}", png(values(np.concatenate([base, alpha], 2)), depth, 6, interlaced)


def cjpeg(picture, *options, scans=""):
    ppm = io.BytesIO()
    picture.save(ppm, "PPM")
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(scans)
        file.flush()
        command = ["cjpeg", "-quality", "80", *options, *(["-scans", file.name] if scans else [])]
        return subprocess.run(command, input=ppm.getvalue(), stdout=subprocess.PIPE, check=True).stdout


def jpegs(photo):
    base = photo.resize((40, 27))
    for sampling in "1x1", "2x1", "1x2", "2x2", "4x1":
        name = {"1x1": "444", "2x1": "422", "1x2": "440", "2x2": "420", "4x1": "411"}[sampling]
        yield f"ycc{name}", cjpeg(base, "-sample", sampling)
        yield f"ycc{name}_progressive", cjpeg(base, "-sample", sampling, "-progressive")
        yield f"ycc{name}_restarts", cjpeg(base, "-sample", sampling, "-restart", "2B")
        for order, scans in ("scans", "0;1;2;"), ("pairs", "0;1 2;"):
            if name not in ("420", "440"):
                yield f"ycc{name}_{order}", cjpeg(base, "-sample", sampling, scans=scans)
    yield "ycc420_progressive_restarts", cjpeg(base, "-progressive", "-restart", "1")
    yield "grey", cjpeg(base.convert("L"))
    yield "grey_2x2", cjpeg(base.convert("L"), "-sample", "2x2")
    yield "grey_progressive", cjpeg(base.convert("L"), "-progressive")
    yield "optimised", cjpeg(base, "-optimize")
    out = io.BytesIO()
    base.save(out, "JPEG", quality=80, keep_rgb=True)
    yield "rgb", out.getvalue()
    for progressive in False, True:
        name = "_progressive" if progressive else ""
        out = io.BytesIO()
        base.convert("CMYK").save(out, "JPEG", quality=80, progressive=progressive)
        cmyk = out.getvalue()
        adobe = cmyk.index(b"\xff\xee\0\x0eAdobe")
        assert cmyk[adobe + 15] == 0
        yield f"cmyk{name}", cmyk
        yield f"ycck{name}", cmyk[: adobe + 15] + b"\2" + cmyk[adobe + 16 :]
        yield f"cmyk_plain{name}", cmyk[:adobe] + cmyk[adobe + 16 :]


def refused(photo):
    """Kinds that decoders of Rust take for others."""
    base = photo.resize((40, 27))
    yield "ycc420_scans", cjpeg(base, "-sample", "2x2", scans="0;1;2;")
    yield "ycc440_scans", cjpeg(base, "-sample", "1x2", scans="0;1;2;")
    yield "ycc422_first_pair", cjpeg(base, "-sample", "2x1", scans="0 1;2;")
    yield "ycc420_arithmetic", cjpeg(base, "-arithmetic")


def kinds(folder, pictures):
    (HERE / folder).mkdir(exist_ok=True)
    for old in (HERE / folder).iterdir():
        old.unlink()
    for name, data in pictures:
        (HERE / folder / f"{name}.{folder.replace('jpeg', 'jpg')}").write_bytes(data)
    sheet = [np.asarray(Image.open(path).convert("RGB")) for path in sorted((HERE / folder).iterdir())]
    Image.fromarray(np.concatenate(sheet)).save(HERE / f"{folder}.png", optimize=True)


def turned(data, orientation):
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    if data[:2] == b"\xff\xd8":
        content = b"Exif\0\0" + tiff
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + data[2:]
    return data[:33] + chunk(b"eXIf", tiff) + data[33:]


def upright():
    sheet = []
    for path in HERE / "jpeg/ycc420.jpg", HERE / "png/rgb8.png":
        for orientation in range(1, 9):
            picture = Image.open(io.BytesIO(turned(path.read_bytes(), orientation)))
            picture = ImageOps.exif_transpose(picture).convert("RGB")
            sheet.append(np.asarray(F.center_crop(F.resize(picture, [20]), [16])))
    Image.fromarray(np.concatenate(sheet)).save(HERE / "upright.png", optimize=True)


WEIGHTS = [
    ("mobilenet_v2_x1.0 v1", models.MobileNet_V2_Weights.IMAGENET1K_V1),
    ("mobilenet_v2_x1.0 v2", models.MobileNet_V2_Weights.IMAGENET1K_V2),
    ("efficientnet_b0 v1", models.EfficientNet_B0_Weights.IMAGENET1K_V1),
    ("efficientnet_b1 v1", models.EfficientNet_B1_Weights.IMAGENET1K_V1),
    ("efficientnet_b1 v2", models.EfficientNet_B1_Weights.IMAGENET1K_V2),
    ("efficientnet_b2 v1", models.EfficientNet_B2_Weights.IMAGENET1K_V1),
    ("efficientnet_b3 v1", models.EfficientNet_B3_Weights.IMAGENET1K_V1),
]


def presets():
    (HERE / "presets").mkdir(exist_ok=True)
    for path in sorted((HERE / "photos").iterdir()):
        picture = Image.open(path).convert("RGB")
        for name, weights in WEIGHTS:
            transforms = weights.transforms()
            mean, std = (torch.tensor(v)[:, None, None] for v in (transforms.mean, transforms.std))
            values = ((transforms(picture) * std + mean) * 255).round().byte()
            crop = Image.fromarray(np.ascontiguousarray(values.permute(1, 2, 0).numpy()))
            crop.save(HERE / "presets" / f"{path.name}-{name.replace(' ', '-')}.png", optimize=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    photos = dict(photographs())
    (HERE / "photos").mkdir(exist_ok=True)
    photos["coffee"].resize((300, 200), Image.Resampling.LANCZOS).save(HERE / "photos/coffee.jpg", quality=85)
    photos["chelsea"].crop((120, 20, 300, 250)).resize((60, 77), Image.Resampling.LANCZOS).save(HERE / "photos/chelsea.png", optimize=True)
    kinds("jpeg", jpegs(photos["coffee"].crop((100, 0, 500, 270))))
    (HERE / "refused").mkdir(exist_ok=True)
    for name, data in refused(photos["coffee"].crop((100, 0, 500, 270))):
        (HERE / "refused" / f"{name}.jpg").write_bytes(data)
    kinds("png", pngs(photos["chelsea"]))
    upright()
    presets()
