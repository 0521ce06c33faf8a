"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os

import pytest

from ltnb._files import replacing


def test_a_full_disk_is_told_with_the_file_and_leaves_the_old_one(tmp_path):
    target = tmp_path / "record.json"
    target.write_text("old")
    with pytest.raises(OSError, match="record.json") as error, replacing(target) as temporary:
        temporary.write_text("ne")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert error.value.errno == errno.ENOSPC
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["record.json"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux alone has a device that is always full")
def test_what_the_system_says_is_passed_on(tmp_path):
    with pytest.raises(OSError, match="No space left on device: .*figure.png"), replacing(tmp_path / "figure.png"):
        with open("/dev/full", "w") as full:
            full.write("x")
            full.flush()


def test_a_file_that_the_system_names_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="other"), replacing(tmp_path / "a"):
        (tmp_path / "other").read_text()
