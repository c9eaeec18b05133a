# shellcheck shell=bash
# format, layers, banned calls, headers alone, lengths, table rows named by tests, made papers current
need build
need_packages clang-format-14 libcmocka-dev
exec /usr/bin/python3 tools/lint/lint.py "$@"
