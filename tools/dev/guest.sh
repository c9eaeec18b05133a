# shellcheck shell=bash
# [--smoke] [--only CHECK,…] [v2|mixed|v1|bare…]: boot small guests under qemu: the engine on other kernels and cgroup trees
((EUID == 0)) || die "./dev guest needs root: it makes a disk image of files that belong to root"
need build guest
need_packages libcmocka-dev
build guest --buildtype=release -Dtests=enabled
step "making the guest's disk; the first time 90 MB are downloaded"
exec /usr/bin/python3 tests/guest/guest.py --build build/guest "$@"
