#!/usr/bin/env python3
"""The page of the engine as C: page.py PAGE OUT.  Its bytes, and the policy under which nothing but its own script and style run."""
import base64
import hashlib
import pathlib
import re
import sys

page = pathlib.Path(sys.argv[1]).read_text()


def hashes(tag):
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in found)


policy = (f"default-src 'none'; script-src {hashes('script')}; style-src {hashes('style')}; img-src data:; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
data = page.encode()
lines = [",".join(str(byte) for byte in data[i:i + 24]) for i in range(0, len(data), 24)]
pathlib.Path(sys.argv[2]).write_text("static const char page[] = {\n" + ",\n".join(lines) + "\n};\n"
                                     + f'static const char policy[] = "{policy}";\n')
