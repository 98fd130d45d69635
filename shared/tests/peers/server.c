#include "peer.h"

int main(int count, char **arguments)
{
    char text[257];
    (void)count;
    int queue = find(arguments[1], IPC_CREAT | IPC_EXCL | 0666);
    printf("waiting\n");
    fflush(stdout);
    printf("received: type %ld, ", take(queue, text, sizeof text, 1, 0));
    printf("\"%s\"\n", text);
    return msgctl(queue, IPC_RMID, NULL) == -1;
}
