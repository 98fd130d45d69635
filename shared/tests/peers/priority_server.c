#include "peer.h"

int main(int count, char **arguments)
{
    char text[257];
    (void)count;
    int queue = find(arguments[1], IPC_CREAT | 0666);
    for (int number = 0; number < 6; number++) {
        long type = take(queue, text, sizeof text, 1, IPC_NOWAIT);
        if (type == -1)
            type = take(queue, text, sizeof text, 0, 0);
        printf("type %ld: \"%s\"\n", type, text);
    }
    return msgctl(queue, IPC_RMID, NULL) == -1;
}
