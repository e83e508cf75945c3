"""The room in a real browser: Debian's Chromium, driven by Playwright. Its pictures are those of the documentation."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from posology.cli.demo import replay_example
from posology.web.app import create_app
from posology.web.settings import RoomSettings
from tests.web.conftest import AT, PASSWORD, OpenRoom

CHROMIUM = shutil.which("chromium") or ""
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed (.ci/run installs it)")
PICTURES = os.environ.get("POSOLOGY_PICTURES")
"""The folder that the documentation's pictures are written to, if it is given."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


class Served:
    """An application that answers at a port of this machine."""

    def __init__(self, app: object) -> None:
        self.server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))  # type: ignore[arg-type]
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=10)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("room")
    replay_example(folder / "imgn853.posology")
    served = Served(create_app(RoomSettings(folder, (str(folder / "imgn853.posology"),), "Dr Meyer", "key")))
    yield served
    served.stop()


@pytest.fixture
def served(room: OpenRoom) -> Iterator[Served]:
    served = Served(room.app)
    yield served
    served.stop()


def open_page(
    browser: Browser, *, script: bool = True, dark: bool = False, width: int = 1280
) -> tuple[Page, list[str]]:
    context = browser.new_context(
        java_script_enabled=script, color_scheme="dark" if dark else "light", viewport={"width": width, "height": 900}
    )
    page, complaints = context.new_page(), []  # type: ignore[var-annotated]
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


def log_in(page: Page, served: Served, account: str) -> None:
    page.goto(f"{served.address}/log-in?next={AT}/room")
    page.get_by_label("Account").fill(account)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


PAGES = (
    "",
    "/room",
    "/decisions",
    "/decisions/5",
    "/decisions/new",
    "/patients",
    "/patients/0401-013",
    "/trail",
    "/people",
    "/results",
    "/results/adverse_events_by_class?occurred_by=2013-05-10&cell=0-3",
    "/protocol",
    "/events/135",
    "/enter/adverse_event?patient=0401-013",
    "/room?occurred_by=1 feb 2013",
)
LUMINANCE = """() => {
  const channel = c => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const read = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const behind = node => { for (let n = node; n; n = n.parentElement) { const c = read(getComputedStyle(n).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) { const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || node.closest('svg, .unseen, .skip, option, script') || !node.offsetParent) continue;
    const [a, b] = [light(read(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(walker.currentNode.data.trim().slice(0, 40)); }
  return [...new Set(poor)]; }"""
"""The text on a page whose contrast with what is behind it is below 4.5 (WCAG 2.2, 1.4.3)."""
NAMELESS = """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a[href], img, svg[role=img]')]
  .filter(n => n.offsetParent !== null || n.tagName === 'svg')
  .filter(n => !(n.labels?.length || n.textContent.trim() || n.getAttribute('aria-label') || n.alt || n.title)).map(n => n.outerHTML.slice(0, 90))"""
"""What can be used or is a picture and has no name for those who do not see it."""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_can_be_read(example: Served, browser: Browser, dark: bool) -> None:
    """No complaint of the browser (a policy that blocks something is one), contrast, names, headings, no sideways scroll."""
    page, complaints = open_page(browser, dark=dark)
    page.goto(f"{example.address}/alone/key")
    for path in (*(AT + path for path in PAGES), "/", "/explorer"):
        page.goto(example.address + path)
        assert page.evaluate(LUMINANCE) == [], path
        assert page.evaluate(NAMELESS) == [], path
        assert page.locator("h1").count() == 1 and page.locator("html[lang=en]").count() == 1
        ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(n => n.id)")
        assert len(ids) == len(set(ids)), f"{path}: an id stands twice"
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px too wide"
    assert complaints == []


def test_pictures_of_the_documentation(example: Served, browser: Browser, tmp_path: Path) -> None:
    page, _ = open_page(browser)
    page.goto(f"{example.address}/alone/key")
    folder = Path(PICTURES) if PICTURES else tmp_path
    pages = {
        "trial_room": f"{AT}/room?occurred_by=1 feb 2013",
        "results": f"{AT}/results/adverse_events_by_class?occurred_by=2013-05-10&cell=0-3",
        "explorer": "/explorer",
    }
    for name, path in pages.items():
        page.goto(example.address + path)
        page.screenshot(path=folder / f"{name}.png")
        assert (folder / f"{name}.png").stat().st_size > 20_000


