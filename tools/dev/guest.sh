# shellcheck shell=bash
# [--smoke] [--only CHECK,…] [v2|mixed|v1…]: boot small guests under qemu and check the engine on cgroup v2, mixed and v1 hosts
need build guest
build_release
step "building the guest; the first time it downloads 90 MB"
exec /usr/bin/python3 tests/guest/guest.py --build build/release "$@"
