"""The APK itself: what it asks for, that it verifies, and that every call it makes exists."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest

from edgedepth.demo import apkfile, artifacts, signing
from edgedepth.demo.build import ABIS, ANDROID, MODELS, Built, build
from edgedepth.demo.project import Project
from edgedepth.errors import UserError
from tests.android.classfile import Library
from tests.android.dex import Dex, Reference

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PUBLIC_STUBS = artifacts.Artifact(
    "android-16-public.jar",
    "84072541cbb711eff89f7277100ff854929a446dba7ceb1b195c340e0b4fd3cb",
    ("com.google.android", "android", "4.1.1.4", "jar"),
)
"""The public API of level 16: what is in it is no hidden API."""

NEWER_CLASSES = {
    "android/hardware/camera2/": 21,
    "android/media/Image": 19,
    "android/os/LocaleList": 24,
    "android/system/Os": 21,
    "android/util/Size": 21,
    "org/json/": 1,
}
"""Public classes that the stubs do not hold -> API level."""

NEWER_MEMBERS = {
    ("android/app/Activity", "checkSelfPermission"): 23,
    ("android/app/Activity", "getSystemService"): 23,
    ("android/app/Activity", "requestPermissions"): 23,
    ("android/app/Activity", "shouldShowRequestPermissionRationale"): 23,
    ("android/content/Context", "getColor"): 23,
    ("android/content/Context", "getSystemService"): 23,
    ("android/content/res/Configuration", "getLocales"): 24,
    ("android/media/ExifInterface", "<init>"): 29,
    ("android/os/Build", "SUPPORTED_ABIS"): 21,
    ("android/os/HandlerThread", "quitSafely"): 18,
    ("android/os/PowerManager", "getCurrentThermalStatus"): 29,
    ("android/os/PowerManager", "isPowerSaveMode"): 21,
}
"""Public members of older classes -> API level, as Android's reference gives them."""

GUARDED = {
    ("android/os/Build", "SOC_MANUFACTURER"): 31,
    ("android/os/Build", "SOC_MODEL"): 31,
}
"""Used only after asking for the API level."""

JAVA_PACKAGES = {
    "java/io", "java/lang", "java/lang/annotation", "java/lang/reflect", "java/nio",
    "java/nio/charset", "java/security", "java/text", "java/util", "java/util/concurrent",
    "java/util/concurrent/atomic", "java/util/function", "java/util/logging", "java/util/regex",
    "java/util/zip",
}  # fmt: skip
"""Of Java 8, present since API level 24; javac's --release 8 lets nothing younger through."""


def said(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} not found (make tools)")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def badging(built: Built) -> str:
    return said("aapt", "dump", "badging", str(built.apk))


@pytest.fixture(scope="module")
def manifest(built: Built) -> str:
    return said("aapt2", "dump", "xmltree", "--file", "AndroidManifest.xml", str(built.apk))


@pytest.fixture(scope="module")
def dex(built: Built) -> Dex:
    with zipfile.ZipFile(built.apk) as archive:
        return Dex(archive.read("classes.dex"))


@pytest.fixture(scope="module")
def leaving(dex: Dex) -> list[Reference]:
    """What the app asks of the platform."""
    return sorted(dex.leaving())


class TestWhatItIs:
    def test_identity(self, badging: str, project: Project) -> None:
        assert "package: name='org.edgedepth.demo'" in badging
        assert f"versionName='{project.version_name}'" in badging
        assert "sdkVersion:'29'" in badging
        assert "targetSdkVersion:'34'" in badging
        assert "launchable-activity: name='org.edgedepth.demo.CaptureActivity'" in badging
        assert "application-debuggable" not in badging

    def test_it_asks_for_the_camera_and_nothing_else(self, badging: str) -> None:
        asked = re.findall(r"uses-permission: name='([^']+)'", badging)
        assert asked == ["android.permission.CAMERA"]

    def test_saved_sweeps_open_without_a_camera(self, badging: str) -> None:
        required = re.findall(r"^  uses-feature: name='([^']+)'", badging, re.MULTILINE)
        assert set(required) <= {"android.hardware.faketouch"}

    def test_processors(self, badging: str, built: Built) -> None:
        native = next(line for line in badging.splitlines() if line.startswith("native-code"))
        assert set(re.findall(r"'([^']+)'", native)) == set(ABIS)
        assert built.apk_bytes < 20e6

    def test_languages(self, badging: str) -> None:
        locales = next(line for line in badging.splitlines() if line.startswith("locales:"))
        assert "'de'" in locales


