/* Writes to its own entries in /proc that change more than itself. */
#include "probe.h"

int main(void)
{
        static const char *const names[] = {
                "uid_map",        "gid_map",       "setgroups",    "projid_map",
                "timens_offsets", "loginuid",      "autogroup",    "coredump_filter",
                "clear_refs",     "timerslack_ns", "attr/current", "attr/exec",
                "make-it-fail",   "comm",          "mem",          "sched"
        };
        char path[64];

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                snprintf(path, sizeof(path), "/proc/self/%s", names[i]);
                TRY(names[i], open(path, O_WRONLY));
        }
        return done();
}