def test_small_screens(example: Served, browser: Browser) -> None:
    page, _ = open_page(browser, width=820)
    page.goto(f"{example.address}/alone/key")
    for path in PAGES[:4]:
        page.goto(example.address + AT + path)
        assert page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_the_explorer_follows_the_numbers(example: Served, browser: Browser) -> None:
    """A number is changed, the results follow without a button; they are those of the command line's engine."""
    from posology.designs import Boin
    from posology.operating.evaluation import evaluate

    page, complaints = open_page(browser)
    page.goto(f"{example.address}/explorer?design=boin")
    page.get_by_label("Target DLT rate").fill("0.25")
    page.get_by_label("Patients in all").fill("24")
    data = evaluate(Boin(5, 0.25, max_patients=24), [[0.05, 0.15, 0.3, 0.45, 0.6]], 0.25)[0]
    shown = page.locator("#results table").first.locator("tbody tr").first.locator("td.n")
    expect(shown.first).to_have_text(f"{100 * data['selection'][0]:.1f}", timeout=10_000)
    assert shown.all_inner_texts()[:5] == [f"{100 * p:.1f}" for p in data["selection"]]
    page.get_by_label("True DLT rates, a line each scenario").fill("0.1, 0.2")
    expect(page.locator("#results .errors")).to_contain_text("there are 2 rates for 5 dose levels", timeout=10_000)
    assert [c for c in complaints if "400" not in c] == []


def test_keyboard_alone(served: Served, browser: Browser) -> None:
    """Log in, go to the patients, open one, open a form, send it empty: the errors take the focus."""
    page, _ = open_page(browser)
    page.goto(f"{served.address}/log-in?next={AT}")
    page.keyboard.press("Tab")
    page.get_by_label("Account").focus()
    page.keyboard.type("dan")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Work list")
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page.locator("h1")).to_have_text("Patients")
    page.get_by_role("link", name="001", exact=True).focus()
    page.keyboard.press("Enter")
    page.locator("summary", has_text="Enter").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="ae", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Adverse event of 001")
    page.get_by_label("Term (needed)").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".errors")).to_be_focused()
    page.get_by_role("link", name="Grade", exact=True).click()
    expect(page.locator("#f-grade")).to_be_in_viewport()


def test_without_script(served: Served, room: OpenRoom, browser: Browser) -> None:
    """An event is entered, found again and voided with no script at all."""
    page, _ = open_page(browser, script=False)
    log_in(page, served, "dan")
    page.goto(f"{served.address}{AT}/enter/adverse_event?patient=001")
    page.get_by_label("Day it occurred").fill("2 jan 13")
    for label, value in (("Number of the adverse event", "1"), ("Term", "Keratitis"), ("Grade", "2")):
        page.get_by_label(f"{label} (needed)").fill(value)
    page.get_by_label("Related (needed)").select_option("yes")
    page.get_by_role("button", name="Record").click()
    expect(page.locator(".banner.ok")).to_contain_text("Recorded as event")
    assert room.trial.events()[-1].kind == "adverse_event"
    page.get_by_role("link", name=str(room.trial.events()[-1].seq), exact=True).click()
    page.locator("summary", has_text="Void it").click()
    page.locator("#v-reason").fill("of another patient")
    page.get_by_role("button", name="Void the event").click()
    expect(page.locator("table").first).to_contain_text("voided")


def test_new_events_are_announced(served: Served, room: OpenRoom, browser: Browser) -> None:
    page, _ = open_page(browser)
    page.clock.install()
    log_in(page, served, "max")
    page.wait_for_function("document.body.dataset.head !== undefined")
    page.clock.run_for(1000)
    time.sleep(0.5)
    from posology.record import facts as f

    room.trial.record(f.MarkerMeasured(value=40, upper_limit=35), patient="001", by="dan")
    page.clock.run_for(16_000)
    expect(page.locator("#news")).to_contain_text("1 new event: load the page again", timeout=10_000)


def test_two_people_at_once(served: Served, room: OpenRoom, browser: Browser) -> None:
    """Two write about two patients at the same moment: both are recorded, in one chain."""
    pages = []
    for account, patient in (("sam", "001"), ("sue", "002")):
        page, _ = open_page(browser)
        log_in(page, served, account)
        page.goto(f"{served.address}{AT}/enter/marker_measured?patient={patient}")
        page.get_by_label("Value (needed)").fill("40")
        page.get_by_label("Upper limit (needed)").fill("35")
        pages.append(page)
    for page in pages:
        page.get_by_role("button", name="Record").click()
        expect(page.locator("h1")).to_contain_text("00")
    assert [e.author for e in room.trial.events()[-2:]] == ["sam", "sue"]
    room.trial.store.check()
