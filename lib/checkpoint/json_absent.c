// A minimal build (RWKV_MINIMAL) reads no JSON: safetensors files and sharded checkpoints are
// recognised by their first byte of JSON, and refused.
#include <stdint.h>
#include <string.h>

#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/safetensors.h"

static rk_status refuse(rk_checkpoint *checkpoint, size_t file, rk_error *err) {
    (void)file;
    return rk__fail(err, RK_ERR_UNSUPPORTED, "%s: a minimal build (RWKV_MINIMAL) reads no JSON",
                    rk_checkpoint_path(checkpoint));
}

// Its header, which is JSON, begins behind 8 bytes.
static bool is_safetensors(const uint8_t *head, size_t size) {
    return size > 8 && head[8] == '{';
}

static bool is_json(const uint8_t *head, size_t size) {
    return size > 0 && head[0] == '{';
}

const rk__container_reader rk__safetensors_reader = {.sniff = is_safetensors, .read = refuse};
const rk__container_reader rk__sharded_reader = {.sniff = is_json, .read = refuse};

const char *rk__safetensors_type_name(rk_dtype dtype) {
    (void)dtype;
    return NULL;
}

bool rk__safetensors_dtype(rk_dtype *out, const char *name) {
    (void)out;
    (void)name;
    return false;
}

rk_status rk__find_in_directory(char **out, const char *path, rk_error *err) {
    *out = NULL;
    return rk__fail(err, RK_ERR_UNSUPPORTED,
                    "%s: a directory; a minimal build (RWKV_MINIMAL) looks into none", path);
}
