#include "peer.h"

int main(int count, char **arguments)
{
    char text[257];
    (void)count;
    int queue = find(arguments[1], 0666);
    snprintf(text, sizeof text, "%d abc", (int)getpid());
    put(queue, 1, text);
    if (take(queue, text, sizeof text, getpid(), 0) == -1)
        return 1;
    printf("answer: %s\n", text);
    return 0;
}
