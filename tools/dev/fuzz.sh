# shellcheck shell=bash
# [target…] [seconds]: libFuzzer on every target or those named, 60 s each; what it finds lands in tests/fuzz/seeds, which every test run replays
need build
need fuzz
seconds=60
targets=()
for word in "$@"; do
        if [[ $word =~ ^[0-9]+$ ]]; then seconds=$word; else targets+=("$word"); fi
done
((${#targets[@]} > 0)) || mapfile -t targets < <(ls tests/fuzz/seeds)
for target in "${targets[@]}"; do
        [[ -f tests/fuzz/$target.c ]] || die "there is no target '$target'; they are: $(ls tests/fuzz/seeds | xargs)"
done
CC=clang set_up fuzz --buildtype=debugoptimized -Dtests=disabled -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args=-fsanitize=fuzzer-no-link
make_targets fuzz "${targets[@]/#/tests/fuzz-}"
for target in "${targets[@]}"; do
        step "fuzzing $target for $seconds s"
        mkdir -p "build/corpus/$target"
        logged "fuzz-$target" "build/fuzz/tests/fuzz-$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 \
                -artifact_prefix="tests/fuzz/seeds/$target/" "build/corpus/$target" "tests/fuzz/seeds/$target"
done
step "nothing found"
