/* Writes where the system lies, by unnamed files and by permission, so that success would change nothing. */
#include "probe.h"

int main(void)
{
        static const char *const places[] = {
                "/",    "/usr", "/usr/bin",    "/usr/lib",     "/usr/local/bin",   "/bin",
                "/lib", "/etc", "/opt",        "/var",         "/var/lib",         "/run",
                "/dev", "/sys", "/etc/passwd", "/usr/bin/env", "/etc/ld.so.cache", "/proc/sys/kernel/hostname"
        };
        struct stat st;
        char what[64];

        for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
                TRY(places[i], access(places[i], W_OK));
                snprintf(what, sizeof(what), "open-%s", places[i]);
                if (stat(places[i], &st) == 0)
                        TRY(what, open(places[i], O_WRONLY | (S_ISDIR(st.st_mode) ? O_TMPFILE : 0), 0600));
        }
        return done();
}
