#include "peer.h"

int main(int count, char **arguments)
{
    (void)count;
    put(find(arguments[1], 0666), 1, "Hello from C");
    return 0;
}
