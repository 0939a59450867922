/* Runs rexnet_digits on a file of float32 values, 1 x 3 x 32 x 32 in this order, and prints the score of each digit. C99.

       classify INPUT.f32 [THREADS] */

#include <stdio.h>
#include <stdlib.h>

#include "rexnet_digits.h"

static int failed(const char *what)
{
    char text[256];
    rexnet_digits_last_error(text, sizeof text);
    fprintf(stderr, "error: %s: %s\n", what, text);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static float input[REXNET_DIGITS_INPUT_LENGTH], output[REXNET_DIGITS_OUTPUT_LENGTH];
    const rexnet_digits_description *about = rexnet_digits_describe();
    rexnet_digits_model *model;
    size_t threads = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : 1;
    size_t i;
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;

    if (!file || fread(input, sizeof *input, REXNET_DIGITS_INPUT_LENGTH, file) != REXNET_DIGITS_INPUT_LENGTH) {
        fprintf(stderr, "usage: classify INPUT.f32 [THREADS]; the file has %d values\n", REXNET_DIGITS_INPUT_LENGTH);
        return EXIT_FAILURE;
    }
    fclose(file);

    if (rexnet_digits_create(threads, &model) != REXNET_DIGITS_OK)
        return failed("create");
    if (rexnet_digits_run(model, input, REXNET_DIGITS_INPUT_LENGTH, output, REXNET_DIGITS_OUTPUT_LENGTH) != REXNET_DIGITS_OK)
        return failed("run");

    fprintf(stderr, "%s %s at level %s\n", about->name, about->version, rexnet_digits_level(model));
    for (i = 0; i < about->outputs[0].length; i++)
        printf("%u %.9g\n", (unsigned)i, output[i]);
    rexnet_digits_destroy(model);
    return EXIT_SUCCESS;
}