class TestManifest:
    def exported(self, project: Project) -> dict[str, str | None]:
        """Exported component -> the permission that is needed to start it."""
        root = ElementTree.parse(project.manifest).getroot()
        found = {}
        for component in root.iter():
            if component.get(f"{{{ANDROID}}}exported") == "true":
                name = component.get(f"{{{ANDROID}}}name", "")
                found[name] = component.get(f"{{{ANDROID}}}permission")
        return found

    def test_only_the_launcher_and_the_benchmark_are_exported(self, project: Project) -> None:
        assert self.exported(project) == {
            ".CaptureActivity": None,
            ".BenchActivity": "android.permission.DUMP",
        }

    def test_every_component_says_whether_it_is(self, project: Project) -> None:
        root = ElementTree.parse(project.manifest).getroot()
        components = [e for e in root.iter() if e.tag in ("activity", "provider", "service")]
        assert len(components) == 6
        assert all(c.get(f"{{{ANDROID}}}exported") in ("true", "false") for c in components)

    def test_neither_cleartext_nor_backup(self, manifest: str) -> None:
        assert re.search(r"usesCleartextTraffic\(0x[0-9a-f]+\)=false", manifest)
        assert re.search(r"allowBackup\(0x[0-9a-f]+\)=false", manifest)
        assert "android.permission.INTERNET" not in manifest

    def test_native_code_is_mapped_from_the_archive(self, manifest: str) -> None:
        assert re.search(r"extractNativeLibs\(0x[0-9a-f]+\)=false", manifest)


class TestArchive:
    def test_signed_with_v2_and_v3(self, built: Built) -> None:
        assert {"v2", "v3"} <= set(signing.verify(built.apk).schemes)

    def test_a_changed_byte_breaks_the_signature(self, built: Built, tmp_path: Path) -> None:
        data = bytearray(built.apk.read_bytes())
        data[apkfile.data_offsets(built.apk)["resources.arsc"] + 8] ^= 1
        changed = tmp_path / "changed.apk"
        changed.write_bytes(data)
        with pytest.raises(UserError, match="no valid signature"):
            signing.verify(changed)

    def test_native_code_lies_on_16_kb_pages(self, built: Built) -> None:
        offsets = apkfile.data_offsets(built.apk)
        libraries = [name for name in offsets if name.endswith(".so")]
        assert len(libraries) == 2 * len(ABIS)
        assert all(offsets[name] % 16384 == 0 for name in libraries)
        assert all(offset % 4 == 0 for offset in offsets.values())
        assert apkfile.misaligned(built.apk) == []

    def test_segments_of_native_code_are_told(self, built: Built) -> None:
        """TensorFlow Lite 2.16.1 is linked for 4 KB pages: docs and the build say so."""
        assert len(built.segment_bytes) == 2 * len(ABIS)
        assert set(built.segment_bytes.values()) == {4096}
        assert "linked for 4 KB pages" in (ROOT / "docs" / "android.md").read_text()

    def test_zipalign_agrees(self, built: Built) -> None:
        said("zipalign", "-c", "-p", "4", str(built.apk))

    def test_models_and_sample_are_those_of_the_package(self, built: Built) -> None:
        package = ROOT / "edgedepth"
        with zipfile.ZipFile(built.apk) as archive:
            for name in MODELS:
                shipped = (package / "pretrained" / name).read_bytes()
                assert archive.read(f"assets/models/{name}") == shipped
            frames = sorted(p.name for p in (package / "samples" / "desk").iterdir())
            stored = [n for n in archive.namelist() if n.startswith("assets/sweeps/desk/")]
            assert sorted(Path(n).name for n in stored) == frames
            assert b"Apache License" in archive.read("assets/licences/tensorflow-lite.txt")

    def test_two_builds_give_the_same_bytes(
        self, built: Built, project: Project, keystore: Path, tmp_path: Path
    ) -> None:
        again = build(project, tmp_path / "elsewhere" / "again.apk", keystore=keystore)
        assert again.content_sha256 == built.content_sha256
        assert again.apk.read_bytes() == built.apk.read_bytes()


