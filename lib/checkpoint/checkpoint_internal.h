// What a container's reader produces: storages (ranges of bytes in files) and tensors (strided
// views into them).
//
// Adding a container means one file with a `sniff` and a `read` function and one line in the table
// in checkpoint.c; describing, finding, verifying and reading tensors are the same for all.
#ifndef RK_CHECKPOINT_INTERNAL_H
#define RK_CHECKPOINT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/file.h"
#include "checkpoint/model_file.h"
#include "kernels/rows.h"
#include "rk/checkpoint.h"

// A range of bytes that tensors look into.
typedef struct rk__storage {
    size_t file;          // index into the checkpoint's files
    uint64_t offset;      // of its first byte in the file
    uint64_t size;        // in bytes, as tensors see it
    uint64_t packed_size; // in bytes, in the file; differs from `size` when deflated
    bool deflated;
    bool big_endian; // elements are byte-swapped when read
    bool has_crc;
    uint32_t crc; // CRC-32 of the `size` bytes, checked before the first tensor is given out
} rk__storage;

// A tensor as a view: element (i, j, ...) lies at offset + i * strides[0] + j * strides[1] + ...,
// in elements. Block formats are always contiguous.
typedef struct rk__view {
    size_t storage;              // index
    uint64_t offset;             // in bytes from the start of the storage
    size_t strides[RK_MAX_DIMS]; // in elements
    bool contiguous;             // strides say nothing that the shape does not say
} rk__view;

// How far the check of a storage's CRC is. DEFERRED (reading.h) is as good as UNCHECKED to
// whoever needs to know.
enum { RK__UNCHECKED, RK__DEFERRED, RK__CHECKING, RK__GOOD, RK__BAD };

// What the reads since rk__checkpoint_defer_check have given. The CRC of several pieces together is
// the exclusive or of their own, each moved to where it stands, so that their order is of no
// importance.
typedef struct rk__deferred_pieces {
    atomic_uint crc;
    atomic_size_t bytes;
} rk__deferred_pieces;

// A text beside the tensors.
typedef struct rk__note {
    char *key, *value; // owned
} rk__note;

struct rk_checkpoint {
    char *path;      // owned: what was opened
    rk__file *files; // [n_files]; one, except for sharded checkpoints
    size_t n_files, files_capacity;
    rk_container container;
    char *root;              // owned
    const char *wanted_root; // while opening: what the caller asked for and no key has matched yet
    char *strategy;          // owned: see reading.h
    rk__note *notes;         // [n_notes], owned
    size_t n_notes, notes_capacity;
    bool keep_prefixes;      // of names: parts of a checkpoint must not be stripped one by one
    rk_tensor_info *tensors; // [n_tensors], names owned
    rk__view *views;         // [n_tensors]
    size_t n_tensors, tensors_capacity, views_capacity;
    size_t n_name_bytes;
    rk__storage *storages; // [n_storages]
    size_t n_storages, storages_capacity;
    size_t *by_name;                    // [n_tensors], indices sorted by name
    rk__model_file_header model_header; // of a model file
    uint64_t expanded;                  // bytes of all tensors that repeat their data
    atomic_uchar *crc_state;            // [n_storages], RK__UNCHECKED ...; changed under `checking`
    rk__deferred_pieces deferred;       // of the one storage in the state RK__DEFERRED
    pthread_mutex_t checking;           // protects changes of crc_state
    pthread_cond_t checked;             // some storage has left RK__CHECKING
    pthread_mutex_t
        inflating;     // protects inflated and inflated_storage; never taken inside `checking`
    uint8_t *inflated; // owned: the bytes of one deflated storage, or NULL
    size_t inflated_storage; // its index
    rk__rows rows;
};

// Bounds of what is kept in memory about one file, so that a hostile one cannot ask for more:
// together with those of pickles, zip directories and JSON they stay below 64 MB.
enum {
    RK__MAX_TENSORS = 1 << 16,
    RK__MAX_NAME_BYTES = 4 << 20, // of all names together
    RK__MAX_NOTES = 256,
    RK__MAX_NOTE_BYTES = 256, // of a key and its text; longer ones are not kept
};

