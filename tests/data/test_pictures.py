import json

import numpy as np
import pytest
from PIL import Image

from clearprop import data
from clearprop.data import batches, pictures
from clearprop.errors import ConfigurationError, DataError


def save_digits(folder, count=20, suffix=".png"):
    """Real pictures: the digits 0 and 1 of scikit-learn's set, gray."""
    digits = data.load("digits")
    for label in (0, 1):
        (folder / f"digit {label}").mkdir(parents=True, exist_ok=True)
        for index in np.flatnonzero(digits.targets == label)[:count]:
            picture = Image.fromarray(digits.inputs[index, ..., 0] * 15)
            picture.save(folder / f"digit {label}" / f"{index:04}{suffix}")
    return folder


def test_a_folder_of_classes(tmp_path):
    save_digits(tmp_path)
    (tmp_path / "digit 0" / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden").mkdir()
    loaded = data.load(tmp_path)
    assert loaded.inputs.shape == (40, 8, 8, 1)
    assert loaded.inputs.dtype == np.uint8
    assert loaded.class_names == ("digit 0", "digit 1")
    assert np.bincount(loaded.targets).tolist() == [20, 20]
    np.testing.assert_array_equal(loaded.inputs[0], data.load("digits").inputs[0] * 15)


def test_streamed_pictures_equal_decoded_ones(tmp_path):
    pytest.importorskip("grain", reason="streaming is tested where clearprop[stream] is installed")
    save_digits(tmp_path)
    held, streamed = (data.load(tmp_path, stream=s).split(seed=1) for s in (False, True))
    assert not held.streamed
    assert streamed.streamed
    assert held.preprocessor == streamed.preprocessor
    pairs = zip(batches(held.train, 8), batches(streamed.train, 8), strict=True)
    for one, other in pairs:
        np.testing.assert_array_equal(one.inputs, other.inputs)
        np.testing.assert_array_equal(one.targets, other.targets)


def test_many_pictures_are_streamed_by_themselves(tmp_path, monkeypatch):
    save_digits(tmp_path)
    monkeypatch.setattr(pictures, "STREAM_LIMIT_BYTES", 100)
    assert data.load(tmp_path).streamed


def test_an_official_test_folder(tmp_path):
    save_digits(tmp_path / "train")
    save_digits(tmp_path / "test", count=3)
    loaded = data.load(tmp_path)
    assert len(loaded) == 40
    assert len(loaded.test) == 6
    for path in (tmp_path / "test" / "digit 0").iterdir():
        path.unlink()
    (tmp_path / "test" / "digit 0").rmdir()
    assert data.load(tmp_path).test.targets.tolist() == [1, 1, 1]
    (tmp_path / "test" / "digit 7").mkdir()
    with pytest.raises(DataError, match=r"digit 7: a class of the test part"):
        data.load(tmp_path)


def test_size_and_channels(tmp_path):
    save_digits(tmp_path)
    assert data.load(tmp_path, size=12, channels=3).inputs.shape == (40, 12, 12, 3)
    assert data.load(tmp_path, size=(6, 10)).inputs.shape == (40, 6, 10, 1)
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "digit 0" / "zz.png")
    colored = data.load(tmp_path)
    assert colored.inputs.shape == (41, 8, 8, 3)
    assert colored.inputs[20, 0, 0].tolist() == [255, 0, 0]


def test_a_turned_photograph_is_set_upright(tmp_path):
    save_digits(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (4, 9), 7).save(tmp_path / "digit 0" / "zz.jpg", exif=exif)
    with pytest.raises(DataError, match=r"(?s)zz\.jpg.*4 x 9 pixels.*size=\(8, 8\)"):
        data.load(tmp_path)
    assert pictures.read_picture(tmp_path / "digit 0" / "zz.jpg", (4, 9), 1).shape == (4, 9, 1)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n and then nothing"])
