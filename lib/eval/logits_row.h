// A row of a file of logits, and the parts of writer and reader that a scorer uses.
//
//     0      8      12         16
//     +------+------+----------+-----------------------+---------+
//     | loss | best | checksum | codes, n_vocab x u16  | zeros   |
//     | f64  | u32  | u32      |                       | up to 8 |
//     +------+------+----------+-----------------------+---------+
//
// A code is round(65535 exp((logit - largest) / 4)). The nearer a token is to the most probable
// one, the finer is the step of its logarithm: at a distance d = largest - logit of up to 30 nats
// at most 3.2e-5 exp(d / 4) is lost. What is further than 47.1 nats away has code 0.
#ifndef RK_EVAL_LOGITS_ROW_H
#define RK_EVAL_LOGITS_ROW_H

#include "eval/softmax.h"
#include "rk/logits_file.h"

// Of a whole row. n_vocab is a model's.
size_t rk__logits_row_bytes(size_t n_vocab);

// Encodes the logits, with the loss of the token that came.
void rk__logits_row_encode(uint8_t *row, const float *logits, size_t n_vocab, rk__softmax softmax,
                           double loss);

// What the codes stand for: log p - log of the largest p. [65536]
enum { RK__LOGITS_CODES = 65536 };
void rk__logits_codes_init(float values[RK__LOGITS_CODES]);

// Decodes a row. False when it is damaged.
bool rk__logits_row_decode(const uint8_t *row, size_t n_vocab, const float values[RK__LOGITS_CODES],
                           float *logits, double *loss, uint32_t *best);

// Appends encoded rows. ERR_ARGUMENT when there are more than the passages have.
rk_status rk__logits_writer_append(rk_logits_writer *writer, const uint8_t *rows, size_t n_rows,
                                   rk_error *err);

// Reads rows first .. first + n_rows; ERR_ARGUMENT when there are not so many.
rk_status rk__logits_reader_read(const rk_logits_reader *reader, uint64_t first, size_t n_rows,
                                 uint8_t *rows, rk_error *err);

// For a row that could not be decoded.
rk_status rk__logits_reader_damage(const rk_logits_reader *reader, uint64_t row, rk_error *err);

const float *rk__logits_reader_codes(const rk_logits_reader *reader);
size_t rk__logits_writer_vocabulary(const rk_logits_writer *writer);

#endif
