/* A reference in plain C: a client of led-controller(7) that sends one command and waits for the reply. */

#define _XOPEN_SOURCE 700

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

enum { LED = 1, EXIT = 2, TEXT_MAX = 256, SECONDS = 2 };

struct message {
    long type;
    char text[TEXT_MAX + 1];
};

static int usage(void)
{
    fputs("usage: client [--key KEY] [--no-wait] on|off|toggle|status|exit\n", stderr);
    return 2;
}

static int failed(const char *call)
{
    fprintf(stderr, "client: %s: %s\n", call, strerror(errno));
    return 1;
}

/* Sends the message without requesting a reply. Returns the exit status. */
static int send_only(key_t key, const struct message *message, size_t length)
{
    int commands = msgget(key, 0200);

    if (commands == -1)
        return failed("msgget");
    if (msgsnd(commands, message, length, IPC_NOWAIT) == -1)
        return failed("msgsnd");
    return puts("queued") == EOF ? failed("puts") : 0;
}

/* Sends the message, requests a reply of the type of this PID, and prints it. Returns the exit status. */
static int ask(key_t key, struct message *message, size_t length)
{
    struct message reply;
    ssize_t received;
    char *state;
    int commands, replies;

    commands = msgget(key, 0200);
    replies = commands == -1 ? -1 : msgget(key + 1, 0400);
    if (replies == -1)
        return failed("msgget");
    /* Discard replies to an earlier process with this PID. */
    while (msgrcv(replies, &reply, TEXT_MAX, getpid(), IPC_NOWAIT | MSG_NOERROR) != -1)
        ;
    if (errno != ENOMSG)
        return failed("msgrcv");
    length += (size_t)snprintf(message->text + length, sizeof message->text - length, "reply=%d", (int)getpid()) + 1;
    if (msgsnd(commands, message, length, IPC_NOWAIT) == -1)
        return failed("msgsnd");
    /* msgrcv has no timeout; SIGALRM ends this process. */
    alarm(SECONDS);
    received = msgrcv(replies, &reply, TEXT_MAX, getpid(), MSG_NOERROR);
    /* A controller that ends can remove its queues before this process receives the reply. */
    if (received == -1 && message->type == EXIT && (errno == EIDRM || errno == EINVAL))
        return puts("ended") == EOF ? failed("puts") : 0;
    if (received == -1)
        return failed("msgrcv");
    reply.text[received] = '\0';
    if (strncmp(reply.text, "OK ", 3) != 0) {
        fprintf(stderr, "client: %s\n", reply.text);
        return 1;
    }
    for (state = reply.text + 3; *state; state++)
        *state = (char)tolower((unsigned char)*state);
    return puts(message->type == EXIT ? "ended" : reply.text + 3) == EOF ? failed("puts") : 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "key", required_argument, NULL, 'k' },
                                             { "no-wait", no_argument, NULL, 'n' },
                                             { NULL, 0, NULL, 0 } };
    static const char *const verbs[] = { "ON", "OFF", "TOGGLE", "STATUS", "EXIT", NULL };
    struct message message;
    key_t key = 1234;
    int option, no_wait = 0, result;
    size_t length, verb = 0;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'k')
            key = (key_t)strtoul(optarg, NULL, 10);
        else if (option == 'n')
            no_wait = 1;
        else
            return usage();
    }
    if (optind + 1 != argc)
        return usage();
    while (verbs[verb] && strcasecmp(verbs[verb], argv[optind]) != 0)
        verb++;
    if (!verbs[verb])
        return usage();
    message.type = strcmp(verbs[verb], "EXIT") == 0 ? EXIT : LED;
    length = (size_t)snprintf(message.text, sizeof message.text, "%s", verbs[verb]) + 1;
    result = no_wait ? send_only(key, &message, length) : ask(key, &message, length);
    return fflush(stdout) == EOF && result == 0 ? failed("fflush") : result;
}
