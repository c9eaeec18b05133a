# shellcheck shell=bash
# line coverage of the unit tests, by file
need build up test cover
build cover --buildtype=debug -Dtests=enabled -Db_coverage=true
step "running the unit tests"
logged cover-test meson test -C build/cover --suite unit
gcovr --root . --filter 'src/' --exclude '.*_test\.c' build/cover
