"""Words, layouts and settings of the app, read as text: translations, screen readers, one truth."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from edgedepth.capture import picture
from edgedepth.demo.artifacts import PLATFORM, TFLITE_VERSION
from edgedepth.demo.build import ANDROID, MODELS
from edgedepth.demo.project import Project

PLACEHOLDER = re.compile(r"%\d\$[sd]|%%")
NEEDS_A_NAME = ("ImageView", "ImageButton", "ProgressBar", "Spinner", "ListView", "View")


def strings(project: Project, folder: str) -> dict[str, str]:
    """Name -> text; a plural's quantities are joined."""
    root = ElementTree.parse(project.resources / folder / "strings.xml").getroot()
    found = {e.attrib["name"]: e.text or "" for e in root.iter("string")}
    for plural in root.iter("plurals"):
        for item in plural:
            found[f"{plural.attrib['name']}/{item.attrib['quantity']}"] = item.text or ""
    return found


def layouts(project: Project) -> list[Path]:
    return sorted((project.resources / "layout").glob("*.xml"))


def attribute(element: ElementTree.Element, name: str) -> str | None:
    return element.get(f"{{{ANDROID}}}{name}")


class TestWords:
    def test_german_has_every_text(self, project: Project) -> None:
        english, german = strings(project, "values"), strings(project, "values-de")
        assert german.keys() == english.keys()
        same = {name for name in english if english[name] == german[name]}
        assert same <= {"app_name", "delegate_cpu", "delegate_gpu"}

    def test_translations_hold_the_same_values(self, project: Project) -> None:
        english, german = strings(project, "values"), strings(project, "values-de")
        for name, text in english.items():
            assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(german[name]))

    def test_every_text_is_used(self, project: Project) -> None:
        used = "".join(p.read_text() for p in project.sources() + layouts(project))
        used += project.manifest.read_text()
        for name in strings(project, "values"):
            word = name.partition("/")[0]
            assert re.search(rf"(R\.(string|plurals)\.|@string/){word}\b", used), word

    def test_no_text_stands_in_a_layout(self, project: Project) -> None:
        for path in layouts(project):
            for element in ElementTree.parse(path).iter():
                for name in ("text", "contentDescription", "hint", "tooltipText"):
                    value = attribute(element, name)
                    assert value is None or value.startswith("@string/"), (path.name, value)


class TestScreenReaders:
    def test_pictures_and_controls_have_names(self, project: Project) -> None:
        seen = 0
        for path in layouts(project):
            for element in ElementTree.parse(path).iter():
                if not element.tag.endswith(NEEDS_A_NAME) or element.tag in (
                    "TextView",
                    "ScrollView",
                ):
                    continue
                seen += 1
                silent = attribute(element, "importantForAccessibility") == "no"
                named = attribute(element, "contentDescription") is not None
                assert silent or named, f"{path.name}: {element.tag} {attribute(element, 'id')}"
        assert seen >= 10

    def test_what_changes_is_read_out(self, project: Project) -> None:
        for name, view in (("capture", "status"), ("depth", "reading"), ("bench", "bench_status")):
            root = ElementTree.parse(project.resources / "layout" / f"{name}.xml").getroot()
            (text,) = [e for e in root.iter() if attribute(e, "id") == f"@+id/{view}"]
            assert attribute(text, "accessibilityLiveRegion") == "polite"

    def test_texts_grow_with_the_users_font(self, project: Project) -> None:
        for path in layouts(project):
            for element in ElementTree.parse(path).iter():
                size = attribute(element, "textSize")
                assert size is None or size.endswith("sp")


class TestOneTruth:
    def test_the_colours_are_pythons(self, project: Project) -> None:
        path = project.folder / "app/src/main/java/org/edgedepth/demo/Palette.java"
        text = path.read_text()
        table = text[text.index("String TURBO") : text.index("private Palette()")]
        written = "".join(re.findall(r'"([0-9a-f]+)"', table))
        assert bytes.fromhex(written) == picture.palette().tobytes()

    def test_the_scale_is_pythons(self, project: Project) -> None:
        path = project.folder / "app/src/main/java/org/edgedepth/demo/Palette.java"
        listed = re.search(r"TICKS_M = \{([^}]+)\}", path.read_text())
        assert listed is not None
        numbers = [float(part) for part in listed[1].split(",") if part.strip()]
        assert numbers == list(picture.TICKS_M)

    def test_the_app_names_the_models_that_the_build_brings(self, project: Project) -> None:
        path = project.folder / "app/src/main/java/org/edgedepth/demo/Models.java"
        assert set(re.findall(r'"(edgedepth-[\w-]+\.tflite)"', path.read_text())) == set(MODELS)

    def test_gradle_names_what_the_build_fetches(self, project: Project) -> None:
        gradle = (project.folder / "app" / "build.gradle").read_text()
        assert f"tensorflow-lite:{TFLITE_VERSION}" in gradle
        assert PLATFORM.maven is not None
        assert f"compileSdk {project.target_sdk}" in gradle
        assert PLATFORM.maven[2].startswith("14-"), "API level 34 is Android 14"

    @pytest.mark.parametrize("module", ["core", "engine"])
    def test_core_and_engine_know_nothing_of_android(self, project: Project, module: str) -> None:
        for path in (project.folder / module / "src/main/java").rglob("*.java"):
            assert not re.search(r"^import (static )?android", path.read_text(), re.MULTILINE)

    def test_java_files_stay_readable_in_one_sitting(self, project: Project) -> None:
        for path in project.sources():
            assert len(path.read_text().splitlines()) <= 500, path.name
