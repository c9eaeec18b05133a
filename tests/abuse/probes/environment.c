/* Variables nobody promised. */
#include "probe.h"

int main(int argc, char **argv, char **env)
{
        static const char *const promised[] = { "PATH=",
                                                "HOME=",
                                                "LANG=",
                                                "TMPDIR=",
                                                "LC_ALL=",
                                                "USER=",
                                                "LOGNAME=",
                                                "TERM=",
                                                "PWD=",
                                                "LIBC_FATAL_STDERR_=",
                                                "PISTON_LANGUAGE=",
                                                "CODERUNR_LANGUAGE=" };
        int n = 0;

        for (; *env; env++) {
                bool known = false;

                for (size_t i = 0; i < sizeof(promised) / sizeof(*promised); i++)
                        known |= strncmp(*env, promised[i], strlen(promised[i])) == 0;
                if (!known)
                        escaped(*env);
                n++;
        }
        printf("DENIED others-than-%d\n", n);
        return done();
}
