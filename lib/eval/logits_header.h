// The header of a file of logits.
//
//      0         8         12         16        24       32            40
//     +---------+---------+----------+---------+--------+-------------+----------+
//     | magic   | version | checksum | n_vocab | n_rows | fingerprint | n_tokens |
//     | 8 bytes | u32     | u32      | u64     | u64    | u64         | u64      |
//     +---------+---------+----------+---------+--------+-------------+----------+
//      48                52                  56                60              64
//     +-----------------+-------------------+-----------------+---------------+-------
//     | tokens_checksum | passages_checksum | protocol_length | source_length | texts, zeros
//     | u32             | u32               | u32             | u32           | to a multiple of 64
//     +-----------------+-------------------+-----------------+---------------+-------
//
// The checksum is the CRC-32 of what follows it, up to the first row.
#ifndef RK_EVAL_LOGITS_HEADER_H
#define RK_EVAL_LOGITS_HEADER_H

#include "base/file.h"
#include "rk/logits_file.h"

enum {
    RK__LOGITS_FIXED_BYTES = 64,
    RK__LOGITS_MAX_TEXT = 1000, // bytes of each of the two texts
    RK__LOGITS_MAX_HEADER = 2112,
};

typedef struct rk__logits_header {
    rk_logits_info info; // its texts point into the arrays
    char protocol[RK__LOGITS_MAX_TEXT + 1], source[RK__LOGITS_MAX_TEXT + 1];
    size_t size; // bytes before the first row
} rk__logits_header;

// What belongs into the header of a file for these passages. ERR_ARGUMENT for texts that are too
// long.
rk_status rk__logits_header_describe(rk__logits_header *header, const rk_model *model,
                                     const rk_passage *passages, size_t n_passages,
                                     const char *protocol, const char *source, rk_error *err);

// Returns the number of bytes.
size_t rk__logits_header_encode(uint8_t bytes[RK__LOGITS_MAX_HEADER],
                                const rk__logits_header *header);

// Reads the header and checks everything in it against the file's size.
rk_status rk__logits_header_read(rk__logits_header *header, const rk__file *file, rk_error *err);

#endif
