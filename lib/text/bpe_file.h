// Reading a Hugging Face tokenizer.json that holds a byte-level byte-pair encoding.
//
// What is read, and what else may stand there without making a difference:
//   added_tokens    found before the text is cut; no single_word, lstrip, rstrip
//   normalizer      null or NFC
//   pre_tokenizer   ByteLevel with GPT-2's pattern and without a blank put before the text
//   post_processor  null or ByteLevel, which changes no ids
//   decoder         ByteLevel
//   model           BPE: vocab, merges; no dropout, no affixes, not ignore_merges
// Everything else is refused by name.
#ifndef RK_BPE_FILE_H
#define RK_BPE_FILE_H

#include <stdbool.h>

#include "base/file.h"
#include "text/byte_trie.h"
#include "text/merges.h"
#include "text/token_texts.h"

enum {
    RK__BPE_PIECE = 1,      // of the model's vocabulary: what bytes are merged into
    RK__BPE_RAW = 2,        // added: found in the text as it comes
    RK__BPE_NORMALIZED = 4, // added: found in the normalized text
};

// All zeros is empty. Release with rk__bpe_file_fini; members may be moved elsewhere before.
typedef struct rk__bpe_file {
    rk__token_texts texts;
    uint8_t *kinds; // [kinds_capacity] bits of RK__BPE_...; [texts.n_ids] of them are set
    size_t kinds_capacity;
    rk__byte_trie pieces; // bytes -> id, of all that are RK__BPE_PIECE
    rk__merge_table merges;
    uint32_t byte_tokens[256]; // RK__NO_VALUE: a byte that occurs in no UTF-8, and has no token
    bool normalize;            // to form C
} rk__bpe_file;

rk_status rk__bpe_file_read(rk__bpe_file *out, const rk__file *file, rk_error *err);
void rk__bpe_file_fini(rk__bpe_file *bpe);

#endif
