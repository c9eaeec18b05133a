# shellcheck shell=bash
# [--rounds N] [--write]: one table of what a run costs, against the same program bare and against other sandboxes; --write saves it
((EUID == 0)) || die "./dev bench needs root: boxes are made of namespaces and cgroups; run it as root"
need build up bench
build_release
make_targets release tests/bench tests/bench-queue
step "measuring; a quiet machine gives better figures"
/usr/bin/python3 tests/bench/table.py "$@"
step "the durable queue"
exec /usr/bin/python3 tests/bench/backlog.py build/release
