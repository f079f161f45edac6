// Files of logits: what a model predicted, kept so that others can be compared with it when it is
// no longer at hand. 16 bits for each token of the vocabulary and each prediction
// (docs/formats.md).
#ifndef RK_LOGITS_FILE_H
#define RK_LOGITS_FILE_H

#include "rk/model.h"
#include "rk/passage.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct rk_logits_writer rk_logits_writer;
typedef struct rk_logits_reader rk_logits_reader;

// What a file says about itself.
typedef struct rk_logits_info {
    uint64_t n_vocab;
    uint64_t n_rows;               // one for each score of the passages
    uint64_t fingerprint;          // of the model: the same for all its quantizations
    uint64_t n_tokens;             // of all passages
    uint32_t tokens_checksum;      // CRC-32 of the tokens
    uint32_t passages_checksum;    // and of where passages begin and what of them is scored
    const char *protocol, *source; // as they were given to rk_logits_writer_create
} rk_logits_info;

// A file for the predictions of these passages, to be filled by a scorer. `protocol` says in one
// line how they were made, `source` names the model; at most 1000 bytes each. It appears under its
// name by commit, when it is complete. *out is owned by the caller: rk_logits_writer_commit or
// _abort; NULL on failure.
rk_status rk_logits_writer_create(rk_logits_writer **out, const char *path, const rk_model *model,
                                  const rk_passage *passages, size_t n_passages,
                                  const char *protocol, const char *source, rk_error *err);

// ERR_ARGUMENT when predictions are missing. *writer becomes NULL, also on failure, which leaves no
// file (and an older one as it was).
rk_status rk_logits_writer_commit(rk_logits_writer **writer, rk_error *err);

// Gives the file up; NULL is fine; *writer becomes NULL.
void rk_logits_writer_abort(rk_logits_writer **writer);

// Opens a file and checks its header and size; each row has a checksum of its own, which is checked
// when it is read. *out is owned by the caller, NULL on failure. A reader, like a writer, serves
// one scorer at a time. Closing accepts NULL and makes *reader NULL.
rk_status rk_logits_reader_open(rk_logits_reader **out, const char *path, rk_error *err);
void rk_logits_reader_close(rk_logits_reader **reader);

// Lives as long as the reader.
const rk_logits_info *rk_logits_reader_describe(const rk_logits_reader *reader);

// Is the file of these passages, and of this model or another quantization of it? ERR_MISMATCH,
// saying what is different, when it is not.
rk_status rk_logits_reader_check(const rk_logits_reader *reader, const rk_model *model,
                                 const rk_passage *passages, size_t n_passages,
                                 const char *protocol, rk_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
