#!/usr/bin/env python3
"""Rows and probes of tests/abuse as C data, for `coderunr doctor --attacks`: attack_table.py OUTPUT [DEPFILE].

Only the rows that are safe on a running installation and are one request: no scenarios, nothing slow.
Needs Python's standard library only, as the build does.
"""
import pathlib
import re
import sys

ABUSE = pathlib.Path(__file__).resolve().parent.parent / "tests/abuse"
sys.dont_write_bytecode = True
sys.path.insert(0, str(ABUSE))

import table  # noqa: E402

MIB = 1 << 20


def text(value):
    """A C string literal; every byte that could mean something else is octal."""
    plain = "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}"
                    for byte in value.encode())
    # compilers need take no more than 4095 bytes in one literal, so it is cut at the ends of lines
    return '"' + plain.replace("\\012", '\\012"\n"') + '"'


def extended(pattern):
    """A pattern of Python's as regcomp(3) takes it."""
    return re.sub(r"\\([\"'n])", lambda match: "\n" if match[1] == "n" else match[1], pattern)


def limits(row):
    names = ("run_memory_limit", "run_timeout", "run_cpu_time")
    assert set(row.limits) <= set(names), row.id
    return "{ " + ", ".join(str(row.limits.get(name, 0)) for name in names) + " }"


def main():
    rows = [row for row in table.ROWS if row.safe and not row.slow and not row.scenario]
    probes = sorted({row.probe for row in rows})
    lines = ["/* Made by tools/attack_table.py from tests/abuse; do not edit. */", '#include "main/attacks.h"', ""]
    lines += [f"const char attack_header[] = {text((ABUSE / 'probes/probe.h').read_text())};", ""]
    for name in probes:
        lines += [f"static const char probe_{name}[] = {text((ABUSE / f'probes/{name}.c').read_text())};"]
    lines += ["", f"const size_t attack_n_rows = {len(rows)};", "const struct attack_row attack_rows[] = {"]
    for row in rows:
        args = ", ".join([*map(text, row.args), "NULL"])
        lines.append(f"{{ {text(row.id)}, {text(row.name)}, probe_{row.probe}, {text(row.expect)}, "
                     f"{text(extended(row.says))}, {len(row.stdin)}, {limits(row)}, "
                     f"{str(row.control not in ('bomb', 'answer', 'survivor')).lower()}, {{ {args} }} }},")
    pending = [(f"{len(ids.split())}", ids, reason) for ids, reason in table.PENDING.items()]
    lines += ["};", "", f"const size_t attack_n_pending = {len(pending)};",
              "const struct attack_pending attack_pending[] = {"]
    lines += [f"{{ {n}, {text(ids)}, {text(reason)} }}," for n, ids, reason in pending]
    lines += ["};"]
    pathlib.Path(sys.argv[1]).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
