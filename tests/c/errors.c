/* What a careless caller gets: a status and a text, each time. Prints nothing if all is as it should be. */

#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rexnet_digits.h"

#define IMAGES 200
static float input[IMAGES * REXNET_DIGITS_INPUT_LENGTH], output[IMAGES * REXNET_DIGITS_OUTPUT_LENGTH];
static _Alignas(64) unsigned char block[REXNET_DIGITS_MEMORY_SIZE];
static int wrong;

static void expect(const char *what, int found, int expected, const char *part)
{
    char text[512] = "";
    size_t length = rexnet_digits_last_error(text, sizeof text);
    if (found != expected || (part && (!strstr(text, part) || length != strlen(text)))) {
        printf("%s: status %d, not %d, and '%s', %zu bytes\n", what, found, expected, text, length);
        wrong = 1;
    }
}

static void *run_all(void *model)
{
    rexnet_digits_run(model, input, IMAGES * REXNET_DIGITS_INPUT_LENGTH, output, IMAGES * REXNET_DIGITS_OUTPUT_LENGTH);
    return NULL;
}

int main(void)
{
    const size_t in = REXNET_DIGITS_INPUT_LENGTH, out = REXNET_DIGITS_OUTPUT_LENGTH;
    rexnet_digits_model *model = (rexnet_digits_model *)block, *two;
    char small[8];
    int status, tries;
    pthread_t thread;
    pid_t child;

    expect("null", rexnet_digits_create(1, NULL), REXNET_DIGITS_ERROR_ARGUMENT, "null");
    expect("no threads", rexnet_digits_create(0, &model), REXNET_DIGITS_ERROR_THREADS, "threads is 0: use 1 to 1024");
    expect("null after an error", model != NULL, 0, NULL);
    expect("threads", rexnet_digits_create(REXNET_DIGITS_MAX_THREADS + 1, &model), REXNET_DIGITS_ERROR_THREADS, "threads is 1025");
    expect("length of a text", (int)rexnet_digits_last_error(small, sizeof small), (int)strlen("threads is 1025: use 1 to 1024"), NULL);
    expect("a text that is cut", strcmp(small, "threads"), 0, NULL);
    expect("no buffer", rexnet_digits_last_error(NULL, 100) == 0 || rexnet_digits_last_error(small, 0) == 0, 0, NULL);
    setenv("SARTOR_MAX_LEVEL", "fast", 1);
    expect("level", rexnet_digits_create(1, &model), REXNET_DIGITS_ERROR_LEVEL, "SARTOR_MAX_LEVEL=fast");
    expect("level", rexnet_digits_create_in(block, sizeof block, &model), REXNET_DIGITS_ERROR_LEVEL, "SARTOR_MAX_LEVEL=fast");
    setenv("SARTOR_MAX_LEVEL", "portable", 1);

    expect("size", rexnet_digits_memory_size() > sizeof block, 0, NULL);
    expect("little", rexnet_digits_create_in(block, 0, &model), REXNET_DIGITS_ERROR_LENGTH, "the memory has 0 bytes");
    expect("less", rexnet_digits_create_in(block, rexnet_digits_memory_size() - 1, &model), REXNET_DIGITS_ERROR_LENGTH, "needs");
    expect("memory", rexnet_digits_create_in(NULL, sizeof block, &model), REXNET_DIGITS_ERROR_ARGUMENT, "64 bytes");
    expect("boundary", rexnet_digits_create_in(block + 4, sizeof block - 4, &model), REXNET_DIGITS_ERROR_ARGUMENT, "64 bytes");
    expect("all well", rexnet_digits_create_in(block, sizeof block, &model), REXNET_DIGITS_OK, NULL);
    expect("level", strcmp(rexnet_digits_level(model), "portable"), 0, NULL);
    expect("no level", rexnet_digits_level(NULL) != NULL, 0, NULL);

    expect("no copy", rexnet_digits_copy_weights(NULL), REXNET_DIGITS_ERROR_ARGUMENT, "null");
    expect("copy", rexnet_digits_copy_weights(model), REXNET_DIGITS_OK, NULL);
    expect("model", rexnet_digits_run(NULL, input, in, output, out), REXNET_DIGITS_ERROR_ARGUMENT, "null");
    expect("input", rexnet_digits_run(model, NULL, in, output, out), REXNET_DIGITS_ERROR_ARGUMENT, "null");
    expect("output", rexnet_digits_run(model, input, in, NULL, out), REXNET_DIGITS_ERROR_ARGUMENT, "null");
    expect("short", rexnet_digits_run(model, input, in - 1, output, out), REXNET_DIGITS_ERROR_LENGTH, "the input has 3071 values");
    expect("none", rexnet_digits_run(model, input, 0, output, 0), REXNET_DIGITS_ERROR_LENGTH, "the input has 0 values");
    expect("long", rexnet_digits_run(model, input, in, output, 2 * out), REXNET_DIGITS_ERROR_LENGTH, "the output has 20 values");
    expect("huge", rexnet_digits_run(model, input, SIZE_MAX, output, out), REXNET_DIGITS_ERROR_LENGTH, "more values");
    expect("overlap", rexnet_digits_run(model, input, in, input + in - 1, out), REXNET_DIGITS_ERROR_ARGUMENT, "overlap");
    expect("odd", rexnet_digits_run(model, (float *)((char *)input + 1), in, output, out), REXNET_DIGITS_ERROR_ARGUMENT, "aligned");
    expect("beside", rexnet_digits_run(model, input, in, input + in, out), REXNET_DIGITS_OK, NULL);

    /* One model, two threads. */
    for (tries = 0, status = REXNET_DIGITS_OK; tries < 100 && status != REXNET_DIGITS_ERROR_BUSY; tries++) {
        static float own[REXNET_DIGITS_OUTPUT_LENGTH];
        pthread_create(&thread, NULL, run_all, model);
        usleep(2000);
        status = rexnet_digits_run(model, input, in, own, out);
        pthread_join(thread, NULL);
    }
    expect("busy", status, REXNET_DIGITS_ERROR_BUSY, "another thread");
    expect("free again", rexnet_digits_run(model, input, in, output, out), REXNET_DIGITS_OK, NULL);

    /* Threads stay with the parent, and a child may end a model all the same. */
    expect("two threads", rexnet_digits_create(2, &two), REXNET_DIGITS_OK, NULL);
    if ((child = fork()) == 0) {
        expect("forked", rexnet_digits_run(two, input, in, output, out), REXNET_DIGITS_ERROR_FORKED, "forked");
        expect("one thread", rexnet_digits_run(model, input, in, output, out), REXNET_DIGITS_OK, NULL);
        rexnet_digits_destroy(two);
        fflush(stdout);
        _exit(wrong);
    }
    waitpid(child, &status, 0);
    expect("child", status, 0, NULL);
    expect("parent", rexnet_digits_run(two, input, in, output, out), REXNET_DIGITS_OK, NULL);
    rexnet_digits_destroy(two);
    rexnet_digits_destroy(model);
    rexnet_digits_destroy(NULL);
    return wrong;
}
