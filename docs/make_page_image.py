"""Write docs/images/page.png: the page of `edgedepth serve` on a phone's screen.

python docs/make_page_image.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from edgedepth.serve.resources import Resources  # noqa: E402
from edgedepth.serve.scene import models_for_the_page  # noqa: E402
from edgedepth.serve.site import add_runtime  # noqa: E402
from tests.browser import WITHOUT_GPU, open_browser  # noqa: E402
from tests.serve.conftest import make_page, serving  # noqa: E402

SAMPLE = ROOT / "edgedepth" / "samples" / "desk"
SCREEN = (360, 590)


def main() -> None:
    resources = Resources()
    add_runtime(resources)
    page, _, _ = make_page(resources, SAMPLE, models_for_the_page(()))
    with serving(page) as address, open_browser(*WITHOUT_GPU) as browser:
        browser.phone(*SCREEN, 1.5)
        browser.open(address)
        browser.wait_for("document.body && document.body.dataset.state === 'done'", 300)
        browser.tap(115, 170)
        with tempfile.TemporaryDirectory() as folder:
            shot = Path(folder) / "page.png"
            browser.screenshot(shot)
            picture = cv2.imread(str(shot))
    cv2.imwrite(
        str(ROOT / "docs" / "images" / "page.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9]
    )


if __name__ == "__main__":
    main()
