// Unicode's normalization form C, in linear time whatever the text.
#ifndef RK_NFC_H
#define RK_NFC_H

#include <stdint.h>

#include "base/error_internal.h"

enum { RK__NFC_KNOWN = 0x30000 }; // what lies beyond is rare enough to be normalized always

// Which characters are certain to be kept, and to leave what stands before them alone: a text of
// these alone is in form C. Not so are combining marks, and what decomposes for good.
typedef struct rk__nfc_table {
    uint8_t unstable[RK__NFC_KNOWN / 8]; // a bit a character
} rk__nfc_table;

void rk__nfc_table_init(rk__nfc_table *table);

// What a call works with; all zeros at first. Release with rk__nfc_buffer_fini.
typedef struct rk__nfc_buffer {
    char *text; // [text_capacity]
    size_t text_capacity;
    int32_t *codes; // [codes_capacity]
    size_t codes_capacity;
    uint64_t *marks; // [marks_capacity]
    size_t marks_capacity;
} rk__nfc_buffer;

void rk__nfc_buffer_fini(rk__nfc_buffer *buffer);

// Replaces the valid UTF-8 text by its form C: itself where it is in that form already, otherwise
// the buffer's, until the next call.
rk_status rk__nfc_normalize(const rk__nfc_table *table, rk__nfc_buffer *buffer, const char **text,
                            size_t *length, rk_error *err);

#endif
