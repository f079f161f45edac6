#!/usr/bin/env python3
"""Opens a report of perplexity in headless Chromium, in light and dark.

usage: report_in_chromium.py PAGE.html OUT_FOLDER

Fails when the page writes to the console, asks for anything but itself, or has labels in its
pictures that overlap each other, leave their picture, or cannot be told from the paper (contrast
below 4.5). Leaves light.png and dark.png in OUT_FOLDER, and their pictures alone in *-pictures.png.
Exits with 77 where there is no Chromium.
"""

import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

WIDTH, SECONDS = 1280, 60

# Boxes of all texts in a picture; the colours of texts and paper, as the browser sees them.
LOOK = """
(() => {
  const problems = [];
  const light = (c) => {
    const [r, g, b] = c.match(/[\\d.]+/g).map(Number).map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const paper = getComputedStyle(document.body).backgroundColor;
  let n = 0;
  document.querySelectorAll('svg').forEach((svg, picture) => {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].filter((t) => t.textContent.trim() !== '');
    const boxes = texts.map((t) => t.getBoundingClientRect());
    n += texts.length;
    texts.forEach((t, i) => {
      const a = boxes[i], name = `picture ${picture + 1}: '${t.textContent}'`;
      if (a.left < frame.left - 1 || a.right > frame.right + 1 ||
          a.top < frame.top - 1 || a.bottom > frame.bottom + 1) {
        problems.push(`${name} leaves the picture`);
      }
      if (contrast(getComputedStyle(t).fill, paper) < 4.5) problems.push(`${name} is too pale`);
      for (let j = 0; j < i; j++) {
        const b = boxes[j];
        if (a.left < b.right - 1 && b.left < a.right - 1 &&
            a.top < b.bottom - 2 && b.top < a.bottom - 2) {
          problems.push(`${name} overlaps '${texts[j].textContent}'`);
        }
      }
    });
    svg.querySelectorAll('[id*="-plot_"] path, [id*="-plot_"] use').forEach((line) => {
      const style = getComputedStyle(line);
      const colour = line.tagName === 'use' ? style.color : style.stroke;
      if (!colour.startsWith('rgb')) return;
      if (line.getAttribute('color') === 'var(--paper)') return;
      if (contrast(colour, paper) < 3) problems.push(`picture ${picture + 1}: a pale line ${colour}`);
    });
  });
  document.querySelectorAll('td, dd, h1, h2, p, figcaption').forEach((e) => {
    if (contrast(getComputedStyle(e).color, paper) < 4.5) {
      problems.push(`<${e.localName}> is too pale`);
    }
  });
  if (document.documentElement.scrollWidth > innerWidth) problems.push('the page is too wide');
  const box = document.querySelector('.figures').getBoundingClientRect();
  return {problems, n, paper, height: document.documentElement.scrollHeight,
          clip: {x: box.x, y: box.y, width: box.width, height: box.height, scale: 1}};
})()
"""


class Browser:
    """The DevTools protocol over two pipes: messages end with a zero byte."""

    def __init__(self, program, profile):
        to_read, self.write_fd = os.pipe()
        self.read_fd, to_write = os.pipe()

        def place():  # the browser reads from 3 and writes to 4
            high_read, high_write = os.dup(to_read), os.dup(to_write)
            os.dup2(high_read, 3)
            os.dup2(high_write, 4)

        arguments = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                     "--disable-dev-shm-usage", "--disable-background-networking",
                     "--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={profile}",
                     f"--window-size={WIDTH},900", "about:blank"]
        self.process = subprocess.Popen(arguments, preexec_fn=place, close_fds=False,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.buffer, self.number, self.events = b"", 0, []
        self.end = time.monotonic() + SECONDS

    def receive(self):
        while b"\0" not in self.buffer:
            left = self.end - time.monotonic()
            if left <= 0 or not select.select([self.read_fd], [], [], left)[0]:
                sys.exit("Chromium does not answer")
            data = os.read(self.read_fd, 1 << 20)
            if not data:
                sys.exit("Chromium has ended")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']['message']}")
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def wait_for(self, method):
        while not any(e["method"] == method for e in self.events):
            message = self.receive()
            if "method" in message:
                self.events.append(message)

    def close(self):
        self.process.kill()
        self.process.wait()


def what_was_said(events, page):
    """Requests but for the page itself, and everything in the console."""
    problems = []
    for event in events:
        parameters = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            if parameters["request"]["url"] != page:
                problems.append(f"asks for {parameters['request']['url']}")
        elif event["method"] == "Log.entryAdded":
            problems.append(f"console: {parameters['entry']['text']}")
        elif event["method"] == "Runtime.consoleAPICalled":
            problems.append(f"console: {parameters['args']}")
        elif event["method"] == "Runtime.exceptionThrown":
            problems.append(f"exception: {parameters['exceptionDetails']['text']}")
    return problems


def look(browser, page, scheme, out):
    browser.events.clear()
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Network", "Log", "Runtime"):
        browser.call(f"{domain}.enable", session)
    browser.call("Emulation.setEmulatedMedia", session,
                 features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.events.clear()
    browser.call("Page.navigate", session, url=page)
    browser.wait_for("Page.loadEventFired")
    time.sleep(0.3)
    found = browser.call("Runtime.evaluate", session, expression=LOOK,
                         returnByValue=True)["result"]["value"]
    problems = what_was_said(browser.events, page) + found["problems"]
    browser.call("Emulation.setDeviceMetricsOverride", session, width=WIDTH,
                 height=found["height"], deviceScaleFactor=1, mobile=False)
    for name, options in (("", {}), ("-pictures", {"clip": found["clip"]})):
        shot = browser.call("Page.captureScreenshot", session, format="png", **options)
        (out / f"{scheme}{name}.png").write_bytes(base64.b64decode(shot["data"]))
    print(f"{scheme}: paper {found['paper']}, {found['n']} labels, {len(problems)} problems")
    return [f"{scheme}: {p}" for p in problems], found


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        print("skipped: Chromium is not installed")
        sys.exit(77)
    page = pathlib.Path(sys.argv[1]).resolve().as_uri()
    out = pathlib.Path(sys.argv[2])
    problems, papers = [], []
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(program, profile)
        try:
            for scheme in ("light", "dark"):
                more, found = look(browser, page, scheme, out)
                problems += more
                papers.append(found["paper"])
        finally:
            browser.close()
    if papers[0] == papers[1]:
        problems.append("light and dark have the same paper")
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
