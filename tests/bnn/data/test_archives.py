from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from bnn.data.archives import cache_folder, fetch
from pimsim.errors import InputError

CONTENT = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(CONTENT)
    return path


def test_a_file_arrives_whole_and_progress_is_told(source: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    target = tmp_path / "deep" / "cache" / "file.bin"
    fetch([source.as_uri()], target, DIGEST, on_download=lambda *state: told.append(state))
    assert target.read_bytes() == CONTENT
    assert told[-1] == ("file.bin", len(CONTENT), len(CONTENT))
    assert [come for _, come, _ in told] == sorted(come for _, come, _ in told)
    assert list(target.parent.iterdir()) == [target]


def test_the_next_address_is_tried(source: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.bin"
    wrong.write_bytes(b"something else")
    target = tmp_path / "file.bin"
    fetch(
        [(tmp_path / "gone").as_uri(), wrong.as_uri(), source.as_uri()],
        target,
        DIGEST,
    )
    assert target.read_bytes() == CONTENT


def test_a_digest_can_be_that_of_the_unpacked_content(tmp_path: Path) -> None:
    packed, target = tmp_path / "packed.gz", tmp_path / "out" / "file.gz"
    packed.write_bytes(gzip.compress(CONTENT))
    fetch([packed.as_uri()], target, DIGEST, digest_of="unpacked")
    assert gzip.decompress(target.read_bytes()) == CONTENT


@pytest.mark.parametrize("content", [b"", b"not gzip", gzip.compress(CONTENT)[:-20]])
def test_a_packed_file_that_is_damaged_is_refused(tmp_path: Path, content: bytes) -> None:
    packed, target = tmp_path / "packed.gz", tmp_path / "out" / "file.gz"
    packed.write_bytes(content)
    with pytest.raises(InputError, match=r"file\.gz could not be downloaded"):
        fetch([packed.as_uri()], target, DIGEST, digest_of="unpacked")
    assert list(target.parent.iterdir()) == []


def test_a_file_of_another_digest_never_appears(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "file.bin"
    with pytest.raises(InputError) as error:
        fetch([source.as_uri()], target, "0" * 64)
    assert f"has SHA-256 {DIGEST[:12]}..., not 000000000000..." in str(error.value)
    assert "\n" not in str(error.value)
    assert list(target.parent.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: "):
        fetch([source.as_uri()], source / "file.bin", DIGEST)


def test_an_interrupted_download_leaves_nothing(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "file.bin"

    def interrupt(name: str, come: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch([source.as_uri()], target, DIGEST, on_download=interrupt)
    assert list(target.parent.iterdir()) == []


def test_the_cache_honours_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pimsim"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "pimsim"
