"""Checks the documentation against the built binary. tests/docs/run starts it; tests/docs/README.md describes the markers."""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

import markdown
from session import ROOT, Failed, Session, can_connect, clean_environment, free_port

SERVICE = "bedrock.runtime.v1.BedrockRuntimeService"
RUN = {"sh", "console", "python", "json"}
# Pages without commands of their own, whose links are checked.
ALSO_LINKED = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "client/README.md", "deploy/README.md",
               "tests/docs/README.md"]


def pages():
    """README.md and every page of docs/."""
    return ["README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]


class Report:
    """Prints a line for each check, and counts."""

    def __init__(self):
        self.passed, self.left_out, self.failed = 0, 0, 0

    def ok(self, what):
        self.passed += 1
        print(f"ok        {what}", flush=True)

    def leave_out(self, what, reason):
        self.left_out += 1
        print(f"LEFT OUT  {what}: {reason}", flush=True)

    def fail(self, what, reason):
        self.failed += 1
        print(f"FAILED    {what}: {reason}", flush=True)

    def check(self, what, reason):
        """Passes if there is no reason against it."""
        self.fail(what, reason) if reason else self.ok(what)


def check_commands(report, page, simulator_url):
    text = (ROOT / page).read_text()
    if (reason := markdown.skip_reason(text)) is not None:
        report.leave_out(page, reason)
        return
    session = Session(simulator_url)
    try:
        for block in markdown.blocks(page, text):
            if block.language not in RUN:
                continue
            what = f"{block.place} {block.language}"
            if (reason := block.marker("skip")) is not None:
                report.leave_out(what, reason)
            elif (step := block.marker("in-step")) is not None:
                report.check(f"{what} (in step {step})", missing_in_step(block, step))
            else:
                try:
                    session.run(block)
                    report.ok(what)
                except (Failed, ValueError) as error:
                    report.fail(what, error)
    finally:
        session.close()


#: The functions that are steps of .ci/run.
CI_STEPS = "".join((ROOT / name).read_text() for name in (".ci/run", "tests/deploy/steps.sh"))


def missing_in_step(block, step):
    """Why .ci/run does not run the commands of a block, or None."""
    function = re.search(rf"^{step}\(\) \{{\n(.*?)^\}}", CI_STEPS, re.MULTILINE | re.DOTALL)
    if not function:
        return f".ci/run has no step {step}"
    for command in markdown.commands(block.text):
        command = re.sub(r"\s+#.*", "", command)
        if command not in function[1]:
            return f"step {step} of .ci/run does not run: {command}"
    return None


def check_links(report, page):
    text = (ROOT / page).read_text()
    broken = []
    for link in markdown.links(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        if not target.exists():
            broken.append(link)
        elif anchor and target.suffix == ".md" and anchor not in markdown.anchors(target.read_text()):
            broken.append(link)
    report.check(f"{page} links", ", ".join(broken))


def check_options(report):
    """docs/operating.md lists the options that `serve --help` prints, and no others."""
    printed = subprocess.run([os.environ["BEDROCK_GRPC"], "serve", "--help"], capture_output=True, text=True, timeout=30).stdout
    there = set(re.findall(r"^ +(?:-\w, )?(--[a-z0-9-]+)", printed, re.MULTILINE)) - {"--help"}
    text = (ROOT / "docs/operating.md").read_text()
    documented = set(re.findall(r"^\| `(--[a-z0-9-]+)", text, re.MULTILINE))
    differences = [f"{option} is not in docs/operating.md" for option in sorted(there - documented)]
    differences += [f"{option} is not an option" for option in sorted(documented - there)]
    report.check("docs/operating.md options", ", ".join(differences))


# Files that repeat the version of Cargo.toml, with the pattern of the place.
VERSIONS = {
    "client/python/pyproject.toml": r'^version = "(.*)"',
    "client/typescript/package.json": r'^  "version": "(.*)"',
    "client/java/pom.xml": r"^  <version>(.*)</version>",
    "deploy/helm/bedrock-grpc/Chart.yaml": r"^appVersion: (.*)",
    "deploy/Dockerfile": r"^ARG VERSION=(.*)",
}


def check_versions(report):
    """All packages have the version of the workspace."""
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    differences = []
    for path, pattern in VERSIONS.items():
        found = re.search(pattern, (ROOT / path).read_text(), re.MULTILINE)
        if not found or found[1].strip('"') != version:
            differences.append(f"{path} has {found and found[1]}")
    report.check(f"packages have version {version}", ", ".join(differences))


def check_reason_sections(report):
    """docs/errors.md has one section for each value of the enum ErrorReason, and no others."""
    enum = (ROOT / "proto/bedrock/errors/v1/error_reason.proto").read_text()
    values = set(re.findall(r"^ +([A-Z][A-Z0-9_]*) = [1-9]\d*;", enum, re.MULTILINE))
    sections = set(re.findall(r"^### ([A-Z0-9_]+)$", (ROOT / "docs/errors.md").read_text(), re.MULTILINE))
    differences = [f"{reason} has no section" for reason in sorted(values - sections)]
    differences += [f"{reason} is not a reason" for reason in sorted(sections - values)]
    report.check("docs/errors.md sections", ", ".join(differences))


def reasons():
    """The sections of docs/errors.md that name a model id to try: (reason, status, attempts, pushback, model, RPC)."""
    text = (ROOT / "docs/errors.md").read_text()
    for reason, facts in re.findall(r"^### (\S+)\n\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL):
        facts = " ".join(facts.split())
        model = re.search(r"Try `([^`]+)`( with ConverseStream)?", facts)
        if model:
            status = facts.split(",")[0]
            attempts = re.search(r"(\d) attempts?", facts)[1]
            pushback = re.search(r"pushback: (\S+?)[.,]", facts)
            yield reason, status, attempts, pushback and pushback[1], model[1], "ConverseStream" if model[2] else "Converse"


def difference_from_gateway(target, entry):
    """How the gateway's error differs from its section, or None."""
    reason, status, attempts, pushback, model, rpc = entry
    request = {"modelId": model, "messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    done = subprocess.run(["grpcurl", "-plaintext", "-v", "-d", json.dumps(request), target, f"{SERVICE}/{rpc}"],
                          capture_output=True, text=True, timeout=120)
    output = done.stdout + done.stderr
    code = re.search(r"Code: (\w+)", output)
    trailer = re.search(r"^grpc-retry-pushback-ms: (-?\d+)", output, re.MULTILINE)
    found = {
        "reason": (re.search(r'"reason": "(\w+)"', output) or [""] * 2)[1],
        "status": re.sub(r"(?<=[a-z])(?=[A-Z])", "_", code[1]).upper() if code else "OK",
        "attempts": (re.search(r'"attempts": "(\d+)"', output) or [""] * 2)[1],
        "pushback": None if not trailer else "-1" if trailer[1] == "-1" else "delay",
    }
    wanted = {"reason": reason, "status": status, "attempts": attempts, "pushback": pushback}
    if "after" in model:
        del wanted["attempts"], found["attempts"]  # after the first event there is only one
    return None if found == wanted else f"the page says {wanted}, the gateway returns {found}"


def check_reasons(report, simulator_url):
    session = Session(simulator_url)
    try:
        session.start_servers(markdown.Block("", 0, "sh", ["background", "on-simulator"], "bedrock-grpc serve\n"))
        target = session.environment["BEDROCK_GRPC_LISTEN"]
        entries = list(reasons())
        # Most of the time is backoff.
        with concurrent.futures.ThreadPoolExecutor(len(entries)) as pool:
            for entry, difference in zip(entries, pool.map(lambda e: difference_from_gateway(target, e), entries)):
                report.check(f"docs/errors.md {entry[0]}", difference)
    finally:
        session.close()


def main():
    chosen = [str(pathlib.Path(p).resolve().relative_to(ROOT)) for p in sys.argv[1:]] or pages()
    port = free_port()
    simulator = subprocess.Popen([os.environ["BEDROCK_GRPC"], "simulate", "--listen", f"127.0.0.1:{port}"],
                                 env=clean_environment(), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not can_connect(("127.0.0.1", port)):
            if simulator.poll() is not None:
                sys.exit("the simulator did not start")
        url = f"http://127.0.0.1:{port}"
        report = Report()
        for page in chosen:
            check_commands(report, page, url)
        for page in chosen if sys.argv[1:] else [*chosen, *ALSO_LINKED]:
            check_links(report, page)
        if not sys.argv[1:]:
            check_versions(report)
        if "docs/operating.md" in chosen:
            check_options(report)
        if "docs/errors.md" in chosen:
            check_reason_sections(report)
            check_reasons(report, url)
    finally:
        simulator.terminate()
        simulator.wait(10)
    print(f"{report.passed} passed, {report.left_out} left out, {report.failed} failed", flush=True)
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
