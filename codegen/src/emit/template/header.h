/* @about@

   A run of one image with one thread:

       @net@_model *model;
       static float input[@upper@_INPUT_LENGTH], output[@upper@_OUTPUT_LENGTH];
       if (@net@_create(1, &model) == @upper@_OK
           && @net@_run(model, input, @upper@_INPUT_LENGTH, output, @upper@_OUTPUT_LENGTH) == @upper@_OK)
           puts("it runs");
       @net@_destroy(model);
*/

#ifndef @upper@_H
#define @upper@_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the network, and a digest of it: networks of different weights or code have different ones. */
#define @upper@_VERSION "@version@"
#define @upper@_HASH "@hash@"

/* The most threads of a model. */
#define @upper@_MAX_THREADS @max_threads@

/* Values of all inputs together and of all outputs together. A run takes any multiple of them. */
#define @upper@_INPUT_LENGTH @input_length@
#define @upper@_OUTPUT_LENGTH @output_length@

/* The memory of @net@_create_in, in bytes: how much is enough at every level, and its boundary. */
#define @upper@_MEMORY_SIZE @memory_size@
#define @upper@_MEMORY_ALIGNMENT 64

/* What a function answers. What went wrong is told by @net@_last_error. */
typedef enum @net@_status {
    @upper@_OK = 0,
    /* A pointer is null or not aligned, or the input and the output overlap. */
    @upper@_ERROR_ARGUMENT = 1,
    /* The input, the output or the memory has the wrong length. */
    @upper@_ERROR_LENGTH = 2,
    /* No model can have so many threads. */
    @upper@_ERROR_THREADS = 3,
    /* There is not so much memory. */
    @upper@_ERROR_MEMORY = 4,
    /* This CPU runs no level that was compiled in, or SARTOR_MAX_LEVEL allows none or is not a level. */
    @upper@_ERROR_LEVEL = 5,
    /* The process was forked since the model started its threads, which are not in the child. */
    @upper@_ERROR_FORKED = 6,
    /* Another thread is running the model. */
    @upper@_ERROR_BUSY = 7
} @net@_status;

/* A model: the network with the memory and the threads to run it. Several share the weights, and threads may use different models at
   the same time. */
typedef struct @net@_model @net@_model;

/* An input or an output. */
typedef struct @net@_tensor {
    /* Its name, in UTF-8. */
    const char *name;
    /* Images, channels, rows, columns. Values are in this order. */
    size_t shape[4];
    /* Their product. */
    size_t length;
} @net@_tensor;

/* The network. Names, version and hash are text in UTF-8. */
typedef struct @net@_description {
    const char *name;
    const char *version;
    const char *hash;
    size_t input_count;
    const @net@_tensor *inputs;
    size_t output_count;
    const @net@_tensor *outputs;
} @net@_description;

/* Describes the network. The answer is never null, and lives as long as the library. */
const @net@_description *@net@_describe(void);

/* Makes a model of `threads` threads, of which the caller is one, at the best level that this CPU has and the environment variable
   SARTOR_MAX_LEVEL allows. After an error, `*model` is null. */
@net@_status @net@_create(size_t threads, @net@_model **model);

/* The bytes that @net@_create_in needs on this CPU, at most @upper@_MEMORY_SIZE. */
size_t @net@_memory_size(void);

/* The same as @net@_create with one thread, the caller's, in `size` bytes of the caller's memory on a boundary of @upper@_MEMORY_ALIGNMENT
   bytes. The memory belongs to the model until @net@_destroy, which does not free it. Nothing is allocated, here and in @net@_run, unless
   SARTOR_MAX_LEVEL is set or something is wrong. */
@net@_status @net@_create_in(void *memory, size_t size, @net@_model **model);

/* Computes the outputs of images, one after another in `input`: @upper@_INPUT_LENGTH values and @upper@_OUTPUT_LENGTH, or the same multiple of
   both. If the network has several inputs, those of an image follow one another, in the order of the description. `output` receives the network's outputs one after another, each over all images. Lengths are counted in values. */
@net@_status @net@_run(@net@_model *model, const float *input, size_t input_length, float *output, size_t output_length);

/* Copies the weights into memory of the model's own, in huge pages where the system has them. Runs take the same time then, wherever the
   system has put the file of the library: for processes that run for long. Results are the same. After an error, the model goes on with
   the weights in the file. */
@net@_status @net@_copy_weights(@net@_model *model);

/* The level that a model runs at, such as "avx2". */
const char *@net@_level(const @net@_model *model);

/* Copies what went wrong in this thread's last call that failed to `buffer`, cut to `size` bytes with the zero at the end, and answers the
   length of the whole without it. */
size_t @net@_last_error(char *buffer, size_t size);

/* Ends a model. No thread may be using it. Null is nothing to end. */
void @net@_destroy(@net@_model *model);

#ifdef __cplusplus
}
#endif

#endif
