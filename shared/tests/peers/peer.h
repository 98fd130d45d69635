/* Common functions of the peers: each prints an error and exits if a call fails. */
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

/* Sends a text with its NUL, as most C programs do. */
static inline void put(int queue, long type, const char *text)
{
    struct message message = {.message_type = type};
    snprintf(message.message_text, sizeof message.message_text, "%s", text);
    if (msgsnd(queue, &message, strlen(message.message_text) + 1, 0) == -1) {
        perror("msgsnd");
        exit(1);
    }
}

/* Receives a message. Stores its text, up to its first NUL or its end, and returns its type, or -1. */
static inline long take(int queue, char *text, size_t size, long type, int flags)
{
    struct message message;
    ssize_t length = msgrcv(queue, &message, sizeof message.message_text, type, flags);
    if (length == -1)
        return -1;
    snprintf(text, size, "%.*s", (int)length, message.message_text);
    return message.message_type;
}
