#include "peer.h"

int main(int count, char **arguments)
{
    char text[16];
    (void)count;
    int queue = find(arguments[1], IPC_CREAT | 0666);
    for (int number = 1; number <= 5; number++) {
        snprintf(text, sizeof text, "routine %d", number);
        put(queue, 10, text);
    }
    put(queue, 1, "urgent");
    return 0;
}
