# shellcheck shell=bash
# format every C file, and make the papers that are made from tables
need_packages clang-format-14 python3
find src tests -name '*.[ch]' -print0 | xargs -0r clang-format-14 -i
/usr/bin/python3 tools/defdoc.py --write
