/* Asks for five million names that are not there. */
#include "probe.h"

int main(void)
{
        char name[32];
        struct stat st;

        for (int i = 0; i < 5000000; i++) {
                snprintf(name, sizeof(name), "/tmp/%d", i);
                stat(name, &st);
        }
        return 0;
}
