# shellcheck shell=bash
# [part of a name…]: build deliberately weakened engines and show which test catches each
((EUID == 0)) || die "./dev mutants needs root: boxes are made of namespaces and cgroups; run it as root"
need build up test
step "building and testing weakened engines"
exec /usr/bin/python3 tests/mutants/mutants.py "$@"
