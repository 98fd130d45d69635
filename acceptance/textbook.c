/* A client from a textbook: sends its first argument to key 1234, as a message of type 1. The second argument is the number of
 * bytes to send after the text: 0 sends the text only, 1 also its NUL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

struct message {
    long message_type;
    char message_text[256];
};

int main(int argc, char **argv)
{
    if (argc != 3 || strlen(argv[1]) >= sizeof(((struct message *)0)->message_text)) {
        fprintf(stderr, "usage: textbook TEXT 0|1\n");
        return 2;
    }
    struct message message = {.message_type = 1};
    strcpy(message.message_text, argv[1]);
    int queue = msgget(1234, 0666);
    if (queue == -1 || msgsnd(queue, &message, strlen(argv[1]) + (size_t)atoi(argv[2]), 0) == -1) {
        perror("textbook");
        return 1;
    }
    return 0;
}
