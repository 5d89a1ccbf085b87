"""The page in a real browser, at phone and desktop width. Needs Chromium; skips where there is none."""

import json
import re
import shutil
import subprocess

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None
)
# In the page: note each error from the start; once loaded, look at every picture, open one, and tell the frame outside.
LISTEN = "<script>window.errors = []; window.onerror = (m) => window.errors.push(String(m));</script>"
TELL = """<script>
addEventListener("load", () => {
  const pictures = [...document.images].filter((p) => p.getAttribute("src"));
  document.querySelector(".image a").click();
  const dialog = document.querySelector("dialog");
  parent.postMessage(JSON.stringify({
    errors: window.errors,
    pictures: pictures.length,
    missing: pictures.filter((p) => !p.complete || !p.naturalWidth).map((p) => p.alt),
    width: innerWidth,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    opened: dialog.open && dialog.querySelector("img").src.startsWith("data:image/jpeg"),
    plots: [...document.querySelectorAll("svg")].filter((s) => s.getBoundingClientRect().height < 100).length,
  }), "*");
});
</script>"""
OUTSIDE = """<!doctype html><link rel="icon" href="data:,"><pre id="told"></pre><script>
addEventListener("message", (event) => { document.getElementById("told").textContent = event.data; });
</script><iframe src="page.html" style="border:0;width:%dpx;height:800px"></iframe>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the page is only checked by the HTML parser")
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_opens_without_errors_missing_pictures_or_sideways_scrolling(width, written, tmp_path):
    text = written[0].page.read_text(encoding="utf-8")
    assert text.count("<head>") == text.count("</body>") == 1
    (tmp_path / "page.html").write_text(text.replace("<head>", f"<head>{LISTEN}").replace("</body>", f"{TELL}</body>"))
    (tmp_path / "outside.html").write_text(OUTSIDE % width)
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=20000", f"--window-size={width + 40},900"]
    done = subprocess.run(
        [*command, "--dump-dom", (tmp_path / "outside.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told is not None, "the page never finished loading"
    assert told[1], "the page never finished loading"
    facts = json.loads(told[1])
    label_errors = len(list((written[0].page.parent / "label_errors").iterdir()))
    assert facts == {
        "errors": [],
        "pictures": 6 + label_errors,
        "missing": [],
        "width": width,
        "overflow": 0,
        "opened": True,
        "plots": 0,
    }
