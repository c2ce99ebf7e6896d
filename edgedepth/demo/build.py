"""From sources to a signed APK: aapt2, javac, D8, zip, zipalign's check, apksigner.

The same sources give the same bytes: nothing in the archive tells when, where or by whom it was
built, and the signature is of RSA with PKCS #1 v1.5 padding, which draws no random numbers.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import edgedepth
from edgedepth.adb import DEMO_APP
from edgedepth.demo import artifacts, signing
from edgedepth.demo.apkfile import misaligned, segment_alignment, write_apk
from edgedepth.demo.project import Project
from edgedepth.demo.tools import java_home, require_tools, run_tool
from edgedepth.errors import UserError

ABIS = ("arm64-v8a", "x86_64")
MODELS = ("edgedepth-mobile-int8.tflite", "edgedepth-mobile-fp16.tflite")
"""int8 for the CPU, fp16 for the GPU delegate."""

SHORT_RUN = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""A Java that ends within seconds does not repay optimizing."""

SAMPLE = "desk"
ANDROID = "http://schemas.android.com/apk/res/android"


@dataclass(frozen=True)
class Built:
    """A built app.

    Attributes:
        apk: the signed file.
        apk_bytes: its size.
        parts_bytes: part of the app -> bytes that it takes in the file.
        content_sha256: of the file before signing: the same for everyone who builds these
            sources with these tools.
        signature: as verified after signing.
        segment_bytes: native library -> least alignment of its segments.
    """

    apk: Path
    apk_bytes: int
    parts_bytes: dict[str, int]
    content_sha256: str
    signature: signing.Signature
    segment_bytes: dict[str, int]


def build(
    project: Project,
    out: Path,
    abis: tuple[str, ...] = ABIS,
    keystore: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Built:
    """Build and sign the app.

    Args:
        project: the sources.
        out: the APK to write, whole or not at all.
        abis: processors to bring native code for.
        keystore: PKCS #12 file with the debug key; made if it is not there.
        tell: called with each step's name.

    Raises:
        UserError: a program is missing, something cannot be fetched, or a step fails.
    """
    require_tools()
    tell("fetch")
    files = artifacts.fetch()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=out.parent, prefix=".apk-")
    except OSError as error:
        raise UserError(f"{out.parent} cannot be written ({error.strerror})", "use -o") from None
    with temporary as name:
        work = Path(name)
        entries = _entries(project, files, abis, work, tell)
        tell("package")
        unsigned, signed = work / "unsigned.apk", work / "signed.apk"
        write_apk(unsigned, entries)
        tell("sign")
        key = signing.debug_keystore(keystore or signing.default_keystore())
        signing.sign(unsigned, signed, key, project.min_sdk)
        signature = _check(signed)
        content = hashlib.sha256(unsigned.read_bytes()).hexdigest()
        signed.replace(out)
    return Built(
        out,
        out.stat().st_size,
        _parts(out),
        content,
        signature,
        {n: segment_alignment(data) for n, data in entries.items() if n.endswith(".so")},
    )


def _entries(
    project: Project,
    files: Mapping[str, Path],
    abis: tuple[str, ...],
    work: Path,
    tell: Callable[[str], None],
) -> dict[str, bytes]:
    """Everything that goes into the archive."""
    platform = files[artifacts.PLATFORM.file]
    aars = [files[a.file] for a in artifacts.TFLITE]
    tell("resources")
    entries = link_resources(project, platform, work)
    tell("javac")
    classes = compile_java(project, platform, class_jars(aars, work), work)
    tell("d8")
    entries["classes.dex"] = to_dex(project, files, [*classes, *class_jars(aars, work)], work)
    entries |= native_code(aars, abis)
    entries |= assets(project)
    with zipfile.ZipFile(aars[0]) as aar:
        entries["assets/licences/tensorflow-lite.txt"] = aar.read("LICENSE")
    return entries


def full_manifest(project: Project) -> bytes:
    """The app's manifest with its package, as aapt2 wants it; Gradle adds it by itself."""
    ElementTree.register_namespace("android", ANDROID)
    try:
        root = ElementTree.parse(project.manifest).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise UserError(
            f"{project.manifest} cannot be read ({error})", "take it from git"
        ) from None
    root.set("package", DEMO_APP)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def link_resources(project: Project, platform: Path, work: Path) -> dict[str, bytes]:
    """Compile the resources; R.java is left in ``work/gen``."""
    manifest, compiled, base = (work / n for n in ("AndroidManifest.xml", "res.zip", "base.apk"))
    manifest.write_bytes(full_manifest(project))
    run_tool(
        ["aapt2", "compile", "--dir", str(project.resources), "-o", str(compiled)],
        "the app's resources do not compile",
    )
    command = ["aapt2", "link", "-I", str(platform), "--manifest", str(manifest)]
    command += ["--java", str(work / "gen"), "-o", str(base), "--warn-manifest-validation"]
    command += ["--min-sdk-version", str(project.min_sdk)]
    command += ["--target-sdk-version", str(project.target_sdk)]
    command += ["--version-code", str(project.version_code)]
    command += ["--version-name", project.version_name, str(compiled)]
    run_tool(command, "the app's resources do not link")
    with zipfile.ZipFile(base) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def class_jars(aars: list[Path], work: Path) -> list[Path]:
    """The Java part of each AAR, in ``work/jars``."""
    found = []
    for aar in aars:
        jar = work / "jars" / f"{aar.stem}.jar"
        if not jar.exists():
            jar.parent.mkdir(exist_ok=True)
            with zipfile.ZipFile(aar) as archive:
                jar.write_bytes(archive.read("classes.jar"))
        found.append(jar)
    return found


