/* What the peers share: the layout of the textbook, and an end with a reason. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

struct message {
    long message_type;
    char message_text[256];
};

static inline int find(const char *key, int flags)
{
    int queue = msgget(strtoul(key, NULL, 0), flags);
    if (queue == -1) {
        perror("msgget");
        exit(1);
    }
    return queue;
}

/* With its NUL, as C programs do. */
static inline void put(int queue, long type, const char *text)
{
    struct message message = {.message_type = type};
    snprintf(message.message_text, sizeof message.message_text, "%s", text);
    if (msgsnd(queue, &message, strlen(message.message_text) + 1, 0) == -1) {
        perror("msgsnd");
        exit(1);
    }
}

/* The text of the next message; it ends where the message does, if not before. */
static inline long take(int queue, char *text, size_t size, long type, int flags)
{
    struct message message;
    ssize_t length = msgrcv(queue, &message, sizeof message.message_text, type, flags);
    if (length == -1)
        return -1;
    snprintf(text, size, "%.*s", (int)length, message.message_text);
    return message.message_type;
}