def test_a_damaged_picture_is_named(tmp_path, content, stream):
    save_digits(tmp_path)
    bad = tmp_path / "digit 1" / "bad.png"
    bad.write_bytes(content)
    with pytest.raises(DataError, match="the picture cannot be read") as caught:
        data.load(tmp_path, stream=stream)
    assert caught.value.where == str(bad)


def test_a_picture_cut_off_is_named_when_its_batch_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "SAMPLE", 1)  # the look for empty pictures would find it, too
    pytest.importorskip("grain", reason="streaming is tested where clearprop[stream] is installed")
    save_digits(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    path = tmp_path / "digit 1" / "9999.png"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    loaded = data.load(tmp_path, size=8, stream=True)
    with pytest.raises(DataError, match=r"9999\.png"):
        list(batches(loaded, 8, shuffle=False, drop_remainder=False))


def test_folders_that_are_no_set(tmp_path):
    with pytest.raises(DataError, match="there are no classes"):
        data.load(tmp_path)
    (tmp_path / "one").mkdir()
    with pytest.raises(DataError, match="only one class"):
        data.load(tmp_path)
    (tmp_path / "two").mkdir()
    with pytest.raises(DataError, match=r"one: there is no picture of this class"):
        data.load(tmp_path)


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"size": (4, -1)}, {"channels": 5}, {"size": (4, 4, 1)}]
)
def test_impossible_sizes(tmp_path, options):
    save_digits(tmp_path)
    with pytest.raises(ConfigurationError):
        data.load(tmp_path, **options)


