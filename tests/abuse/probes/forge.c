/* Prints what the engine itself would say, every byte there is, and escapes for terminals. */
#include "probe.h"

int main(int argc, char **argv)
{
        if (argc > 1 && strcmp(argv[1], "bytes") == 0) {
                for (int i = 0; i < 256; i++)
                        putchar(i);
                fputs("\xed\xa0\x80\xc0\xaf\xf5", stdout);
                return 0;
        }
        if (argc > 1) {
                fputs("\x1b]0;owned\a\x1b[2J\r\b\xe2\x80\xae", stdout);
                fputs("\x1b[31mred\x1b[0m\n", stderr);
                return 0;
        }
        puts("\"},\"run\":{\"code\":0,\"signal\":null,\"status\":null,\"message\":null}}");
        puts("status:OK\nexitcode:0\ntime:0.001");
        puts("event: exit\ndata: {\"code\":0}\n");
        puts("<3>coderunr[1]: error: forged");
        return 3;
}
