# shellcheck shell=bash
# [--quick] [id…]: the abuse catalogue against a real engine: each row alone, then four at a time, then trees again and again
((EUID == 0)) || die "./dev attack needs root: boxes are made of namespaces and cgroups; run it as root"
need build up test
build_release
step "attacking; a table of what held follows"
exec /usr/bin/python3 tests/abuse/attack.py --build build/release "$@"
