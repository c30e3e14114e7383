/* Commits the error named by its argument, which a sanitizer must report. The tests run it to make
 * sure that sanitizers are active. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int shared;

static void *count(void *argument) {
    for (int i = 0; i < 100000; i++) {
        shared++;
    }
    return argument;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "address") == 0) {
        volatile char *bytes = malloc((size_t)argc);
        volatile int beyond = argc;
        bytes[beyond] = 1;
        free((void *)bytes);
    } else if (strcmp(what, "leak") == 0) {
        void *volatile lost = malloc(1000);
        lost = NULL;
        (void)lost;
    } else if (strcmp(what, "undefined") == 0) {
        volatile int most = INT_MAX;
        most = most + argc;
    } else if (strcmp(what, "thread") == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, count, NULL) == 0) {
            count(NULL);
            pthread_join(thread, NULL);
        }
    }
    printf("%s was not detected\n", what);
    return EXIT_SUCCESS;
}
