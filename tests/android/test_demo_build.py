"""What goes wrong while building, and the parts of the build that need no Java."""

from __future__ import annotations

import hashlib
import shutil
import struct
import zipfile
from pathlib import Path

import pytest

from edgedepth.demo import apkfile, artifacts, tools
from edgedepth.demo.project import open_project
from edgedepth.errors import UserError

CONTENT = b"pinned"
PINNED = artifacts.Artifact(
    "a.jar", hashlib.sha256(CONTENT).hexdigest(), ("org.example", "a", "1", "jar")
)


def fake_maven(folder: Path, content: str, code: int = 0) -> None:
    """A ``mvn`` that copies a file where the real one would, or fails."""
    script = folder / "mvn"
    script.write_text(
        "#!/bin/sh\n"
        f'[ {code} = 0 ] || {{ echo "[ERROR] no route to host"; exit {code}; }}\n'
        'pom=$(echo "$@" | sed "s/.*-f \\([^ ]*\\).*/\\1/")\n'
        'goal=$(sed "s/.*<outputDirectory>\\([^<]*\\)<.*/\\1/" "$pom")\n'
        f'printf "{content}" > "$goal/a.jar"\n'
    )
    script.chmod(0o755)


class TestArtifacts:
    @pytest.fixture
    def bin(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        return folder

    def test_fetched_once(self, bin: Path, tmp_path: Path) -> None:
        fake_maven(bin, "pinned")
        found = artifacts.fetch([PINNED], tmp_path / "cache")
        assert found["a.jar"].read_bytes() == CONTENT
        fake_maven(bin, "", code=1)
        assert artifacts.fetch([PINNED], tmp_path / "cache") == found

    def test_another_file_is_refused_and_not_kept(self, bin: Path, tmp_path: Path) -> None:
        fake_maven(bin, "changed")
        with pytest.raises(UserError, match="not the file that was pinned"):
            artifacts.fetch([PINNED], tmp_path / "cache")
        assert not (tmp_path / "cache" / "a.jar").exists()

    def test_a_damaged_one_is_fetched_anew(self, bin: Path, tmp_path: Path) -> None:
        fake_maven(bin, "pinned")
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "a.jar").write_bytes(b"pin")
        assert artifacts.fetch([PINNED], tmp_path / "cache")["a.jar"].read_bytes() == CONTENT

    def test_without_a_network(self, bin: Path, tmp_path: Path) -> None:
        fake_maven(bin, "", code=1)
        with pytest.raises(UserError, match=r"Maven could not fetch .* no route to host"):
            artifacts.fetch([PINNED], tmp_path / "cache")

    def test_a_cache_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="EDGEDEPTH_CACHE"):
            artifacts.fetch([PINNED], tmp_path / "file" / "cache")

    def test_every_artifact_is_pinned(self) -> None:
        for artifact in (*artifacts.TO_BUILD, artifacts.OLDEST_PLATFORM):
            assert len(artifact.sha256) == 64
            assert (artifact.maven is None) != (artifact.wheel is None)


class TestTools:
    def test_missing_programs_name_their_packages(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UserError, match=r"aapt2.* not found; .*apt install .*aapt"):
            tools.require_tools()

    def test_a_failing_program_is_one_line(self) -> None:
        with pytest.raises(UserError, match=r"^it broke \(Main.java:1: error: no\); mend it$"):
            tools.run_tool(
                ["sh", "-c", "echo note; echo 'Main.java:1: error: no' >&2; exit 1"],
                "it broke",
                "mend it",
            )

    def test_a_program_that_hangs(self) -> None:
        with pytest.raises(UserError, match="took over 0 s"):
            tools.run_tool(["sleep", "5"], "it broke", timeout_s=0.1)


class TestProject:
    def test_of_this_checkout(self) -> None:
        project = open_project()
        assert (project.min_sdk, project.target_sdk) == (29, 34)
        assert any(path.name == "CaptureActivity.java" for path in project.sources())

    def test_somewhere_else(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="--source"):
            open_project(tmp_path)

    def test_with_settings_that_lack_something(self, tmp_path: Path) -> None:
        (tmp_path / "app").mkdir()
        (tmp_path / "gradle.properties").write_text("edgedepth.minSdk=x\n")
        with pytest.raises(UserError, match=r"gradle\.properties"):
            open_project(tmp_path)


class TestArchives:
    ENTRIES = {  # noqa: RUF012
        "AndroidManifest.xml": b"<m/>" * 99,
        "lib/arm64-v8a/liba.so": b"\x7fELF" + bytes(5000),
        "lib/arm64-v8a/libb.so": b"\x7fELF" + bytes(70001),
        "resources.arsc": bytes(range(7)),
        "assets/a.tflite": b"x" * 13,
    }

    def test_the_same_entries_give_the_same_bytes(self, tmp_path: Path) -> None:
        first, second = tmp_path / "a.apk", tmp_path / "b.apk"
        apkfile.write_apk(first, self.ENTRIES)
        apkfile.write_apk(second, dict(reversed(self.ENTRIES.items())))
        assert first.read_bytes() == second.read_bytes()

    def test_what_is_stored_is_aligned(self, tmp_path: Path) -> None:
        path = tmp_path / "a.apk"
        apkfile.write_apk(path, self.ENTRIES)
        offsets = apkfile.data_offsets(path)
        assert set(offsets) == set(self.ENTRIES) - {"AndroidManifest.xml"}
        for name, offset in offsets.items():
            data = self.ENTRIES[name]
            assert path.read_bytes()[offset : offset + len(data)] == data
        assert apkfile.misaligned(path) == []
        assert zipfile.ZipFile(path).testzip() is None

    def test_misaligned_entries_are_found(self, tmp_path: Path) -> None:
        path = tmp_path / "a.apk"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("lib/arm64-v8a/liba.so", b"\x7fELF")
        assert apkfile.misaligned(path) == ["lib/arm64-v8a/liba.so"]

    def test_segment_alignment_of_an_elf_file(self) -> None:
        header = bytearray(64)
        header[:5] = b"\x7fELF\x02"
        struct.pack_into("<Q", header, 32, 64)
        struct.pack_into("<HH", header, 54, 56, 2)
        loads = [struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 0, 0, a) for a in (16384, 4096)]
        assert apkfile.segment_alignment(bytes(header) + b"".join(loads)) == 4096
        with pytest.raises(ValueError, match="ELF"):
            apkfile.segment_alignment(b"text")


@pytest.mark.skipif(shutil.which("keytool") is None, reason="keytool not found (make tools)")
def test_the_debug_key_is_made_once_and_private(tmp_path: Path) -> None:
    from edgedepth.demo import signing

    path = signing.debug_keystore(tmp_path / "deep" / "key.p12")
    made = path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    assert signing.debug_keystore(path).read_bytes() == made
    assert [p.name for p in path.parent.iterdir()] == ["key.p12"]
