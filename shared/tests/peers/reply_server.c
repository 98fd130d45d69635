#include "peer.h"

int main(int count, char **arguments)
{
    char text[257];
    (void)count;
    int queue = find(arguments[1], IPC_CREAT | IPC_EXCL | 0666);
    printf("serving\n");
    fflush(stdout);
    while (take(queue, text, sizeof text, 1, 0) == 1) {
        long client = strtol(text, NULL, 10);
        put(queue, client, "from C");
    }
    return 0;
}
