/* A reference in plain C: a controller of led-controller(7) with a simulated LED. It has no BLINK, and its reply to STATUS
 * has only the state. */

#define _XOPEN_SOURCE 700

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ipc.h>
#include <sys/msg.h>

enum { LED = 1, EXIT = 2, TEXT_MAX = 256 };

struct message {
    long type;
    char text[TEXT_MAX + 1];
};

static volatile sig_atomic_t commands = -1, ended;
static int replies = -1;
static int is_on;

/* msgrcv would miss a flag that is set just before the call. The removal of the queue ends the current and every later call. */
static void on_signal(int signal)
{
    int saved = errno;

    (void)signal;
    ended = 1;
    msgctl(commands, IPC_RMID, NULL);
    errno = saved;
}

static void remove_queues(void)
{
    /* Errors are ignored: a queue that does not exist need not be removed. */
    msgctl(commands, IPC_RMID, NULL);
    msgctl(replies, IPC_RMID, NULL);
}

static int set_led(int on)
{
    if (on == is_on)
        return 0;
    if (puts(on ? "LED on" : "LED off") == EOF || fflush(stdout) == EOF)
        return -1;
    is_on = on;
    return 0;
}

/* Returns the number in the second field if the field begins with "reply=" and ends in a NUL, else NULL. */
static const char *second_field(const struct message *message, size_t length)
{
    const char *end = memchr(message->text, '\0', length);
    const char *field = end ? end + 1 : NULL;
    size_t left = end ? length - (size_t)(field - message->text) : 0;

    if (left == 0 || !memchr(field, '\0', left) || strncmp(field, "reply=", 6) != 0)
        return NULL;
    field += 6;
    return strspn(field, "0123456789") == strlen(field) && *field ? field : NULL;
}

/* Sends a reply and never sleeps: if the queue is full, the oldest replies are dropped. */
static void send_reply(long type, const char *result, const char *state)
{
    struct message message, oldest;
    int length;

    message.type = type;
    length = snprintf(message.text, sizeof message.text, "%s %s", result, state);
    while (msgsnd(replies, &message, (size_t)length, IPC_NOWAIT) == -1) {
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || msgrcv(replies, &oldest, TEXT_MAX, 0, IPC_NOWAIT | MSG_NOERROR) == -1) {
            perror("controller: no reply");
            return;
        }
    }
}

/* Applies the command. Returns NULL, or the reason for a refusal. */
static const char *apply(char *verb)
{
    size_t length = strlen(verb);
    int result;

    while (length > 0 && isspace((unsigned char)verb[length - 1]))
        verb[--length] = '\0';
    if (strcasecmp(verb, "ON") == 0)
        result = set_led(1);
    else if (strcasecmp(verb, "OFF") == 0)
        result = set_led(0);
    else if (strcasecmp(verb, "TOGGLE") == 0)
        result = set_led(!is_on);
    else if (strcasecmp(verb, "STATUS") == 0)
        result = 0;
    else
        return "unknown command; known are ON, OFF, TOGGLE, STATUS";
    return result == 0 ? NULL : "cannot set the LED";
}

/* Serves until a message of type 2 or a signal, and returns 1; or until an error, and returns 0. */
static int serve(void)
{
    struct message message;
    const char *field, *refusal;
    long reply_to;
    ssize_t length;

    for (;;) {
        length = msgrcv(commands, &message, sizeof message.text, 0, MSG_NOERROR);
        if (length == -1) {
            if (errno == EINTR)
                continue;
            if (errno == EIDRM || errno == EINVAL)
                return 1;
            perror("controller: msgrcv");
            return 0;
        }
        field = second_field(&message, (size_t)length);
        errno = 0;
        reply_to = field ? strtol(field, NULL, 10) : 0;
        if (errno == ERANGE)
            reply_to = 0;
        if (message.type == EXIT) {
            set_led(0);
            if (reply_to > 0)
                send_reply(reply_to, "OK", "OFF");
            return 1;
        }
        if (length > TEXT_MAX) {
            refusal = "the text is longer than 256 bytes";
        } else if (message.type != LED) {
            refusal = "unknown message type; known are 1 (LED) and 2 (exit)";
        } else {
            message.text[length] = '\0';
            refusal = apply(message.text);
        }
        if (refusal)
            fprintf(stderr, "controller: refused: %s\n", refusal);
        if (reply_to > 0)
            send_reply(reply_to, refusal ? "ERR" : "OK", refusal ? refusal : is_on ? "ON" : "OFF");
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "key", required_argument, NULL, 'k' },
                                             { "simulate", no_argument, NULL, 's' },
                                             { NULL, 0, NULL, 0 } };
    struct sigaction action = { .sa_handler = on_signal };
    key_t key = 1234;
    int option, served;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'k') {
            key = (key_t)strtoul(optarg, NULL, 10);
        } else if (option != 's') {
            fputs("usage: controller [--key KEY] --simulate\n", stderr);
            return 2;
        }
    }
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGTERM, &action, NULL) == -1 || sigaction(SIGINT, &action, NULL) == -1) {
        perror("controller: sigaction");
        return 1;
    }
    /* Create the command queue last: a client that finds it also finds the reply queue. */
    replies = msgget(key + 1, IPC_CREAT | IPC_EXCL | 0640);
    if (replies != -1)
        commands = msgget(key, IPC_CREAT | IPC_EXCL | 0660);
    if (commands == -1) {
        perror("controller: msgget");
        remove_queues();
        return 1;
    }
    served = ended || serve();
    if (set_led(0) == -1)
        served = 0;
    remove_queues();
    return served ? 0 : 1;
}
