/* Runs rexnet_digits in memory of the program's own: nothing is allocated, and no thread is started. C99.

       embedded INPUT.f32 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "rexnet_digits.h"

/* With room to begin on the boundary. */
static unsigned char block[REXNET_DIGITS_MEMORY_SIZE + REXNET_DIGITS_MEMORY_ALIGNMENT];
static float input[REXNET_DIGITS_INPUT_LENGTH], output[REXNET_DIGITS_OUTPUT_LENGTH];

int main(int argc, char **argv)
{
    unsigned char *memory = block + (REXNET_DIGITS_MEMORY_ALIGNMENT - (uintptr_t)block % REXNET_DIGITS_MEMORY_ALIGNMENT);
    rexnet_digits_model *model;
    rexnet_digits_status status;
    char text[128];
    size_t i;
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;

    if (!file || fread(input, sizeof *input, REXNET_DIGITS_INPUT_LENGTH, file) != REXNET_DIGITS_INPUT_LENGTH) {
        fprintf(stderr, "usage: embedded INPUT.f32; the file has %d values\n", REXNET_DIGITS_INPUT_LENGTH);
        return EXIT_FAILURE;
    }
    fclose(file);

    status = rexnet_digits_create_in(memory, REXNET_DIGITS_MEMORY_SIZE, &model);
    if (status == REXNET_DIGITS_OK)
        status = rexnet_digits_run(model, input, REXNET_DIGITS_INPUT_LENGTH, output, REXNET_DIGITS_OUTPUT_LENGTH);
    if (status != REXNET_DIGITS_OK) {
        rexnet_digits_last_error(text, sizeof text);
        fprintf(stderr, "error: %s\n", text);
        return EXIT_FAILURE;
    }
    rexnet_digits_destroy(model);

    for (i = 0; i < REXNET_DIGITS_OUTPUT_LENGTH; i++)
        printf("%u %.9g\n", (unsigned)i, output[i]);
    return EXIT_SUCCESS;
}
