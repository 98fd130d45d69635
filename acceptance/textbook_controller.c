/* A controller from a textbook: creates the queue with key 1234, prints the state of the LED, and ends at a message of type 2. It
 * compares with strcmp(3) and does not clear its buffer: after a text without a NUL it would read the rest of the text before. */
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

struct message {
    long message_type;
    char message_text[256];
};

int main(void)
{
    struct message message;
    int queue = msgget(1234, IPC_CREAT | 0666);
    setlinebuf(stdout);
    puts("ready");
    while (msgrcv(queue, &message, sizeof message.message_text, 0, 0) != -1 && message.message_type != 2) {
        if (strcmp(message.message_text, "ON") == 0)
            puts("LED on");
        else if (strcmp(message.message_text, "OFF") == 0)
            puts("LED off");
        else
            puts("unknown");
    }
    return msgctl(queue, IPC_RMID, NULL) == -1;
}
