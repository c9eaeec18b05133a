#!/usr/bin/env python3
"""Every rule of this tree that a machine can check.

Prints `ok NAME` or `FAIL NAME` with its findings below, indented; ends with 1 when something was found.
Needs Python's standard library, the C compiler and clang-format 14; no git, no build.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.chdir(ROOT)

LINES_MAX = 600

# Rooms and what each may include besides itself.  `main` wires all; nobody includes main.
ARROWS = {
    "util": set(),
    "config": {"util"},
    "runtime": {"util", "config"},
    "job": {"util", "config", "runtime"},
    "backend": {"util", "config", "job"},
    "box": {"util"},
    "backend": {"util", "config", "job"},
    "ledger": {"util", "config", "runtime", "job", "backend"},
    "runner": {"util", "config", "runtime", "job", "box"},
    "packer": {"util", "config", "runtime", "job", "box"},
    "courier": {"util", "config", "job"},
    "api": {"util", "config", "runtime", "job"},
    "main": {"util", "config", "runtime", "job", "backend", "box", "runner", "api", "backend", "ledger", "packer", "courier"},
}

# Calls we do without: name, and what to write instead.
BANNED = {
    "strcpy": "bytes_add() or snprintf()",
    "strcat": "bytes_add() or snprintf()",
    "strncpy": "snprintf(): strncpy() does not terminate",
    "strncat": "snprintf()",
    "sprintf": "snprintf()",
    "vsprintf": "vsnprintf()",
    "gets": "fgets()",
    "strtok": "strcspn() and strspn(): strtok() keeps state and writes",
    "atoi": "value_parse_count(): atoi() cannot fail",
    "atol": "value_parse_count(): atol() cannot fail",
    "atoll": "value_parse_count(): atoll() cannot fail",
    "atof": "strtod() with its end checked",
    "system": "an argument vector and execve(): no shell",
    "popen": "an argument vector and execve(): no shell",
    "execlp": "an absolute path: no search in PATH",
    "execvp": "an absolute path: no search in PATH",
    "rand": "getrandom()",
    "srand": "getrandom()",
    "random": "getrandom()",
    "signal": "sigaction() or signalfd(); only SIG_IGN and SIG_DFL may be set by it",
    "alloca": "a fixed array or struct bytes",
    "tmpnam": "mkstemp() or memfd_create()",
    "mktemp": "mkstemp() or memfd_create()",
    "usleep": "a timer",
    "vfork": "clone3()",
    "asctime": "strftime()",
    "ctime": "strftime()",
    "gmtime": "gmtime_r()",
    "localtime": "localtime_r()",
    "readdir_r": "readdir()",
}

# Tables whose every row must be named by a test: file, how a row looks, and how a test may name it.
TABLES = [
    ("src/job/verdict.def", r"^VERDICT\((\w+), (\w+),"),
    ("src/config/limits.def", r"^LIMIT\((\w+), (\w+),"),
    ("src/api/routes.def", r"^ROUTE\(.*?\"(/[^\"]*)\""),
    ("src/box/checks.def", r"^CHECK\((\w+), (\w+),"),
]


def files(*suffixes, under="src"):
    """Files below @under by their suffix; what lies in hidden folders is no source."""
    return sorted(path for path in pathlib.Path(under).rglob("*")
                  if path.suffix in suffixes and not any(part.startswith(".") for part in path.parts))


def without_comments(text):
    """Comments and strings blanked, line numbers kept."""

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def check_format():
    tool = shutil.which("clang-format-14")
    if not tool:
        return ["clang-format-14 is missing; apt-get install -y clang-format-14"]
    done = subprocess.run([tool, "--dry-run", "-Werror", *map(str, files(".c", ".h"))], stderr=subprocess.PIPE,
                          text=True, check=False)
    bad = sorted(set(re.findall(r"^(src/\S+?):\d+", done.stderr, re.M)))
    return [f"{path}: ./dev fmt formats it" for path in bad]


def check_layers():
    found = []
    for path in files(".c", ".h"):
        room = path.parts[1]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'#include "(\w+)/([\w.]+)"', line)
            if line.startswith('#include "') and not match:
                found.append(f'{path}:{number}: name the room: #include "room/file.h"')
            elif match and match[1] != room and match[1] not in ARROWS.get(room, set()):
                found.append(f"{path}:{number}: {room} may not include {match[1]}")
            elif match and match[1] != room and match[2].endswith("_priv.h"):
                found.append(f"{path}:{number}: {match[2]} belongs to its own room")
    return found


def check_banned():
    found = []
    call = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    for path in files(".c", ".h"):
        for number, line in enumerate(without_comments(path.read_text()).splitlines(), 1):
            for match in call.finditer(line):
                if match[1] == "signal" and re.search(r"SIG_(IGN|DFL)\)", line[match.end():]):
                    continue
                found.append(f"{path}:{number}: {match[1]}(): use {BANNED[match[1]]}")
    return found


def compile_header(path):
    done = subprocess.run(
        ["cc", "-std=gnu17", "-fsyntax-only", "-Wall", "-Wextra", "-Wno-unused-parameter", "-D_GNU_SOURCE", "-Isrc",
         "-isystem", "/usr/share/include/llhttp", "-include", str(path), "-x", "c", "/dev/null"],
        stderr=subprocess.PIPE, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "error:" in line or "warning:" in line]
    return f"{path}: {said[0] if said else done.stderr.strip()}" if done.stderr else None


def check_headers_alone():
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [line for line in pool.map(compile_header, files(".h")) if line]


def check_header_first():
    """A .c includes its own header first, so that each header compiles alone in the ordinary build too."""
    found = []
    for path in files(".c"):
        own = f"{path.parts[1]}/{path.stem}.h"
        match = re.search(r'^#include ["<]([^">]+)', path.read_text(), re.M)
        if pathlib.Path("src", own).exists() and match and match[1] not in (own, own.replace(".h", "_priv.h")):
            found.append(f"{path}: {own} comes first")
    return found


def check_pragma():
    return [f"{path}: opens with #pragma once" for path in files(".h") if not path.read_text().startswith("#pragma once\n")]


def check_lengths():
    found = []
    for path in files(".c", ".h", ".def", ".py", under="src") + files(".py", ".c", under="tests"):
        count = len(path.read_text(errors="replace").splitlines())
        if count > LINES_MAX:
            found.append(f"{path}: {count} lines, at most {LINES_MAX}")
    return found


def check_opening():
    """Each .c opens with what it is for; tests and the three-line files of tables may do without."""
    found = []
    for path in files(".c"):
        text = path.read_text()
        if len(text.splitlines()) > 60 and not path.stem.endswith("_test") and not text.startswith("/*"):
            found.append(f"{path}: opens with its theory of operation")
    return found


def check_names():
    """No typedef for structs, and nothing of ours ends in _t, which is POSIX's."""
    found = []
    for path in files(".c", ".h"):
        for number, line in enumerate(without_comments(path.read_text()).splitlines(), 1):
            if re.search(r"\btypedef\s+(struct|union|enum)\b", line):
                found.append(f"{path}:{number}: no typedef for structs")
            if re.search(r"\b(struct|enum|union)\s+\w+_t\b|\btypedef\b.*\w_t;", line):
                found.append(f"{path}:{number}: names in _t belong to POSIX")
    return found


