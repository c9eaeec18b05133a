# shellcheck shell=bash
# [N] [id…] | storm [seconds] [jobs]: the fault catalogue, each row N times (20) at another moment; or everything killed while jobs come
((EUID == 0)) || die "./dev faults needs root: boxes are made of namespaces and cgroups; run it as root"
need build up test
build_release
step "breaking things; a table of what held follows"
exec nice -n 5 /usr/bin/python3 tests/faults/faults.py --build build/release "$@"
