// Rows of a file of logits: 16 bits a token.
#include "eval/logits_row.h"

#include <math.h>
#include <string.h>
#include <zlib.h>

#include "tensor/little_endian.h"

enum { HEAD_BYTES = 16, CHECKSUM_AT = 12, LARGEST_CODE = RK__LOGITS_CODES - 1 };

static const double FLATTENING = 4; // codes are even in the 4th root of a probability

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "doubles are kept as they lie in memory");

size_t rk__logits_row_bytes(size_t n_vocab) {
    return (HEAD_BYTES + 2 * n_vocab + 7) / 8 * 8;
}

// Of everything but the checksum itself.
static uint32_t checksum(const uint8_t *row, size_t n_vocab) {
    uLong crc = crc32_z(crc32(0, NULL, 0), row, CHECKSUM_AT);
    crc = crc32_z(crc, row + HEAD_BYTES, rk__logits_row_bytes(n_vocab) - HEAD_BYTES);
    return (uint32_t)crc;
}

void rk__logits_row_encode(uint8_t *row, const float *logits, size_t n_vocab, rk__softmax softmax,
                           double loss) {
    memset(row, 0, HEAD_BYTES);
    memcpy(row, &loss, sizeof loss);
    rk__store_u32le(row + 8, (uint32_t)softmax.best);
    uint8_t *codes = row + HEAD_BYTES;
    for (size_t i = 0; i < n_vocab; i++) {
        const double below = (double)logits[i] - (double)softmax.largest;
        rk__store_u16le(codes + 2 * i,
                        (uint16_t)(exp(below / FLATTENING) * (double)LARGEST_CODE + 0.5));
    }
    const size_t end = HEAD_BYTES + 2 * n_vocab;
    memset(row + end, 0, rk__logits_row_bytes(n_vocab) - end);
    rk__store_u32le(row + CHECKSUM_AT, checksum(row, n_vocab));
}

void rk__logits_codes_init(float values[RK__LOGITS_CODES]) {
    for (size_t i = 1; i < RK__LOGITS_CODES; i++) {
        values[i] = (float)(FLATTENING * log((double)i / (double)LARGEST_CODE));
    }
    values[0] = (float)(FLATTENING * log(0.25 / (double)LARGEST_CODE));
}

bool rk__logits_row_decode(const uint8_t *row, size_t n_vocab, const float values[RK__LOGITS_CODES],
                           float *logits, double *loss, uint32_t *best) {
    if (rk__load_u32le(row + CHECKSUM_AT) != checksum(row, n_vocab)) return false;
    memcpy(loss, row, sizeof *loss);
    *best = rk__load_u32le(row + 8);
    const uint8_t *codes = row + HEAD_BYTES;
    for (size_t i = 0; i < n_vocab; i++) logits[i] = values[rk__load_u16le(codes + 2 * i)];
    return *loss >= 0 && isfinite(*loss) && *best < n_vocab &&
           rk__load_u16le(codes + 2 * (size_t)*best) == LARGEST_CODE;
}