def check_unfinished():
    found = []
    word = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|XX" + r"X)\b")
    for path in files(".c", ".h", ".def") + files(".py", ".c", ".sh", under="tests") + files(".py", ".sh", under="tools"):
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if word.search(line):
                found.append(f"{path}:{number}: {line.strip()[:80]}")
    return found


def check_rows_tested():
    tests = [path for path in files(".c") if path.stem.endswith("_test")]
    tests += files(".py", ".c", ".yaml", ".sh", under="tests")
    text = "\n".join(path.read_text(errors="replace") for path in tests)
    found = []
    for table, row in TABLES:
        if not os.path.exists(table):
            continue
        names = re.findall(row, pathlib.Path(table).read_text(), re.M)
        if not names:
            found.append(f"{table}: no row was found; the pattern in tools/lint/lint.py is out of date")
        for name in names:
            words = (name,) if isinstance(name, str) else name
            prefix = pathlib.Path(table).stem.rstrip("s").upper()
            patterns = [rf"\b{prefix}_{words[0].upper()}\b", rf"\b{prefix}_{words[0]}\b"]
            patterns += [rf"\b{re.escape(word)}\b" if word[0] != "/" else re.escape(word) for word in words]
            if not any(re.search(pattern, text) for pattern in patterns):
                found.append(f"{table}: {words[0]} is named by no test")
    return found


