// Error flags of include/rwkv.h.
#include "compat/rwkv_errors.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cursor.h"
#include "base/file.h"
#include "checkpoint/model_file.h"
#include "compat/rwkv_context.h"

static atomic_bool print_by_default = true;
static _Thread_local enum rwkv_error_flags last_of_thread = RWKV_ERROR_NONE;

void rwkv_set_print_errors(struct rwkv_context *ctx, bool print_errors) {
    if (ctx != NULL) {
        ctx->errors.print = print_errors;
    } else {
        atomic_store(&print_by_default, print_errors);
    }
}

bool rwkv_get_print_errors(const struct rwkv_context *ctx) {
    return ctx != NULL ? ctx->errors.print : atomic_load(&print_by_default);
}

enum rwkv_error_flags rwkv_get_last_error(struct rwkv_context *ctx) {
    enum rwkv_error_flags *last = ctx != NULL ? &ctx->errors.last : &last_of_thread;
    const enum rwkv_error_flags flags = *last;
    *last = RWKV_ERROR_NONE;
    return flags;
}

void rk__compat_forget(void) {
    last_of_thread = RWKV_ERROR_NONE;
}

void rk__compat_fail(rk__compat_errors *errors, enum rwkv_error_flags flags, const char *message) {
    *(errors != NULL ? &errors->last : &last_of_thread) = flags;
    const bool print = errors != NULL ? errors->print : atomic_load(&print_by_default);
    // The one place where the library prints: this interface promises it.
    if (print) (void)fprintf(stderr, "%s\n", message);
}

// A sum of group and cause. The enumeration has no names for the sums.
static enum rwkv_error_flags sum(int group, int cause) {
    return (enum rwkv_error_flags)(group + cause);
}

// What a status means when a model is read, and when one is evaluated.
static const struct {
    int model_group, model_cause, context_group, context_cause;
} flags_of[] = {
    [RK_OK] = {0},
    [RK_ERR_MEMORY] = {RWKV_ERROR_MODEL, RWKV_ERROR_ALLOC, RWKV_ERROR_CTX, RWKV_ERROR_ALLOC},
    [RK_ERR_ARGUMENT] = {RWKV_ERROR_ARGS, 0, RWKV_ERROR_ARGS, 0},
    [RK_ERR_IO] = {RWKV_ERROR_FILE, RWKV_ERROR_FILE_READ, RWKV_ERROR_CTX, RWKV_ERROR_FILE_READ},
    [RK_ERR_FORMAT] = {RWKV_ERROR_FILE, RWKV_ERROR_DATA, RWKV_ERROR_CTX, RWKV_ERROR_DATA},
    [RK_ERR_UNSUPPORTED] = {RWKV_ERROR_MODEL, RWKV_ERROR_UNSUPPORTED, RWKV_ERROR_CTX,
                            RWKV_ERROR_UNSUPPORTED},
    // A directory without a weights file.
    [RK_ERR_NOT_FOUND] = {RWKV_ERROR_FILE, RWKV_ERROR_FILE_OPEN, RWKV_ERROR_CTX, RWKV_ERROR_KEY},
    [RK_ERR_SHAPE] = {RWKV_ERROR_MODEL_PARAMS, RWKV_ERROR_SHAPE, RWKV_ERROR_CTX, RWKV_ERROR_SHAPE},
    [RK_ERR_RANGE] = {RWKV_ERROR_MODEL_PARAMS, RWKV_ERROR_DATA, RWKV_ERROR_CTX, RWKV_ERROR_DATA},
    [RK_ERR_MISMATCH] = {RWKV_ERROR_MODEL_PARAMS, RWKV_ERROR_KEY, RWKV_ERROR_CTX, RWKV_ERROR_KEY},
    [RK_ERR_DEVICE] = {RWKV_ERROR_CTX, RWKV_ERROR_UNSUPPORTED, RWKV_ERROR_CTX,
                       RWKV_ERROR_UNSUPPORTED},
    [RK_ERR_CANCELLED] = {RWKV_ERROR_CTX, 0, RWKV_ERROR_CTX, 0},
};
_Static_assert(sizeof flags_of / sizeof flags_of[0] == RK_ERR_CANCELLED + 1,
               "every status has its flags");

enum rwkv_error_flags rk__compat_flags_of_context(rk_status status) {
    return sum(flags_of[status].context_group, flags_of[status].context_cause);
}

// Statuses say that a file is wrong; these flags tell apart what is wrong with its header.
static int cause_in_header(const rk__file *file) {
    uint8_t header[RK__MODEL_FILE_HEADER_BYTES];
    if (rk__file_read(file, 0, header, sizeof header, NULL) != RK_OK) return RWKV_ERROR_FILE_READ;
    rk__cursor cursor = rk__cursor_over(header, sizeof header);
    const uint32_t magic = rk__cursor_u32le(&cursor);
    const uint32_t version = rk__cursor_u32le(&cursor);
    (void)rk__cursor_bytes(&cursor, 3 * sizeof(int32_t)); // the sizes of the model
    const int32_t type = rk__cursor_i32le(&cursor);
    rk_dtype dtype;
    if (magic != RK__MODEL_FILE_MAGIC) return RWKV_ERROR_FILE_MAGIC;
    if (version != 100 && version != 101) return RWKV_ERROR_FILE_VERSION;
    if (!rk__model_file_dtype(&dtype, type, version)) return RWKV_ERROR_DATA_TYPE;
    return 0;
}

enum rwkv_error_flags rk__compat_flags_of_model(rk_status status, const char *path) {
    const enum rwkv_error_flags general =
        sum(flags_of[status].model_group, flags_of[status].model_cause);
    if (status != RK_ERR_IO && status != RK_ERR_FORMAT && status != RK_ERR_UNSUPPORTED) {
        return general;
    }
    rk__file file;
    if (rk__file_open(&file, path, NULL) != RK_OK) {
        return sum(RWKV_ERROR_FILE, RWKV_ERROR_FILE_OPEN);
    }
    const int cause = status == RK_ERR_IO ? 0 : cause_in_header(&file);
    rk__file_close(&file);
    return cause == 0 ? general : sum(RWKV_ERROR_FILE, cause);
}
