// Errors: a status code from every fallible function, and a caller-owned object with the message.
//
//     rk_error err;
//     rk_model *model;
//     if (rk_model_open(&model, "model.bin", NULL, &err) != RK_OK) {
//         fprintf(stderr, "%s\n", err.message);
//     }
//
// The library never prints, exits or aborts, and keeps no last error of its own.
#ifndef RK_ERROR_H
#define RK_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

// One list makes the codes, their names and their texts.
#define RK_STATUS_LIST(X)                                                                          \
    X(OK, "no error")                                                                              \
    X(ERR_MEMORY, "out of memory")                                                                 \
    X(ERR_ARGUMENT, "invalid argument")                                                            \
    X(ERR_IO, "input or output failed")                                                            \
    X(ERR_FORMAT, "malformed file")                                                                \
    X(ERR_UNSUPPORTED, "not supported")                                                            \
    X(ERR_NOT_FOUND, "not found")                                                                  \
    X(ERR_SHAPE, "wrong shape")                                                                    \
    X(ERR_RANGE, "value out of range")                                                             \
    X(ERR_MISMATCH, "inputs do not belong together")                                               \
    X(ERR_DEVICE, "device error")                                                                  \
    X(ERR_CANCELLED, "cancelled")

typedef enum rk_status {
#define RK_STATUS_ENUM(name, text) RK_##name,
    RK_STATUS_LIST(RK_STATUS_ENUM)
#undef RK_STATUS_ENUM
} rk_status;

// What went wrong. Filled on failure only; a success leaves it as it was.
typedef struct rk_error {
    rk_status code;
    int system_errno;  // errno of the system call that failed, or 0
    char message[512]; // one line, no newline: what, where (file, tensor), expected and found
} rk_error;

// The name of a code without its prefix ("ERR_FORMAT"), and its text ("malformed file").
// Never NULL, also for numbers that are no code.
const char *rk_status_name(rk_status status);
const char *rk_status_text(rk_status status);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
