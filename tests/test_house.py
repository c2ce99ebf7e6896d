"""The rules of the house: who may import whom, how long a file may be, what may be in one."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"edgedepth": "edgedepth", "edgedepth.capture": "capture", "edgedepth.convert": "convert"}
TENSORFLOW = {"tensorflow", "tf_keras", "keras", "tensorflow_model_optimization"}
STANDARD = set(sys.stdlib_module_names)
LONGEST_FILE = 500


def modules() -> dict[str, Path]:
    """Module name -> file, over the three source folders."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = path
    return found


MODULES = modules()
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def runs_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Statements that importing a module executes: no function bodies, no TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from runs_at_import(child)


def imports(name: str, at_import_only: bool = False) -> set[str]:
    """Dotted names that a module imports, ``from a import b`` giving both a and a.b."""
    nodes = runs_at_import(TREES[name]) if at_import_only else ast.walk(TREES[name])
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def reaches(start: str) -> dict[str, list[str]]:
    """Everything that importing a module brings in, each with the chain that leads there."""
    chains = {start: [start]}
    queue = [start]
    while queue:
        name = queue.pop()
        parents = {name.rsplit(".", n)[0] for n in range(1, name.count(".") + 1)}
        for imported in (imports(name, at_import_only=True) | parents) - set(chains):
            chains[imported] = [*chains[name], imported]
            if imported in MODULES:
                queue.append(imported)
    return chains


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def roots(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def test_the_walk_sees_the_source() -> None:
    assert {"edgedepth.cli", "edgedepth.capture", "edgedepth.convert"} <= set(MODULES)
    assert "edgedepth.errors.UserError" in imports("edgedepth.cli")
    assert "numpy" in reaches("edgedepth.metrics")


@pytest.mark.parametrize("name", [n for n in MODULES if within(n, "edgedepth.capture")])
def test_capture_never_reaches_tensorflow(name: str) -> None:
    for imported, chain in reaches(name).items():
        assert imported.partition(".")[0] not in TENSORFLOW, " -> ".join(chain)


@pytest.mark.parametrize("name", [n for n in MODULES if within(n, "edgedepth.commands")])
def test_no_command_loads_tensorflow_before_it_runs(name: str) -> None:
    for imported, chain in reaches(name).items():
        assert imported.partition(".")[0] not in TENSORFLOW, " -> ".join(chain)


@pytest.mark.parametrize("name", ["optics", "stack", "metrics"])
def test_the_ground_floor_needs_only_numpy_and_opencv(name: str) -> None:
    outside = roots(imports(f"edgedepth.{name}")) - STANDARD
    assert outside <= {"numpy", "cv2", "edgedepth"}
    for imported in imports(f"edgedepth.{name}"):
        if within(imported, "edgedepth"):
            assert any(within(imported, f"edgedepth.{n}") for n in ("optics", "stack")) or (
                imported == "edgedepth"
            )


@pytest.mark.parametrize(
    "name", [n for n in MODULES if within(n, "edgedepth.models") or within(n, "edgedepth.data")]
)
def test_models_and_data_know_nothing_of_capture_or_convert(name: str) -> None:
    for imported in imports(name):
        assert not within(imported, "edgedepth.capture"), imported
        assert not within(imported, "edgedepth.convert"), imported


@pytest.mark.parametrize("name", [n for n in MODULES if n != "edgedepth.__main__"])
def test_nothing_imports_the_command_line(name: str) -> None:
    assert not any(within(imported, "edgedepth.cli") for imported in imports(name))


@pytest.mark.parametrize("name", [n for n in MODULES if n != "edgedepth.cli"])
def test_only_commands_know_of_click(name: str) -> None:
    if not within(name, "edgedepth.commands"):
        assert "click" not in roots(imports(name))


def test_infer_and_capture_run_without_tensorflow() -> None:
    capture = [n for n in MODULES if within(n, "edgedepth.capture")]
    code = (
        "import importlib, sys\n"
        f"for name in {capture!r} + ['edgedepth.commands.infer']: importlib.import_module(name)\n"
        f"print(sorted({TENSORFLOW!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_help_loads_nothing_heavy() -> None:
    """Heavy imports are what would make ``edgedepth -h`` slow."""
    code = (
        "import sys\nfrom edgedepth.cli import cli\n"
        "cli.main(['-h'], standalone_mode=False)\n"
        "print(sorted({'numpy', 'cv2', 'tensorflow', 'PIL', 'ai_edge_litert'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Commands" in done.stdout
    assert done.stdout.strip().endswith("[]")


def sources() -> list[Path]:
    folders = (*FOLDERS.values(), "tests", "docs")
    return sorted({p for folder in folders for p in (ROOT / folder).rglob("*.py")})


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_readable_in_one_sitting(path: Path) -> None:
    length = len(path.read_text().splitlines())
    assert length <= LONGEST_FILE, f"{length} lines: is there a second room in it?"


def tracked_text() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    kinds = {".py", ".md", ".toml", ".txt", ".json", ".yml", ".java", ".html", ".js", ".sh", ""}
    paths = [ROOT / name for name in listed if name]
    return [p for p in paths if p.suffix in kinds and p.is_file()] or sources()


@pytest.mark.parametrize("path", tracked_text(), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_path_of_one_machine_is_in_the_repository(path: Path) -> None:
    homes = r"(?<![\w.~])/(?:home|Users|root|work|tmp)/\w+"
    found = re.findall(homes, path.read_text(errors="replace"))
    assert not found, found


def test_every_package_is_installed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert set(settings["packages"]) == packages
    for name, folder in settings["package-dir"].items():
        assert FOLDERS[name] == folder