def check_threat_model():
    """Every attack, test and file that THREAT_MODEL.md or the catalogue's ELSEWHERE names is there."""
    table = pathlib.Path("tests/abuse/table.py").read_text()
    elsewhere = dict(re.findall(r'^    "([A-Z]{2}-\d+)": "([^"]+)",$', table.partition("ELSEWHERE = {")[2], re.M))
    told = set(re.findall(r'row\(f?"([A-Z]{2}-\d+)', table)) | set(elsewhere)
    text = pathlib.Path("THREAT_MODEL.md").read_text()
    found = [f"THREAT_MODEL.md: there is no row {name}" for name in
             sorted(set(re.findall(r"\b(?:PT|ME|FS|NS|NW|SC|XJ|IO|CC|AR|PK|WH|AQ)-\d\d\b", text)) - told)]
    names = [("THREAT_MODEL.md", name) for name in re.findall(r"`([\w/]+\.(?:py|c|def)(?:::\w+)?|tests/\w+)`", text)]
    names += [(f"tests/abuse/table.py: {id}", name) for id, name in elsewhere.items() if not name.startswith("row ")]
    found += [f"tests/abuse/table.py: {id}: there is no {name}" for id, name in elsewhere.items()
              if name.startswith("row ") and name[4:] not in told]
    for where, name in names:
        path, _, function = name.partition("::")
        places = [pathlib.Path(path)] if "/" in path else [*pathlib.Path("src").glob(f"*/{path}"),
                                                           *pathlib.Path("tests").glob(f"*/{path}")]
        if not any(place.exists() for place in places):
            found.append(f"{where}: there is no {path}")
        elif function and not any(f"def {function}(" in place.read_text() for place in places):
            found.append(f"{where}: {path} has no {function}")
    return found


def check_mutants():
    """What a mutant replaces stands in its file exactly once."""
    text = pathlib.Path("tests/mutants/table.py").read_text()
    module = type(sys)("mutants")
    sys.modules["mutants"] = module  # where a dataclass looks for its own module
    exec(compile(text, "tests/mutants/table.py", "exec"), vars(module))
    found = []
    for mutant in vars(module)["MUTANTS"]:
        count = pathlib.Path(mutant.file).read_text().count(mutant.old) if pathlib.Path(mutant.file).exists() else 0
        if count != 1:
            found.append(f"tests/mutants/table.py: {mutant.name}: '{mutant.old[:50]}' stands {count} times in {mutant.file}")
    return found


def check_packages():
    """A library of the build is a package that ./dev installs: the owner of its .pc file is asked of dpkg."""
    listed = set(re.findall(r"^(?!#)\S+ (\S+)", pathlib.Path("tools/packages.txt").read_text(), re.M))
    builds = [pathlib.Path("meson.build"), *sorted(pathlib.Path("src").rglob("meson.build")), pathlib.Path("tests/meson.build")]
    names = {name for build in builds for name in re.findall(r"dependency\('([\w.+-]+)'", build.read_text())}
    found = []
    for name in sorted(names):
        where = subprocess.run(["pkg-config", "--variable=pcfiledir", name], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, check=False).stdout.strip()
        owner = subprocess.run(["dpkg", "-S", f"{where}/{name}.pc"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True, check=False).stdout.split(":")[0] if where else ""
        if owner and owner not in listed:
            found.append(f"tools/packages.txt: {owner} is missing, meson.build asks for {name}")
    return found


def check_papers():
    done = subprocess.run([sys.executable, "tools/defdoc.py", "--check"], stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.splitlines()


CHECKS = [
    ("format", check_format),
    ("layers", check_layers),
    ("banned calls", check_banned),
    ("headers compile alone", check_headers_alone),
    ("own header first", check_header_first),
    ("pragma once", check_pragma),
    ("lengths", check_lengths),
    ("opening words", check_opening),
    ("names", check_names),
    ("nothing unfinished", check_unfinished),
    ("rows named by tests", check_rows_tested),
    ("threat model", check_threat_model),
    ("mutants", check_mutants),
    ("packages of the build", check_packages),
    ("papers made from tables", check_papers),
]


def main():
    wanted = sys.argv[1:]
    bad = 0
    for name, check in CHECKS:
        if wanted and not any(word in name for word in wanted):
            continue
        found = check()
        bad += bool(found)
        print(f"{'FAIL' if found else 'ok'} {name}")
        for line in found:
            print(f"    {line}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
