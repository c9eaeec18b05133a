#!/usr/bin/env python3
"""A file as the numbers of a C array: embed.py FILE OUT."""
import pathlib
import sys

data = pathlib.Path(sys.argv[1]).read_bytes()
lines = [",".join(str(byte) for byte in data[i:i + 24]) for i in range(0, len(data), 24)]
pathlib.Path(sys.argv[2]).write_text(",\n".join(lines) + "\n")
