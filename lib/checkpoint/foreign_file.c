// Recognising what people point at instead of a weights file, so that they read what it is.
#include <string.h>
#include <strings.h>

#include "checkpoint/checkpoint_internal.h"

// Bytes at a place, and what a file with them is.
typedef struct signature {
    size_t offset;
    const char *bytes;
    size_t length;
    const char *what;
} signature;

static const signature signatures[] = {
    {0, "version https://git-lfs", 23,
     "a git-lfs pointer, not the file that it points to (git lfs pull fetches it)"},
    {0, "rkstate\n", 8, "a state of a sequence (docs/formats.md), not a model's weights"},
    {0, "GGUF", 4, "a GGUF file (llama.cpp), which is not read here"},
    {0, "lmgg", 4, "a ggml file of an early llama.cpp, which is not read here"},
    {0, "tjgg", 4, "a ggjt file of an early llama.cpp, which is not read here"},
    {0, "algg", 4, "a ggla adapter of an early llama.cpp, which is not read here"},
    {257, "ustar", 5,
     "a tar archive: unpack it, or, when it is a PyTorch file of before 2017, load and save it "
     "again"},
    {0, "\x1f\x8b", 2, "compressed with gzip: unpack it first"},
    {0, "BZh", 3, "compressed with bzip2: unpack it first"},
    {0,
     "\xfd"
     "7zXZ",
     5, "compressed with xz: unpack it first"},
    {0, "\x28\xb5\x2f\xfd", 4, "compressed with zstd: unpack it first"},
    {0, "7z\xbc\xaf", 4, "a 7z archive: unpack it first"},
    {0, "Rar!", 4, "a RAR archive: unpack it first"},
    {0, "\x93NUMPY", 6, "a NumPy array, not a dictionary of named tensors"},
    {0, "\x89HDF", 4, "an HDF5 file (Keras?), which is not read here"},
    {4, "TFL3", 4, "a TensorFlow Lite model, which is not read here"},
    {0,
     "\x7f"
     "ELF",
     4, "a program"},
    {0, "MZ", 2, "a Windows program"},
    {0, "%PDF", 4, "a PDF document"},
    {0, "\x89PNG", 4, "a picture"},
    {0, "\xff\xd8\xff", 3, "a picture"},
    {0, "SQLite format 3", 15, "an SQLite database"},
};

static bool begins_with(const uint8_t *head, size_t size, const char *text) {
    const size_t n = strlen(text);
    return size >= n && strncasecmp((const char *)head, text, n) == 0;
}

static bool is_html(const uint8_t *text, size_t size) {
    return begins_with(text, size, "<!doctype html") || begins_with(text, size, "<html") ||
           begins_with(text, size, "<head") || begins_with(text, size, "<!-- ");
}

static bool is_text(const uint8_t *head, size_t size) {
    for (size_t i = 0; i < size; i++) {
        const bool control =
            head[i] < 0x20 && head[i] != '\n' && head[i] != '\r' && head[i] != '\t';
        if (control || head[i] == 0x7f) return false;
    }
    return true;
}

static const char *describe_text(const uint8_t *head, size_t size) {
    // A byte order mark and blanks may stand before everything.
    if (size >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0) head += 3, size -= 3;
    while (size > 0 && strchr(" \t\r\n", head[0])) head++, size--;
    if (is_html(head, size)) {
        return "an HTML page: the download gave a web page instead of the file";
    }
    if (begins_with(head, size, "<?xml")) return "an XML document";
    if (size > 0 && (head[0] == '{' || head[0] == '[')) return "JSON text";
    return "plain text";
}

// ONNX is a protocol buffer without a signature: field 1, the version of its format, is a small
// number, and what follows is the name of the program that made it (field 2).
static bool is_onnx(const uint8_t *head, size_t size) {
    return size > 4 && head[0] == 0x08 && head[1] > 0 && head[1] < 32 && head[2] == 0x12 &&
           head[3] > 0 && head[3] < 64 &&
           is_text(head + 4, size - 4 < head[3] ? size - 4 : head[3]);
}

const char *rk__describe_foreign_file(const uint8_t *head, size_t size) {
    if (size == 0) return "empty";
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        const signature *s = &signatures[i];
        if (size >= s->offset + s->length && memcmp(head + s->offset, s->bytes, s->length) == 0) {
            return s->what;
        }
    }
    if (is_onnx(head, size)) return "an ONNX model, which is not read here";
    if (head[0] == 0x80 && size > 1 && head[1] <= 5) {
        return "a Python pickle, but no PyTorch checkpoint";
    }
    if (is_text(head, size)) return describe_text(head, size);
    size_t zeros = 0;
    while (zeros < size && head[zeros] == 0) zeros++;
    return zeros == size && size >= 16 ? "zeros at its beginning: an unfinished download?" : NULL;
}
