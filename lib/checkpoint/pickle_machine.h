// The pickle machine: runs the opcodes of protocols 0 to 5 as far as data needs them. It builds
// plain values; it looks nothing up, imports nothing and calls nothing. What a "call" of a few
// known names gives is written down in pickle_globals.c.
#ifndef RK_CHECKPOINT_PICKLE_MACHINE_H
#define RK_CHECKPOINT_PICKLE_MACHINE_H

#include "base/cursor.h"
#include "checkpoint/pickle_value.h"

// Where a pickle comes from.
typedef struct rk__pickle_source {
    const char *path;   // of the file, for messages
    const char *record; // of the archive, for messages
    bool legacy;        // persistent ids of the format before zip
} rk__pickle_source;

// Runs one pickle, from `offset` in values->pickle on, until its STOP: *result is its value, *end
// the offset behind it. Errors name the file, the record and the opcode's offset. *out_of_data,
// which may be NULL, tells a pickle that is longer than what is there from other failures.
rk_status rk__pickle_run(rk__pickle_values *values, const rk__pickle_source *source, size_t offset,
                         rk__value *result, size_t *end, bool *out_of_data, rk_error *err);

// ---- for the files of the machine only

typedef struct rk__stack {
    uint32_t *items;
    size_t n, capacity;
} rk__stack;

typedef struct rk__pickle_machine {
    rk__cursor in;
    rk__pickle_values *values;
    const rk__pickle_source *source;
    rk_error *err;
    uint8_t opcode;
    size_t opcode_offset;
    rk__stack stack; // values
    rk__stack marks; // heights of the stack
    rk__stack memo;  // value + 1; 0: not set
    rk__value none, yes, no;
    bool stopped;
} rk__pickle_machine;

// Fails with the place of the opcode before the message.
__attribute__((format(printf, 3, 4))) rk_status rk__pickle_fail(const rk__pickle_machine *m,
                                                                rk_status status,
                                                                const char *format, ...);

// A new value; a full store fails with the opcode's place.
rk_status rk__pickle_new(rk__pickle_machine *m, rk__value *out, rk__pickle_node node);

// Appends an item to a tuple, list, dict or set.
rk_status rk__pickle_extend(rk__pickle_machine *m, rk__value to, rk__value item);

rk_status rk__pickle_push(rk__pickle_machine *m, rk__value value);
rk_status rk__pickle_push_node(rk__pickle_machine *m, rk__pickle_node node);

// The topmost value above the last mark: taken, or only looked at.
rk_status rk__pickle_pop(rk__pickle_machine *m, rk__value *value);
rk_status rk__pickle_top(rk__pickle_machine *m, rk__value *value);

// The height below which values belong to what stands before the last mark.
size_t rk__pickle_floor(const rk__pickle_machine *m);

// Removes the last mark; the values above it are stack.items[*from ..].
rk_status rk__pickle_drop_mark(rk__pickle_machine *m, size_t *from);

// Opcodes of the stack and the memo (pickle_stack.c).
rk_status rk__pickle_op_mark(rk__pickle_machine *m);
rk_status rk__pickle_op_pop(rk__pickle_machine *m);
rk_status rk__pickle_op_pop_mark(rk__pickle_machine *m);
rk_status rk__pickle_op_dup(rk__pickle_machine *m);
rk_status rk__pickle_op_put(rk__pickle_machine *m);     // PUT BINPUT LONG_BINPUT
rk_status rk__pickle_op_get(rk__pickle_machine *m);     // GET BINGET LONG_BINGET
rk_status rk__pickle_op_memoize(rk__pickle_machine *m); // the next free number

// Opcodes of numbers and texts (pickle_scalar.c). Each reads its argument and pushes a value.
rk_status rk__pickle_op_binary_integer(rk__pickle_machine *m); // J K M
rk_status rk__pickle_op_text_integer(rk__pickle_machine *m);   // I L
rk_status rk__pickle_op_long(rk__pickle_machine *m);           // LONG1 LONG4
rk_status rk__pickle_op_real(rk__pickle_machine *m);           // F G
rk_status rk__pickle_op_counted(rk__pickle_machine *m); // texts and bytes behind their length
rk_status rk__pickle_op_line(rk__pickle_machine *m);    // S V: texts up to a newline

// A text that lies in the pickle; checked to be UTF-8.
rk_status rk__pickle_add_text(rk__pickle_machine *m, rk__value *out, const uint8_t *text,
                              size_t length);

// A line with a whole number in decimal; *fits is false beyond 64 bits.
rk_status rk__pickle_line_number(rk__pickle_machine *m, int64_t *out, bool *fits);

// What calling `callable` with the tuple `arguments` gives (pickle_globals.c).
rk_status rk__pickle_call(rk__pickle_machine *m, rk__value callable, rk__value arguments,
                          rk__value *result);

#endif
