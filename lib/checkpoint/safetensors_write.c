// Writing safetensors files: the header is made as a whole, the tensors' bytes follow it.
#include "checkpoint/safetensors.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/little_endian.h"

// Text under construction; the first failure sticks.
typedef struct header_text {
    char *data; // owned
    size_t size, capacity;
    rk_status status;
    rk_error *err;
} header_text;

static void put(header_text *text, const char *bytes, size_t n) {
    if (text->status != RK_OK) return;
    void *data = text->data;
    text->status = rk__grow(&data, &text->capacity, text->size + n, 1, text->err);
    if (text->status != RK_OK) return;
    text->data = data;
    memcpy(text->data + text->size, bytes, n);
    text->size += n;
}

__attribute__((format(printf, 2, 3))) static void put_format(header_text *text, const char *format,
                                                             ...) {
    char piece[128];
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    put(text, piece, (size_t)n);
}

static void put_string(header_text *text, const char *string) {
    put(text, "\"", 1);
    for (const char *at = string; *at; at++) {
        if (*at == '"' || *at == '\\') {
            put_format(text, "\\%c", *at);
        } else if ((unsigned char)*at < 0x20) {
            put_format(text, "\\u%04x", (unsigned)*at);
        } else {
            put(text, at, 1);
        }
    }
    put(text, "\"", 1);
}

static void put_notes(header_text *text, const rk__safetensors_note *notes, size_t n) {
    if (n == 0) return;
    put_format(text, "\"__metadata__\":{");
    for (size_t i = 0; i < n; i++) {
        if (i > 0) put(text, ",", 1);
        put_string(text, notes[i].key);
        put(text, ":", 1);
        put_string(text, notes[i].value);
    }
    put(text, "}", 1);
}

// *offset is where the tensor's bytes begin, and then where they end.
static rk_status put_tensor(header_text *text, const rk_tensor_info *tensor, uint64_t *offset,
                            rk_error *err) {
    const char *type = rk__safetensors_type_name(tensor->dtype);
    size_t bytes;
    char shape[RK_SHAPE_TEXT];
    if (!type || !rk_tensor_bytes(&bytes, tensor) || bytes > INT64_MAX - *offset) {
        return rk__fail(err, RK_ERR_ARGUMENT,
                        "tensor '%.100s' %s %s cannot be in a safetensors file", tensor->name,
                        rk_dtype_describe(tensor->dtype)->name,
                        rk_shape_format(shape, &tensor->shape));
    }
    put_string(text, tensor->name);
    put_format(text, ":{\"dtype\":\"%s\",\"shape\":[", type);
    for (size_t i = 0; i < tensor->shape.n_dims; i++) {
        put_format(text, i > 0 ? ",%zu" : "%zu", tensor->shape.dims[i]);
    }
    put_format(text, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", *offset, *offset + bytes);
    *offset += bytes;
    return text->status;
}

static rk_status make_header(header_text *text, const rk_tensor_info *tensors, size_t n_tensors,
                             const rk__safetensors_note *notes, size_t n_notes, rk_error *err) {
    uint64_t offset = 0;
    put(text, "{", 1);
    put_notes(text, notes, n_notes);
    for (size_t i = 0; i < n_tensors; i++) {
        if (i > 0 || n_notes > 0) put(text, ",", 1);
        RK_TRY(put_tensor(text, &tensors[i], &offset, err));
    }
    put(text, "}", 1);
    // Blanks, so that the tensors begin at a multiple of 8 bytes.
    while (text->status == RK_OK && text->size % 8 != 0) put(text, " ", 1);
    return text->status;
}

rk_status rk__safetensors_header_bytes(uint64_t *out, const rk_tensor_info *tensors,
                                       size_t n_tensors, const rk__safetensors_note *notes,
                                       size_t n_notes, rk_error *err) {
    header_text text = {.err = err};
    const rk_status status = make_header(&text, tensors, n_tensors, notes, n_notes, err);
    *out = sizeof(uint64_t) + (uint64_t)text.size;
    rk__free(text.data);
    return status;
}

rk_status rk__safetensors_begin(rk__output *output, const rk_tensor_info *tensors, size_t n_tensors,
                                const rk__safetensors_note *notes, size_t n_notes, rk_error *err) {
    header_text text = {.err = err};
    uint8_t length[8];
    rk_status status = make_header(&text, tensors, n_tensors, notes, n_notes, err);
    if (status != RK_OK) goto out;
    rk__store_u32le(length, (uint32_t)text.size);
    rk__store_u32le(length + 4, (uint32_t)((uint64_t)text.size >> 32));
    status = rk__output_write(output, length, sizeof length, err);
    if (status != RK_OK) goto out;
    status = rk__output_write(output, text.data, text.size, err);
out:
    rk__free(text.data);
    return status;
}
