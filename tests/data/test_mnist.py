import functools
import gzip
import hashlib
import http.server
import threading
from dataclasses import replace

import numpy as np
import pytest

from clearprop import data
from clearprop.data import download, mnist
from clearprop.data.mnist import DEBIAN_FOLDER, FASHION_MNIST, MNIST, STEMS, TRAIN_IMAGES
from clearprop.errors import DataError


@pytest.fixture(autouse=True)
def no_installed_sets(monkeypatch, tmp_path):
    """Hide the data sets and the cache of this machine."""
    monkeypatch.setattr(mnist, "cache_folder", lambda: tmp_path / "cache")
    for known in (MNIST, FASHION_MNIST):
        bare = replace(known, installed=(), mirrors=("http://127.0.0.1:9/",))
        monkeypatch.setitem(mnist.IDX_SETS, known.name, bare)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(tmp_path):
    """Serve a folder at an address of this machine."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def offer(monkeypatch, folder, *addresses):
    sums = {s: hashlib.sha256((folder / f"{s}.gz").read_bytes()).hexdigest() for s in STEMS}
    known = replace(MNIST, installed=(), mirrors=addresses, checksums=sums)
    monkeypatch.setitem(mnist.IDX_SETS, "mnist", known)


@pytest.mark.skipif(
    not (DEBIAN_FOLDER / f"{TRAIN_IMAGES}.gz").is_file(),
    reason="Fashion-MNIST is not installed: apt install dataset-fashion-mnist",
)
def test_fashion_mnist_as_debian_installs_it(monkeypatch):
    monkeypatch.setitem(mnist.IDX_SETS, "fashion-mnist", FASHION_MNIST)
    fashion = data.load("fashion-mnist")
    assert fashion.inputs.shape == (60000, 28, 28, 1)
    assert fashion.inputs.dtype == np.uint8
    assert fashion.test.inputs.shape == (10000, 28, 28, 1)
    assert np.bincount(fashion.targets).tolist() == [6000] * 10
    assert np.bincount(fashion.test.targets).tolist() == [1000] * 10
    assert fashion.class_names[9] == "Ankle boot"
    # The published mean and deviation of the training pixels.
    preprocessor = fashion.split(dev=0, test=0).preprocessor
    np.testing.assert_allclose(preprocessor.center[0] / 255, 0.2860, atol=1e-4)
    np.testing.assert_allclose(preprocessor.spread[0] / 255, 0.3530, atol=1e-4)


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "fashion_mnist", "Fashion-MNIST"])
def test_a_folder_that_the_user_names(tmp_path, make_idx_folder, name, compress):
    arrays = make_idx_folder(tmp_path, compress)
    loaded = data.load(name, folder=tmp_path)
    np.testing.assert_array_equal(loaded.inputs[..., 0], arrays[TRAIN_IMAGES])
    assert len(loaded.test) == 10
    assert len(loaded.class_names) == 10


@pytest.mark.parametrize("subfolder", [".", "mnist", "MNIST/raw"])
def test_the_folder_of_the_environment(tmp_path, monkeypatch, make_idx_folder, subfolder):
    make_idx_folder(tmp_path / subfolder)
    monkeypatch.setenv("CLEARPROP_DATA", str(tmp_path))
    assert len(data.load("mnist")) == 30


def test_names_with_dots(tmp_path, make_idx_folder):
    make_idx_folder(tmp_path, compress=False)
    for stem in STEMS:
        (tmp_path / stem).rename(tmp_path / stem.replace("-idx", ".idx"))
    assert len(data.load("mnist", folder=tmp_path)) == 30


def test_a_folder_of_idx_files_by_its_path(tmp_path, make_idx_folder):
    make_idx_folder(tmp_path / "own")
    loaded = data.load(tmp_path / "own")
    assert loaded.name == "own"
    assert loaded.class_names == tuple("0123456789")


def test_an_incomplete_folder_says_which_files_are_missing(tmp_path, monkeypatch, make_idx_folder):
    make_idx_folder(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"missing: t10k-labels-idx1-ubyte\.gz\n"):
        data.load("mnist", folder=tmp_path)
    monkeypatch.setenv("CLEARPROP_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"missing: t10k-labels-idx1-ubyte\.gz\n"):
        data.load("mnist")
    with pytest.raises(DataError, match="no such folder"):
        data.load("mnist", folder=tmp_path / "elsewhere")


def test_pictures_and_labels_that_do_not_belong_together(tmp_path, as_idx, make_idx_folder):
    make_idx_folder(tmp_path, compress=False)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(as_idx(np.zeros(29, np.uint8)))
    with pytest.raises(DataError, match="29 labels for 30 pictures") as caught:
        data.load("mnist", folder=tmp_path)
    assert caught.value.where == str(labels)


def test_a_label_out_of_range_and_a_file_of_another_kind(tmp_path, as_idx, make_idx_folder):
    make_idx_folder(tmp_path, compress=False)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(as_idx(np.arange(30).astype(np.uint8)))
    with pytest.raises(DataError, match=r"(?s)out of range.*29 at position 29.*from 0 to 9"):
        data.load("mnist", folder=tmp_path)
    labels.write_bytes(as_idx(np.zeros((30, 28, 28), np.uint8)))
    with pytest.raises(DataError, match="does not hold what its name says"):
        data.load("mnist", folder=tmp_path)


def test_downloaded_once_and_checked(tmp_path, monkeypatch, served, make_idx_folder, capsys):
    folder, address = served
    arrays = make_idx_folder(folder)
    offer(monkeypatch, folder, address)
    np.testing.assert_array_equal(data.load("mnist").inputs[..., 0], arrays[TRAIN_IMAGES])
    assert "downloading train-images-idx3-ubyte.gz" in capsys.readouterr().err
    kept = sorted(p.name for p in (tmp_path / "cache" / "mnist").iterdir())
    assert kept == sorted(f"{stem}.gz" for stem in STEMS)
    for path in folder.iterdir():
        path.unlink()
    assert len(data.load("mnist")) == 30
    assert capsys.readouterr().err == ""


def test_downloads_go_to_the_folder_of_the_environment(
    tmp_path, monkeypatch, served, make_idx_folder
):
    folder, address = served
    make_idx_folder(folder)
    offer(monkeypatch, folder, address)
    monkeypatch.setenv("CLEARPROP_DATA", str(tmp_path / "mine"))
    data.load("mnist")
    assert (tmp_path / "mine" / "mnist" / f"{TRAIN_IMAGES}.gz").is_file()


def test_the_next_mirror_is_tried(tmp_path, monkeypatch, served, make_idx_folder):
    folder, address = served
    make_idx_folder(folder)
    offer(monkeypatch, folder, f"{address}gone/", address)
    assert len(data.load("mnist")) == 30


def test_a_wrong_checksum_is_not_kept(tmp_path, monkeypatch, served, make_idx_folder):
    folder, address = served
    make_idx_folder(folder)
    offer(monkeypatch, folder, address)
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(DataError, match="the checksum is wrong, so the file was not kept"):
        data.load("mnist")
    assert not list((tmp_path / "cache" / "mnist").iterdir())


def test_without_a_network_it_says_which_file_belongs_where(tmp_path):
    with pytest.raises(DataError) as caught:
        data.load("fashion-mnist")
    message = str(caught.value)
    assert "could not be downloaded" in message
    assert str(tmp_path / "cache" / "fashion-mnist") in message
    for part in (*STEMS, "CLEARPROP_DATA", "folder=", "dataset-fashion-mnist"):
        assert part in message


def test_nothing_is_downloaded_where_that_is_off(tmp_path, monkeypatch, served, make_idx_folder):
    folder, address = served
    make_idx_folder(folder)
    offer(monkeypatch, folder, address)
    with download.without_downloads(), pytest.raises(DataError) as caught:
        data.load("mnist")
    assert "download it once: clearprop.data.load('mnist')" in caught.value.fix
    assert str(tmp_path / "cache" / "mnist") in str(caught.value)
    assert not (tmp_path / "cache").exists()
    assert len(data.load("mnist"))  # afterwards it is downloaded again
    with download.without_downloads():
        assert len(data.load("mnist"))  # and is at hand now


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch, served, make_idx_folder):
    folder, address = served
    make_idx_folder(folder)
    offer(monkeypatch, folder, address)
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="could not be downloaded"):
        data.load("mnist")


def test_a_terminal_gets_a_bar(tmp_path, monkeypatch, served, make_idx_folder):
    folder, address = served
    make_idx_folder(folder)
    seen = []
    monkeypatch.setattr(download.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(
        download.RichBar, "close", lambda bar: seen.append(bar._progress.tasks[bar._task])
    )
    content = (folder / f"{TRAIN_IMAGES}.gz").read_bytes()
    download.download(
        [f"{address}{TRAIN_IMAGES}.gz"],
        tmp_path / f"{TRAIN_IMAGES}.gz",
        sha256=hashlib.sha256(content).hexdigest(),
    )
    assert [(task.completed, task.total) for task in seen] == [(len(content), len(content))]
