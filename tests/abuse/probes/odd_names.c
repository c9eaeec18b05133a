/* Names that are hard to say, and folders that are hard to remove. */
#include "probe.h"
#include <sys/time.h>
#include <sys/xattr.h>

int main(void)
{
        static const char *const names[] = { "-rf",        "a\nb",    "\xff\xfe",
                                             "\"quoted\"", "$(id)",   "\xe2\x80\xaetxt",
                                             " ",          "~",       "*",
                                             "..a",        "\x1b[31m" };
        struct timespec times[2] = { { -2177452800, 1 }, { 15021067200, 999999999 } };
        char longest[256];

        memset(longest, 'n', 255);
        longest[255] = '\0';
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (mkdir(names[i], 0) < 0 || utimensat(AT_FDCWD, names[i], times, 0) < 0)
                        perror(names[i]);
        mkdir(longest, 0700);
        setxattr(longest, "user.x", "y", 1, 0);
        chdir(longest);
        for (int i = 0; i < 16; i++)
                if (mkdir("in", 0700) == 0 && chdir("in") == 0)
                        creat("file", 0);
        for (int i = 0; i < 16; i++)
                if (chdir("..") == 0)
                        chmod("in", 0);
        puts("made");
        return 0;
}
