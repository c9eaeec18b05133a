#!/usr/bin/env python3
"""docs/configuration.md from options.def and limits.def: --write makes it, --check says whether it is current."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAPER = ROOT / "docs/configuration.md"
WORDS = {
    "TEXT": "text",
    "FLAG": "`true` or `false`",
    "COUNT": "number",
    "BYTES": "size: `64MiB`, `1000`",
    "DURATION": "time: `3s`, `250ms`, `3000` (ms)",
}
UNITS = {"NS": "time", "BYTES": "size", "COUNT": "number"}
FACTORS = {"NSEC_PER_SEC": "s", "NSEC_PER_MSEC": "ms", "MIB": "MiB", "GIB": "GiB"}

HEAD = """# Configuration

<!-- Made by `./dev fmt` from src/config/options.def and src/config/limits.def; change those. -->

Every option can be set in three places; a later one wins:

1. a YAML file: `--config FILE`, else `CODERUNR_CONFIG`, else `/etc/coderunr/config.yaml` if it exists: `bind_address: 127.0.0.1:8080`
2. the environment: `CODERUNR_BIND_ADDRESS=127.0.0.1:8080` (`PISTON_BIND_ADDRESS` is read too and stands below it)
3. a flag: `coderunr serve --bind-address=127.0.0.1:8080`

A key nobody knows, or a value that cannot be read or is out of range, stops the start with a sentence that names the
key and where it came from. `coderunr config` prints what is in force and where each value came from.
"""


def rows(name, macro):
    text = (ROOT / "src/config" / name).read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for body in re.findall(rf"^{macro}\((.*?)\)$", text, re.M | re.S):
        yield [cell.strip() for cell in re.findall(r'((?:"(?:\\.|[^"\\])*"|[^,"])+)(?:,|$)', body)]


def plain(cell):
    parts = re.findall(r'"((?:\\.|[^"\\])*)"', cell)
    return "".join(parts).replace('\\"', '"') if parts else cell


def amount(cell):
    match = re.fullmatch(r"(?:(\d+) \* )?(\w+)", cell)
    if match and match[2] in FACTORS:
        return f"{match[1] or 1} {FACTORS[match[2]]}"
    return cell


def escape(text):
    return text.replace("|", "\\|")


def options():
    yield "\n## Options\n"
    yield "| option | kind | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for field, kind, fallback, _, _, text in rows("options.def", "OPTION"):
        default = "where it was installed" if not fallback.startswith('"') else f"`{plain(fallback)}`"
        default = "empty" if default == "``" else default
        yield f"| `{field}` | {WORDS[kind]} | {default} | {escape(plain(text))} |"


def limits():
    yield "\n## Limits\n"
    yield "Limits hold for one stage, compiling or running. Where the two defaults differ the options are `compile_<name>` and"
    yield "`run_<name>`, else one option `<name>` is for both. A request or a manifest may ask for less, never for more;"
    yield "`limit_overrides` sets them by language.\n"
    yield "| limit | kind | compile | run | least | most | meaning |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for _, key, unit, compiling, running, least, most, text in rows("limits.def", "LIMIT"):
        cells = " | ".join(amount(cell) for cell in (compiling, running, least, most))
        yield f"| `{key}` | {UNITS[unit]} | {cells} | {escape(plain(text))} |"


def main():
    made = HEAD + "\n".join([*options(), *limits()]) + "\n"
    if "--write" in sys.argv:
        PAPER.parent.mkdir(exist_ok=True)
        PAPER.write_text(made)
    elif not PAPER.exists() or PAPER.read_text() != made:
        print("docs/configuration.md is not what the tables say; ./dev fmt makes it")
        sys.exit(1)


if __name__ == "__main__":
    main()