def test_pictures_for_a_prediction(tmp_path):
    save_digits(tmp_path)
    preprocessor = data.load(tmp_path).split().preprocessor
    one = data.load_inputs(tmp_path / "digit 0" / "0000.png", preprocessor)
    assert one.shape == (1, 8, 8, 1)
    assert data.load_inputs(tmp_path / "digit 0", preprocessor).shape == (20, 8, 8, 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no picture in this folder"):
        data.load_inputs(tmp_path / "empty", preprocessor)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_sixteen_bits_become_the_upper_eight(tmp_path, suffix):
    values = np.array([[0, 255, 256], [32768, 40000, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / f"deep{suffix}")
    for channels in (1, 3):
        read = pictures.read_picture(tmp_path / f"deep{suffix}", (2, 3), channels)
        np.testing.assert_array_equal(read[..., 0], values >> 8)


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_numbers_without_a_known_range_are_refused(tmp_path, kind):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.array([[0, 1], [2, 70000]], kind)).save(tmp_path / name / "1.tif")
    with pytest.raises(DataError, match="black and white") as caught:
        data.load(tmp_path)
    assert caught.value.where.endswith("1.tif")
    assert "8 bits" in caught.value.fix
    with pytest.raises(DataError, match="black and white"):
        pictures.read_picture(tmp_path / "a" / "1.tif", (2, 2), 1)


# --- transparency and empty pictures --------------------------------------------------------------

MODES = ("LA", "RGBA", "PA", "P", "L", "RGB")


def save_glyphs(folder, mode, ink=0):
    """Save letters as a font program does: ink that is opaque on a transparent ground."""
    digits = data.load("digits")
    for label in (0, 1):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        for index in np.flatnonzero(digits.targets == label)[:10]:
            glyph = digits.inputs[index, ..., 0] > 8
            path = folder / str(label) / f"{index:04}.png"
            if mode in ("LA", "RGBA", "PA"):
                bands = [np.full(glyph.shape, ink, np.uint8)] * (len(mode) - 1)
                pixels = np.stack([*bands, glyph.astype(np.uint8) * 255], axis=-1)
                picture = Image.fromarray(pixels[..., [0, -1]] if mode == "PA" else pixels)
                (picture.convert("RGBA") if mode == "PA" else picture).save(path)
            else:  # one number or color of the ground is named as transparent
                ground = 7 if ink == 0 else ink
                gray = Image.fromarray(np.where(glyph, ink, ground).astype(np.uint8))
                picture = gray.convert(mode)
                key = {"L": ground, "RGB": (ground,) * 3}.get(mode)
                key = picture.getpixel((0, 0)) if mode == "P" else key
                picture.save(path, transparency=key)
    return folder


@pytest.mark.parametrize("channels", [None, 1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_glyphs_on_a_transparent_ground_are_put_on_white(tmp_path, mode, channels):
    loaded = data.load(save_glyphs(tmp_path, mode), channels=channels)
    digits = data.load("digits")
    zero = np.flatnonzero(digits.targets == 0)[0]
    ink = digits.inputs[zero, ..., 0] > 8
    expected = np.where(ink, 0, 255)
    for channel in range(loaded.inputs.shape[-1]):
        np.testing.assert_array_equal(loaded.inputs[0, ..., channel], expected)
    assert "20 of 20 pictures have transparent parts, which are put on white" in loaded.notes[0]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_run_of_an_earlier_version_sees_pictures_as_it_was_trained(tmp_path, mode):
    folder = save_glyphs(tmp_path, mode)
    now = data.load(folder).split(dev=0, test=0).preprocessor
    record = json.loads(now.to_json())
    assert record.pop("transparency") == "white"
    before = data.Preprocessor.from_json(json.dumps(record))
    assert data.load_inputs(folder / "0", now).max() == 255
    assert data.load_inputs(folder / "0", before).max() == 0  # the ground is black too
    with pytest.raises(DataError, match="the color 0, 0, 0 in all"):
        data.load(folder, channels=3, transparency=before.transparency)
    assert data.Preprocessor.from_json(before.to_json()) == before


def test_an_opacity_that_is_full_everywhere_is_no_transparency(tmp_path):
    for label in (0, 1):
        (tmp_path / str(label)).mkdir()
        for number in range(3):
            pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 4), np.uint8)
            pixels[..., 3] = 255
            Image.fromarray(pixels).save(tmp_path / str(label) / f"{number}.png")
    assert data.load(tmp_path).notes == ()
    pixels[0, 0, 3] = 254
    Image.fromarray(pixels).save(tmp_path / "1" / "2.png")
    assert "1 of 6 pictures have transparent parts" in data.load(tmp_path).notes[0]


@pytest.mark.parametrize("channels", [2, 4])
def test_the_opacity_can_be_kept(tmp_path, channels):
    loaded = data.load(save_glyphs(tmp_path, "RGBA", ink=255), channels=channels)
    digits = data.load("digits")
    ink = digits.inputs[np.flatnonzero(digits.targets == 0)[0], ..., 0] > 8
    assert loaded.inputs.shape == (20, 8, 8, channels)
    np.testing.assert_array_equal(loaded.inputs[0, ..., -1], np.where(ink, 255, 0))
    assert loaded.notes == ()
    preprocessor = loaded.split(dev=0, test=0).preprocessor
    new = data.load_inputs(tmp_path / "0", preprocessor)
    np.testing.assert_array_equal(new, loaded.inputs[:10])


@pytest.mark.parametrize("stream", [False, True])
def test_pictures_that_are_all_one_color_are_refused_with_the_reason(tmp_path, stream):
    save_glyphs(tmp_path / "white", "RGBA", ink=255)
    with pytest.raises(DataError, match=r"(?s)same color.*put on white.*channels=4") as caught:
        data.load(tmp_path / "white", stream=stream)
    assert caught.value.where == str(tmp_path / "white")
    for name in ("a", "b"):
        (tmp_path / "black" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (4, 4)).save(tmp_path / "black" / name / f"{number}.png")
    with pytest.raises(DataError, match=r"(?s)same color.*the color 0 in all 6 pic.*saved empty"):
        data.load(tmp_path / "black", stream=stream)


@pytest.mark.parametrize("stream", [False, True])
def test_single_pictures_of_one_color_are_named(tmp_path, stream):
    save_digits(tmp_path)
    Image.new("L", (8, 8), 255).save(tmp_path / "digit 1" / "blank.png")
    (note,) = data.load(tmp_path, stream=stream).notes
    assert note.startswith("1 of 41 pictures have one color only")
    assert "blank.png" in note
    assert note in str(data.describe(data.load(tmp_path)))