def compile_java(project: Project, platform: Path, jars: list[Path], work: Path) -> list[Path]:
    """Compile the sources; Java 8, which D8 turns into what old phones know."""
    goal = work / "classes"
    goal.mkdir()
    sources = [str(p) for p in [*project.sources(), *sorted((work / "gen").rglob("*.java"))]]
    listing = work / "sources.txt"
    listing.write_text("\n".join(f'"{path}"' for path in sources))
    classpath = ":".join(str(path) for path in (platform, *jars))
    command = [
        "javac",
        *(f"-J{option}" for option in SHORT_RUN),
        "--release",
        "8",
        "-encoding",
        "UTF-8",
        "-g:source,lines",
        "-proc:none",
    ]
    command += ["-Xlint:-options", "-classpath", classpath, "-d", str(goal), f"@{listing}"]
    run_tool(command, "the app does not compile")
    return sorted(goal.rglob("*.class"))


def to_dex(project: Project, files: Mapping[str, Path], classes: list[Path], work: Path) -> bytes:
    """Class files to Dalvik's format."""
    listing = work / "classes.txt"
    listing.write_text("\n".join(str(path) for path in classes))
    command = [
        "java",
        *SHORT_RUN,
        "-Xmx1g",
        "-cp",
        str(files[artifacts.D8.file]),
        "com.android.tools.r8.D8",
    ]
    command += ["--release", "--min-api", str(project.min_sdk), "--output", str(work)]
    command += ["--lib", str(files[artifacts.PLATFORM.file]), "--lib", str(java_home())]
    run_tool([*command, f"@{listing}"], "D8 refuses the app's classes")
    return (work / "classes.dex").read_bytes()


def native_code(aars: list[Path], abis: tuple[str, ...]) -> dict[str, bytes]:
    """The AARs' libraries for some processors.

    Raises:
        UserError: the runtime does not come for one of them.
    """
    found = {}
    for aar in aars:
        with zipfile.ZipFile(aar) as archive:
            for name in archive.namelist():
                part = name.split("/")
                if part[0] == "jni" and len(part) == 3 and part[1] in abis:
                    found[f"lib/{part[1]}/{part[2]}"] = archive.read(name)
    for abi in abis:
        if not any(name.startswith(f"lib/{abi}/") for name in found):
            raise UserError(f"TensorFlow Lite has no code for {abi}", "use --abi arm64-v8a")
    return found


def assets(project: Project) -> dict[str, bytes]:
    """The shipped models and the sample sweep, as they are in this package."""
    package = Path(edgedepth.__file__).parent
    files = {f"assets/models/{name}": package / "pretrained" / name for name in MODELS}
    sample = package / "samples" / SAMPLE
    files |= {f"assets/sweeps/{SAMPLE}/{p.name}": p for p in sorted(sample.iterdir())}
    files["assets/licences/edgedepth.txt"] = project.root / "LICENSE"
    try:
        return {name: path.read_bytes() for name, path in files.items()}
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read", "install edgedepth again") from None


def _check(signed: Path) -> signing.Signature:
    """What must hold of every app that leaves here."""
    if shutil.which("zipalign"):
        run_tool(["zipalign", "-c", "-p", "4", str(signed)], "zipalign finds entries out of place")
    wrong = misaligned(signed)
    if wrong:
        raise UserError(f"{wrong[0]} lost its alignment in signing", "use another apksigner")
    signature = signing.verify(signed)
    if not {"v2", "v3"} <= set(signature.schemes):
        raise UserError(f"signed with {signature.schemes} only", "use another apksigner")
    return signature


def _parts(apk: Path) -> dict[str, int]:
    """Bytes in the file by part: native code per processor, models, sample, code, resources."""
    found: dict[str, int] = {}
    with zipfile.ZipFile(apk) as archive:
        for info in archive.infolist():
            part = info.filename.split("/")
            key = "resources"
            if part[0] == "lib":
                key = f"native code, {part[1]}"
            elif part[0] == "assets":
                key = {"models": "models", "sweeps": "sample sweep"}.get(part[1], "licences")
            elif info.filename.endswith(".dex"):
                key = "code"
            found[key] = found.get(key, 0) + info.compress_size
    return found