class TestCalls:
    def platform(self, leaving: list[Reference]) -> list[Reference]:
        return [r for r in leaving if not r.owner.startswith("java/")]

    def test_there_are_many(self, leaving: list[Reference]) -> None:
        owners = {r.owner for r in leaving}
        assert len(self.platform(leaving)) > 200
        assert {"android/hardware/camera2/CameraDevice", "android/graphics/Canvas"} <= owners

    @pytest.mark.parametrize("level", [29, 34])
    def test_each_exists_at_the_levels_claimed(
        self, level: int, leaving: list[Reference], platforms: dict[int, Path]
    ) -> None:
        with Library(platforms[level]) as library, Library(platforms[34]) as newest:
            missing = []
            for r in self.platform(leaving):
                known = library.has(r.owner, r.name, r.descriptor)
                if not known and not self.inherited(newest, r):
                    missing.append((r.owner, r.name))
        assert set(missing) == ({key for key in GUARDED if GUARDED[key] > level})

    def inherited(self, newest: Library, r: Reference) -> bool:
        """Nothing of Android's, but of a Java class above, which javac has checked."""
        above = newest.ancestors(r.owner)
        java = any(a.startswith("java/") and a != "java/lang/Object" for a in above)
        return java and not newest.has(r.owner, r.name, r.descriptor)

    def test_none_is_hidden(self, leaving: list[Reference], platforms: dict[int, Path]) -> None:
        stubs = artifacts.fetch([PUBLIC_STUBS])[PUBLIC_STUBS.file]
        with Library(stubs) as public, Library(platforms[34]) as newest:
            unknown = [
                r
                for r in self.platform(leaving)
                if not public.has(r.owner, r.name, r.descriptor)
                and not r.owner.startswith(tuple(NEWER_CLASSES))
                and (r.owner, r.name) not in NEWER_MEMBERS.keys() | GUARDED.keys()
                and not self.inherited(newest, r)
            ]
        assert unknown == []

    def test_what_is_listed_as_newer_is_really_used(self, leaving: list[Reference]) -> None:
        used = {(r.owner, r.name) for r in leaving}
        assert set(NEWER_MEMBERS) | set(GUARDED) <= used
        assert max({**NEWER_CLASSES, **NEWER_MEMBERS}.values()) <= 29

    def test_guarded_ones_are_asked_about_first(self, project: Project) -> None:
        text = (project.folder / "app/src/main/java/org/edgedepth/demo/Device.java").read_text()
        method = text[text.index("Object soc()") :]
        assert method.index("SDK_INT < Build.VERSION_CODES.S") < method.index("SOC_MODEL")

    def test_java_is_no_younger_than_8(self, leaving: list[Reference]) -> None:
        java = [r for r in leaving if r.owner.startswith("java/")]
        assert {r.owner.rpartition("/")[0] for r in java} <= JAVA_PACKAGES
        # Java 9 gave these a return type of their own, which Android 10 does not have.
        moved = {"position", "limit", "rewind", "flip", "clear", "mark", "reset"}
        assert not [
            r
            for r in java
            if r.owner == "java/nio/ByteBuffer"
            and r.name in moved
            and r.descriptor.endswith(")Ljava/nio/ByteBuffer;")
        ]

    def test_the_runtime_is_whole(self, dex: Dex) -> None:
        """TFLite's Java parts come from four archives of two versions: all they name is there."""
        named = {r.owner for r in (*dex.methods, *dex.fields)}
        ours = {owner for owner in named if owner.startswith(("org/tensorflow/", "org/edgedepth/"))}
        assert ours <= set(dex.parents)
        unresolved = [r for r in dex.leaving() if r.owner.startswith("org/tensorflow/")]
        assert unresolved == []