// A kind of file. `sniff` looks at the first bytes (up to RK__SNIFF of them) and says whether
// `read` should try; `read` adds the storages and tensors of files[file].
enum { RK__SNIFF = 512 };
typedef struct rk__container_reader {
    bool (*sniff)(const uint8_t *head, size_t size);
    rk_status (*read)(rk_checkpoint *checkpoint, size_t file, rk_error *err);
} rk__container_reader;

extern const rk__container_reader rk__pytorch_zip_reader;    // pytorch_zip.c
extern const rk__container_reader rk__pytorch_legacy_reader; // pytorch_legacy.c
extern const rk__container_reader rk__safetensors_reader;    // safetensors_read.c
extern const rk__container_reader rk__sharded_reader;        // sharded.c
extern const rk__container_reader rk__model_file_reader;     // model_file_read.c

// For readers. The name is copied. Checks name, dtype, shape and view against the storage's size
// (overflow-safe) and refuses what does not fit, naming the tensor; finds out view->contiguous.
rk_status rk__checkpoint_add_storage(rk_checkpoint *checkpoint, const rk__storage *storage,
                                     size_t *index, rk_error *err);
rk_status rk__checkpoint_add_tensor(rk_checkpoint *checkpoint, const char *name, size_t name_length,
                                    rk_dtype dtype, const rk_shape *shape, const rk__view *view,
                                    rk_error *err);

// Copies a text beside the tensors, unless it is too long or one too many.
rk_status rk__checkpoint_add_note(rk_checkpoint *checkpoint, const char *key, const char *value,
                                  rk_error *err);

// For the reader of sharded checkpoints: opens another file, and gives it to the reader that
// recognises it, which must be one of a single file. The names are sorted once all parts have been
// read.
rk_status rk__checkpoint_add_file(rk_checkpoint *checkpoint, const char *path, size_t *index,
                                  rk_error *err);
rk_status rk__checkpoint_read_part(rk_checkpoint *checkpoint, size_t file, rk_error *err);
rk_status rk__checkpoint_index_names(rk_checkpoint *checkpoint, rk_error *err);

// Drops the tensors whose names do not go on after wanted_root, and that from the names of the
// others.
rk_status rk__checkpoint_keep_below(rk_checkpoint *checkpoint, rk_error *err);

// The path of the weights file, or of the index of weights files, that a directory is about.
rk_status rk__find_in_directory(char **out, const char *path, rk_error *err);

// Strides of a contiguous tensor of this shape.
void rk__contiguous_strides(size_t strides[RK_MAX_DIMS], const rk_shape *shape);

// Makes sure that the bytes of a storage are those that were written: reads all of them the first
// time, and costs nothing later. `tensor` is named in the message.
rk_status rk__storage_verify(rk_checkpoint *checkpoint, size_t index, const char *tensor,
                             rk_error *err);

// The same where the caller already holds all of the storage's bytes.
rk_status rk__storage_verify_bytes(rk_checkpoint *checkpoint, size_t index, const char *tensor,
                                   const void *bytes, rk_error *err);

// Defers the check of a storage (reading.h), unless it has been made. What is read then is to
// be told to rk__storage_add_piece.
void rk__storage_defer(rk_checkpoint *checkpoint, size_t index);
rk_status rk__storage_settle(rk_checkpoint *checkpoint, size_t index, const char *tensor,
                             rk_error *err);
bool rk__storage_is_deferred(const rk_checkpoint *checkpoint, size_t index);
void rk__storage_add_piece(rk_checkpoint *checkpoint, size_t index, uint64_t offset,
                           const void *bytes, size_t size);

// `size` bytes of a storage from `offset` on, inflated where it is deflated, unverified.
// Thread-safe.
rk_status rk__storage_read(rk_checkpoint *checkpoint, size_t index, uint64_t offset, void *out,
                           size_t size, rk_error *err);

// What a file that no reader wants is, in words for people ("an HTML page, ..."), or NULL.
const char *rk__describe_foreign_file(const uint8_t *head, size_t size);

#endif
