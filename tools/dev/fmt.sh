# shellcheck shell=bash
# format every C file, and make the papers that are made from tables
need_packages clang-format-14 python3
git ls-files -co --exclude-standard 'src/*.c' 'src/*.h' 'tests/*.c' 'tests/*.h' | xargs -r clang-format-14 -i
python3 tools/defdoc.py --write
