/* Gives a file of its own capabilities, and lets it own things as somebody else. */
#include "probe.h"
#include <sys/xattr.h>

int main(void)
{
        static const unsigned words[5] = { 0x02000001, 1 << 21, 0, 0, 0 };

        creat("f", 0700);
        TRY("security.capability", setxattr("f", "security.capability", words, sizeof(words), 0));
        TRY("trusted", setxattr("f", "trusted.x", "y", 1, 0));
        TRY("chown-root", chown("f", 0, 0));
        TRY("chown-other", chown("f", 1, 1));
        return done();
}
